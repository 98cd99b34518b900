// RUN: dejavu-opt %s --split-input-file --onnx-bind-positions --remarks-filter=raise 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

// CHECK-NOT: dejavu.positions

dejavu.weight @t : tensor<66x8xf32> from <"m", offset = 0, length = 2112>
// A sum along the wrong axis.
// REMARK: [Missed] raise {{.*}} Remark="indices of a table are not raised to positions: the values do not count the steps since the padding of each row"
func.func @main(%mask: tensor<?x?xi64> {onnx.dims = ["batch", "past + tokens"], dejavu.binding = #dejavu.binding<"mask", attention_mask>},
                %k: tensor<?x2x?x4xf32> {onnx.dims = ["batch", "2", "past", "4"]}) -> tensor<?x?x8xf32> {
  %t = dejavu.load_weight @t : tensor<66x8xf32>
  %axis = onnx.Constant dense<0> : tensor<i64>
  %axes = onnx.Constant dense<1> : tensor<1xi64>
  %end = onnx.Constant dense<9223372036854775807> : tensor<1xi64>
  %past = onnx.Shape(%k) {start = 2 : i64, end = 3 : i64} : (tensor<?x2x?x4xf32>) -> tensor<1xi64>
  %0 = onnx.CumSum(%mask, %axis) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>
  %1 = onnx.Slice(%0, %past, %end) axes(%axes) : (tensor<?x?xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x?xi64>
  %2 = onnx.Gather(%t, %1) : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  return %2 : tensor<?x?x8xf32>
}

// -----

dejavu.weight @t : tensor<66x8xf32> from <"m", offset = 0, length = 2112>
// Without the slice there is an index for each step of the past.
// REMARK: indices of a table are not raised to positions: the shape is not [batch, tokens]
func.func @main(%mask: tensor<?x?xi64> {onnx.dims = ["batch", "past + tokens"], dejavu.binding = #dejavu.binding<"mask", attention_mask>}) -> tensor<?x?x8xf32> {
  %t = dejavu.load_weight @t : tensor<66x8xf32>
  %axis = onnx.Constant dense<1> : tensor<i64>
  %0 = onnx.CumSum(%mask, %axis) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>
  %1 = onnx.Gather(%t, %0) : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  return %1 : tensor<?x?x8xf32>
}

// -----

dejavu.weight @t : tensor<66x8xf32> from <"m", offset = 0, length = 2112>
// REMARK: indices of a table are not raised to positions: depends on the values of input 'ids'
func.func @main(%ids: tensor<?x?xi64> {onnx.name = "ids", onnx.dims = ["batch", "tokens"], dejavu.binding = #dejavu.binding<"ids", ids>}) -> tensor<?x?x8xf32> {
  %t = dejavu.load_weight @t : tensor<66x8xf32>
  %0 = onnx.Neg(%ids) : (tensor<?x?xi64>) -> tensor<?x?xi64>
  %1 = onnx.Gather(%t, %0) : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  return %1 : tensor<?x?x8xf32>
}
