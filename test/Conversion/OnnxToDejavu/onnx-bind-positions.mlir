// RUN: dejavu-opt %s --onnx-bind-positions --remarks-filter=raise 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

dejavu.weight @t : tensor<66x8xf32> from <"m", offset = 0, length = 2112>

// The running sum of the mask counts the token itself, so it is one more than
// the position.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[M:[^:]*]]: tensor<?x?xi64>
// CHECK-SAME: %[[P:[^:]*]]: tensor<?x?xi64> {dejavu.positions, onnx.dims = ["batch", "tokens"]})
// CHECK-NEXT: %[[T:.*]] = dejavu.load_weight @t
// CHECK-NEXT: %[[ONE:.*]] = onnx.Constant dense<1> : tensor<i64>
// CHECK-NEXT: %[[I:.*]] = onnx.Add(%[[P]], %[[ONE]])
// CHECK-NEXT: %[[Y:.*]] = onnx.Gather(%[[T]], %[[I]])
// CHECK-NEXT: return %[[Y]]
// REMARK: [Passed] raise {{.*}} Remark="positions that are counted in the attention mask are raised to an argument"
func.func @main(%mask: tensor<?x?xi64> {onnx.dims = ["batch", "past + tokens"], dejavu.binding = #dejavu.binding<"mask", attention_mask>},
                %k: tensor<?x2x?x4xf32> {onnx.dims = ["batch", "2", "past", "4"]}) -> tensor<?x?x8xf32> {
  %t = dejavu.load_weight @t : tensor<66x8xf32>
  %axis = onnx.Constant dense<1> : tensor<i64>
  %axes = onnx.Constant dense<1> : tensor<1xi64>
  %end = onnx.Constant dense<9223372036854775807> : tensor<1xi64>
  %past = onnx.Shape(%k) {start = 2 : i64, end = 3 : i64} : (tensor<?x2x?x4xf32>) -> tensor<1xi64>
  %0 = onnx.CumSum(%mask, %axis) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>
  %1 = onnx.Slice(%0, %past, %end) axes(%axes) : (tensor<?x?xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x?xi64>
  %2 = onnx.Gather(%t, %1) : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  return %2 : tensor<?x?x8xf32>
}
