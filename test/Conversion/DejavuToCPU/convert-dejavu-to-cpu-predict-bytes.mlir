// A predictor of 8-bit integers: its kernels, bytes and place in the manifest.
// RUN: dejavu-opt %s --convert-dejavu-to-cpu=lanes=8 --canonicalize | FileCheck %s

// Of the predictor: 20 + 32 bytes of factors, 64 of the scale and 64 of the bias.
// CHECK: parts = {{{.*}} predictors = 180 : i64}
// CHECK-SAME: predictors = [{bias = "neuron_bias", first = "first", kind = "low_rank", scale = "neuron_scale", second = "second", select = "threshold", site = 0 : i64, threshold = 0.000000e+00 : f64, unit = "neuron"}]
module attributes {dejavu.source = "model.onnx", dejavu.predictors = "p.safetensors"} {
  dejavu.weight @table : tensor<7x10xf32> from #dejavu.source<"w", offset = 0, length = 280>
  dejavu.weight @square : tensor<10x10xf32> from #dejavu.source<"w", offset = 0, length = 400>
  dejavu.weight @up : tensor<16x10xf32> from #dejavu.source<"w", offset = 0, length = 640>
  dejavu.weight @down : tensor<16x10xf32> from #dejavu.source<"w", offset = 0, length = 640>
  dejavu.weight @first : tensor<2x10xi8> from #dejavu.source<"p.safetensors", offset = 0, length = 20, predictors>
  dejavu.weight @second : tensor<2x16xi8> from #dejavu.source<"p.safetensors", offset = 0, length = 32, predictors>
  dejavu.weight @neuron_scale : tensor<16xf32> from #dejavu.source<"p.safetensors", offset = 0, length = 64, predictors>
  dejavu.weight @neuron_bias : tensor<16xf32> from #dejavu.source<"p.safetensors", offset = 0, length = 64, predictors>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]

  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
      %cache: !dejavu.kv_cache<2 x 5>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<2 x 5>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x10xf32>
    %p = dejavu.predict low_rank %x, first = @first second = @second scale = @neuron_scale bias = @neuron_bias : tensor<?x?x10xf32> -> tensor<?x?x16xf32>
    %s = dejavu.select threshold %p at 0.0 : tensor<?x?x16xf32> -> !dejavu.active<neuron, 16>
    %q = dejavu.linear %x, @square : tensor<?x?x10xf32> -> tensor<?x?x10xf32>
    %c = dejavu.kv_append %cache, %q, %q : !dejavu.kv_cache<2 x 5>, tensor<?x?x10xf32>
    %a, %d = dejavu.attention %q, %c, %starts scale = 0.5 masked_rows = zero : tensor<?x?x10xf32>, !dejavu.kv_cache<2 x 5>, tensor<?xi64>
    %o = dejavu.linear %a, @square : tensor<?x?x10xf32> -> tensor<?x?x10xf32>
    %y = dejavu.residual_add %x, %o : tensor<?x?x10xf32>
    %f = dejavu.ffn relu %y, up = @up down = @down : tensor<?x?x10xf32>
    %z = dejavu.residual_add %y, %f : tensor<?x?x10xf32>
    %l = dejavu.lm_head %z, @table from %from : tensor<?x?x10xf32> -> tensor<?x?x7xf32>
    return %l, %d : tensor<?x?x7xf32>, !dejavu.kv_cache<2 x 5>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
      %cache: !dejavu.kv_cache<2 x 5>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<2 x 5>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x10xf32>
    %p = dejavu.predict low_rank %x, first = @first second = @second scale = @neuron_scale bias = @neuron_bias : tensor<?x1x10xf32> -> tensor<?x1x16xf32>
    %s = dejavu.select threshold %p at 0.0 : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %q = dejavu.linear %x, @square : tensor<?x1x10xf32> -> tensor<?x1x10xf32>
    %c = dejavu.kv_append %cache, %q, %q : !dejavu.kv_cache<2 x 5>, tensor<?x1x10xf32>
    %a, %d = dejavu.attention %q, %c, %starts scale = 0.5 masked_rows = zero : tensor<?x1x10xf32>, !dejavu.kv_cache<2 x 5>, tensor<?xi64>
    %o = dejavu.linear %a, @square : tensor<?x1x10xf32> -> tensor<?x1x10xf32>
    %y = dejavu.residual_add %x, %o : tensor<?x1x10xf32>
    %f = dejavu.sparse_ffn relu %y, %s, up = @up down = @down : tensor<?x1x10xf32>, !dejavu.active<neuron, 16>
    %z = dejavu.residual_add %y, %f : tensor<?x1x10xf32>
    %l = dejavu.lm_head %z, @table : tensor<?x1x10xf32> -> tensor<?x1x7xf32>
    return %l, %d : tensor<?x1x7xf32>, !dejavu.kv_cache<2 x 5>
  }
}

// The library multiplies f32 alone: in @prefill bytes are converted, in blocks.
// CHECK-LABEL: func.func @dejavu_prefill(
// CHECK:         call @dejavu_gemm_nt_2x10_i8({{.*}}memref<2x10xi8>, memref<?x2xf32>, index, index, memref<2x10xf32>)
// CHECK:         call @dejavu_scaled_row_sum_2x16_i8_bias
// CHECK-LABEL: func.func private @dejavu_gemm_nt_2x10_i8(
// CHECK:         arith.sitofp %{{.*}} : vector<8xi8> to vector<8xf32>
// CHECK:         call @dnnl_sgemm

// A bias is added to what the scale has made of the sums.
// CHECK-LABEL: func.func private @dejavu_scaled_row_sum_2x16_i8_bias(
// CHECK-SAME:    memref<2x16xi8>, %[[SCALE:.*]]: memref<16xf32>, %[[BIAS:.*]]: memref<16xf32>, %[[RESULT:[^:]*]]: memref<?x16xf32>
// CHECK:         arith.sitofp %{{.*}} : vector<8xi8> to vector<8xf32>
// CHECK:         %[[END:.*]] = vector.load %[[BIAS]]
// CHECK:         %[[SUM:.*]] = vector.load %[[RESULT]]
// CHECK:         %[[FACTOR:.*]] = vector.load %[[SCALE]]
// CHECK:         vector.fma %[[SUM]], %[[FACTOR]], %[[END]]

// In @decode the first factor is dot products, the second rows that are summed.
// CHECK-LABEL: func.func @dejavu_decode(
// CHECK:         call @dejavu_layer_norm_10_plain
// CHECK:         call @dejavu_linear_2x10_i8
// CHECK:         call @dejavu_scaled_row_sum_2x16_i8_bias
// CHECK:         call @dejavu_select_threshold_16
// CHECK-LABEL: func.func private @dejavu_linear_2x10_i8(
// CHECK:         arith.sitofp %{{.*}} : vector<8xi8> to vector<8xf32>
