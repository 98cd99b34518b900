//===- DejavuSparsityOps.td - predict, select, gather ------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Included by DejavuOps.td, which has the constraints of operands.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_DEJAVU_IR_DEJAVUSPARSITYOPS_TD
#define DEJAVU_DIALECT_DEJAVU_IR_DEJAVUSPARSITYOPS_TD

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

def Dejavu_PredictOp : Dejavu_Op<"predict",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "scores of units from an earlier value";
  let description = [{
    A look-ahead predictor: how likely each unit (neuron, group of heads) of a
    later block matters, from a value of the residual stream that is known
    earlier. How far ahead it looks is the distance between that value and the
    block that uses the set; no attribute says so.

    With `n = (x - mean) / sqrt(var + epsilon)` over the features, a layer norm
    without parameters,

    * `low_rank`: `scores = ((n * first^T) * second) * scale + bias`. The rank
      is the number of rows of both factors. Factors of 8-bit integers, which
      are signed, have a scale for each unit; others have none.
    * `sign_bit`: `scores[i] = features - 2 * d(i) + bias[i]`, where d(i) is the
      number of features whose sign differs between n and the weights of unit i.
      `first` holds the signs of the weights: bit `j` of `first[b, i]` is that
      of feature `8 * b + j` of unit i, 1 if it is negative. Bits beyond the
      features are 0. A zero or a NaN of n counts as not negative.

    Constraints:
    * (C1) `low_rank`: first is [rank, features of input], second is [rank,
      features of result]
    * (C2) `sign_bit`: first is [ceil(features of input / 8), features of
      result] of 8-bit integers, and there is no second
    * (C3) bias is a vector with the features of the result
    * (C4) batch and tokens of input and result are the same
    * (C5) epsilon is not negative
    * (C6) scale is a vector with the features of the result; there is one if and
      only if kind is `low_rank` and the elements of both factors are 8-bit
      integers

    ```mlir
    %s = dejavu.predict low_rank %x, first = @a second = @b bias = @c
        : tensor<?x1x256xf32> -> tensor<?x1x1024xf32>
    %u = dejavu.predict low_rank %x, first = @p second = @q scale = @r bias = @c
        : tensor<?x1x256xf32> -> tensor<?x1x1024xf32>
    %t = dejavu.predict sign_bit %x, first = @signs
        : tensor<?x1x256xf32> -> tensor<?x1x1024xf32>
    ```
  }];
  let arguments = (ins Dejavu_PredictorKindAttr:$kind, Dejavu_Rows:$input,
                       FlatSymbolRefAttr:$first,
                       OptionalAttr<FlatSymbolRefAttr>:$second,
                       OptionalAttr<FlatSymbolRefAttr>:$scale,
                       OptionalAttr<FlatSymbolRefAttr>:$bias,
                       Dejavu_DefaultFloat<"1.0e-5">:$epsilon);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $kind $input `,` `first` `=` $first (`second` `=` $second^)?
    (`scale` `=` $scale^)? (`bias` `=` $bias^)?
    attr-dict `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Dejavu_SelectOp : Dejavu_Op<"select", [Pure]> {
  let summary = "scores -> active set";
  let description = [{
    For each row the indices, in ascending order, of the elements that

    * `exact`: are not zero;
    * `magnitude`: are at least `threshold` in magnitude;
    * `threshold`: are at least `threshold`;
    * `top_k`: are among the `k` greatest, where -0 is less than +0 and of equal
      elements those with smaller indices come first.

    A NaN is selected, by `top_k` as the greatest if its sign bit is 0.

    `profile` is what calibration found of this selection. The result does not
    depend on it.

    Constraints:
    * (C1) the extent of the set is the features of the scores
    * (C2) `magnitude` and `threshold` have a threshold, which is no NaN, the
      others have none
    * (C3) `top_k` has a `k` between 0 and the extent, the others have none

    ```mlir
    %s = dejavu.select exact %h
        : tensor<?x1x1024xf32> -> !dejavu.active<neuron, 1024>
    %t = dejavu.select threshold %p at -2.500000e-01
        : tensor<?x1x1024xf32> -> !dejavu.active<neuron, 1024>
    %u = dejavu.select top_k %p k = 100
        : tensor<?x1x1024xf32> -> !dejavu.active<neuron, 1024>
    ```
  }];
  let arguments = (ins Dejavu_SelectKindAttr:$kind, Dejavu_Rows:$scores,
                       OptionalAttr<F32Attr>:$threshold,
                       OptionalAttr<I64Attr>:$k,
                       OptionalAttr<Dejavu_ProfileAttr>:$profile);
  let results = (outs Dejavu_ActiveType:$result);
  let assemblyFormat = [{
    $kind $scores (`at` $threshold^)? (`k` `=` $k^)?
    (`profile` `=` $profile^)? attr-dict `:` type($scores) `->` type($result)
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Type":$type, "::mlir::dejavu::SelectKind":$kind,
                   "::mlir::Value":$scores), [{
      build($_builder, $_state, type, kind, scores, /*threshold=*/nullptr,
            /*k=*/nullptr, /*profile=*/nullptr);
    }]>];
  let extraClassDeclaration = [{
    /// Whether every unit is selected whatever the scores are.
    bool selectsAll();
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Products that gather
//===----------------------------------------------------------------------===//

def Dejavu_GatherLinearOp : Dejavu_Op<"gather_linear",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the features of a linear layer that an active set names";
  let description = [{
    `result[r, i] = (input[r, :] . weight[i, :] + bias[i]) * factor[r, i]` for
    the features i of the units in active[r], and 0 for all others. Without a
    `factor` it is 1. With `block = features of result / extent of the set`,
    unit u has the features `u * block` to `u * block + block - 1`: a neuron one,
    a group of heads many. Rows of the weight that belong to no set of any row
    are not read.

    The up projection of a gated MLP, where `factor` is what the gate made; the
    query projection of the heads that were selected.

    Constraints:
    * (C1) weight is [features of result, features of input]: neuron-major
    * (C2) bias is a vector with the features of the result
    * (C3) the extent of the set divides the features of the result
    * (C4) batch and tokens of input and result are the same
    * (C5) the factor has the type of the result

    ```mlir
    %h = dejavu.gather_linear %m, %s, @w1 times(%g : tensor<?x1x1024xf32>)
        : tensor<?x1x256xf32>, !dejavu.active<neuron, 1024>
        -> tensor<?x1x1024xf32>
    %q = dejavu.gather_linear %n, %t, @wq, @bq
        : tensor<?x1x256xf32>, !dejavu.active<kv_group, 8>
        -> tensor<?x1x256xf32>
    ```
  }];
  let arguments = (ins Dejavu_Rows:$input, Dejavu_ActiveType:$active,
                       FlatSymbolRefAttr:$weight,
                       OptionalAttr<FlatSymbolRefAttr>:$bias,
                       Optional<Dejavu_Rows>:$factor);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $input `,` $active `,` $weight (`,` $bias^)?
    (`times` `(` $factor^ `:` type($factor) `)`)? attr-dict `:`
    type($input) `,` type($active) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Dejavu_SparseLinearOp : Dejavu_Op<"sparse_linear",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a linear layer that reads only the rows of an active set";
  let description = [{
    `result[r, :] = sum of input[r, i] * weight[i, :] over the features i of the
    units in active[r], plus bias`. With `block = features of input / extent of
    the set`, unit u has the features `u * block` to `u * block + block - 1`.
    Rows of the weight that belong to no set of any row are not read.

    Constraints:
    * (C1) weight is [features of input, features of result]: neuron-major
    * (C2) bias is a vector with the features of the result
    * (C3) the extent of the set divides the features of the input
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

def Dejavu_SparseFFNOp : Dejavu_Op<"sparse_ffn",
    [Pure, AllTypesMatch<["input", "result"]>,
     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "an MLP of which only the neurons of an active set exist";
  let description = [{
    As `ffn`, but the sum is over the neurons in active[r] alone:
    `result[r, :] = sum of h[r, i] * down[i, :] over i in active[r], plus
    down_bias`. Rows of `gate`, `up` and `down` of neurons that are in no set of
    any row are not read. Where the activation is exactly zero for a neuron
    (ReLU, squared ReLU), its rows of `down` and, if there is a gate, of `up`
    are not read either.

    Constraints:
    * (C1) to (C3) as those of `ffn`
    * (C4) the set is of neurons, and its extent is their number

    Canonicalisation: with a set that selects everything, an `ffn`.

    ```mlir
    %f = dejavu.sparse_ffn relu %m, %s, up = @w1, @b1 down = @w2, @b2
        : tensor<?x1x256xf32>, !dejavu.active<neuron, 1024>
    ```
  }];
  let arguments = (ins Dejavu_ActivationAttr:$activation, Dejavu_Rows:$input,
                       Dejavu_ActiveType:$active,
                       OptionalAttr<FlatSymbolRefAttr>:$gate,
                       OptionalAttr<FlatSymbolRefAttr>:$gate_bias,
                       FlatSymbolRefAttr:$up,
                       OptionalAttr<FlatSymbolRefAttr>:$up_bias,
                       FlatSymbolRefAttr:$down,
                       OptionalAttr<FlatSymbolRefAttr>:$down_bias);
  let results = (outs Dejavu_Rows:$result);
  let assemblyFormat = [{
    $activation $input `,` $active `,` (`gate` `=` $gate^)? (`,` $gate_bias^)?
    `up` `=` $up (`,` $up_bias^)? `down` `=` $down (`,` $down_bias^)?
    attr-dict `:` type($result) `,` type($active)
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

//===----------------------------------------------------------------------===//
// Attention of some heads
//===----------------------------------------------------------------------===//

def Dejavu_SparseAttentionOp : Dejavu_Op<"sparse_attention",
    [AllTypesMatch<["cache", "new_cache"]>,
     AllTypesMatch<["query", "result"]>]> {
  let summary = "attention of the heads of an active set";
  let description = [{
    As `attention`, but of the query heads of the groups in active[r] alone; the
    result is 0 for the others, and neither their queries nor their keys and
    values are read. A group is a key and value head with the query heads that
    read it.

    What becomes of the keys and values of a head that is not selected is said
    by what appends to the cache: `kv_append` computes those of all heads
    (`eager`), `kv_append_deferred` only when they are needed.

    Constraints:
    * (C1) to (C3) as those of `attention`
    * (C4) the set is of kv groups, and its extent is the heads of the cache

    Canonicalisation: with a set that selects everything, an `attention`.

    ```mlir
    %a, %c2 = dejavu.sparse_attention %q, %c1, %starts, %s scale = 0.25
        masked_rows = uniform : tensor<?x1x256xf32>, !dejavu.kv_cache<8 x 32>,
        tensor<?xi64>, !dejavu.active<kv_group, 8>
    ```
  }];
  let arguments = (ins Dejavu_Rows:$query, Dejavu_KVCacheType:$cache,
                       Dejavu_Starts:$starts, Dejavu_ActiveType:$active,
                       F32Attr:$scale, Dejavu_MaskedRowsAttr:$masked_rows,
                       OptionalAttr<I64Attr>:$window,
                       Dejavu_DefaultFloat<"0.0">:$softcap,
                       OptionalAttr<DenseF32ArrayAttr>:$alibi);
  let results = (outs Dejavu_Rows:$result, Dejavu_KVCacheType:$new_cache);
  let assemblyFormat = [{
    $query `,` $cache `,` $starts `,` $active `scale` `=` $scale
    `masked_rows` `=` $masked_rows attr-dict `:` type($query) `,` type($cache)
    `,` type($starts) `,` type($active)
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def Dejavu_KVAppendDeferredOp : Dejavu_Op<"kv_append_deferred",
    [AllTypesMatch<["cache", "result"]>,
     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "appends a token whose keys and values are computed later";
  let description = [{
    The cache holds one step more: the key `input * key^T + key_bias`, rotated as
    `rope` does with `table` if there is one, and the value `input * value^T +
    value_bias`. That is all it means: the same as `linear`, `rope` and
    `kv_append`.

    How it is meant to be done: the input, and its row of the table, are kept
    for `ring` steps. A head computes what it owes (this step and all earlier
    ones since it last did) only if it is in active[r], or if it would otherwise
    owe more than `ring` steps. So the rows of `key` and `value` of heads that
    nobody asks for are not read. Only heads in active[r] may be read by the
    attention that follows; the caller may ask for all to be completed (`flush`
    of a step), as before the cache is exported.

    Constraints:
    * (C1) key and value are [heads * headDim of the cache, features of input]
    * (C2) key_bias and value_bias are vectors with heads * headDim elements
    * (C3) the set is of kv groups, and its extent is the heads of the cache
    * (C4) tokens are 1
    * (C5) `ring` is positive
    * (C6) the features of the table are even and at most headDim; its tokens
      are those of the input; `interleaved` needs a table

    ```mlir
    %c1 = dejavu.kv_append_deferred %c0, %n, %s key = @wk, @bk value = @wv, @bv
        ring = 64 : !dejavu.kv_cache<8 x 32>, tensor<?x1x256xf32>,
        !dejavu.active<kv_group, 8>
    %c2 = dejavu.kv_append_deferred %c0, %n, %s key = @wk value = @wv
        rope(%t : tensor<?x1x32xf32>) ring = 64 : !dejavu.kv_cache<8 x 32>,
        tensor<?x1x256xf32>, !dejavu.active<kv_group, 8>
    ```
  }];
  let arguments = (ins Dejavu_KVCacheType:$cache, Dejavu_Rows:$input,
                       Dejavu_ActiveType:$active,
                       FlatSymbolRefAttr:$key,
                       OptionalAttr<FlatSymbolRefAttr>:$key_bias,
                       FlatSymbolRefAttr:$value,
                       OptionalAttr<FlatSymbolRefAttr>:$value_bias,
                       Optional<Dejavu_Rows>:$table, UnitAttr:$interleaved,
                       I64Attr:$ring);
  let results = (outs Dejavu_KVCacheType:$result);
  let assemblyFormat = [{
    $cache `,` $input `,` $active `key` `=` $key (`,` $key_bias^)?
    `value` `=` $value (`,` $value_bias^)?
    (`rope` `(` $table^ `:` type($table) (`,` `interleaved` $interleaved^)? `)`)?
    `ring` `=` $ring attr-dict `:` type($cache) `,` type($input) `,` type($active)
  }];
  let hasVerifier = 1;
}

#endif // DEJAVU_DIALECT_DEJAVU_IR_DEJAVUSPARSITYOPS_TD
