// RUN: dejavu-opt %s --onnx-fold-shapes | FileCheck %s

// What cannot be proved stays: symbols that differ may differ in value.

// CHECK-LABEL: func.func @other_symbol(
func.func @other_symbol(%x: tensor<?x?xf32> {onnx.dims = ["a", "b"]},
                        %y: tensor<?x?xf32> {onnx.dims = ["a", "c"]}) -> tensor<?x?xf32> {
  %0 = onnx.Shape(%y) : (tensor<?x?xf32>) -> tensor<2xi64>
  // CHECK: onnx.Reshape
  %1 = onnx.Reshape(%x, %0) : (tensor<?x?xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  return %1 : tensor<?x?xf32>
}

// Nothing is known of "?", not even that two of them are equal.
// CHECK-LABEL: func.func @unknown(
func.func @unknown(%x: tensor<?x8xf32> {onnx.dims = ["?", "8"]},
                   %y: tensor<?x8xf32> {onnx.dims = ["?", "8"]}) -> tensor<?x8xf32> {
  %0 = onnx.Shape(%y) : (tensor<?x8xf32>) -> tensor<2xi64>
  // CHECK: onnx.Expand
  %1 = onnx.Expand(%x, %0) : (tensor<?x8xf32>, tensor<2xi64>) -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// The round trip over [batch * heads] with the last two dimensions swapped, but
// folded back in another way.
// CHECK-LABEL: func.func @other_fold(
func.func @other_fold(%k: tensor<?x2x?x4xf32> {onnx.dims = ["batch", "2", "steps", "4"]}) -> tensor<?x2x?x4xf32> {
  %flat = onnx.Constant dense<[-1, 4, 4]> : tensor<3xi64>
  %0 = onnx.Reshape(%k, %flat) : (tensor<?x2x?x4xf32>, tensor<3xi64>) -> tensor<?x4x4xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 0, 2, 1>} : (tensor<?x4x4xf32>) -> tensor<?x4x4xf32>
  %s = onnx.Shape(%k) : (tensor<?x2x?x4xf32>) -> tensor<4xi64>
  // CHECK: onnx.Reshape
  // CHECK: onnx.Transpose
  // CHECK: onnx.Reshape
  %2 = onnx.Reshape(%1, %s) : (tensor<?x4x4xf32>, tensor<4xi64>) -> tensor<?x2x?x4xf32>
  return %2 : tensor<?x2x?x4xf32>
}
