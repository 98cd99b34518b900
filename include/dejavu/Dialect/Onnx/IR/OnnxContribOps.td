//===- OnnxContribOps.td - operators of com.microsoft ------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators that ONNX Runtime's own domain has and that exporters for it
// write. Their names hold the domain, so that an op is never taken for one of
// ONNX that has the same name.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXCONTRIBOPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXCONTRIBOPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxBase.td"

//===----------------------------------------------------------------------===//
// Activations and norms
//===----------------------------------------------------------------------===//

def Onnx_MsGeluOp : Onnx_UnaryOp<"com.microsoft.Gelu", Onnx_FloatTensor> {
  let summary = "Gaussian error linear unit, of ONNX Runtime";
  let description = [{
    `Y = X / 2 * (1 + erf(X / sqrt(2)))`.
  }];
}

def Onnx_MsFastGeluOp : Onnx_Op<"com.microsoft.FastGelu"> {
  let summary = "Gaussian error linear unit by tanh, with a bias";
  let description = [{
    `Y = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))` with `x = X +
    bias`.

    Constraints:
    * (C1) `bias` has rank 1 and the length of the last dimension of `X`.

    Example:

    ```mlir
    %y = onnx.com.microsoft.FastGelu(%x, %b) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Optional<Onnx_FloatTensor>:$bias);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_MsQuickGeluOp : Onnx_Op<"com.microsoft.QuickGelu"> {
  let summary = "input times a logistic function of it";
  let description = [{
    `Y = X * sigmoid(alpha * X)`.

    Example:

    ```mlir
    %y = onnx.com.microsoft.QuickGelu(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_DefaultFloat<"1.702">:$alpha);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_MsBiasGeluOp : Onnx_Op<"com.microsoft.BiasGelu"> {
  let summary = "Gaussian error linear unit of a sum";
  let description = [{
    `C = Gelu(A + B)`, in the form with erf.

    Constraints:
    * (C1) `B` has rank 1 and the length of the last dimension of `A`.

    Example:

    ```mlir
    %y = onnx.com.microsoft.BiasGelu(%x, %b) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$A, Onnx_FloatTensor:$B);
  let results = (outs Onnx_FloatTensor:$C);
}

def Onnx_MsSkipLayerNormalizationOp
    : Onnx_Op<"com.microsoft.SkipLayerNormalization", [AttrSizedOperandSegments]> {
  let summary = "layer normalisation of a sum";
  let description = [{
    `output = LayerNormalization(input + skip + bias) * gamma + beta` over the
    last dimension. Results after `output`: `mean`, `inv_std_var`,
    `input_skip_bias_sum` (what is normalised), as many as the node names.

    Constraints:
    * (C1) `input` has rank 2 or 3, and `skip` broadcasts to it.
    * (C2) `gamma`, `beta` and `bias` have rank 1 and the length of the last
      dimension.

    Example:

    ```mlir
    %y = onnx.com.microsoft.SkipLayerNormalization(%x, %s, %gamma) beta(%beta)
        : (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_FloatTensor:$skip,
                       Onnx_FloatTensor:$gamma,
                       Optional<Onnx_FloatTensor>:$beta,
                       Optional<Onnx_FloatTensor>:$bias,
                       Onnx_DefaultFloat<"1.0e-12">:$epsilon);
  let results = (outs Onnx_FloatTensor:$output,
                      Variadic<Onnx_FloatTensor>:$rest);
  let assemblyFormat = [{
    `(` $input `,` $skip `,` $gamma `)` (`beta` `(` $beta^ `)`)?
    (`bias` `(` $bias^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
}

def Onnx_MsSkipSimplifiedLayerNormalizationOp
    : Onnx_Op<"com.microsoft.SkipSimplifiedLayerNormalization"> {
  let summary = "normalisation of a sum by the root of its mean square";
  let description = [{
    `output = RMSNormalization(input + skip + bias) * gamma` over the last
    dimension. Results after `output` as those of SkipLayerNormalization.

    Constraints:
    * (C1) `input` has rank 2 or 3, and `skip` broadcasts to it.
    * (C2) `gamma` and `bias` have rank 1 and the length of the last dimension.

    Example:

    ```mlir
    %y = onnx.com.microsoft.SkipSimplifiedLayerNormalization(%x, %s, %gamma)
        : (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_FloatTensor:$skip,
                       Onnx_FloatTensor:$gamma,
                       Optional<Onnx_FloatTensor>:$bias,
                       Onnx_DefaultFloat<"1.0e-12">:$epsilon);
  let results = (outs Onnx_FloatTensor:$output,
                      Variadic<Onnx_FloatTensor>:$rest);
}

def Onnx_MsEmbedLayerNormalizationOp
    : Onnx_Op<"com.microsoft.EmbedLayerNormalization", [AttrSizedOperandSegments]> {
  let summary = "sum of embeddings, normalised";
  let description = [{
    `output` is the layer normalisation, with `gamma` and `beta`, of the sum of
    the rows of `word_embedding` at `input_ids`, of `position_embedding` at
    `position_ids` (0, 1, ... if absent) and, if given, of `segment_embedding`
    at `segment_ids`. Results after `output`: `mask_index`, for each batch
    entry the number of its `mask`'s ones (0 without a mask), and
    `embedding_sum`, as many as the node names.

    Constraints:
    * (C1) ids and `mask` are [batch, steps]; `position_ids` may have a batch
      of 1.
    * (C2) tables have rank 2 and equal columns, as many as `gamma` and `beta`
      have elements.
    * (C3) `segment_ids` and `segment_embedding` come together.
    * (C4) `mask_index_type` is 0 or 1.

    Example:

    ```mlir
    %y, %m = onnx.com.microsoft.EmbedLayerNormalization(%ids) word(%w) position(%p) gamma(%g) beta(%b)
        : (tensor<?x?xi32>, tensor<99x64xf32>, tensor<32x64xf32>, tensor<64xf32>, tensor<64xf32>)
        -> (tensor<?x?x64xf32>, tensor<?xi32>)
    ```
  }];
  let arguments = (ins Onnx_IndexTensor:$input_ids,
                       Optional<Onnx_IndexTensor>:$segment_ids,
                       Onnx_FloatTensor:$word_embedding,
                       Onnx_FloatTensor:$position_embedding,
                       Optional<Onnx_FloatTensor>:$segment_embedding,
                       Onnx_FloatTensor:$gamma, Onnx_FloatTensor:$beta,
                       Optional<Onnx_IndexTensor>:$mask,
                       Optional<Onnx_IndexTensor>:$position_ids,
                       Onnx_DefaultFloat<"1.0e-12">:$epsilon,
                       Onnx_DefaultInt<"0">:$mask_index_type);
  let results = (outs Onnx_FloatTensor:$output, Variadic<Onnx_Tensor>:$rest);
  let assemblyFormat = [{
    `(` $input_ids `)` (`segment_ids` `(` $segment_ids^ `)`)?
    `word` `(` $word_embedding `)` `position` `(` $position_embedding `)`
    (`segment_embedding` `(` $segment_embedding^ `)`)? `gamma` `(` $gamma `)`
    `beta` `(` $beta `)` (`mask` `(` $mask^ `)`)?
    (`position_ids` `(` $position_ids^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Onnx_MsRotaryEmbeddingOp : Onnx_Op<"com.microsoft.RotaryEmbedding"> {
  let summary = "rotary position embedding, of ONNX Runtime";
  let description = [{
    As RotaryEmbedding of ONNX with tables of positions. `position_ids` is
    [batch, steps], or has one element: the position of the first step. `input`
    is [batch, steps, heads * head size] or [batch, heads, steps, head size].
    `num_heads` is needed only if `rotary_embedding_dim` is given for rank 3:
    else a head has twice the columns of `cos_cache`. `scale` other than 1 and
    packed batches are refused.

    Constraints:
    * (C1) the caches have rank 2 and the same shape.
    * (C2) twice their columns, or `rotary_embedding_dim`, is even and not more
      than a head has.

    Example:

    ```mlir
    %y = onnx.com.microsoft.RotaryEmbedding(%x, %ids, %cos, %sin)
        : (tensor<?x?x64xf32>, tensor<?x?xi64>, tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_I64Tensor:$position_ids,
                       Onnx_FloatTensor:$cos_cache, Onnx_FloatTensor:$sin_cache,
                       Onnx_Flag<"0">:$interleaved,
                       Onnx_DefaultInt<"0">:$num_heads,
                       Onnx_DefaultInt<"0">:$rotary_embedding_dim);
  let results = (outs Onnx_FloatTensor:$output);
}

def Onnx_MsAttentionOp
    : Onnx_Op<"com.microsoft.Attention", [AttrSizedOperandSegments]> {
  let summary = "self-attention with its projection";
  let description = [{
    `weights` and `bias` project `input`, [batch, steps, columns], to queries,
    keys and values side by side, whose sizes `qkv_hidden_sizes` may name (else
    thirds). Softmax of `scale` (1 / sqrt(head size) if absent) times the
    products of queries and keys, plus `attention_bias`, weighs the values of
    each of `num_heads` heads.

    `mask_index` is [batch, total] or [batch, steps, total] with 1 for what is
    seen; [batch], the number of keys at the start that are seen; or [2 *
    batch], that number and the first key that is seen. What it hides gets
    `mask_filter_value` added (-10000 if absent). `unidirectional` 1 hides
    later keys. `past` is [2, batch, heads, steps, head size], keys and values,
    put before the new ones. `do_rotary` rotates queries and keys, and only 0
    is supported. Results after `output`: `present`, in the form of `past`, if
    the node names it.

    Constraints:
    * (C1) `input` has rank 3, `weights` rank 2, `bias` rank 1, and they go
      together.
    * (C2) `num_heads` is positive and divides each of the sizes; queries and
      keys have one size.

    Example:

    ```mlir
    %y = onnx.com.microsoft.Attention(%x, %w) bias(%b) {num_heads = 4 : i64}
        : (tensor<?x?x64xf32>, tensor<64x192xf32>, tensor<192xf32>) -> tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_FloatTensor:$weights,
                       Optional<Onnx_FloatTensor>:$bias,
                       Optional<Onnx_I32Tensor>:$mask_index,
                       Optional<Onnx_FloatTensor>:$past,
                       Optional<Onnx_FloatTensor>:$attention_bias,
                       Optional<Onnx_I32Tensor>:$past_sequence_length,
                       Onnx_Flag<"0">:$do_rotary,
                       OptionalAttr<F32Attr>:$mask_filter_value,
                       Onnx_Int:$num_heads,
                       Onnx_Flag<"0">:$past_present_share_buffer,
                       OptionalAttr<DenseI64ArrayAttr>:$qkv_hidden_sizes,
                       Onnx_DefaultInt<"0">:$rotary_embedding_dim,
                       OptionalAttr<F32Attr>:$scale,
                       Onnx_Flag<"0">:$unidirectional);
  let results = (outs Onnx_FloatTensor:$output,
                      Variadic<Onnx_FloatTensor>:$rest);
  let assemblyFormat = [{
    `(` $input `,` $weights `)` (`bias` `(` $bias^ `)`)?
    (`mask` `(` $mask_index^ `)`)? (`past` `(` $past^ `)`)?
    (`attention_bias` `(` $attention_bias^ `)`)?
    (`past_sequence_length` `(` $past_sequence_length^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

def Onnx_MsMultiHeadAttentionOp
    : Onnx_Op<"com.microsoft.MultiHeadAttention", [AttrSizedOperandSegments]> {
  let summary = "attention of projected tensors";
  let description = [{
    `query` is [batch, steps, columns]; `key` and `value` are [batch, keys,
    columns] or, as caches of a cross-attention, [batch, heads, keys, head
    size]. Without them `query` is packed, [batch, steps, heads, 3, head size];
    without `value`, `key` holds both as [batch, keys, heads, 2, head size].
    `bias` is added to the three side by side. `key_padding_mask` has 1 for
    what is seen, as `mask_index` of Attention, and what it hides gets
    `mask_filter_value` (-10000 if absent). `attention_bias` is added to the
    scaled products. `past_key` and `past_value`, [batch, heads, steps, head
    size], are put before keys and values. `unidirectional` 1 hides later keys.
    Results after `output`: `present_key`, `present_value`, `qk`, as many as
    the node names.

    Constraints:
    * (C1) `num_heads` is positive and divides the columns of all three.
    * (C2) queries and keys have one head size; `past_key` and `past_value`
      come together.
    * (C3) `cache_indirection`, for beam search, is refused.

    Example:

    ```mlir
    %y = onnx.com.microsoft.MultiHeadAttention(%q) key(%k) value(%v) {num_heads = 4 : i64}
        : (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$query, Optional<Onnx_FloatTensor>:$key,
                       Optional<Onnx_FloatTensor>:$value,
                       Optional<Onnx_FloatTensor>:$bias,
                       Optional<Onnx_I32Tensor>:$key_padding_mask,
                       Optional<Onnx_FloatTensor>:$attention_bias,
                       Optional<Onnx_FloatTensor>:$past_key,
                       Optional<Onnx_FloatTensor>:$past_value,
                       Optional<Onnx_I32Tensor>:$past_sequence_length,
                       Optional<Onnx_I32Tensor>:$cache_indirection,
                       OptionalAttr<F32Attr>:$mask_filter_value,
                       Onnx_Int:$num_heads, OptionalAttr<F32Attr>:$scale,
                       Onnx_Flag<"0">:$unidirectional);
  let results = (outs Onnx_FloatTensor:$output,
                      Variadic<Onnx_FloatTensor>:$rest);
  let assemblyFormat = [{
    `(` $query `)` (`key` `(` $key^ `)`)? (`value` `(` $value^ `)`)?
    (`bias` `(` $bias^ `)`)? (`mask` `(` $key_padding_mask^ `)`)?
    (`attention_bias` `(` $attention_bias^ `)`)?
    (`past_key` `(` $past_key^ `)`)? (`past_value` `(` $past_value^ `)`)?
    (`past_sequence_length` `(` $past_sequence_length^ `)`)?
    (`cache_indirection` `(` $cache_indirection^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

def Onnx_MsGroupQueryAttentionOp
    : Onnx_Op<"com.microsoft.GroupQueryAttention", [AttrSizedOperandSegments]> {
  let summary = "causal attention with a cache and fewer heads of keys";
  let description = [{
    `query` is [batch, steps, num_heads * head size], `key` and `value` are
    [batch, steps, kv_num_heads * head size]; without them `query` holds all
    three side by side. If `do_rotary` is 1, queries and keys are first rotated
    by the tables `cos_cache` and `sin_cache` at their positions. They are put
    after the steps of `past_key` and `past_value`, [batch, kv_num_heads,
    steps, head size]; `seqlens_k` holds for each batch entry the number of
    keys that are valid then, less 1, and `total_sequence_length` the largest
    such number. A query sees the keys up to its own and, if
    `local_window_size` is not -1, no more than that many. `softcap`,
    `attention_bias` and `head_sink` (a further term of each head's softmax
    denominator) are applied if given; `smooth_softmax` 1 means sinks of 0.
    `q_norm_weight` and `k_norm_weight` are those of RMS norms of the heads
    before rotation. Results after `output`: `present_key`, `present_value`,
    `output_qk`, as many as the node names.

    Constraints:
    * (C1) `num_heads` is a positive multiple of `kv_num_heads`, which is
      positive, and both divide the columns.
    * (C2) `key` and `value`, `past_key` and `past_value`, `cos_cache` and
      `sin_cache` come together, and `do_rotary` needs the latter.
    * (C3) quantised caches are refused.

    Example:

    ```mlir
    %y, %pk, %pv = onnx.com.microsoft.GroupQueryAttention(%q) key(%k) value(%v) past_key(%a) past_value(%b)
          seqlens_k(%n) total_sequence_length(%t) {kv_num_heads = 2 : i64, num_heads = 4 : i64}
        : (tensor<1x?x64xf32>, tensor<1x?x32xf32>, tensor<1x?x32xf32>, tensor<1x2x?x16xf32>, tensor<1x2x?x16xf32>,
           tensor<1xi32>, tensor<i32>) -> (tensor<1x?x64xf32>, tensor<1x2x?x16xf32>, tensor<1x2x?x16xf32>)
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$query, Optional<Onnx_FloatTensor>:$key,
                       Optional<Onnx_FloatTensor>:$value,
                       Optional<Onnx_FloatTensor>:$past_key,
                       Optional<Onnx_FloatTensor>:$past_value,
                       Onnx_I32Tensor:$seqlens_k,
                       Onnx_I32Tensor:$total_sequence_length,
                       Optional<Onnx_FloatTensor>:$cos_cache,
                       Optional<Onnx_FloatTensor>:$sin_cache,
                       Optional<Onnx_I64Tensor>:$position_ids,
                       Optional<Onnx_FloatTensor>:$attention_bias,
                       Optional<Onnx_FloatTensor>:$head_sink,
                       Optional<Onnx_FloatTensor>:$k_scale,
                       Optional<Onnx_FloatTensor>:$v_scale,
                       Optional<Onnx_FloatTensor>:$q_norm_weight,
                       Optional<Onnx_FloatTensor>:$k_norm_weight,
                       Optional<Onnx_I32Tensor>:$query_seqlens,
                       Onnx_Flag<"1">:$causal, Onnx_Flag<"0">:$do_rotary,
                       OptionalAttr<F32Attr>:$k_norm_epsilon,
                       Onnx_Int:$kv_num_heads,
                       Onnx_DefaultInt<"-1">:$local_window_size,
                       Onnx_Int:$num_heads,
                       OptionalAttr<F32Attr>:$q_norm_epsilon,
                       Onnx_DefaultFloat<"1.0e-6">:$qk_norm_epsilon,
                       Onnx_DefaultInt<"0">:$qk_output,
                       Onnx_Flag<"0">:$rotary_interleaved,
                       OptionalAttr<F32Attr>:$scale,
                       Onnx_DefaultInt<"-1">:$smooth_softmax,
                       Onnx_DefaultFloat<"0.0">:$softcap);
  let results = (outs Onnx_FloatTensor:$output,
                      Variadic<Onnx_FloatTensor>:$rest);
  let assemblyFormat = [{
    `(` $query `)` (`key` `(` $key^ `)`)? (`value` `(` $value^ `)`)?
    (`past_key` `(` $past_key^ `)`)? (`past_value` `(` $past_value^ `)`)?
    `seqlens_k` `(` $seqlens_k `)`
    `total_sequence_length` `(` $total_sequence_length `)`
    (`cos_cache` `(` $cos_cache^ `)`)? (`sin_cache` `(` $sin_cache^ `)`)?
    (`position_ids` `(` $position_ids^ `)`)?
    (`attention_bias` `(` $attention_bias^ `)`)?
    (`head_sink` `(` $head_sink^ `)`)? (`k_scale` `(` $k_scale^ `)`)?
    (`v_scale` `(` $v_scale^ `)`)? (`q_norm_weight` `(` $q_norm_weight^ `)`)?
    (`k_norm_weight` `(` $k_norm_weight^ `)`)?
    (`query_seqlens` `(` $query_seqlens^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Matrix products
//===----------------------------------------------------------------------===//

def Onnx_MsFusedMatMulOp : Onnx_Op<"com.microsoft.FusedMatMul"> {
  let summary = "matrix product with transposes and a factor";
  let description = [{
    `Y = alpha * A' * B'`, where `A'` is `A`, its transpose in the last two
    dimensions if `transA` is 1, and, if `transBatchA` is 1, with its first
    dimension moved in front of the last; `B'` likewise.

    Constraints: those of MatMul.

    Example:

    ```mlir
    %y = onnx.com.microsoft.FusedMatMul(%a, %b) {alpha = 0.5 : f32, transB = 1 : i64}
        : (tensor<?x4x8xf32>, tensor<?x4x8xf32>) -> tensor<?x4x4xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$A, Onnx_FloatTensor:$B,
                       Onnx_DefaultFloat<"1.0">:$alpha, Onnx_Flag<"0">:$transA,
                       Onnx_Flag<"0">:$transB, Onnx_Flag<"0">:$transBatchA,
                       Onnx_Flag<"0">:$transBatchB);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_MsMatMulNBitsOp
    : Onnx_Op<"com.microsoft.MatMulNBits", [AttrSizedOperandSegments]> {
  let summary = "matrix product with quantised weights";
  let description = [{
    `Y = A * B' + bias`, where `B'` is [K, N]: row n of `B`, [N, blocks,
    block_size * bits / 8], holds column n in blocks of `block_size` numbers of
    `bits` bits, the lowest bits of a byte first, and each number stands for
    `(number - zero point) * scale` of its block. `scales` has N * blocks
    elements. `zero_points` are packed like the weights, row by row, or of the
    type of `A`, and 2^(bits - 1) if absent. `g_idx` says for each of the K
    rows which block's scale it has. `accuracy_level` is a hint.

    Constraints:
    * (C1) `K` and `N` are positive, and the last dimension of `A` is `K`.
    * (C2) `bits` is 2, 4 or 8, and `block_size` a power of two and at least 16.
    * (C3) `B`, `scales`, `zero_points`, `g_idx` and `bias` have the number of
      elements that follows.

    Example:

    ```mlir
    %y = onnx.com.microsoft.MatMulNBits(%a, %b, %scales) {K = 64 : i64, N = 8 : i64, bits = 4 : i64, block_size = 32 : i64}
        : (tensor<?x64xf32>, tensor<8x2x16xui8>, tensor<16xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$A, Onnx_Tensor:$B,
                       Onnx_FloatTensor:$scales,
                       Optional<Onnx_Tensor>:$zero_points,
                       Optional<Onnx_I32Tensor>:$g_idx,
                       Optional<Onnx_FloatTensor>:$bias, Onnx_Int:$K,
                       Onnx_Int:$N, Onnx_DefaultInt<"0">:$accuracy_level,
                       Onnx_DefaultInt<"4">:$bits, Onnx_Int:$block_size,
                       Onnx_DefaultInt<"0">:$weight_prepacked);
  let results = (outs Onnx_FloatTensor:$Y);
  let assemblyFormat = [{
    `(` $A `,` $B `,` $scales `)` (`zero_points` `(` $zero_points^ `)`)?
    (`g_idx` `(` $g_idx^ `)`)? (`bias` `(` $bias^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

def Onnx_MsGatherBlockQuantizedOp
    : Onnx_Op<"com.microsoft.GatherBlockQuantized"> {
  let summary = "rows of a quantised table as numbers";
  let description = [{
    Gather along `gather_axis` from `data`, whose numbers are quantised in
    blocks of `block_size` along `quantize_axis`: each stands for `(number -
    zero point) * scale` of its block. Where `data` is ui8 and `bits` is less
    than 8, bytes hold several numbers along the last dimension, the lowest
    bits first, and `zero_points` likewise; those are 2^(bits - 1) for ui8 and
    0 for others, if absent.

    Constraints:
    * (C1) both axes lie in [-rank, rank) and differ.
    * (C2) `bits` is 2, 4 or 8, `block_size` a power of two and at least 16.
    * (C3) `scales` has the shape of the numbers, `quantize_axis` being divided
      by `block_size` and rounded up.

    Example:

    ```mlir
    %y = onnx.com.microsoft.GatherBlockQuantized(%table, %ids, %scales) {block_size = 32 : i64}
        : (tensor<99x64xui4>, tensor<?x?xi64>, tensor<99x2xf32>) -> tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_QuantTensor:$data, Onnx_IndexTensor:$indices,
                       Onnx_FloatTensor:$scales,
                       Optional<Onnx_QuantTensor>:$zero_points,
                       Onnx_DefaultInt<"4">:$bits,
                       Onnx_DefaultInt<"128">:$block_size,
                       Onnx_DefaultInt<"0">:$gather_axis,
                       Onnx_DefaultInt<"1">:$quantize_axis);
  let results = (outs Onnx_FloatTensor:$output);
}

//===----------------------------------------------------------------------===//
// Mixtures of experts
//===----------------------------------------------------------------------===//

def Onnx_MoeActivationRelu : I32EnumAttrCase<"Relu", 0, "relu">;
def Onnx_MoeActivationGelu : I32EnumAttrCase<"Gelu", 1, "gelu">;
def Onnx_MoeActivationSilu : I32EnumAttrCase<"Silu", 2, "silu">;
def Onnx_MoeActivationSwiGLU : I32EnumAttrCase<"SwiGLU", 3, "swiglu">;
def Onnx_MoeActivationIdentity : I32EnumAttrCase<"Identity", 4, "identity">;
def Onnx_MoeActivation : I32EnumAttr<"MoeActivation",
    "the activation of experts", [
  Onnx_MoeActivationRelu, Onnx_MoeActivationGelu, Onnx_MoeActivationSilu,
  Onnx_MoeActivationSwiGLU, Onnx_MoeActivationIdentity]> {
  let cppNamespace = "::mlir::onnx";
  let genSpecializedAttr = 0;
}
def Onnx_MoeActivationAttr : EnumAttr<OnnxDialect, Onnx_MoeActivation,
                               "moe_activation"> {
  let assemblyFormat = "`<` $value `>`";
}

def Onnx_MsMoEOp : Onnx_Op<"com.microsoft.MoE", [AttrSizedOperandSegments]> {
  let summary = "mixture of experts";
  let description = [{
    Each row of `input` goes through the `k` experts with the largest
    `router_probs`, and their results are summed, weighted by the softmax of
    these numbers (over all experts or, if `normalize_routing_weights` is 1,
    divided by the sum of the chosen). An expert is `fc2(activation(fc1(x)))`
    or, with `fc3_experts_weights`, `fc2(activation(fc1(x)) * fc3(x))`; weights
    are [experts, columns out, columns in]. With activation `swiglu` fc1 is
    twice as wide and holds gate and input: `swiglu_fusion` 1 means
    interleaved, 2 side by side, and the gate is `g * sigmoid(activation_alpha
    * g)`, the input has `activation_beta` added, both limited by
    `swiglu_limit`.

    Constraints:
    * (C1) `router_probs` is [rows, experts], and `k` is positive and at most
      the number of experts.
    * (C2) weights have rank 3 and go together, biases are [experts, columns
      out].
    * (C3) the sparse mixer is refused.

    Example:

    ```mlir
    %y = onnx.com.microsoft.MoE(%x, %p, %w1) fc2(%w2) {activation_type = #onnx.moe_activation<silu>, k = 2 : i64}
        : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<4x128x64xf32>, tensor<4x64x128xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_FloatTensor:$router_probs,
                       Onnx_FloatTensor:$fc1_experts_weights,
                       Optional<Onnx_FloatTensor>:$fc1_experts_bias,
                       Onnx_FloatTensor:$fc2_experts_weights,
                       Optional<Onnx_FloatTensor>:$fc2_experts_bias,
                       Optional<Onnx_FloatTensor>:$fc3_experts_weights,
                       Optional<Onnx_FloatTensor>:$fc3_experts_bias,
                       Onnx_DefaultFloat<"1.0">:$activation_alpha,
                       Onnx_DefaultFloat<"0.0">:$activation_beta,
                       DefaultValuedAttr<Onnx_MoeActivationAttr,
                         "::mlir::onnx::MoeActivation::Relu">:$activation_type,
                       Onnx_DefaultInt<"1">:$k,
                       Onnx_Flag<"0">:$normalize_routing_weights,
                       Onnx_DefaultInt<"0">:$swiglu_fusion,
                       OptionalAttr<F32Attr>:$swiglu_limit,
                       Onnx_Flag<"0">:$swiglu_limit_after_activation,
                       Onnx_Flag<"0">:$use_sparse_mixer);
  let results = (outs Onnx_FloatTensor:$output);
  let assemblyFormat = [{
    `(` $input `,` $router_probs `,` $fc1_experts_weights `)`
    (`fc1_bias` `(` $fc1_experts_bias^ `)`)? `fc2` `(` $fc2_experts_weights `)`
    (`fc2_bias` `(` $fc2_experts_bias^ `)`)?
    (`fc3` `(` $fc3_experts_weights^ `)`)?
    (`fc3_bias` `(` $fc3_experts_bias^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

def Onnx_MsQMoEOp : Onnx_Op<"com.microsoft.QMoE", [AttrSizedOperandSegments]> {
  let summary = "mixture of experts with quantised weights";
  let description = [{
    As MoE, with weights of `expert_weight_bits` bits packed in ui8 along the
    columns in, the lowest bits first. Scales are [experts, columns out], or
    [experts, columns out, blocks] if `block_size` is given, and zero points
    are packed like the weights along the last dimension of the scales; 2^(bits
    - 1) if absent. `router_weights`, if given, are the weights of the sum
    instead of those that `router_probs` give.

    Constraints: those of MoE.
    * (C1) `expert_weight_bits` is 2, 4 or 8; `block_size` is 0 or a power of
      two and at least 16.

    Example:

    ```mlir
    %y = onnx.com.microsoft.QMoE(%x, %p, %w1) fc1_scales(%s1) fc2(%w2) fc2_scales(%s2)
          {activation_type = #onnx.moe_activation<silu>, k = 2 : i64}
        : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<4x128x32xui8>, tensor<4x128xf32>, tensor<4x64x64xui8>, tensor<4x64xf32>)
        -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_FloatTensor:$router_probs,
                       Onnx_Tensor:$fc1_experts_weights,
                       Optional<Onnx_FloatTensor>:$fc1_scales,
                       Optional<Onnx_FloatTensor>:$fc1_experts_bias,
                       Onnx_Tensor:$fc2_experts_weights,
                       Optional<Onnx_FloatTensor>:$fc2_scales,
                       Optional<Onnx_FloatTensor>:$fc2_experts_bias,
                       Optional<Onnx_Tensor>:$fc3_experts_weights,
                       Optional<Onnx_FloatTensor>:$fc3_scales,
                       Optional<Onnx_FloatTensor>:$fc3_experts_bias,
                       Optional<Onnx_Tensor>:$fc1_zero_points,
                       Optional<Onnx_Tensor>:$fc2_zero_points,
                       Optional<Onnx_Tensor>:$fc3_zero_points,
                       Optional<Onnx_FloatTensor>:$router_weights,
                       Onnx_DefaultInt<"0">:$accuracy_level,
                       Onnx_DefaultFloat<"1.0">:$activation_alpha,
                       Onnx_DefaultFloat<"0.0">:$activation_beta,
                       DefaultValuedAttr<Onnx_MoeActivationAttr,
                         "::mlir::onnx::MoeActivation::Relu">:$activation_type,
                       Onnx_DefaultInt<"0">:$block_size,
                       Onnx_DefaultInt<"4">:$expert_weight_bits,
                       Onnx_DefaultInt<"1">:$k,
                       Onnx_Flag<"0">:$normalize_routing_weights,
                       Onnx_DefaultInt<"0">:$swiglu_fusion,
                       OptionalAttr<F32Attr>:$swiglu_limit,
                       Onnx_Flag<"0">:$swiglu_limit_after_activation,
                       Onnx_Flag<"0">:$use_sparse_mixer);
  let results = (outs Onnx_FloatTensor:$output);
  let assemblyFormat = [{
    `(` $input `,` $router_probs `,` $fc1_experts_weights `)`
    (`fc1_scales` `(` $fc1_scales^ `)`)?
    (`fc1_bias` `(` $fc1_experts_bias^ `)`)? `fc2` `(` $fc2_experts_weights `)`
    (`fc2_scales` `(` $fc2_scales^ `)`)?
    (`fc2_bias` `(` $fc2_experts_bias^ `)`)?
    (`fc3` `(` $fc3_experts_weights^ `)`)? (`fc3_scales` `(` $fc3_scales^ `)`)?
    (`fc3_bias` `(` $fc3_experts_bias^ `)`)?
    (`fc1_zero_points` `(` $fc1_zero_points^ `)`)?
    (`fc2_zero_points` `(` $fc2_zero_points^ `)`)?
    (`fc3_zero_points` `(` $fc3_zero_points^ `)`)?
    (`router_weights` `(` $router_weights^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXCONTRIBOPS_TD
