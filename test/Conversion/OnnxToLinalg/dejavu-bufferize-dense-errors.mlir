// RUN: dejavu-opt %s --dejavu-bufferize-dense --verify-diagnostics

// What is not lowered to tensors and loops cannot become buffers.
func.func private @dense(%x: tensor<4xf32>) -> tensor<4xf32> attributes {dejavu.dense} {
  // expected-error@+1 {{op was not bufferized}}
  %y = onnx.Relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
