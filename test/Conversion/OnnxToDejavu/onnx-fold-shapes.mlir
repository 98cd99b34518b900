// RUN: dejavu-opt %s --onnx-fold-shapes | FileCheck %s

// A chain of shape arithmetic as the TorchScript exporter writes it becomes a
// constant that names no symbol.
// CHECK-LABEL: func.func @split_heads(
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32>
func.func @split_heads(%x: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]}) -> tensor<?x?x2x4xf32> {
  %zero = onnx.Constant dense<0> : tensor<i64>
  %axis = onnx.Constant dense<0> : tensor<1xi64>
  %rest = onnx.Constant dense<-1> : tensor<1xi64>
  %two = onnx.Constant dense<2> : tensor<1xi64>
  %four = onnx.Constant dense<4> : tensor<1xi64>
  %0 = onnx.Shape(%x) : (tensor<?x?x8xf32>) -> tensor<3xi64>
  %1 = onnx.Gather(%0, %zero) : (tensor<3xi64>, tensor<i64>) -> tensor<i64>
  %2 = onnx.Unsqueeze(%1, %axis) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %3 = onnx.Concat(%2, %rest, %two, %four) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4xi64>
  // CHECK: %[[S:.*]] = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  // CHECK: %[[Y:.*]] = onnx.Reshape(%[[X]], %[[S]]) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %4 = onnx.Reshape(%x, %3) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  // CHECK: return %[[Y]]
  return %4 : tensor<?x?x2x4xf32>
}

// [-1, tokens] of [batch, tokens] is [batch, tokens].
// CHECK-LABEL: func.func @no_change(
// CHECK-SAME: %[[X:.*]]: tensor<?x?xi64>
func.func @no_change(%x: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"]}) -> tensor<?x?xi64> {
  %rest = onnx.Constant dense<-1> : tensor<1xi64>
  %0 = onnx.Shape(%x) {start = 1 : i64} : (tensor<?x?xi64>) -> tensor<1xi64>
  %1 = onnx.Concat(%rest, %0) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %2 = onnx.Reshape(%x, %1) {allowzero = 1 : i64} : (tensor<?x?xi64>, tensor<2xi64>) -> tensor<?x?xi64>
  // CHECK-NEXT: return %[[X]]
  return %2 : tensor<?x?xi64>
}

// The dynamo exporter transposes keys over a product of dimensions. The size
// of the -1 is batch * 2, found by dividing polynomials.
// CHECK-LABEL: func.func @key_transpose(
// CHECK-SAME: %[[P:[^:]*]]: tensor<?x2x?x4xf32> {{[^}]*}}}, %[[N:[^:]*]]: tensor<?x2x?x4xf32>
func.func @key_transpose(%p: tensor<?x2x?x4xf32> {onnx.dims = ["batch", "2", "past", "4"]},
                         %n: tensor<?x2x?x4xf32> {onnx.dims = ["batch", "2", "tokens", "4"]}) -> tensor<?x2x4x?xf32> {
  %m1 = onnx.Constant dense<-1> : tensor<1xi64>
  %m2 = onnx.Constant dense<-2> : tensor<1xi64>
  %min = onnx.Constant dense<-9223372036854775808> : tensor<1xi64>
  %max = onnx.Constant dense<9223372036854775807> : tensor<1xi64>
  // CHECK: %[[K:.*]] = onnx.Concat(%[[P]], %[[N]])
  %k = onnx.Concat(%p, %n) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %s = onnx.Shape(%k) : (tensor<?x2x?x4xf32>) -> tensor<4xi64>
  %d = onnx.Slice(%s, %m1, %max) : (tensor<4xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %t = onnx.Slice(%s, %m2, %m1) : (tensor<4xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %bh = onnx.Slice(%s, %min, %m2) : (tensor<4xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %flat = onnx.Concat(%m1, %t, %d) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3xi64>
  %0 = onnx.Reshape(%k, %flat) : (tensor<?x2x?x4xf32>, tensor<3xi64>) -> tensor<?x?x4xf32>
  %1 = onnx.Transpose(%0) {perm = array<i64: 0, 2, 1>} : (tensor<?x?x4xf32>) -> tensor<?x4x?xf32>
  %deep = onnx.Concat(%bh, %d, %t) {axis = 0 : i64} : (tensor<2xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4xi64>
  // CHECK: %[[T:.*]] = onnx.Transpose(%[[K]]) {perm = array<i64: 0, 1, 3, 2>}
  %2 = onnx.Reshape(%1, %deep) : (tensor<?x4x?xf32>, tensor<4xi64>) -> tensor<?x2x4x?xf32>
  // CHECK: return %[[T]]
  return %2 : tensor<?x2x4x?xf32>
}

// Dimensions that are numbers go into the types.
// CHECK-LABEL: func.func @types(
func.func @types(%x: tensor<?x?x2x4xf32> {onnx.dims = ["batch", "tokens", "2", "4"]}) -> tensor<?x?x?xf32> {
  %shape = onnx.Constant dense<[0, 0, -1]> : tensor<3xi64>
  // CHECK: onnx.Reshape{{.*}} -> tensor<?x?x8xf32>
  %0 = onnx.Reshape(%x, %shape) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x?xf32>
  %1 = onnx.Relu(%0) : (tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  return %1 : tensor<?x?x?xf32>
}
