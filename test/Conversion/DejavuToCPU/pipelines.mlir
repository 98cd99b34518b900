// RUN: dejavu-opt %s --dejavu-sparsify=weights=f16 | FileCheck %s --check-prefix=CHECK-EXACT
// RUN: dejavu-opt %s --dejavu-sparsify=sparsity=dense | FileCheck %s --check-prefix=CHECK-DENSE
// RUN: dejavu-opt %s --dejavu-sparsify --dejavu-lower-cpu=lanes=8 | FileCheck %s --check-prefix=CHECK-LOWER

// CHECK-EXACT-DAG: dejavu.weight @table : tensor<7x8xf16>
// CHECK-EXACT-DAG: dejavu.sparse_linear
// CHECK-DENSE-DAG: dejavu.weight @table : tensor<7x8xf32>
// CHECK-DENSE-NOT: dejavu.sparse_linear

// Nothing is left but the llvm and OpenMP dialects, and what packing needs.
// CHECK-LOWER: dejavu.weight @table
// CHECK-LOWER: dejavu.signature
// CHECK-LOWER-NOT: func.func
// CHECK-LOWER-NOT: builtin.unrealized_conversion_cast
// CHECK-LOWER: llvm.func @dejavu_prefill(%arg0: !llvm.ptr) -> i32
// CHECK-LOWER: omp.parallel
// CHECK-LOWER: llvm.func @dejavu_decode(%arg0: !llvm.ptr) -> i32
// CHECK-LOWER-NOT: builtin.unrealized_conversion_cast
// CHECK-LOWER-NOT: math.exp
module attributes {dejavu.source = "model.onnx"} {
  dejavu.weight @table : tensor<7x8xf32> from #dejavu.source<"w", offset = 0, length = 224>
  dejavu.weight @up : tensor<12x8xf32> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]
  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
                     %cache: !dejavu.kv_cache<2 x 4>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<2 x 4>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x8xf32>
    %c = dejavu.kv_append %cache, %x, %x : !dejavu.kv_cache<2 x 4>, tensor<?x?x8xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = zero : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
    %f = dejavu.ffn relu %a, up = @up down = @up : tensor<?x?x8xf32>
    %l = dejavu.lm_head %f, @table from %from : tensor<?x?x8xf32> -> tensor<?x?x7xf32>
    return %l, %d : tensor<?x?x7xf32>, !dejavu.kv_cache<2 x 4>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
                    %cache: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<2 x 4>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x8xf32>
    %c = dejavu.kv_append %cache, %x, %x : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
    %f = dejavu.ffn relu %a, up = @up down = @up : tensor<?x1x8xf32>
    %l = dejavu.lm_head %f, @table : tensor<?x1x8xf32> -> tensor<?x1x7xf32>
    return %l, %d : tensor<?x1x7xf32>, !dejavu.kv_cache<2 x 4>
  }
}
