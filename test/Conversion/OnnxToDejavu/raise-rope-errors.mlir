// RUN: dejavu-opt %s --raise-rope --remarks-filter=raise 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

// Turned the other way, and a sum of more than a pair.
// CHECK-LABEL: func.func @main(
// CHECK-NOT: dejavu.rope
// REMARK: [Missed] raise | Category:raise | Function=main | Remark="rotary embedding is not raised: it is no rotation of pairs that is known"
// REMARK: Remark="rotary embedding is not raised: it mixes more than two elements"
// REMARK-NOT: rotary embedding
dejavu.weight @w : tensor<2x8xf32> from <"m", offset = 0, length = 64>
func.func @main(%x: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
                %cos: tensor<?x?x2xf32> {onnx.dims = ["batch", "tokens", "2"]},
                %sin: tensor<?x?x2xf32> {onnx.dims = ["batch", "tokens", "2"]})
    -> (tensor<?x?x2xf32>, tensor<?x?x2xf32>) {
  %0 = dejavu.linear %x, @w : tensor<?x?x8xf32> -> tensor<?x?x2xf32>
  %a, %b = onnx.Split(%0) {axis = 2 : i64} : (tensor<?x?x2xf32>) -> (tensor<?x?x1xf32>, tensor<?x?x1xf32>)
  %n = onnx.Neg(%a) : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %half = onnx.Concat(%b, %n) {axis = 2 : i64} : (tensor<?x?x1xf32>, tensor<?x?x1xf32>) -> tensor<?x?x2xf32>
  %1 = onnx.Mul(%0, %cos) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
  %2 = onnx.Mul(%half, %sin) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
  // CHECK: onnx.Add
  %3 = onnx.Add(%1, %2) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>

  %4 = dejavu.linear %x, @w : tensor<?x?x8xf32> -> tensor<?x?x2xf32>
  %5, %6 = onnx.Split(%4) {axis = 2 : i64} : (tensor<?x?x2xf32>) -> (tensor<?x?x1xf32>, tensor<?x?x1xf32>)
  %7 = onnx.Concat(%6, %5) {axis = 2 : i64} : (tensor<?x?x1xf32>, tensor<?x?x1xf32>) -> tensor<?x?x2xf32>
  %8 = onnx.Mul(%4, %cos) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
  %9 = onnx.Mul(%7, %sin) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
  %10 = onnx.Mul(%7, %cos) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
  %11 = onnx.Add(%8, %9) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
  %12 = onnx.Add(%11, %10) : (tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
  return %3, %12 : tensor<?x?x2xf32>, tensor<?x?x2xf32>
}
