//===- Passes.td - passes on the dejavu dialect ------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_DEJAVU_TRANSFORMS_PASSES_TD
#define DEJAVU_DIALECT_DEJAVU_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def SparsifyFFNPass : Pass<"dejavu-sparsify-ffn", "::mlir::ModuleOp"> {
  let summary = "Rewrite MLP blocks to read only the rows of active neurons";
  let description = [{
    Rewrites each `dejavu.ffn` of `@decode` whose activation is exactly zero for
    inactive neurons (ReLU, squared ReLU) so that the rows of the down
    projection that belong to inactive neurons are not read:

    ```mlir
    %f = dejavu.ffn relu %m, up = @w1, @b1 down = @w2, @b2 : tensor<?x1x256xf32>
    ```

    becomes

    ```mlir
    %h = dejavu.linear %m, @w1, @b1 activation = relu
        : tensor<?x1x256xf32> -> tensor<?x1x1024xf32>
    %s = dejavu.select exact %h
        : tensor<?x1x1024xf32> -> !dejavu.active<neuron, 1024>
    %f = dejavu.sparse_linear %h, %s, @w2, @b2
        : tensor<?x1x1024xf32>, !dejavu.active<neuron, 1024>
        -> tensor<?x1x256xf32>
    ```

    and a gated one

    ```mlir
    %f = dejavu.ffn relu %m, gate = @w0 up = @w1 down = @w2
        : tensor<?x1x256xf32>
    ```

    becomes, with the rows of the up projection skipped as well,

    ```mlir
    %g = dejavu.linear %m, @w0 activation = relu
        : tensor<?x1x256xf32> -> tensor<?x1x1024xf32>
    %s = dejavu.select exact %g
        : tensor<?x1x1024xf32> -> !dejavu.active<neuron, 1024>
    %h = dejavu.gather_linear %m, %s, @w1 times(%g : tensor<?x1x1024xf32>)
        : tensor<?x1x256xf32>, !dejavu.active<neuron, 1024>
        -> tensor<?x1x1024xf32>
    %f = dejavu.sparse_linear %h, %s, @w2
        : tensor<?x1x1024xf32>, !dejavu.active<neuron, 1024>
        -> tensor<?x1x256xf32>
    ```

    One that has a hint of predicted neurons becomes

    ```mlir
    %f = dejavu.sparse_ffn relu %m, %s, up = @w1, @b1 down = @w2, @b2
        : tensor<?x1x256xf32>, !dejavu.active<neuron, 1024>
    ```

    Other activations stay dense, and a remark says so. `@prefill` stays dense
    too: over the tokens of a prompt nearly every neuron is active for some
    token, so a dense product reads no more and runs faster.
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

class FileOption
    : Option<"file", "file", "std::string", /*default=*/"",
             "what `dejavu calibrate` has written">;
class CheckModelOption
    : Option<"checkModel", "check-model", "bool", "true",
             "refuse a file whose digest is not that of the model">;

def InsertPredictorsPass
    : Pass<"dejavu-insert-predictors", "::mlir::ModuleOp"> {
  let summary = "Put look-ahead predictors where they were trained to stand";
  let description = [{
    Reads a file of predictors and adds to `@decode`, for each block that has
    one, a `dejavu.predict` and a `dejavu.select` behind the value of the
    residual stream that the predictor was trained on, and to the block a hint.
    The program computes the same as before.

    ```mlir
    %y = dejavu.residual_add %x, %o : tensor<?x1x256xf32>
    ...
    %f = dejavu.ffn relu %m, up = @w1 down = @w2 : tensor<?x1x256xf32>
    ```

    becomes, with the look-ahead `same`,

    ```mlir
    %y = dejavu.residual_add %x, %o : tensor<?x1x256xf32>
    %p = dejavu.predict low_rank %y, first = @predictors.layers.0.neuron.first
        second = @predictors.layers.0.neuron.second
        bias = @predictors.layers.0.neuron.bias
        : tensor<?x1x256xf32> -> tensor<?x1x1024xf32>
    %s = dejavu.select threshold %p at -2.500000e-01
        : tensor<?x1x1024xf32> -> !dejavu.active<neuron, 1024>
    ...
    %f = dejavu.ffn relu %m, up = @w1 down = @w2
        predicted(%s : !dejavu.active<neuron, 1024>) : tensor<?x1x256xf32>
    ```

    A file for another model, look-ahead or shape is an error.
  }];
  let options = [
    FileOption<>, CheckModelOption<>,
    Option<"lookAhead", "look-ahead", "::mlir::dejavu::LookAheadChoice",
           "::mlir::dejavu::LookAheadChoice::any",
           "the look-ahead that the file must have",
           [{::llvm::cl::values(
               clEnumValN(::mlir::dejavu::LookAheadChoice::any, "any",
                          "that of the file"),
               clEnumValN(::mlir::dejavu::LookAheadChoice::same, "same",
                          "the input of the block itself"),
               clEnumValN(::mlir::dejavu::LookAheadChoice::half, "half",
                          "the input of the layer's attention"),
               clEnumValN(::mlir::dejavu::LookAheadChoice::full, "full",
                          "the input of the MLP of the layer before"))}]>];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

class KVOption
    : Option<"kv", "kv", "::mlir::dejavu::KVPolicy",
           "::mlir::dejavu::KVPolicy::automatic",
           "keys and values of heads that are not selected",
           [{::llvm::cl::values(
               clEnumValN(::mlir::dejavu::KVPolicy::automatic, "auto",
                          "deferred, but eager under GQA"),
               clEnumValN(::mlir::dejavu::KVPolicy::eager, "eager",
                          "computed for each token"),
               clEnumValN(::mlir::dejavu::KVPolicy::deferred, "deferred",
                          "computed when the head is next selected"))}]>;

def ChooseDensityPass : Pass<"dejavu-choose-density", "::mlir::ModuleOp"> {
  let summary = "Drop the hints of predictors that don't pay";
  let description = [{
    Takes the hint away from each block of `@decode` that would read no fewer
    bytes with its predictor than without, or that would lose too much of its
    output, by the profile that the selection has from calibration. A remark
    says for each block what was chosen and by which figures. A selection
    without a profile stays.

    ```mlir
    %s = dejavu.select threshold %p at 0.000000e+00
        profile = <density = 9.900000e-01, active = 1.000000e-01,
                   recall = 9.990000e-01, loss = 0.000000e+00>
        : tensor<?x1x1024xf32> -> !dejavu.active<neuron, 1024>
    %f = dejavu.ffn relu %m, up = @w1 down = @w2
        predicted(%s : !dejavu.active<neuron, 1024>) : tensor<?x1x256xf32>
    ```

    becomes

    ```mlir
    %f = dejavu.ffn relu %m, up = @w1 down = @w2 : tensor<?x1x256xf32>
    ```
  }];
  let options = [
    KVOption<>,
    Option<"minSaving", "min-saving", "double", "0.0",
           "share of a block's bytes that a predictor must save">,
    Option<"maxLoss", "max-loss", "double", "1.0",
           "share of a block's output that a predictor may lose">];
}

def SparsifyAttentionPass
    : Pass<"dejavu-sparsify-attention", "::mlir::ModuleOp"> {
  let summary = "Compute only the heads that a predictor selects";
  let description = [{
    Rewrites each attention of `@decode` that has a hint, and the projections
    around it:

    ```mlir
    %q = dejavu.linear %n, @wq, @bq : ...
    %k = dejavu.linear %n, @wk, @bk : ...
    %v = dejavu.linear %n, @wv, @bv : ...
    %c1 = dejavu.kv_append %c0, %k, %v : ...
    %a, %c2 = dejavu.attention %q, %c1, %starts scale = 0.25
        masked_rows = uniform predicted(%s : !dejavu.active<kv_group, 8>) : ...
    %o = dejavu.linear %a, @wo, @bo : ...
    ```

    becomes, with `kv=deferred`,

    ```mlir
    %q = dejavu.gather_linear %n, %s, @wq, @bq : ...
    %c1 = dejavu.kv_append_deferred %c0, %n, %s key = @wk, @bk
        value = @wv, @bv ring = 64 : ...
    %a, %c2 = dejavu.sparse_attention %q, %c1, %starts, %s scale = 0.25
        masked_rows = uniform : ...
    %o = dejavu.sparse_linear %a, %s, @wo, @bo : ...
    ```

    With `kv=eager` keys and values are computed for all heads, as before. The
    weight of the output projection gets a row for each feature of its input;
    other users of it, in `@prefill`, become `in_major`. What can't be made
    sparse stays dense, and a remark says why.
  }];
  let options = [
    KVOption<>,
    Option<"ring", "ring", "int64_t", "64",
           "steps for which the inputs of deferred keys and values are kept">];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def ThresholdFFNPass : Pass<"dejavu-threshold-ffn", "::mlir::ModuleOp"> {
  let summary = "Leave out the neurons whose activation is small";
  let description = [{
    Reads a file of magnitudes and rewrites each MLP of `@decode` so that rows
    of neurons whose activation (of the gate, if there is one) is below that
    of its layer are not read:

    ```mlir
    %f = dejavu.ffn silu %m, gate = @w0 up = @w1 down = @w2
        : tensor<?x1x256xf32>
    ```

    becomes

    ```mlir
    %g = dejavu.linear %m, @w0 activation = silu
        : tensor<?x1x256xf32> -> tensor<?x1x1024xf32>
    %s = dejavu.select magnitude %g at 5.000000e-02
        : tensor<?x1x1024xf32> -> !dejavu.active<neuron, 1024>
    %h = dejavu.gather_linear %m, %s, @w1 times(%g : tensor<?x1x1024xf32>)
        : tensor<?x1x256xf32>, !dejavu.active<neuron, 1024>
        -> tensor<?x1x1024xf32>
    %f = dejavu.sparse_linear %h, %s, @w2
        : tensor<?x1x1024xf32>, !dejavu.active<neuron, 1024>
        -> tensor<?x1x256xf32>
    ```

    With a second threshold in the file, rows of the down projection are
    left out by the magnitude of the gated product as well.
  }];
  let options = [FileOption<>, CheckModelOption<>];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def CastWeightsPass : Pass<"dejavu-cast-weights", "::mlir::ModuleOp"> {
  let summary = "Store matrices in another floating-point type";
  let description = [{
    Appends a cast to the recipe of every weight of rank 2 whose elements are
    not of the wanted type already. Vectors (biases, norms) become f32: they
    are few bytes. Arithmetic stays in f32. Integers, the scales that recipes
    read and what a `dejavu.load_weight` loads stay as they are.

    ```mlir
    dejavu.weight @w : tensor<8x8xf32> from #dejavu.source<"f", offset = 0, length = 256>
    ```

    becomes, with `type=f16`,

    ```mlir
    dejavu.weight @w : tensor<8x8xf16> from #dejavu.source<"f", offset = 0, length = 256>
        as tensor<8x8xf32> via [#dejavu.cast<f16>]
    ```
  }];
  let options = [
    Option<"type", "type", "::mlir::dejavu::WeightType",
           "::mlir::dejavu::WeightType::f32", "element type of the matrices",
           [{::llvm::cl::values(
               clEnumValN(::mlir::dejavu::WeightType::f32, "f32", "32 bits"),
               clEnumValN(::mlir::dejavu::WeightType::f16, "f16", "IEEE half"),
               clEnumValN(::mlir::dejavu::WeightType::bf16, "bf16",
                          "bfloat16"))}]>];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def VerifyRaisedPass : Pass<"dejavu-verify-raised", "::mlir::ModuleOp"> {
  let summary = "Check what every phase after raise relies on";
  let description = [{
    Fails unless:

    * no op of the `onnx` dialect is left, and a `dejavu.load_weight` only where
      a dense function or the caller of a model without a cache gets it;
    * the module has one `dejavu.signature` and the entry points `@prefill` and
      `@decode`, or `@forward`;
    * every value of type `!dejavu.kv_cache` is used exactly once.

    ```mlir
    // error: expected one use of a cache value, found 2
    ```
  }];
}

#endif // DEJAVU_DIALECT_DEJAVU_TRANSFORMS_PASSES_TD
