// Ops with graphs inside, and what no version of ONNX Runtime has yet. Expected
// values are computed by hand.
// RUN: dejavu-interpret %s | FileCheck %s

// CHECK-LABEL: @branches
// CHECK-NEXT: tensor<2xi64> [1, 2]
// CHECK-NEXT: tensor<3xi64> [3, 4, 5]
func.func @branches() -> (tensor<?xi64>, tensor<?xi64>) {
  %true = onnx.Constant dense<true> : tensor<i1>
  %false = onnx.Constant dense<false> : tensor<1xi1>
  %a = onnx.Constant dense<[1, 2]> : tensor<2xi64>
  %b = onnx.Constant dense<[3, 4, 5]> : tensor<3xi64>
  %0 = onnx.If(%true) then {
    onnx.Yield(%a) : (tensor<2xi64>) -> ()
  } else {
    onnx.Yield(%b) : (tensor<3xi64>) -> ()
  } : (tensor<i1>) -> tensor<?xi64>
  %1 = onnx.If(%false) then {
    onnx.Yield(%a) : (tensor<2xi64>) -> ()
  } else {
    %c = onnx.Identity(%b) : (tensor<3xi64>) -> tensor<3xi64>
    onnx.Yield(%c) : (tensor<3xi64>) -> ()
  } : (tensor<1xi1>) -> tensor<?xi64>
  return %0, %1 : tensor<?xi64>, tensor<?xi64>
}

// Powers of 2: four turns; the condition ends the second loop after the turn
// that makes it false; the third never turns.
// CHECK-LABEL: @loops
// CHECK-NEXT: tensor<i64> 16
// CHECK-NEXT: tensor<4xi64> [1, 2, 4, 8]
// CHECK-NEXT: tensor<i64> 128
// CHECK-NEXT: tensor<i64> 1
// CHECK-NEXT: tensor<0xi64> []
func.func @loops() -> (tensor<i64>, tensor<?xi64>, tensor<i64>, tensor<i64>,
                       tensor<?xi64>) {
  %n = onnx.Constant dense<4> : tensor<i64>
  %one = onnx.Constant dense<1> : tensor<i64>
  %limit = onnx.Constant dense<100> : tensor<i64>
  %false = onnx.Constant dense<false> : tensor<i1>
  %0:2 = onnx.Loop(%one) max(%n) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %x: tensor<i64>):
    %y = onnx.Add(%x, %x) : (tensor<i64>, tensor<i64>) -> tensor<i64>
    onnx.Yield(%go, %y, %x) : (tensor<i1>, tensor<i64>, tensor<i64>) -> ()
  } : (tensor<i64>, tensor<i64>) -> (tensor<i64>, tensor<?xi64>)
  %1 = onnx.Loop(%one) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %x: tensor<i64>):
    %y = onnx.Add(%x, %x) : (tensor<i64>, tensor<i64>) -> tensor<i64>
    %less = onnx.Less(%y, %limit) : (tensor<i64>, tensor<i64>) -> tensor<i1>
    onnx.Yield(%less, %y) : (tensor<i1>, tensor<i64>) -> ()
  } : (tensor<i64>) -> tensor<i64>
  %2:2 = onnx.Loop(%one) while(%false) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %x: tensor<i64>):
    onnx.Yield(%go, %x, %x) : (tensor<i1>, tensor<i64>, tensor<i64>) -> ()
  } : (tensor<i1>, tensor<i64>) -> (tensor<i64>, tensor<?xi64>)
  return %0#0, %0#1, %1, %2#0, %2#1
      : tensor<i64>, tensor<?xi64>, tensor<i64>, tensor<i64>, tensor<?xi64>
}

// A carried value that grows.
// CHECK-LABEL: @grows
// CHECK-NEXT: tensor<3xi64> [0, 1, 2]
func.func @grows() -> tensor<?xi64> {
  %n = onnx.Constant dense<3> : tensor<i64>
  %zero = onnx.Constant dense<0> : tensor<1xi64>
  %empty = onnx.Constant dense<> : tensor<0xi64>
  %0 = onnx.Loop(%empty) max(%n) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %x: tensor<?xi64>):
    %j = onnx.Unsqueeze(%i, %zero) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
    %y = onnx.Concat(%x, %j) {axis = 0 : i64} : (tensor<?xi64>, tensor<1xi64>) -> tensor<?xi64>
    onnx.Yield(%go, %y) : (tensor<i1>, tensor<?xi64>) -> ()
  } : (tensor<i64>, tensor<0xi64>) -> tensor<?xi64>
  return %0 : tensor<?xi64>
}

// Running sums of rows, and of columns from the last.
// CHECK-LABEL: @scans
// CHECK-NEXT: tensor<2xi64> [9, 12]
// CHECK-NEXT: tensor<3x2xi64> {{\[\[}}1, 2], [4, 6], [9, 12]]
// CHECK-NEXT: tensor<3x2xi64> {{\[\[}}3, 2], [7, 4], [11, 6]]
func.func @scans() -> (tensor<2xi64>, tensor<3x2xi64>, tensor<3x2xi64>) {
  %x = onnx.Constant dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi64>
  %zero = onnx.Constant dense<0> : tensor<2xi64>
  %none = onnx.Constant dense<0> : tensor<3xi64>
  %0:2 = onnx.Scan(%zero, %x) {
  ^bb0(%sum: tensor<2xi64>, %row: tensor<2xi64>):
    %next = onnx.Add(%sum, %row) : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
    onnx.Yield(%next, %next) : (tensor<2xi64>, tensor<2xi64>) -> ()
  } {num_scan_inputs = 1 : i64}
      : (tensor<2xi64>, tensor<3x2xi64>) -> (tensor<2xi64>, tensor<3x2xi64>)
  %1:2 = onnx.Scan(%none, %x) {
  ^bb0(%sum: tensor<3xi64>, %column: tensor<3xi64>):
    %next = onnx.Add(%sum, %column) : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi64>
    onnx.Yield(%next, %next) : (tensor<3xi64>, tensor<3xi64>) -> ()
  } {num_scan_inputs = 1 : i64, scan_input_axes = array<i64: -1>,
     scan_input_directions = array<i64: 1>, scan_output_axes = array<i64: 1>,
     scan_output_directions = array<i64: 1>}
      : (tensor<3xi64>, tensor<3x2xi64>) -> (tensor<3xi64>, tensor<3x2xi64>)
  return %0#0, %0#1, %1#1 : tensor<2xi64>, tensor<3x2xi64>, tensor<3x2xi64>
}

// CHECK-LABEL: @running
// CHECK-NEXT: tensor<4xi64> [1, 2, 6, 24]
// CHECK-NEXT: tensor<4xi64> [24, 12, 4, 1]
// CHECK-NEXT: tensor<2xi32> [1065353216, -1073741824]
func.func @running() -> (tensor<4xi64>, tensor<4xi64>, tensor<2xi32>) {
  %x = onnx.Constant dense<[1, 2, 3, 4]> : tensor<4xi64>
  %axis = onnx.Constant dense<0> : tensor<i64>
  %0 = onnx.CumProd(%x, %axis) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>
  %1 = onnx.CumProd(%x, %axis) {exclusive = 1 : i64, reverse = 1 : i64}
      : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>
  %f = onnx.Constant dense<[1.0, -2.0]> : tensor<2xf32>
  %2 = onnx.BitCast(%f) {to = i32} : (tensor<2xf32>) -> tensor<2xi32>
  return %0, %1, %2 : tensor<4xi64>, tensor<4xi64>, tensor<2xi32>
}

// Narrow types: wrapping, rounding, saturation.
// CHECK-LABEL: @narrow
// CHECK-NEXT: tensor<4xi4> [7, -8, -1, 0]
// CHECK-NEXT: tensor<4xui4> [7, 8, 15, 0]
// CHECK-NEXT: tensor<3xf32> [448, -448, 0.5]
// CHECK-NEXT: tensor<3xf32> [nan, nan, 0.5]
// CHECK-NEXT: tensor<3xf32> [6, -6, 0.5]
func.func @narrow() -> (tensor<4xi4>, tensor<4xui4>, tensor<3xf32>,
                        tensor<3xf32>, tensor<3xf32>) {
  %x = onnx.Constant dense<[7, 8, -1, 16]> : tensor<4xi64>
  %0 = onnx.Cast(%x) {to = i4} : (tensor<4xi64>) -> tensor<4xi4>
  %1 = onnx.Cast(%x) {to = ui4} : (tensor<4xi64>) -> tensor<4xui4>
  %f = onnx.Constant dense<[1000.0, -1000.0, 0.51]> : tensor<3xf32>
  %a = onnx.Cast(%f) {to = f8E4M3FN} : (tensor<3xf32>) -> tensor<3xf8E4M3FN>
  %2 = onnx.Cast(%a) {to = f32} : (tensor<3xf8E4M3FN>) -> tensor<3xf32>
  %b = onnx.Cast(%f) {to = f8E4M3FN, saturate = 0 : i64} : (tensor<3xf32>) -> tensor<3xf8E4M3FN>
  %3 = onnx.Cast(%b) {to = f32} : (tensor<3xf8E4M3FN>) -> tensor<3xf32>
  %c = onnx.Cast(%f) {to = f4E2M1FN} : (tensor<3xf32>) -> tensor<3xf4E2M1FN>
  %4 = onnx.Cast(%c) {to = f32} : (tensor<3xf4E2M1FN>) -> tensor<3xf32>
  return %0, %1, %2, %3, %4 : tensor<4xi4>, tensor<4xui4>, tensor<3xf32>,
                              tensor<3xf32>, tensor<3xf32>
}
