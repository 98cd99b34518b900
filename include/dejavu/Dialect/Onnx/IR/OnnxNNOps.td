//===- OnnxNNOps.td - matrix products, norms, activations ------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXNNOPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXNNOPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxBase.td"

//===----------------------------------------------------------------------===//
// Matrix products
//===----------------------------------------------------------------------===//

def Onnx_MatMulOp : Onnx_Op<"MatMul"> {
  let summary = "matrix product over the last two dimensions";
  let description = [{
    As `numpy.matmul`: the leading dimensions broadcast, a vector on the left
    is a row and one on the right a column. Meaning of opset 13.

    Constraints:
    * (C1) neither operand is a scalar.
    * (C2) the inner dimensions are equal.

    Example:

    ```mlir
    %y = onnx.MatMul(%a, %b)
        : (tensor<?x?x64xf32>, tensor<64x8xf32>) -> tensor<?x?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$A, Onnx_NumTensor:$B);
  let results = (outs Onnx_NumTensor:$Y);
}

def Onnx_GemmOp : Onnx_Op<"Gemm"> {
  let summary = "scaled matrix product with a bias";
  let description = [{
    `Y = alpha * A' * B' + beta * C`, where `A'` is `A` or, if `transA` is 1,
    its transpose, and `B'` likewise. `C` broadcasts to `Y` one way. Meaning
    of opset 13.

    Constraints:
    * (C1) `A` and `B` have rank 2.
    * (C2) the inner dimensions are equal.
    * (C3) `C` broadcasts to the shape of `A' * B'`.

    Example:

    ```mlir
    %y = onnx.Gemm(%a, %b, %c) {transB = 1 : i64}
        : (tensor<?x64xf32>, tensor<256x64xf32>, tensor<256xf32>)
        -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$A, Onnx_NumTensor:$B,
                       Optional<Onnx_NumTensor>:$C,
                       Onnx_DefaultFloat<"1.0">:$alpha,
                       Onnx_DefaultFloat<"1.0">:$beta,
                       Onnx_Flag<"0">:$transA, Onnx_Flag<"0">:$transB);
  let results = (outs Onnx_NumTensor:$Y);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Onnx_AttentionOp : Onnx_Op<"Attention", [AttrSizedOperandSegments]> {
  let summary = "scaled dot product attention";
  let description = [{
    `Y = softmax(softcap(sqrt(scale) * Q * (sqrt(scale) * K)^T) + mask) * V` for each
    head. `scale` is 1 / sqrt(head size) if it is not given. `softcap` 0 means
    none. Operands are [batch, heads, sequence, head size] or [batch, sequence,
    heads * head size], and then `q_num_heads` and `kv_num_heads` are needed.
    With fewer heads for keys than for queries, consecutive queries share one.

    `attn_mask` is boolean (false: not seen) or is added. A mask that is
    shorter than the keys is extended with "not seen". `is_causal` lets a query
    at i see keys up to i + offset, where offset is the length of the past (or
    `nonpad_kv_seqlen` less the number of queries), and 0 without either. A
    query that sees no key gives zeros. `left_window_size` and
    `right_window_size` limit how many keys before and after that place it sees
    (-1: no limit). `past_key` and `past_value` are put
    before the new keys and values. Meaning of opset 25.

    Results after `Y`: `present_key`, `present_value`, `qk_matmul_output` (what
    it holds is told by `qk_matmul_output_mode`), as many as the node names.

    Constraints:
    * (C1) `Q`, `K`, `V` are all of rank 4 or all of rank 3.
    * (C2) rank 3 needs `q_num_heads` and `kv_num_heads`, which divide the last
      dimension.
    * (C3) the heads of `Q` are a multiple of those of `K`.
    * (C4) `past_key` and `past_value` come together.

    Example:

    ```mlir
    %y = onnx.Attention(%q, %k, %v) mask(%m) {scale = 0.25 : f32}
        : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
           tensor<?x1x?x?xi1>) -> tensor<?x4x?x16xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$Q, Onnx_FloatTensor:$K,
                       Onnx_FloatTensor:$V, Optional<Onnx_Tensor>:$attn_mask,
                       Optional<Onnx_FloatTensor>:$past_key,
                       Optional<Onnx_FloatTensor>:$past_value,
                       Optional<Onnx_I64Tensor>:$nonpad_kv_seqlen,
                       Onnx_Flag<"0">:$is_causal,
                       OptionalAttr<Onnx_Int>:$kv_num_heads,
                       Onnx_DefaultInt<"-1">:$left_window_size,
                       OptionalAttr<Onnx_Int>:$q_num_heads,
                       ConfinedAttr<Onnx_DefaultInt<"0">,
                                    [IntMinValue<0>, IntMaxValue<3>]>
                         :$qk_matmul_output_mode,
                       Onnx_DefaultInt<"-1">:$right_window_size,
                       OptionalAttr<F32Attr>:$scale,
                       Onnx_DefaultFloat<"0.0">:$softcap,
                       OptionalAttr<TypeAttr>:$softmax_precision);
  let results = (outs Onnx_FloatTensor:$Y, Variadic<Onnx_FloatTensor>:$rest);
  let assemblyFormat = [{
    `(` $Q `,` $K `,` $V `)` (`mask` `(` $attn_mask^ `)`)?
    (`past_key` `(` $past_key^ `)`)? (`past_value` `(` $past_value^ `)`)?
    (`nonpad` `(` $nonpad_kv_seqlen^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
}

def Onnx_RotaryEmbeddingOp : Onnx_Op<"RotaryEmbedding"> {
  let summary = "rotary position embedding";
  let description = [{
    Rotates pairs of elements of each head by the angle of its position, whose
    cosine and sine the caches hold: `x1 * cos - x2 * sin` and
    `x1 * sin + x2 * cos`. A pair is an element of the first half of the head
    and the one at its place in the second half or, if `interleaved` is 1, two
    neighbours. `rotary_embedding_dim` elements of each head are rotated, or all
    if that is 0. With `position_ids` the caches are tables of positions, and
    else have one row for each element of the sequence. `X` is [batch, heads,
    sequence, head size] or [batch, sequence, heads * head size], and then
    `num_heads` is needed. Meaning of opset 23.

    Constraints:
    * (C1) `X` has rank 4, or rank 3 and `num_heads`, which divides its columns.
    * (C2) the number of elements that are rotated is even and not more than a
      head has.
    * (C3) the caches have rank 2 with `position_ids`, else rank 3.

    Example:

    ```mlir
    %y = onnx.RotaryEmbedding(%x, %cos, %sin, %ids)
        : (tensor<?x4x?x16xf32>, tensor<64x8xf32>, tensor<64x8xf32>,
           tensor<?x?xi64>) -> tensor<?x4x?x16xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_FloatTensor:$cos_cache,
                       Onnx_FloatTensor:$sin_cache,
                       Optional<Onnx_I64Tensor>:$position_ids,
                       Onnx_Flag<"0">:$interleaved,
                       Onnx_DefaultInt<"0">:$num_heads,
                       Onnx_DefaultInt<"0">:$rotary_embedding_dim);
  let results = (outs Onnx_FloatTensor:$Y);
}

//===----------------------------------------------------------------------===//
// Normalisation and activations
//===----------------------------------------------------------------------===//

def Onnx_LayerNormalizationOp : Onnx_Op<"LayerNormalization"> {
  let summary = "layer normalisation";
  let description = [{
    Over the dimensions from `axis` on:
    `Y = (X - mean) / sqrt(variance + epsilon) * Scale + B`, where the variance
    is not corrected. Statistics are computed in the type that `stash_type`
    names, f32 if it is absent. `Scale` and `B` broadcast to `X` one way. Results after `Y`: `Mean`
    and `InvStdDev`, as many as the node names. Meaning of opset 17.

    Constraints:
    * (C1) `axis` lies in [-rank, rank).
    * (C2) `Scale` and `B` broadcast to the shape of `X`.

    Example:

    ```mlir
    %y = onnx.LayerNormalization(%x, %scale, %b) {epsilon = 1.0e-5 : f32}
        : (tensor<?x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_FloatTensor:$Scale,
                       Optional<Onnx_FloatTensor>:$B,
                       Onnx_DefaultInt<"-1">:$axis,
                       Onnx_DefaultFloat<"1.0e-5">:$epsilon,
                       OptionalAttr<TypeAttr>:$stash_type);
  let results = (outs Onnx_FloatTensor:$Y, Variadic<Onnx_FloatTensor>:$rest);
}

def Onnx_RMSNormalizationOp : Onnx_Op<"RMSNormalization"> {
  let summary = "normalisation by the root of the mean square";
  let description = [{
    Over the dimensions from `axis` on:
    `Y = X / sqrt(mean(X^2) + epsilon) * scale`. The mean is computed in the
    type that `stash_type` names, f32 if it is absent. `scale` broadcasts to
    `X` one way. Meaning of opset 23.

    Constraints:
    * (C1) `axis` lies in [-rank, rank).
    * (C2) `scale` broadcasts to the shape of `X`.

    Example:

    ```mlir
    %y = onnx.RMSNormalization(%x, %scale) {epsilon = 1.0e-6 : f32}
        : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_FloatTensor:$scale,
                       Onnx_DefaultInt<"-1">:$axis,
                       Onnx_DefaultFloat<"1.0e-5">:$epsilon,
                       OptionalAttr<TypeAttr>:$stash_type);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_SoftmaxOp : Onnx_Op<"Softmax"> {
  let summary = "softmax along one axis";
  let description = [{
    `output = exp(input) / sum(exp(input))`, the sum being along `axis`.
    Meaning of opset 13: the importer rewrites the older form, which flattens.

    Constraints:
    * (C1) `axis` lies in [-rank, rank).

    Example:

    ```mlir
    %y = onnx.Softmax(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_DefaultInt<"-1">:$axis);
  let results = (outs Onnx_FloatTensor:$output);
}

def Onnx_ReluOp : Onnx_UnaryOp<"Relu", Onnx_NumTensor> {
  let summary = "rectifier";
  let description = "`Y = max(X, 0)`. Meaning of opset 14.";
}

def Onnx_SigmoidOp : Onnx_UnaryOp<"Sigmoid", Onnx_FloatTensor> {
  let summary = "logistic function";
  let description = "`Y = 1 / (1 + exp(-X))`. Meaning of opset 13.";
}

def Onnx_TanhOp : Onnx_UnaryOp<"Tanh", Onnx_FloatTensor> {
  let summary = "hyperbolic tangent";
  let description = "`Y = tanh(X)`. Meaning of opset 13.";
}

def Onnx_GeluErf : I32EnumAttrCase<"None", 0, "none">;
def Onnx_GeluTanh : I32EnumAttrCase<"Tanh", 1, "tanh">;
def Onnx_GeluApproximation : I32EnumAttr<"GeluApproximation",
    "which form of Gelu", [Onnx_GeluErf, Onnx_GeluTanh]> {
  let cppNamespace = "::mlir::onnx";
  let genSpecializedAttr = 0;
}
def Onnx_GeluApproximationAttr
    : EnumAttr<OnnxDialect, Onnx_GeluApproximation, "gelu_approximation"> {
  let assemblyFormat = "`<` $value `>`";
}

def Onnx_GeluOp : Onnx_Op<"Gelu"> {
  let summary = "Gaussian error linear unit";
  let description = [{
    `Y = X / 2 * (1 + erf(X / sqrt(2)))`, or if `approximate` is `tanh`
    `Y = X / 2 * (1 + tanh(sqrt(2 / pi) * (X + 0.044715 * X^3)))`. Meaning of
    opset 20.

    Example:

    ```mlir
    %y = onnx.Gelu(%x) {approximate = #onnx.gelu_approximation<tanh>}
        : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X,
                       DefaultValuedAttr<Onnx_GeluApproximationAttr,
                         "::mlir::onnx::GeluApproximation::None">:$approximate);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_CumSumOp : Onnx_Op<"CumSum"> {
  let summary = "running sum along one axis";
  let description = [{
    Each element of `y` is the sum of the elements of `x` up to it, itself
    included unless `exclusive` is 1, or from it on if `reverse` is 1. `axis`
    is a tensor of one element. Meaning of opset 14.

    Example:

    ```mlir
    %y = onnx.CumSum(%x, %axis) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$x, Onnx_IndexTensor:$axis,
                       Onnx_Flag<"0">:$exclusive, Onnx_Flag<"0">:$reverse);
  let results = (outs Onnx_NumTensor:$y);
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXNNOPS_TD
