// RUN: dejavu-opt %s --split-input-file --verify-diagnostics --dejavu-sparsify-ffn

// A block without its weights does not reach the pass: the symbol is checked
// when the IR is verified.
func.func @decode(%x: tensor<?x1x8xf32>) -> tensor<?x1x8xf32>
    attributes {dejavu.entry = #dejavu.entry<decode>} {
  // expected-error @below {{up projection @w1 is not a dejavu.weight}}
  %f = dejavu.ffn relu %x, up = @w1 down = @w2 : tensor<?x1x8xf32>
  return %f : tensor<?x1x8xf32>
}

// -----

// Nor does a hint for other units.
dejavu.weight @w : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
func.func @decode(%x: tensor<?x1x8xf32>, %p: !dejavu.active<neuron, 16>) -> tensor<?x1x8xf32>
    attributes {dejavu.entry = #dejavu.entry<decode>} {
  // expected-error @below {{expected an active set of '!dejavu.active<neuron, 32>', found '!dejavu.active<neuron, 16>'}}
  %f = dejavu.ffn relu %x, up = @w down = @w predicted(%p : !dejavu.active<neuron, 16>) : tensor<?x1x8xf32>
  return %f : tensor<?x1x8xf32>
}
