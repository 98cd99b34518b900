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

// CHECK: dejavu.weight @inv_freq : tensor<2xf32> from <"m.onnx", offset = 0, length = 32> as tensor<8xf32> via [#dejavu.take_rows<[0, 1, 4, 1]>]
dejavu.weight @inv_freq : tensor<2xf32> from <"m.onnx", offset = 0, length = 32> as tensor<8xf32> via [#dejavu.take_rows<[0, 1, 4, 1]>]
// CHECK: dejavu.weight @packed : tensor<8x8xf32> from <"m.onnx", offset = 0, length = 32> as tensor<8x8xui4> via [#dejavu.dequantize<scales = @square zero_points = @square, axis = 1, block_size = 2>]
dejavu.weight @packed : tensor<8x8xf32> from <"m.onnx", offset = 0, length = 32> as tensor<8x8xui4> via [#dejavu.dequantize<scales = @square zero_points = @square, axis = 1, block_size = 2>]
// CHECK: dejavu.weight @bytes : tensor<8x8xf32> from <"m.onnx", offset = 0, length = 64> as tensor<8x8xi8> via [#dejavu.dequantize<scales = @square, axis = 0, block_size = 8, zero_point = 3>]
dejavu.weight @bytes : tensor<8x8xf32> from <"m.onnx", offset = 0, length = 64> as tensor<8x8xi8> via [#dejavu.dequantize<scales = @square, axis = 0, block_size = 8, zero_point = 3>]

// CHECK-LABEL: func.func @llama(
func.func @llama(%ids: tensor<?x1xi64>, %starts: tensor<?xi64>, %cache: !dejavu.kv_cache<1 x 4>) -> (tensor<?x1x16xf32>, !dejavu.kv_cache<1 x 4>) {
  // CHECK: dejavu.embed %{{.*}}, @table {scale = 2.000000e+00 : f32} : tensor<?x1xi64> -> tensor<?x1x8xf32>
  %x = dejavu.embed %ids, @table {scale = 2.0 : f32} : tensor<?x1xi64> -> tensor<?x1x8xf32>
  // CHECK: dejavu.rope_table %{{.*}}, @inv_freq : tensor<?x1xi64> -> tensor<?x1x4xf32>
  %t = dejavu.rope_table %ids, @inv_freq : tensor<?x1xi64> -> tensor<?x1x4xf32>
  // CHECK: dejavu.norm rms %{{.*}}, @vector {epsilon = 0.000000e+00 : f32, weight_offset = 1.000000e+00 : f32} : tensor<?x1x8xf32>
  %n = dejavu.norm rms %x, @vector {epsilon = 0.0 : f32, weight_offset = 1.0 : f32} : tensor<?x1x8xf32>
  // CHECK: dejavu.norm layer %{{.*}} {epsilon = 0.000000e+00 : f32, groups = 2 : i64} : tensor<?x1x8xf32>
  %g = dejavu.norm layer %n {epsilon = 0.0 : f32, groups = 2 : i64} : tensor<?x1x8xf32>
  // CHECK: dejavu.rope %{{.*}}, %{{.*}} heads = 2 : tensor<?x1x8xf32>, tensor<?x1x4xf32>
  %q = dejavu.rope %g, %t heads = 2 : tensor<?x1x8xf32>, tensor<?x1x4xf32>
  // CHECK: dejavu.rope %{{.*}}, %{{.*}} heads = 2 interleaved : tensor<?x1x8xf32>, tensor<?x1x4xf32>
  %i = dejavu.rope %q, %t heads = 2 interleaved : tensor<?x1x8xf32>, tensor<?x1x4xf32>
  // CHECK: dejavu.attention %{{.*}} scale = 5.000000e-01 masked_rows = zero {alibi = array<f32: 5.000000e-01, 2.500000e-01>, softcap = 5.000000e+01 : f32, window = 16 : i64} :
  %a, %c1 = dejavu.attention %i, %cache, %starts scale = 0.5 masked_rows = zero {alibi = array<f32: 0.5, 0.25>, softcap = 50.0 : f32, window = 16 : i64} : tensor<?x1x8xf32>, !dejavu.kv_cache<1 x 4>, tensor<?xi64>
  // CHECK: dejavu.ffn silu %{{.*}}, gate = @neurons up = @neurons down = @neurons : tensor<?x1x8xf32>
  %f = dejavu.ffn silu %a, gate = @neurons up = @neurons down = @neurons : tensor<?x1x8xf32>
  // CHECK: dejavu.ffn quick_gelu %{{.*}}, gate = @neurons, @up_bias up = @neurons, @up_bias down = @neurons, @vector : tensor<?x1x8xf32>
  %h = dejavu.ffn quick_gelu %f, gate = @neurons, @up_bias up = @neurons, @up_bias down = @neurons, @vector : tensor<?x1x8xf32>
  // CHECK: dejavu.lm_head %{{.*}}, @table {scale = 5.000000e-01 : f32, softcap = 3.000000e+01 : f32} : tensor<?x1x8xf32> -> tensor<?x1x16xf32>
  %l = dejavu.lm_head %h, @table {scale = 0.5 : f32, softcap = 30.0 : f32} : tensor<?x1x8xf32> -> tensor<?x1x16xf32>
  return %l, %c1 : tensor<?x1x16xf32>, !dejavu.kv_cache<1 x 4>
}

// CHECK-LABEL: func.func @encode(
func.func @encode(%q: tensor<?x?x8xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x3xf32>, %m: tensor<?x1x1x?xi1>) -> (tensor<?x?x6xf32>, tensor<?x?x6xf32>) {
  // CHECK: dejavu.sdpa %{{.*}}, %{{.*}}, %{{.*}} mask(%{{.*}}) heads = 2 kv_heads = 1 scale = 5.000000e-01 masked_rows = uniform {softcap = 3.000000e+00 : f32} : (tensor<?x?x8xf32>, tensor<?x?x4xf32>, tensor<?x?x3xf32>, tensor<?x1x1x?xi1>) -> tensor<?x?x6xf32>
  %0 = dejavu.sdpa %q, %k, %v mask(%m) heads = 2 kv_heads = 1 scale = 0.5 masked_rows = uniform {softcap = 3.0 : f32} : (tensor<?x?x8xf32>, tensor<?x?x4xf32>, tensor<?x?x3xf32>, tensor<?x1x1x?xi1>) -> tensor<?x?x6xf32>
  // CHECK: dejavu.sdpa %{{.*}}, %{{.*}}, %{{.*}} heads = 2 kv_heads = 1 scale = 5.000000e-01 masked_rows = zero causal : (
  %1 = dejavu.sdpa %q, %k, %v heads = 2 kv_heads = 1 scale = 0.5 masked_rows = zero causal : (tensor<?x?x8xf32>, tensor<?x?x4xf32>, tensor<?x?x3xf32>) -> tensor<?x?x6xf32>
  return %0, %1 : tensor<?x?x6xf32>, tensor<?x?x6xf32>
}

// CHECK-LABEL: func.func @sparse_gated(
func.func @sparse_gated(%m: tensor<?x1x8xf32>, %g: tensor<?x1x32xf32>, %s: !dejavu.active<neuron, 32>) -> tensor<?x1x32xf32> {
  // CHECK: dejavu.gather_linear %{{.*}}, %{{.*}}, @neurons, @up_bias times(%{{.*}} : tensor<?x1x32xf32>) : tensor<?x1x8xf32>, <neuron, 32> -> tensor<?x1x32xf32>
  %h = dejavu.gather_linear %m, %s, @neurons, @up_bias times(%g : tensor<?x1x32xf32>) : tensor<?x1x8xf32>, !dejavu.active<neuron, 32> -> tensor<?x1x32xf32>
  return %h : tensor<?x1x32xf32>
}
