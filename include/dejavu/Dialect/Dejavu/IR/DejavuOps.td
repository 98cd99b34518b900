//===- DejavuOps.td - operations of the dialect ------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_DEJAVU_IR_DEJAVUOPS_TD
#define DEJAVU_DIALECT_DEJAVU_IR_DEJAVUOPS_TD

include "dejavu/Dialect/Dejavu/IR/DejavuTypes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Dejavu_Op<string mnemonic, list<Trait> traits = []>
    : Op<Dejavu_Dialect, mnemonic, traits>;

/// An activation: f32 [batch, tokens, features]; batch and tokens may be
/// dynamic, features is static.
def Dejavu_Rows : Type<
    CPred<"::mlir::dejavu::isActivationType($_self)">,
    "activation tensor f32 [batch, tokens, features] with static features",
    "::mlir::RankedTensorType">;
def Dejavu_Ids : TypeConstraint<
    And<[RankedTensorOf<[I64]>.predicate, HasAnyRankOfPred<[2]>]>,
    "i64 tensor [batch, tokens]", "::mlir::RankedTensorType">;
def Dejavu_Starts : TypeConstraint<
    And<[RankedTensorOf<[I64]>.predicate, HasAnyRankOfPred<[1]>]>,
    "i64 tensor [batch]", "::mlir::RankedTensorType">;

/// An f32 attribute that is not printed where it has this value.
class Dejavu_DefaultFloat<string value>
    : DefaultValuedAttr<F32Attr, "::llvm::APFloat(" # value # "f)">;

//===----------------------------------------------------------------------===//
// Module-level
//===----------------------------------------------------------------------===//

def Dejavu_WeightOp : Dejavu_Op<"weight", [Symbol]> {
  let summary = "a weight: where its bytes lie and which layout is wanted";
  let description = [{
    A symbol for a constant tensor whose data stays in the model's files.
    `source` is the byte range. Without a recipe the range holds the tensor as
    it is. With one, the range holds a tensor of type `source_type` and the
    steps of `recipe` are applied to it in order.

    Constraints:
    * (C1) the source's length is the number of bytes of its type
    * (C2) offset and length are not negative
    * (C3) types are static, of rank 1 or more, with floating-point or integer
      elements
    * (C4) the recipe leads from `source_type` to `type`
    * (C5) a synthetic source has a formula and offset 0, its elements are
      floating-point numbers, and its recipe transposes and casts

    ```mlir
    dejavu.weight @embed : tensor<8192x256xf32>
        from #dejavu.source<"model.onnx.data", offset = 0, length = 8388608>
    dejavu.weight @fc2 : tensor<1024x256xf16>
        from #dejavu.source<"model.onnx.data", offset = 8388608, length = 1048576>
        as tensor<256x1024xf32> via [#dejavu.transpose<[1, 0]>, #dejavu.cast<f16>]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type,
                       Dejavu_SourceAttr:$source,
                       OptionalAttr<TypeAttrOf<AnyRankedTensor>>:$source_type,
                       OptionalAttr<ArrayAttr>:$recipe);
  let assemblyFormat = [{
    $sym_name `:` $type `from` $source (`as` $source_type^ `via` $recipe)?
    attr-dict
  }];
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
    /// The type of the bytes in the file.
    ::mlir::RankedTensorType getStoredType() {
      return ::llvm::cast<::mlir::RankedTensorType>(
          getSourceType().value_or(getType()));
    }
    /// Appends a step (TransposeAttr or CastAttr) to the recipe and updates
    /// the type. Two transposes that cancel are removed.
    void appendRecipeStep(::mlir::Attribute step);
  }];
  let hasVerifier = 1;
}

def Dejavu_SignatureOp : Dejavu_Op<"signature"> {
  let summary = "inputs and outputs of the model that was imported";
  let description = [{
    How the tensors of the ONNX model map to the entry points, in the model's
    order. Written when the graph is raised and copied to the manifest, so that
    a compiled model can be called as the original.

    ```mlir
    dejavu.signature
      inputs [#dejavu.binding<"input_ids", ids>,
              #dejavu.binding<"past_key_values.0.key", key, 0>]
      outputs [#dejavu.binding<"logits", logits>,
               #dejavu.binding<"present.0.key", key, 0>]
    ```
  }];
  let arguments = (ins TypedArrayAttrBase<Dejavu_BindingAttr, "bindings">:$inputs,
                       TypedArrayAttrBase<Dejavu_BindingAttr, "bindings">:$outputs);
  let assemblyFormat = "`inputs` $inputs `outputs` $outputs attr-dict";
}

def Dejavu_LoadWeightOp : Dejavu_Op<"load_weight",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a weight, before it is raised";
  let description = [{
    Makes a weight a tensor value for the ops of the `onnx` dialect. None is
    left after raise, where ops name their weights.

    ```mlir
    %0 = dejavu.load_weight @fc1 : tensor<1024x256xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// The dense frame
//===----------------------------------------------------------------------===//

def Dejavu_EmbedOp : Dejavu_Op<"embed",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "rows of an embedding table";
  let description = [{
    `result[b, t, :] = scale * table[ids[b, t] + offset, :]`, as f32. OPT's
    learned positions have an offset of 2, Gemma's embeddings a scale of
    sqrt(features).

    Constraints:
    * (C1) table is [vocabulary, features]; features are those of the result
    * (C2) batch and tokens of the result are those of the indices

    ```mlir
    %p = dejavu.embed %positions, @embed_positions {offset = 2 : i64}
        : tensor<?x1xi64> -> tensor<?x1x256xf32>
    ```
  }];
  let arguments = (ins Dejavu_Ids:$ids, FlatSymbolRefAttr:$table,
                       DefaultValuedAttr<I64Attr, "0">:$offset,
                       Dejavu_DefaultFloat<"1.0">:$scale);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $ids `,` $table attr-dict `:` type($ids) `->` type($result)
  }];
}

def Dejavu_ResidualAddOp : Dejavu_Op<"residual_add",
    [Pure, Commutative, SameOperandsAndResultType]> {
  let summary = "sum of two activations";
  let description = [{
    `result = lhs + rhs`, elementwise, in f32.

    ```mlir
    %y = dejavu.residual_add %x, %o : tensor<?x1x256xf32>
    ```
  }];
  let arguments = (ins Dejavu_Rows:$lhs, Dejavu_Rows:$rhs);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def Dejavu_NormOp : Dejavu_Op<"norm",
    [Pure, AllTypesMatch<["input", "result"]>,
     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "layer norm or RMS norm over the features";
  let description = [{
    `layer`: `result = (x - mean) / sqrt(var + epsilon) * (scale +
    weight_offset) + bias`, with the biased variance. `rms`: `result = x /
    sqrt(mean(x^2) + epsilon) * (scale + weight_offset)`. Without `scale` the
    factor is 1. Statistics are over the features, in f32.

    With `groups` > 1 the features are that many equal parts, each with
    statistics of its own: the query and key norms over a head. Scale and bias
    then have the elements of one part, and serve all.

    Constraints:
    * (C1) scale and bias are vectors with the features of one group
    * (C2) `rms` has no bias, and a bias needs a scale
    * (C3) epsilon is not negative
    * (C4) the features are a multiple of `groups`, which is positive

    ```mlir
    %n = dejavu.norm layer %x, @scale, @bias {epsilon = 1.0e-5 : f32}
        : tensor<?x1x256xf32>
    ```
  }];
  let arguments = (ins Dejavu_NormKindAttr:$kind, Dejavu_Rows:$input,
                       OptionalAttr<FlatSymbolRefAttr>:$scale,
                       OptionalAttr<FlatSymbolRefAttr>:$bias,
                       F32Attr:$epsilon,
                       Dejavu_DefaultFloat<"0.0">:$weight_offset,
                       DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $kind $input (`,` $scale^)? (`,` $bias^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def Dejavu_LinearOp : Dejavu_Op<"linear",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a linear layer, optionally with an activation";
  let description = [{
    `result = activation(input * weight^T + bias)`; products are accumulated in
    f32. With `in_major`, `result = activation(input * weight + bias)`: a row
    of the weight belongs to a feature of the input.

    Constraints:
    * (C1) weight is [features of result, features of input], or with
      `in_major` [features of input, features of result]
    * (C2) bias is a vector with the features of the result
    * (C3) batch and tokens of input and result are the same

    ```mlir
    %q = dejavu.linear %n, @wq, @bq : tensor<?x1x256xf32> -> tensor<?x1x256xf32>
    %h = dejavu.linear %n, @w1, @b1 activation = relu
        : tensor<?x1x256xf32> -> tensor<?x1x1024xf32>
    ```
  }];
  let arguments = (ins Dejavu_Rows:$input, FlatSymbolRefAttr:$weight,
                       OptionalAttr<FlatSymbolRefAttr>:$bias,
                       OptionalAttr<Dejavu_ActivationAttr>:$activation,
                       UnitAttr:$in_major);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $input `,` $weight (`,` $bias^)? (`in_major` $in_major^)?
    (`activation` `=` $activation^)? attr-dict
    `:` type($input) `->` type($result)
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$input,
                   "::mlir::FlatSymbolRefAttr":$weight,
                   "::mlir::FlatSymbolRefAttr":$bias,
                   CArg<"::mlir::dejavu::ActivationAttr", "{}">:$activation), [{
      build($_builder, $_state, type, input, weight, bias, activation,
            /*in_major=*/nullptr);
    }]>];
  let hasVerifier = 1;
}

def Dejavu_LMHeadOp : Dejavu_Op<"lm_head",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "logits of the tokens from a given one on";
  let description = [{
    `result[b, t, :] = cap(scale * (input[b, t + from, :] * weight^T + bias))`
    with `cap(x) = softcap * tanh(x / softcap)`, or `x` if `softcap` is 0.
    Without `from`, the logits of all tokens.

    Constraints:
    * (C1) weight is [vocabulary, features of input]
    * (C2) bias is a vector with the vocabulary
    * (C3) with `from`, the tokens of the result are dynamic
    * (C4) `softcap` is not negative

    Canonicalisation: `from` a constant 0 is dropped.

    ```mlir
    %l = dejavu.lm_head %n, @lm_head from %logits_from
        : tensor<?x?x256xf32> -> tensor<?x?x8192xf32>
    ```
  }];
  let arguments = (ins Dejavu_Rows:$input, FlatSymbolRefAttr:$weight,
                       OptionalAttr<FlatSymbolRefAttr>:$bias,
                       Optional<Index>:$from,
                       Dejavu_DefaultFloat<"1.0">:$scale,
                       Dejavu_DefaultFloat<"0.0">:$softcap);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $input `,` $weight (`,` $bias^)? (`from` $from^)? attr-dict `:`
    type($input) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def Dejavu_FFNOp : Dejavu_Op<"ffn",
    [Pure, AllTypesMatch<["input", "result"]>,
     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "an MLP block: the unit of neuron sparsity";
  let description = [{
    `result = h * down + down_bias` with `h = activation(input * up^T +
    up_bias)` or, if there is a gate, `h = activation(input * gate^T +
    gate_bias) . (input * up^T + up_bias)`, elementwise. All projections are
    neuron-major: a row of `gate`, of `up` and of `down` belong to one neuron.

    `predicted` is a hint: the neurons that a predictor expects to matter. The
    result does not depend on it. `dejavu-sparsify-ffn` acts on it.

    Constraints:
    * (C1) gate, up and down are [neurons, features]
    * (C2) up_bias and gate_bias have `neurons` elements, down_bias `features`
    * (C3) a gate_bias needs a gate
    * (C4) the predicted set is of neurons, and its extent is their number

    ```mlir
    %f = dejavu.ffn relu %m, up = @w1, @b1 down = @w2, @b2 : tensor<?x1x256xf32>
    %g = dejavu.ffn silu %m, gate = @w0 up = @w1 down = @w2 : tensor<?x1x256xf32>
    %h = dejavu.ffn relu %m, up = @w1 down = @w2
        predicted(%s : !dejavu.active<neuron, 1024>) : tensor<?x1x256xf32>
    ```
  }];
  let arguments = (ins Dejavu_ActivationAttr:$activation, Dejavu_Rows:$input,
                       OptionalAttr<FlatSymbolRefAttr>:$gate,
                       OptionalAttr<FlatSymbolRefAttr>:$gate_bias,
                       FlatSymbolRefAttr:$up,
                       OptionalAttr<FlatSymbolRefAttr>:$up_bias,
                       FlatSymbolRefAttr:$down,
                       OptionalAttr<FlatSymbolRefAttr>:$down_bias,
                       Optional<Dejavu_ActiveType>:$predicted);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $activation $input `,` (`gate` `=` $gate^)? (`,` $gate_bias^)?
    `up` `=` $up (`,` $up_bias^)? `down` `=` $down (`,` $down_bias^)?
    (`predicted` `(` $predicted^ `:` type($predicted) `)`)?
    attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Dejavu_KVAppendOp : Dejavu_Op<"kv_append",
    [AllTypesMatch<["cache", "result"]>, AllTypesMatch<["key", "value"]>]> {
  let summary = "appends the keys and values of new tokens to a cache";
  let description = [{
    The features of `key` and `value` are `heads * headDim`, head-major. After
    the op the cache holds `tokens` more steps.

    Constraints:
    * (C1) features of key and value are heads * headDim of the cache

    ```mlir
    %c1 = dejavu.kv_append %c0, %k, %v
        : !dejavu.kv_cache<8 x 32>, tensor<?x1x256xf32>
    ```
  }];
  let arguments = (ins Dejavu_KVCacheType:$cache, Dejavu_Rows:$key,
                       Dejavu_Rows:$value);
  let results = (outs Dejavu_KVCacheType:$result);
  let assemblyFormat = [{
    $cache `,` $key `,` $value attr-dict `:` type($cache) `,` type($key)
  }];
  let hasVerifier = 1;
}

def Dejavu_AttentionOp : Dejavu_Op<"attention",
    [AllTypesMatch<["cache", "new_cache"]>,
     AllTypesMatch<["query", "result"]>]> {
  let summary = "causal attention of new tokens over a cache";
  let description = [{
    The cache holds T steps, the last S of which are those of the S tokens of
    `query`; token i is at time `t = T - S + i`. For each head h the result is
    `softmax(cap(scale * q . k) + alibi[h] * (k - t)) v` over the steps k with
    `starts[b] <= k <= t` and, if there is a `window`, `t - k < window`.
    `cap(x)` is `softcap * tanh(x / softcap)`, or `x` if `softcap` is 0. A query
    that sees no step (its own token is padding) gives the mean of the values
    of all T steps (`uniform`) or zero (`zero`).

    With more query heads than heads in the cache (GQA), query head h reads
    cache head `h / (query heads / cache heads)`.

    The cache comes out as it went in, so that its value is used once.

    `predicted` is a hint: the groups of heads that a predictor expects to
    matter. The result does not depend on it. `dejavu-sparsify-attention` acts
    on it.

    Constraints:
    * (C1) features of query are a multiple of heads * headDim of the cache
    * (C2) `window` is positive, `softcap` is not negative
    * (C3) `alibi` has one slope for each query head
    * (C4) the predicted set is of kv groups, and its extent is the heads of the
      cache

    ```mlir
    %a, %c2 = dejavu.attention %q, %c1, %starts scale = 0.25 masked_rows = uniform
        : tensor<?x1x256xf32>, !dejavu.kv_cache<8 x 32>, tensor<?xi64>
    ```
  }];
  let arguments = (ins Dejavu_Rows:$query, Dejavu_KVCacheType:$cache,
                       Dejavu_Starts:$starts, F32Attr:$scale,
                       Dejavu_MaskedRowsAttr:$masked_rows,
                       OptionalAttr<I64Attr>:$window,
                       Dejavu_DefaultFloat<"0.0">:$softcap,
                       OptionalAttr<DenseF32ArrayAttr>:$alibi,
                       Optional<Dejavu_ActiveType>:$predicted);
  let results = (outs Dejavu_Rows:$result, Dejavu_KVCacheType:$new_cache);
  let assemblyFormat = [{
    $query `,` $cache `,` $starts `scale` `=` $scale
    `masked_rows` `=` $masked_rows
    (`predicted` `(` $predicted^ `:` type($predicted) `)`)? attr-dict `:`
    type($query) `,` type($cache) `,` type($starts)
  }];
  let hasVerifier = 1;
}

def Dejavu_Mask : Type<
    And<[RankedTensorOf<[F32, I1]>.predicate, HasAnyRankOfPred<[4]>]>,
    "f32 or i1 tensor [batch, heads, queries, keys]",
    "::mlir::RankedTensorType">;

def Dejavu_SDPAOp : Dejavu_Op<"sdpa",
    [Pure]> {
  let summary = "scaled dot product attention over given keys and values";
  let description = [{
    Attention without a cache: of encoders, of cross attention, and of decoders
    whose mask or cache is not understood. For each of `heads` heads the result
    is `softmax(cap(scale * q . k) + mask) v`, where query head h reads key and
    value head `h / (heads / kv_heads)`. `cap` is as in `attention`.

    A `mask` of i1 hides the keys where it is false; one of f32 is added. Each
    of its dimensions is that of the scores [batch, heads, queries, keys], or 1.
    With `causal`, query i of S sees key k of T only if `k <= i + T - S`. A
    query all of whose keys are hidden, or have the score minus infinity, gives
    the mean of all values (`uniform`) or zero (`zero`).

    Constraints:
    * (C1) features of query and key are heads and kv_heads times the same
      head size; kv_heads divides heads
    * (C2) features of value are a multiple of kv_heads, and those of the
      result are heads times as many as one head has
    * (C3) batch and tokens of query and result, and of key and value, are the
      same
    * (C4) `softcap` is not negative

    ```mlir
    %a = dejavu.sdpa %q, %k, %v mask(%m) heads = 8 kv_heads = 8 scale = 0.125
        masked_rows = uniform
        : (tensor<?x?x256xf32>, tensor<?x?x256xf32>, tensor<?x?x256xf32>,
           tensor<?x1x1x?xi1>) -> tensor<?x?x256xf32>
    ```
  }];
  let arguments = (ins Dejavu_Rows:$query, Dejavu_Rows:$key, Dejavu_Rows:$value,
                       Optional<Dejavu_Mask>:$mask,
                       I64Attr:$heads, I64Attr:$kv_heads, F32Attr:$scale,
                       Dejavu_MaskedRowsAttr:$masked_rows, UnitAttr:$causal,
                       Dejavu_DefaultFloat<"0.0">:$softcap);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` `(` $mask^ `)`)? `heads` `=` $heads
    `kv_heads` `=` $kv_heads `scale` `=` $scale `masked_rows` `=` $masked_rows
    (`causal` $causal^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

def Dejavu_RopeTableOp : Dejavu_Op<"rope_table",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "cosines and sines of positions";
  let description = [{
    `result[b, t, i] = scale * cos(positions[b, t] * inv_freq[i])` for the first
    half of the features, and the sines for the second half.

    Constraints:
    * (C1) the features of the result are twice the elements of `inv_freq`
    * (C2) batch and tokens of the result are those of the positions

    ```mlir
    %t = dejavu.rope_table %positions, @inv_freq
        : tensor<?x1xi64> -> tensor<?x1x32xf32>
    ```
  }];
  let arguments = (ins Dejavu_Ids:$positions, FlatSymbolRefAttr:$inv_freq,
                       Dejavu_DefaultFloat<"1.0">:$scale);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $positions `,` $inv_freq attr-dict `:` type($positions) `->` type($result)
  }];
}

def Dejavu_RopeOp : Dejavu_Op<"rope",
    [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "rotary position embedding";
  let description = [{
    Rotates pairs of features of each of `heads` heads by the angles whose
    cosines and sines are in `table` [batch, tokens, R]: cosines first. The
    first R features of a head take part and the others stay. A pair is
    `(i, i + R/2)` or, with `interleaved`, `(2i, 2i + 1)`; it becomes
    `(x cos - y sin, y cos + x sin)`.

    Constraints:
    * (C1) the features of the input are a multiple of `heads`
    * (C2) R is even and not greater than the size of a head
    * (C3) tokens of input and table are the same; the batch too, or that of
      the table is 1

    ```mlir
    %r = dejavu.rope %q, %t heads = 8
        : tensor<?x1x256xf32>, tensor<?x1x32xf32>
    ```
  }];
  let arguments = (ins Dejavu_Rows:$input, Dejavu_Rows:$table, I64Attr:$heads,
                       UnitAttr:$interleaved);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $input `,` $table `heads` `=` $heads (`interleaved` $interleaved^)?
    attr-dict `:` type($input) `,` type($table)
  }];
  let hasVerifier = 1;
}

include "dejavu/Dialect/Dejavu/IR/DejavuSparsityOps.td"

#endif // DEJAVU_DIALECT_DEJAVU_IR_DEJAVUOPS_TD
