// Arithmetic, comparison and logic. Expected values are computed by hand.
// RUN: dejavu-interpret %s | FileCheck %s

// CHECK-LABEL: @broadcast
// CHECK-NEXT: tensor<2x3xf32> {{\[\[}}11, 21, 31], [12, 22, 32]]
// CHECK-NEXT: tensor<2x1xf32> {{\[\[}}0], [-1]]
// CHECK-NEXT: tensor<0x3xf32> []
func.func @broadcast() -> (tensor<2x3xf32>, tensor<2x1xf32>, tensor<0x3xf32>) {
  %a = onnx.Constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %b = onnx.Constant dense<[10.0, 20.0, 30.0]> : tensor<3xf32>
  %c = onnx.Constant dense<1.0> : tensor<f32>
  %e = onnx.Constant dense<> : tensor<0x1xf32>
  %0 = onnx.Add(%a, %b) : (tensor<2x1xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = onnx.Sub(%c, %a) : (tensor<f32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  %2 = onnx.Mul(%e, %b) : (tensor<0x1xf32>, tensor<3xf32>) -> tensor<0x3xf32>
  return %0, %1, %2 : tensor<2x3xf32>, tensor<2x1xf32>, tensor<0x3xf32>
}

// Integers wrap; division goes towards zero.
// CHECK-LABEL: @integers
// CHECK-NEXT: tensor<i8> -128
// CHECK-NEXT: tensor<3xi64> [-3, 3, -9223372036854775808]
// CHECK-NEXT: tensor<ui8> 255
// CHECK-NEXT: tensor<2xi64> [-27, 0]
func.func @integers() -> (tensor<i8>, tensor<3xi64>, tensor<ui8>,
                          tensor<2xi64>) {
  %a = onnx.Constant dense<127> : tensor<i8>
  %b = onnx.Constant dense<1> : tensor<i8>
  %0 = onnx.Add(%a, %b) : (tensor<i8>, tensor<i8>) -> tensor<i8>
  %x = onnx.Constant dense<[7, -7, -9223372036854775808]> : tensor<3xi64>
  %y = onnx.Constant dense<[-2, -2, -1]> : tensor<3xi64>
  %1 = onnx.Div(%x, %y) : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi64>
  %u = onnx.Constant dense<0> : tensor<ui8>
  %v = onnx.Constant dense<1> : tensor<ui8>
  %2 = onnx.Sub(%u, %v) : (tensor<ui8>, tensor<ui8>) -> tensor<ui8>
  %p = onnx.Constant dense<[-3, 2]> : tensor<2xi64>
  %q = onnx.Constant dense<[3, -1]> : tensor<2xi64>
  %3 = onnx.Pow(%p, %q) : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  return %0, %1, %2, %3 : tensor<i8>, tensor<3xi64>, tensor<ui8>, tensor<2xi64>
}

// erf(1) = 0.842701.
// CHECK-LABEL: @floats
// CHECK-NEXT: tensor<3xf32> [inf, -0.5, nan]
// CHECK-NEXT: tensor<2xf32> [9, 0.5]
// CHECK-NEXT: tensor<2xf32> [3, nan]
// CHECK-NEXT: tensor<2xf32> [0.842701, 0]
// CHECK-NEXT: tensor<2xf32> [-4, 1]
func.func @floats() -> (tensor<3xf32>, tensor<2xf32>, tensor<2xf32>,
                        tensor<2xf32>, tensor<2xf32>) {
  %x = onnx.Constant dense<[1.0, 1.0, 0x7FC00000]> : tensor<3xf32>
  %y = onnx.Constant dense<[0.0, -2.0, 1.0]> : tensor<3xf32>
  %0 = onnx.Div(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %b = onnx.Constant dense<[3.0, 4.0]> : tensor<2xf32>
  %e = onnx.Constant dense<[2.0, -0.5]> : tensor<2xf32>
  %1 = onnx.Pow(%b, %e) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %s = onnx.Constant dense<[9.0, -1.0]> : tensor<2xf32>
  %2 = onnx.Sqrt(%s) : (tensor<2xf32>) -> tensor<2xf32>
  %r = onnx.Constant dense<[1.0, 0.0]> : tensor<2xf32>
  %3 = onnx.Erf(%r) : (tensor<2xf32>) -> tensor<2xf32>
  %n = onnx.Constant dense<[4.0, -1.0]> : tensor<2xf32>
  %4 = onnx.Neg(%n) : (tensor<2xf32>) -> tensor<2xf32>
  return %0, %1, %2, %3, %4 : tensor<3xf32>, tensor<2xf32>, tensor<2xf32>,
                              tensor<2xf32>, tensor<2xf32>
}

// A NaN wins, wherever it is.
// CHECK-LABEL: @extremes
// CHECK-NEXT: tensor<3xf32> [2, nan, nan]
// CHECK-NEXT: tensor<3xf32> [1, nan, nan]
// CHECK-NEXT: tensor<2x2xi64> {{\[\[}}3, 5], [3, 5]]
func.func @extremes() -> (tensor<3xf32>, tensor<3xf32>, tensor<2x2xi64>) {
  %a = onnx.Constant dense<[1.0, 0x7FC00000, 1.0]> : tensor<3xf32>
  %b = onnx.Constant dense<[2.0, 1.0, 0x7FC00000]> : tensor<3xf32>
  %0 = onnx.Max(%a, %b) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %1 = onnx.Min(%a, %b) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %x = onnx.Constant dense<[1, 5]> : tensor<2xi64>
  %y = onnx.Constant dense<3> : tensor<i64>
  %z = onnx.Constant dense<[[0], [2]]> : tensor<2x1xi64>
  %2 = onnx.Max(%x, %y, %z)
      : (tensor<2xi64>, tensor<i64>, tensor<2x1xi64>) -> tensor<2x2xi64>
  return %0, %1, %2 : tensor<3xf32>, tensor<3xf32>, tensor<2x2xi64>
}

// CHECK-LABEL: @compare
// CHECK-NEXT: tensor<4xi1> [false, true, false, false]
// CHECK-NEXT: tensor<4xi1> [true, false, false, false]
// CHECK-NEXT: tensor<4xi1> [true, true, false, false]
// CHECK-NEXT: tensor<4xi1> [false, false, true, false]
// CHECK-NEXT: tensor<4xi1> [false, true, true, false]
// CHECK-NEXT: tensor<4xi1> [false, false, false, true]
func.func @compare() -> (tensor<4xi1>, tensor<4xi1>, tensor<4xi1>,
                         tensor<4xi1>, tensor<4xi1>, tensor<4xi1>) {
  %x = onnx.Constant dense<[1.0, 2.0, 3.0, 0x7FC00000]> : tensor<4xf32>
  %y = onnx.Constant dense<2.0> : tensor<f32>
  %0 = onnx.Equal(%x, %y) : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>
  %1 = onnx.Less(%x, %y) : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>
  %2 = onnx.LessOrEqual(%x, %y) : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>
  %3 = onnx.Greater(%x, %y) : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>
  %4 = onnx.GreaterOrEqual(%x, %y) : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>
  %5 = onnx.IsNaN(%x) : (tensor<4xf32>) -> tensor<4xi1>
  return %0, %1, %2, %3, %4, %5 : tensor<4xi1>, tensor<4xi1>, tensor<4xi1>,
                                  tensor<4xi1>, tensor<4xi1>, tensor<4xi1>
}

// CHECK-LABEL: @logic
// CHECK-NEXT: tensor<4xi1> [true, false, false, false]
// CHECK-NEXT: tensor<4xi1> [true, true, true, false]
// CHECK-NEXT: tensor<4xi1> [false, false, true, true]
// CHECK-NEXT: tensor<2x4xf32> {{\[\[}}1, 1, 5, 5], [1, 1, 6, 6]]
func.func @logic() -> (tensor<4xi1>, tensor<4xi1>, tensor<4xi1>,
                       tensor<2x4xf32>) {
  %a = onnx.Constant dense<[true, true, false, false]> : tensor<4xi1>
  %b = onnx.Constant dense<[true, false, true, false]> : tensor<4xi1>
  %0 = onnx.And(%a, %b) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  %1 = onnx.Or(%a, %b) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  %2 = onnx.Not(%a) : (tensor<4xi1>) -> tensor<4xi1>
  %x = onnx.Constant dense<1.0> : tensor<f32>
  %y = onnx.Constant dense<[[5.0], [6.0]]> : tensor<2x1xf32>
  %3 = onnx.Where(%a, %x, %y)
      : (tensor<4xi1>, tensor<f32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  return %0, %1, %2, %3 : tensor<4xi1>, tensor<4xi1>, tensor<4xi1>,
                          tensor<2x4xf32>
}
