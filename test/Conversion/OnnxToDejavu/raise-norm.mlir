// RUN: dejavu-opt %s --raise-norm | FileCheck %s

dejavu.weight @s : tensor<8xf32> from <"m", offset = 0, length = 32>
dejavu.weight @b : tensor<8xf32> from <"m", offset = 32, length = 32>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32>
func.func @main(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %s = dejavu.load_weight @s : tensor<8xf32>
  %b = dejavu.load_weight @b : tensor<8xf32>
  // CHECK: %[[A:.*]] = dejavu.norm{{ +}}layer %[[X]], @s, @b {epsilon = 9.99999974E-6 : f32}
  %0 = onnx.LayerNormalization(%x, %s, %b) {stash_type = f32} : (tensor<?x?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  // CHECK: %[[B:.*]] = dejavu.norm{{ +}}layer %[[A]], @s {epsilon = 1.000000e+00 : f32}
  %1 = onnx.LayerNormalization(%0, %s) {axis = 2 : i64, epsilon = 1.0 : f32} : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  // CHECK: return %[[B]]
  return %1 : tensor<?x?x8xf32>
}
