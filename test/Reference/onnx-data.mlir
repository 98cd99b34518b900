// Data movement and running sums. Expected values are computed by hand.
// RUN: dejavu-interpret %s | FileCheck %s

// CHECK-LABEL: @concat
// CHECK-NEXT: tensor<2x3xi64> {{\[\[}}1, 5, 6], [2, 7, 8]]
// CHECK-NEXT: tensor<3xi64> [1, 2, 3]
func.func @concat() -> (tensor<2x3xi64>, tensor<3xi64>) {
  %a = onnx.Constant dense<[[1], [2]]> : tensor<2x1xi64>
  %b = onnx.Constant dense<[[5, 6], [7, 8]]> : tensor<2x2xi64>
  %e = onnx.Constant dense<> : tensor<2x0xi64>
  %0 = onnx.Concat(%a, %e, %b) {axis = -1 : i64}
      : (tensor<2x1xi64>, tensor<2x0xi64>, tensor<2x2xi64>) -> tensor<2x3xi64>
  %c = onnx.Constant dense<[1]> : tensor<1xi64>
  %d = onnx.Constant dense<[2, 3]> : tensor<2xi64>
  %1 = onnx.Concat(%c, %d) {axis = 0 : i64}
      : (tensor<1xi64>, tensor<2xi64>) -> tensor<3xi64>
  return %0, %1 : tensor<2x3xi64>, tensor<3xi64>
}

// CHECK-LABEL: @gather
// CHECK-NEXT: tensor<2x2xi64> {{\[\[}}5, 6], [1, 2]]
// CHECK-NEXT: tensor<3xi64> [2, 4, 6]
// CHECK-NEXT: tensor<3x1x2xi64> {{\[\[\[}}2, 1]], {{\[\[}}4, 3]], {{\[\[}}6, 5]]]
func.func @gather() -> (tensor<2x2xi64>, tensor<3xi64>, tensor<3x1x2xi64>) {
  %x = onnx.Constant dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi64>
  %i = onnx.Constant dense<[-1, 0]> : tensor<2xi64>
  %0 = onnx.Gather(%x, %i) : (tensor<3x2xi64>, tensor<2xi64>) -> tensor<2x2xi64>
  %j = onnx.Constant dense<1> : tensor<i64>
  %1 = onnx.Gather(%x, %j) {axis = 1 : i64}
      : (tensor<3x2xi64>, tensor<i64>) -> tensor<3xi64>
  %k = onnx.Constant dense<[[1, 0]]> : tensor<1x2xi64>
  %2 = onnx.Gather(%x, %k) {axis = -1 : i64}
      : (tensor<3x2xi64>, tensor<1x2xi64>) -> tensor<3x1x2xi64>
  return %0, %1, %2 : tensor<2x2xi64>, tensor<3xi64>, tensor<3x1x2xi64>
}

// The examples of the ONNX specification, and a negative index.
// CHECK-LABEL: @gather_nd
// CHECK-NEXT: tensor<2xi64> [0, 3]
// CHECK-NEXT: tensor<2x2xi64> {{\[\[}}2, 3], [0, 1]]
// CHECK-NEXT: tensor<2x2xi64> {{\[\[}}2, 3], [4, 5]]
func.func @gather_nd() -> (tensor<2xi64>, tensor<2x2xi64>, tensor<2x2xi64>) {
  %x = onnx.Constant dense<[[0, 1], [2, 3]]> : tensor<2x2xi64>
  %i = onnx.Constant dense<[[0, 0], [1, -1]]> : tensor<2x2xi64>
  %0 = onnx.GatherND(%x, %i) : (tensor<2x2xi64>, tensor<2x2xi64>) -> tensor<2xi64>
  %j = onnx.Constant dense<[[1], [0]]> : tensor<2x1xi64>
  %1 = onnx.GatherND(%x, %j) : (tensor<2x2xi64>, tensor<2x1xi64>) -> tensor<2x2xi64>
  %y = onnx.Constant dense<[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]> : tensor<2x2x2xi64>
  %2 = onnx.GatherND(%y, %j) {batch_dims = 1 : i64}
      : (tensor<2x2x2xi64>, tensor<2x1xi64>) -> tensor<2x2xi64>
  return %0, %1, %2 : tensor<2xi64>, tensor<2x2xi64>, tensor<2x2xi64>
}

// Extremes of int64, negative steps, clamping, empty results.
// CHECK-LABEL: @slice
// CHECK-NEXT: tensor<3xi64> [2, 3, 4]
// CHECK-NEXT: tensor<5xi64> [4, 3, 2, 1, 0]
// CHECK-NEXT: tensor<2xi64> [3, 1]
// CHECK-NEXT: tensor<0xi64> []
// CHECK-NEXT: tensor<1xi64> [0]
// CHECK-NEXT: tensor<1xi64> [4]
func.func @slice() -> (tensor<?xi64>, tensor<?xi64>, tensor<?xi64>,
                       tensor<?xi64>, tensor<?xi64>, tensor<?xi64>) {
  %x = onnx.Constant dense<[0, 1, 2, 3, 4]> : tensor<5xi64>
  %c0 = onnx.Constant dense<0> : tensor<1xi64>
  %c2 = onnx.Constant dense<2> : tensor<1xi64>
  %m1 = onnx.Constant dense<-1> : tensor<1xi64>
  %m2 = onnx.Constant dense<-2> : tensor<1xi64>
  %max = onnx.Constant dense<9223372036854775807> : tensor<1xi64>
  %min = onnx.Constant dense<-9223372036854775808> : tensor<1xi64>
  %0 = onnx.Slice(%x, %c2, %max) : (tensor<5xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %1 = onnx.Slice(%x, %max, %min) axes(%c0) steps(%m1)
      : (tensor<5xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %2 = onnx.Slice(%x, %m2, %c0) axes(%m1) steps(%m2)
      : (tensor<5xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %3 = onnx.Slice(%x, %c2, %c0) : (tensor<5xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %4 = onnx.Slice(%x, %c0, %max) steps(%max)
      : (tensor<5xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xi64>
  %5 = onnx.Slice(%x, %max, %min) steps(%min)
      : (tensor<5xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xi64>
  return %0, %1, %2, %3, %4, %5 : tensor<?xi64>, tensor<?xi64>, tensor<?xi64>,
      tensor<?xi64>, tensor<?xi64>, tensor<?xi64>
}

// CHECK-LABEL: @transpose
// CHECK-NEXT: tensor<3x1x2xi64> {{\[\[\[}}0, 3]], {{\[\[}}1, 4]], {{\[\[}}2, 5]]]
func.func @transpose() -> tensor<3x1x2xi64> {
  %x = onnx.Constant dense<[[[0, 1, 2], [3, 4, 5]]]> : tensor<1x2x3xi64>
  %0 = onnx.Transpose(%x) {perm = array<i64: 2, 0, 1>}
      : (tensor<1x2x3xi64>) -> tensor<3x1x2xi64>
  return %0 : tensor<3x1x2xi64>
}

// CHECK-LABEL: @cumsum
// CHECK-NEXT: tensor<2x3xi64> {{\[\[}}1, 3, 6], [10, 30, 60]]
// CHECK-NEXT: tensor<2x3xi64> {{\[\[}}5, 3, 0], [50, 30, 0]]
// CHECK-NEXT: tensor<2x3xi64> {{\[\[}}1, 2, 3], [11, 22, 33]]
func.func @cumsum() -> (tensor<2x3xi64>, tensor<2x3xi64>, tensor<2x3xi64>) {
  %x = onnx.Constant dense<[[1, 2, 3], [10, 20, 30]]> : tensor<2x3xi64>
  %c0 = onnx.Constant dense<0> : tensor<i64>
  %m1 = onnx.Constant dense<-1> : tensor<i64>
  %0 = onnx.CumSum(%x, %m1) : (tensor<2x3xi64>, tensor<i64>) -> tensor<2x3xi64>
  %1 = onnx.CumSum(%x, %m1) {exclusive = 1 : i64, reverse = 1 : i64}
      : (tensor<2x3xi64>, tensor<i64>) -> tensor<2x3xi64>
  %2 = onnx.CumSum(%x, %c0) : (tensor<2x3xi64>, tensor<i64>) -> tensor<2x3xi64>
  return %0, %1, %2 : tensor<2x3xi64>, tensor<2x3xi64>, tensor<2x3xi64>
}
