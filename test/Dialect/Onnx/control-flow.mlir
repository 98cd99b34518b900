// RUN: dejavu-opt %s | dejavu-opt | FileCheck %s

// CHECK-LABEL: @conditional
// CHECK: onnx.If(%arg0) then {
// CHECK: } else {
// CHECK: } : (tensor<i1>) -> tensor<?xf32>
func.func @conditional(%c: tensor<i1>, %a: tensor<4xf32>, %b: tensor<8xf32>)
    -> tensor<?xf32> {
  %y = onnx.If(%c) then {
    onnx.Yield(%a) : (tensor<4xf32>) -> ()
  } else {
    onnx.Yield(%b) : (tensor<8xf32>) -> ()
  } : (tensor<i1>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// CHECK-LABEL: @loop
// CHECK: onnx.Loop(%arg1) max(%arg0)
// CHECK: onnx.Loop(%arg1) while(%arg2)
func.func @loop(%n: tensor<i64>, %x: tensor<4xf32>, %c: tensor<i1>) {
  %y:2 = onnx.Loop(%x) max(%n) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %v: tensor<4xf32>):
    %w = onnx.Add(%v, %v) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    onnx.Yield(%go, %w, %v) : (tensor<i1>, tensor<4xf32>, tensor<4xf32>) -> ()
  } : (tensor<i64>, tensor<4xf32>) -> (tensor<4xf32>, tensor<?x4xf32>)
  %z = onnx.Loop(%x) while(%c) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %v: tensor<4xf32>):
    onnx.Yield(%go, %v) : (tensor<i1>, tensor<4xf32>) -> ()
  } : (tensor<i1>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// CHECK-LABEL: @scan
// CHECK: onnx.Scan(%arg0, %arg1) {
// CHECK: } {num_scan_inputs = 1 : i64}
func.func @scan(%zero: tensor<8xf32>, %x: tensor<?x8xf32>) {
  %s, %y = onnx.Scan(%zero, %x) {
  ^bb0(%a: tensor<8xf32>, %b: tensor<8xf32>):
    %c = onnx.Add(%a, %b) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    onnx.Yield(%c, %c) : (tensor<8xf32>, tensor<8xf32>) -> ()
  } {num_scan_inputs = 1 : i64}
      : (tensor<8xf32>, tensor<?x8xf32>) -> (tensor<8xf32>, tensor<?x8xf32>)
  return
}
