// RUN: dejavu-opt %s --raise-rope | FileCheck %s

// CHECK: dejavu.weight @inv_freq.reshaped : tensor<2xf32> from <"m", offset = 0, length = 8>
dejavu.weight @inv_freq : tensor<1x2x1xf32> from <"m", offset = 0, length = 8>
dejavu.weight @wq : tensor<12x8xf32> from <"m", offset = 8, length = 384>
// Lanes 6 to 11 hold the keys of one head.
// CHECK: dejavu.weight @wq.rows : tensor<6x8xf32> {{.*}} via [#dejavu.take_rows<[6, 6]>]

// Heads of six features, of which the first four turn, half apart. Angles are
// an outer product, and keys are a part of a packed layer that two query heads
// share.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x?x8xf32> {{.*}}, %[[P:[a-z0-9]*]]: tensor<?x?xi64>
func.func @main(%x: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
                %positions: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"]})
    -> tensor<?x2x?x6xf32> {
  // CHECK: %[[T:.*]] = dejavu.rope_table %[[P]], @inv_freq.reshaped : tensor<?x?xi64> -> tensor<?x?x4xf32>
  // CHECK: %[[K:.*]] = dejavu.linear %[[X]], @wq.rows
  // CHECK: %[[R:.*]] = dejavu.rope %[[K]], %[[T]] heads = 1 : tensor<?x?x6xf32>, tensor<?x?x4xf32>
  // CHECK: onnx.Gather(%[[R]],
  // CHECK-NOT: onnx.Cos
  %one = onnx.Constant dense<1> : tensor<1xi64>
  %three = onnx.Constant dense<3> : tensor<1xi64>
  %zero = onnx.Constant dense<0> : tensor<1xi64>
  %two = onnx.Constant dense<2> : tensor<1xi64>
  %four = onnx.Constant dense<4> : tensor<1xi64>
  %end = onnx.Constant dense<9223372036854775807> : tensor<1xi64>
  %w = dejavu.load_weight @inv_freq : tensor<1x2x1xf32>
  %0 = onnx.Unsqueeze(%positions, %one) : (tensor<?x?xi64>, tensor<1xi64>) -> tensor<?x1x?xi64>
  %1 = onnx.Cast(%0) {to = f32} : (tensor<?x1x?xi64>) -> tensor<?x1x?xf32>
  %2 = onnx.MatMul(%w, %1) : (tensor<1x2x1xf32>, tensor<?x1x?xf32>) -> tensor<?x2x?xf32>
  %3 = onnx.Transpose(%2) {perm = array<i64: 0, 2, 1>} : (tensor<?x2x?xf32>) -> tensor<?x?x2xf32>
  %4 = onnx.Concat(%3, %3) {axis = -1 : i64} : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x4xf32>
  %5 = onnx.Cos(%4) : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %6 = onnx.Sin(%4) : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %cos = onnx.Unsqueeze(%5, %one) : (tensor<?x?x4xf32>, tensor<1xi64>) -> tensor<?x1x?x4xf32>
  %sin = onnx.Unsqueeze(%6, %one) : (tensor<?x?x4xf32>, tensor<1xi64>) -> tensor<?x1x?x4xf32>

  %7 = dejavu.linear %x, @wq : tensor<?x?x8xf32> -> tensor<?x?x12xf32>
  %shape = onnx.Constant dense<[0, 0, 2, 6]> : tensor<4xi64>
  %8 = onnx.Reshape(%7, %shape) : (tensor<?x?x12xf32>, tensor<4xi64>) -> tensor<?x?x2x6xf32>
  %i = onnx.Constant dense<[1, 1]> : tensor<2xi64>
  %9 = onnx.Gather(%8, %i) {axis = 2 : i64} : (tensor<?x?x2x6xf32>, tensor<2xi64>) -> tensor<?x?x2x6xf32>
  %k = onnx.Transpose(%9) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x6xf32>) -> tensor<?x2x?x6xf32>
  %turned = onnx.Slice(%k, %zero, %four) axes(%three) : (tensor<?x2x?x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x?x4xf32>
  %kept = onnx.Slice(%k, %four, %end) axes(%three) : (tensor<?x2x?x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x?x2xf32>
  %a = onnx.Slice(%turned, %zero, %two) axes(%three) : (tensor<?x2x?x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x?x2xf32>
  %b = onnx.Slice(%turned, %two, %end) axes(%three) : (tensor<?x2x?x4xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x2x?x2xf32>
  %n = onnx.Neg(%b) : (tensor<?x2x?x2xf32>) -> tensor<?x2x?x2xf32>
  %half = onnx.Concat(%n, %a) {axis = -1 : i64} : (tensor<?x2x?x2xf32>, tensor<?x2x?x2xf32>) -> tensor<?x2x?x4xf32>
  %10 = onnx.Mul(%turned, %cos) : (tensor<?x2x?x4xf32>, tensor<?x1x?x4xf32>) -> tensor<?x2x?x4xf32>
  %11 = onnx.Mul(%half, %sin) : (tensor<?x2x?x4xf32>, tensor<?x1x?x4xf32>) -> tensor<?x2x?x4xf32>
  %12 = onnx.Add(%10, %11) : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %13 = onnx.Concat(%12, %kept) {axis = -1 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x2xf32>) -> tensor<?x2x?x6xf32>
  return %13 : tensor<?x2x?x6xf32>
}

