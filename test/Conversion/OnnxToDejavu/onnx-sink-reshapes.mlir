// RUN: dejavu-opt %s --onnx-sink-reshapes | FileCheck %s

// The MLP of OPT works on [batch * tokens, features], its residual too.
// CHECK-LABEL: func.func @mlp(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x?x8xf32> {{[^}]*}}}, %[[W1:.*]]: tensor<32x8xf32>, %[[B1:.*]]: tensor<32xf32>, %[[W2:.*]]: tensor<32x8xf32>, %[[S:.*]]: tensor<8xf32>
func.func @mlp(%x: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
               %w1: tensor<32x8xf32>, %b1: tensor<32xf32>, %w2: tensor<32x8xf32>, %s: tensor<8xf32>) -> tensor<?x?x8xf32> {
  %flat = onnx.Constant dense<[-1, 8]> : tensor<2xi64>
  %shape = onnx.Shape(%x) : (tensor<?x?x8xf32>) -> tensor<3xi64>
  %0 = onnx.Reshape(%x, %flat) : (tensor<?x?x8xf32>, tensor<2xi64>) -> tensor<?x8xf32>
  // CHECK: %[[N:.*]] = onnx.LayerNormalization(%[[X]], %[[S]]) : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  %1 = onnx.LayerNormalization(%0, %s) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: %[[T:.*]] = onnx.Transpose(%[[W1]]) {perm = array<i64: 1, 0>} : (tensor<32x8xf32>) -> tensor<8x32xf32>
  // CHECK: %[[P:.*]] = onnx.MatMul(%[[N]], %[[T]]) : (tensor<?x?x8xf32>, tensor<8x32xf32>) -> tensor<?x?x32xf32>
  // CHECK: %[[Q:.*]] = onnx.Add(%[[P]], %[[B1]]) : (tensor<?x?x32xf32>, tensor<32xf32>) -> tensor<?x?x32xf32>
  %2 = onnx.Gemm(%1, %w1, %b1) {transB = 1 : i64} : (tensor<?x8xf32>, tensor<32x8xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  // CHECK: %[[R:.*]] = onnx.Relu(%[[Q]]) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %3 = onnx.Relu(%2) : (tensor<?x32xf32>) -> tensor<?x32xf32>
  // CHECK: %[[D:.*]] = onnx.MatMul(%[[R]], %[[W2]])
  %4 = onnx.Gemm(%3, %w2) : (tensor<?x32xf32>, tensor<32x8xf32>) -> tensor<?x8xf32>
  // CHECK: %[[Y:.*]] = onnx.Add(%[[X]], %[[D]]) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %5 = onnx.Add(%0, %4) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %6 = onnx.Reshape(%5, %shape) : (tensor<?x8xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  // CHECK-NOT: onnx.Reshape
  // CHECK: return %[[Y]]
  return %6 : tensor<?x?x8xf32>
}

// What GPT-2 flattens is split into heads, and is cut behind the product.
// CHECK-LABEL: func.func @heads(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x?x2x4xf32> {{[^}]*}}}, %[[W:.*]]: tensor<8x6xf32>, %[[S:.*]]: tensor<8xf32>
func.func @heads(%x: tensor<?x?x2x4xf32> {onnx.dims = ["batch", "tokens", "2", "4"]},
                 %w: tensor<8x6xf32>, %s: tensor<8xf32>) -> tensor<?x?x3xf32> {
  %flat = onnx.Constant dense<[-1, 8]> : tensor<2xi64>
  %one = onnx.Constant dense<1> : tensor<1xi64>
  %eps = onnx.Constant dense<1.0e-6> : tensor<f32>
  %shape = onnx.Shape(%x) {end = 2 : i64} : (tensor<?x?x2x4xf32>) -> tensor<2xi64>
  %three = onnx.Constant dense<3> : tensor<1xi64>
  %deep = onnx.Concat(%shape, %three) {axis = 0 : i64} : (tensor<2xi64>, tensor<1xi64>) -> tensor<3xi64>
  // CHECK: %[[M:.*]] = onnx.Reshape(%[[X]], %{{.*}}) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  %0 = onnx.Reshape(%x, %flat) : (tensor<?x?x2x4xf32>, tensor<2xi64>) -> tensor<?x8xf32>
  // CHECK: onnx.ReduceMean(%[[M]], %{{.*}}) {{.*}} -> tensor<?x?x1xf32>
  %1 = onnx.ReduceMean(%0, %one) : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  %2 = onnx.Sub(%0, %1) : (tensor<?x8xf32>, tensor<?x1xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.RMSNormalization({{.*}}) : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  %3 = onnx.RMSNormalization(%2, %s) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.MatMul({{.*}}, %[[W]]) : (tensor<?x?x8xf32>, tensor<8x6xf32>) -> tensor<?x?x6xf32>
  %4 = onnx.MatMul(%3, %w) : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  // CHECK: %[[A:.*]]:2 = onnx.Split({{.*}}) {axis = -1 : i64} : (tensor<?x?x6xf32>)
  %5, %6 = onnx.Split(%4) {axis = 1 : i64} : (tensor<?x6xf32>) -> (tensor<?x3xf32>, tensor<?x3xf32>)
  %7 = onnx.Reshape(%5, %deep) : (tensor<?x3xf32>, tensor<3xi64>) -> tensor<?x?x3xf32>
  // CHECK: return %[[A]]#0
  return %7 : tensor<?x?x3xf32>
}
