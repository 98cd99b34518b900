// RUN: dejavu-opt %s --raise-norm | FileCheck %s

// Norms that exporters compose, and norms of each head.

dejavu.weight @s : tensor<8xf32> from <"m", offset = 0, length = 32>
dejavu.weight @b : tensor<8xf32> from <"m", offset = 32, length = 32>
dejavu.weight @h : tensor<4xf32> from <"m", offset = 64, length = 16>
dejavu.weight @each : tensor<2x4xf32> from <"m", offset = 80, length = 32>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x?x8xf32>
func.func @main(%x: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]})
    -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x4xf32>) {
  %s = dejavu.load_weight @s : tensor<8xf32>
  %b = dejavu.load_weight @b : tensor<8xf32>
  %two = onnx.Constant dense<2.0> : tensor<f32>
  %one = onnx.Constant dense<1.0> : tensor<f32>
  %eps = onnx.Constant dense<1.0e-6> : tensor<f32>
  %last = onnx.Constant dense<-1> : tensor<1xi64>
  // RMS, with the weight on the left.
  // CHECK: %[[A:.*]] = dejavu.norm{{ +}}rms %[[X]], @s {epsilon = 9.99999997E-7 : f32} : tensor<?x?x8xf32>
  %0 = onnx.Pow(%x, %two) : (tensor<?x?x8xf32>, tensor<f32>) -> tensor<?x?x8xf32>
  %1 = onnx.ReduceMean(%0, %last) : (tensor<?x?x8xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
  %2 = onnx.Add(%1, %eps) : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %3 = onnx.Sqrt(%2) : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %4 = onnx.Reciprocal(%3) : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %5 = onnx.Mul(%x, %4) : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
  %6 = onnx.Mul(%s, %5) : (tensor<8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>

  // The scale is weight + 1, and the root a power.
  // CHECK: %[[B:.*]] = dejavu.norm{{ +}}rms %[[A]], @s {epsilon = 9.99999997E-7 : f32, weight_offset = 1.000000e+00 : f32}
  %root = onnx.Constant dense<-0.5> : tensor<f32>
  %7 = onnx.Mul(%6, %6) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %8 = onnx.ReduceMean(%7, %last) : (tensor<?x?x8xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
  %9 = onnx.Add(%eps, %8) : (tensor<f32>, tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %10 = onnx.Pow(%9, %root) : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %11 = onnx.Mul(%10, %6) : (tensor<?x?x1xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %12 = onnx.Add(%one, %s) : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %13 = onnx.Mul(%11, %12) : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>

  // A layer norm that computes the difference twice.
  // CHECK: %[[C:.*]] = dejavu.norm{{ +}}layer %[[B]], @s, @b {epsilon = 9.99999997E-7 : f32}
  %14 = onnx.ReduceMean(%13, %last) : (tensor<?x?x8xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
  %15 = onnx.Sub(%13, %14) : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
  %16 = onnx.Sub(%13, %14) : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
  %17 = onnx.Pow(%15, %two) : (tensor<?x?x8xf32>, tensor<f32>) -> tensor<?x?x8xf32>
  %18 = onnx.ReduceMean(%17, %last) : (tensor<?x?x8xf32>, tensor<1xi64>) -> tensor<?x?x1xf32>
  %19 = onnx.Add(%18, %eps) : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %20 = onnx.Sqrt(%19) : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %21 = onnx.Div(%16, %20) : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
  %22 = onnx.Mul(%21, %s) : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  %23 = onnx.Add(%22, %b) : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>

  // Of each head, behind the transpose: a norm in groups, heads split behind.
  // CHECK: %[[D:.*]] = dejavu.norm{{ +}}rms %[[C]], @h {epsilon = 9.99999974E-6 : f32, groups = 2 : i64}
  // CHECK: %[[E:.*]] = onnx.Reshape(%[[D]],
  // CHECK: %[[F:.*]] = onnx.Transpose(%[[E]]) {perm = array<i64: 0, 2, 1, 3>}
  %h = dejavu.load_weight @h : tensor<4xf32>
  %shape = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %24 = onnx.Reshape(%23, %shape) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %25 = onnx.Transpose(%24) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %26 = onnx.RMSNormalization(%25, %h) {epsilon = 1.0e-5 : f32} : (tensor<?x2x?x4xf32>, tensor<4xf32>) -> tensor<?x2x?x4xf32>

  // With a scale of its own for each head: a product.
  // CHECK: %[[G:.*]] = dejavu.norm{{ +}}rms %[[C]] {epsilon = 9.99999997E-7 : f32, groups = 2 : i64}
  // CHECK: %[[W:.*]] = dejavu.load_weight @each.reshaped : tensor<8xf32>
  // CHECK: %[[M:.*]] = onnx.Mul(%[[G]], %[[W]])
  // CHECK: %[[R:.*]] = onnx.Reshape(%[[M]],
  %each = dejavu.load_weight @each : tensor<2x4xf32>
  %27 = onnx.Pow(%24, %two) : (tensor<?x?x2x4xf32>, tensor<f32>) -> tensor<?x?x2x4xf32>
  %28 = onnx.ReduceMean(%27, %last) : (tensor<?x?x2x4xf32>, tensor<1xi64>) -> tensor<?x?x2x1xf32>
  %29 = onnx.Add(%28, %eps) : (tensor<?x?x2x1xf32>, tensor<f32>) -> tensor<?x?x2x1xf32>
  %30 = onnx.Sqrt(%29) : (tensor<?x?x2x1xf32>) -> tensor<?x?x2x1xf32>
  %31 = onnx.Div(%one, %30) : (tensor<f32>, tensor<?x?x2x1xf32>) -> tensor<?x?x2x1xf32>
  %32 = onnx.Mul(%24, %31) : (tensor<?x?x2x4xf32>, tensor<?x?x2x1xf32>) -> tensor<?x?x2x4xf32>
  %33 = onnx.Mul(%32, %each) : (tensor<?x?x2x4xf32>, tensor<2x4xf32>) -> tensor<?x?x2x4xf32>
  // Heads in the tokens.
  // CHECK: %[[H:.*]] = dejavu.norm{{ +}}rms %[[C]], @h {epsilon = 9.99999974E-6 : f32, groups = 2 : i64}
  // CHECK: %[[I:.*]] = onnx.Reshape(%[[H]], {{.*}} -> tensor<?x?x2x4xf32>
  // CHECK: %[[J:.*]] = onnx.Reshape(%[[I]], {{.*}} -> tensor<?x?x4xf32>
  %flat = onnx.Constant dense<[0, -1, 4]> : tensor<3xi64>
  %34 = onnx.Reshape(%23, %flat) : (tensor<?x?x8xf32>, tensor<3xi64>) -> tensor<?x?x4xf32>
  %35 = onnx.SimplifiedLayerNormalization(%34, %h) {epsilon = 1.0e-5 : f32} : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  // CHECK: return %[[C]], %[[F]], %[[R]], %[[J]]
  return %23, %26, %33, %35 : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x4xf32>
}
