// A hint that is made when the queries are there already: they cannot be gathered
// by it, and the IR stays valid.
// RUN: dejavu-opt %s --dejavu-sparsify-attention | FileCheck %s

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @decode(%x: tensor<?x1x8xf32>, %p: tensor<?x1x2xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>) {
  %q = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %s = dejavu.select top_k %p k = 1 : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
  // CHECK: dejavu.sparse_attention
  %a, %c1 = dejavu.attention %q, %c0, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  return %a, %c1 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>
}
