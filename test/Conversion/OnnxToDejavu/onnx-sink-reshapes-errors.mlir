// RUN: dejavu-opt %s --onnx-sink-reshapes | FileCheck %s

// Another bias for each row, and a scaled product: there is no deep form.
// CHECK-LABEL: func.func @gemm(
func.func @gemm(%x: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
                %w: tensor<8x8xf32>, %b: tensor<?x8xf32> {onnx.dims = ["rows", "8"]})
    -> (tensor<?x?x8xf32>, tensor<?x?x8xf32>) {
  %flat = onnx.Constant dense<[-1, 8]> : tensor<2xi64>
  %shape = onnx.Shape(%x) : (tensor<?x?x8xf32>) -> tensor<3xi64>
  %0 = onnx.Reshape(%x, %flat) : (tensor<?x?x8xf32>, tensor<2xi64>) -> tensor<?x8xf32>
  // CHECK: onnx.Gemm
  %1 = onnx.Gemm(%0, %w, %b) : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Gemm
  %2 = onnx.Gemm(%0, %w) {alpha = 2.0 : f32} : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Reshape
  %3 = onnx.Reshape(%1, %shape) : (tensor<?x8xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  // CHECK: onnx.Reshape
  %4 = onnx.Reshape(%2, %shape) : (tensor<?x8xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %3, %4 : tensor<?x?x8xf32>, tensor<?x?x8xf32>
}

// Unfolded as [tokens, batch], which is another tensor.
// CHECK-LABEL: func.func @swapped(
func.func @swapped(%x: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
                   %y: tensor<?x?x8xf32> {onnx.dims = ["tokens", "batch", "8"]}) -> tensor<?x?x8xf32> {
  %flat = onnx.Constant dense<[-1, 8]> : tensor<2xi64>
  %shape = onnx.Shape(%y) : (tensor<?x?x8xf32>) -> tensor<3xi64>
  // CHECK: onnx.Reshape
  %0 = onnx.Reshape(%x, %flat) : (tensor<?x?x8xf32>, tensor<2xi64>) -> tensor<?x8xf32>
  // CHECK: onnx.Relu{{.*}} -> tensor<?x8xf32>
  %1 = onnx.Relu(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Reshape
  %2 = onnx.Reshape(%1, %shape) : (tensor<?x8xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %2 : tensor<?x?x8xf32>
}
