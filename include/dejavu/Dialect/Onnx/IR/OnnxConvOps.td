//===- OnnxConvOps.td - convolution, pooling, norms, recurrences *- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXCONVOPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXCONVOPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxBase.td"

//===----------------------------------------------------------------------===//
// Convolution
//===----------------------------------------------------------------------===//

def Onnx_AutoPadNotSet : I32EnumAttrCase<"NotSet", 0, "notset">;
def Onnx_AutoPadSameUpper : I32EnumAttrCase<"SameUpper", 1, "same_upper">;
def Onnx_AutoPadSameLower : I32EnumAttrCase<"SameLower", 2, "same_lower">;
def Onnx_AutoPadValid : I32EnumAttrCase<"Valid", 3, "valid">;
def Onnx_AutoPad : I32EnumAttr<"AutoPad",
    "how many elements of padding a window gets", [
  Onnx_AutoPadNotSet, Onnx_AutoPadSameUpper, Onnx_AutoPadSameLower,
  Onnx_AutoPadValid]> {
  let cppNamespace = "::mlir::onnx";
  let genSpecializedAttr = 0;
}
def Onnx_AutoPadAttr : EnumAttr<OnnxDialect, Onnx_AutoPad,
                               "auto_pad"> {
  let assemblyFormat = "`<` $value `>`";
}

def Onnx_ConvOp : Onnx_Op<"Conv"> {
  let summary = "convolution";
  let description = [{
    `X` is [batch, channels, spatial dimensions...] and `W` [maps, channels /
    group, kernel...]; each element of `Y` is the product of a window of `X`
    with a kernel, plus the map's element of `B`. `strides` and `dilations` are
    1 where absent, and `pads` zeros before each spatial dimension and then
    after each. With `auto_pad` `same_upper` or `same_lower` the dimensions of
    `Y` are those of `X` over the strides, rounded up, and what padding that
    needs is even but for one element at the end or the start; `valid` means
    none. Meaning of opset 22.

    Constraints:
    * (C1) `X` and `W` have the same rank, at least 3.
    * (C2) the channels of `X` are `group` times those of `W`, and `group`
      divides the maps.
    * (C3) `kernel_shape`, if given, is that of `W`.
    * (C4) `strides` and `dilations` have one positive number for each spatial
      dimension, `pads` two that are not negative.
    * (C5) a dilated kernel fits the padded input.
    * (C6) `B` has rank 1 and one element for each map.

    Example:

    ```mlir
    %y = onnx.Conv(%x, %w, %b) {pads = array<i64: 1, 1>, strides = array<i64: 2>}
        : (tensor<?x80x?xf32>, tensor<64x80x3xf32>, tensor<64xf32>) -> tensor<?x64x?xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_FloatTensor:$W,
                       Optional<Onnx_FloatTensor>:$B,
                       DefaultValuedAttr<Onnx_AutoPadAttr,
                         "::mlir::onnx::AutoPad::NotSet">:$auto_pad,
                       OptionalAttr<DenseI64ArrayAttr>:$dilations,
                       Onnx_DefaultInt<"1">:$group,
                       OptionalAttr<DenseI64ArrayAttr>:$kernel_shape,
                       OptionalAttr<DenseI64ArrayAttr>:$pads,
                       OptionalAttr<DenseI64ArrayAttr>:$strides);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_ConvIntegerOp : Onnx_Op<"ConvInteger", [AttrSizedOperandSegments]> {
  let summary = "convolution of 8-bit integers";
  let description = [{
    As Conv of `x - x_zero_point` and `w - w_zero_point`, summed in 32 bits.
    Zero points are 0 if they are absent; `w_zero_point` may have one element
    for each map. Meaning of opset 10.

    Constraints: those of Conv.

    Example:

    ```mlir
    %y = onnx.ConvInteger(%x, %w) x_zero_point(%z)
        : (tensor<1x1x8xui8>, tensor<1x1x3xui8>, tensor<ui8>) -> tensor<1x1x6xi32>
    ```
  }];
  let arguments = (ins Onnx_IntTensor:$x, Onnx_IntTensor:$w,
                       Optional<Onnx_IntTensor>:$x_zero_point,
                       Optional<Onnx_IntTensor>:$w_zero_point,
                       DefaultValuedAttr<Onnx_AutoPadAttr,
                         "::mlir::onnx::AutoPad::NotSet">:$auto_pad,
                       OptionalAttr<DenseI64ArrayAttr>:$dilations,
                       Onnx_DefaultInt<"1">:$group,
                       OptionalAttr<DenseI64ArrayAttr>:$kernel_shape,
                       OptionalAttr<DenseI64ArrayAttr>:$pads,
                       OptionalAttr<DenseI64ArrayAttr>:$strides);
  let results = (outs Onnx_I32Tensor:$y);
  let assemblyFormat = [{
    `(` $x `,` $w `)` (`x_zero_point` `(` $x_zero_point^ `)`)?
    (`w_zero_point` `(` $w_zero_point^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

def Onnx_ConvActivationNone : I32EnumAttrCase<"None", 0, "none">;
def Onnx_ConvActivationSilu : I32EnumAttrCase<"Silu", 1, "silu">;
def Onnx_ConvActivationSwish : I32EnumAttrCase<"Swish", 2, "swish">;
def Onnx_ConvActivation : I32EnumAttr<"ConvActivation",
    "what follows a causal convolution", [
  Onnx_ConvActivationNone, Onnx_ConvActivationSilu, Onnx_ConvActivationSwish]> {
  let cppNamespace = "::mlir::onnx";
  let genSpecializedAttr = 0;
}
def Onnx_ConvActivationAttr : EnumAttr<OnnxDialect, Onnx_ConvActivation,
                               "conv_activation"> {
  let assemblyFormat = "`<` $value `>`";
}

def Onnx_CausalConvWithStateOp
    : Onnx_Op<"CausalConvWithState", [AttrSizedOperandSegments]> {
  let summary = "convolution along a sequence that sees only the past";
  let description = [{
    `input` is [batch, channels, steps], and each channel has a kernel of its
    own in `weight`, [channels, 1, width]. Before the steps come the last width
    - 1 of earlier ones, which `past_state` holds (zeros if absent), so that
    the result has as many steps as `input`; `present_state` holds the last
    width - 1 of all. `activation` is applied to the sum with `bias`. Meaning
    of opset 27.

    Constraints:
    * (C1) `input` and `weight` have rank 3 and as many channels, and `weight`
      has 1 as its second dimension.
    * (C2) `bias` has one element for each channel.
    * (C3) `past_state` is [batch, channels, width - 1].

    Example:

    ```mlir
    %y, %s = onnx.CausalConvWithState(%x, %w) past_state(%p) {activation = #onnx.conv_activation<silu>}
        : (tensor<?x64x?xf32>, tensor<64x1x4xf32>, tensor<?x64x3xf32>) -> (tensor<?x64x?xf32>, tensor<?x64x3xf32>)
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_FloatTensor:$weight,
                       Optional<Onnx_FloatTensor>:$bias,
                       Optional<Onnx_FloatTensor>:$past_state,
                       DefaultValuedAttr<Onnx_ConvActivationAttr,
                         "::mlir::onnx::ConvActivation::None">:$activation);
  let results = (outs Onnx_FloatTensor:$output,
                      Onnx_FloatTensor:$present_state);
  let assemblyFormat = [{
    `(` $input `,` $weight `)` (`bias` `(` $bias^ `)`)?
    (`past_state` `(` $past_state^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

def Onnx_MaxPoolOp : Onnx_Op<"MaxPool"> {
  let summary = "largest element of each window";
  let description = [{
    Windows of `kernel_shape` lie as those of Conv; padding takes no part. With
    `ceil_mode` 1 a last window may begin inside and end outside. Results after
    `Y`: `Indices`, if the node names it, the place of each largest element in
    the flattened `X`, counted row-major or, if `storage_order` is 1,
    column-major. Meaning of opset 22.

    Constraints:
    * (C1) `X` has a rank of at least 3, and `kernel_shape` one positive number
      for each spatial dimension.
    * (C2) `strides`, `dilations` and `pads` as for Conv.

    Example:

    ```mlir
    %y = onnx.MaxPool(%x) {kernel_shape = array<i64: 2>} : (tensor<1x4x8xf32>) -> tensor<1x4x7xf32>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$X, DefaultValuedAttr<Onnx_AutoPadAttr,
                         "::mlir::onnx::AutoPad::NotSet">:$auto_pad,
                       Onnx_Flag<"0">:$ceil_mode,
                       OptionalAttr<DenseI64ArrayAttr>:$dilations,
                       DenseI64ArrayAttr:$kernel_shape,
                       OptionalAttr<DenseI64ArrayAttr>:$pads,
                       Onnx_Flag<"0">:$storage_order,
                       OptionalAttr<DenseI64ArrayAttr>:$strides);
  let results = (outs Onnx_NumTensor:$Y, Variadic<Onnx_I64Tensor>:$rest);
}

def Onnx_AveragePoolOp : Onnx_Op<"AveragePool"> {
  let summary = "mean of each window";
  let description = [{
    Windows lie as those of MaxPool. The mean is over the elements inside `X`
    or, if `count_include_pad` is 1, over padding too. Meaning of opset 22.

    Constraints: those of MaxPool.

    Example:

    ```mlir
    %y = onnx.AveragePool(%x) {kernel_shape = array<i64: 2>} : (tensor<1x4x8xf32>) -> tensor<1x4x7xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, DefaultValuedAttr<Onnx_AutoPadAttr,
                         "::mlir::onnx::AutoPad::NotSet">:$auto_pad,
                       Onnx_Flag<"0">:$ceil_mode,
                       Onnx_Flag<"0">:$count_include_pad,
                       OptionalAttr<DenseI64ArrayAttr>:$dilations,
                       DenseI64ArrayAttr:$kernel_shape,
                       OptionalAttr<DenseI64ArrayAttr>:$pads,
                       OptionalAttr<DenseI64ArrayAttr>:$strides);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_GlobalAveragePoolOp : Onnx_Op<"GlobalAveragePool"> {
  let summary = "mean of each channel";
  let description = [{
    Over all spatial dimensions of [batch, channels, spatial dimensions...],
    which become 1. Meaning of opset 22.

    Constraints:
    * (C1) `X` has a rank of at least 3.

    Example:

    ```mlir
    %y = onnx.GlobalAveragePool(%x) : (tensor<1x4x8xf32>) -> tensor<1x4x1xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_GlobalMaxPoolOp : Onnx_Op<"GlobalMaxPool"> {
  let summary = "largest element of each channel";
  let description = [{
    Over all spatial dimensions of [batch, channels, spatial dimensions...],
    which become 1. Meaning of opset 22.

    Constraints:
    * (C1) `X` has a rank of at least 3.

    Example:

    ```mlir
    %y = onnx.GlobalMaxPool(%x) : (tensor<1x4x8xf32>) -> tensor<1x4x1xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X);
  let results = (outs Onnx_FloatTensor:$Y);
}

//===----------------------------------------------------------------------===//
// Normalisation
//===----------------------------------------------------------------------===//

def Onnx_BatchNormalizationOp : Onnx_Op<"BatchNormalization"> {
  let summary = "normalisation with given statistics";
  let description = [{
    `Y = (X - input_mean) / sqrt(input_var + epsilon) * scale + B`, where the
    operands after `X` have one element for each channel, which is dimension 1.
    Training is refused. Meaning of opset 15.

    Constraints:
    * (C1) `X` has a rank of at least 1, the others rank 1, with as many
      elements as there are channels.

    Example:

    ```mlir
    %y = onnx.BatchNormalization(%x, %s, %b, %m, %v)
        : (tensor<?x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_FloatTensor:$scale,
                       Onnx_FloatTensor:$B, Onnx_FloatTensor:$input_mean,
                       Onnx_FloatTensor:$input_var,
                       Onnx_DefaultFloat<"1.0e-5">:$epsilon);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_InstanceNormalizationOp : Onnx_Op<"InstanceNormalization"> {
  let summary = "normalisation of each channel of each entry";
  let description = [{
    `output = (input - mean) / sqrt(variance + epsilon) * scale + B`, where
    mean and variance are those of one channel of one batch entry. Meaning of
    opset 22.

    Constraints:
    * (C1) `input` has a rank of at least 3, `scale` and `B` rank 1, with as
      many elements as there are channels.

    Example:

    ```mlir
    %y = onnx.InstanceNormalization(%x, %s, %b) : (tensor<?x4x8xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_FloatTensor:$scale,
                       Onnx_FloatTensor:$B,
                       Onnx_DefaultFloat<"1.0e-5">:$epsilon);
  let results = (outs Onnx_FloatTensor:$output);
}

def Onnx_GroupNormalizationOp : Onnx_Op<"GroupNormalization"> {
  let summary = "normalisation of groups of channels";
  let description = [{
    As InstanceNormalization, but mean and variance are those of `num_groups`
    groups of consecutive channels, computed in the type that `stash_type`
    names (f32 if it is absent). `scale` and `bias` have one element for each
    channel. Meaning of opset 21.

    Constraints:
    * (C1) `X` has a rank of at least 2, and `num_groups` is positive and
      divides its channels.
    * (C2) `scale` and `bias` have rank 1, with as many elements as there are
      channels.

    Example:

    ```mlir
    %y = onnx.GroupNormalization(%x, %s, %b) {num_groups = 2 : i64}
        : (tensor<?x4x8xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_FloatTensor:$scale,
                       Onnx_FloatTensor:$bias,
                       Onnx_DefaultFloat<"1.0e-5">:$epsilon,
                       Onnx_Int:$num_groups,
                       OptionalAttr<TypeAttr>:$stash_type);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_MeanVarianceNormalizationOp : Onnx_Op<"MeanVarianceNormalization"> {
  let summary = "normalisation along some axes";
  let description = [{
    `Y = (X - mean) / sqrt(variance)`, mean and variance being along `axes`,
    and zero where both numbers are. Meaning of opset 13.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.

    Example:

    ```mlir
    %y = onnx.MeanVarianceNormalization(%x) {axes = array<i64: 0, 2>} : (tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, DenseI64ArrayAttr:$axes);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_SimplifiedLayerNormalizationOp
    : Onnx_Op<"SimplifiedLayerNormalization"> {
  let summary = "normalisation by the root of the mean square, as exporters of ONNX Runtime write it";
  let description = [{
    As RMSNormalization. ONNX has no such operator, but ONNX Runtime registers
    it in the default domain. Results after `Y`: `inv_std_var`, the factor of
    each line, if the node names it.

    Constraints: those of RMSNormalization.

    Example:

    ```mlir
    %y = onnx.SimplifiedLayerNormalization(%x, %scale) : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_FloatTensor:$scale,
                       Onnx_DefaultInt<"-1">:$axis,
                       Onnx_DefaultFloat<"1.0e-5">:$epsilon,
                       OptionalAttr<TypeAttr>:$stash_type);
  let results = (outs Onnx_FloatTensor:$Y, Variadic<Onnx_FloatTensor>:$rest);
}

//===----------------------------------------------------------------------===//
// Products and recurrences
//===----------------------------------------------------------------------===//

def Onnx_EinsumOp : Onnx_Op<"Einsum"> {
  let summary = "sum of products over named dimensions";
  let description = [{
    `equation` names the dimensions of each operand by letters, and those of
    the result after `->`; a letter that is not among these is summed over.
    `...` stands for dimensions that broadcast. Without `->` the result has the
    letters that occur once, in alphabetical order. Spaces have no meaning.
    Meaning of opset 28.

    Constraints:
    * (C1) `equation` has one term for each operand, as long as its rank, of
      letters.
    * (C2) dimensions of one letter are equal, or 1.
    * (C3) letters of the result occur in a term, and once in the result.

    Example:

    ```mlir
    %y = onnx.Einsum(%q, %k) {equation = "bhqd,bhkd->bhqk"}
        : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>) -> tensor<?x4x?x?xf32>
    ```
  }];
  let arguments = (ins Variadic<Onnx_NumTensor>:$Inputs, StrAttr:$equation);
  let results = (outs Onnx_NumTensor:$Output);
}

def Onnx_LinearAttentionRuleLinear : I32EnumAttrCase<"Linear", 0, "linear">;
def Onnx_LinearAttentionRuleGated : I32EnumAttrCase<"Gated", 1, "gated">;
def Onnx_LinearAttentionRuleDelta : I32EnumAttrCase<"Delta", 2, "delta">;
def Onnx_LinearAttentionRuleGatedDelta : I32EnumAttrCase<"GatedDelta", 3, "gated_delta">;
def Onnx_LinearAttentionRule : I32EnumAttr<"LinearAttentionRule",
    "how the state of linear attention is updated", [
  Onnx_LinearAttentionRuleLinear, Onnx_LinearAttentionRuleGated,
  Onnx_LinearAttentionRuleDelta, Onnx_LinearAttentionRuleGatedDelta]> {
  let cppNamespace = "::mlir::onnx";
  let genSpecializedAttr = 0;
}
def Onnx_LinearAttentionRuleAttr : EnumAttr<OnnxDialect, Onnx_LinearAttentionRule,
                               "linear_attention_rule"> {
  let assemblyFormat = "`<` $value `>`";
}

def Onnx_LinearAttentionOp
    : Onnx_Op<"LinearAttention", [AttrSizedOperandSegments]> {
  let summary = "attention by a matrix that is updated step by step";
  let description = [{
    For each head a state matrix [key size, value size] is updated at each step
    and multiplied by the query. `update_rule` says how: `linear` adds the
    outer product of key and value; `gated` first scales the state by e to the
    power of `decay`; `delta` adds the outer product of the key and of `beta`
    times the difference between the value and what the state gives for the
    key; `gated_delta` does both. The query is scaled by `scale`, 1 / sqrt(key
    size) if that is 0. Operands are [batch, steps, heads * size]. `chunk_size`
    is a hint. Meaning of opset 27.

    Constraints:
    * (C1) `query`, `key` and `value` have rank 3; `q_num_heads` divides the
      columns of the first, `kv_num_heads` those of the others, and one number
      of heads the other.
    * (C2) `past_state` is [batch, heads, key size, value size].
    * (C3) gated rules need `decay`, delta rules `beta`.

    Example:

    ```mlir
    %y, %s = onnx.LinearAttention(%q, %k, %v) {kv_num_heads = 2 : i64, q_num_heads = 2 : i64,
                                               update_rule = #onnx.linear_attention_rule<linear>}
        : (tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x16xf32>) -> (tensor<?x?x16xf32>, tensor<?x2x16x8xf32>)
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$query, Onnx_FloatTensor:$key,
                       Onnx_FloatTensor:$value,
                       Optional<Onnx_FloatTensor>:$past_state,
                       Optional<Onnx_FloatTensor>:$decay,
                       Optional<Onnx_FloatTensor>:$beta,
                       Onnx_DefaultInt<"64">:$chunk_size,
                       Onnx_Int:$kv_num_heads, Onnx_Int:$q_num_heads,
                       Onnx_DefaultFloat<"0.0">:$scale,
                       DefaultValuedAttr<Onnx_LinearAttentionRuleAttr,
                         "::mlir::onnx::LinearAttentionRule::GatedDelta">:$update_rule);
  let results = (outs Onnx_FloatTensor:$output,
                      Onnx_FloatTensor:$present_state);
  let assemblyFormat = [{
    `(` $query `,` $key `,` $value `)` (`past_state` `(` $past_state^ `)`)?
    (`decay` `(` $decay^ `)`)? (`beta` `(` $beta^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXCONVOPS_TD
