// RUN: dejavu-opt %s --split-input-file --verify-diagnostics

func.func @broadcast(%a: tensor<2x3xf32>, %b: tensor<4x3xf32>) {
  // expected-error@+1 {{'onnx.Add' op expected operands that broadcast, found shapes [2, 3] and [4, 3]}}
  %0 = onnx.Add(%a, %b) : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @elements(%a: tensor<2xf32>, %b: tensor<2xf16>) {
  // expected-error@+1 {{'onnx.Mul' op expected operands of one element type, found f32 and f16}}
  %0 = onnx.Mul(%a, %b) : (tensor<2xf32>, tensor<2xf16>) -> tensor<2xf32>
  return
}

// -----

func.func @result_shape(%a: tensor<2xf32>) {
  // expected-error@+1 {{'onnx.Relu' op expected result 0 to be compatible with 'tensor<2xf32>', found 'tensor<3xf32>'}}
  %0 = onnx.Relu(%a) : (tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @result_element(%a: tensor<2xi64>) {
  // expected-error@+1 {{'onnx.Equal' op result #0 must be tensor of 1-bit signless integer values, but got 'tensor<2xi64>'}}
  %0 = onnx.Equal(%a, %a) : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  return
}

// -----

func.func @no_inputs() {
  // expected-error@+1 {{'onnx.Max' op expected at least one operand, found none}}
  %0 = onnx.Max() : () -> tensor<2xf32>
  return
}

// -----

func.func @where(%c: tensor<2xi1>, %x: tensor<2xf32>, %y: tensor<2xi64>) {
  // expected-error@+1 {{'onnx.Where' op expected X and Y of one element type, found f32 and i64}}
  %0 = onnx.Where(%c, %x, %y) : (tensor<2xi1>, tensor<2xf32>, tensor<2xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @matmul(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error@+1 {{'onnx.MatMul' op expected shapes that can be multiplied, found [2, 3] and [4, 5]}}
  %0 = onnx.MatMul(%a, %b) : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @matmul_scalar(%a: tensor<f32>, %b: tensor<4xf32>) {
  // expected-error@+1 {{'onnx.MatMul' op expected operands of rank 1 or more, found shapes [] and [4]}}
  %0 = onnx.MatMul(%a, %b) : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @gemm_rank(%a: tensor<1x2x3xf32>, %b: tensor<3x5xf32>) {
  // expected-error@+1 {{'onnx.Gemm' op expected operands A and B of rank 2, found tensor<1x2x3xf32>}}
  %0 = onnx.Gemm(%a, %b) : (tensor<1x2x3xf32>, tensor<3x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @gemm_inner(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>) {
  // expected-error@+1 {{'onnx.Gemm' op expected equal inner dimensions, found 3 and 5}}
  %0 = onnx.Gemm(%a, %b) {transB = 1 : i64} : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @gemm_bias(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>, %c: tensor<4xf32>) {
  // expected-error@+1 {{'onnx.Gemm' op expected C to broadcast to [2, 5], found [4]}}
  %0 = onnx.Gemm(%a, %b, %c) : (tensor<2x3xf32>, tensor<3x5xf32>, tensor<4xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @gemm_flag(%a: tensor<3x3xf32>) {
  // expected-error@+1 {{'onnx.Gemm' op attribute 'transA' failed to satisfy constraint}}
  %0 = onnx.Gemm(%a, %a) {transA = 2 : i64} : (tensor<3x3xf32>, tensor<3x3xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @attention_ranks(%q: tensor<1x4x2x8xf32>, %k: tensor<1x2x32xf32>) {
  // expected-error@+1 {{'onnx.Attention' op expected Q, K and V all of rank 3 or all of rank 4, found ranks 4, 3 and 3}}
  %0 = onnx.Attention(%q, %k, %k) : (tensor<1x4x2x8xf32>, tensor<1x2x32xf32>, tensor<1x2x32xf32>) -> tensor<1x4x2x8xf32>
  return
}

// -----

func.func @attention_heads(%q: tensor<1x2x32xf32>) {
  // expected-error@+1 {{'onnx.Attention' op expected a number of heads for Q of rank 3}}
  %0 = onnx.Attention(%q, %q, %q) {kv_num_heads = 4 : i64} : (tensor<1x2x32xf32>, tensor<1x2x32xf32>, tensor<1x2x32xf32>) -> tensor<1x2x32xf32>
  return
}

// -----

func.func @attention_groups(%q: tensor<1x4x2x8xf32>, %k: tensor<1x3x2x8xf32>) {
  // expected-error@+1 {{'onnx.Attention' op expected the heads of Q to be a multiple of those of K, found 4 and 3}}
  %0 = onnx.Attention(%q, %k, %k) : (tensor<1x4x2x8xf32>, tensor<1x3x2x8xf32>, tensor<1x3x2x8xf32>) -> tensor<1x4x2x8xf32>
  return
}

// -----

func.func @attention_past(%q: tensor<1x4x2x8xf32>) {
  // expected-error@+1 {{'onnx.Attention' op expected past_key and past_value together, found one alone}}
  %0 = onnx.Attention(%q, %q, %q) past_key(%q) : (tensor<1x4x2x8xf32>, tensor<1x4x2x8xf32>, tensor<1x4x2x8xf32>, tensor<1x4x2x8xf32>) -> tensor<1x4x2x8xf32>
  return
}

// -----

func.func @norm_axis(%x: tensor<2x3xf32>, %s: tensor<3xf32>) {
  // expected-error@+1 {{'onnx.LayerNormalization' op expected axis in [-2, 2), found 2}}
  %0 = onnx.LayerNormalization(%x, %s) {axis = 2 : i64} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @norm_scale(%x: tensor<2x3xf32>, %s: tensor<4xf32>) {
  // expected-error@+1 {{'onnx.LayerNormalization' op expected Scale and B to broadcast to [2, 3], found [4]}}
  %0 = onnx.LayerNormalization(%x, %s) : (tensor<2x3xf32>, tensor<4xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @cumsum(%x: tensor<2x3xf32>, %axis: tensor<2xi64>) {
  // expected-error@+1 {{'onnx.CumSum' op expected an axis of one element, found 2}}
  %0 = onnx.CumSum(%x, %axis) : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<2x3xf32>
  return
}

// -----

func.func @reduce_axes(%x: tensor<2x3xf32>, %axes: tensor<3xi64>) {
  // expected-error@+1 {{'onnx.ReduceMean' op expected at most 2 axes, found 3}}
  %0 = onnx.ReduceMean(%x, %axes) {keepdims = 0 : i64} : (tensor<2x3xf32>, tensor<3xi64>) -> tensor<f32>
  return
}

// -----

func.func @rms_scale(%x: tensor<2x3xf32>, %s: tensor<4xf32>) {
  // expected-error@+1 {{'onnx.RMSNormalization' op expected scale to broadcast to [2, 3], found [4]}}
  %0 = onnx.RMSNormalization(%x, %s) : (tensor<2x3xf32>, tensor<4xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @rotary_cache(%x: tensor<1x2x3x4xf32>, %c: tensor<8x2xf32>) {
  // expected-error@+1 {{'onnx.RotaryEmbedding' op expected caches of rank 3, found tensor<8x2xf32>}}
  %0 = onnx.RotaryEmbedding(%x, %c, %c) : (tensor<1x2x3x4xf32>, tensor<8x2xf32>, tensor<8x2xf32>) -> tensor<1x2x3x4xf32>
  return
}

// -----

func.func @rotary_dim(%x: tensor<1x2x3x4xf32>, %c: tensor<1x3x2xf32>) {
  // expected-error@+1 {{'onnx.RotaryEmbedding' op expected an even number of elements to rotate in heads of 4, found 6}}
  %0 = onnx.RotaryEmbedding(%x, %c, %c) {rotary_embedding_dim = 6 : i64} : (tensor<1x2x3x4xf32>, tensor<1x3x2xf32>, tensor<1x3x2xf32>) -> tensor<1x2x3x4xf32>
  return
}
