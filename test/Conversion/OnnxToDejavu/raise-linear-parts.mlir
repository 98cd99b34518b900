// RUN: dejavu-opt %s --raise-linear | FileCheck %s

// Biases behind a split, and weights in other shapes.

// CHECK: dejavu.weight @w.T.rows : tensor<4x8xf32> {{.*}} via [#dejavu.transpose<[1, 0]>, #dejavu.take_rows<[4, 4]>]
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @b : tensor<4xf32> from <"m", offset = 256, length = 16>
// CHECK: dejavu.weight @wide.reshaped : tensor<8x4xf32> from <"m", offset = 272, length = 128>
dejavu.weight @wide : tensor<1x8x4xf32> from <"m", offset = 272, length = 128>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32>
func.func @main(%x: tensor<?x?x8xf32>)
    -> (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>) {
  %w = dejavu.load_weight @w : tensor<8x8xf32>
  %b = dejavu.load_weight @b : tensor<4xf32>
  // CHECK-DAG: %[[P:.*]] = dejavu.linear %[[X]], @w.T :
  // CHECK-DAG: %[[K:.*]] = dejavu.linear %[[X]], @w.T.rows, @b :
  // CHECK-DAG: %[[Q:.*]]:2 = onnx.Split(%[[P]])
  %0 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
  %1, %2 = onnx.Split(%0) {axis = 2 : i64} : (tensor<?x?x8xf32>) -> (tensor<?x?x4xf32>, tensor<?x?x4xf32>)
  %one = onnx.Constant dense<[1, 1, 4]> : tensor<3xi64>
  %bias = onnx.Reshape(%b, %one) : (tensor<4xf32>, tensor<3xi64>) -> tensor<1x1x4xf32>
  %3 = onnx.Add(%bias, %2) : (tensor<1x1x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>

  // CHECK-DAG: %[[Y:.*]] = dejavu.linear %[[X]], @wide.reshaped.T :
  %wide = dejavu.load_weight @wide : tensor<1x8x4xf32>
  %4 = onnx.MatMul(%x, %wide) : (tensor<?x?x8xf32>, tensor<1x8x4xf32>) -> tensor<?x?x4xf32>
  // CHECK: return %[[Q]]#0, %[[K]], %[[Y]]
  return %1, %3, %4 : tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>
}
