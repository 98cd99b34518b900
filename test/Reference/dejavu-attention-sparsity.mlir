// Attention of some heads, and keys and values that are computed later. The
// weights' file holds NaN, 1, 2, 3, ..., so that a weight at offset 4 n begins
// with n. Expected values are computed by hand.
// RUN: mkdir -p %t && %python %S/Inputs/write_floats.py %t/floats.bin
// RUN: cp %s %t/ops.mlir && cd %t && dejavu-interpret --batch 2 ops.mlir | FileCheck %s

module attributes {dejavu.source = "model.onnx"} {

// [[1, 2], [3, 4], [5, 6], [7, 8]], [[3, 4], [5, 6], [7, 8], [9, 10]] and [1, 2, 3,
// 4].
dejavu.weight @key : tensor<4x2xf32> from <"floats.bin", offset = 4, length = 32>
dejavu.weight @value : tensor<4x2xf32> from <"floats.bin", offset = 12, length = 32>
dejavu.weight @bias : tensor<4xf32> from <"floats.bin", offset = 4, length = 16>

// Two query heads for each of two key heads. The first sequence has the second
// group, the second sequence the first. Its queries weigh the steps 3 : 1 and
// 1 : 9, as in dejavu-attention.mlir. What is left out is 0, whatever is there.
// CHECK-LABEL: @groups
// CHECK-NEXT: tensor<2x1x8xf32> {{\[\[\[}}0, 0, 0, 0, 3, 1, 0.4, 3.6]], {{\[\[}}2, 2, 3, 1, 0, 0, 0, 0]]]
// CHECK-NEXT: cache
// CHECK-NEXT: keys tensor<2x2x2x2xf32> {{\[\[\[\[}}nan, nan], [0, 1]],
func.func @groups(%c: !dejavu.kv_cache<2 x 2>) -> (tensor<2x1x8xf32>, !dejavu.kv_cache<2 x 2>) {
  %starts = arith.constant dense<0> : tensor<2xi64>
  %k0 = arith.constant dense<[[[0x7FC00000, 0x7FC00000, 1.0, 0.0]], [[1.0, 0.0, 1.0, 0.0]]]> : tensor<2x1x4xf32>
  %v0 = arith.constant dense<[[[0x7FC00000, 0x7FC00000, 4.0, 0.0]], [[4.0, 0.0, 0x7FC00000, 0x7FC00000]]]> : tensor<2x1x4xf32>
  %0 = dejavu.kv_append %c, %k0, %v0 : !dejavu.kv_cache<2 x 2>, tensor<2x1x4xf32>
  %k1 = arith.constant dense<[[[0.0, 1.0, 0.0, 1.0]], [[0.0, 1.0, 0.0, 1.0]]]> : tensor<2x1x4xf32>
  %v1 = arith.constant dense<[[[0.0, 4.0, 0.0, 4.0]], [[0.0, 4.0, 0.0, 4.0]]]> : tensor<2x1x4xf32>
  %1 = dejavu.kv_append %0, %k1, %v1 : !dejavu.kv_cache<2 x 2>, tensor<2x1x4xf32>
  %p = arith.constant dense<[[[0.0, 1.0]], [[1.0, 0.0]]]> : tensor<2x1x2xf32>
  %s = dejavu.select top_k %p k = 1 : tensor<2x1x2xf32> -> !dejavu.active<kv_group, 2>
  %q = arith.constant dense<[[[9.0, 9.0, 0x7FC00000, 9.0, 2.1972246, 0.0, 0.0, 4.3944492]],
                             [[0.0, 0.0, 2.1972246, 0.0, 9.0, 9.0, 9.0, 9.0]]]> : tensor<2x1x8xf32>
  %r, %2 = dejavu.sparse_attention %q, %1, %starts, %s scale = 0.5 masked_rows = uniform
      : tensor<2x1x8xf32>, !dejavu.kv_cache<2 x 2>, tensor<2xi64>, !dejavu.active<kv_group, 2>
  return %r, %2 : tensor<2x1x8xf32>, !dejavu.kv_cache<2 x 2>
}

// Slopes of log 3 and 0, and steps that the second sequence does not see; each
// token has a set of its own, the last one none.
// CHECK-LABEL: @tokens
// CHECK-NEXT: tensor<2x2x4xf32> {{\[\[\[}}4, 0, 4, 0], [1, 3, 0, 0]], {{\[\[}}0, 0, 0, 0], [0, 0, 0, 0]]]
func.func @tokens(%c: !dejavu.kv_cache<2 x 2>) -> tensor<2x2x4xf32> {
  %starts = arith.constant dense<[0, 1]> : tensor<2xi64>
  %q = arith.constant dense<0.0> : tensor<2x2x4xf32>
  %v = arith.constant dense<[[[4.0, 0.0, 4.0, 0.0], [0.0, 4.0, 0.0, 4.0]],
                             [[4.0, 0.0, 4.0, 0.0], [0.0, 4.0, 0.0, 4.0]]]> : tensor<2x2x4xf32>
  %0 = dejavu.kv_append %c, %v, %v : !dejavu.kv_cache<2 x 2>, tensor<2x2x4xf32>
  %p = arith.constant dense<[[[1.0, 1.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]]> : tensor<2x2x2xf32>
  %s = dejavu.select exact %p : tensor<2x2x2xf32> -> !dejavu.active<kv_group, 2>
  %r, %1 = dejavu.sparse_attention %q, %0, %starts, %s scale = 1.0 masked_rows = zero
      {alibi = array<f32: 1.0986123, 0.0>}
      : tensor<2x2x4xf32>, !dejavu.kv_cache<2 x 2>, tensor<2xi64>, !dejavu.active<kv_group, 2>
  return %r : tensor<2x2x4xf32>
}

// Keys and values are those of linear layers, of all heads, whichever are
// selected: none here. Input [1, 0] picks the first column, [0, 1] the second.
// CHECK-LABEL: @deferred
// CHECK-NEXT: cache
// CHECK-NEXT: keys tensor<2x2x2x2xf32> {{\[\[\[\[}}1, 3], [3, 6]], {{\[\[}}5, 7], [9, 12]]], {{\[\[\[}}2, 4], [2, 5]], {{\[\[}}6, 8], [8, 11]]]]
// CHECK-NEXT: values tensor<2x2x2x2xf32> {{\[\[\[\[}}4, 7], [4, 6]], {{\[\[}}10, 13], [8, 10]]], {{\[\[\[}}5, 8], [3, 5]], {{\[\[}}11, 14], [7, 9]]]]
func.func @deferred(%c: !dejavu.kv_cache<2 x 2>) -> !dejavu.kv_cache<2 x 2> {
  %p = arith.constant dense<0.0> : tensor<2x1x2xf32>
  %s = dejavu.select exact %p : tensor<2x1x2xf32> -> !dejavu.active<kv_group, 2>
  %x = arith.constant dense<[[[1.0, 0.0]], [[0.0, 1.0]]]> : tensor<2x1x2xf32>
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @key value = @value, @bias ring = 1
      : !dejavu.kv_cache<2 x 2>, tensor<2x1x2xf32>, !dejavu.active<kv_group, 2>
  %y = arith.constant dense<[[[0.0, 1.0]], [[1.0, 0.0]]]> : tensor<2x1x2xf32>
  %1 = dejavu.kv_append_deferred %0, %y, %s key = @key, @bias value = @value ring = 64
      : !dejavu.kv_cache<2 x 2>, tensor<2x1x2xf32>, !dejavu.active<kv_group, 2>
  return %1 : !dejavu.kv_cache<2 x 2>
}

// The keys are rotated as rope does it: by a quarter turn in a table that the
// sequences share, and by half a turn in one of their own; the first feature of a
// pair of heads of four with its neighbour, or with the one after next, and not
// at all. Each step is appended twice: late, and by linear, rope and kv_append.
// CHECK-LABEL: @rotated
// CHECK-NEXT: cache
// CHECK-NEXT: keys tensor<2x1x6x4xf32> {{\[\[\[\[}}-5, 3, 1, 7], [-5, 3, 1, 7], [-5, 2, 8, 11], [-5, 2, 8, 11], [-1, -3, 5, 7], [-1, -3, 5, 7]]],
// CHECK-SAME: {{\[\[\[}}-6, 4, 2, 8], [-6, 4, 2, 8], [-6, 3, 9, 12], [-6, 3, 9, 12], [2, 4, 6, 8], [2, 4, 6, 8]]]]
// Values are not.
// CHECK-NEXT: values tensor<2x1x6x4xf32> {{\[\[\[\[}}3, 5, 7, 9], [3, 5, 7, 9], [3, 5, 7, 9],
func.func @rotated(%c: !dejavu.kv_cache<1 x 4>) -> !dejavu.kv_cache<1 x 4> {
  %p = arith.constant dense<1.0> : tensor<2x1x1xf32>
  %s = dejavu.select exact %p : tensor<2x1x1xf32> -> !dejavu.active<kv_group, 1>
  %x = arith.constant dense<[[[1.0, 0.0]], [[0.0, 1.0]]]> : tensor<2x1x2xf32>
  %k = dejavu.linear %x, @key : tensor<2x1x2xf32> -> tensor<2x1x4xf32>
  %kb = dejavu.linear %x, @key, @bias : tensor<2x1x2xf32> -> tensor<2x1x4xf32>
  %v = dejavu.linear %x, @value : tensor<2x1x2xf32> -> tensor<2x1x4xf32>

  %t = arith.constant dense<[[[0.0, 1.0, 1.0, 0.0]]]> : tensor<1x1x4xf32>
  %c1 = dejavu.kv_append_deferred %c, %x, %s key = @key value = @value rope(%t : tensor<1x1x4xf32>) ring = 2
      : !dejavu.kv_cache<1 x 4>, tensor<2x1x2xf32>, !dejavu.active<kv_group, 1>
  %r0 = dejavu.rope %k, %t heads = 1 : tensor<2x1x4xf32>, tensor<1x1x4xf32>
  %c2 = dejavu.kv_append %c1, %r0, %v : !dejavu.kv_cache<1 x 4>, tensor<2x1x4xf32>

  // With their bias the keys are [2, 5, 8, 11] and [3, 6, 9, 12].
  %c3 = dejavu.kv_append_deferred %c2, %x, %s key = @key, @bias value = @value rope(%t : tensor<1x1x4xf32>, interleaved) ring = 2
      : !dejavu.kv_cache<1 x 4>, tensor<2x1x2xf32>, !dejavu.active<kv_group, 1>
  %r1 = dejavu.rope %kb, %t heads = 1 interleaved : tensor<2x1x4xf32>, tensor<1x1x4xf32>
  %c4 = dejavu.kv_append %c3, %r1, %v : !dejavu.kv_cache<1 x 4>, tensor<2x1x4xf32>

  %u = arith.constant dense<[[[-1.0, 0.0]], [[1.0, 0.0]]]> : tensor<2x1x2xf32>
  %c5 = dejavu.kv_append_deferred %c4, %x, %s key = @key value = @value rope(%u : tensor<2x1x2xf32>) ring = 2
      : !dejavu.kv_cache<1 x 4>, tensor<2x1x2xf32>, !dejavu.active<kv_group, 1>
  %r2 = dejavu.rope %k, %u heads = 1 : tensor<2x1x4xf32>, tensor<2x1x2xf32>
  %c6 = dejavu.kv_append %c5, %r2, %v : !dejavu.kv_cache<1 x 4>, tensor<2x1x4xf32>
  return %c6 : !dejavu.kv_cache<1 x 4>
}
}
