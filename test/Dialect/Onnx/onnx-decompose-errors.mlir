// RUN: dejavu-opt %s --onnx-decompose --split-input-file --verify-diagnostics

func.func @beams(%q: tensor<1x?x64xf32>, %i: tensor<1x2x3xi32>) -> tensor<1x?x64xf32> {
  // expected-error @below {{beam search and shared buffers are not supported}}
  %y = onnx.com.microsoft.MultiHeadAttention(%q) key(%q) value(%q) cache_indirection(%i) {num_heads = 4 : i64}
      : (tensor<1x?x64xf32>, tensor<1x?x64xf32>, tensor<1x?x64xf32>, tensor<1x2x3xi32>) -> tensor<1x?x64xf32>
  return %y : tensor<1x?x64xf32>
}

// -----

func.func @rotary(%x: tensor<1x?x64xf32>, %w: tensor<64x192xf32>) -> tensor<1x?x64xf32> {
  // expected-error @below {{do_rotary is not supported}}
  %y = onnx.com.microsoft.Attention(%x, %w) {num_heads = 4 : i64, do_rotary = 1 : i64}
      : (tensor<1x?x64xf32>, tensor<64x192xf32>) -> tensor<1x?x64xf32>
  return %y : tensor<1x?x64xf32>
}

// -----

func.func @mixer(%x: tensor<?x8xf32>, %p: tensor<?x2xf32>, %a: tensor<2x16x8xf32>, %b: tensor<2x8x16xf32>) -> tensor<?x8xf32> {
  // expected-error @below {{the sparse mixer is not supported}}
  %y = onnx.com.microsoft.MoE(%x, %p, %a) fc2(%b) {k = 1 : i64, use_sparse_mixer = 1 : i64}
      : (tensor<?x8xf32>, tensor<?x2xf32>, tensor<2x16x8xf32>, tensor<2x8x16xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
