// RUN: dejavu-opt %s --convert-dejavu-to-cpu=lanes=8 --canonicalize | FileCheck %s

// What the manifest will say: shapes, bytes, sparsity and sites.
// CHECK: module attributes {dejavu.manifest = {bytes_per_token =
// CHECK-SAME: selects = [{bytes_per_unit = 40 : i64, density = true, layer = 0 : i64, unit = "neuron", units = 12 : i64}]
// CHECK-SAME: layers = [{attention = {head_dim = 5 : i64, heads = 2 : i64, kv_heads = 1 : i64, sparsity = "dense"}, mlp = {activation = "relu", gated = false, neurons = 12 : i64, reason = "", sparsity = "exact"}
// CHECK-SAME: {layer = 0 : i64, name = "/attn/MatMul", op = "attention", site = 2 : i64, width = 10 : i64}
// CHECK-SAME: {layer = 0 : i64, name = "", op = "ffn", site = 3 : i64, width = 10 : i64}
// Lifetimes: of the seven values of a decode step no more than four live at once.
// CHECK-SAME: workspace = {decode = {bytes_fixed = 0 : i64, bytes_per_row = 256 : i64}, prefill = {bytes_fixed = 0 : i64, bytes_per_row = 192 : i64}}
module attributes {dejavu.source = "model.onnx"} {
  // CHECK-NOT: @unused
  dejavu.weight @unused : tensor<9xf32> from #dejavu.source<"w", offset = 0, length = 36>
  // CHECK: dejavu.weight @table
  dejavu.weight @table : tensor<7x10xf32> from #dejavu.source<"w", offset = 0, length = 280>
  dejavu.weight @key : tensor<5x10xf32> from #dejavu.source<"w", offset = 0, length = 200>
  dejavu.weight @up : tensor<12x10xf32> from #dejavu.source<"w", offset = 0, length = 480>
  dejavu.weight @down : tensor<12x10xf32> from #dejavu.source<"w", offset = 0, length = 480>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]

  // CHECK-NOT: dejavu.embed
  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
                     %cache: !dejavu.kv_cache<1 x 5>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 5>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x10xf32>
    %k = dejavu.linear %x, @key : tensor<?x?x10xf32> -> tensor<?x?x5xf32>
    %c = dejavu.kv_append %cache, %k, %k : !dejavu.kv_cache<1 x 5>, tensor<?x?x5xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x?x10xf32>, !dejavu.kv_cache<1 x 5>, tensor<?xi64> loc("/attn/MatMul")
    %f = dejavu.ffn relu %a, up = @up down = @down : tensor<?x?x10xf32>
    %l = dejavu.lm_head %f, @table from %from : tensor<?x?x10xf32> -> tensor<?x?x7xf32>
    return %l, %d : tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 5>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
                    %cache: !dejavu.kv_cache<1 x 5>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 5>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x10xf32>
    %k = dejavu.linear %x, @key : tensor<?x1x10xf32> -> tensor<?x1x5xf32>
    %c = dejavu.kv_append %cache, %k, %k : !dejavu.kv_cache<1 x 5>, tensor<?x1x5xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x1x10xf32>, !dejavu.kv_cache<1 x 5>, tensor<?xi64>
    %h = dejavu.linear %a, @up activation = relu : tensor<?x1x10xf32> -> tensor<?x1x12xf32>
    %s = dejavu.select exact %h : tensor<?x1x12xf32> -> !dejavu.active<neuron, 12>
    %f = dejavu.sparse_linear %h, %s, @down : tensor<?x1x12xf32>, !dejavu.active<neuron, 12> -> tensor<?x1x10xf32>
    %l = dejavu.lm_head %f, @table : tensor<?x1x10xf32> -> tensor<?x1x7xf32>
    return %l, %d : tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 5>
  }
}

// CHECK-LABEL: func.func @dejavu_prefill(%arg0: !llvm.ptr) -> i32
// CHECK:         call @dejavu_embed_7x10_f32_prefill
// CHECK:         scf.if
// CHECK:           call @dejavu_rt_tap
// CHECK:         call @dejavu_gemm_nt_5x10_f32
// CHECK:         call @dejavu_kv_append_1x5_prefill
// CHECK:         call @dejavu_attention_2of1x5_scale3F000000_uniform
// CHECK:         call @dejavu_gemm_nt_12x10_f32
// CHECK:         call @dejavu_epilogue_12_relu
// CHECK:         call @dejavu_gemm_nn_12x10_f32
// Only the last tokens of each sequence have logits.
// CHECK:         scf.for
// CHECK:           call @dejavu_gemm_nt_7x10_f32
// CHECK:         return %{{.*}} : i32

// Kernels are private to the object file, and shared.
// CHECK-LABEL: func.func private @dejavu_embed_7x10_f32_prefill(
// CHECK-SAME:      llvm.linkage = #llvm.linkage<internal>
// CHECK:         scf.parallel
// CHECK:           vector.load
// The two columns that fill no vector.
// CHECK:           vector.maskedload

// CHECK-LABEL: func.func private @dejavu_gemm_nt_5x10_f32(
// CHECK:         call @dnnl_sgemm

// CHECK-LABEL: func.func @dejavu_decode(%arg0: !llvm.ptr) -> i32
// CHECK:         call @dejavu_linear_5x10_f32
// CHECK:         call @dejavu_kv_append_1x5_decode
// CHECK:         call @dejavu_attention_2of1x5_scale3F000000_uniform
// CHECK:         call @dejavu_linear_12x10_f32_relu
// CHECK:         call @dejavu_select_exact_12
// CHECK:         call @dejavu_rt_count_active
// CHECK:         call @dejavu_sparse_row_sum_12x10_f32
// CHECK:         call @dejavu_linear_7x10_f32

// CHECK-LABEL: func.func private @dejavu_select_exact_12(
// A NaN is not zero.
// CHECK:         arith.cmpf une
