// RUN: dejavu-opt %s --verify-roundtrip | FileCheck %s

// CHECK: dejavu.weight @table : tensor<16x8xf32> from <"m.onnx", offset = 0, length = 512>
dejavu.weight @table : tensor<16x8xf32> from <"m.onnx", offset = 0, length = 512>
// CHECK: dejavu.weight @square : tensor<8x8xf16> from <"m.onnx", offset = 512, length = 256> as tensor<8x8xf32> via [#dejavu.transpose<[1, 0]>, #dejavu.cast<f16>]
dejavu.weight @square : tensor<8x8xf16> from <"m.onnx", offset = 512, length = 256> as tensor<8x8xf32> via [#dejavu.transpose<[1, 0]>, #dejavu.cast<f16>]
dejavu.weight @vector : tensor<8xf32> from <"m.onnx", offset = 768, length = 32>
dejavu.weight @neurons : tensor<32x8xf32> from <"m.onnx", offset = 800, length = 1024>
dejavu.weight @up_bias : tensor<32xf32> from <"m.onnx", offset = 1824, length = 128>

// CHECK: dejavu.signature inputs [#dejavu.binding<"ids", ids>, #dejavu.binding<"past.1", key, 1>] outputs [#dejavu.binding<"logits", logits>]
dejavu.signature inputs [#dejavu.binding<"ids", ids>, #dejavu.binding<"past.1", key, 1>] outputs [#dejavu.binding<"logits", logits>]

// CHECK-LABEL: func.func @frame(
func.func @frame(%ids: tensor<?x1xi64>) -> tensor<?x1x16xf32> {
  // CHECK: dejavu.embed %{{.*}}, @table {offset = 2 : i64} : tensor<?x1xi64> -> tensor<?x1x8xf32>
  %x = dejavu.embed %ids, @table {offset = 2 : i64} : tensor<?x1xi64> -> tensor<?x1x8xf32>
  // CHECK: dejavu.norm layer %{{.*}}, @vector, @vector {epsilon = 9.99999974E-6 : f32} : tensor<?x1x8xf32>
  %n = dejavu.norm layer %x, @vector, @vector {epsilon = 1.0e-5 : f32} : tensor<?x1x8xf32>
  // CHECK: dejavu.linear %{{.*}}, @square, @vector : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %l = dejavu.linear %n, @square, @vector : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  // CHECK: dejavu.residual_add
  %r = dejavu.residual_add %x, %l : tensor<?x1x8xf32>
  // CHECK: dejavu.ffn relu %{{.*}}, up = @neurons, @up_bias down = @neurons, @vector : tensor<?x1x8xf32>
  %f = dejavu.ffn relu %r, up = @neurons, @up_bias down = @neurons, @vector : tensor<?x1x8xf32>
  // CHECK: dejavu.ffn gelu %{{.*}}, up = @neurons down = @neurons : tensor<?x1x8xf32>
  %g = dejavu.ffn gelu %f, up = @neurons down = @neurons : tensor<?x1x8xf32>
  // CHECK: dejavu.lm_head %{{.*}}, @table : tensor<?x1x8xf32> -> tensor<?x1x16xf32>
  %logits = dejavu.lm_head %g, @table : tensor<?x1x8xf32> -> tensor<?x1x16xf32>
  return %logits : tensor<?x1x16xf32>
}

// CHECK-LABEL: func.func @attend(
func.func @attend(%x: tensor<?x?x8xf32>, %starts: tensor<?xi64>, %cache: !dejavu.kv_cache<2 x 4>, %from: index)
    -> (tensor<?x?x16xf32>, !dejavu.kv_cache<2 x 4>) {
  // CHECK: dejavu.kv_append %{{.*}}, %{{.*}}, %{{.*}} : <2 x 4>, tensor<?x?x8xf32>
  %c = dejavu.kv_append %cache, %x, %x : !dejavu.kv_cache<2 x 4>, tensor<?x?x8xf32>
  // CHECK: dejavu.attention %{{.*}}, %{{.*}}, %{{.*}} scale = 5.000000e-01 masked_rows = uniform :
  %a, %c1 = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK: dejavu.lm_head %{{.*}}, @table from %{{.*}} : tensor<?x?x8xf32> -> tensor<?x?x16xf32>
  %l = dejavu.lm_head %a, @table from %from : tensor<?x?x8xf32> -> tensor<?x?x16xf32>
  return %l, %c1 : tensor<?x?x16xf32>, !dejavu.kv_cache<2 x 4>
}

// CHECK-LABEL: func.func @sparse(
func.func @sparse(%m: tensor<?x1x8xf32>) -> tensor<?x1x8xf32> {
  // CHECK: dejavu.linear %{{.*}}, @neurons, @up_bias activation = relu : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  %h = dejavu.linear %m, @neurons, @up_bias activation = relu : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  // CHECK: dejavu.select exact %{{.*}} : tensor<?x1x32xf32> -> <neuron, 32>
  %s = dejavu.select exact %h : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  // CHECK: dejavu.sparse_linear %{{.*}}, %{{.*}}, @neurons, @vector : tensor<?x1x32xf32>, <neuron, 32> -> tensor<?x1x8xf32>
  %f = dejavu.sparse_linear %h, %s, @neurons, @vector : tensor<?x1x32xf32>, !dejavu.active<neuron, 32> -> tensor<?x1x8xf32>
  return %f : tensor<?x1x8xf32>
}
