// A row whose elements are all equal has no signs: each is the mean. So no sign
// differs from those of weights that have none.
// RUN: mkdir -p %t && %python -c "open('%t/signs.bin', 'wb').write(bytes(2))"
// RUN: cp %s %t/ops.mlir && cd %t && dejavu-interpret ops.mlir | FileCheck %s

module attributes {dejavu.source = "model.onnx"} {
dejavu.weight @signs : tensor<2x1xi8> from <"signs.bin", offset = 0, length = 2>
// CHECK: tensor<1x2x1xf32> {{\[\[\[}}10], [10]]]
func.func @constant() -> tensor<1x2x1xf32> {
  %x = arith.constant dense<[[[-2.0, -2.0, -2.0, -2.0, -2.0, -2.0, -2.0, -2.0, -2.0, -2.0],
                              [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]]]> : tensor<1x2x10xf32>
  %0 = dejavu.predict sign_bit %x, first = @signs : tensor<1x2x10xf32> -> tensor<1x2x1xf32>
  return %0 : tensor<1x2x1xf32>
}
}
