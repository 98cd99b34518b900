// RUN: dejavu-opt %s --onnx-fold-dequantize | FileCheck %s

dejavu.weight @w : tensor<64x64xi8> from <"m", offset = 0, length = 4096>
dejavu.weight @s : tensor<64x2xf32> from <"m", offset = 4096, length = 512>
dejavu.weight @row : tensor<64xf32> from <"m", offset = 4096, length = 256>
dejavu.weight @packed : tensor<8x2x16xui8> from <"m", offset = 0, length = 256>
dejavu.weight @scales : tensor<16xf32> from <"m", offset = 256, length = 64>
dejavu.weight @points : tensor<8xui8> from <"m", offset = 320, length = 8>

// CHECK-DAG: dejavu.weight @w.dequantized : tensor<64x64xf32> from {{.*}} as tensor<64x64xi8> via [#dejavu.dequantize<scales = @s, axis = 1, block_size = 32>]
// CHECK-DAG: dejavu.weight @row.view : tensor<64x1xf32> from <"m", offset = 4096, length = 256>
// CHECK-DAG: as tensor<64x64xi8> via [#dejavu.dequantize<scales = @row.view, axis = 0, block_size = 1>]
// CHECK-DAG: dejavu.weight @packed.view : tensor<8x64xui4>
// CHECK-DAG: dejavu.weight @points.view : tensor<8x2xui4>
// CHECK-DAG: via [#dejavu.dequantize<scales = @scales.view zero_points = @points.view, axis = 1, block_size = 32>]
// CHECK-DAG: via [#dejavu.dequantize<scales = @scales.view, axis = 1, block_size = 32, zero_point = 8>]

// CHECK-LABEL: func.func @blocks(
func.func @blocks() -> tensor<64x64xf32> {
  %w = dejavu.load_weight @w : tensor<64x64xi8>
  %s = dejavu.load_weight @s : tensor<64x2xf32>
  // CHECK: %[[W:.*]] = dejavu.load_weight @w.dequantized{{.*}} : tensor<64x64xf32>
  // CHECK: return %[[W]]
  %y = onnx.DequantizeLinear(%w, %s) {axis = 1 : i64, block_size = 32 : i64}
      : (tensor<64x64xi8>, tensor<64x2xf32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// CHECK-LABEL: func.func @rows(
func.func @rows() -> tensor<64x64xf32> {
  %w = dejavu.load_weight @w : tensor<64x64xi8>
  %s = dejavu.load_weight @row : tensor<64xf32>
  // CHECK-NOT: onnx.DequantizeLinear
  %y = onnx.DequantizeLinear(%w, %s) {axis = 0 : i64} : (tensor<64x64xi8>, tensor<64xf32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// One scale for all is no vector along the axis.
// CHECK-LABEL: func.func @scalar(
func.func @scalar() -> tensor<64x64xf32> {
  %w = dejavu.load_weight @w : tensor<64x64xi8>
  %s = onnx.Constant dense<0.5> : tensor<f32>
  // CHECK: onnx.DequantizeLinear
  %y = onnx.DequantizeLinear(%w, %s) : (tensor<64x64xi8>, tensor<f32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// CHECK-LABEL: func.func @product(
func.func @product(%a: tensor<?x64xf32>) -> tensor<?x8xf32> {
  %b = dejavu.load_weight @packed : tensor<8x2x16xui8>
  %s = dejavu.load_weight @scales : tensor<16xf32>
  %z = dejavu.load_weight @points : tensor<8xui8>
  // CHECK: %[[M:.*]] = dejavu.load_weight @packed.view.dequantized{{.*}} : tensor<8x64xf32>
  // CHECK: %[[T:.*]] = onnx.Transpose(%[[M]])
  // CHECK: onnx.MatMul(%{{.*}}, %[[T]])
  %y = onnx.com.microsoft.MatMulNBits(%a, %b, %s) zero_points(%z) {K = 64 : i64, N = 8 : i64, bits = 4 : i64, block_size = 32 : i64}
      : (tensor<?x64xf32>, tensor<8x2x16xui8>, tensor<16xf32>, tensor<8xui8>) -> tensor<?x8xf32>
  // CHECK: onnx.MatMul
  %v = onnx.com.microsoft.MatMulNBits(%a, %b, %s) {K = 64 : i64, N = 8 : i64, bits = 4 : i64, block_size = 32 : i64}
      : (tensor<?x64xf32>, tensor<8x2x16xui8>, tensor<16xf32>) -> tensor<?x8xf32>
  %r = onnx.Add(%y, %v) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @table(
func.func @table(%i: tensor<?x?xi64>) -> tensor<?x?x64xf32> {
  %t = dejavu.load_weight @w : tensor<64x64xi8>
  %s = dejavu.load_weight @s : tensor<64x2xf32>
  // CHECK: onnx.Gather(
  %y = onnx.com.microsoft.GatherBlockQuantized(%t, %i, %s) {bits = 8 : i64, block_size = 32 : i64}
      : (tensor<64x64xi8>, tensor<?x?xi64>, tensor<64x2xf32>) -> tensor<?x?x64xf32>
  return %y : tensor<?x?x64xf32>
}
