// RUN: dejavu-opt %s --raise-norm | FileCheck %s

dejavu.weight @s : tensor<8xf32> from <"m", offset = 0, length = 32>
dejavu.weight @m : tensor<4x8xf32> from <"m", offset = 32, length = 128>

// Other axes, another precision, a scale that is no vector of weights.
// CHECK-LABEL: func.func @main(
// CHECK-NOT: dejavu.norm
func.func @main(%x: tensor<?x4x8xf32>, %v: tensor<8xf32>) -> tensor<?x4x8xf32> {
  %s = dejavu.load_weight @s : tensor<8xf32>
  %m = dejavu.load_weight @m : tensor<4x8xf32>
  // CHECK-COUNT-4: onnx.LayerNormalization
  %0 = onnx.LayerNormalization(%x, %m) {axis = 1 : i64} : (tensor<?x4x8xf32>, tensor<4x8xf32>) -> tensor<?x4x8xf32>
  %1 = onnx.LayerNormalization(%0, %s) {stash_type = f16} : (tensor<?x4x8xf32>, tensor<8xf32>) -> tensor<?x4x8xf32>
  %2 = onnx.LayerNormalization(%1, %m) : (tensor<?x4x8xf32>, tensor<4x8xf32>) -> tensor<?x4x8xf32>
  %3 = onnx.LayerNormalization(%2, %s, %v) : (tensor<?x4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x4x8xf32>
  // CHECK: return
  return %3 : tensor<?x4x8xf32>
}
