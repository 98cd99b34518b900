// A decoder of two layers alike, whose MLPs and heads are predicted: what stands
// in the manifest, and which kernels are called in which order.
// RUN: dejavu-opt %s --convert-dejavu-to-cpu=lanes=8 --canonicalize -o %t
// RUN: FileCheck %s < %t
// RUN: FileCheck %s --check-prefix=TAPS < %t
// RUN: FileCheck %s --check-prefix=COUNTS < %t
// RUN: sed -n '/func @dejavu_decode/,$p' %t | grep 'func.func private' | FileCheck %s --check-prefix=SHARED

// CHECK: module attributes {dejavu.manifest = {bytes_per_token =
// A bias of an output is read whatever is selected. Predictors are 376 bytes in
// each layer (80 + 16 + 8 for heads, 80 + 128 + 64 for neurons), and no part of a
// dense program.
// CHECK-SAME: always = 1312 : i64, dense = 6480 : i64
// CHECK-SAME: dense_parts = {attention = 3440 : i64, embedding = 40 : i64, lm_head = 280 : i64, mlp = 2640 : i64, norms = 80 : i64, other = 0 : i64, predictors = 0 : i64}
// CHECK-SAME: parts = {attention = 80 : i64, embedding = 40 : i64, lm_head = 280 : i64, mlp = 80 : i64, norms = 80 : i64, other = 0 : i64, predictors = 752 : i64}
// In program order: the sets of layer 0, its deferred heads, the sets of layer 1,
// which are chosen early, the active neurons of layer 0, and so on. A head has
// 220 bytes of the queries' weight and bias and 200 of the outputs' weight; 220 of
// the keys' and 200 of the values'.
// CHECK-SAME: selects = [{bytes_per_unit = 420 : i64, density = true, layer = 0 : i64, unit = "kv_group", units = 2 : i64}, {bytes_per_unit = 40 : i64, density = true, layer = 0 : i64, unit = "neuron", units = 16 : i64}, {bytes_per_unit = 420 : i64, density = false, layer = 0 : i64, unit = "kv_group", units = 2 : i64},
// CHECK-SAME: {bytes_per_unit = 420 : i64, density = true, layer = 1 : i64, unit = "kv_group", units = 2 : i64}, {bytes_per_unit = 40 : i64, density = true, layer = 1 : i64, unit = "neuron", units = 16 : i64}, {bytes_per_unit = 40 : i64, density = false, layer = 0 : i64, unit = "neuron", units = 16 : i64},
// CHECK-SAME: {bytes_per_unit = 420 : i64, density = false, layer = 1 : i64, unit = "kv_group", units = 2 : i64}, {bytes_per_unit = 40 : i64, density = false, layer = 1 : i64, unit = "neuron", units = 16 : i64}]
// Hidden sites follow the 20 taps.
// CHECK-SAME: hidden_taps = [{layer = 0 : i64, site = 20 : i64, width = 16 : i64}, {layer = 1 : i64, site = 21 : i64, width = 16 : i64}]
// CHECK-SAME: layers = [{attention = {deferred = {ring = 4 : i64, width = 10 : i64}, head_dim = 5 : i64, heads = 2 : i64, kv_heads = 2 : i64, sparsity = "predicted"}, mlp = {activation = "relu", gated = false, neurons = 16 : i64, reason = "", sparsity = "predicted"}
// CHECK-SAME: predictors = [{active = 1.250000e-01 : f64, bias = "head_bias", density = 2.500000e-01 : f64, first = "first0", kind = "low_rank", loss = 6.250000e-02 : f64, recall = 9.375000e-01 : f64, second = "head_second", select = "threshold", site = 0 : i64, threshold = -5.000000e-01 : f64, unit = "kv_group"}, {bias = "neuron_bias", first = "first0", k = 4 : i64, kind = "low_rank", second = "neuron_second", select = "top_k", site = 0 : i64, unit = "neuron"}]
// CHECK-SAME: weights = {attention_norm = "scale", down = "down0", key = "key0", output = "out0", query = "query0", up = "up0", value = "value0"}
// Those of layer 1 read what enters the MLP of layer 0: its ffn_in.
// CHECK-SAME: predictors = [{{{.*}} first = "first1"{{.*}} site = 7 : i64, {{.*}} unit = "kv_group"}, {{{.*}} first = "first1"{{.*}} site = 7 : i64, {{.*}}unit = "neuron"}]
// CHECK-SAME: look_ahead = {layers = [{attention_in = 0 : i64, attention_out = 5 : i64, ffn_in = 7 : i64, gate = -1 : i64, hidden = 20 : i64}, {attention_in = 9 : i64, attention_out = 14 : i64, ffn_in = 16 : i64, gate = -1 : i64, hidden = 21 : i64}]}
// CHECK-SAME: sparsity = "predicted"
module attributes {dejavu.source = "model.onnx", dejavu.predictors = "p.safetensors"} {
  dejavu.weight @table : tensor<7x10xf32> from #dejavu.source<"w", offset = 0, length = 280>
  dejavu.weight @scale : tensor<10xf32> from #dejavu.source<"w", offset = 0, length = 40>
  dejavu.weight @bias : tensor<10xf32> from #dejavu.source<"w", offset = 0, length = 40>
  dejavu.weight @query0 : tensor<10x10xf32> from #dejavu.source<"w", offset = 0, length = 400>
  dejavu.weight @key0 : tensor<10x10xf32> from #dejavu.source<"w", offset = 0, length = 400>
  dejavu.weight @value0 : tensor<10x10xf32> from #dejavu.source<"w", offset = 0, length = 400>
  dejavu.weight @out0 : tensor<10x10xf32> from #dejavu.source<"w", offset = 0, length = 400>
  dejavu.weight @up0 : tensor<16x10xf32> from #dejavu.source<"w", offset = 0, length = 640>
  dejavu.weight @down0 : tensor<16x10xf32> from #dejavu.source<"w", offset = 0, length = 640>
  dejavu.weight @first0 : tensor<2x10xf32> from #dejavu.source<"p.safetensors", offset = 0, length = 80, predictors>
  dejavu.weight @query1 : tensor<10x10xf32> from #dejavu.source<"w", offset = 0, length = 400>
  dejavu.weight @key1 : tensor<10x10xf32> from #dejavu.source<"w", offset = 0, length = 400>
  dejavu.weight @value1 : tensor<10x10xf32> from #dejavu.source<"w", offset = 0, length = 400>
  dejavu.weight @out1 : tensor<10x10xf32> from #dejavu.source<"w", offset = 0, length = 400>
  dejavu.weight @up1 : tensor<16x10xf32> from #dejavu.source<"w", offset = 0, length = 640>
  dejavu.weight @down1 : tensor<16x10xf32> from #dejavu.source<"w", offset = 0, length = 640>
  dejavu.weight @first1 : tensor<2x10xf32> from #dejavu.source<"p.safetensors", offset = 0, length = 80, predictors>
  dejavu.weight @head_second : tensor<2x2xf32> from #dejavu.source<"p.safetensors", offset = 0, length = 16, predictors>
  dejavu.weight @head_bias : tensor<2xf32> from #dejavu.source<"p.safetensors", offset = 0, length = 8, predictors>
  dejavu.weight @neuron_second : tensor<2x16xf32> from #dejavu.source<"p.safetensors", offset = 0, length = 128, predictors>
  dejavu.weight @neuron_bias : tensor<16xf32> from #dejavu.source<"p.safetensors", offset = 0, length = 64, predictors>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]

  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
      %cache0: !dejavu.kv_cache<2 x 5>, %cache1: !dejavu.kv_cache<2 x 5>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<2 x 5>, !dejavu.kv_cache<2 x 5>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x0 = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x10xf32>
    %n0 = dejavu.norm layer %x0, @scale {epsilon = 1.0 : f32} : tensor<?x?x10xf32>
    %q0 = dejavu.linear %n0, @query0, @bias : tensor<?x?x10xf32> -> tensor<?x?x10xf32>
    %k0 = dejavu.linear %n0, @key0, @bias : tensor<?x?x10xf32> -> tensor<?x?x10xf32>
    %v0 = dejavu.linear %n0, @value0 : tensor<?x?x10xf32> -> tensor<?x?x10xf32>
    %c0 = dejavu.kv_append %cache0, %k0, %v0 : !dejavu.kv_cache<2 x 5>, tensor<?x?x10xf32>
    %a0, %d0 = dejavu.attention %q0, %c0, %starts scale = 0.5 masked_rows = zero : tensor<?x?x10xf32>, !dejavu.kv_cache<2 x 5>, tensor<?xi64>
    %o0 = dejavu.linear %a0, @out0, @bias in_major : tensor<?x?x10xf32> -> tensor<?x?x10xf32>
    %y0 = dejavu.residual_add %x0, %o0 : tensor<?x?x10xf32>
    %f0 = dejavu.ffn relu %y0, up = @up0 down = @down0, @bias : tensor<?x?x10xf32>
    %x1 = dejavu.residual_add %y0, %f0 : tensor<?x?x10xf32>
    %n1 = dejavu.norm layer %x1, @scale {epsilon = 1.0 : f32} : tensor<?x?x10xf32>
    %q1 = dejavu.linear %n1, @query1, @bias : tensor<?x?x10xf32> -> tensor<?x?x10xf32>
    %k1 = dejavu.linear %n1, @key1, @bias : tensor<?x?x10xf32> -> tensor<?x?x10xf32>
    %v1 = dejavu.linear %n1, @value1 : tensor<?x?x10xf32> -> tensor<?x?x10xf32>
    %c1 = dejavu.kv_append %cache1, %k1, %v1 : !dejavu.kv_cache<2 x 5>, tensor<?x?x10xf32>
    %a1, %d1 = dejavu.attention %q1, %c1, %starts scale = 0.5 masked_rows = zero : tensor<?x?x10xf32>, !dejavu.kv_cache<2 x 5>, tensor<?xi64>
    %o1 = dejavu.linear %a1, @out1, @bias in_major : tensor<?x?x10xf32> -> tensor<?x?x10xf32>
    %y1 = dejavu.residual_add %x1, %o1 : tensor<?x?x10xf32>
    %f1 = dejavu.ffn relu %y1, up = @up1 down = @down1, @bias : tensor<?x?x10xf32>
    %x2 = dejavu.residual_add %y1, %f1 : tensor<?x?x10xf32>
    %l = dejavu.lm_head %x2, @table from %from : tensor<?x?x10xf32> -> tensor<?x?x7xf32>
    return %l, %d0, %d1 : tensor<?x?x7xf32>, !dejavu.kv_cache<2 x 5>, !dejavu.kv_cache<2 x 5>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
      %cache0: !dejavu.kv_cache<2 x 5>, %cache1: !dejavu.kv_cache<2 x 5>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<2 x 5>, !dejavu.kv_cache<2 x 5>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x0 = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x10xf32>
    %ph0 = dejavu.predict low_rank %x0, first = @first0 second = @head_second bias = @head_bias : tensor<?x1x10xf32> -> tensor<?x1x2xf32>
    %h0 = dejavu.select threshold %ph0 at -0.5 profile = <density = 0.25, active = 0.125, recall = 0.9375, loss = 0.0625> : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
    %pn0 = dejavu.predict low_rank %x0, first = @first0 second = @neuron_second bias = @neuron_bias : tensor<?x1x10xf32> -> tensor<?x1x16xf32>
    %s0 = dejavu.select top_k %pn0 k = 4 : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %n0 = dejavu.norm layer %x0, @scale {epsilon = 1.0 : f32} : tensor<?x1x10xf32>
    %q0 = dejavu.gather_linear %n0, %h0, @query0, @bias : tensor<?x1x10xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x10xf32>
    %c0 = dejavu.kv_append_deferred %cache0, %n0, %h0 key = @key0, @bias value = @value0 ring = 4 : !dejavu.kv_cache<2 x 5>, tensor<?x1x10xf32>, !dejavu.active<kv_group, 2>
    %a0, %d0 = dejavu.sparse_attention %q0, %c0, %starts, %h0 scale = 0.5 masked_rows = zero : tensor<?x1x10xf32>, !dejavu.kv_cache<2 x 5>, tensor<?xi64>, !dejavu.active<kv_group, 2>
    %o0 = dejavu.sparse_linear %a0, %h0, @out0, @bias : tensor<?x1x10xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x10xf32>
    %y0 = dejavu.residual_add %x0, %o0 : tensor<?x1x10xf32>
    %ph1 = dejavu.predict low_rank %y0, first = @first1 second = @head_second bias = @head_bias : tensor<?x1x10xf32> -> tensor<?x1x2xf32>
    %h1 = dejavu.select threshold %ph1 at -0.5 profile = <density = 0.25, active = 0.125, recall = 0.9375, loss = 0.0625> : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
    %pn1 = dejavu.predict low_rank %y0, first = @first1 second = @neuron_second bias = @neuron_bias : tensor<?x1x10xf32> -> tensor<?x1x16xf32>
    %s1 = dejavu.select top_k %pn1 k = 4 : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %f0 = dejavu.sparse_ffn relu %y0, %s0, up = @up0 down = @down0, @bias : tensor<?x1x10xf32>, !dejavu.active<neuron, 16>
    %x1 = dejavu.residual_add %y0, %f0 : tensor<?x1x10xf32>
    %n1 = dejavu.norm layer %x1, @scale {epsilon = 1.0 : f32} : tensor<?x1x10xf32>
    %q1 = dejavu.gather_linear %n1, %h1, @query1, @bias : tensor<?x1x10xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x10xf32>
    %c1 = dejavu.kv_append_deferred %cache1, %n1, %h1 key = @key1, @bias value = @value1 ring = 4 : !dejavu.kv_cache<2 x 5>, tensor<?x1x10xf32>, !dejavu.active<kv_group, 2>
    %a1, %d1 = dejavu.sparse_attention %q1, %c1, %starts, %h1 scale = 0.5 masked_rows = zero : tensor<?x1x10xf32>, !dejavu.kv_cache<2 x 5>, tensor<?xi64>, !dejavu.active<kv_group, 2>
    %o1 = dejavu.sparse_linear %a1, %h1, @out1, @bias : tensor<?x1x10xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x10xf32>
    %y1 = dejavu.residual_add %x1, %o1 : tensor<?x1x10xf32>
    %f1 = dejavu.sparse_ffn relu %y1, %s1, up = @up1 down = @down1, @bias : tensor<?x1x10xf32>, !dejavu.active<neuron, 16>
    %x2 = dejavu.residual_add %y1, %f1 : tensor<?x1x10xf32>
    %l = dejavu.lm_head %x2, @table : tensor<?x1x10xf32> -> tensor<?x1x7xf32>
    return %l, %d0, %d1 : tensor<?x1x7xf32>, !dejavu.kv_cache<2 x 5>, !dejavu.kv_cache<2 x 5>
  }
}

// The output projection is read by rows of its input in @prefill, too.
// CHECK-LABEL: func.func @dejavu_prefill(
// CHECK:         call @dejavu_gemm_nt_10x10_f32
// CHECK:         call @dejavu_attention_2of2x5_scale3F000000_zero
// CHECK:         call @dejavu_gemm_nn_10x10_f32
// CHECK:         call @dejavu_gemm_nt_16x10_f32
// CHECK:         call @dejavu_gemm_nn_16x10_f32

// Predictors of layer 0, heads and neurons, where the residual stream begins.
// CHECK-LABEL: func.func @dejavu_decode(
// CHECK:         call @dejavu_embed_7x10_f32_decode
// CHECK:         call @dejavu_layer_norm_10_plain_eps3727C5AC_decode
// CHECK:         call @dejavu_linear_2x10_f32
// CHECK:         call @dejavu_row_sum_2x2_f32_bias
// CHECK:         call @dejavu_select_threshold_2
// CHECK:         call @dejavu_rt_count_active
// CHECK:         call @dejavu_layer_norm_10_plain_eps3727C5AC_decode
// CHECK:         call @dejavu_linear_2x10_f32
// CHECK:         call @dejavu_row_sum_2x16_f32_bias
// CHECK:         call @dejavu_select_top_k_16
// CHECK:         call @dejavu_rt_count_active
// Attention of some heads: indices of heads become those of features, once, for
// queries and outputs.
// CHECK:         call @dejavu_layer_norm_10_eps3F800000_decode
// CHECK:         call @dejavu_expand_2x5
// CHECK:         call @dejavu_gather_linear_10x10_f32_bias
// CHECK:         call @dejavu_deferred_2x5_of10_ring4_f32bias_f32
// CHECK:         call @dejavu_rt_count_active
// CHECK:         call @dejavu_sparse_attention_2of2x5_scale3F000000_zero
// CHECK:         call @dejavu_sparse_row_sum_10x10_f32_bias
// CHECK:         call @dejavu_add_10_decode
// Predictors of layer 1 come before the MLP of layer 0.
// CHECK:         call @dejavu_layer_norm_10_plain_eps3727C5AC_decode
// CHECK:         call @dejavu_linear_2x10_f32
// CHECK:         call @dejavu_row_sum_2x2_f32_bias
// CHECK:         call @dejavu_select_threshold_2
// CHECK:         call @dejavu_rt_count_active
// CHECK:         call @dejavu_layer_norm_10_plain_eps3727C5AC_decode
// CHECK:         call @dejavu_linear_2x10_f32
// CHECK:         call @dejavu_row_sum_2x16_f32_bias
// CHECK:         call @dejavu_select_top_k_16
// CHECK:         call @dejavu_rt_count_active
// An MLP: the up projection of the set, what of it is not zero, and its rows of
// the down projection. The hidden layer is not cleared: "only".
// CHECK:         call @dejavu_gather_linear_16x10_f32_relu_only
// CHECK:         call @dejavu_filter_16
// CHECK:         call @dejavu_rt_count_active
// CHECK:         call @dejavu_sparse_row_sum_16x10_f32_bias
// CHECK:         call @dejavu_add_10_decode
// CHECK:         call @dejavu_layer_norm_10_eps3F800000_decode
// CHECK:         call @dejavu_expand_2x5
// CHECK:         call @dejavu_gather_linear_10x10_f32_bias
// CHECK:         call @dejavu_deferred_2x5_of10_ring4_f32bias_f32
// CHECK:         call @dejavu_rt_count_active
// CHECK:         call @dejavu_sparse_attention_2of2x5_scale3F000000_zero
// CHECK:         call @dejavu_sparse_row_sum_10x10_f32_bias
// CHECK:         call @dejavu_add_10_decode
// CHECK:         call @dejavu_gather_linear_16x10_f32_relu_only
// CHECK:         call @dejavu_filter_16
// CHECK:         call @dejavu_rt_count_active
// CHECK:         call @dejavu_sparse_row_sum_16x10_f32_bias
// CHECK:         call @dejavu_add_10_decode
// CHECK:         call @dejavu_linear_7x10_f32

// Values that the program does not make, those of keys and values (3, 4, 12, 13),
// are not shown; the others have the numbers of @prefill.
// TAPS-LABEL: func.func @dejavu_decode(
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c0_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c1_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c2_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c5_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c6_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c7_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c8_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c9_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c10_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c11_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c14_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c15_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c16_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c17_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c18_i64,
// TAPS:         func.call @dejavu_rt_tap(%{{[0-9]+}}, %c19_i64,
// TAPS-NOT:     func.call @dejavu_rt_tap(
// TAPS:         return

// Counters have the numbers of the manifest, in program order.
// COUNTS-LABEL: func.func @dejavu_decode(
// COUNTS:       call @dejavu_rt_count_active(%{{[0-9]+}}, %c0_i64,
// COUNTS:       call @dejavu_rt_count_active(%{{[0-9]+}}, %c1_i64,
// COUNTS:       call @dejavu_rt_count_active(%{{[0-9]+}}, %c2_i64,
// COUNTS:       call @dejavu_rt_count_active(%{{[0-9]+}}, %c3_i64,
// COUNTS:       call @dejavu_rt_count_active(%{{[0-9]+}}, %c4_i64,
// COUNTS:       call @dejavu_rt_count_active(%{{[0-9]+}}, %c5_i64,
// COUNTS:       call @dejavu_rt_count_active(%{{[0-9]+}}, %c6_i64,
// COUNTS:       call @dejavu_rt_count_active(%{{[0-9]+}}, %c7_i64,
// COUNTS-NOT:   call @dejavu_rt_count_active(

// Both layers call the same kernels: these are all that @decode has of its own.
// SHARED:      func.func private @dejavu_embed_7x10_f32_decode(
// SHARED-NEXT: func.func private @__kmpc_barrier_master(
// SHARED-NEXT: func.func private @dejavu_layer_norm_10_plain_eps3727C5AC_decode(
// SHARED-NEXT: func.func private @dejavu_linear_2x10_f32(
// SHARED-NEXT: func.func private @dejavu_row_sum_2x2_f32_bias(
// SHARED-NEXT: func.func private @dejavu_select_threshold_2(
// SHARED-NEXT: func.func private @dejavu_rt_count_active(
// SHARED-NEXT: func.func private @dejavu_row_sum_2x16_f32_bias(
// SHARED-NEXT: func.func private @dejavu_select_top_k_16(
// SHARED-NEXT: func.func private @dejavu_layer_norm_10_eps3F800000_decode(
// SHARED-NEXT: func.func private @dejavu_expand_2x5(
// SHARED-NEXT: func.func private @dejavu_gather_linear_10x10_f32_bias(
// SHARED-NEXT: func.func private @dejavu_deferred_2x5_of10_ring4_f32bias_f32_plan(
// SHARED-NEXT: func.func private @dejavu_deferred_2x5_of10_ring4_f32bias_f32(
// SHARED-NEXT: func.func private @dejavu_sparse_attention_2of2x5_scale3F000000_zero(
// SHARED-NEXT: func.func private @__kmpc_end_barrier_master(
// SHARED-NEXT: func.func private @dejavu_sparse_row_sum_10x10_f32_bias(
// SHARED-NEXT: func.func private @dejavu_add_10_decode(
// SHARED-NEXT: func.func private @dejavu_gather_linear_16x10_f32_relu_only(
// SHARED-NEXT: func.func private @dejavu_filter_16(
// SHARED-NEXT: func.func private @dejavu_sparse_row_sum_16x10_f32_bias(
// SHARED-NEXT: func.func private @dejavu_linear_7x10_f32(
// SHARED-NOT: func.func private
