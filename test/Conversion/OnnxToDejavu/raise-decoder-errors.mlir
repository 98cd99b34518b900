// RUN: dejavu-opt %s --split-input-file --verify-diagnostics --raise-decoder

// expected-error @below {{expected a function @main of one block}}
module {}

// -----

// An attention that was not raised.
// expected-error @below {{expected all attention to be raised: 1 is not}}
func.func @main(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  // expected-note @below {{onnx.Softmax: the scores have no mask}}
  %0 = onnx.Softmax(%x) {dejavu.not_raised = "the scores have no mask"} : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
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

// -----

// Logits of the last token alone.
dejavu.weight @t : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @main(%ids: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"], dejavu.binding = #dejavu.binding<"ids", ids>},
                %c: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>) {
  %0 = dejavu.embed %ids, @t : tensor<?x?xi64> -> tensor<?x?x8xf32>
  %last = onnx.Constant dense<-1> : tensor<1xi64>
  %1 = onnx.Gather(%0, %last) {axis = 1 : i64} : (tensor<?x?x8xf32>, tensor<1xi64>) -> tensor<?x1x8xf32>
  // expected-error @below {{expected logits for each token, found tensor<?x1x8xf32>}}
  %2 = dejavu.linear %1, @t : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  return %2, %c : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>
}

// -----

// The number of steps that are past is no argument of the entry points.
dejavu.weight @t : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// expected-error @below {{input 'pk' has a use that is not raised: onnx.Cast}}
func.func @main(%ids: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"], dejavu.binding = #dejavu.binding<"ids", ids>},
                %pk: tensor<?x2x?x4xf32> {onnx.name = "pk", onnx.dims = ["batch", "2", "past", "4"], dejavu.binding = #dejavu.binding<"pk", key>},
                %c: !dejavu.kv_cache<2 x 4>) -> (tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>) {
  %0 = dejavu.embed %ids, @t : tensor<?x?xi64> -> tensor<?x?x8xf32>
  %1 = onnx.Shape(%pk) {start = 2 : i64, end = 3 : i64} : (tensor<?x2x?x4xf32>) -> tensor<1xi64>
  %2 = onnx.Cast(%1) {to = f32} : (tensor<1xi64>) -> tensor<1xf32>
  %3 = onnx.Mul(%0, %2) : (tensor<?x?x8xf32>, tensor<1xf32>) -> tensor<?x?x8xf32>
  %4 = dejavu.linear %3, @t : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  return %4, %c : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>
}
