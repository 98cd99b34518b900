// RUN: dejavu-opt %s --dejavu-cast-weights=type=f16 | FileCheck %s --check-prefixes=CHECK,F16
// RUN: dejavu-opt %s --dejavu-cast-weights=type=bf16 | FileCheck %s --check-prefixes=CHECK,BF16
// RUN: dejavu-opt %s --dejavu-cast-weights | FileCheck %s --check-prefixes=CHECK,F32

// F16: @matrix : tensor<8x4xf16> from {{.*}} as tensor<8x4xf32> via [#dejavu.cast<f16>]
// BF16: @matrix : tensor<8x4xbf16> from {{.*}} as tensor<8x4xf32> via [#dejavu.cast<bf16>]
// F32: @matrix : tensor<8x4xf32> from <"m", offset = 0, length = 128>{{$}}
dejavu.weight @matrix : tensor<8x4xf32> from <"m", offset = 0, length = 128>

// A transpose that is there already comes first.
// F16: @turned : tensor<8x4xf16> from {{.*}} via [#dejavu.transpose<[1, 0]>, #dejavu.cast<f16>]
dejavu.weight @turned : tensor<8x4xf32> from <"m", offset = 0, length = 128> as tensor<4x8xf32> via [#dejavu.transpose<[1, 0]>]

// Vectors are f32, whatever the file has.
// CHECK: @vector : tensor<8xf32> from <"m", offset = 128, length = 32>{{$}}
dejavu.weight @vector : tensor<8xf32> from <"m", offset = 128, length = 32>
// CHECK: @half : tensor<8xf32> from <"m", offset = 128, length = 16> as tensor<8xf16> via [#dejavu.cast<f32>]
dejavu.weight @half : tensor<8xf16> from <"m", offset = 128, length = 16>

// Integers and the scales of a recipe stay; what they make is cast.
// CHECK: @scales : tensor<8x1xf16> from <"m", offset = 0, length = 16>{{$}}
dejavu.weight @scales : tensor<8x1xf16> from <"m", offset = 0, length = 16>
// CHECK: @zeros : tensor<8x1xui4> from <"m", offset = 0, length = 4>{{$}}
dejavu.weight @zeros : tensor<8x1xui4> from <"m", offset = 0, length = 4>
// F16: @packed : tensor<8x8xf16> from {{.*}} axis = 1, block_size = 8>, #dejavu.cast<f16>]
// F32: @packed : tensor<8x8xf32> from {{.*}} axis = 1, block_size = 8>]
dejavu.weight @packed : tensor<8x8xf32> from <"m", offset = 0, length = 32> as tensor<8x8xui4> via [#dejavu.dequantize<scales = @scales zero_points = @zeros, axis = 1, block_size = 8>]

// A tensor of other ops keeps its type.
// CHECK: @loaded : tensor<8x4xf64> from <"m", offset = 0, length = 256>{{$}}
dejavu.weight @loaded : tensor<8x4xf64> from <"m", offset = 0, length = 256>
func.func @load() -> tensor<8x4xf64> {
  %0 = dejavu.load_weight @loaded : tensor<8x4xf64>
  return %0 : tensor<8x4xf64>
}

// Predictors stay what calibration has chosen.
// CHECK: @predictor : tensor<8x4xf32> from <"p", offset = 0, length = 128, predictors>{{$}}
dejavu.weight @predictor : tensor<8x4xf32> from <"p", offset = 0, length = 128, predictors>
// CHECK: @half_predictor : tensor<4x8xf16> from <"p", offset = 0, length = 64, predictors> as tensor<8x4xf16> via [#dejavu.transpose<[1, 0]>]{{$}}
dejavu.weight @half_predictor : tensor<4x8xf16> from <"p", offset = 0, length = 64, predictors> as tensor<8x4xf16> via [#dejavu.transpose<[1, 0]>]
