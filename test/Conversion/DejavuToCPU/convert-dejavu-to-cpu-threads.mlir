// RUN: dejavu-opt %s --split-input-file --convert-dejavu-to-cpu=lanes=8 --canonicalize | FileCheck %s

// A decode step is one parallel region, in which the threads meet once between
// two kernels.
module attributes {dejavu.source = "model.onnx"} {
  dejavu.weight @table : tensor<300x64xf32> from #dejavu.source<"w", offset = 0, length = 76800>
  dejavu.weight @key : tensor<32x64xf32> from #dejavu.source<"w", offset = 0, length = 8192>
  dejavu.weight @up : tensor<301x64xf32> from #dejavu.source<"w", offset = 0, length = 77056>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]
  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
                     %cache: !dejavu.kv_cache<2 x 16>) -> (tensor<?x?x300xf32>, !dejavu.kv_cache<2 x 16>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x64xf32>
    %k = dejavu.linear %x, @key : tensor<?x?x64xf32> -> tensor<?x?x32xf32>
    %c = dejavu.kv_append %cache, %k, %k : !dejavu.kv_cache<2 x 16>, tensor<?x?x32xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x?x64xf32>, !dejavu.kv_cache<2 x 16>, tensor<?xi64>
    %f = dejavu.ffn relu %a, up = @up down = @up : tensor<?x?x64xf32>
    %l = dejavu.lm_head %f, @table from %from : tensor<?x?x64xf32> -> tensor<?x?x300xf32>
    return %l, %d : tensor<?x?x300xf32>, !dejavu.kv_cache<2 x 16>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
                    %cache: !dejavu.kv_cache<2 x 16>) -> (tensor<?x1x300xf32>, !dejavu.kv_cache<2 x 16>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x64xf32>
    %k = dejavu.linear %x, @key : tensor<?x1x64xf32> -> tensor<?x1x32xf32>
    %c = dejavu.kv_append %cache, %k, %k : !dejavu.kv_cache<2 x 16>, tensor<?x1x32xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x1x64xf32>, !dejavu.kv_cache<2 x 16>, tensor<?xi64>
    %f = dejavu.ffn relu %a, up = @up down = @up : tensor<?x1x64xf32>
    %l = dejavu.lm_head %f, @table : tensor<?x1x64xf32> -> tensor<?x1x300xf32>
    return %l, %d : tensor<?x1x300xf32>, !dejavu.kv_cache<2 x 16>
  }
}

// CHECK-LABEL: func.func @dejavu_decode(%arg0: !llvm.ptr) -> i32
// CHECK:         omp.parallel {
// CHECK:           %[[THREAD:.*]] = arith.index_cast
// CHECK:           %[[THREADS:.*]] = arith.index_cast
// CHECK:           call @dejavu_decode_team(%arg0, %[[THREAD]], %[[THREADS]])
// CHECK-NEXT:      omp.terminator
// CHECK-NOT:     call
// CHECK:         return
// CHECK-LABEL: func.func private @dejavu_decode_team(
// CHECK-SAME:      %arg0: !llvm.ptr, %[[THREAD:.*]]: index, %[[THREADS:.*]]: index)
// Thread 0 does what is not shared. A weight too small to be shared, too.
// CHECK:         %[[MAIN:.*]] = call @__kmpc_barrier_master
// CHECK:         %[[ALONE:.*]] = arith.cmpi ne, %[[MAIN]]
// CHECK:         scf.if %[[ALONE]] {
// CHECK-NEXT:      call @dejavu_embed_300x64_f32_decode
// CHECK:         scf.if %[[ALONE]] {
// CHECK-NEXT:      call @dejavu_linear_32x64_f32({{.*}}, %c0, %c1)
// Taps are called by one thread.
// CHECK:         %[[WATCHED:.*]] = arith.andi %{{.*}}, %[[ALONE]]
// CHECK:         scf.if %[[WATCHED]] {
// CHECK:           call @dejavu_rt_tap
// CHECK:         scf.if %[[ALONE]] {
// CHECK-NEXT:      call @__kmpc_end_barrier_master
// Each thread appends the heads that it attends to.
// CHECK:         call @dejavu_kv_append_2x16_decode({{.*}}, %[[THREAD]], %[[THREADS]])
// CHECK-NOT:     barrier
// CHECK:         call @dejavu_attention_4of2x16_scale3F000000_uniform_decode({{.*}}, %[[THREAD]], %[[THREADS]])
// CHECK:         scf.if
// CHECK:           %[[WATCH:.*]] = func.call @__kmpc_barrier_master
// CHECK:           scf.if
// CHECK:             call @dejavu_rt_tap
// CHECK:             call @__kmpc_end_barrier_master
// CHECK:         omp.barrier
// CHECK:         call @dejavu_linear_301x64_f32_relu({{.*}}, %[[THREAD]], %[[THREADS]])
// CHECK:         omp.barrier
// CHECK:         call @dejavu_row_sum_301x64_f32({{.*}}, %[[THREAD]], %[[THREADS]])
// CHECK:         omp.barrier
// CHECK:         call @dejavu_linear_300x64_f32({{.*}}, %[[THREAD]], %[[THREADS]])
// CHECK-NOT:     omp.barrier
// CHECK:         return

// -----

// A dense function takes memory and may end the call: a region for each shared
// kernel is all that is left.
module attributes {dejavu.source = "model.onnx"} {
  dejavu.weight @table : tensor<300x64xf32> from #dejavu.source<"w", offset = 0, length = 76800>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]
  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
                     %cache: !dejavu.kv_cache<2 x 32>) -> (tensor<?x?x300xf32>, !dejavu.kv_cache<2 x 32>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x64xf32>
    %c = dejavu.kv_append %cache, %x, %x : !dejavu.kv_cache<2 x 32>, tensor<?x?x64xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x?x64xf32>, !dejavu.kv_cache<2 x 32>, tensor<?xi64>
    %s = dejavu.residual_add %a, %x : tensor<?x?x64xf32>
    %l = dejavu.lm_head %s, @table from %from : tensor<?x?x64xf32> -> tensor<?x?x300xf32>
    return %l, %d : tensor<?x?x300xf32>, !dejavu.kv_cache<2 x 32>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
                    %cache: !dejavu.kv_cache<2 x 32>) -> (tensor<?x1x300xf32>, !dejavu.kv_cache<2 x 32>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x64xf32>
    %b = bufferization.to_buffer %x : tensor<?x1x64xf32> to memref<?x1x64xf32>
    %e = call @decode_dense(%b) : (memref<?x1x64xf32>) -> memref<?x1x64xf32>
    %y = bufferization.to_tensor %e restrict : memref<?x1x64xf32> to tensor<?x1x64xf32>
    %c = dejavu.kv_append %cache, %x, %x : !dejavu.kv_cache<2 x 32>, tensor<?x1x64xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x1x64xf32>, !dejavu.kv_cache<2 x 32>, tensor<?xi64>
    %s = dejavu.residual_add %a, %y : tensor<?x1x64xf32>
    %l = dejavu.lm_head %s, @table : tensor<?x1x64xf32> -> tensor<?x1x300xf32>
    return %l, %d : tensor<?x1x300xf32>, !dejavu.kv_cache<2 x 32>
  }
  func.func private @decode_dense(%x: memref<?x1x64xf32>) -> memref<?x1x64xf32> attributes {dejavu.dense}
}

// CHECK-LABEL: func.func @dejavu_decode(%arg0: !llvm.ptr) -> i32
// CHECK-NOT:     omp.parallel
// CHECK:         call @decode_dense
// CHECK-NOT:     omp.parallel
// CHECK:         call @dejavu_kv_append_2x32_decode({{.*}}, %c0, %c1)
// CHECK-NOT:     omp.parallel
// CHECK:         call @dejavu_attention_2of2x32_scale3F000000_uniform(
// CHECK:         omp.parallel {
// CHECK:           call @dejavu_linear_300x64_f32(
// CHECK-NEXT:      omp.terminator
