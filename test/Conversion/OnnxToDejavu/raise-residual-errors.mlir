// RUN: dejavu-opt %s --raise-residual | FileCheck %s

// One of the two may be broadcast, for all that is known.
// CHECK-LABEL: func.func @main(
func.func @main(%x: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
                %y: tensor<?x?x8xf32> {onnx.dims = ["batch", "other", "8"]},
                %z: tensor<8xf32>) -> (tensor<?x?x8xf32>, tensor<?x?x8xf32>) {
  // CHECK: onnx.Add
  %0 = onnx.Add(%x, %y) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  // CHECK: onnx.Add
  %1 = onnx.Add(%x, %z) : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  return %0, %1 : tensor<?x?x8xf32>, tensor<?x?x8xf32>
}
