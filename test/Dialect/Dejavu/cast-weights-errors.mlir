// RUN: not dejavu-opt %s --dejavu-cast-weights=type=f8 2>&1 | FileCheck %s

// CHECK: Cannot find option named 'f8'
dejavu.weight @matrix : tensor<8x4xf32> from <"m", offset = 0, length = 128>
