// RUN: dejavu-opt %s --raise-residual | FileCheck %s

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x?x8xf32> {{[^}]*}}}, %[[Y:[^:]*]]: tensor<?x?x8xf32>
func.func @main(%x: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
                %y: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]}) -> tensor<?x?x8xf32> {
  // CHECK: %[[A:.*]] = dejavu.residual_add %[[X]], %[[Y]] : tensor<?x?x8xf32>
  %0 = onnx.Add(%x, %y) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  // CHECK: dejavu.residual_add %[[Y]], %[[A]]
  %1 = onnx.Add(%y, %0) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %1 : tensor<?x?x8xf32>
}
