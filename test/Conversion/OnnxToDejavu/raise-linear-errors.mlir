// RUN: dejavu-opt %s --raise-linear | FileCheck %s

// What is no linear layer stays.
dejavu.weight @w : tensor<8x4xf32> from <"m", offset = 0, length = 128>
dejavu.weight @b : tensor<4xf32> from <"m", offset = 128, length = 16>

// CHECK-LABEL: func.func @main(
func.func @main(%x: tensor<?x?x8xf32>, %flat: tensor<?x8xf32>, %y: tensor<8x4xf32>)
    -> (tensor<?x?x4xf32>, tensor<?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>) {
  %w = dejavu.load_weight @w : tensor<8x4xf32>
  %b = dejavu.load_weight @b : tensor<4xf32>
  // Not a weight.
  // CHECK: onnx.MatMul(%arg0, %arg2)
  %0 = onnx.MatMul(%x, %y) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
  // Not an activation.
  // CHECK: onnx.MatMul(%arg1
  %1 = onnx.MatMul(%flat, %w) : (tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  // A product with two uses keeps its own value; the sum is none of its.
  // CHECK: %[[P:.*]] = dejavu.linear %arg0, @w.T : tensor
  %2 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
  // CHECK: onnx.Add(%[[P]],
  %3 = onnx.Add(%2, %b) : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  %4 = onnx.Relu(%2) : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %5 = onnx.Add(%3, %4) : (tensor<?x?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  return %0, %1, %3, %5 : tensor<?x?x4xf32>, tensor<?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>
}
