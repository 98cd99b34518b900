// RUN: dejavu-opt %s --split-input-file --raise-sdpa --remarks-filter=raise 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

// A mask that chooses stays a mask of bools. Keys are transposed at once.
// CHECK: func.func @main(%[[M:.*]]: tensor<?x?xi64> {{.*}}, %[[Q:.*]]: tensor<?x?x8xf32> {{.*}}, %[[K:.*]]: tensor<?x?x8xf32> {{.*}}, %[[V:.*]]: tensor<?x?x8xf32> {{.*}})
// CHECK: %[[B:.*]] = onnx.Unsqueeze
// CHECK: %[[R:.*]] = dejavu.sdpa %[[Q]], %[[K]], %[[V]] mask(%[[B]]) heads = 2 kv_heads = 2 scale = 5.000000e-01 masked_rows ={{ +}}uniform : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x1x1x?xi1>) -> tensor<?x?x8xf32>
// CHECK-NOT: onnx.Softmax
// CHECK: return %[[R]]
// REMARK: attention is raised without a cache: 2 heads of 4, with the graph's mask
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
  %hidden = onnx.Constant dense<-3.40282347E+38> : tensor<f32>
  %masked = onnx.Where(%keep, %scores, %hidden) : (tensor<?x1x1x?xi1>, tensor<?x2x?x?xf32>, tensor<f32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vh) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2 : tensor<?x?x8xf32>
}

// -----

// One that says what is hidden is turned round.
// CHECK: %[[N:.*]] = onnx.Not
// CHECK: %[[B:.*]] = onnx.Not(%[[N]])
// CHECK: dejavu.sdpa {{.*}} mask(%[[B]])
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
  %not = onnx.Not(%keep) : (tensor<?x1x1x?xi1>) -> tensor<?x1x1x?xi1>
  %hidden = onnx.Constant dense<-3.40282347E+38> : tensor<f32>
  %masked = onnx.Where(%not, %hidden, %scores) : (tensor<?x1x1x?xi1>, tensor<f32>, tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vh) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2 : tensor<?x?x8xf32>
}

// -----

// Several masks become one, innermost first. What they mean does not matter.
// CHECK: %[[B:.*]] = onnx.Constant dense<{{\[\[\[}}1.0{{.*}}tensor<2x1x1xf32>
// CHECK: %[[B4:.*]] = onnx.Unsqueeze(%[[B]], %{{.*}}) : (tensor<2x1x1xf32>, tensor<1xi64>) -> tensor<1x2x1x1xf32>
// CHECK: %[[M:.*]] = onnx.Add(%[[B4]], %{{.*}}) : (tensor<1x2x1x1xf32>, tensor<?x1x1x?xf32>) -> tensor<?x2x1x?xf32>
// CHECK: dejavu.sdpa {{.*}} mask(%[[M]])
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
  %zero = onnx.Constant dense<0.0> : tensor<f32>
  %hidden = onnx.Constant dense<-1.0E+4> : tensor<f32>
  %added = onnx.Where(%keep, %zero, %hidden) : (tensor<?x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x1x1x?xf32>
  %bias = onnx.Constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32>
  %biased = onnx.Add(%bias, %scores) : (tensor<2x1x1xf32>, tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %masked = onnx.Add(%biased, %added) : (tensor<?x2x?x?xf32>, tensor<?x1x1x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vh) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2 : tensor<?x?x8xf32>
}

// -----

// CHECK: dejavu.sdpa %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}} heads = 2
// REMARK: 2 heads of 4, without a mask
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
  %masked = onnx.Identity(%scores) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vh) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2 : tensor<?x?x8xf32>
}
