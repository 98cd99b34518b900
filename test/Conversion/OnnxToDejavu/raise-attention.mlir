// RUN: dejavu-opt %s --split-input-file --raise-attention --remarks-filter=raise 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

// finfo.min added to the scores: a query without keys is uniform.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[Q:[^:]*]]: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]}, %[[K:[^:]*]]: tensor<?x?x8xf32> {{[^}]*}}}, %[[V:[^:]*]]: tensor<?x?x8xf32>
// CHECK-SAME: {dejavu.binding = #dejavu.binding<"pk", key>,
// CHECK-SAME: {dejavu.binding = #dejavu.binding<"pv", value>,
// CHECK-SAME: %[[S:[^:]*]]: tensor<?xi64>, %[[C:[^:]*]]: !dejavu.kv_cache<2 x 4>)
// CHECK-SAME: -> (tensor<?x?x8xf32>, tensor<?x2x?x4xf32> {dejavu.binding = #dejavu.binding<"k", key>, onnx.name = "k"}, tensor<?x2x?x4xf32> {dejavu.binding = #dejavu.binding<"v", value>, onnx.name = "v"}, !dejavu.kv_cache<2 x 4>)
// CHECK: %[[A:.*]] = dejavu.kv_append %[[C]], %[[K]], %[[V]] : <2 x 4>, tensor<?x?x8xf32>
// CHECK: %[[R:.*]], %[[N:.*]] = dejavu.attention %[[Q]], %[[A]], %[[S]] scale = 1.000000e+00 masked_rows ={{ +}}uniform
// CHECK-NOT: onnx.Softmax
// CHECK: return %[[R]], %{{.*}}, %{{.*}}, %[[N]]
// REMARK: [Passed] raise | Category:raise | Function=main | Remark="attention is raised: 2 heads of 4, causal with padding, masked rows uniform"
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
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// Scales on all sides are one: 0.5 * 0.5 / 4. Minus infinity with a guard gives
// zero where there is no key.
// CHECK: dejavu.attention {{.*}} scale = 6.250000e-02 masked_rows ={{ +}}zero
// REMARK: masked rows zero
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
  // Both sides are scaled by the root of the scale, as the dynamo exporter does,
  // and the scores once more.
  %half = onnx.Constant dense<0.5> : tensor<f32>
  %four = onnx.Constant dense<4.0> : tensor<f32>
  %qhs = onnx.Mul(%qh, %half) : (tensor<?x2x?x4xf32>, tensor<f32>) -> tensor<?x2x?x4xf32>
  %kt0 = onnx.Transpose(%kk) {perm = array<i64: 0, 1, 3, 2>} : (tensor<?x2x?x4xf32>) -> tensor<?x2x4x?xf32>
  %kt = onnx.Mul(%half, %kt0) : (tensor<f32>, tensor<?x2x4x?xf32>) -> tensor<?x2x4x?xf32>
  %scores0 = onnx.MatMul(%qhs, %kt) : (tensor<?x2x?x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x?x?xf32>
  %scores = onnx.Div(%scores0, %four) : (tensor<?x2x?x?xf32>, tensor<f32>) -> tensor<?x2x?x?xf32>
  %masked = onnx.Add(%scores, %added) : (tensor<?x2x?x?xf32>, tensor<?x1x?x?xf32>) -> tensor<?x2x?x?xf32>
  %p0 = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %nan = onnx.IsNaN(%p0) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xi1>
  %p = onnx.Where(%nan, %visible, %p0) : (tensor<?x2x?x?xi1>, tensor<f32>, tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vv) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// A number in the place of the score.
// CHECK: dejavu.attention {{.*}} scale = 1.000000e+00 masked_rows ={{ +}}uniform
// REMARK: masked rows uniform
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
  %visible = onnx.Constant dense<0.0> : tensor<f32>
  %hidden = onnx.Constant dense<-3.40282347E+38> : tensor<f32>
  %masked = onnx.Where(%keep, %scores, %hidden) : (tensor<?x1x?x?xi1>, tensor<?x2x?x?xf32>, tensor<f32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vv) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %kk, %vv : tensor<?x?x8xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
}

// -----

// Two query heads share a key head.
// CHECK: dejavu.attention {{.*}} : tensor<?x?x8xf32>, <1 x 4>, tensor<?xi64>
// REMARK: 2 heads of 4 over 1
func.func @main(
    %ids: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"], dejavu.binding = #dejavu.binding<"ids", ids>},
    %mask: tensor<?x?xi64> {onnx.dims = ["batch", "past + tokens"], dejavu.binding = #dejavu.binding<"mask", attention_mask>},
    %q: tensor<?x?x8xf32> {onnx.dims = ["batch", "tokens", "8"]},
    %k: tensor<?x?x4xf32> {onnx.dims = ["batch", "tokens", "4"]},
    %v: tensor<?x?x4xf32> {onnx.dims = ["batch", "tokens", "4"]},
    %pk: tensor<?x1x?x4xf32> {onnx.name = "pk", onnx.dims = ["batch", "1", "past", "4"]},
    %pv: tensor<?x1x?x4xf32> {onnx.name = "pv", onnx.dims = ["batch", "1", "past", "4"]})
    -> (tensor<?x?x8xf32>, tensor<?x1x?x4xf32> {onnx.name = "k"}, tensor<?x1x?x4xf32> {onnx.name = "v"}) {
  // Keys up to the query, and those that the attention mask keeps.
  %zero = onnx.Constant dense<0> : tensor<i64>
  %one = onnx.Constant dense<1> : tensor<i64>
  %a0 = onnx.Constant dense<0> : tensor<1xi64>
  %a1 = onnx.Constant dense<1> : tensor<1xi64>
  %a12 = onnx.Constant dense<[1, 2]> : tensor<2xi64>
  %s1 = onnx.Shape(%ids) {start = 1 : i64, end = 2 : i64} : (tensor<?x?xi64>) -> tensor<1xi64>
  %tokens = onnx.Squeeze(%s1, %a0) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %s2 = onnx.Shape(%pk) {start = 2 : i64, end = 3 : i64} : (tensor<?x1x?x4xf32>) -> tensor<1xi64>
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
  %single = onnx.Constant dense<[0, 0, 1, 4]> : tensor<4xi64>
  %k0 = onnx.Reshape(%k, %single) : (tensor<?x?x4xf32>, tensor<4xi64>) -> tensor<?x?x1x4xf32>
  %kh = onnx.Transpose(%k0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x1x4xf32>) -> tensor<?x1x?x4xf32>
  %v0 = onnx.Reshape(%v, %single) : (tensor<?x?x4xf32>, tensor<4xi64>) -> tensor<?x?x1x4xf32>
  %vh = onnx.Transpose(%v0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x1x4xf32>) -> tensor<?x1x?x4xf32>
  %k1 = onnx.Concat(%pk, %kh) {axis = -2 : i64} : (tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>) -> tensor<?x1x?x4xf32>
  %v1 = onnx.Concat(%pv, %vh) {axis = -2 : i64} : (tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>) -> tensor<?x1x?x4xf32>
  // Repeated as exporters do: [b, h, t, d] to [b, h, g, t, d] to [b, h * g, t, d].
  %a2 = onnx.Constant dense<2> : tensor<1xi64>
  %four = onnx.Constant dense<4> : tensor<1xi64>
  %sb = onnx.Shape(%ids) {start = 0 : i64, end = 1 : i64} : (tensor<?x?xi64>) -> tensor<1xi64>
  %total1 = onnx.Unsqueeze(%total, %a0) : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
  %shape5 = onnx.Concat(%sb, %a1, %a2, %total1, %four) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<5xi64>
  %shape4 = onnx.Concat(%sb, %a2, %total1, %four) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4xi64>
  %k2 = onnx.Unsqueeze(%k1, %a2) : (tensor<?x1x?x4xf32>, tensor<1xi64>) -> tensor<?x1x1x?x4xf32>
  %k3 = onnx.Expand(%k2, %shape5) : (tensor<?x1x1x?x4xf32>, tensor<5xi64>) -> tensor<?x1x2x?x4xf32>
  %kk = onnx.Reshape(%k3, %shape4) : (tensor<?x1x2x?x4xf32>, tensor<4xi64>) -> tensor<?x2x?x4xf32>
  %v2 = onnx.Unsqueeze(%v1, %a2) : (tensor<?x1x?x4xf32>, tensor<1xi64>) -> tensor<?x1x1x?x4xf32>
  %v3 = onnx.Expand(%v2, %shape5) : (tensor<?x1x1x?x4xf32>, tensor<5xi64>) -> tensor<?x1x2x?x4xf32>
  %vv = onnx.Reshape(%v3, %shape4) : (tensor<?x1x2x?x4xf32>, tensor<4xi64>) -> tensor<?x2x?x4xf32>
  %kt = onnx.Transpose(%kk) {perm = array<i64: 0, 1, 3, 2>} : (tensor<?x2x?x4xf32>) -> tensor<?x2x4x?xf32>
  %scores = onnx.MatMul(%qh, %kt) : (tensor<?x2x?x4xf32>, tensor<?x2x4x?xf32>) -> tensor<?x2x?x?xf32>
  %masked = onnx.Add(%scores, %added) : (tensor<?x2x?x?xf32>, tensor<?x1x?x?xf32>) -> tensor<?x2x?x?xf32>
  %p = onnx.Softmax(%masked) : (tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32>
  %c0 = onnx.MatMul(%p, %vv) : (tensor<?x2x?x?xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %merge = onnx.Constant dense<[0, 0, 8]> : tensor<3xi64>
  %c1 = onnx.Transpose(%c0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %c2 = onnx.Reshape(%c1, %merge) : (tensor<?x?x2x4xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
  return %c2, %k1, %v1 : tensor<?x?x8xf32>, tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>
}
