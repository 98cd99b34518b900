// Constants, shapes and conversions. Expected values are computed by hand.
// RUN: dejavu-interpret %s | FileCheck %s

// CHECK-LABEL: @constants
// CHECK-NEXT: tensor<2x2xf32> {{\[\[}}1, 2.5], [-3, inf]]
// CHECK-NEXT: tensor<i64> -7
// CHECK-NEXT: tensor<3xi1> [true, false, true]
// CHECK-NEXT: tensor<2xui8> [255, 0]
// CHECK-NEXT: tensor<f32> 0.25
func.func @constants() -> (tensor<2x2xf32>, tensor<i64>, tensor<3xi1>,
                           tensor<2xui8>, tensor<f32>) {
  %0 = onnx.Constant dense<[[1.0, 2.5], [-3.0, 0x7F800000]]> : tensor<2x2xf32>
  %1 = onnx.Constant dense<-7> : tensor<i64>
  %2 = onnx.Constant dense<[true, false, true]> : tensor<3xi1>
  %3 = onnx.Constant dense<[255, 0]> : tensor<2xui8>
  %4 = arith.constant dense<0.25> : tensor<f32>
  return %0, %1, %2, %3, %4 : tensor<2x2xf32>, tensor<i64>, tensor<3xi1>,
                              tensor<2xui8>, tensor<f32>
}

// CHECK-LABEL: @constant_of_shape
// CHECK-NEXT: tensor<2x3xf32> {{\[\[}}1.5, 1.5, 1.5], [1.5, 1.5, 1.5]]
// CHECK-NEXT: tensor<0x2xi64> []
// CHECK-NEXT: tensor<i64> 4
func.func @constant_of_shape() -> (tensor<?x?xf32>, tensor<?x?xi64>,
                                   tensor<i64>) {
  %s = onnx.Constant dense<[2, 3]> : tensor<2xi64>
  %0 = onnx.ConstantOfShape(%s) {value = dense<1.5> : tensor<1xf32>}
      : (tensor<2xi64>) -> tensor<?x?xf32>
  %t = onnx.Constant dense<[0, 2]> : tensor<2xi64>
  %1 = onnx.ConstantOfShape(%t) {value = dense<1> : tensor<1xi64>}
      : (tensor<2xi64>) -> tensor<?x?xi64>
  %u = onnx.Constant dense<> : tensor<0xi64>
  %2 = onnx.ConstantOfShape(%u) {value = dense<4> : tensor<1xi64>}
      : (tensor<0xi64>) -> tensor<i64>
  return %0, %1, %2 : tensor<?x?xf32>, tensor<?x?xi64>, tensor<i64>
}

// CHECK-LABEL: @range
// CHECK-NEXT: tensor<3xi64> [1, 3, 5]
// CHECK-NEXT: tensor<4xi64> [5, 3, 1, -1]
// CHECK-NEXT: tensor<0xi64> []
// CHECK-NEXT: tensor<3xf32> [0, 0.5, 1]
func.func @range() -> (tensor<?xi64>, tensor<?xi64>, tensor<?xi64>,
                       tensor<?xf32>) {
  %c1 = onnx.Constant dense<1> : tensor<i64>
  %c2 = onnx.Constant dense<2> : tensor<i64>
  %c5 = onnx.Constant dense<5> : tensor<i64>
  %c6 = onnx.Constant dense<6> : tensor<i64>
  %m2 = onnx.Constant dense<-2> : tensor<i64>
  %m3 = onnx.Constant dense<-3> : tensor<i64>
  %f0 = onnx.Constant dense<0.0> : tensor<f32>
  %fh = onnx.Constant dense<0.5> : tensor<f32>
  %fl = onnx.Constant dense<1.1> : tensor<f32>
  %0 = onnx.Range(%c1, %c6, %c2) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %1 = onnx.Range(%c5, %m3, %m2) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %2 = onnx.Range(%c5, %c1, %c2) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %3 = onnx.Range(%f0, %fl, %fh) : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<?xf32>
  return %0, %1, %2, %3 : tensor<?xi64>, tensor<?xi64>, tensor<?xi64>, tensor<?xf32>
}

// CHECK-LABEL: @cast
// CHECK-NEXT: tensor<5xi64> [2, -2, 0, 1, 0]
// CHECK-NEXT: tensor<5xi1> [true, true, false, true, true]
// CHECK-NEXT: tensor<3xi8> [127, -128, -1]
// CHECK-NEXT: tensor<2xf32> [1, 0]
// CHECK-NEXT: tensor<2xf16> [0.0999756, 65504]
func.func @cast() -> (tensor<5xi64>, tensor<5xi1>, tensor<3xi8>, tensor<2xf32>,
                      tensor<2xf16>) {
  %f = onnx.Constant dense<[2.9, -2.9, 0.0, 1.0, -0.5]> : tensor<5xf32>
  %i = onnx.Constant dense<[127, 128, -1]> : tensor<3xi64>
  %b = onnx.Constant dense<[true, false]> : tensor<2xi1>
  %h = onnx.Constant dense<[0.1, 65504.0]> : tensor<2xf32>
  %0 = onnx.Cast(%f) {to = i64} : (tensor<5xf32>) -> tensor<5xi64>
  %1 = onnx.Cast(%f) {to = i1} : (tensor<5xf32>) -> tensor<5xi1>
  %2 = onnx.Cast(%i) {to = i8} : (tensor<3xi64>) -> tensor<3xi8>
  %3 = onnx.Cast(%b) {to = f32} : (tensor<2xi1>) -> tensor<2xf32>
  %4 = onnx.Cast(%h) {to = f16} : (tensor<2xf32>) -> tensor<2xf16>
  return %0, %1, %2, %3, %4 : tensor<5xi64>, tensor<5xi1>, tensor<3xi8>,
                              tensor<2xf32>, tensor<2xf16>
}

// CHECK-LABEL: @shape
// CHECK-NEXT: tensor<3xi64> [2, 0, 4]
// CHECK-NEXT: tensor<1xi64> [4]
// CHECK-NEXT: tensor<2xi64> [2, 0]
// CHECK-NEXT: tensor<0xi64> []
func.func @shape() -> (tensor<3xi64>, tensor<1xi64>, tensor<2xi64>,
                       tensor<0xi64>) {
  %s = onnx.Constant dense<[2, 0, 4]> : tensor<3xi64>
  %x = onnx.ConstantOfShape(%s) {value = dense<0.0> : tensor<1xf32>}
      : (tensor<3xi64>) -> tensor<?x?x?xf32>
  %0 = onnx.Shape(%x) : (tensor<?x?x?xf32>) -> tensor<3xi64>
  %1 = onnx.Shape(%x) {start = -1 : i64} : (tensor<?x?x?xf32>) -> tensor<1xi64>
  %2 = onnx.Shape(%x) {start = -9 : i64, end = -1 : i64}
      : (tensor<?x?x?xf32>) -> tensor<2xi64>
  %3 = onnx.Shape(%x) {start = 2 : i64, end = 1 : i64}
      : (tensor<?x?x?xf32>) -> tensor<0xi64>
  return %0, %1, %2, %3 : tensor<3xi64>, tensor<1xi64>, tensor<2xi64>,
                          tensor<0xi64>
}

// CHECK-LABEL: @reshape
// CHECK-NEXT: tensor<2x3xi64> {{\[\[}}0, 1, 2], [3, 4, 5]]
// CHECK-NEXT: tensor<6x1xi64> {{\[\[}}0], [1], [2], [3], [4], [5]]
// CHECK-NEXT: tensor<0x3xf32> []
// CHECK-NEXT: tensor<1x6xi64>
// CHECK-NEXT: tensor<6x1xi64>
func.func @reshape() -> (tensor<?x3xi64>, tensor<6x1xi64>, tensor<0x3xf32>,
                         tensor<1x6xi64>, tensor<6x1xi64>) {
  %x = onnx.Constant dense<[0, 1, 2, 3, 4, 5]> : tensor<6xi64>
  %s0 = onnx.Constant dense<[-1, 3]> : tensor<2xi64>
  %0 = onnx.Reshape(%x, %s0) : (tensor<6xi64>, tensor<2xi64>) -> tensor<?x3xi64>
  %s1 = onnx.Constant dense<[0, 1]> : tensor<2xi64>
  %1 = onnx.Reshape(%x, %s1) : (tensor<6xi64>, tensor<2xi64>) -> tensor<6x1xi64>
  %e = onnx.Constant dense<> : tensor<0xf32>
  %s2 = onnx.Constant dense<[0, 3]> : tensor<2xi64>
  %2 = onnx.Reshape(%e, %s2) {allowzero = 1 : i64}
      : (tensor<0xf32>, tensor<2xi64>) -> tensor<0x3xf32>
  %3 = onnx.Flatten(%x) {axis = 0 : i64} : (tensor<6xi64>) -> tensor<1x6xi64>
  %4 = onnx.Flatten(%x) {axis = 1 : i64} : (tensor<6xi64>) -> tensor<6x1xi64>
  return %0, %1, %2, %3, %4 : tensor<?x3xi64>, tensor<6x1xi64>,
      tensor<0x3xf32>, tensor<1x6xi64>, tensor<6x1xi64>
}

// CHECK-LABEL: @axes
// CHECK-NEXT: tensor<1x2x1xi64> {{\[\[\[}}7], [8]]]
// CHECK-NEXT: tensor<2xi64> [7, 8]
// CHECK-NEXT: tensor<1x2xi64> {{\[\[}}7, 8]]
func.func @axes() -> (tensor<1x2x1xi64>, tensor<2xi64>, tensor<1x2xi64>) {
  %x = onnx.Constant dense<[7, 8]> : tensor<2xi64>
  %a = onnx.Constant dense<[0, -1]> : tensor<2xi64>
  %b = onnx.Constant dense<[-1]> : tensor<1xi64>
  %0 = onnx.Unsqueeze(%x, %a) : (tensor<2xi64>, tensor<2xi64>) -> tensor<1x2x1xi64>
  %1 = onnx.Squeeze(%0) : (tensor<1x2x1xi64>) -> tensor<2xi64>
  %2 = onnx.Squeeze(%0, %b) : (tensor<1x2x1xi64>, tensor<1xi64>) -> tensor<1x2xi64>
  return %0, %1, %2 : tensor<1x2x1xi64>, tensor<2xi64>, tensor<1x2xi64>
}

// A 1 in the shape keeps the operand's dimension.
// CHECK-LABEL: @expand
// CHECK-NEXT: tensor<2x2x3xi64> {{\[\[\[}}1, 1, 1], [2, 2, 2]], {{\[\[}}1, 1, 1], [2, 2, 2]]]
// CHECK-NEXT: tensor<2x1xi64> {{\[\[}}1], [2]]
func.func @expand() -> (tensor<?x?x?xi64>, tensor<?x?xi64>) {
  %x = onnx.Constant dense<[[1], [2]]> : tensor<2x1xi64>
  %s = onnx.Constant dense<[2, 1, 3]> : tensor<3xi64>
  %t = onnx.Constant dense<[1]> : tensor<1xi64>
  %0 = onnx.Expand(%x, %s) : (tensor<2x1xi64>, tensor<3xi64>) -> tensor<?x?x?xi64>
  %1 = onnx.Expand(%x, %t) : (tensor<2x1xi64>, tensor<1xi64>) -> tensor<?x?xi64>
  return %0, %1 : tensor<?x?x?xi64>, tensor<?x?xi64>
}
