// RUN: dejavu-opt %s --canonicalize | FileCheck %s

dejavu.weight @head : tensor<16x8xf32> from <"m.onnx", offset = 0, length = 512>

// Logits from token 0 on are the logits of all tokens.
// CHECK-LABEL: func.func @from_zero(
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32>
func.func @from_zero(%x: tensor<?x?x8xf32>) -> tensor<?x?x16xf32> {
  // CHECK-NEXT: dejavu.lm_head %[[X]], @head : tensor<?x?x8xf32> -> tensor<?x?x16xf32>
  %zero = arith.constant 0 : index
  %l = dejavu.lm_head %x, @head from %zero : tensor<?x?x8xf32> -> tensor<?x?x16xf32>
  return %l : tensor<?x?x16xf32>
}

// CHECK-LABEL: func.func @from_one(
func.func @from_one(%x: tensor<?x?x8xf32>) -> tensor<?x?x16xf32> {
  // CHECK: dejavu.lm_head %{{.*}}, @head from %
  %one = arith.constant 1 : index
  %l = dejavu.lm_head %x, @head from %one : tensor<?x?x8xf32> -> tensor<?x?x16xf32>
  return %l : tensor<?x?x16xf32>
}

// Static tokens: dropping `from` would change the type.
// CHECK-LABEL: func.func @static_tokens(
func.func @static_tokens(%x: tensor<?x4x8xf32>) -> tensor<?x?x16xf32> {
  // CHECK: dejavu.lm_head %{{.*}}, @head from %
  %zero = arith.constant 0 : index
  %l = dejavu.lm_head %x, @head from %zero : tensor<?x4x8xf32> -> tensor<?x?x16xf32>
  return %l : tensor<?x?x16xf32>
}

// An op whose result is not used has no effect; a cache update has.
// CHECK-LABEL: func.func @dead(
func.func @dead(%x: tensor<?x1x8xf32>, %c: !dejavu.kv_cache<2 x 4>) -> !dejavu.kv_cache<2 x 4> {
  // CHECK-NOT: dejavu.select
  // CHECK-NOT: dejavu.residual_add
  %s = dejavu.select exact %x : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  %r = dejavu.residual_add %x, %x : tensor<?x1x8xf32>
  // CHECK: dejavu.kv_append
  %c1 = dejavu.kv_append %c, %x, %x : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  return %c1 : !dejavu.kv_cache<2 x 4>
}
