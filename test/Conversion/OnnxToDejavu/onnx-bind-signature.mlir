// RUN: dejavu-opt %s --onnx-bind-signature | FileCheck %s

// Names say nothing, and every cache has symbols of its own. The ids are found
// by their table, which has a row for each logit; the positions by the other
// table; the caches by what is returned.

dejavu.weight @a : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
dejavu.weight @b : tensor<66x8xf32> from <"m", offset = 1024, length = 2112>
dejavu.weight @c : tensor<8x32xf32> from <"m", offset = 3136, length = 1024>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: tensor<?x?xi64> {dejavu.binding = #dejavu.binding<"u", positions>, onnx.dims = ["batch", "tokens"], onnx.name = "u"}
// CHECK-SAME: tensor<?x2x?x4xf32> {onnx.dims = ["batch", "2", "past", "4"], onnx.name = "v"}
// CHECK-SAME: tensor<?x?xi64> {dejavu.binding = #dejavu.binding<"w", attention_mask>, onnx.dims = ["batch", "past + tokens"], onnx.name = "w"}
// CHECK-SAME: tensor<?x2x?x4xf32> {onnx.dims = ["batch", "2", "past", "4"], onnx.name = "x"}
// CHECK-SAME: tensor<?x?xi64> {dejavu.binding = #dejavu.binding<"y", ids>, onnx.dims = ["batch", "tokens"], onnx.name = "y"}
// CHECK-SAME: -> (tensor<?x2x?x4xf32> {onnx.name = "p"},
// CHECK-SAME: tensor<?x?x32xf32> {dejavu.binding = #dejavu.binding<"q", logits>, onnx.name = "q"},
// CHECK-SAME: tensor<?x2x?x4xf32> {onnx.name = "r"})
func.func @main(%u: tensor<?x?xi64> {onnx.name = "u", onnx.dims = ["s0", "s1"]},
                %v: tensor<?x2x?x4xf32> {onnx.name = "v", onnx.dims = ["s0", "2", "s5", "4"]},
                %w: tensor<?x?xi64> {onnx.name = "w", onnx.dims = ["s2", "s3"]},
                %x: tensor<?x2x?x4xf32> {onnx.name = "x", onnx.dims = ["s0", "2", "s6", "4"]},
                %y: tensor<?x?xi64> {onnx.name = "y", onnx.dims = ["s0", "s1"]})
    -> (tensor<?x2x?x4xf32> {onnx.name = "p"}, tensor<?x?x32xf32> {onnx.name = "q"},
        tensor<?x2x?x4xf32> {onnx.name = "r"}) {
  %two = onnx.Constant dense<2> : tensor<i64>
  %flat = onnx.Constant dense<[0, -1]> : tensor<2xi64>
  %a = dejavu.load_weight @a : tensor<32x8xf32>
  %b = dejavu.load_weight @b : tensor<66x8xf32>
  %c = dejavu.load_weight @c : tensor<8x32xf32>
  %shifted = onnx.Add(%two, %u) : (tensor<i64>, tensor<?x?xi64>) -> tensor<?x?xi64>
  %positions = onnx.Gather(%b, %shifted) : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  %ids = onnx.Reshape(%y, %flat) : (tensor<?x?xi64>, tensor<2xi64>) -> tensor<?x?xi64>
  %tokens = onnx.Gather(%a, %ids) : (tensor<32x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
  %sum = onnx.Add(%positions, %tokens) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %shape = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %split = onnx.Reshape(%sum, %shape) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %new = onnx.Transpose(%split) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %copy = onnx.Concat(%x) {axis = -2 : i64} : (tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %k = onnx.Concat(%v, %new) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %r = onnx.Concat(%copy, %new) {axis = 2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %logits = onnx.MatMul(%sum, %c) : (tensor<?x?x8xf32>, tensor<8x32xf32>) -> tensor<?x?x32xf32>
  return %k, %logits, %r : tensor<?x2x?x4xf32>, tensor<?x?x32xf32>, tensor<?x2x?x4xf32>
}
