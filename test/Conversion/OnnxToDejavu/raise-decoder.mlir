// RUN: dejavu-opt %s --raise-decoder | FileCheck %s

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
