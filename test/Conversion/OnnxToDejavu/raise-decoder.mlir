// RUN: dejavu-opt %s --split-input-file --raise-decoder | FileCheck %s

// Weights come in the order of their use; @gone has none; the transposed copy
// gets the name of its original, which nobody uses.
// CHECK: dejavu.weight @tokens
// CHECK-NEXT: dejavu.weight @positions
// CHECK-NEXT: dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 4032, length = 256> as tensor<8x8xf32> via [#dejavu.transpose<[1, 0]>]
// CHECK-NEXT: dejavu.weight @head
// CHECK-NOT: dejavu.weight
dejavu.weight @head : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 4032, length = 256>
dejavu.weight @w.T : tensor<8x8xf32> from <"m", offset = 4032, length = 256> as tensor<8x8xf32> via [#dejavu.transpose<[1, 0]>] {dejavu.copy_of = "w"}
dejavu.weight @gone : tensor<8x8xf32> from <"m", offset = 1024, length = 256>
dejavu.weight @tokens : tensor<32x8xf32> from <"m", offset = 1280, length = 1024>
dejavu.weight @positions : tensor<54x8xf32> from <"m", offset = 2304, length = 1728>

// CHECK: dejavu.signature
// CHECK-SAME: inputs [#dejavu.binding<"mask", attention_mask>, #dejavu.binding<"at", positions>, #dejavu.binding<"ids", ids>, #dejavu.binding<"pk", key>, #dejavu.binding<"pv", value>]
// CHECK-SAME: outputs [#dejavu.binding<"k", key>, #dejavu.binding<"y", logits>, #dejavu.binding<"v", value>]

// CHECK-LABEL: func.func @prefill(
// CHECK-SAME: %[[I:.*]]: tensor<?x?xi64>, %[[P:.*]]: tensor<?x?xi64>, %[[S:.*]]: tensor<?xi64>, %[[L:.*]]: index, %[[C:.*]]: !dejavu.kv_cache<2 x 4>)
// CHECK-SAME: -> (tensor<?x?x32xf32>, !dejavu.kv_cache<2 x 4>) attributes {dejavu.entry = #dejavu.entry<prefill>}
// CHECK-NEXT: %[[T:.*]] = dejavu.embed %[[I]], @tokens : tensor<?x?xi64> -> tensor<?x?x8xf32>
// CHECK-NEXT: %[[O:.*]] = dejavu.embed %[[P]], @positions
// CHECK-NEXT: %[[X:.*]] = dejavu.residual_add %[[T]], %[[O]]
// CHECK-NEXT: %[[Q:.*]] = dejavu.linear %[[X]], @w :
// CHECK-NEXT: %[[A:.*]] = dejavu.kv_append %[[C]], %[[X]], %[[X]]
// CHECK-NEXT: %[[R:.*]], %[[N:.*]] = dejavu.attention %[[Q]], %[[A]], %[[S]]
// CHECK-NEXT: %[[Y:.*]] = dejavu.lm_head %[[R]], @head from %[[L]] : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
// CHECK-NEXT: return %[[Y]], %[[N]]

// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[I:.*]]: tensor<?x1xi64>, %[[P:.*]]: tensor<?x1xi64>, %[[S:.*]]: tensor<?xi64>, %[[C:.*]]: !dejavu.kv_cache<2 x 4>)
// CHECK-SAME: -> (tensor<?x1x32xf32>, !dejavu.kv_cache<2 x 4>) attributes {dejavu.entry = #dejavu.entry<decode>}
// CHECK-NEXT: %[[T:.*]] = dejavu.embed %[[I]], @tokens : tensor<?x1xi64> -> tensor<?x1x8xf32>
// CHECK: %[[Y:.*]] = dejavu.lm_head %{{.*}}, @head : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
// CHECK-NOT: @main

// The ops of the input stand in another order than those of the result: the
// data flow decides.
func.func @main(%mask: tensor<?x?xi64> {dejavu.binding = #dejavu.binding<"mask", attention_mask>},
                %at: tensor<?x?xi64> {dejavu.binding = #dejavu.binding<"at", positions>},
                %ids: tensor<?x?xi64> {dejavu.binding = #dejavu.binding<"ids", ids>},
                %pk: tensor<?x2x?x4xf32> {dejavu.binding = #dejavu.binding<"pk", key>},
                %pv: tensor<?x2x?x4xf32> {dejavu.binding = #dejavu.binding<"pv", value>},
                %starts: tensor<?xi64>, %cache: !dejavu.kv_cache<2 x 4>)
    -> (tensor<?x2x?x4xf32> {dejavu.binding = #dejavu.binding<"k", key>},
        tensor<?x?x32xf32> {dejavu.binding = #dejavu.binding<"y", logits>},
        tensor<?x2x?x4xf32> {dejavu.binding = #dejavu.binding<"v", value>},
        !dejavu.kv_cache<2 x 4>) {
  %o = dejavu.embed %at, @positions {offset = 2 : i64} : tensor<?x?xi64> -> tensor<?x?x8xf32>
  %t = dejavu.embed %ids, @tokens : tensor<?x?xi64> -> tensor<?x?x8xf32>
  %x = dejavu.residual_add %t, %o : tensor<?x?x8xf32>
  %c = dejavu.kv_append %cache, %x, %x : !dejavu.kv_cache<2 x 4>, tensor<?x?x8xf32>
  %q = dejavu.linear %x, @w.T : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  %r, %n = dejavu.attention %q, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %y = dejavu.linear %r, @head : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %split = onnx.Constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %k0 = onnx.Reshape(%x, %split) : (tensor<?x?x8xf32>, tensor<4xi64>) -> tensor<?x?x2x4xf32>
  %k1 = onnx.Transpose(%k0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %k = onnx.Concat(%pk, %k1) {axis = 2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %v = onnx.Concat(%pv, %k1) {axis = 2 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  return %k, %y, %v, %n : tensor<?x2x?x4xf32>, tensor<?x?x32xf32>, tensor<?x2x?x4xf32>, !dejavu.kv_cache<2 x 4>
}

// -----

// Ops that nothing raised come along, with the tokens of the entry point, and
// ask the ids for the batch that they asked a past of the model for. The head
// has the factor and the cap of the logits.
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[IDS:[^:]*]]: tensor<?x1xi64>,
// CHECK: %[[T:.*]] = dejavu.embed %[[IDS]]
// CHECK: %[[B:.*]] = onnx.Shape(%[[IDS]]) {end = 1 : i64} : (tensor<?x1xi64>) -> tensor<1xi64>
// CHECK: %[[S:.*]] = onnx.Concat(%[[B]], %{{.*}}, %{{.*}}) {axis = 0 : i64}
// CHECK: %[[E:.*]] = onnx.Expand(%{{.*}}, %[[S]]) : (tensor<1x1x8xf32>, tensor<3xi64>) -> tensor<?x1x8xf32>
// CHECK: %[[X:.*]] = onnx.Mul(%[[T]], %[[E]]) : (tensor<?x1x8xf32>, tensor<?x1x8xf32>) -> tensor<?x1x8xf32>
// CHECK: dejavu.lm_head %[[X]], @w {scale = 2.000000e+00 : f32, softcap = 3.000000e+01 : f32}
// CHECK-NEXT: return
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @main(%ids: tensor<?x?xi64> {onnx.dims = ["batch", "tokens"], dejavu.binding = #dejavu.binding<"ids", ids>},
                %pk: tensor<?x2x?x4xf32> {onnx.dims = ["batch", "2", "past", "4"], dejavu.binding = #dejavu.binding<"pk", key>},
                %c: !dejavu.kv_cache<2 x 4>) -> (tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>) {
  %0 = dejavu.embed %ids, @w : tensor<?x?xi64> -> tensor<?x?x8xf32>
  %1 = onnx.Shape(%pk) {start = 0 : i64, end = 1 : i64} : (tensor<?x2x?x4xf32>) -> tensor<1xi64>
  %one = onnx.Constant dense<1> : tensor<1xi64>
  %eight = onnx.Constant dense<8> : tensor<1xi64>
  %shape = onnx.Concat(%1, %one, %eight) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3xi64>
  %ones = onnx.Constant dense<1.0> : tensor<1x1x8xf32>
  %e = onnx.Expand(%ones, %shape) : (tensor<1x1x8xf32>, tensor<3xi64>) -> tensor<?x1x8xf32>
  %x = onnx.Mul(%0, %e) : (tensor<?x?x8xf32>, tensor<?x1x8xf32>) -> tensor<?x?x8xf32>
  %y = dejavu.linear %x, @w : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  // 30 tanh(2 y / 30)
  %n = onnx.Constant dense<15.0> : tensor<f32>
  %cap = onnx.Constant dense<30.0> : tensor<f32>
  %d = onnx.Div(%y, %n) : (tensor<?x?x8xf32>, tensor<f32>) -> tensor<?x?x8xf32>
  %t = onnx.Tanh(%d) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %l = onnx.Mul(%cap, %t) : (tensor<f32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %l, %c : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>
}
