// Attention of some heads, their cache, and hints for attention.
// There is a case for each constraint of an op, named after both.
// RUN: dejavu-opt %s --split-input-file --verify-diagnostics

func.func @sparse_attention_c1(%q: tensor<?x1x12xf32>, %c: !dejavu.kv_cache<2 x 4>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected a multiple of 8 features for '!dejavu.kv_cache<2 x 4>', found 'tensor<?x1x12xf32>'}}
  %0, %1 = dejavu.sparse_attention %q, %c, %starts, %s scale = 1.0 masked_rows = zero : tensor<?x1x12xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
  return
}

// -----

func.func @sparse_attention_c2_window(%q: tensor<?x1x8xf32>, %c: !dejavu.kv_cache<2 x 4>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected a positive window and a softcap that is not negative}}
  %0, %1 = dejavu.sparse_attention %q, %c, %starts, %s scale = 1.0 masked_rows = zero {window = 0 : i64} : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
  return
}

// -----

func.func @sparse_attention_c2_softcap(%q: tensor<?x1x8xf32>, %c: !dejavu.kv_cache<2 x 4>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected a positive window and a softcap that is not negative}}
  %0, %1 = dejavu.sparse_attention %q, %c, %starts, %s scale = 1.0 masked_rows = zero {softcap = -1.0 : f32} : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
  return
}

// -----

// A slope for each query head, not for each group.
func.func @sparse_attention_c3(%q: tensor<?x1x16xf32>, %c: !dejavu.kv_cache<2 x 4>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected 4 slopes, found 2}}
  %0, %1 = dejavu.sparse_attention %q, %c, %starts, %s scale = 1.0 masked_rows = zero {alibi = array<f32: 0.5, 0.25>} : tensor<?x1x16xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
  return
}

// -----

// A set of query heads.
func.func @sparse_attention_c4_extent(%q: tensor<?x1x16xf32>, %c: !dejavu.kv_cache<2 x 4>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 4>) {
  // expected-error @below {{expected an active set of '!dejavu.active<kv_group, 2>', found '!dejavu.active<kv_group, 4>'}}
  %0, %1 = dejavu.sparse_attention %q, %c, %starts, %s scale = 1.0 masked_rows = zero : tensor<?x1x16xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 4>
  return
}

// -----

func.func @sparse_attention_c4_unit(%q: tensor<?x1x8xf32>, %c: !dejavu.kv_cache<2 x 4>, %starts: tensor<?xi64>, %s: !dejavu.active<neuron, 2>) {
  // expected-error @below {{expected an active set of '!dejavu.active<kv_group, 2>', found '!dejavu.active<neuron, 2>'}}
  %0, %1 = dejavu.sparse_attention %q, %c, %starts, %s scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<neuron, 2>
  return
}

// -----

func.func @attention_c4_extent(%q: tensor<?x1x8xf32>, %c: !dejavu.kv_cache<2 x 4>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 4>) {
  // expected-error @below {{'dejavu.attention' op expected an active set of '!dejavu.active<kv_group, 2>', found '!dejavu.active<kv_group, 4>'}}
  %0, %1 = dejavu.attention %q, %c, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 4>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  return
}

// -----

func.func @attention_c4_unit(%q: tensor<?x1x8xf32>, %c: !dejavu.kv_cache<2 x 4>, %starts: tensor<?xi64>, %s: !dejavu.active<neuron, 2>) {
  // expected-error @below {{'dejavu.attention' op expected an active set of '!dejavu.active<kv_group, 2>', found '!dejavu.active<neuron, 2>'}}
  %0, %1 = dejavu.attention %q, %c, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<neuron, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// expected-note @below {{the weight is declared here}}
dejavu.weight @k : tensor<4x8xf32> from <"m", offset = 0, length = 128>
func.func @deferred_c1_key(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected weight @k of [8, 8], found 'tensor<4x8xf32>'}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @k value = @w ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  return
}

// -----

dejavu.weight @k : tensor<8x6xf32> from <"m", offset = 0, length = 192>
// expected-note @below {{the weight is declared here}}
dejavu.weight @v : tensor<6x8xf32> from <"m", offset = 0, length = 192>
func.func @deferred_c1_value(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x6xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected weight @v of [8, 6], found 'tensor<6x8xf32>'}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @k value = @v ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x6xf32>, !dejavu.active<kv_group, 2>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<2xf32> from <"m", offset = 0, length = 8>
func.func @deferred_c2_key(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected bias @b of [8], found 'tensor<2xf32>'}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @w, @b value = @w ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<4xf32> from <"m", offset = 0, length = 16>
func.func @deferred_c2_value(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected bias @b of [8], found 'tensor<4xf32>'}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @w value = @w, @b ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @deferred_c3_extent(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 8>) {
  // expected-error @below {{expected an active set of '!dejavu.active<kv_group, 2>', found '!dejavu.active<kv_group, 8>'}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @w value = @w ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 8>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @deferred_c3_unit(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 2>) {
  // expected-error @below {{expected an active set of '!dejavu.active<kv_group, 2>', found '!dejavu.active<neuron, 2>'}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @w value = @w ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<neuron, 2>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @deferred_c4(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x2x8xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected one token, found 'tensor<?x2x8xf32>'}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @w value = @w ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x2x8xf32>, !dejavu.active<kv_group, 2>
  return
}

// -----

// How many tokens there are must be known.
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @deferred_c4_dynamic(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x?x8xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected one token, found 'tensor<?x?x8xf32>'}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @w value = @w ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x?x8xf32>, !dejavu.active<kv_group, 2>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @deferred_c5_zero(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected a positive ring, found 0}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @w value = @w ring = 0 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @deferred_c5_negative(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected a positive ring, found -1}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @w value = @w ring = -1 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @deferred_c6_odd(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>, %t: tensor<?x1x3xf32>) {
  // expected-error @below {{expected one token with an even number of at most 4 rotated features, found 'tensor<?x1x3xf32>'}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @w value = @w rope(%t : tensor<?x1x3xf32>) ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @deferred_c6_more(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>, %t: tensor<?x1x6xf32>) {
  // expected-error @below {{expected one token with an even number of at most 4 rotated features, found 'tensor<?x1x6xf32>'}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @w value = @w rope(%t : tensor<?x1x6xf32>) ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @deferred_c6_tokens(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>, %t: tensor<?x2x4xf32>) {
  // expected-error @below {{expected one token with an even number of at most 4 rotated features, found 'tensor<?x2x4xf32>'}}
  %0 = dejavu.kv_append_deferred %c, %x, %s key = @w value = @w rope(%t : tensor<?x2x4xf32>) ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @deferred_c6_interleaved(%c: !dejavu.kv_cache<2 x 4>, %x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected a table beside `interleaved`}}
  %0 = "dejavu.kv_append_deferred"(%c, %x, %s) <{key = @w, value = @w, interleaved, ring = 64 : i64}> : (!dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>) -> !dejavu.kv_cache<2 x 4>
  return
}
