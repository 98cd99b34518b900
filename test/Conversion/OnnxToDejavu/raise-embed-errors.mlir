// RUN: dejavu-opt %s --raise-embed | FileCheck %s

dejavu.weight @t : tensor<66x8xf32> from <"m", offset = 0, length = 2112>

// Columns, other ranks, 32-bit indices, and a table that is no weight.
// CHECK-LABEL: func.func @main(
// CHECK-NOT: dejavu.embed
func.func @main(%i: tensor<?x?xi64>, %j: tensor<?xi64>, %k: tensor<?x?xi32>, %u: tensor<66x8xf32>)
    -> (tensor<66x?x?xf32>, tensor<?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) {
  %t = dejavu.load_weight @t : tensor<66x8xf32>
  // CHECK-COUNT-4: onnx.Gather
  %0 = onnx.Gather(%t, %i) {axis = 1 : i64} : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<66x?x?xf32>
  %1 = onnx.Gather(%t, %j) : (tensor<66x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %2 = onnx.Gather(%t, %k) : (tensor<66x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %3 = onnx.Gather(%u, %i) : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  // CHECK: return
  return %0, %1, %2, %3 : tensor<66x?x?xf32>, tensor<?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>
}
