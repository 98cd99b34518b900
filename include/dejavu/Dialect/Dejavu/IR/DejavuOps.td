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
def Dejavu_Rows : TypeConstraint<
    CPred<"::mlir::dejavu::isActivationType($_self)">,
    "activation tensor f32 [batch, tokens, features] with static features",
    "::mlir::RankedTensorType">;
def Dejavu_Ids : TypeConstraint<
    And<[RankedTensorOf<[I64]>.predicate, HasAnyRankOfPred<[2]>]>,
    "i64 tensor [batch, tokens]", "::mlir::RankedTensorType">;
def Dejavu_Starts : TypeConstraint<
    And<[RankedTensorOf<[I64]>.predicate, HasAnyRankOfPred<[1]>]>,
    "i64 tensor [batch]", "::mlir::RankedTensorType">;

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
    * (C3) types are static, of rank 1 or more, with floating-point elements
    * (C4) the recipe leads from `source_type` to `type`

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
    `result[b, t, :] = table[ids[b, t] + offset, :]`, as f32. OPT's learned
    positions have an offset of 2.

    Constraints:
    * (C1) table is [vocabulary, features]; features are those of the result
    * (C2) batch and tokens of the result are those of the indices

    ```mlir
    %p = dejavu.embed %positions, @embed_positions {offset = 2 : i64}
        : tensor<?x1xi64> -> tensor<?x1x256xf32>
    ```
  }];
  let arguments = (ins Dejavu_Ids:$ids, FlatSymbolRefAttr:$table,
                       DefaultValuedAttr<I64Attr, "0">:$offset);
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
    `layer`: `result = (x - mean) / sqrt(var + epsilon) * scale + bias`, with
    the biased variance. `rms`: `result = x / sqrt(mean(x^2) + epsilon) *
    scale`. Statistics are over the features, in f32.

    Constraints:
    * (C1) scale and bias are vectors with the features of the input
    * (C2) `rms` has no bias
    * (C3) epsilon is not negative

    ```mlir
    %n = dejavu.norm layer %x, @scale, @bias {epsilon = 1.0e-5 : f32}
        : tensor<?x1x256xf32>
    ```
  }];
  let arguments = (ins Dejavu_NormKindAttr:$kind, Dejavu_Rows:$input,
                       FlatSymbolRefAttr:$scale,
                       OptionalAttr<FlatSymbolRefAttr>:$bias,
                       F32Attr:$epsilon);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $kind $input `,` $scale (`,` $bias^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def Dejavu_LinearOp : Dejavu_Op<"linear",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a linear layer, optionally with an activation";
  let description = [{
    `result = activation(input * weight^T + bias)`; products are accumulated in
    f32.

    Constraints:
    * (C1) weight is [features of result, features of input]
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
                       OptionalAttr<Dejavu_ActivationAttr>:$activation);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $input `,` $weight (`,` $bias^)? (`activation` `=` $activation^)? attr-dict
    `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Dejavu_LMHeadOp : Dejavu_Op<"lm_head",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "logits of the tokens from a given one on";
  let description = [{
    `result[b, t, :] = input[b, t + from, :] * weight^T + bias`. Without
    `from`, the logits of all tokens.

    Constraints:
    * (C1) weight is [vocabulary, features of input]
    * (C2) bias is a vector with the vocabulary
    * (C3) with `from`, the tokens of the result are dynamic

    Canonicalisation: `from` a constant 0 is dropped.

    ```mlir
    %l = dejavu.lm_head %n, @lm_head from %logits_from
        : tensor<?x?x256xf32> -> tensor<?x?x8192xf32>
    ```
  }];
  let arguments = (ins Dejavu_Rows:$input, FlatSymbolRefAttr:$weight,
                       OptionalAttr<FlatSymbolRefAttr>:$bias,
                       Optional<Index>:$from);
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
    `result = activation(input * up^T + up_bias) * down + down_bias`. Both
    projections are neuron-major: a row of `up` and a row of `down` belong to
    one neuron.

    Constraints:
    * (C1) up and down are [neurons, features]
    * (C2) up_bias has `neurons` elements, down_bias `features`

    ```mlir
    %f = dejavu.ffn relu %m, up = @w1, @b1 down = @w2, @b2 : tensor<?x1x256xf32>
    ```
  }];
  let arguments = (ins Dejavu_ActivationAttr:$activation, Dejavu_Rows:$input,
                       FlatSymbolRefAttr:$up,
                       OptionalAttr<FlatSymbolRefAttr>:$up_bias,
                       FlatSymbolRefAttr:$down,
                       OptionalAttr<FlatSymbolRefAttr>:$down_bias);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $activation $input `,` `up` `=` $up (`,` $up_bias^)?
    `down` `=` $down (`,` $down_bias^)? attr-dict `:` type($result)
  }];
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
    `softmax(scale * q . k) v` over the steps k with `starts[b] <= k <= t`. A
    query that sees no step (its own token is padding) gives the mean of the
    values of all T steps (`uniform`) or zero (`zero`).

    With more query heads than heads in the cache (GQA), query head h reads
    cache head `h / (query heads / cache heads)`.

    The cache comes out as it went in, so that its value is used once.

    Constraints:
    * (C1) features of query are a multiple of heads * headDim of the cache

    ```mlir
    %a, %c2 = dejavu.attention %q, %c1, %starts scale = 0.25 masked_rows = uniform
        : tensor<?x1x256xf32>, !dejavu.kv_cache<8 x 32>, tensor<?xi64>
    ```
  }];
  let arguments = (ins Dejavu_Rows:$query, Dejavu_KVCacheType:$cache,
                       Dejavu_Starts:$starts, F32Attr:$scale,
                       Dejavu_MaskedRowsAttr:$masked_rows);
  let results = (outs Dejavu_Rows:$result, Dejavu_KVCacheType:$new_cache);
  let assemblyFormat = [{
    $query `,` $cache `,` $starts `scale` `=` $scale
    `masked_rows` `=` $masked_rows attr-dict `:` type($query) `,` type($cache) `,` type($starts)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Sparsity
//===----------------------------------------------------------------------===//

def Dejavu_SelectOp : Dejavu_Op<"select", [Pure]> {
  let summary = "scores -> active set";
  let description = [{
    `exact`: the indices of the elements that are not zero, in ascending order,
    for each row. A NaN is not zero.

    Constraints:
    * (C1) the extent of the set is the features of the scores

    ```mlir
    %s = dejavu.select exact %h
        : tensor<?x1x1024xf32> -> !dejavu.active<neuron, 1024>
    ```
  }];
  let arguments = (ins Dejavu_SelectKindAttr:$kind, Dejavu_Rows:$scores);
  let results = (outs Dejavu_ActiveType:$result);
  let assemblyFormat = [{
    $kind $scores attr-dict `:` type($scores) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Dejavu_SparseLinearOp : Dejavu_Op<"sparse_linear",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a linear layer that reads only the rows of an active set";
  let description = [{
    `result[r, :] = sum over i in active[r] of input[r, i] * weight[i, :] +
    bias`. Rows of the weight that are not in the set of any row are not read.

    Constraints:
    * (C1) weight is [features of input, features of result]: neuron-major
    * (C2) bias is a vector with the features of the result
    * (C3) the extent of the set is the features of the input
    * (C4) batch and tokens of input and result are the same

    ```mlir
    %f = dejavu.sparse_linear %h, %s, @w2, @b2
        : tensor<?x1x1024xf32>, !dejavu.active<neuron, 1024>
        -> tensor<?x1x256xf32>
    ```
  }];
  let arguments = (ins Dejavu_Rows:$input, Dejavu_ActiveType:$active,
                       FlatSymbolRefAttr:$weight,
                       OptionalAttr<FlatSymbolRefAttr>:$bias);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $input `,` $active `,` $weight (`,` $bias^)? attr-dict `:`
    type($input) `,` type($active) `->` type($result)
  }];
  let hasVerifier = 1;
}

#endif // DEJAVU_DIALECT_DEJAVU_IR_DEJAVUOPS_TD
