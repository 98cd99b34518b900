// What families with rotary embedding, gated MLPs and windows lower to. The
// scales are read by a recipe alone: they have no number and stay private.
// RUN: dejavu-opt %s --convert-dejavu-to-cpu=lanes=8 --canonicalize | FileCheck %s

// CHECK: module attributes {dejavu.manifest = {bytes_per_token =
// A row of the up and one of the down projection.
// CHECK-SAME: selects = [{bytes_per_unit = 80 : i64, density = true, layer = 0 : i64, unit = "neuron", units = 12 : i64}]
// CHECK-SAME: gated = true, neurons = 12 : i64
module attributes {dejavu.source = "model.onnx"} {
  // CHECK: dejavu.weight @table : tensor<7x10xf32>
  dejavu.weight @table : tensor<7x10xf32> from #dejavu.source<"w", offset = 0, length = 70>
      as tensor<7x10xi8> via [#dejavu.dequantize<scales = @scales, axis = 1, block_size = 10>]
  // CHECK: dejavu.weight @scales : {{.*}} {sym_visibility = "private"}
  dejavu.weight @scales : tensor<7x1xf32> from #dejavu.source<"w", offset = 0, length = 28>
  dejavu.weight @frequencies : tensor<2xf32> from #dejavu.source<"w", offset = 0, length = 8>
  dejavu.weight @scale : tensor<5xf32> from #dejavu.source<"w", offset = 0, length = 20>
  dejavu.weight @key : tensor<5x10xf32> from #dejavu.source<"w", offset = 0, length = 200>
  dejavu.weight @gate : tensor<12x10xf32> from #dejavu.source<"w", offset = 0, length = 480>
  dejavu.weight @up : tensor<12x10xf32> from #dejavu.source<"w", offset = 0, length = 480>
  dejavu.weight @down : tensor<12x10xf32> from #dejavu.source<"w", offset = 0, length = 480>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]

  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
                     %cache: !dejavu.kv_cache<1 x 5>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 5>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table {scale = 2.0 : f32} : tensor<?x?xi64> -> tensor<?x?x10xf32>
    %t = dejavu.rope_table %positions, @frequencies : tensor<?x?xi64> -> tensor<?x?x4xf32>
    %k = dejavu.linear %x, @key : tensor<?x?x10xf32> -> tensor<?x?x5xf32>
    %n = dejavu.norm rms %x, @scale {epsilon = 1.0 : f32, groups = 2 : i64} : tensor<?x?x10xf32>
    %q = dejavu.rope %n, %t heads = 2 : tensor<?x?x10xf32>, tensor<?x?x4xf32>
    %c = dejavu.kv_append %cache, %k, %k : !dejavu.kv_cache<1 x 5>, tensor<?x?x5xf32>
    %a, %d = dejavu.attention %q, %c, %starts scale = 0.5 masked_rows = zero
        {alibi = array<f32: 0.5, 0.25>, softcap = 2.0 : f32, window = 3 : i64}
        : tensor<?x?x10xf32>, !dejavu.kv_cache<1 x 5>, tensor<?xi64>
    %f = dejavu.ffn relu %a, gate = @gate up = @up down = @down : tensor<?x?x10xf32>
    %e = dejavu.ffn silu %f, gate = @gate up = @up down = @down : tensor<?x?x10xf32>
    %l = dejavu.lm_head %e, @table from %from {softcap = 2.0 : f32} : tensor<?x?x10xf32> -> tensor<?x?x7xf32>
    return %l, %d : tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 5>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
                    %cache: !dejavu.kv_cache<1 x 5>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 5>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table {scale = 2.0 : f32} : tensor<?x1xi64> -> tensor<?x1x10xf32>
    %t = dejavu.rope_table %positions, @frequencies : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %k = dejavu.linear %x, @key : tensor<?x1x10xf32> -> tensor<?x1x5xf32>
    %n = dejavu.norm rms %x, @scale {epsilon = 1.0 : f32, groups = 2 : i64} : tensor<?x1x10xf32>
    %q = dejavu.rope %n, %t heads = 2 : tensor<?x1x10xf32>, tensor<?x1x4xf32>
    %c = dejavu.kv_append %cache, %k, %k : !dejavu.kv_cache<1 x 5>, tensor<?x1x5xf32>
    %a, %d = dejavu.attention %q, %c, %starts scale = 0.5 masked_rows = zero
        {alibi = array<f32: 0.5, 0.25>, softcap = 2.0 : f32, window = 3 : i64}
        : tensor<?x1x10xf32>, !dejavu.kv_cache<1 x 5>, tensor<?xi64>
    %g = dejavu.linear %a, @gate activation = relu : tensor<?x1x10xf32> -> tensor<?x1x12xf32>
    %s = dejavu.select exact %g : tensor<?x1x12xf32> -> !dejavu.active<neuron, 12>
    %h = dejavu.gather_linear %a, %s, @up times(%g : tensor<?x1x12xf32>) : tensor<?x1x10xf32>, !dejavu.active<neuron, 12> -> tensor<?x1x12xf32>
    %f = dejavu.sparse_linear %h, %s, @down : tensor<?x1x12xf32>, !dejavu.active<neuron, 12> -> tensor<?x1x10xf32>
    // A dense one, for comparison: gate and up share a kernel.
    %e = dejavu.ffn silu %f, gate = @gate up = @up down = @down : tensor<?x1x10xf32>
    %l = dejavu.lm_head %e, @table {softcap = 2.0 : f32} : tensor<?x1x10xf32> -> tensor<?x1x7xf32>
    return %l, %d : tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 5>
  }
}

// CHECK-LABEL: func.func @dejavu_prefill(%arg0: !llvm.ptr) -> i32
// CHECK:         call @dejavu_embed_7x10_f32_scale40000000_prefill
// CHECK:         call @dejavu_rope_table_4_scale3F800000
// Two rows of five for each row.
// CHECK:         call @dejavu_rms_norm_5_eps3F800000_prefill({{.*}}) : (memref<?x5xf32>, memref<5xf32>, memref<?x5xf32>, index)
// CHECK:         call @dejavu_rope_2x5_4_prefill
// CHECK:         %[[SLOPES:.*]] = memref.get_global @dejavu_constants_0
// CHECK:         call @dejavu_attention_2of1x5_scale3F000000_cap40000000_window3_alibi_zero({{.*}}, %[[SLOPES]])
// CHECK:         call @dejavu_gemm_nt_12x10_f32
// CHECK:         call @dejavu_gemm_nt_12x10_f32
// The gate can be watched before it is multiplied.
// CHECK:         call @dejavu_epilogue_12_relu
// CHECK:         call @dejavu_gate_12(
// CHECK:         call @dejavu_gemm_nn_12x10_f32
// CHECK:         call @dejavu_epilogue_7_cap40000000

// Cosines and sines are libm's.
// CHECK-LABEL: func.func private @dejavu_rope_table_4_scale3F800000(
// CHECK:         call @cosf
// CHECK:         call @sinf

// Both entry points share the constants.
// CHECK: memref.global "private" constant @dejavu_constants_0 : memref<2xf32> = dense<[5.000000e-01, 2.500000e-01]>
// CHECK-NOT: memref.global

// CHECK-LABEL: func.func @dejavu_decode(%arg0: !llvm.ptr) -> i32
// CHECK:         call @dejavu_linear_12x10_f32_relu
// CHECK:         call @dejavu_select_exact_12
// CHECK:         call @dejavu_gather_linear_12x10_f32
// CHECK:         call @dejavu_sparse_row_sum_12x10_f32
// CHECK:         call @dejavu_gated_12x10_f32_silu_12x10_f32
// CHECK:         call @dejavu_row_sum_12x10_f32
// CHECK:         call @dejavu_linear_7x10_f32_cap40000000
