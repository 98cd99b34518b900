// What gathers the rows of a set, and hints for MLPs.
// There is a case for each constraint of an op, named after both.
// RUN: dejavu-opt %s --split-input-file --verify-diagnostics

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @gather_linear_c3(%x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 3>) {
  // expected-error @below {{expected an active set whose extent divides 8, found '!dejavu.active<kv_group, 3>'}}
  %0 = dejavu.gather_linear %x, %s, @w : tensor<?x1x8xf32>, !dejavu.active<kv_group, 3> -> tensor<?x1x8xf32>
  return
}

// -----

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @gather_linear_c4(%x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected equal batch and tokens, found 'tensor<?x1x8xf32>' and 'tensor<2x1x8xf32>'}}
  %0 = dejavu.gather_linear %x, %s, @w : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<2x1x8xf32>
  return
}

// -----

dejavu.weight @w : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
func.func @gather_linear_c5(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 32>, %g: tensor<?x1x8xf32>) {
  // expected-error @below {{expected a factor of 'tensor<?x1x32xf32>', found 'tensor<?x1x8xf32>'}}
  %0 = dejavu.gather_linear %x, %s, @w times(%g : tensor<?x1x8xf32>) : tensor<?x1x8xf32>, !dejavu.active<neuron, 32> -> tensor<?x1x32xf32>
  return
}

// -----

dejavu.weight @w : tensor<8x4xf32> from <"m", offset = 0, length = 128>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<8xf32> from <"m", offset = 0, length = 32>
func.func @sparse_linear_c2(%x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected bias @b of [4], found 'tensor<8xf32>'}}
  %0 = dejavu.sparse_linear %x, %s, @w, @b : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x4xf32>
  return
}

// -----

// The extent must divide the features of the input, not those of the result.
dejavu.weight @w : tensor<8x4xf32> from <"m", offset = 0, length = 128>
func.func @sparse_linear_c3(%x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 3>) {
  // expected-error @below {{expected an active set whose extent divides 8, found '!dejavu.active<kv_group, 3>'}}
  %0 = dejavu.sparse_linear %x, %s, @w : tensor<?x1x8xf32>, !dejavu.active<kv_group, 3> -> tensor<?x1x4xf32>
  return
}

// -----

dejavu.weight @w : tensor<8x4xf32> from <"m", offset = 0, length = 128>
func.func @sparse_linear_c4(%x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected equal batch and tokens, found 'tensor<?x1x8xf32>' and 'tensor<?x3x4xf32>'}}
  %0 = dejavu.sparse_linear %x, %s, @w : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x3x4xf32>
  return
}

// -----

// expected-note @below {{the weight is declared here}}
dejavu.weight @up : tensor<8x32xf32> from <"m", offset = 0, length = 1024>
func.func @sparse_ffn_c1_up(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 32>) {
  // expected-error @below {{expected up projection @up of [?, 8], found 'tensor<8x32xf32>'}}
  %0 = dejavu.sparse_ffn relu %x, %s, up = @up down = @up : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  return
}

// -----

dejavu.weight @up : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
// expected-note @below {{the weight is declared here}}
dejavu.weight @down : tensor<8x32xf32> from <"m", offset = 0, length = 1024>
func.func @sparse_ffn_c1_down(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 32>) {
  // expected-error @below {{expected down projection @down of [32, 8], found 'tensor<8x32xf32>'}}
  %0 = dejavu.sparse_ffn relu %x, %s, up = @up down = @down : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  return
}

// -----

dejavu.weight @up : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
// expected-note @below {{the weight is declared here}}
dejavu.weight @gate : tensor<16x8xf32> from <"m", offset = 0, length = 512>
func.func @sparse_ffn_c1_gate(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 32>) {
  // expected-error @below {{expected gate projection @gate of [32, 8], found 'tensor<16x8xf32>'}}
  %0 = dejavu.sparse_ffn relu %x, %s, gate = @gate up = @up down = @up : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  return
}

// -----

dejavu.weight @up : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<8xf32> from <"m", offset = 0, length = 32>
func.func @sparse_ffn_c2_up(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 32>) {
  // expected-error @below {{expected up bias @b of [32], found 'tensor<8xf32>'}}
  %0 = dejavu.sparse_ffn relu %x, %s, up = @up, @b down = @up : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  return
}

// -----

dejavu.weight @up : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<8xf32> from <"m", offset = 0, length = 32>
func.func @sparse_ffn_c2_gate(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 32>) {
  // expected-error @below {{expected gate bias @b of [32], found 'tensor<8xf32>'}}
  %0 = dejavu.sparse_ffn relu %x, %s, gate = @up, @b up = @up down = @up : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  return
}

// -----

dejavu.weight @up : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
// expected-note @below {{the weight is declared here}}
dejavu.weight @b : tensor<32xf32> from <"m", offset = 0, length = 128>
func.func @sparse_ffn_c2_down(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 32>) {
  // expected-error @below {{expected down bias @b of [8], found 'tensor<32xf32>'}}
  %0 = dejavu.sparse_ffn relu %x, %s, up = @up down = @up, @b : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  return
}

// -----

dejavu.weight @up : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
dejavu.weight @b : tensor<32xf32> from <"m", offset = 0, length = 128>
func.func @sparse_ffn_c3(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 32>) {
  // expected-error @below {{expected a gate beside the gate bias}}
  %0 = "dejavu.sparse_ffn"(%x, %s) <{activation = #dejavu<activation relu>, gate_bias = @b, up = @up, down = @up}> : (tensor<?x1x8xf32>, !dejavu.active<neuron, 32>) -> tensor<?x1x8xf32>
  return
}

// -----

// A set of half of the neurons: no blocks here.
dejavu.weight @up : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
func.func @sparse_ffn_c4_extent(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 16>) {
  // expected-error @below {{expected an active set of '!dejavu.active<neuron, 32>', found '!dejavu.active<neuron, 16>'}}
  %0 = dejavu.sparse_ffn relu %x, %s, up = @up down = @up : tensor<?x1x8xf32>, !dejavu.active<neuron, 16>
  return
}

// -----

dejavu.weight @up : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
func.func @sparse_ffn_c4_unit(%x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 32>) {
  // expected-error @below {{expected an active set of '!dejavu.active<neuron, 32>', found '!dejavu.active<kv_group, 32>'}}
  %0 = dejavu.sparse_ffn relu %x, %s, up = @up down = @up : tensor<?x1x8xf32>, !dejavu.active<kv_group, 32>
  return
}

// -----

dejavu.weight @up : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
func.func @ffn_c4_extent(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 8>) {
  // expected-error @below {{'dejavu.ffn' op expected an active set of '!dejavu.active<neuron, 32>', found '!dejavu.active<neuron, 8>'}}
  %0 = dejavu.ffn relu %x, up = @up down = @up predicted(%s : !dejavu.active<neuron, 8>) : tensor<?x1x8xf32>
  return
}

// -----

dejavu.weight @up : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
func.func @ffn_c4_unit(%x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 32>) {
  // expected-error @below {{'dejavu.ffn' op expected an active set of '!dejavu.active<neuron, 32>', found '!dejavu.active<kv_group, 32>'}}
  %0 = dejavu.ffn relu %x, up = @up down = @up predicted(%s : !dejavu.active<kv_group, 32>) : tensor<?x1x8xf32>
  return
}
