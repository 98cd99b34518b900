// RUN: dejavu-opt %s --split-input-file --raise-sdpa --remarks-filter=raise 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

// CHECK-NOT: dejavu.sdpa

// The probabilities are asked for.
// CHECK: onnx.Softmax{{.*}}dejavu.not_raised
// REMARK: attention is not raised: the probabilities have more than one use
func.func @main(
    %mask: tensor<?x?xi64> {onnx.dims = ["batch", "keys"]},
    %q: tensor<?x?x8xf32> {onnx.dims = ["batch", "queries", "8"]},
    %k: tensor<?x?x8xf32> {onnx.dims = ["batch", "keys", "8"]},
    %v: tensor<?x?x8xf32> {onnx.dims = ["batch", "keys", "8"]}) -> (tensor<?x?x8xf32>, tensor<?x2x?x?xf32>) {
  %a12 = onnx.Constant dense<[1, 2]> : tensor<2xi64>
  %bools = onnx.Cast(%mask) {to = i1} : (tensor<?x?xi64>) -> tensor<?x?xi1>
  %keep = onnx.Unsqueeze(%bools, %a12) : (tensor<?x?xi1>, tensor<2xi64>) -> tensor<?x1x1x?xi1>
  %split = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %q0 = onnx.Reshape(%q, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %qh = onnx.Transpose(%q0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %k0 = onnx.Reshape(%k, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %kt = onnx.Transpose(%k0) {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x4x?xf32>
  %v0 = onnx.Reshape(%v, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %vh = onnx.Transpose(%v0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %half = onnx.Constant dense<0.5> : tensor<f32>
  %s0 = onnx.MatMul(%qh, %kt) : (tensor<?x2x?x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x?x?xf32>
  %scores = onnx.Mul(%s0, %half) : (tensor<?x2x?x?xf32>, tensor<f32>) -> tensor<?x2x?x?xf32>
  %masked = onnx.Identity(%scores) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vh) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %p : tensor<?x?x8xf32>, tensor<?x2x?x?xf32>
}

// -----

// A number in the place of a score that scores come near.
// CHECK: onnx.Softmax{{.*}}dejavu.not_raised
// REMARK: attention is not raised: the number that hides a key does not hide it entirely
func.func @main(
    %mask: tensor<?x?xi64> {onnx.dims = ["batch", "keys"]},
    %q: tensor<?x?x8xf32> {onnx.dims = ["batch", "queries", "8"]},
    %k: tensor<?x?x8xf32> {onnx.dims = ["batch", "keys", "8"]},
    %v: tensor<?x?x8xf32> {onnx.dims = ["batch", "keys", "8"]}) -> tensor<?x?x8xf32> {
  %a12 = onnx.Constant dense<[1, 2]> : tensor<2xi64>
  %bools = onnx.Cast(%mask) {to = i1} : (tensor<?x?xi64>) -> tensor<?x?xi1>
  %keep = onnx.Unsqueeze(%bools, %a12) : (tensor<?x?xi1>, tensor<2xi64>) -> tensor<?x1x1x?xi1>
  %split = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %q0 = onnx.Reshape(%q, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %qh = onnx.Transpose(%q0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %k0 = onnx.Reshape(%k, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %kt = onnx.Transpose(%k0) {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x4x?xf32>
  %v0 = onnx.Reshape(%v, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %vh = onnx.Transpose(%v0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %half = onnx.Constant dense<0.5> : tensor<f32>
  %s0 = onnx.MatMul(%qh, %kt) : (tensor<?x2x?x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x?x?xf32>
  %scores = onnx.Mul(%s0, %half) : (tensor<?x2x?x?xf32>, tensor<f32>) -> tensor<?x2x?x?xf32>
  %hidden = onnx.Constant dense<-1.0E+2> : tensor<f32>
  %masked = onnx.Where(%keep, %scores, %hidden) : (tensor<?x1x1x?xi1>, tensor<?x2x?x?xf32>, tensor<f32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vh) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2 : tensor<?x?x8xf32>
}

// -----

// A softmax that is no attention is none of the pass's business.
// CHECK: onnx.Softmax(%{{[^)]*}}) :
// REMARK-NOT: attention
func.func @main(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %0 = onnx.Softmax(%x) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %0 : tensor<?x?x8xf32>
}
