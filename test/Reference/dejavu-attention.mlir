// Attention over a cache, for two sequences of which the second has one step
// of padding. Expected values are computed by hand: a query of zeros gives all
// keys that it sees the same weight, and log 3 = 1.0986123.
// RUN: dejavu-interpret --batch 2 %s | FileCheck %s

// CHECK-LABEL: @append
// CHECK-NEXT: cache
// CHECK-NEXT: keys tensor<2x1x3x2xf32> {{\[\[\[\[}}1, 2], [3, 4], [9, 9]]], {{\[\[\[}}5, 6], [7, 8], [9, 9]]]]
// CHECK-NEXT: values tensor<2x1x3x2xf32> {{\[\[\[\[}}0, 0], [0, 0], [1, 1]]], {{\[\[\[}}0, 0], [0, 0], [1, 1]]]]
func.func @append(%c: !dejavu.kv_cache<1 x 2>) -> !dejavu.kv_cache<1 x 2> {
  %k = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]>
      : tensor<2x2x2xf32>
  %v = arith.constant dense<0.0> : tensor<2x2x2xf32>
  %0 = dejavu.kv_append %c, %k, %v : !dejavu.kv_cache<1 x 2>, tensor<2x2x2xf32>
  %k1 = arith.constant dense<9.0> : tensor<2x1x2xf32>
  %v1 = arith.constant dense<1.0> : tensor<2x1x2xf32>
  %1 = dejavu.kv_append %0, %k1, %v1 : !dejavu.kv_cache<1 x 2>, tensor<2x1x2xf32>
  return %1 : !dejavu.kv_cache<1 x 2>
}

// Features are head-major.
// CHECK-LABEL: @heads
// CHECK-NEXT: cache
// CHECK-NEXT: keys tensor<2x2x1x2xf32> {{\[\[\[\[}}1, 2]], {{\[\[}}3, 4]]], {{\[\[\[}}5, 6]], {{\[\[}}7, 8]]]]
func.func @heads(%c: !dejavu.kv_cache<2 x 2>) -> !dejavu.kv_cache<2 x 2> {
  %k = arith.constant dense<[[[1.0, 2.0, 3.0, 4.0]], [[5.0, 6.0, 7.0, 8.0]]]>
      : tensor<2x1x4xf32>
  %0 = dejavu.kv_append %c, %k, %k : !dejavu.kv_cache<2 x 2>, tensor<2x1x4xf32>
  return %0 : !dejavu.kv_cache<2 x 2>
}

// CHECK-LABEL: @uniform
// CHECK-NEXT: tensor<2x2x2xf32> {{\[\[\[}}2, 0], [1, 2]], {{\[\[}}1, 2], [0, 4]]]
func.func @uniform(%c: !dejavu.kv_cache<1 x 2>) -> tensor<2x2x2xf32> {
  %starts = arith.constant dense<[0, 1]> : tensor<2xi64>
  %q = arith.constant dense<0.0> : tensor<2x2x2xf32>
  %k = arith.constant dense<1.0> : tensor<2x2x2xf32>
  %v = arith.constant dense<[[[2.0, 0.0], [0.0, 4.0]], [[2.0, 0.0], [0.0, 4.0]]]>
      : tensor<2x2x2xf32>
  %0 = dejavu.kv_append %c, %k, %v : !dejavu.kv_cache<1 x 2>, tensor<2x2x2xf32>
  %r, %1 = dejavu.attention %q, %0, %starts scale = 1.0 masked_rows = uniform
      : tensor<2x2x2xf32>, !dejavu.kv_cache<1 x 2>, tensor<2xi64>
  return %r : tensor<2x2x2xf32>
}

// CHECK-LABEL: @zero
// CHECK-NEXT: tensor<2x2x2xf32> {{\[\[\[}}2, 0], [1, 2]], {{\[\[}}0, 0], [0, 4]]]
func.func @zero(%c: !dejavu.kv_cache<1 x 2>) -> tensor<2x2x2xf32> {
  %starts = arith.constant dense<[0, 1]> : tensor<2xi64>
  %q = arith.constant dense<0.0> : tensor<2x2x2xf32>
  %k = arith.constant dense<1.0> : tensor<2x2x2xf32>
  %v = arith.constant dense<[[[2.0, 0.0], [0.0, 4.0]], [[2.0, 0.0], [0.0, 4.0]]]>
      : tensor<2x2x2xf32>
  %0 = dejavu.kv_append %c, %k, %v : !dejavu.kv_cache<1 x 2>, tensor<2x2x2xf32>
  %r, %1 = dejavu.attention %q, %0, %starts scale = 1.0 masked_rows = zero
      : tensor<2x2x2xf32>, !dejavu.kv_cache<1 x 2>, tensor<2xi64>
  return %r : tensor<2x2x2xf32>
}

// Two query heads read the one head of the cache, behind a past of one step.
// The scores are log 3 and 0 for head 0, 0 and 2 log 3 for head 1: weights of
// 3 : 1 and 1 : 9. The second sequence sees its last step alone.
// CHECK-LABEL: @groups
// CHECK-NEXT: tensor<2x1x4xf32> {{\[\[\[}}3, 1, 0.4, 3.6]], {{\[\[}}0, 4, 0, 4]]]
func.func @groups(%c: !dejavu.kv_cache<1 x 2>) -> tensor<2x1x4xf32> {
  %starts = arith.constant dense<[0, 1]> : tensor<2xi64>
  %k0 = arith.constant dense<[[[1.0, 0.0]], [[1.0, 0.0]]]> : tensor<2x1x2xf32>
  %v0 = arith.constant dense<[[[4.0, 0.0]], [[4.0, 0.0]]]> : tensor<2x1x2xf32>
  %0 = dejavu.kv_append %c, %k0, %v0 : !dejavu.kv_cache<1 x 2>, tensor<2x1x2xf32>
  %k1 = arith.constant dense<[[[0.0, 1.0]], [[0.0, 1.0]]]> : tensor<2x1x2xf32>
  %v1 = arith.constant dense<[[[0.0, 4.0]], [[0.0, 4.0]]]> : tensor<2x1x2xf32>
  %1 = dejavu.kv_append %0, %k1, %v1 : !dejavu.kv_cache<1 x 2>, tensor<2x1x2xf32>
  %q = arith.constant dense<[[[2.1972246, 0.0, 0.0, 4.3944492]],
                             [[2.1972246, 0.0, 0.0, 4.3944492]]]>
      : tensor<2x1x4xf32>
  %r, %2 = dejavu.attention %q, %1, %starts scale = 0.5 masked_rows = uniform
      : tensor<2x1x4xf32>, !dejavu.kv_cache<1 x 2>, tensor<2xi64>
  return %r : tensor<2x1x4xf32>
}
