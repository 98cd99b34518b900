// The style of OPT 350m: norms behind the residual sums, and projections of the
// embedding to the hidden size and back.

// RUN: dejavu-import-onnx %models/zoo/opt-350m-style/dynamo-opset20/model.onnx | dejavu-opt --dejavu-raise | FileCheck %s --check-prefixes=CHECK,UNIFORM
// RUN: dejavu-import-onnx %models/zoo/opt-350m-style/dynamo-opset23/model.onnx | dejavu-opt --dejavu-raise | FileCheck %s --check-prefixes=CHECK,ZERO
// RUN: dejavu-import-onnx %models/zoo/opt-350m-style/legacy-opset17/model.onnx | dejavu-opt --dejavu-raise | FileCheck %s --check-prefixes=CHECK,UNIFORM

// CHECK-NOT: onnx.
// CHECK-LABEL: func.func @decode(
// CHECK: %[[T:.*]] = dejavu.embed %{{.*}} -> tensor<?x1x32xf32>
// CHECK-NEXT: %[[J:.*]] = dejavu.linear %[[T]], @{{[^ ]+}} : tensor<?x1x32xf32> -> tensor<?x1x64xf32>
// CHECK-NEXT: %[[O:.*]] = dejavu.embed
// CHECK-NEXT: %[[X:.*]] = dejavu.residual_add %[[J]], %[[O]]
// CHECK-NEXT: %[[Q:.*]] = dejavu.linear %[[X]]
// CHECK-NEXT: dejavu.linear %[[X]]
// CHECK-NEXT: dejavu.linear %[[X]]
// CHECK-NEXT: dejavu.kv_append
// CHECK-NEXT: %[[A:.*]], %{{.*}} = dejavu.attention %[[Q]], {{.*}} masked_rows =
// UNIFORM-SAME: uniform
// ZERO-SAME: zero
// CHECK-NEXT: %[[U:.*]] = dejavu.linear %[[A]]
// CHECK-NEXT: %[[Y:.*]] = dejavu.residual_add %[[X]], %[[U]]
// CHECK-NEXT: %[[N:.*]] = dejavu.norm{{ +}}layer %[[Y]], @m.model.decoder.layers.0.self_attn_layer_norm.weight
// CHECK-NEXT: %[[F:.*]] = dejavu.ffn{{ +}}relu %[[N]]
// CHECK-NEXT: %[[Z:.*]] = dejavu.residual_add %[[N]], %[[F]]
// CHECK-NEXT: dejavu.norm{{ +}}layer %[[Z]], @m.model.decoder.layers.0.final_layer_norm.weight
// CHECK: dejavu.ffn
// CHECK: %[[D:.*]] = dejavu.linear %{{.*}} : tensor<?x1x64xf32> -> tensor<?x1x32xf32>
// CHECK-NEXT: dejavu.lm_head %[[D]], @{{[^ ]+}} : tensor<?x1x32xf32> -> tensor<?x1x256xf32>
