// RUN: dejavu-opt %s --onnx-simplify | FileCheck %s

// What looks like GELU and is not stays as it is.

// CHECK-LABEL: func.func @wrong_constant(
// CHECK-NOT: onnx.Gelu
func.func @wrong_constant(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %half = onnx.Constant dense<0.5> : tensor<f32>
  %one = onnx.Constant dense<1.0> : tensor<f32>
  %root = onnx.Constant dense<1.5> : tensor<f32>
  %0 = onnx.Div(%x, %root) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %1 = onnx.Erf(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = onnx.Add(%1, %one) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %3 = onnx.Mul(%x, %2) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Erf
  %4 = onnx.Mul(%3, %half) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  return %4 : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @other_factor(
// CHECK-NOT: onnx.Gelu
func.func @other_factor(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %half = onnx.Constant dense<0.5> : tensor<f32>
  %one = onnx.Constant dense<1.0> : tensor<f32>
  %root = onnx.Constant dense<1.41421354> : tensor<f32>
  %0 = onnx.Div(%x, %root) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %1 = onnx.Erf(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = onnx.Add(%1, %one) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %3 = onnx.Mul(%y, %2) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Erf
  %4 = onnx.Mul(%3, %half) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  return %4 : tensor<?x8xf32>
}
