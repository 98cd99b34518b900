// RUN: dejavu-opt %s --raise-embed | FileCheck %s

dejavu.weight @t : tensor<66x8xf32> from <"m", offset = 0, length = 2112>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[I:.*]]: tensor<?x?xi64>
func.func @main(%i: tensor<?x?xi64>) -> (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) {
  %t = dejavu.load_weight @t : tensor<66x8xf32>
  %two = onnx.Constant dense<2> : tensor<i64>
  %three = onnx.Constant dense<3> : tensor<1xi64>
  // CHECK: dejavu.embed %[[I]], @t : tensor<?x?xi64> -> tensor<?x?x8xf32>
  %0 = onnx.Gather(%t, %i) : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  // CHECK: dejavu.embed %[[I]], @t {offset = 2 : i64}
  %1 = onnx.Add(%two, %i) : (tensor<i64>, tensor<?x?xi64>) -> tensor<?x?xi64>
  %2 = onnx.Gather(%t, %1) : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  // CHECK: dejavu.embed %[[I]], @t {offset = -1 : i64}
  %3 = onnx.Sub(%1, %three) : (tensor<?x?xi64>, tensor<1xi64>) -> tensor<?x?xi64>
  %4 = onnx.Gather(%t, %3) {axis = -2 : i64} : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  return %0, %2, %4 : tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>
}

// Gemma's embeddings are multiplied by the root of their size.
// CHECK-LABEL: func.func @scaled(
// CHECK-SAME: %[[I:.*]]: tensor<?x?xi64>
func.func @scaled(%ids: tensor<?x?xi64>) -> tensor<?x?x4xf32> {
  %t = dejavu.load_weight @scaled_table : tensor<16x4xf32>
  %two = onnx.Constant dense<2.0> : tensor<f32>
  // CHECK: %[[E:.*]] = dejavu.embed %[[I]], @scaled_table {scale = 2.000000e+00 : f32} :
  %0 = onnx.Gather(%t, %ids) : (tensor<16x4xf32>, tensor<?x?xi64>) -> tensor<?x?x4xf32>
  %1 = onnx.Mul(%two, %0) : (tensor<f32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  // CHECK: return %[[E]]
  return %1 : tensor<?x?x4xf32>
}
dejavu.weight @scaled_table : tensor<16x4xf32> from <"m", offset = 0, length = 256>
