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

// A window of two steps: the third token no longer sees the first value. The
// padding of the second sequence still gives the mean of all three.
// CHECK-LABEL: @window
// CHECK-NEXT: tensor<2x3x2xf32> {{\[\[\[}}2, 0], [1, 2], [3, 2]], {{\[\[}}2.66667, 1.33333], [0, 4], [3, 2]]]
func.func @window(%c: !dejavu.kv_cache<1 x 2>) -> tensor<2x3x2xf32> {
  %starts = arith.constant dense<[0, 1]> : tensor<2xi64>
  %q = arith.constant dense<0.0> : tensor<2x3x2xf32>
  %v = arith.constant dense<[[[2.0, 0.0], [0.0, 4.0], [6.0, 0.0]],
                             [[2.0, 0.0], [0.0, 4.0], [6.0, 0.0]]]>
      : tensor<2x3x2xf32>
  %0 = dejavu.kv_append %c, %v, %v : !dejavu.kv_cache<1 x 2>, tensor<2x3x2xf32>
  %r, %1 = dejavu.attention %q, %0, %starts scale = 1.0 masked_rows = uniform
      {window = 2 : i64}
      : tensor<2x3x2xf32>, !dejavu.kv_cache<1 x 2>, tensor<2xi64>
  return %r : tensor<2x3x2xf32>
}

// Slopes of log 3 and 0: head 0 weighs its own step three times the one before.
// CHECK-LABEL: @alibi
// CHECK-NEXT: tensor<2x2x4xf32> {{\[\[\[}}4, 0, 4, 0], [1, 3, 2, 2]], {{\[\[}}0, 0, 0, 0], [0, 4, 0, 4]]]
func.func @alibi(%c: !dejavu.kv_cache<2 x 2>) -> tensor<2x2x4xf32> {
  %starts = arith.constant dense<[0, 1]> : tensor<2xi64>
  %q = arith.constant dense<0.0> : tensor<2x2x4xf32>
  %v = arith.constant dense<[[[4.0, 0.0, 4.0, 0.0], [0.0, 4.0, 0.0, 4.0]],
                             [[4.0, 0.0, 4.0, 0.0], [0.0, 4.0, 0.0, 4.0]]]>
      : tensor<2x2x4xf32>
  %0 = dejavu.kv_append %c, %v, %v : !dejavu.kv_cache<2 x 2>, tensor<2x2x4xf32>
  %r, %1 = dejavu.attention %q, %0, %starts scale = 1.0 masked_rows = zero
      {alibi = array<f32: 1.0986123, 0.0>}
      : tensor<2x2x4xf32>, !dejavu.kv_cache<2 x 2>, tensor<2xi64>
  return %r : tensor<2x2x4xf32>
}

// Scores of 1000 and 0 are capped to log 3 and 0.
// CHECK-LABEL: @softcap
// CHECK-NEXT: tensor<2x2x2xf32> {{\[\[\[}}4, 0], [3, 1]], {{\[\[}}4, 0], [3, 1]]]
func.func @softcap(%c: !dejavu.kv_cache<1 x 2>) -> tensor<2x2x2xf32> {
  %starts = arith.constant dense<0> : tensor<2xi64>
  %q = arith.constant dense<[[[1000.0, 0.0], [1000.0, 0.0]],
                             [[1000.0, 0.0], [1000.0, 0.0]]]>
      : tensor<2x2x2xf32>
  %k = arith.constant dense<[[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]>
      : tensor<2x2x2xf32>
  %v = arith.constant dense<[[[4.0, 0.0], [0.0, 4.0]], [[4.0, 0.0], [0.0, 4.0]]]>
      : tensor<2x2x2xf32>
  %0 = dejavu.kv_append %c, %k, %v : !dejavu.kv_cache<1 x 2>, tensor<2x2x2xf32>
  %r, %1 = dejavu.attention %q, %0, %starts scale = 1.0 masked_rows = zero
      {softcap = 1.0986123 : f32}
      : tensor<2x2x2xf32>, !dejavu.kv_cache<1 x 2>, tensor<2xi64>
  return %r : tensor<2x2x2xf32>
}

// Values are three wide, keys two, and two query heads share a head of each.
// CHECK-LABEL: @sdpa
// CHECK-NEXT: tensor<1x1x6xf32> {{\[\[\[}}3, 1, 2, 2, 2, 2]]]
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}4, 0, 2], [2, 2, 2]]]
// CHECK-NEXT: tensor<1x1x3xf32> {{\[\[\[}}0, 4, 2]]]
// CHECK-NEXT: tensor<1x1x3xf32> {{\[\[\[}}3, 1, 2]]]
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}0, 0, 0], [0, 4, 2]]]
// CHECK-NEXT: tensor<1x1x3xf32> {{\[\[\[}}2, 2, 2]]]
func.func @sdpa() -> (tensor<1x1x6xf32>, tensor<1x2x3xf32>, tensor<1x1x3xf32>,
                      tensor<1x1x3xf32>, tensor<1x2x3xf32>, tensor<1x1x3xf32>) {
  %k = arith.constant dense<[[[1.0, 0.0], [0.0, 1.0]]]> : tensor<1x2x2xf32>
  %v = arith.constant dense<[[[4.0, 0.0, 2.0], [0.0, 4.0, 2.0]]]>
      : tensor<1x2x3xf32>
  %q2 = arith.constant dense<[[[2.1972246, 0.0, 0.0, 0.0]]]> : tensor<1x1x4xf32>
  %0 = dejavu.sdpa %q2, %k, %v heads = 2 kv_heads = 1 scale = 0.5
      masked_rows = uniform
      : (tensor<1x1x4xf32>, tensor<1x2x2xf32>, tensor<1x2x3xf32>)
      -> tensor<1x1x6xf32>
  %zeros = arith.constant dense<0.0> : tensor<1x2x2xf32>
  %1 = dejavu.sdpa %zeros, %k, %v heads = 1 kv_heads = 1 scale = 0.5
      masked_rows = uniform causal
      : (tensor<1x2x2xf32>, tensor<1x2x2xf32>, tensor<1x2x3xf32>)
      -> tensor<1x2x3xf32>
  %q = arith.constant dense<0.0> : tensor<1x1x2xf32>
  %hide = arith.constant dense<[[[[false, true]]]]> : tensor<1x1x1x2xi1>
  %2 = dejavu.sdpa %q, %k, %v mask(%hide) heads = 1 kv_heads = 1 scale = 0.5
      masked_rows = uniform
      : (tensor<1x1x2xf32>, tensor<1x2x2xf32>, tensor<1x2x3xf32>,
         tensor<1x1x1x2xi1>) -> tensor<1x1x3xf32>
  %add = arith.constant dense<[[[[1.0986123, 0.0]]]]> : tensor<1x1x1x2xf32>
  %3 = dejavu.sdpa %q, %k, %v mask(%add) heads = 1 kv_heads = 1 scale = 0.5
      masked_rows = uniform
      : (tensor<1x1x2xf32>, tensor<1x2x2xf32>, tensor<1x2x3xf32>,
         tensor<1x1x1x2xf32>) -> tensor<1x1x3xf32>
  // The first query sees the first key alone, which is hidden.
  %4 = dejavu.sdpa %zeros, %k, %v mask(%hide) heads = 1 kv_heads = 1 scale = 0.5
      masked_rows = zero causal
      : (tensor<1x2x2xf32>, tensor<1x2x2xf32>, tensor<1x2x3xf32>,
         tensor<1x1x1x2xi1>) -> tensor<1x2x3xf32>
  // A large number drowns the scores, which are 1 and 0.
  %ones = arith.constant dense<[[[2.0, 0.0]]]> : tensor<1x1x2xf32>
  %low = arith.constant dense<-3.40282347E+38> : tensor<1x1x1x1xf32>
  %5 = dejavu.sdpa %ones, %k, %v mask(%low) heads = 1 kv_heads = 1 scale = 0.5
      masked_rows = zero
      : (tensor<1x1x2xf32>, tensor<1x2x2xf32>, tensor<1x2x3xf32>,
         tensor<1x1x1x1xf32>) -> tensor<1x1x3xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<1x1x6xf32>, tensor<1x2x3xf32>,
      tensor<1x1x3xf32>, tensor<1x1x3xf32>, tensor<1x2x3xf32>, tensor<1x1x3xf32>
}

// A quarter turn of the first pair, and none of the second; the fifth and sixth
// features of each head of six take no part.
// CHECK-LABEL: @rope
// CHECK-NEXT: tensor<1x1x12xf32> {{\[\[\[}}-3, 2, 1, 4, 5, 6, -7, 0, 0, 8, 9, 9]]]
// CHECK-NEXT: tensor<1x1x12xf32> {{\[\[\[}}-2, 1, 3, 4, 5, 6, 0, 0, 7, 8, 9, 9]]]
func.func @rope() -> (tensor<1x1x12xf32>, tensor<1x1x12xf32>) {
  %x = arith.constant dense<[[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0,
                               0.0, 0.0, 7.0, 8.0, 9.0, 9.0]]]>
      : tensor<1x1x12xf32>
  %t = arith.constant dense<[[[0.0, 1.0, 1.0, 0.0]]]> : tensor<1x1x4xf32>
  %0 = dejavu.rope %x, %t heads = 2 : tensor<1x1x12xf32>, tensor<1x1x4xf32>
  %1 = dejavu.rope %x, %t heads = 2 interleaved
      : tensor<1x1x12xf32>, tensor<1x1x4xf32>
  return %0, %1 : tensor<1x1x12xf32>, tensor<1x1x12xf32>
}

// Two sequences share a table, which turns the second token around.
// CHECK-LABEL: @shared_table
// CHECK-NEXT: tensor<2x2x2xf32> {{\[\[\[}}1, 2], [-3, -4]], {{\[\[}}5, 6], [-7, -8]]]
func.func @shared_table() -> tensor<2x2x2xf32> {
  %x = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]>
      : tensor<2x2x2xf32>
  %t = arith.constant dense<[[[1.0, 0.0], [-1.0, 0.0]]]> : tensor<1x2x2xf32>
  %0 = dejavu.rope %x, %t heads = 1 : tensor<2x2x2xf32>, tensor<1x2x2xf32>
  return %0 : tensor<2x2x2xf32>
}
