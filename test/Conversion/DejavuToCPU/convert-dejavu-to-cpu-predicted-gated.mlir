// The other forms: signs, groups of heads that share keys, a gate without exact
// zeros, rotated keys, and a layer of magnitudes.
// RUN: dejavu-opt %s --convert-dejavu-to-cpu=lanes=8 --canonicalize | FileCheck %s

// CHECK: module attributes {dejavu.manifest = {bytes_per_token =
// CHECK-SAME: always = 1060 : i64, dense = 3332 : i64
// The gate of layer 1 is read in full, and attention of layer 1: 388 with the
// frequencies.
// CHECK-SAME: parts = {attention = 388 : i64, embedding = 32 : i64, lm_head = 224 : i64, mlp = 384 : i64, norms = 0 : i64, other = 0 : i64, predictors = 32 : i64}
// A neuron of layer 0 has 32 + 16 + 32 bytes, all under one counter, since no
// activation is exactly zero. Of layer 1 the set of the gate is that of the block,
// and the one of the product counts bytes alone.
// CHECK-SAME: selects = [{bytes_per_unit = 256 : i64, density = true, layer = 0 : i64, unit = "kv_group", units = 2 : i64}, {bytes_per_unit = 80 : i64, density = true, layer = 0 : i64, unit = "neuron", units = 12 : i64}, {bytes_per_unit = 128 : i64, density = false, layer = 0 : i64, unit = "kv_group", units = 2 : i64},
// CHECK-SAME: {bytes_per_unit = 16 : i64, density = true, layer = 1 : i64, unit = "neuron", units = 12 : i64}, {bytes_per_unit = 32 : i64, density = false, layer = 1 : i64, unit = "neuron", units = 12 : i64}]
// A hidden site and one of the gate for each layer. Kept are eight features, and
// an angle of two numbers.
// CHECK-SAME: hidden_taps = [{layer = 0 : i64, site = 16 : i64, width = 12 : i64}, {layer = 0 : i64, site = 17 : i64, width = 12 : i64}, {layer = 1 : i64, site = 18 : i64, width = 12 : i64}, {layer = 1 : i64, site = 19 : i64, width = 12 : i64}]
// CHECK-SAME: layers = [{attention = {deferred = {ring = 3 : i64, width = 10 : i64}, head_dim = 2 : i64, heads = 4 : i64, kv_heads = 2 : i64, sparsity = "predicted"}, mlp = {activation = "silu", gated = true, neurons = 12 : i64, reason = "", sparsity = "predicted"}
// CHECK-SAME: predictors = [{first = "head_first", k = 1 : i64, kind = "low_rank", second = "head_second", select = "top_k", site = 0 : i64, unit = "kv_group"}, {kind = "sign_bit", select = "threshold", signs = "signs", site = 0 : i64, threshold = 2.000000e+00 : f64, unit = "neuron"}]
// CHECK-SAME: weights = {down = "down", gate = "gate", key = "key", output = "out", query = "query", up = "up", value = "key"}
// A layer without predictors for its heads, and one of magnitudes, without a kind.
// CHECK-SAME: {attention = {head_dim = 2 : i64, heads = 4 : i64, kv_heads = 2 : i64, sparsity = "dense"}, mlp = {activation = "silu", gated = true, neurons = 12 : i64, reason = "", sparsity = "threshold"}
// CHECK-SAME: predictors = [{active = 2.500000e-01 : f64, density = 5.000000e-01 : f64, loss = 0.000000e+00 : f64, recall = 7.500000e-01 : f64, threshold = 5.000000e-01 : f64, unit = "neuron"}]
// CHECK-SAME: look_ahead = {layers = [{attention_in = 0 : i64, attention_out = 7 : i64, ffn_in = 8 : i64, gate = 17 : i64, hidden = 16 : i64}, {attention_in = 9 : i64, attention_out = 12 : i64, ffn_in = 13 : i64, gate = 19 : i64, hidden = 18 : i64}]}
module attributes {dejavu.source = "model.onnx", dejavu.predictors = "p.safetensors"} {
  dejavu.weight @table : tensor<7x8xf32> from #dejavu.source<"w", offset = 0, length = 224>
  dejavu.weight @frequencies : tensor<1xf32> from #dejavu.source<"w", offset = 0, length = 4>
  dejavu.weight @query : tensor<8x8xf32> from #dejavu.source<"w", offset = 0, length = 256>
  dejavu.weight @key : tensor<4x8xf32> from #dejavu.source<"w", offset = 0, length = 128>
  dejavu.weight @out : tensor<8x8xf32> from #dejavu.source<"w", offset = 0, length = 256>
  dejavu.weight @gate : tensor<12x8xf32> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.weight @up : tensor<12x8xf16> from #dejavu.source<"w", offset = 0, length = 192>
  dejavu.weight @down : tensor<12x8xf32> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.weight @signs : tensor<1x12xi8> from #dejavu.source<"p.safetensors", offset = 0, length = 12, predictors>
  dejavu.weight @head_first : tensor<1x8xbf16> from #dejavu.source<"p.safetensors", offset = 0, length = 16, predictors>
  dejavu.weight @head_second : tensor<1x2xbf16> from #dejavu.source<"p.safetensors", offset = 0, length = 4, predictors>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]

  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
      %cache0: !dejavu.kv_cache<2 x 2>, %cache1: !dejavu.kv_cache<2 x 2>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<2 x 2>, !dejavu.kv_cache<2 x 2>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x0 = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x8xf32>
    %t = dejavu.rope_table %positions, @frequencies : tensor<?x?xi64> -> tensor<?x?x2xf32>
    %q0 = dejavu.linear %x0, @query : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
    %r0 = dejavu.rope %q0, %t heads = 4 interleaved : tensor<?x?x8xf32>, tensor<?x?x2xf32>
    %k0 = dejavu.linear %x0, @key : tensor<?x?x8xf32> -> tensor<?x?x4xf32>
    %v0 = dejavu.linear %x0, @key : tensor<?x?x8xf32> -> tensor<?x?x4xf32>
    %i0 = dejavu.rope %k0, %t heads = 2 interleaved : tensor<?x?x4xf32>, tensor<?x?x2xf32>
    %c0 = dejavu.kv_append %cache0, %i0, %v0 : !dejavu.kv_cache<2 x 2>, tensor<?x?x4xf32>
    %a0, %d0 = dejavu.attention %r0, %c0, %starts scale = 0.5 masked_rows = uniform : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 2>, tensor<?xi64>
    %o0 = dejavu.linear %a0, @out in_major : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
    %f0 = dejavu.ffn silu %o0, gate = @gate up = @up down = @down : tensor<?x?x8xf32>
    %q1 = dejavu.linear %f0, @query : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
    %k1 = dejavu.linear %f0, @key : tensor<?x?x8xf32> -> tensor<?x?x4xf32>
    %c1 = dejavu.kv_append %cache1, %k1, %k1 : !dejavu.kv_cache<2 x 2>, tensor<?x?x4xf32>
    %a1, %d1 = dejavu.attention %q1, %c1, %starts scale = 0.5 masked_rows = uniform : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 2>, tensor<?xi64>
    %y1 = dejavu.residual_add %f0, %a1 : tensor<?x?x8xf32>
    %f1 = dejavu.ffn silu %y1, gate = @gate up = @up down = @down : tensor<?x?x8xf32>
    %l = dejavu.lm_head %f1, @table from %from : tensor<?x?x8xf32> -> tensor<?x?x7xf32>
    return %l, %d0, %d1 : tensor<?x?x7xf32>, !dejavu.kv_cache<2 x 2>, !dejavu.kv_cache<2 x 2>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
      %cache0: !dejavu.kv_cache<2 x 2>, %cache1: !dejavu.kv_cache<2 x 2>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<2 x 2>, !dejavu.kv_cache<2 x 2>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x0 = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x8xf32>
    %t = dejavu.rope_table %positions, @frequencies : tensor<?x1xi64> -> tensor<?x1x2xf32>
    %ph = dejavu.predict low_rank %x0, first = @head_first second = @head_second : tensor<?x1x8xf32> -> tensor<?x1x2xf32>
    %h = dejavu.select top_k %ph k = 1 : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
    %pn = dejavu.predict sign_bit %x0, first = @signs : tensor<?x1x8xf32> -> tensor<?x1x12xf32>
    %s = dejavu.select threshold %pn at 2.0 : tensor<?x1x12xf32> -> !dejavu.active<neuron, 12>
    %q0 = dejavu.gather_linear %x0, %h, @query : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x8xf32>
    %r0 = dejavu.rope %q0, %t heads = 4 interleaved : tensor<?x1x8xf32>, tensor<?x1x2xf32>
    %c0 = dejavu.kv_append_deferred %cache0, %x0, %h key = @key value = @key rope(%t : tensor<?x1x2xf32>, interleaved) ring = 3 : !dejavu.kv_cache<2 x 2>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
    %a0, %d0 = dejavu.sparse_attention %r0, %c0, %starts, %h scale = 0.5 masked_rows = uniform : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 2>, tensor<?xi64>, !dejavu.active<kv_group, 2>
    %o0 = dejavu.sparse_linear %a0, %h, @out : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x8xf32>
    %f0 = dejavu.sparse_ffn silu %o0, %s, gate = @gate up = @up down = @down : tensor<?x1x8xf32>, !dejavu.active<neuron, 12>
    %q1 = dejavu.linear %f0, @query : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
    %k1 = dejavu.linear %f0, @key : tensor<?x1x8xf32> -> tensor<?x1x4xf32>
    %c1 = dejavu.kv_append %cache1, %k1, %k1 : !dejavu.kv_cache<2 x 2>, tensor<?x1x4xf32>
    %a1, %d1 = dejavu.attention %q1, %c1, %starts scale = 0.5 masked_rows = uniform : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 2>, tensor<?xi64>
    %y1 = dejavu.residual_add %f0, %a1 : tensor<?x1x8xf32>
    // Magnitudes of the gate choose; those of the product skip more.
    %g1 = dejavu.linear %y1, @gate activation = silu : tensor<?x1x8xf32> -> tensor<?x1x12xf32>
    %s1 = dejavu.select magnitude %g1 at 0.5 profile = <density = 0.5, active = 0.25, recall = 0.75, loss = 0.0> : tensor<?x1x12xf32> -> !dejavu.active<neuron, 12>
    %h1 = dejavu.gather_linear %y1, %s1, @up times(%g1 : tensor<?x1x12xf32>) : tensor<?x1x8xf32>, !dejavu.active<neuron, 12> -> tensor<?x1x12xf32>
    %s2 = dejavu.select magnitude %h1 at 0.25 : tensor<?x1x12xf32> -> !dejavu.active<neuron, 12>
    %f1 = dejavu.sparse_linear %h1, %s2, @down : tensor<?x1x12xf32>, !dejavu.active<neuron, 12> -> tensor<?x1x8xf32>
    %l = dejavu.lm_head %f1, @table : tensor<?x1x8xf32> -> tensor<?x1x7xf32>
    return %l, %d0, %d1 : tensor<?x1x7xf32>, !dejavu.kv_cache<2 x 2>, !dejavu.kv_cache<2 x 2>
  }
}

// CHECK-LABEL: func.func @dejavu_decode(
// CHECK:         call @dejavu_embed_7x8_f32_decode(
// CHECK:         call @dejavu_rope_table_2_scale3F800000(
// Factors of bf16, and no bias.
// CHECK:         call @dejavu_layer_norm_8_plain_eps3727C5AC_decode(
// CHECK:         call @dejavu_linear_1x8_bf16(
// CHECK:         call @dejavu_row_sum_1x2_bf16(
// CHECK:         call @dejavu_select_top_k_2(
// CHECK:         call @dejavu_rt_count_active(
// Signs.
// CHECK:         call @dejavu_layer_norm_8_plain_eps3727C5AC_decode(
// CHECK:         call @dejavu_sign_bit_8x12(
// CHECK:         call @dejavu_select_threshold_12(
// CHECK:         call @dejavu_rt_count_active(
// A group has the four features of two query heads.
// CHECK:         call @dejavu_expand_2x4(
// CHECK:         call @dejavu_gather_linear_8x8_f32(
// CHECK:         call @dejavu_rope_4x2_2_interleaved_decode(
// CHECK:         call @dejavu_deferred_2x2_of8_ring3_f32_f32_rope2i(
// CHECK:         call @dejavu_rt_count_active(
// CHECK:         call @dejavu_sparse_attention_4of2x2_scale3F000000_uniform(
// CHECK:         call @dejavu_sparse_row_sum_8x8_f32(
// The gate, the up projection times it in place, the down projection: one set.
// CHECK:         call @dejavu_gather_linear_12x8_f32_silu_only(
// CHECK-NOT:     call @dejavu_filter
// CHECK:         call @dejavu_gather_linear_12x8_f16_times_only(
// CHECK:         call @dejavu_sparse_row_sum_12x8_f32(
// Layer 1: dense attention, and two magnitudes.
// CHECK:         call @dejavu_linear_8x8_f32_4x8_f32(
// CHECK:         call @dejavu_kv_append_2x2_decode(
// CHECK:         call @dejavu_attention_4of2x2_scale3F000000_uniform_decode(
// CHECK:         call @dejavu_add_8_decode(
// CHECK:         call @dejavu_linear_12x8_f32_silu(
// CHECK:         call @dejavu_select_magnitude_12(
// CHECK:         call @dejavu_rt_count_active(
// CHECK:         call @dejavu_gather_linear_12x8_f16_times(
// CHECK:         call @dejavu_select_magnitude_12(
// CHECK:         call @dejavu_rt_count_active(
// CHECK:         call @dejavu_sparse_row_sum_12x8_f32(
// CHECK:         call @dejavu_linear_7x8_f32(

// The greatest are found by their bits.
// CHECK-LABEL: func.func private @dejavu_select_top_k_2(
// CHECK:         arith.bitcast
// CHECK:         arith.cmpi uge

// Eight signs at a time.
// CHECK-LABEL: func.func private @dejavu_sign_bit_8x12(
// CHECK:         arith.cmpf olt
// CHECK:         arith.xori
// CHECK:         math.ctpop

// A NaN is selected.
// CHECK-LABEL: func.func private @dejavu_select_threshold_12(
// CHECK:         arith.cmpf uge

// Angles are in the ring behind the eight features.
// CHECK-LABEL: func.func private @dejavu_deferred_2x2_of8_ring3_f32_f32_rope2i(
// CHECK-SAME:      memref<?x10xf32>

// CHECK-LABEL: func.func private @dejavu_select_magnitude_12(
// CHECK:         math.absf
// CHECK:         arith.cmpf uge
