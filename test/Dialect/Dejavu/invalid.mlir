// RUN: dejavu-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expected a source of 512 bytes for 'tensor<16x8xf32>', found 100}}
dejavu.weight @weight_c1 : tensor<16x8xf32> from <"m", offset = 0, length = 100>

// -----

// expected-error @below {{expected a byte range, found offset -4 and length 32}}
dejavu.weight @weight_c2 : tensor<8xf32> from <"m", offset = -4, length = 32>

// -----

// expected-error @below {{expected a static tensor of rank 1 or more with floating-point or integer elements, found 'tensor<8xcomplex<f32>>'}}
dejavu.weight @weight_c3 : tensor<8xcomplex<f32>> from <"m", offset = 0, length = 32>

// -----

// expected-error @below {{the recipe makes 'tensor<4x8xf32>', expected 'tensor<8x4xf32>'}}
dejavu.weight @weight_c4 : tensor<8x4xf32> from <"m", offset = 0, length = 128> as tensor<8x4xf32> via [#dejavu.transpose<[1, 0]>]

// -----

// expected-error @below {{recipe step #dejavu.transpose<[0, 0]> does not apply}}
dejavu.weight @weight_step : tensor<8x4xf32> from <"m", offset = 0, length = 128> as tensor<8x4xf32> via [#dejavu.transpose<[0, 0]>]

// -----

// expected-error @below {{recipe step #dejavu.cast<i32> does not apply}}
dejavu.weight @weight_cast : tensor<8xf32> from <"m", offset = 0, length = 32> as tensor<8xf32> via [#dejavu.cast<i32>]

// -----

// expected-error @below {{expected a positive number of heads and elements, found 0 x 4}}
func.func @cache(%c: !dejavu.kv_cache<0 x 4>) { return }

// -----

// expected-error @below {{expected a positive extent, found 0}}
func.func @active(%c: !dejavu.active<neuron, 0>) { return }

// -----

func.func @missing(%x: tensor<?x1xi64>) {
  // expected-error @below {{table @nowhere is not a dejavu.weight}}
  %0 = dejavu.embed %x, @nowhere : tensor<?x1xi64> -> tensor<?x1x8xf32>
  return
}

// -----

// expected-note @below {{the weight is declared here}}
dejavu.weight @table : tensor<16x4xf32> from <"m", offset = 0, length = 256>
func.func @embed_c1(%x: tensor<?x1xi64>) {
  // expected-error @below {{expected table @table of [?, 8], found 'tensor<16x4xf32>'}}
  %0 = dejavu.embed %x, @table : tensor<?x1xi64> -> tensor<?x1x8xf32>
  return
}

// -----

dejavu.weight @table : tensor<16x8xf32> from <"m", offset = 0, length = 512>
func.func @embed_c2(%x: tensor<?x1xi64>) {
  // expected-error @below {{expected equal batch and tokens}}
  %0 = dejavu.embed %x, @table : tensor<?x1xi64> -> tensor<?x2x8xf32>
  return
}

// -----

// expected-note @below {{the weight is declared here}}
dejavu.weight @v : tensor<4xf32> from <"m", offset = 0, length = 16>
func.func @norm_c1(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected scale @v of [8], found 'tensor<4xf32>'}}
  %0 = dejavu.norm layer %x, @v {epsilon = 0.0 : f32} : tensor<?x1x8xf32>
  return
}

// -----

dejavu.weight @v : tensor<8xf32> from <"m", offset = 0, length = 32>
func.func @norm_c2(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected no bias for rms}}
  %0 = dejavu.norm rms %x, @v, @v {epsilon = 0.0 : f32} : tensor<?x1x8xf32>
  return
}

// -----

dejavu.weight @v : tensor<8xf32> from <"m", offset = 0, length = 32>
func.func @norm_c3(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected an epsilon that is not negative}}
  %0 = dejavu.norm rms %x, @v {epsilon = -1.0 : f32} : tensor<?x1x8xf32>
  return
}

// -----

// expected-note @below {{the weight is declared here}}
dejavu.weight @w : tensor<8x4xf32> from <"m", offset = 0, length = 128>
func.func @linear_c1(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected weight @w of [4, 8], found 'tensor<8x4xf32>'}}
  %0 = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @w : tensor<4x8xf32> from <"m", offset = 0, length = 128>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<8xf32> from <"m", offset = 128, length = 32>
func.func @linear_c2(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected bias @b of [4], found 'tensor<8xf32>'}}
  %0 = dejavu.linear %x, @w, @b : tensor<?x1x8xf32> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @w : tensor<4x8xf32> from <"m", offset = 0, length = 128>
func.func @linear_c3(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected equal batch and tokens, found 'tensor<?x1x8xf32>' and 'tensor<?x?x4xf32>'}}
  %0 = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x?x4xf32>
  return
}

// -----

dejavu.weight @w : tensor<4x8xf32> from <"m", offset = 0, length = 128>
func.func @lm_head_c3(%x: tensor<?x1x8xf32>, %i: index) {
  // expected-error @below {{expected dynamic tokens with `from`}}
  %0 = dejavu.lm_head %x, @w from %i : tensor<?x1x8xf32> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
// expected-note @below {{the weight is declared here}}
dejavu.weight @down : tensor<8x16xf32> from <"m", offset = 512, length = 512>
func.func @ffn_c1(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected down projection @down of [16, 8], found 'tensor<8x16xf32>'}}
  %0 = dejavu.ffn relu %x, up = @up down = @down : tensor<?x1x8xf32>
  return
}

// -----

dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<8xf32> from <"m", offset = 512, length = 32>
func.func @ffn_c2(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected up bias @b of [16], found 'tensor<8xf32>'}}
  %0 = dejavu.ffn relu %x, up = @up, @b down = @up : tensor<?x1x8xf32>
  return
}

// -----

func.func @kv_append_c1(%c: !dejavu.kv_cache<2 x 4>, %k: tensor<?x1x6xf32>) {
  // expected-error @below {{expected 8 features for '!dejavu.kv_cache<2 x 4>', found 'tensor<?x1x6xf32>'}}
  %0 = dejavu.kv_append %c, %k, %k : !dejavu.kv_cache<2 x 4>, tensor<?x1x6xf32>
  return
}

// -----

func.func @attention_c1(%q: tensor<?x1x12xf32>, %c: !dejavu.kv_cache<2 x 4>, %s: tensor<?xi64>) {
  // expected-error @below {{expected a multiple of 8 features for '!dejavu.kv_cache<2 x 4>', found 'tensor<?x1x12xf32>'}}
  %0, %1 = dejavu.attention %q, %c, %s scale = 1.0 masked_rows = zero : tensor<?x1x12xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  return
}

// -----

func.func @select_c1(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected an extent of 8, found '!dejavu.active<neuron, 4>'}}
  %0 = dejavu.select exact %x : tensor<?x1x8xf32> -> !dejavu.active<neuron, 4>
  return
}

// -----

// expected-note @below {{the weight is declared here}}
dejavu.weight @w : tensor<4x8xf32> from <"m", offset = 0, length = 128>
func.func @sparse_linear_c1(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 8>) {
  // expected-error @below {{expected weight @w of [8, 4], found 'tensor<4x8xf32>'}}
  %0 = dejavu.sparse_linear %x, %s, @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 8> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @w : tensor<8x4xf32> from <"m", offset = 0, length = 128>
func.func @sparse_linear_c3(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 9>) {
  // expected-error @below {{expected an active set whose extent divides 8, found '!dejavu.active<neuron, 9>'}}
  %0 = dejavu.sparse_linear %x, %s, @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 9> -> tensor<?x1x4xf32>
  return
}

// -----

// expected-error @below {{recipe step #dejavu.take_rows<[4, 5]> does not apply}}
dejavu.weight @take_rows_range : tensor<5x4xf32> from <"m", offset = 0, length = 128> as tensor<8x4xf32> via [#dejavu.take_rows<[4, 5]>]

// -----

// expected-error @below {{recipe step #dejavu.take_rows<[0, 4, 4]> does not apply}}
dejavu.weight @take_rows_pairs : tensor<4x4xf32> from <"m", offset = 0, length = 128> as tensor<8x4xf32> via [#dejavu.take_rows<[0, 4, 4]>]

// -----

// expected-error @below {{does not apply}}
dejavu.weight @dequantize_float : tensor<8x4xf32> from <"m", offset = 0, length = 128> as tensor<8x4xf32> via [#dejavu.dequantize<scales = @s, axis = 1, block_size = 4>]

// -----

// expected-error @below {{does not apply}}
dejavu.weight @dequantize_axis : tensor<8x4xf32> from <"m", offset = 0, length = 32> as tensor<8x4xi8> via [#dejavu.dequantize<scales = @s, axis = 2, block_size = 4>]

// -----

// Two elements of four bits share a byte.
// expected-error @below {{expected a source of 8 bytes for 'tensor<3x5xui4>', found 15}}
dejavu.weight @packed : tensor<3x5xui4> from <"m", offset = 0, length = 15>

// -----

dejavu.weight @v : tensor<8xf32> from <"m", offset = 0, length = 32>
func.func @norm_c2_scale(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a scale beside the bias}}
  %0 = "dejavu.norm"(%x) <{kind = #dejavu<norm_kind layer>, bias = @v, epsilon = 0.0 : f32}> : (tensor<?x1x8xf32>) -> tensor<?x1x8xf32>
  return
}

// -----

func.func @norm_c4(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected groups that divide the features, found 3 for 'tensor<?x1x8xf32>'}}
  %0 = dejavu.norm layer %x {epsilon = 0.0 : f32, groups = 3 : i64} : tensor<?x1x8xf32>
  return
}

// -----

// expected-note @below {{the weight is declared here}}
dejavu.weight @v : tensor<8xf32> from <"m", offset = 0, length = 32>
func.func @norm_c1_groups(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected scale @v of [4], found 'tensor<8xf32>'}}
  %0 = dejavu.norm rms %x, @v {epsilon = 0.0 : f32, groups = 2 : i64} : tensor<?x1x8xf32>
  return
}

// -----

// expected-note @below {{the weight is declared here}}
dejavu.weight @w : tensor<8x4xf32> from <"m", offset = 0, length = 128>
func.func @lm_head_c1(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected weight @w of [4, 8], found 'tensor<8x4xf32>'}}
  %0 = dejavu.lm_head %x, @w : tensor<?x1x8xf32> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @w : tensor<4x8xf32> from <"m", offset = 0, length = 128>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<8xf32> from <"m", offset = 128, length = 32>
func.func @lm_head_c2(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected bias @b of [4], found 'tensor<8xf32>'}}
  %0 = dejavu.lm_head %x, @w, @b : tensor<?x1x8xf32> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @w : tensor<4x8xf32> from <"m", offset = 0, length = 128>
func.func @lm_head_c4(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a softcap that is not negative}}
  %0 = dejavu.lm_head %x, @w {softcap = -1.0 : f32} : tensor<?x1x8xf32> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
// expected-note @below {{the weight is declared here}}
dejavu.weight @gate : tensor<8x16xf32> from <"m", offset = 512, length = 512>
func.func @ffn_c1_gate(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected gate projection @gate of [16, 8], found 'tensor<8x16xf32>'}}
  %0 = dejavu.ffn relu %x, gate = @gate up = @up down = @up : tensor<?x1x8xf32>
  return
}

// -----

dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<8xf32> from <"m", offset = 512, length = 32>
func.func @ffn_c2_gate(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected gate bias @b of [16], found 'tensor<8xf32>'}}
  %0 = dejavu.ffn relu %x, gate = @up, @b up = @up down = @up : tensor<?x1x8xf32>
  return
}

// -----

dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
dejavu.weight @b : tensor<16xf32> from <"m", offset = 512, length = 64>
func.func @ffn_c3(%x: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a gate beside the gate bias}}
  %0 = "dejavu.ffn"(%x) <{activation = #dejavu<activation relu>, gate_bias = @b, up = @up, down = @up}> : (tensor<?x1x8xf32>) -> tensor<?x1x8xf32>
  return
}

// -----

func.func @attention_c2(%q: tensor<?x1x8xf32>, %c: !dejavu.kv_cache<2 x 4>, %s: tensor<?xi64>) {
  // expected-error @below {{expected a positive window and a softcap that is not negative}}
  %0, %1 = dejavu.attention %q, %c, %s scale = 1.0 masked_rows = zero {window = 0 : i64} : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  return
}

// -----

func.func @attention_c3(%q: tensor<?x1x8xf32>, %c: !dejavu.kv_cache<2 x 4>, %s: tensor<?xi64>) {
  // expected-error @below {{expected 2 slopes, found 1}}
  %0, %1 = dejavu.attention %q, %c, %s scale = 1.0 masked_rows = zero {alibi = array<f32: 0.5>} : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  return
}

// -----

func.func @sdpa_c1_heads(%q: tensor<?x1x12xf32>, %k: tensor<?x?x8xf32>) {
  // expected-error @below {{expected kv_heads to divide heads, found 2 and 3}}
  %0 = dejavu.sdpa %q, %k, %k heads = 3 kv_heads = 2 scale = 1.0 masked_rows = zero : (tensor<?x1x12xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x1x12xf32>
  return
}

// -----

func.func @sdpa_c1_sizes(%q: tensor<?x1x12xf32>, %k: tensor<?x?x8xf32>) {
  // expected-error @below {{expected queries and keys of 2 and 1 heads of one size, found 'tensor<?x1x12xf32>' and 'tensor<?x?x8xf32>'}}
  %0 = dejavu.sdpa %q, %k, %k heads = 2 kv_heads = 1 scale = 1.0 masked_rows = zero : (tensor<?x1x12xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x1x16xf32>
  return
}

// -----

func.func @sdpa_c2(%q: tensor<?x1x16xf32>, %k: tensor<?x?x8xf32>, %v: tensor<?x?x6xf32>) {
  // expected-error @below {{expected values of 1 heads and a result of 2 heads of the same size, found 'tensor<?x?x6xf32>' and 'tensor<?x1x16xf32>'}}
  %0 = dejavu.sdpa %q, %k, %v heads = 2 kv_heads = 1 scale = 1.0 masked_rows = zero : (tensor<?x1x16xf32>, tensor<?x?x8xf32>, tensor<?x?x6xf32>) -> tensor<?x1x16xf32>
  return
}

// -----

func.func @sdpa_c3(%q: tensor<?x1x8xf32>, %k: tensor<?x?x8xf32>, %v: tensor<?x7x8xf32>) {
  // expected-error @below {{expected equal batch and tokens, found 'tensor<?x?x8xf32>' and 'tensor<?x7x8xf32>'}}
  %0 = dejavu.sdpa %q, %k, %v heads = 1 kv_heads = 1 scale = 1.0 masked_rows = zero : (tensor<?x1x8xf32>, tensor<?x?x8xf32>, tensor<?x7x8xf32>) -> tensor<?x1x8xf32>
  return
}

// -----

func.func @sdpa_c4(%q: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a softcap that is not negative}}
  %0 = dejavu.sdpa %q, %q, %q heads = 1 kv_heads = 1 scale = 1.0 masked_rows = zero {softcap = -1.0 : f32} : (tensor<?x1x8xf32>, tensor<?x1x8xf32>, tensor<?x1x8xf32>) -> tensor<?x1x8xf32>
  return
}

// -----

// expected-note @below {{the weight is declared here}}
dejavu.weight @f : tensor<4xf32> from <"m", offset = 0, length = 16>
func.func @rope_table_c1(%p: tensor<?x1xi64>) {
  // expected-error @below {{expected inv_freq @f of [2], found 'tensor<4xf32>'}}
  %0 = dejavu.rope_table %p, @f : tensor<?x1xi64> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @f : tensor<2xf32> from <"m", offset = 0, length = 8>
func.func @rope_table_c1_even(%p: tensor<?x1xi64>) {
  // expected-error @below {{expected an even number of features, found 'tensor<?x1x5xf32>'}}
  %0 = dejavu.rope_table %p, @f : tensor<?x1xi64> -> tensor<?x1x5xf32>
  return
}

// -----

dejavu.weight @f : tensor<2xf32> from <"m", offset = 0, length = 8>
func.func @rope_table_c2(%p: tensor<?x1xi64>) {
  // expected-error @below {{expected equal batch and tokens, found 'tensor<?x1xi64>' and 'tensor<?x2x4xf32>'}}
  %0 = dejavu.rope_table %p, @f : tensor<?x1xi64> -> tensor<?x2x4xf32>
  return
}

// -----

func.func @rope_c1(%x: tensor<?x1x8xf32>, %t: tensor<?x1x2xf32>) {
  // expected-error @below {{expected heads that divide the features, found 3 for 'tensor<?x1x8xf32>'}}
  %0 = dejavu.rope %x, %t heads = 3 : tensor<?x1x8xf32>, tensor<?x1x2xf32>
  return
}

// -----

func.func @rope_c2(%x: tensor<?x1x8xf32>, %t: tensor<?x1x6xf32>) {
  // expected-error @below {{expected an even number of at most 4 rotated features, found 'tensor<?x1x6xf32>'}}
  %0 = dejavu.rope %x, %t heads = 2 : tensor<?x1x8xf32>, tensor<?x1x6xf32>
  return
}

// -----

func.func @rope_c3(%x: tensor<?x1x8xf32>, %t: tensor<?x2x4xf32>) {
  // expected-error @below {{expected equal batch and tokens, found 'tensor<?x1x8xf32>' and 'tensor<?x2x4xf32>'}}
  %0 = dejavu.rope %x, %t heads = 2 : tensor<?x1x8xf32>, tensor<?x2x4xf32>
  return
}

// -----

// expected-note @below {{the weight is declared here}}
dejavu.weight @w : tensor<8x4xf32> from <"m", offset = 0, length = 128>
func.func @gather_linear_c1(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 4>, %g: tensor<?x1x4xf32>) {
  // expected-error @below {{expected weight @w of [4, 8], found 'tensor<8x4xf32>'}}
  %0 = dejavu.gather_linear %x, %s, @w times(%g : tensor<?x1x4xf32>) : tensor<?x1x8xf32>, !dejavu.active<neuron, 4> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @w : tensor<4x8xf32> from <"m", offset = 0, length = 128>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<8xf32> from <"m", offset = 128, length = 32>
func.func @gather_linear_c2(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 4>, %g: tensor<?x1x4xf32>) {
  // expected-error @below {{expected bias @b of [4], found 'tensor<8xf32>'}}
  %0 = dejavu.gather_linear %x, %s, @w, @b times(%g : tensor<?x1x4xf32>) : tensor<?x1x8xf32>, !dejavu.active<neuron, 4> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @w : tensor<4x8xf32> from <"m", offset = 0, length = 128>
func.func @gather_linear_c3(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 8>, %g: tensor<?x1x4xf32>) {
  // expected-error @below {{expected an active set whose extent divides 4, found '!dejavu.active<neuron, 8>'}}
  %0 = dejavu.gather_linear %x, %s, @w times(%g : tensor<?x1x4xf32>) : tensor<?x1x8xf32>, !dejavu.active<neuron, 8> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @w : tensor<4x8xf32> from <"m", offset = 0, length = 128>
func.func @gather_linear_c4(%x: tensor<?x2x8xf32>, %s: !dejavu.active<neuron, 4>, %g: tensor<?x1x4xf32>) {
  // expected-error @below {{expected equal batch and tokens, found 'tensor<?x2x8xf32>' and 'tensor<?x1x4xf32>'}}
  %0 = dejavu.gather_linear %x, %s, @w times(%g : tensor<?x1x4xf32>) : tensor<?x2x8xf32>, !dejavu.active<neuron, 4> -> tensor<?x1x4xf32>
  return
}
