// RUN: dejavu-opt %s --onnx-simplify | FileCheck %s

// CHECK-LABEL: func.func @copies(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>
func.func @copies(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %one = onnx.Constant dense<1.0> : tensor<f32>
  %0 = onnx.Identity(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = onnx.Concat(%0) {axis = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = onnx.Cast(%1) {to = f32} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = onnx.Mul(%2, %one) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  // CHECK: return %[[X]]
  return %3 : tensor<?x8xf32>
}

// A one with more dimensions than the other factor adds them.
// CHECK-LABEL: func.func @keeps(
func.func @keeps(%x: tensor<8xf32>) -> (tensor<1x8xf32>, tensor<8xf16>) {
  %one = onnx.Constant dense<1.0> : tensor<1x1xf32>
  // CHECK: onnx.Mul
  %0 = onnx.Mul(%x, %one) : (tensor<8xf32>, tensor<1x1xf32>) -> tensor<1x8xf32>
  // CHECK: onnx.Cast
  %1 = onnx.Cast(%x) {to = f16} : (tensor<8xf32>) -> tensor<8xf16>
  return %0, %1 : tensor<1x8xf32>, tensor<8xf16>
}

// CHECK-LABEL: func.func @transposes(
// CHECK-SAME: %[[X:.*]]: tensor<2x3x4xf32>
func.func @transposes(%x: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<4x3x2xf32>) {
  %0 = onnx.Transpose(%x) {perm = array<i64: 1, 0, 2>} : (tensor<2x3x4xf32>) -> tensor<3x2x4xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 1, 0, 2>} : (tensor<3x2x4xf32>) -> tensor<2x3x4xf32>
  // CHECK: %[[T:.*]] = onnx.Transpose(%[[X]]) {perm = array<i64: 2, 1, 0>}
  %2 = onnx.Transpose(%0) {perm = array<i64: 2, 0, 1>} : (tensor<3x2x4xf32>) -> tensor<4x3x2xf32>
  // CHECK: return %[[X]], %[[T]]
  return %1, %2 : tensor<2x3x4xf32>, tensor<4x3x2xf32>
}

// CHECK-LABEL: func.func @gelu_erf(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>
func.func @gelu_erf(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %half = onnx.Constant dense<0.5> : tensor<f32>
  %one = onnx.Constant dense<1.0> : tensor<f32>
  %root = onnx.Constant dense<1.41421354> : tensor<f32>
  %0 = onnx.Div(%x, %root) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %1 = onnx.Erf(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = onnx.Add(%1, %one) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  // x * (1 + f) * 0.5
  %3 = onnx.Mul(%x, %2) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: %[[A:.*]] = onnx.Gelu(%[[X]]) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %4 = onnx.Mul(%3, %half) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  // x * (0.5 * (1 + f))
  %5 = onnx.Mul(%half, %2) : (tensor<f32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: %[[B:.*]] = onnx.Gelu(%[[X]]) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %6 = onnx.Mul(%5, %x) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: return %[[A]], %[[B]]
  return %4, %6 : tensor<?x8xf32>, tensor<?x8xf32>
}

// CHECK-LABEL: func.func @gelu_tanh(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>
func.func @gelu_tanh(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %half = onnx.Constant dense<0.5> : tensor<f32>
  %one = onnx.Constant dense<1.0> : tensor<f32>
  %three = onnx.Constant dense<3.0> : tensor<f32>
  %a = onnx.Constant dense<4.471500e-02> : tensor<f32>
  %b = onnx.Constant dense<0.797884583> : tensor<f32>
  %0 = onnx.Pow(%x, %three) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %1 = onnx.Mul(%a, %0) : (tensor<f32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = onnx.Add(%x, %1) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = onnx.Mul(%2, %b) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %4 = onnx.Tanh(%3) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %5 = onnx.Add(%4, %one) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %6 = onnx.Mul(%x, %half) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  // CHECK: %[[Y:.*]] = onnx.Gelu(%[[X]]) {approximate = #onnx.gelu_approximation<tanh>}
  %7 = onnx.Mul(%6, %5) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: return %[[Y]]
  return %7 : tensor<?x8xf32>
}
