// RUN: dejavu-opt %s --split-input-file --verify-diagnostics --raise-decoder

// expected-error @below {{expected a function @main of one block}}
module {}

// -----

// Ops that nothing raised: one error names them all, notes say why.
// expected-error @below {{the model cannot be compiled yet: there is no dense lowering for what was not raised: onnx.Softmax (1), onnx.Neg (2)}}
func.func @main(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  // expected-note @below {{onnx.Softmax: the scores have no mask}}
  %0 = onnx.Softmax(%x) {dejavu.not_raised = "the scores have no mask"} : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %1 = onnx.Neg(%0) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %2 = onnx.Neg(%1) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %2 : tensor<?x?x8xf32>
}

// -----

// expected-error @below {{the model cannot be compiled yet: there is no dense lowering for what was not raised: onnx.Neg (1)}}
func.func @main(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  // expected-note @below {{the first onnx.Neg}}
  %0 = onnx.Neg(%x) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %0 : tensor<?x?x8xf32>
}

// -----

dejavu.weight @t : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// expected-error @below {{expected an input that is bound as ids}}
func.func @main(%c: !dejavu.kv_cache<2 x 4>) -> !dejavu.kv_cache<2 x 4> {
  return %c : !dejavu.kv_cache<2 x 4>
}

// -----

dejavu.weight @t : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// expected-error @below {{expected at least one attention}}
func.func @main(%ids: tensor<?x?xi64> {dejavu.binding = #dejavu.binding<"ids", ids>}) -> tensor<?x?x8xf32> {
  %0 = dejavu.embed %ids, @t : tensor<?x?xi64> -> tensor<?x?x8xf32>
  return %0 : tensor<?x?x8xf32>
}

// -----

dejavu.weight @t : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @main(%ids: tensor<?x?xi64> {dejavu.binding = #dejavu.binding<"ids", ids>},
                %c: !dejavu.kv_cache<2 x 4>)
    -> (tensor<?x?x8xf32> {onnx.name = "y"}, !dejavu.kv_cache<2 x 4>) {
  // expected-error @below {{output 'y' is not the result of a linear layer}}
  %0 = dejavu.embed %ids, @t : tensor<?x?xi64> -> tensor<?x?x8xf32>
  return %0, %c : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>
}

// -----

dejavu.weight @t : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// expected-error @below {{input 'm' has a use that is not raised}}
func.func @main(%ids: tensor<?x?xi64> {dejavu.binding = #dejavu.binding<"ids", ids>},
                %mask: tensor<?x?xi64> {onnx.name = "m", dejavu.binding = #dejavu.binding<"m", attention_mask>},
                %c: !dejavu.kv_cache<2 x 4>) -> (tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>) {
  %0 = dejavu.embed %mask, @t : tensor<?x?xi64> -> tensor<?x?x8xf32>
  %1 = dejavu.linear %0, @t : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  return %1, %c : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>
}
