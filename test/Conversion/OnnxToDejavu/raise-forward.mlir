// RUN: dejavu-opt %s --raise-forward --split-input-file | FileCheck %s

// Weights that are not used go, roles of a decoder too.
// CHECK-NOT:   @unused
// CHECK:       dejavu.weight @w
// CHECK:       dejavu.signature inputs [#dejavu.binding<"x", plain>, #dejavu.binding<"ids", plain>]
// CHECK-SAME:    outputs [#dejavu.binding<"y", plain>]
// CHECK-LABEL: func.func @forward(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32> {onnx.dims = ["n", "8"], onnx.name = "x"}
// CHECK-SAME:    %{{.*}}: tensor<?x?xi64> {onnx.name = "ids"}
// CHECK-SAME:    -> (tensor<?x8xf32> {onnx.name = "y"}) attributes {dejavu.entry = #dejavu.entry<forward>}
// CHECK-NEXT:    %[[W:.*]] = dejavu.load_weight @w
// CHECK-NEXT:    %[[Y:.*]] = onnx.Mul(%[[X]], %[[W]])
// CHECK-NEXT:    return %[[Y]]
dejavu.weight @unused : tensor<8xf32> from #dejavu.source<"f", offset = 0, length = 32>
dejavu.weight @w : tensor<8xf32> from #dejavu.source<"f", offset = 0, length = 32>
func.func @main(%x: tensor<?x8xf32> {onnx.name = "x", onnx.dims = ["n", "8"]},
                %ids: tensor<?x?xi64> {onnx.name = "ids", dejavu.binding = #dejavu.binding<"ids", ids>})
    -> (tensor<?x8xf32> {onnx.name = "y"}) {
  %dead = dejavu.load_weight @unused : tensor<8xf32>
  %w = dejavu.load_weight @w : tensor<8xf32>
  %y = onnx.Mul(%x, %w) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
