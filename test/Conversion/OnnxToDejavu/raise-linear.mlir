// RUN: dejavu-opt %s --raise-linear | FileCheck %s

// @w is [in, out] in the file: its recipe transposes. @table is [out, in] and
// read twice, once transposed: it stays one weight.
// CHECK: dejavu.weight @w : tensor<8x4xf32>
// CHECK-NEXT: dejavu.weight @w.T : tensor<4x8xf32> from <"m", offset = 0, length = 128> as tensor<8x4xf32> via [#dejavu.transpose<[1, 0]>]
// CHECK-NOT: dejavu.weight @w.T{{.}}
dejavu.weight @w : tensor<8x4xf32> from <"m", offset = 0, length = 128>
dejavu.weight @b : tensor<4xf32> from <"m", offset = 128, length = 16>
// CHECK: dejavu.weight @table : tensor<32x8xf32>
dejavu.weight @table : tensor<32x8xf32> from <"m", offset = 144, length = 1024>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32>, %[[I:.*]]: tensor<?x?xi64>
func.func @main(%x: tensor<?x?x8xf32>, %ids: tensor<?x?xi64>)
    -> (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x32xf32>, tensor<?x?x8xf32>) {
  %w = dejavu.load_weight @w : tensor<8x4xf32>
  %b = dejavu.load_weight @b : tensor<4xf32>
  %table = dejavu.load_weight @table : tensor<32x8xf32>
  %0 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
  // CHECK: %[[A:.*]] = dejavu.linear %[[X]], @w.T, @b : tensor<?x?x8xf32> -> tensor<?x?x4xf32>
  %1 = onnx.Add(%0, %b) : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  %2 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
  // The bias on the left, as the TorchScript exporter has it.
  // CHECK: %[[B:.*]] = dejavu.linear %[[X]], @w.T, @b
  %3 = onnx.Add(%b, %2) : (tensor<4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  // CHECK: %[[C:.*]] = dejavu.linear %[[X]], @w.T : tensor<?x?x8xf32> -> tensor<?x?x4xf32>
  %4 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
  %t = onnx.Transpose(%table) {perm = array<i64: 1, 0>} : (tensor<32x8xf32>) -> tensor<8x32xf32>
  // CHECK: %[[D:.*]] = dejavu.linear %[[X]], @table : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %5 = onnx.MatMul(%x, %t) : (tensor<?x?x8xf32>, tensor<8x32xf32>) -> tensor<?x?x32xf32>
  // CHECK: onnx.Gather
  %6 = onnx.Gather(%table, %ids) : (tensor<32x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  // CHECK: return %[[A]], %[[B]], %[[C]], %[[D]]
  return %1, %3, %4, %5, %6 : tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x32xf32>, tensor<?x?x8xf32>
}
