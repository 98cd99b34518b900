// RUN: dejavu-opt %s --split-input-file --onnx-widen-floats | FileCheck %s

// CHECK: dejavu.weight @w.f32 : tensor<8x4xf32> from {{.*}} as tensor<8x4xf16> via [#dejavu.cast<f32>]
dejavu.weight @w : tensor<8x4xf16> from <"m", offset = 0, length = 64>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf16>, %[[I:.*]]: tensor<?xi64>) -> (tensor<?x4xf16>, tensor<?xi64>)
func.func @main(%x: tensor<?x8xf16>, %i: tensor<?xi64>) -> (tensor<?x4xf16>, tensor<?xi64>) {
  // CHECK: %[[WIDE:.*]] = onnx.Cast(%[[X]]) {to = f32}
  // CHECK: %[[W:.*]] = dejavu.load_weight @w.f32{{.*}} : tensor<8x4xf32>
  // CHECK: %[[C:.*]] = onnx.Constant dense<5.000000e-01> : tensor<f32>
  // CHECK: %[[P:.*]] = onnx.MatMul(%[[WIDE]], %[[W]])
  // CHECK: %[[Y:.*]] = onnx.Mul(%[[P]], %[[C]]) {{.*}} -> tensor<?x4xf32>
  // CHECK: %[[Z:.*]] = onnx.Cast(%[[Y]]) {to = f32}
  // CHECK: %[[R:.*]] = onnx.Cast(%[[Z]]) {to = f16} : (tensor<?x4xf32>) -> tensor<?x4xf16>
  // CHECK: return %[[R]], %[[I]]
  %w = dejavu.load_weight @w : tensor<8x4xf16>
  %c = onnx.Constant dense<0.5> : tensor<f16>
  %p = onnx.MatMul(%x, %w) : (tensor<?x8xf16>, tensor<8x4xf16>) -> tensor<?x4xf16>
  %y = onnx.Mul(%p, %c) : (tensor<?x4xf16>, tensor<f16>) -> tensor<?x4xf16>
  %z = onnx.Cast(%y) {to = f16} : (tensor<?x4xf16>) -> tensor<?x4xf16>
  return %z, %i : tensor<?x4xf16>, tensor<?xi64>
}

// -----

// The bits of a number depend on its type.
// CHECK-LABEL: func.func @main(
func.func @main(%x: tensor<?x8xf16>) -> tensor<?x8xi16> {
  // CHECK-NEXT: onnx.BitCast
  %y = onnx.BitCast(%x) {to = i16} : (tensor<?x8xf16>) -> tensor<?x8xi16>
  return %y : tensor<?x8xi16>
}

// -----

// Nothing is narrow.
// CHECK-LABEL: func.func @main(
func.func @main(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: onnx.Relu
  // CHECK-NEXT: return
  %y = onnx.Relu(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
