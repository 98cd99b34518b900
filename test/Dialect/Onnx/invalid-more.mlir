// What inference refuses, of the ops that are not in invalid.mlir.
// RUN: dejavu-opt %s --split-input-file --verify-diagnostics

func.func @clip_element(%x: tensor<4xf32>, %m: tensor<2xf32>) {
  // expected-error@+1 {{expected min of one element, found tensor<2xf32>}}
  %0 = onnx.Clip(%x) min(%m)
      : (tensor<4xf32>, tensor<2xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @mod_float(%x: tensor<4xf32>) {
  // expected-error@+1 {{expected fmod 1 for floating-point numbers, found 0}}
  %0 = onnx.Mod(%x, %x)
      : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @prelu(%x: tensor<2x3xf32>, %s: tensor<4xf32>) {
  // expected-error@+1 {{expected slope to broadcast to [2, 3], found [4]}}
  %0 = onnx.PRelu(%x, %s)
      : (tensor<2x3xf32>, tensor<4xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @swiglu(%x: tensor<2x3xf32>, %s: tensor<3xf32>) {
  // expected-error@+1 {{expected A and B of one shape, found [2, 3] and [3]}}
  %0 = onnx.SwiGLU(%x, %s)
      : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @log_softmax_axis(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{expected axis in [-2, 2), found 2}}
  %0 = onnx.LogSoftmax(%x) {axis = 2 : i64}
      : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @arg_max_axis(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{expected axis in [-2, 2), found -3}}
  %0 = onnx.ArgMax(%x) {axis = -3 : i64}
      : (tensor<2x3xf32>) -> tensor<1x3xi64>
  return
}

// -----

func.func @arg_max_empty(%x: tensor<2x0xf32>) {
  // expected-error@+1 {{expected elements along axis 1, found tensor<2x0xf32>}}
  %0 = onnx.ArgMax(%x) {axis = 1 : i64}
      : (tensor<2x0xf32>) -> tensor<2x1xi64>
  return
}

// -----

func.func @top_k(%x: tensor<2x3xf32>, %k: tensor<2xi64>) {
  // expected-error@+1 {{expected K of one element, found tensor<2xi64>}}
  %0:2 = onnx.TopK(%x, %k)
      : (tensor<2x3xf32>, tensor<2xi64>) -> (tensor<2x?xf32>, tensor<2x?xi64>)
  return
}

// -----

func.func @scatter_nd_tuple(%x: tensor<4x5xf32>, %i: tensor<2x3xi64>, %u: tensor<2xf32>) {
  // expected-error@+1 {{expected index tuples of length 1 to 2, found 3}}
  %0 = onnx.ScatterND(%x, %i, %u)
      : (tensor<4x5xf32>, tensor<2x3xi64>, tensor<2xf32>) -> tensor<4x5xf32>
  return
}

// -----

func.func @scatter_nd_updates(%x: tensor<4x5xf32>, %i: tensor<2x1xi64>, %u: tensor<2x4xf32>) {
  // expected-error@+1 {{expected updates of shape [2, 5], found tensor<2x4xf32>}}
  %0 = onnx.ScatterND(%x, %i, %u)
      : (tensor<4x5xf32>, tensor<2x1xi64>, tensor<2x4xf32>) -> tensor<4x5xf32>
  return
}

// -----

func.func @scatter_elements_rank(%x: tensor<4x5xf32>, %i: tensor<2xi64>, %u: tensor<2xf32>) {
  // expected-error@+1 {{expected data and indices of one rank, found tensor<4x5xf32> and tensor<2xi64>}}
  %0 = onnx.ScatterElements(%x, %i, %u)
      : (tensor<4x5xf32>, tensor<2xi64>, tensor<2xf32>) -> tensor<4x5xf32>
  return
}

// -----

func.func @tensor_scatter_axis(%x: tensor<2x4x8xf32>, %u: tensor<2x1x8xf32>) {
  // expected-error@+1 {{expected an axis that is not the first, found 0}}
  %0 = onnx.TensorScatter(%x, %u) {axis = 0 : i64}
      : (tensor<2x4x8xf32>, tensor<2x1x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @tensor_scatter_long(%x: tensor<2x4x8xf32>, %u: tensor<2x5x8xf32>) {
  // expected-error@+1 {{expected an update of at most 4 steps, found tensor<2x5x8xf32>}}
  %0 = onnx.TensorScatter(%x, %u)
      : (tensor<2x4x8xf32>, tensor<2x5x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @tile(%x: tensor<2x4xf32>, %r: tensor<3xi64>) {
  // expected-error@+1 {{expected repeats of shape [2], found tensor<3xi64>}}
  %0 = onnx.Tile(%x, %r)
      : (tensor<2x4xf32>, tensor<3xi64>) -> tensor<?x?xf32>
  return
}

// -----

func.func @pad(%x: tensor<2x4xf32>, %p: tensor<3xi64>) {
  // expected-error@+1 {{expected 4 pads, found 3}}
  %0 = onnx.Pad(%x, %p)
      : (tensor<2x4xf32>, tensor<3xi64>) -> tensor<?x?xf32>
  return
}

// -----

func.func @trilu(%x: tensor<4xf32>) {
  // expected-error@+1 {{expected input of rank at least 2, found tensor<4xf32>}}
  %0 = onnx.Trilu(%x)
      : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @one_hot(%i: tensor<4xi64>, %d: tensor<i64>, %v: tensor<3xf32>) {
  // expected-error@+1 {{expected values of shape [2], found tensor<3xf32>}}
  %0 = onnx.OneHot(%i, %d, %v)
      : (tensor<4xi64>, tensor<i64>, tensor<3xf32>) -> tensor<4x?xf32>
  return
}

// -----

func.func @compress(%x: tensor<2x4xf32>, %c: tensor<3xi1>) {
  // expected-error@+1 {{expected a condition of at most 2 elements, found 3}}
  %0 = onnx.Compress(%x, %c) {axis = 0 : i64}
      : (tensor<2x4xf32>, tensor<3xi1>) -> tensor<?x4xf32>
  return
}

// -----

func.func @depth_to_space(%x: tensor<1x6x2x2xf32>) {
  // expected-error@+1 {{expected dimension 1 of tensor<1x6x2x2xf32> to be a multiple of 4}}
  %0 = onnx.DepthToSpace(%x) {blocksize = 2 : i64}
      : (tensor<1x6x2x2xf32>) -> tensor<1x?x4x4xf32>
  return
}

// -----

func.func @bit_cast(%x: tensor<4xf32>) {
  // expected-error@+1 {{expected an element type of 32 bits, found i64}}
  %0 = onnx.BitCast(%x) {to = i64}
      : (tensor<4xf32>) -> tensor<4xi64>
  return
}

// -----

func.func @conv_group(%x: tensor<1x4x8xf32>, %w: tensor<2x3x3xf32>) {
  // expected-error@+1 {{expected channels and maps for 1 groups, found tensor<1x4x8xf32> and tensor<2x3x3xf32>}}
  %0 = onnx.Conv(%x, %w)
      : (tensor<1x4x8xf32>, tensor<2x3x3xf32>) -> tensor<1x2x6xf32>
  return
}

// -----

func.func @conv_strides(%x: tensor<1x3x8xf32>, %w: tensor<2x3x3xf32>) {
  // expected-error@+1 {{expected strides of 1 to 2147483647, found 0}}
  %0 = onnx.Conv(%x, %w) {strides = array<i64: 0>}
      : (tensor<1x3x8xf32>, tensor<2x3x3xf32>) -> tensor<1x2x6xf32>
  return
}

// -----

func.func @conv_pads(%x: tensor<1x3x8xf32>, %w: tensor<2x3x3xf32>) {
  // expected-error@+1 {{expected pads to have 2 numbers, found 1}}
  %0 = onnx.Conv(%x, %w) {pads = array<i64: 1>}
      : (tensor<1x3x8xf32>, tensor<2x3x3xf32>) -> tensor<1x2x6xf32>
  return
}

// -----

func.func @conv_fit(%x: tensor<1x3x2xf32>, %w: tensor<2x3x3xf32>) {
  // expected-error@+1 {{expected windows that fit, found 3 elements on 2}}
  %0 = onnx.Conv(%x, %w)
      : (tensor<1x3x2xf32>, tensor<2x3x3xf32>) -> tensor<1x2x?xf32>
  return
}

// -----

func.func @group_norm(%x: tensor<1x4x8xf32>, %w: tensor<4xf32>) {
  // expected-error@+1 {{expected num_groups to divide the channels of tensor<1x4x8xf32>, found 3}}
  %0 = onnx.GroupNormalization(%x, %w, %w) {num_groups = 3 : i64}
      : (tensor<1x4x8xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x4x8xf32>
  return
}

// -----

func.func @einsum_terms(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{expected an equation with 1 terms, found 2}}
  %0 = onnx.Einsum(%x) {equation = "ij,jk->ik"}
      : (tensor<2x3xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @einsum_rank(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{expected a term for 2 dimensions, found 'ijk'}}
  %0 = onnx.Einsum(%x) {equation = "ijk->i"}
      : (tensor<2x3xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @einsum_result(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{expected letters of terms, each once, in the result of the equation, found 'k'}}
  %0 = onnx.Einsum(%x) {equation = "ij->k"}
      : (tensor<2x3xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @einsum_size(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{expected dimensions of one name to be equal, found 3 and 2}}
  %0 = onnx.Einsum(%x, %x) {equation = "ij,jk->ik"}
      : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @quantize_axis(%x: tensor<2x3xf32>, %s: tensor<3xf32>) {
  // expected-error@+1 {{expected axis in [-2, 2), found 2}}
  %0 = onnx.QuantizeLinear(%x, %s) {axis = 2 : i64}
      : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xui8>
  return
}

// -----

func.func @dequantize_block(%x: tensor<2x64xi4>, %s: tensor<2x3xf32>) {
  // expected-error@+1 {{expected the scale of shape [2, 2], found tensor<2x3xf32>}}
  %0 = onnx.DequantizeLinear(%x, %s) {block_size = 32 : i64}
      : (tensor<2x64xi4>, tensor<2x3xf32>) -> tensor<2x64xf32>
  return
}

// -----

func.func @matmul_integer(%x: tensor<2x3xi32>) {
  // expected-error@+1 {{expected integers of 8 bits, found tensor<2x3xi32>}}
  %0 = onnx.MatMulInteger(%x, %x)
      : (tensor<2x3xi32>, tensor<2x3xi32>) -> tensor<2x3xi32>
  return
}

// -----

func.func @linear_attention_heads(%x: tensor<1x4x6xf32>) {
  // expected-error@+1 {{expected q_num_heads to be a positive multiple of kv_num_heads, found 3 and 2}}
  %0:2 = onnx.LinearAttention(%x, %x, %x) {kv_num_heads = 2 : i64, q_num_heads = 3 : i64}
      : (tensor<1x4x6xf32>, tensor<1x4x6xf32>, tensor<1x4x6xf32>) -> (tensor<1x4x9xf32>, tensor<1x2x3x3xf32>)
  return
}

// -----

func.func @ms_rotary_odd(%x: tensor<1x2x4x6xf32>, %i: tensor<1x4xi64>, %c: tensor<9x3xf32>) {
  // expected-error@+1 {{expected an even number of elements to rotate, at most 6 and twice the columns of the tables, found 5 and [9, 3]}}
  %0 = onnx.com.microsoft.RotaryEmbedding(%x, %i, %c, %c) {rotary_embedding_dim = 5 : i64}
      : (tensor<1x2x4x6xf32>, tensor<1x4xi64>, tensor<9x3xf32>, tensor<9x3xf32>) -> tensor<1x2x4x6xf32>
  return
}

// -----

func.func @ms_bits(%x: tensor<1x64xf32>, %w: tensor<8x2x16xui8>, %s: tensor<16xf32>) {
  // expected-error@+1 {{expected 2, 4 or 8 bits, found 3}}
  %0 = onnx.com.microsoft.MatMulNBits(%x, %w, %s) {K = 64 : i64, N = 8 : i64, bits = 3 : i64, block_size = 32 : i64}
      : (tensor<1x64xf32>, tensor<8x2x16xui8>, tensor<16xf32>) -> tensor<1x8xf32>
  return
}

// -----

func.func @ms_block(%x: tensor<1x64xf32>, %w: tensor<8x2x16xui8>, %s: tensor<16xf32>) {
  // expected-error@+1 {{expected a block_size that is a power of two and at least 16, found 24}}
  %0 = onnx.com.microsoft.MatMulNBits(%x, %w, %s) {K = 64 : i64, N = 8 : i64, block_size = 24 : i64}
      : (tensor<1x64xf32>, tensor<8x2x16xui8>, tensor<16xf32>) -> tensor<1x8xf32>
  return
}

// -----

func.func @ms_scales(%x: tensor<1x64xf32>, %w: tensor<8x2x16xui8>, %s: tensor<8xf32>) {
  // expected-error@+1 {{expected scales of 16 elements, found tensor<8xf32>}}
  %0 = onnx.com.microsoft.MatMulNBits(%x, %w, %s) {K = 64 : i64, N = 8 : i64, block_size = 32 : i64}
      : (tensor<1x64xf32>, tensor<8x2x16xui8>, tensor<8xf32>) -> tensor<1x8xf32>
  return
}

// -----

func.func @ms_gqa_heads(%x: tensor<1x?x64xf32>, %n: tensor<1xi32>, %t: tensor<i32>) {
  // expected-error@+1 {{expected num_heads to be a positive multiple of kv_num_heads, found 4 and 3}}
  %0 = onnx.com.microsoft.GroupQueryAttention(%x) seqlens_k(%n) total_sequence_length(%t) {kv_num_heads = 3 : i64, num_heads = 4 : i64}
      : (tensor<1x?x64xf32>, tensor<1xi32>, tensor<i32>) -> tensor<1x?x64xf32>
  return
}

// -----

func.func @ms_skip(%x: tensor<1x?x64xf32>, %g: tensor<32xf32>) {
  // expected-error@+1 {{expected operands after skip of shape [64], found tensor<32xf32>}}
  %0 = onnx.com.microsoft.SkipLayerNormalization(%x, %x, %g)
      : (tensor<1x?x64xf32>, tensor<1x?x64xf32>, tensor<32xf32>) -> tensor<1x?x64xf32>
  return
}

// -----

func.func @ms_moe(%x: tensor<?x8xf32>, %p: tensor<?x2xf32>, %a: tensor<2x16x8xf32>, %b: tensor<3x8x16xf32>) {
  // expected-error@+1 {{expected weights of experts that go together, found shapes [2, 16, 8] and [3, 8, 16] for 8 columns and 2 experts}}
  %0 = onnx.com.microsoft.MoE(%x, %p, %a) fc2(%b)
      : (tensor<?x8xf32>, tensor<?x2xf32>, tensor<2x16x8xf32>, tensor<3x8x16xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @if_count(%c: tensor<i1>, %a: tensor<4xf32>) {
  // expected-error@+1 {{expected else_branch to yield 1 values, found 0}}
  %y = onnx.If(%c) then {
    onnx.Yield(%a) : (tensor<4xf32>) -> ()
  } else {
    onnx.Yield() : () -> ()
  } : (tensor<i1>) -> tensor<4xf32>
  return
}

// -----

func.func @if_element(%c: tensor<i1>, %a: tensor<4xf32>, %b: tensor<4xi64>) {
  // expected-error@+1 {{expected branches to yield the same element types, found tensor<4xf32> and tensor<4xi64> as value 0}}
  %y = onnx.If(%c) then {
    onnx.Yield(%a) : (tensor<4xf32>) -> ()
  } else {
    onnx.Yield(%b) : (tensor<4xi64>) -> ()
  } : (tensor<i1>) -> tensor<4xf32>
  return
}

// -----

func.func @loop_shape(%n: tensor<i64>, %x: tensor<4xf32>) {
  // expected-error@+1 {{expected carried value 0 to keep its type, found tensor<4xf32> and tensor<8xf32>}}
  %y = onnx.Loop(%x) max(%n) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %v: tensor<4xf32>):
    %w = onnx.Concat(%v, %v) {axis = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
    onnx.Yield(%go, %w) : (tensor<i1>, tensor<8xf32>) -> ()
  } : (tensor<i64>, tensor<4xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @scan_inputs(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{expected num_scan_inputs of 1 to 1, found 2}}
  %y = onnx.Scan(%x) {
  ^bb0(%a: tensor<8xf32>):
    onnx.Yield(%a) : (tensor<8xf32>) -> ()
  } {num_scan_inputs = 2 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}
