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
