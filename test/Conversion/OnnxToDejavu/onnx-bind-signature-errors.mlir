// RUN: dejavu-opt %s --split-input-file --verify-diagnostics --onnx-bind-signature

// expected-error @below {{expected a function @main of one block, which the importer makes}}
module {}

// -----

// A cache that goes in and does not come out.
dejavu.weight @a : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// expected-note @below {{an input of rank 4 is taken for a cache, and no output belongs to it}}
func.func @main(%ids: tensor<?x?xi64> {onnx.name = "ids"},
                // expected-error @below {{cache input 'past': expected an output that joins it with new steps along axis 2}}
                %past: tensor<?x2x?x4xf32> {onnx.name = "past"}) -> tensor<?x?x8xf32> {
  %a = dejavu.load_weight @a : tensor<8x8xf32>
  %0 = onnx.Gather(%a, %ids) : (tensor<8x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  return %0 : tensor<?x?x8xf32>
}

// -----

// One that comes out and did not go in.
dejavu.weight @a : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// expected-note @below {{an output of rank 4 is taken for a cache, and no input belongs to it}}
func.func @main(%ids: tensor<?x?xi64> {onnx.name = "ids"})
    -> (tensor<?x?x8xf32> {onnx.name = "logits"}, tensor<?x?x2x4xf32> {onnx.name = "present"}) {
  %a = dejavu.load_weight @a : tensor<8x8xf32>
  %0 = onnx.Gather(%a, %ids) : (tensor<8x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  %shape = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  // expected-error @below {{output 'present': expected a cache input joined with new steps along axis 2}}
  %1 = onnx.Reshape(%0, %shape) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  return %0, %1 : tensor<?x?x8xf32>, tensor<?x?x2x4xf32>
}

// -----

// Keys and values that differ in heads.
dejavu.weight @a : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @main(%ids: tensor<?x?xi64> {onnx.name = "ids"},
                // expected-note @below {{cache input 'k' has 2 of 4}}
                %k: tensor<?x2x?x4xf32> {onnx.name = "k"},
                // expected-error @below {{cache input 'v': expected 2 heads of 4 elements, found 1 of 8}}
                %v: tensor<?x1x?x8xf32> {onnx.name = "v"})
    -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x1x?x8xf32>) {
  %a = dejavu.load_weight @a : tensor<8x8xf32>
  %0 = onnx.Gather(%a, %ids) : (tensor<8x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  %1 = onnx.Concat(%k, %k) {axis = 2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %2 = onnx.Concat(%v, %v) {axis = 2 : i64} : (tensor<?x1x?x8xf32>, tensor<?x1x?x8xf32>) -> tensor<?x1x?x8xf32>
  return %0, %1, %2 : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x1x?x8xf32>
}

// -----

dejavu.weight @a : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// expected-error @below {{expected a decoder with cache inputs and outputs: found no output that joins an input with new steps along axis 2}}
func.func @main(%ids: tensor<?x?xi64>) -> tensor<?x?x8xf32> {
  %a = dejavu.load_weight @a : tensor<8x8xf32>
  %0 = onnx.Gather(%a, %ids) : (tensor<8x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  return %0 : tensor<?x?x8xf32>
}

// -----

// A cache with two outputs.
dejavu.weight @a : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @main(%ids: tensor<?x?xi64>,
                // expected-note @below {{output 'p' is the first}}
                %k: tensor<?x2x?x4xf32> {onnx.name = "k"})
    -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32> {onnx.name = "p"}, tensor<?x2x?x4xf32> {onnx.name = "q"}) {
  %a = dejavu.load_weight @a : tensor<8x8xf32>
  %0 = onnx.Gather(%a, %ids) : (tensor<8x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  // expected-error @below {{output 'q': cache input 'k' has a second output}}
  %1 = onnx.Concat(%k, %k) {axis = 2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  return %0, %1, %1 : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// Two outputs that could be the logits.
dejavu.weight @a : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @main(%ids: tensor<?x?xi64>) -> (tensor<?x?x8xf32> {onnx.name = "x"}, tensor<?x?x8xf32> {onnx.name = "y"}) {
  %a = dejavu.load_weight @a : tensor<8x8xf32>
  // expected-note @below {{output 'x' is taken for the logits}}
  %0 = onnx.Gather(%a, %ids) : (tensor<8x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  // expected-error @below {{output 'y': expected one output besides the caches}}
  %1 = onnx.Relu(%0) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %0, %1 : tensor<?x?x8xf32>, tensor<?x?x8xf32>
}

// -----

// No table has as many rows as there are logits.
dejavu.weight @a : tensor<9x8xf32> from <"m", offset = 0, length = 288>
// expected-error @below {{expected one input that is looked up in a table of 8 rows, as many as there are logits}}
func.func @main(
    // expected-note @below {{input 'i' is looked up in a table of 9 rows}}
    %i: tensor<?x?xi64> {onnx.name = "i"},
    // expected-note @below {{input 'j' is looked up in a table of 9 rows}}
    %j: tensor<?x?xi64> {onnx.name = "j"},
    %k: tensor<?x2x?x4xf32>) -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32>) {
  %a = dejavu.load_weight @a : tensor<9x8xf32>
  %0 = onnx.Gather(%a, %i) : (tensor<9x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  %1 = onnx.Gather(%a, %j) : (tensor<9x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %3 = onnx.Concat(%k, %k) {axis = 2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  return %2, %3 : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>
}

// -----

// An input of no known role.
dejavu.weight @a : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @main(%i: tensor<?x?xi64>, %k: tensor<?x2x?x4xf32>,
                // expected-error @below {{input 'flag': expected token ids, positions or an attention mask of rank 2, or a cache of rank 4, found tensor<1xi1>}}
                %flag: tensor<1xi1> {onnx.name = "flag"}) -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32>) {
  %a = dejavu.load_weight @a : tensor<8x8xf32>
  %0 = onnx.Gather(%a, %i) : (tensor<8x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  %1 = onnx.Concat(%k, %k) {axis = 2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  return %0, %1 : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>
}
