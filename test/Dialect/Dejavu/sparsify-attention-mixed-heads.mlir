// What mixes features of several heads needs the queries of all: a norm over all
// features (OLMo 2), one of two groups for four heads of the cache, and a rotation
// of larger heads. The query projection stays dense.
// RUN: dejavu-opt %s --split-input-file --dejavu-sparsify-attention | FileCheck %s

// CHECK-NOT: dejavu.gather_linear

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c: !dejavu.kv_cache<2 x 4>) -> !dejavu.kv_cache<2 x 4> {
  %q = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %n = dejavu.norm rms %q {epsilon = 1.0e-5 : f32} : tensor<?x1x8xf32>
  %a, %c1 = dejavu.attention %n, %c, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  return %c1 : !dejavu.kv_cache<2 x 4>
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 4>, %c: !dejavu.kv_cache<4 x 2>) -> !dejavu.kv_cache<4 x 2> {
  %q = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %n = dejavu.norm rms %q {epsilon = 1.0e-5 : f32, groups = 2 : i64} : tensor<?x1x8xf32>
  %a, %c1 = dejavu.attention %n, %c, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 4>) : tensor<?x1x8xf32>, !dejavu.kv_cache<4 x 2>, tensor<?xi64>
  return %c1 : !dejavu.kv_cache<4 x 2>
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @decode(%x: tensor<?x1x8xf32>, %t: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c: !dejavu.kv_cache<2 x 4>) -> !dejavu.kv_cache<2 x 4> {
  %q = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %r = dejavu.rope %q, %t heads = 1 : tensor<?x1x8xf32>, tensor<?x1x8xf32>
  %a, %c1 = dejavu.attention %r, %c, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  return %c1 : !dejavu.kv_cache<2 x 4>
}
