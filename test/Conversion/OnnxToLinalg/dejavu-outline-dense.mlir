// RUN: dejavu-opt %s --dejavu-outline-dense --split-input-file | FileCheck %s

// The two groups that the embedding leaves: what does not depend on it, and
// what does. Constants come along.
// CHECK-LABEL: func.func private @forward_dense(
// CHECK-SAME:    %[[I:.*]]: tensor<?x?xi64>) -> tensor<?x?xi64> attributes {dejavu.dense, dejavu.leftovers
// CHECK:         onnx.Constant
// CHECK:         onnx.Add
// CHECK-LABEL: func.func private @forward_dense_0(
// CHECK-SAME:    tensor<?x?x8xf32>
// CHECK-SAME:    tensor<8xf32>
// CHECK:         onnx.Relu
// CHECK:         onnx.Mul
// CHECK-LABEL: func.func @forward(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x?xi64>
// CHECK:         %[[W:.*]] = dejavu.load_weight @scale
// CHECK:         %[[J:.*]] = call @forward_dense(%[[X]])
// CHECK:         %[[E:.*]] = dejavu.embed %[[J]], @table
// CHECK:         %[[Y:.*]] = call @forward_dense_0(%[[E]], %[[W]])
// CHECK:         return %[[Y]]
dejavu.weight @table : tensor<16x8xf32> from #dejavu.source<"w", offset = 0, length = 512>
dejavu.weight @scale : tensor<8xf32> from #dejavu.source<"w", offset = 512, length = 32>
func.func @forward(%x: tensor<?x?xi64>) -> tensor<?x?x8xf32> attributes {dejavu.entry = #dejavu.entry<forward>} {
  %one = onnx.Constant dense<1> : tensor<i64>
  %i = onnx.Add(%x, %one) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>
  %e = dejavu.embed %i, @table : tensor<?x?xi64> -> tensor<?x?x8xf32>
  %r = onnx.Relu(%e) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %w = dejavu.load_weight @scale : tensor<8xf32>
  %m = onnx.Mul(%r, %w) : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  return %m : tensor<?x?x8xf32>
}

// -----

// CHECK-LABEL: func.func @main(
// CHECK:         onnx.Relu
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = onnx.Relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Weights come first, however many.
// CHECK-LABEL: func.func @forward(
// CHECK:         %[[A:.*]] = dejavu.load_weight @a
// CHECK:         %[[B:.*]] = dejavu.load_weight @b
// CHECK:         call @forward_dense(%{{.*}}, %[[A]], %[[B]])
dejavu.weight @a : tensor<4xf32> from #dejavu.source<"w", offset = 0, length = 16>
dejavu.weight @b : tensor<4xf32> from #dejavu.source<"w", offset = 16, length = 16>
func.func @forward(%x: tensor<4xf32>) -> tensor<4xf32> attributes {dejavu.entry = #dejavu.entry<forward>} {
  %a = dejavu.load_weight @a : tensor<4xf32>
  %y = onnx.Add(%x, %a) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %b = dejavu.load_weight @b : tensor<4xf32>
  %z = onnx.Mul(%y, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %z : tensor<4xf32>
}
