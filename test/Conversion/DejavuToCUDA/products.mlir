// RUN: dejavu-opt %s --convert-dejavu-to-cuda=chips=sm_80,sm_90 --canonicalize > %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: FileCheck %s --check-prefix=HOST < %t.mlir
// RUN: sed '/^module/,$ { s/1024/1020/g; s/256/255/g; s/14336/14280/; s/4096/4080/; s/2097152/2080800/; s/524288/520200/ }' %s | dejavu-opt --convert-dejavu-to-cuda=chips=sm_90 | FileCheck %s --check-prefix=SHORT
// Which kernels multiply: projections of one input are one launch, which for
// one row streams the weights and has the norm in it.

// Chips without bulk copies have registers in place of rings.
// CHECK-LABEL: gpu.module @kernels_sm_80
// CHECK:       gpu.func @dejavu_matrix_linear_1024_256_256x1024_f16(
// CHECK-SAME:  dejavu.shared_bytes = 4096
// CHECK:       gpu.func @dejavu_streamed_linear_1024_256_256x1024_f16_norm_rms_1024_eps{{[0-9A-F]*}}_scale(
// CHECK-NOT:   llvm.nvvm.cp.async.bulk
// CHECK-LABEL: gpu.module @kernels_sm_90
// The input, the norm's scale, a weight and a result for each product, four
// numbers.
// CHECK:       gpu.func @dejavu_streamed_linear_1024_256_256x1024_f16_norm_rms_1024_eps{{[0-9A-F]*}}_scale(
// CHECK-SAME:  %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64) kernel
// Weights are on their way before anything is waited for, nothing is written.
// CHECK:       llvm.nvvm.griddepcontrol.launch.dependents
// CHECK-NOT:   llvm.store
// CHECK:       llvm.nvvm.cp.async.bulk.global.to.shared.cluster
// CHECK-NOT:   llvm.store
// CHECK:       llvm.nvvm.griddepcontrol.wait
// CHECK:       llvm.nvvm.mbarrier.try.wait.parity
// CHECK:       llvm.nvvm.bar.warp.sync
// CHECK:       llvm.nvvm.cp.async.bulk.global.to.shared.cluster

// HOST-LABEL: func.func @dejavu_decode(
// HOST:         %[[ROWS:.*]] = arith.muli
// The norm is launched for more than one row.
// HOST:         %[[MORE:.*]] = arith.cmpi ne, %[[ROWS]], %c1_i64
// HOST-NEXT:    scf.if %[[MORE]]
// HOST:           func.call @dejavu_rt_launch
// One row: a block for each multiprocessor.
// HOST:         %[[ONE:.*]] = arith.cmpi eq, %[[ROWS]], %c1_i64
// HOST-NEXT:    scf.if %[[ONE]]
// HOST:           llvm.store %c-1_i64,
// HOST:           func.call @dejavu_rt_launch
// HOST:         %[[AGAIN:.*]] = arith.cmpi ne, %[[ROWS]], %c1_i64
// HOST-NEXT:    scf.if %[[AGAIN]]
// HOST:           func.call @dejavu_rt_launch

// Rows that are no multiple of 16 bytes are neither streamed nor tiles.
// SHORT-NOT: {{streamed|matrix}}
// SHORT:     gpu.func @dejavu_linear_1020_255_255x1020_f16_rows8(
// SHORT-NOT: {{streamed|matrix}}
module attributes {dejavu.source = "model.onnx"} {
  dejavu.weight @table : tensor<7x1024xf16> from #dejavu.source<"w", offset = 0, length = 14336>
  dejavu.weight @scale : tensor<1024xf32> from #dejavu.source<"w", offset = 0, length = 4096>
  dejavu.weight @query : tensor<1024x1024xf16> from #dejavu.source<"w", offset = 0, length = 2097152>
  dejavu.weight @key : tensor<256x1024xf16> from #dejavu.source<"w", offset = 0, length = 524288>
  dejavu.weight @value : tensor<256x1024xf16> from #dejavu.source<"w", offset = 0, length = 524288>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]

  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
                     %cache: !dejavu.kv_cache<1 x 256>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 256>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x1024xf32>
    %n = dejavu.norm rms %x, @scale {epsilon = 1.0 : f32} : tensor<?x?x1024xf32>
    %q = dejavu.linear %n, @query : tensor<?x?x1024xf32> -> tensor<?x?x1024xf32>
    %k = dejavu.linear %n, @key : tensor<?x?x1024xf32> -> tensor<?x?x256xf32>
    %v = dejavu.linear %n, @value : tensor<?x?x1024xf32> -> tensor<?x?x256xf32>
    %c = dejavu.kv_append %cache, %k, %v : !dejavu.kv_cache<1 x 256>, tensor<?x?x256xf32>
    %a, %d = dejavu.attention %q, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x?x1024xf32>, !dejavu.kv_cache<1 x 256>, tensor<?xi64>
    %l = dejavu.lm_head %a, @table from %from : tensor<?x?x1024xf32> -> tensor<?x?x7xf32>
    return %l, %d : tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 256>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
                    %cache: !dejavu.kv_cache<1 x 256>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 256>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x1024xf32>
    %n = dejavu.norm rms %x, @scale {epsilon = 1.0 : f32} : tensor<?x1x1024xf32>
    %q = dejavu.linear %n, @query : tensor<?x1x1024xf32> -> tensor<?x1x1024xf32>
    %k = dejavu.linear %n, @key : tensor<?x1x1024xf32> -> tensor<?x1x256xf32>
    %v = dejavu.linear %n, @value : tensor<?x1x1024xf32> -> tensor<?x1x256xf32>
    %c = dejavu.kv_append %cache, %k, %v : !dejavu.kv_cache<1 x 256>, tensor<?x1x256xf32>
    %a, %d = dejavu.attention %q, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x1x1024xf32>, !dejavu.kv_cache<1 x 256>, tensor<?xi64>
    %l = dejavu.lm_head %a, @table : tensor<?x1x1024xf32> -> tensor<?x1x7xf32>
    return %l, %d : tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 256>
  }
}
