// The two-layer OPT of the tests in three exporters' spelling, raised phase by
// phase. The three have the same raised IR but for the names of weights, for
// the tied table of the dynamo exporter, and for what a query without keys
// gives.

// RUN: dejavu-import-onnx %models/zoo/opt/dynamo-opset20/model.onnx -o %t.20.mlir
// RUN: dejavu-opt %t.20.mlir --dejavu-raise | FileCheck %s --check-prefixes=CHECK,UNIFORM,TIED
// RUN: dejavu-import-onnx %models/zoo/opt/dynamo-opset23/model.onnx -o %t.23.mlir
// RUN: dejavu-opt %t.23.mlir --dejavu-raise | FileCheck %s --check-prefixes=CHECK,ZERO,TIED
// RUN: dejavu-import-onnx %models/zoo/opt/legacy-opset17/model.onnx -o %t.17.mlir
// RUN: dejavu-opt %t.17.mlir --dejavu-raise | FileCheck %s --check-prefixes=CHECK,UNIFORM

// TIED: dejavu.weight @m.lm_head.weight : tensor<256x64xf32>

// CHECK-NOT: onnx.
// CHECK: dejavu.signature inputs [#dejavu.binding<"input_ids", ids>, #dejavu.binding<"attention_mask", attention_mask>, #dejavu.binding<"position_ids", positions>, #dejavu.binding<"past_key_values.0.key", key>, #dejavu.binding<"past_key_values.0.value", value>, #dejavu.binding<"past_key_values.1.key", key, 1>, #dejavu.binding<"past_key_values.1.value", value, 1>]
// CHECK-SAME: outputs [#dejavu.binding<"logits", logits>, #dejavu.binding<"present.0.key", key>, #dejavu.binding<"present.0.value", value>, #dejavu.binding<"present.1.key", key, 1>, #dejavu.binding<"present.1.value", value, 1>]
// CHECK-LABEL: func.func @prefill(
// CHECK-SAME: %[[I:.*]]: tensor<?x?xi64>, %[[P:.*]]: tensor<?x?xi64>, %[[S:.*]]: tensor<?xi64>, %[[L:.*]]: index, %[[C0:.*]]: !dejavu.kv_cache<4 x 16>, %[[C1:.*]]: !dejavu.kv_cache<4 x 16>)
// CHECK-NEXT: %[[T:.*]] = dejavu.embed %[[I]], @[[TABLE:[a-zA-Z_0-9.]+]] : tensor<?x?xi64> -> tensor<?x?x64xf32>
// CHECK-NEXT: %[[O:.*]] = dejavu.embed %[[P]], @m.model.decoder.embed_positions.weight {offset = 2 : i64}
// CHECK-NEXT: %[[X:.*]] = dejavu.residual_add %[[T]], %[[O]]
// CHECK-NEXT: %[[N:.*]] = dejavu.norm{{ +}}layer %[[X]], @m.model.decoder.layers.0.self_attn_layer_norm.weight, @m.model.decoder.layers.0.self_attn_layer_norm.bias
// CHECK-NEXT: %[[Q:.*]] = dejavu.linear %[[N]], @{{.*}}, @m.model.decoder.layers.0.self_attn.q_proj.bias
// CHECK-NEXT: %[[K:.*]] = dejavu.linear %[[N]], @{{.*}}, @m.model.decoder.layers.0.self_attn.k_proj.bias
// CHECK-NEXT: %[[V:.*]] = dejavu.linear %[[N]], @{{.*}}, @m.model.decoder.layers.0.self_attn.v_proj.bias
// CHECK-NEXT: %[[A:.*]] = dejavu.kv_append %[[C0]], %[[K]], %[[V]]
// CHECK-NEXT: %[[R:.*]], %[[N0:.*]] = dejavu.attention %[[Q]], %[[A]], %[[S]] scale = 2.500000e-01 masked_rows =
// UNIFORM-SAME: uniform
// ZERO-SAME: zero
// CHECK-NEXT: %[[U:.*]] = dejavu.linear %[[R]], @{{.*}}, @m.model.decoder.layers.0.self_attn.out_proj.bias
// CHECK-NEXT: %[[Y:.*]] = dejavu.residual_add %[[X]], %[[U]]
// CHECK-NEXT: %[[M:.*]] = dejavu.norm{{ +}}layer %[[Y]], @m.model.decoder.layers.0.final_layer_norm.weight
// CHECK-NEXT: %[[F:.*]] = dejavu.ffn{{ +}}relu %[[M]], up = @m.model.decoder.layers.0.fc1.weight, @m.model.decoder.layers.0.fc1.bias down = @m.model.decoder.layers.0.fc2.weight, @m.model.decoder.layers.0.fc2.bias
// CHECK-NEXT: %[[Z:.*]] = dejavu.residual_add %[[Y]], %[[F]]
// CHECK: dejavu.kv_append %[[C1]],
// CHECK: %{{.*}}, %[[N1:.*]] = dejavu.attention
// CHECK: dejavu.ffn{{ +}}relu
// CHECK: %[[H:.*]] = dejavu.norm{{ +}}layer %{{.*}}, @m.model.decoder.final_layer_norm.weight
// CHECK-NEXT: %[[G:.*]] = dejavu.lm_head %[[H]], @
// TIED-SAME: [[TABLE]] from %[[L]]
// CHECK-NEXT: return %[[G]], %[[N0]], %[[N1]]

// CHECK-LABEL: func.func @decode(
// CHECK-SAME: tensor<?x1xi64>, %{{.*}}: tensor<?x1xi64>, %{{.*}}: tensor<?xi64>, %{{.*}}: !dejavu.kv_cache<4 x 16>, %{{.*}}: !dejavu.kv_cache<4 x 16>)
// CHECK-COUNT-2: dejavu.ffn
// CHECK: dejavu.lm_head %{{[0-9]+}}, @{{[^ ]+}} : tensor<?x1x64xf32> -> tensor<?x1x256xf32>
