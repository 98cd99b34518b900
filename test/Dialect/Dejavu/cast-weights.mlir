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
