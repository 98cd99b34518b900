// RUN: dejavu-opt %s --dejavu-outline-dense | FileCheck %s

// The pass has no errors. A name that is taken gets a number.
// CHECK: func.func private @forward_dense()
// CHECK: func.func private @forward_dense_0(
// CHECK: call @forward_dense_0
func.func private @forward_dense()
func.func @forward(%x: tensor<4xf32>) -> tensor<4xf32> attributes {dejavu.entry = #dejavu.entry<forward>} {
  %y = onnx.Relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
