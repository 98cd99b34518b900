// RUN: dejavu-opt %s --split-input-file --verify-diagnostics --dejavu-verify-raised

dejavu.signature inputs [] outputs []
func.func @prefill() attributes {dejavu.entry = #dejavu.entry<prefill>} { return }
func.func @decode(%c: !dejavu.kv_cache<2 x 4>, %k: tensor<?x1x8xf32>) -> (!dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>)
    attributes {dejavu.entry = #dejavu.entry<decode>} {
  // expected-error @below {{expected one use of a cache value, found 2}}
  %c1 = dejavu.kv_append %c, %k, %k : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // expected-note @below {{used here}}
  return %c1, %c1 : !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}

// -----

dejavu.signature inputs [] outputs []
func.func @prefill() attributes {dejavu.entry = #dejavu.entry<prefill>} { return }
// A cache that is dropped would leave the caller with the old one.
// expected-error @below {{expected one use of a cache value, found 0}}
func.func @decode(%c: !dejavu.kv_cache<2 x 4>) attributes {dejavu.entry = #dejavu.entry<decode>} { return }

// -----

// expected-error @below {{expected a function @decode with dejavu.entry = #dejavu.entry<decode>}}
module {
  dejavu.signature inputs [] outputs []
  func.func @prefill() attributes {dejavu.entry = #dejavu.entry<prefill>} { return }
}

// -----

// expected-error @below {{expected one dejavu.signature, found 0}}
module {
  func.func @prefill() attributes {dejavu.entry = #dejavu.entry<prefill>} { return }
  func.func @decode() attributes {dejavu.entry = #dejavu.entry<decode>} { return }
}

// -----

dejavu.weight @w : tensor<8xf32> from <"m", offset = 0, length = 32>
func.func @main() {
  // expected-error @below {{is left after raise}}
  %0 = dejavu.load_weight @w : tensor<8xf32>
  return
}

// -----

func.func @main(%x: tensor<8xf32>) {
  // expected-error @below {{is left after raise}}
  %0 = onnx.Relu(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return
}
