// RUN: dejavu-opt %s --split-input-file --raise-attention --remarks-filter=raise 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

// What is not causal with padding, or not to the end understood, stays, and a
// remark says why.
// CHECK-NOT: dejavu.attention

// No mask at all.
// CHECK: onnx.Softmax{{.*}}dejavu.not_raised
// REMARK: attention is not raised: the scores have no mask
func.func @main(
    %ids: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"], dejavu.binding = #dejavu.binding<"ids", ids>},
    %mask: tensor<?x?xi64> {onnx.dims = ["batch", "past + tokens"], dejavu.binding = #dejavu.binding<"mask", attention_mask>},
    %q: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %k: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %v: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %pk: tensor<?x2x?x4xf32> {onnx.name = "pk", onnx.dims = ["batch", "2", "past", "4"]},
    %pv: tensor<?x2x?x4xf32> {onnx.name = "pv", onnx.dims = ["batch", "2", "past", "4"]})
    -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32> {onnx.name = "k"}, tensor<?x2x?x4xf32> {onnx.name = "v"}) {
  %split = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %q0 = onnx.Reshape(%q, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %qh = onnx.Transpose(%q0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %k0 = onnx.Reshape(%k, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %kh = onnx.Transpose(%k0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %v0 = onnx.Reshape(%v, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %vh = onnx.Transpose(%v0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %kk = onnx.Concat(%pk, %kh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %vv = onnx.Concat(%pv, %vh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %kt = onnx.Transpose(%kk) {perm = array<i64: 0, 1, 3, 2>} : (tensor<?x2x?x4xf32>) -> tensor<?x2x4x?xf32>
  %masked = onnx.MatMul(%qh, %kt) : (tensor<?x2x?x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vv) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// The values come from nowhere.
// CHECK: onnx.Softmax{{.*}}dejavu.not_raised
// REMARK: attention is not raised: the values are not a past joined with new steps
func.func @main(
    %ids: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"], dejavu.binding = #dejavu.binding<"ids", ids>},
    %mask: tensor<?x?xi64> {onnx.dims = ["batch", "past + tokens"], dejavu.binding = #dejavu.binding<"mask", attention_mask>},
    %q: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %k: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %v: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %pk: tensor<?x2x?x4xf32> {onnx.name = "pk", onnx.dims = ["batch", "2", "past", "4"]},
    %pv: tensor<?x2x?x4xf32> {onnx.name = "pv", onnx.dims = ["batch", "2", "past", "4"]})
    -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32> {onnx.name = "k"}, tensor<?x2x?x4xf32> {onnx.name = "v"}) {
  // Keys up to the query, and those that the attention mask keeps.
  %zero = onnx.Constant dense<0> : tensor<i64>
  %one = onnx.Constant dense<1> : tensor<i64>
  %a0 = onnx.Constant dense<0> : tensor<1xi64>
  %a1 = onnx.Constant dense<1> : tensor<1xi64>
  %a12 = onnx.Constant dense<[1, 2]> : tensor<2xi64>
  %s1 = onnx.Shape(%ids) {start = 1 : i64, end = 2 : i64} : (tensor<?x?xi64>) -> tensor<1xi64>
  %tokens = onnx.Squeeze(%s1, %a0) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %s2 = onnx.Shape(%pk) {start = 2 : i64, end = 3 : i64} : (tensor<?x2x?x4xf32>) -> tensor<1xi64>
  %past = onnx.Squeeze(%s2, %a0) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %total = onnx.Add(%past, %tokens) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %ks = onnx.Range(%zero, %total, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %new = onnx.Range(%zero, %tokens, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %qs0 = onnx.Add(%new, %past) : (tensor<?xi64>, tensor<i64>) -> tensor<?xi64>
  %qs = onnx.Unsqueeze(%qs0, %a1) : (tensor<?xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %causal = onnx.LessOrEqual(%ks, %qs) : (tensor<?xi64>, tensor<?x1xi64>) -> tensor<?x?xi1>
  %bools = onnx.Cast(%mask) {to = i1} : (tensor<?x?xi64>) -> tensor<?x?xi1>
  %padding = onnx.Unsqueeze(%bools, %a12) : (tensor<?x?xi1>, tensor<2xi64>) -> tensor<?x1x1x?xi1>
  %keep = onnx.And(%causal, %padding) : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
  %visible = onnx.Constant dense<0.0> : tensor<f32>
  %hidden = onnx.Constant dense<-3.40282347E+38> : tensor<f32>
  %added = onnx.Where(%keep, %visible, %hidden) : (tensor<?x1x?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x1x?x?xf32>
  %split = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %q0 = onnx.Reshape(%q, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %qh = onnx.Transpose(%q0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %k0 = onnx.Reshape(%k, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %kh = onnx.Transpose(%k0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %v0 = onnx.Reshape(%v, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %vh = onnx.Transpose(%v0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %kk = onnx.Concat(%pk, %kh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %vv = onnx.Concat(%pv, %vh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %kt = onnx.Transpose(%kk) {perm = array<i64: 0, 1, 3, 2>} : (tensor<?x2x?x4xf32>) -> tensor<?x2x4x?xf32>
  %scores = onnx.MatMul(%qh, %kt) : (tensor<?x2x?x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x?x?xf32>
  %masked = onnx.Add(%scores, %added) : (tensor<?x2x?x?xf32>, tensor<?x1x?x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vh) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// A number too small to hide a key.
// CHECK: onnx.Softmax{{.*}}dejavu.not_raised
// REMARK: attention is not raised: the mask is not causal with padding: key 0 of query 0 is visible for batch 1
func.func @main(
    %ids: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"], dejavu.binding = #dejavu.binding<"ids", ids>},
    %mask: tensor<?x?xi64> {onnx.dims = ["batch", "past + tokens"], dejavu.binding = #dejavu.binding<"mask", attention_mask>},
    %q: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %k: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %v: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %pk: tensor<?x2x?x4xf32> {onnx.name = "pk", onnx.dims = ["batch", "2", "past", "4"]},
    %pv: tensor<?x2x?x4xf32> {onnx.name = "pv", onnx.dims = ["batch", "2", "past", "4"]})
    -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32> {onnx.name = "k"}, tensor<?x2x?x4xf32> {onnx.name = "v"}) {
  // Keys up to the query, and those that the attention mask keeps.
  %zero = onnx.Constant dense<0> : tensor<i64>
  %one = onnx.Constant dense<1> : tensor<i64>
  %a0 = onnx.Constant dense<0> : tensor<1xi64>
  %a1 = onnx.Constant dense<1> : tensor<1xi64>
  %a12 = onnx.Constant dense<[1, 2]> : tensor<2xi64>
  %s1 = onnx.Shape(%ids) {start = 1 : i64, end = 2 : i64} : (tensor<?x?xi64>) -> tensor<1xi64>
  %tokens = onnx.Squeeze(%s1, %a0) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %s2 = onnx.Shape(%pk) {start = 2 : i64, end = 3 : i64} : (tensor<?x2x?x4xf32>) -> tensor<1xi64>
  %past = onnx.Squeeze(%s2, %a0) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %total = onnx.Add(%past, %tokens) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %ks = onnx.Range(%zero, %total, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %new = onnx.Range(%zero, %tokens, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %qs0 = onnx.Add(%new, %past) : (tensor<?xi64>, tensor<i64>) -> tensor<?xi64>
  %qs = onnx.Unsqueeze(%qs0, %a1) : (tensor<?xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %causal = onnx.LessOrEqual(%ks, %qs) : (tensor<?xi64>, tensor<?x1xi64>) -> tensor<?x?xi1>
  %bools = onnx.Cast(%mask) {to = i1} : (tensor<?x?xi64>) -> tensor<?x?xi1>
  %padding = onnx.Unsqueeze(%bools, %a12) : (tensor<?x?xi1>, tensor<2xi64>) -> tensor<?x1x1x?xi1>
  %keep = onnx.And(%causal, %padding) : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
  %visible = onnx.Constant dense<0.0> : tensor<f32>
  %hidden = onnx.Constant dense<-8.0E+3> : tensor<f32>
  %added = onnx.Where(%keep, %visible, %hidden) : (tensor<?x1x?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x1x?x?xf32>
  %split = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %q0 = onnx.Reshape(%q, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %qh = onnx.Transpose(%q0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %k0 = onnx.Reshape(%k, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %kh = onnx.Transpose(%k0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %v0 = onnx.Reshape(%v, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %vh = onnx.Transpose(%v0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %kk = onnx.Concat(%pk, %kh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %vv = onnx.Concat(%pv, %vh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %kt = onnx.Transpose(%kk) {perm = array<i64: 0, 1, 3, 2>} : (tensor<?x2x?x4xf32>) -> tensor<?x2x4x?xf32>
  %scores = onnx.MatMul(%qh, %kt) : (tensor<?x2x?x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x?x?xf32>
  %masked = onnx.Add(%scores, %added) : (tensor<?x2x?x?xf32>, tensor<?x1x?x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vv) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// A bias that is no multiple of the distance.
// CHECK: onnx.Softmax{{.*}}dejavu.not_raised
// REMARK: attention is not raised: the mask adds a bias that is no multiple of the key's distance
func.func @main(
    %ids: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"], dejavu.binding = #dejavu.binding<"ids", ids>},
    %mask: tensor<?x?xi64> {onnx.dims = ["batch", "past + tokens"], dejavu.binding = #dejavu.binding<"mask", attention_mask>},
    %q: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %k: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %v: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %pk: tensor<?x2x?x4xf32> {onnx.name = "pk", onnx.dims = ["batch", "2", "past", "4"]},
    %pv: tensor<?x2x?x4xf32> {onnx.name = "pv", onnx.dims = ["batch", "2", "past", "4"]})
    -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32> {onnx.name = "k"}, tensor<?x2x?x4xf32> {onnx.name = "v"}) {
  // Keys up to the query, and those that the attention mask keeps.
  %zero = onnx.Constant dense<0> : tensor<i64>
  %one = onnx.Constant dense<1> : tensor<i64>
  %a0 = onnx.Constant dense<0> : tensor<1xi64>
  %a1 = onnx.Constant dense<1> : tensor<1xi64>
  %a12 = onnx.Constant dense<[1, 2]> : tensor<2xi64>
  %s1 = onnx.Shape(%ids) {start = 1 : i64, end = 2 : i64} : (tensor<?x?xi64>) -> tensor<1xi64>
  %tokens = onnx.Squeeze(%s1, %a0) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %s2 = onnx.Shape(%pk) {start = 2 : i64, end = 3 : i64} : (tensor<?x2x?x4xf32>) -> tensor<1xi64>
  %past = onnx.Squeeze(%s2, %a0) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %total = onnx.Add(%past, %tokens) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %ks = onnx.Range(%zero, %total, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %new = onnx.Range(%zero, %tokens, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %qs0 = onnx.Add(%new, %past) : (tensor<?xi64>, tensor<i64>) -> tensor<?xi64>
  %qs = onnx.Unsqueeze(%qs0, %a1) : (tensor<?xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %causal = onnx.LessOrEqual(%ks, %qs) : (tensor<?xi64>, tensor<?x1xi64>) -> tensor<?x?xi1>
  %bools = onnx.Cast(%mask) {to = i1} : (tensor<?x?xi64>) -> tensor<?x?xi1>
  %padding = onnx.Unsqueeze(%bools, %a12) : (tensor<?x?xi1>, tensor<2xi64>) -> tensor<?x1x1x?xi1>
  %keep = onnx.And(%causal, %padding) : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
  %visible = onnx.Constant dense<0.0> : tensor<f32>
  %hidden = onnx.Constant dense<-3.40282347E+38> : tensor<f32>
  %added = onnx.Where(%keep, %visible, %hidden) : (tensor<?x1x?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x1x?x?xf32>
  %split = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %q0 = onnx.Reshape(%q, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %qh = onnx.Transpose(%q0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %k0 = onnx.Reshape(%k, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %kh = onnx.Transpose(%k0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %v0 = onnx.Reshape(%v, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %vh = onnx.Transpose(%v0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %kk = onnx.Concat(%pk, %kh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %vv = onnx.Concat(%pv, %vh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %kt = onnx.Transpose(%kk) {perm = array<i64: 0, 1, 3, 2>} : (tensor<?x2x?x4xf32>) -> tensor<?x2x4x?xf32>
  %scores = onnx.MatMul(%qh, %kt) : (tensor<?x2x?x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x?x?xf32>
  %count = onnx.CumSum(%mask, %one) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>
  %floats = onnx.Cast(%count) {to = f32} : (tensor<?x?xi64>) -> tensor<?x?xf32>
  %squares = onnx.Mul(%floats, %floats) : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %each = onnx.Unsqueeze(%squares, %a12) : (tensor<?x?xf32>, tensor<2xi64>) -> tensor<?x1x1x?xf32>
  %slopes = onnx.Constant dense<[[[5.0E-1]], [[6.25E-2]]]> : tensor<2x1x1xf32>
  %bias = onnx.Mul(%each, %slopes) : (tensor<?x1x1x?xf32>, tensor<2x1x1xf32>) -> tensor<?x2x1x?xf32>
  %biased = onnx.Add(%bias, %scores) : (tensor<?x2x1x?xf32>, tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %masked = onnx.Add(%biased, %added) : (tensor<?x2x?x?xf32>, tensor<?x1x?x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vv) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// A bias that is rounded: 257 is no bfloat16.
// CHECK: onnx.Softmax{{.*}}dejavu.not_raised
// REMARK: attention is not raised: the mask adds a bias that is no multiple of the key's distance for batch 2, past
func.func @main(
    %ids: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"], dejavu.binding = #dejavu.binding<"ids", ids>},
    %mask: tensor<?x?xi64> {onnx.dims = ["batch", "past + tokens"], dejavu.binding = #dejavu.binding<"mask", attention_mask>},
    %q: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %k: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %v: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %pk: tensor<?x2x?x4xf32> {onnx.name = "pk", onnx.dims = ["batch", "2", "past", "4"]},
    %pv: tensor<?x2x?x4xf32> {onnx.name = "pv", onnx.dims = ["batch", "2", "past", "4"]})
    -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32> {onnx.name = "k"}, tensor<?x2x?x4xf32> {onnx.name = "v"}) {
  // Keys up to the query, and those that the attention mask keeps.
  %zero = onnx.Constant dense<0> : tensor<i64>
  %one = onnx.Constant dense<1> : tensor<i64>
  %a0 = onnx.Constant dense<0> : tensor<1xi64>
  %a1 = onnx.Constant dense<1> : tensor<1xi64>
  %a12 = onnx.Constant dense<[1, 2]> : tensor<2xi64>
  %s1 = onnx.Shape(%ids) {start = 1 : i64, end = 2 : i64} : (tensor<?x?xi64>) -> tensor<1xi64>
  %tokens = onnx.Squeeze(%s1, %a0) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %s2 = onnx.Shape(%pk) {start = 2 : i64, end = 3 : i64} : (tensor<?x2x?x4xf32>) -> tensor<1xi64>
  %past = onnx.Squeeze(%s2, %a0) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %total = onnx.Add(%past, %tokens) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %ks = onnx.Range(%zero, %total, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %new = onnx.Range(%zero, %tokens, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %qs0 = onnx.Add(%new, %past) : (tensor<?xi64>, tensor<i64>) -> tensor<?xi64>
  %qs = onnx.Unsqueeze(%qs0, %a1) : (tensor<?xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %causal = onnx.LessOrEqual(%ks, %qs) : (tensor<?xi64>, tensor<?x1xi64>) -> tensor<?x?xi1>
  %bools = onnx.Cast(%mask) {to = i1} : (tensor<?x?xi64>) -> tensor<?x?xi1>
  %padding = onnx.Unsqueeze(%bools, %a12) : (tensor<?x?xi1>, tensor<2xi64>) -> tensor<?x1x1x?xi1>
  %keep = onnx.And(%causal, %padding) : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
  %visible = onnx.Constant dense<0.0> : tensor<f32>
  %hidden = onnx.Constant dense<-3.40282347E+38> : tensor<f32>
  %added = onnx.Where(%keep, %visible, %hidden) : (tensor<?x1x?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x1x?x?xf32>
  %split = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %q0 = onnx.Reshape(%q, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %qh = onnx.Transpose(%q0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %k0 = onnx.Reshape(%k, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %kh = onnx.Transpose(%k0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %v0 = onnx.Reshape(%v, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %vh = onnx.Transpose(%v0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %kk = onnx.Concat(%pk, %kh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %vv = onnx.Concat(%pv, %vh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %kt = onnx.Transpose(%kk) {perm = array<i64: 0, 1, 3, 2>} : (tensor<?x2x?x4xf32>) -> tensor<?x2x4x?xf32>
  %scores = onnx.MatMul(%qh, %kt) : (tensor<?x2x?x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x?x?xf32>
  %count = onnx.CumSum(%mask, %one) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>
  %floats = onnx.Cast(%count) {to = bf16} : (tensor<?x?xi64>) -> tensor<?x?xbf16>
  %wide = onnx.Cast(%floats) {to = f32} : (tensor<?x?xbf16>) -> tensor<?x?xf32>
  %each = onnx.Unsqueeze(%wide, %a12) : (tensor<?x?xf32>, tensor<2xi64>) -> tensor<?x1x1x?xf32>
  %slopes = onnx.Constant dense<[[[5.0E-1]], [[6.25E-2]]]> : tensor<2x1x1xf32>
  %bias = onnx.Mul(%each, %slopes) : (tensor<?x1x1x?xf32>, tensor<2x1x1xf32>) -> tensor<?x2x1x?xf32>
  %biased = onnx.Add(%bias, %scores) : (tensor<?x2x1x?xf32>, tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %masked = onnx.Add(%biased, %added) : (tensor<?x2x?x?xf32>, tensor<?x1x?x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vv) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// The result of other queries is set to zero too.
// CHECK: onnx.Softmax{{.*}}dejavu.not_raised
// REMARK: attention is not raised: queries are zeroed that see keys, or others are not, for batch
func.func @main(
    %ids: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"], dejavu.binding = #dejavu.binding<"ids", ids>},
    %mask: tensor<?x?xi64> {onnx.dims = ["batch", "past + tokens"], dejavu.binding = #dejavu.binding<"mask", attention_mask>},
    %q: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %k: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %v: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %pk: tensor<?x2x?x4xf32> {onnx.name = "pk", onnx.dims = ["batch", "2", "past", "4"]},
    %pv: tensor<?x2x?x4xf32> {onnx.name = "pv", onnx.dims = ["batch", "2", "past", "4"]})
    -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32> {onnx.name = "k"}, tensor<?x2x?x4xf32> {onnx.name = "v"}) {
  // Keys up to the query, and those that the attention mask keeps.
  %zero = onnx.Constant dense<0> : tensor<i64>
  %one = onnx.Constant dense<1> : tensor<i64>
  %a0 = onnx.Constant dense<0> : tensor<1xi64>
  %a1 = onnx.Constant dense<1> : tensor<1xi64>
  %a12 = onnx.Constant dense<[1, 2]> : tensor<2xi64>
  %s1 = onnx.Shape(%ids) {start = 1 : i64, end = 2 : i64} : (tensor<?x?xi64>) -> tensor<1xi64>
  %tokens = onnx.Squeeze(%s1, %a0) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %s2 = onnx.Shape(%pk) {start = 2 : i64, end = 3 : i64} : (tensor<?x2x?x4xf32>) -> tensor<1xi64>
  %past = onnx.Squeeze(%s2, %a0) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %total = onnx.Add(%past, %tokens) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %ks = onnx.Range(%zero, %total, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %new = onnx.Range(%zero, %tokens, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %qs0 = onnx.Add(%new, %past) : (tensor<?xi64>, tensor<i64>) -> tensor<?xi64>
  %qs = onnx.Unsqueeze(%qs0, %a1) : (tensor<?xi64>, tensor<1xi64>) -> tensor<?x1xi64>
  %causal = onnx.LessOrEqual(%ks, %qs) : (tensor<?xi64>, tensor<?x1xi64>) -> tensor<?x?xi1>
  %bools = onnx.Cast(%mask) {to = i1} : (tensor<?x?xi64>) -> tensor<?x?xi1>
  %padding = onnx.Unsqueeze(%bools, %a12) : (tensor<?x?xi1>, tensor<2xi64>) -> tensor<?x1x1x?xi1>
  %keep = onnx.And(%causal, %padding) : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
  %visible = onnx.Constant dense<0.0> : tensor<f32>
  %hidden = onnx.Constant dense<-3.40282347E+38> : tensor<f32>
  %added = onnx.Where(%keep, %visible, %hidden) : (tensor<?x1x?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x1x?x?xf32>
  %split = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %q0 = onnx.Reshape(%q, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %qh = onnx.Transpose(%q0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %k0 = onnx.Reshape(%k, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %kh = onnx.Transpose(%k0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %v0 = onnx.Reshape(%v, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %vh = onnx.Transpose(%v0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %kk = onnx.Concat(%pk, %kh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %vv = onnx.Concat(%pv, %vh) {axis = -2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %kt = onnx.Transpose(%kk) {perm = array<i64: 0, 1, 3, 2>} : (tensor<?x2x?x4xf32>) -> tensor<?x2x4x?xf32>
  %scores = onnx.MatMul(%qh, %kt) : (tensor<?x2x?x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x?x?xf32>
  %masked = onnx.Add(%scores, %added) : (tensor<?x2x?x?xf32>, tensor<?x1x?x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vv) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %floats = onnx.Cast(%keep) {to = f32} : (tensor<?x1x?x?xi1>) -> tensor<?x1x?x?xf32>
  %last = onnx.Constant dense<-1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%floats, %last) : (tensor<?x1x?x?xf32>, tensor<1xi64>) -> tensor<?x1x?x1xf32>
  %some = onnx.Constant dense<2.0> : tensor<f32>
  %none = onnx.Less(%sum, %some) : (tensor<?x1x?x1xf32>, tensor<f32>) -> tensor<?x1x?x1xi1>
  %cz = onnx.Where(%none, %visible, %c0) : (tensor<?x1x?x1xi1>, tensor<f32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%cz) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}
