// What chooses units and what gathers their rows, printed and read back.
// RUN: dejavu-opt %s --verify-roundtrip | FileCheck %s

// Weights of a file of predictors: its folder is that of `dejavu.predictors`.
// CHECK: module attributes {dejavu.predictors = "p/opt.safetensors"}
module attributes {dejavu.predictors = "p/opt.safetensors"} {
// CHECK: dejavu.weight @first : tensor<3x8xf16> from <"opt.safetensors", offset = 512, length = 48, predictors>
dejavu.weight @first : tensor<3x8xf16> from #dejavu.source<"opt.safetensors", offset = 512, length = 48, predictors>
// The root of the model is not printed.
// CHECK: dejavu.weight @second : tensor<3x32xf16> from <"opt.safetensors", offset = 560, length = 192>
dejavu.weight @second : tensor<3x32xf16> from #dejavu.source<"opt.safetensors", offset = 560, length = 192, model>
// CHECK: dejavu.weight @signs : tensor<1x32xi8> from <"opt.safetensors", offset = 0, length = 32, predictors> as tensor<32x1xi8> via [#dejavu.transpose<[1, 0]>]
dejavu.weight @signs : tensor<1x32xi8> from <"opt.safetensors", offset = 0, length = 32, predictors> as tensor<32x1xi8> via [#dejavu.transpose<[1, 0]>]
dejavu.weight @first8 : tensor<3x8xi8> from <"opt.safetensors", offset = 0, length = 24, predictors>
dejavu.weight @second8 : tensor<3x32xi8> from <"opt.safetensors", offset = 0, length = 96, predictors>
dejavu.weight @neurons : tensor<32x8xf32> from <"m.onnx", offset = 0, length = 1024>
dejavu.weight @units : tensor<32xf32> from <"m.onnx", offset = 0, length = 128>
dejavu.weight @square : tensor<8x8xf32> from <"m.onnx", offset = 0, length = 256>
dejavu.weight @vector : tensor<8xf32> from <"m.onnx", offset = 0, length = 32>

// CHECK-LABEL: func.func @predict(
func.func @predict(%x: tensor<?x1x8xf32>) -> (tensor<?x1x32xf32>, tensor<?x1x32xf32>, tensor<?x1x32xf32>, tensor<?x1x32xf32>, tensor<?x1x32xf32>, tensor<?x1x32xf32>) {
  // CHECK: dejavu.predict low_rank %{{.*}}, first = @first second = @second bias = @units : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  %0 = dejavu.predict low_rank %x, first = @first second = @second bias = @units : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  // CHECK: dejavu.predict low_rank %{{.*}}, first = @first second = @second {epsilon = 0.000000e+00 : f32} : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  %1 = dejavu.predict low_rank %x, first = @first second = @second {epsilon = 0.0 : f32} : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  // CHECK: dejavu.predict sign_bit %{{.*}}, first = @signs : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  %2 = dejavu.predict sign_bit %x, first = @signs : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  // The default is not printed.
  // CHECK: dejavu.predict sign_bit %{{.*}}, first = @signs bias = @units : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  %3 = dejavu.predict sign_bit %x, first = @signs bias = @units {epsilon = 1.0e-5 : f32} : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  // CHECK: dejavu.predict low_rank %{{.*}}, first = @first8 second = @second8 scale = @units bias = @units : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  %4 = dejavu.predict low_rank %x, first = @first8 second = @second8 scale = @units bias = @units : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  // CHECK: dejavu.predict low_rank %{{.*}}, first = @first8 second = @second8 scale = @units : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  %5 = dejavu.predict low_rank %x, first = @first8 second = @second8 scale = @units : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<?x1x32xf32>, tensor<?x1x32xf32>, tensor<?x1x32xf32>, tensor<?x1x32xf32>, tensor<?x1x32xf32>, tensor<?x1x32xf32>
}

// CHECK-LABEL: func.func @select(
func.func @select(%x: tensor<?x1x8xf32>) -> (!dejavu.active<neuron, 8>, !dejavu.active<neuron, 8>, !dejavu.active<neuron, 8>, !dejavu.active<kv_group, 8>, !dejavu.active<neuron, 8>) {
  // CHECK: dejavu.select exact %{{.*}} : tensor<?x1x8xf32> -> <neuron, 8>
  %0 = dejavu.select exact %x : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  // CHECK: dejavu.select magnitude %{{.*}} at 5.000000e-01 : tensor<?x1x8xf32> -> <neuron, 8>
  %1 = dejavu.select magnitude %x at 0.5 : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  // CHECK: dejavu.select threshold %{{.*}} at -2.500000e-01 : tensor<?x1x8xf32> -> <neuron, 8>
  %2 = dejavu.select threshold %x at -0.25 : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  // CHECK: dejavu.select top_k %{{.*}} k = 3 : tensor<?x1x8xf32> -> <kv_group, 8>
  %3 = dejavu.select top_k %x k = 3 : tensor<?x1x8xf32> -> !dejavu.active<kv_group, 8>
  // CHECK: dejavu.select top_k %{{.*}} k = 0 profile = <density = 1.200000e-01, active = 5.500000e-02, recall = 1.000000e+00, loss = 0.000000e+00> : tensor<?x1x8xf32> -> <neuron, 8>
  %4 = dejavu.select top_k %x k = 0 profile = <density = 0.12, active = 0.055, recall = 1.0, loss = 0.0> : tensor<?x1x8xf32> -> !dejavu.active<neuron, 8>
  return %0, %1, %2, %3, %4 : !dejavu.active<neuron, 8>, !dejavu.active<neuron, 8>, !dejavu.active<neuron, 8>, !dejavu.active<kv_group, 8>, !dejavu.active<neuron, 8>
}

// CHECK-LABEL: func.func @profile(
// CHECK-SAME: note = #dejavu.profile<density = 1.000000e+00, active = 1.000000e+00, recall = 9.800000e-01, loss = 4.000000e-03>
func.func @profile() attributes {note = #dejavu.profile<density = 1.0, active = 1.0, recall = 0.98, loss = 0.004>} { return }

// Two heads of four features, of the queries and of the output projection.
// CHECK-LABEL: func.func @blocks(
func.func @blocks(%x: tensor<?x1x8xf32>, %s: !dejavu.active<kv_group, 2>) -> tensor<?x1x8xf32> {
  // CHECK: dejavu.gather_linear %{{.*}}, %{{.*}}, @square : tensor<?x1x8xf32>, <kv_group, 2> -> tensor<?x1x8xf32>
  %q = dejavu.gather_linear %x, %s, @square : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x8xf32>
  // CHECK: dejavu.gather_linear %{{.*}}, %{{.*}}, @square, @vector times(%{{.*}} : tensor<?x1x8xf32>) : tensor<?x1x8xf32>, <kv_group, 2> -> tensor<?x1x8xf32>
  %r = dejavu.gather_linear %q, %s, @square, @vector times(%x : tensor<?x1x8xf32>) : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x8xf32>
  // CHECK: dejavu.sparse_linear %{{.*}}, %{{.*}}, @square, @vector : tensor<?x1x8xf32>, <kv_group, 2> -> tensor<?x1x8xf32>
  %o = dejavu.sparse_linear %r, %s, @square, @vector : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x8xf32>
  return %o : tensor<?x1x8xf32>
}

// CHECK-LABEL: func.func @in_major(
func.func @in_major(%x: tensor<?x1x32xf32>) -> tensor<?x1x8xf32> {
  // CHECK: dejavu.linear %{{.*}}, @neurons in_major : tensor<?x1x32xf32> -> tensor<?x1x8xf32>
  %0 = dejavu.linear %x, @neurons in_major : tensor<?x1x32xf32> -> tensor<?x1x8xf32>
  // CHECK: dejavu.linear %{{.*}}, @square, @vector in_major activation = relu : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %1 = dejavu.linear %0, @square, @vector in_major activation = relu : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  return %1 : tensor<?x1x8xf32>
}

// CHECK-LABEL: func.func @mlps(
func.func @mlps(%x: tensor<?x1x8xf32>, %s: !dejavu.active<neuron, 32>) -> tensor<?x1x8xf32> {
  // CHECK: dejavu.ffn relu %{{.*}}, up = @neurons down = @neurons predicted(%{{.*}} : !dejavu.active<neuron, 32>) : tensor<?x1x8xf32>
  %0 = dejavu.ffn relu %x, up = @neurons down = @neurons predicted(%s : !dejavu.active<neuron, 32>) : tensor<?x1x8xf32>
  // CHECK: dejavu.sparse_ffn gelu %{{.*}}, %{{.*}}, up = @neurons down = @neurons : tensor<?x1x8xf32>, <neuron, 32>
  %1 = dejavu.sparse_ffn gelu %0, %s, up = @neurons down = @neurons : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  // CHECK: dejavu.sparse_ffn relu %{{.*}}, %{{.*}}, up = @neurons, @units down = @neurons, @vector : tensor<?x1x8xf32>, <neuron, 32>
  %2 = dejavu.sparse_ffn relu %1, %s, up = @neurons, @units down = @neurons, @vector : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  // CHECK: dejavu.sparse_ffn silu %{{.*}}, %{{.*}}, gate = @neurons up = @neurons down = @neurons : tensor<?x1x8xf32>, <neuron, 32>
  %3 = dejavu.sparse_ffn silu %2, %s, gate = @neurons up = @neurons down = @neurons : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  // CHECK: dejavu.sparse_ffn relu2 %{{.*}}, %{{.*}}, gate = @neurons, @units up = @neurons, @units down = @neurons, @vector : tensor<?x1x8xf32>, <neuron, 32>
  %4 = dejavu.sparse_ffn relu2 %3, %s, gate = @neurons, @units up = @neurons, @units down = @neurons, @vector : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  return %4 : tensor<?x1x8xf32>
}

// CHECK-LABEL: func.func @attentions(
func.func @attentions(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 1>, %c0: !dejavu.kv_cache<1 x 4>) -> !dejavu.kv_cache<1 x 4> {
  // CHECK: dejavu.attention %{{.*}}, %{{.*}}, %{{.*}} scale = 5.000000e-01 masked_rows = uniform predicted(%{{.*}} : !dejavu.active<kv_group, 1>) : tensor<?x1x8xf32>, <1 x 4>, tensor<?xi64>
  %a, %c1 = dejavu.attention %x, %c0, %starts scale = 0.5 masked_rows = uniform predicted(%s : !dejavu.active<kv_group, 1>) : tensor<?x1x8xf32>, !dejavu.kv_cache<1 x 4>, tensor<?xi64>
  // CHECK: dejavu.sparse_attention %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} scale = 5.000000e-01 masked_rows = zero : tensor<?x1x8xf32>, <1 x 4>, tensor<?xi64>, <kv_group, 1>
  %b, %c2 = dejavu.sparse_attention %a, %c1, %starts, %s scale = 0.5 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<1 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 1>
  // CHECK: dejavu.sparse_attention %{{.*}} masked_rows = uniform {alibi = array<f32: 5.000000e-01, 2.500000e-01>, softcap = 5.000000e+01 : f32, window = 16 : i64} :
  %c, %c3 = dejavu.sparse_attention %b, %c2, %starts, %s scale = 0.5 masked_rows = uniform {alibi = array<f32: 0.5, 0.25>, softcap = 50.0 : f32, window = 16 : i64} : tensor<?x1x8xf32>, !dejavu.kv_cache<1 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 1>
  return %c3 : !dejavu.kv_cache<1 x 4>
}

// CHECK-LABEL: func.func @deferred(
func.func @deferred(%x: tensor<?x1x8xf32>, %t: tensor<?x1x4xf32>, %s: !dejavu.active<kv_group, 2>, %c0: !dejavu.kv_cache<2 x 4>) -> !dejavu.kv_cache<2 x 4> {
  // CHECK: dejavu.kv_append_deferred %{{.*}}, %{{.*}}, %{{.*}} key = @square value = @square ring = 64 : <2 x 4>, tensor<?x1x8xf32>, <kv_group, 2>
  %c1 = dejavu.kv_append_deferred %c0, %x, %s key = @square value = @square ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  // CHECK: dejavu.kv_append_deferred %{{.*}} key = @square, @vector value = @square, @vector ring = 1 :
  %c2 = dejavu.kv_append_deferred %c1, %x, %s key = @square, @vector value = @square, @vector ring = 1 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  // CHECK: dejavu.kv_append_deferred %{{.*}} key = @square value = @square, @vector rope(%{{.*}} : tensor<?x1x4xf32>) ring = 64 :
  %c3 = dejavu.kv_append_deferred %c2, %x, %s key = @square value = @square, @vector rope(%t : tensor<?x1x4xf32>) ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  // CHECK: dejavu.kv_append_deferred %{{.*}} key = @square, @vector value = @square rope(%{{.*}} : tensor<?x1x4xf32>, interleaved) ring = 64 :
  %c4 = dejavu.kv_append_deferred %c3, %x, %s key = @square, @vector value = @square rope(%t : tensor<?x1x4xf32>, interleaved) ring = 64 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  return %c4 : !dejavu.kv_cache<2 x 4>
}
}
