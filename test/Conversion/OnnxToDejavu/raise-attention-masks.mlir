// RUN: dejavu-opt %s --split-input-file --raise-attention --remarks-filter=raise 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

// What masks mean, other than causal with padding.

// A window of 40 keys, which no short sequence shows.
// CHECK: dejavu.attention {{.*}} masked_rows ={{ +}}uniform {window = 40 : i64}
// REMARK: causal with padding, window of 40, masked rows uniform"
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
  %w = onnx.Constant dense<40> : tensor<i64>
  %from = onnx.Sub(%qs, %w) : (tensor<?x1xi64>, tensor<i64>) -> tensor<?x1xi64>
  %near = onnx.Greater(%ks, %from) : (tensor<?xi64>, tensor<?x1xi64>) -> tensor<?x?xi1>
  %both = onnx.And(%near, %causal) : (tensor<?x?xi1>, tensor<?x?xi1>) -> tensor<?x?xi1>
  %keep = onnx.And(%both, %padding) : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
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
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// The same as the sum of two constants, and as the inverse of one.
// CHECK: dejavu.attention {{.*}}{window = 40 : i64}
// REMARK: window of 40
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
  %w = onnx.Constant dense<20> : tensor<i64>
  %from0 = onnx.Sub(%qs, %w) : (tensor<?x1xi64>, tensor<i64>) -> tensor<?x1xi64>
  %from = onnx.Sub(%from0, %w) : (tensor<?x1xi64>, tensor<i64>) -> tensor<?x1xi64>
  %near = onnx.Greater(%ks, %from) : (tensor<?xi64>, tensor<?x1xi64>) -> tensor<?x?xi1>
  %both = onnx.And(%near, %causal) : (tensor<?x?xi1>, tensor<?x?xi1>) -> tensor<?x?xi1>
  %keep = onnx.And(%both, %padding) : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
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
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// CHECK: dejavu.attention {{.*}}{window = 40 : i64}
// REMARK: window of 40
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
  %w = onnx.Constant dense<0.025> : tensor<f32>
  %onef = onnx.Constant dense<1.0> : tensor<f32>
  %d = onnx.Sub(%qs, %ks) : (tensor<?x1xi64>, tensor<?xi64>) -> tensor<?x?xi64>
  %df = onnx.Cast(%d) {to = f32} : (tensor<?x?xi64>) -> tensor<?x?xf32>
  %ds = onnx.Mul(%df, %w) : (tensor<?x?xf32>, tensor<f32>) -> tensor<?x?xf32>
  %near = onnx.Less(%ds, %onef) : (tensor<?x?xf32>, tensor<f32>) -> tensor<?x?xi1>
  %both = onnx.And(%near, %causal) : (tensor<?x?xi1>, tensor<?x?xi1>) -> tensor<?x?xi1>
  %keep = onnx.And(%both, %padding) : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
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
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// A long one.
// CHECK: dejavu.attention {{.*}}{window = 4096 : i64}
// REMARK: window of 4096
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
  %w = onnx.Constant dense<4096> : tensor<i64>
  %from = onnx.Sub(%qs, %w) : (tensor<?x1xi64>, tensor<i64>) -> tensor<?x1xi64>
  %near = onnx.Greater(%ks, %from) : (tensor<?xi64>, tensor<?x1xi64>) -> tensor<?x?xi1>
  %both = onnx.And(%near, %causal) : (tensor<?x?xi1>, tensor<?x?xi1>) -> tensor<?x?xi1>
  %keep = onnx.And(%both, %padding) : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
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
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// What is added leaves something of the scores of a query without keys.
// CHECK: dejavu.attention {{.*}}masked_rows ={{ +}}uniform
// REMARK: masked rows uniform (the outputs of padding differ from the graph's)
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
  %hidden = onnx.Constant dense<-1.0E+4> : tensor<f32>
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

// Minus infinity without a guard: NaN, for padding.
// CHECK: dejavu.attention {{.*}}masked_rows ={{ +}}uniform
// REMARK: masked rows uniform (the outputs of padding differ from the graph's)
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
  %hidden = onnx.Constant dense<0xFF800000> : tensor<f32>
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

// A soft cap.
// CHECK: dejavu.attention {{.*}}scale = 1.000000e+00 masked_rows ={{ +}}uniform {softcap = 3.000000e+01 : f32}
// REMARK: soft cap, masked rows uniform
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
  %cap = onnx.Constant dense<3.0E+1> : tensor<f32>
  %quotient = onnx.Div(%scores, %cap) : (tensor<?x2x?x?xf32>, tensor<f32>) -> tensor<?x2x?x?xf32>
  %tanh = onnx.Tanh(%quotient) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %capped = onnx.Mul(%tanh, %cap) : (tensor<?x2x?x?xf32>, tensor<f32>) -> tensor<?x2x?x?xf32>
  %masked = onnx.Add(%capped, %added) : (tensor<?x2x?x?xf32>, tensor<?x1x?x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vv) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// A bias that grows with the key.
// CHECK: dejavu.attention {{.*}}{alibi = array<f32: 5.000000e-01, 6.250000e-02>}
// REMARK: slopes, masked rows uniform
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
  %each = onnx.Unsqueeze(%floats, %a12) : (tensor<?x?xf32>, tensor<2xi64>) -> tensor<?x1x1x?xf32>
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

// The result of queries without keys is set to zero.
// CHECK: %[[R:.*]], %{{.*}} = dejavu.attention {{.*}} masked_rows ={{ +}}zero
// CHECK: return %[[R]]
// REMARK: causal with padding, masked rows zero"
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
  %some = onnx.Constant dense<1.0> : tensor<f32>
  %none = onnx.Less(%sum, %some) : (tensor<?x1x?x1xf32>, tensor<f32>) -> tensor<?x1x?x1xi1>
  %cz = onnx.Where(%none, %visible, %c0) : (tensor<?x1x?x1xi1>, tensor<f32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%cz) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// The same behind the transpose.
// CHECK: %[[R:.*]], %{{.*}} = dejavu.attention {{.*}} masked_rows ={{ +}}zero
// CHECK: return %[[R]]
// REMARK: causal with padding, masked rows zero"
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
  %some = onnx.Constant dense<1.0> : tensor<f32>
  %none = onnx.Less(%sum, %some) : (tensor<?x1x?x1xf32>, tensor<f32>) -> tensor<?x1x?x1xi1>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %each = onnx.Transpose(%none) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x1x?x1xi1>) -> tensor<?x?x1x1xi1>
  %cz = onnx.Where(%each, %visible, %c1) : (tensor<?x?x1x1xi1>, tensor<f32>, tensor<?x?x2x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%cz, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}
