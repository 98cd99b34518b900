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
  // expected-error @below {{expected an active set with an extent of 8, found '!dejavu.active<neuron, 9>'}}
  %0 = dejavu.sparse_linear %x, %s, @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 9> -> tensor<?x1x4xf32>
  return
}
