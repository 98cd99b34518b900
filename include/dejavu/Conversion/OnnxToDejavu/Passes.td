//===- Passes.td - onnx ops to dejavu ops ------------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The passes of the raise phase, in the order in which they run. All look at
// structure, types and constants alone: never at names, at the number of
// layers, or at the order of ops.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_CONVERSION_ONNXTODEJAVU_PASSES_TD
#define DEJAVU_CONVERSION_ONNXTODEJAVU_PASSES_TD

include "mlir/Pass/PassBase.td"

def OnnxBindSignaturePass : Pass<"onnx-bind-signature", "::mlir::ModuleOp"> {
  let summary = "Find what each input and output of a decoder is";
  let description = [{
    Finds the calling convention of `@main` from its structure:

    * a *cache* is an argument `%past` of rank 4 with a result
      `Concat(%past, %new)` along axis 2;
    * the *logits* are the one other result;
    * the *ids* index an embedding table with as many rows as the logits have
      columns;
    * the *attention mask* leads to what is added to scores: to a softmax,
      without a product or a lookup in between;
    * the *positions* index another table, or lead to cosines and sines.

    An argument that leads nowhere is told by its name, which counts for nothing
    else.

    Writes the roles as `dejavu.binding` (keys and values are told apart when
    attention is raised), and gives the dimensions the symbols of the
    convention: ids and positions are [batch, tokens], caches
    [batch, heads, past, head dim], the mask [batch, past + tokens]. Exporters
    often give each cache a symbol of its own; that they are equal is what
    the convention adds.

    ```mlir
    func.func @main(%ids: tensor<?x?xi64> {onnx.dims = ["s0", "s1"], onnx.name = "x"})
    ```

    becomes

    ```mlir
    func.func @main(%ids: tensor<?x?xi64> {
        dejavu.binding = #dejavu.binding<"x", ids>,
        onnx.dims = ["batch", "tokens"], onnx.name = "x"})
    ```

    Fails, with notes, if a cache goes in and does not come out, or the other
    way round, if caches differ in heads, or if an argument has no role.
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def OnnxWidenFloatsPass : Pass<"onnx-widen-floats", "::mlir::ModuleOp"> {
  let summary = "Compute in f32 what a model computes in f16 or bf16";
  let description = [{
    The activations of the `dejavu` dialect are of f32. Values of `@main` that
    are of f16 or bf16 become f32, and so do constants; weights are cast by
    their recipe. Arguments and results keep their types: casts follow and
    precede them. Numbers are rounded less often than in the model, so results
    differ by what its own rounding loses. A function with `BitCast` is left as
    it is.

    ```mlir
    func.func @main(%x: tensor<?x8xf16>) -> tensor<?x8xf16> {
      %y = onnx.Relu(%x) : (tensor<?x8xf16>) -> tensor<?x8xf16>
    ```

    becomes

    ```mlir
    func.func @main(%x: tensor<?x8xf16>) -> tensor<?x8xf16> {
      %0 = onnx.Cast(%x) {to = f32} : (tensor<?x8xf16>) -> tensor<?x8xf32>
      %1 = onnx.Relu(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
      %y = onnx.Cast(%1) {to = f16} : (tensor<?x8xf32>) -> tensor<?x8xf16>
    ```
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def OnnxFoldDequantizePass : Pass<"onnx-fold-dequantize", "::mlir::ModuleOp"> {
  let summary = "Make quantised weights plain ones that a recipe dequantises";
  let description = [{
    `DequantizeLinear` of a weight, and the weights of `com.microsoft.
    MatMulNBits` and `GatherBlockQuantized`, become weights of f32 with a
    `#dejavu.dequantize` step, where numbers, scales and zero points are all
    weights and blocks fill their axis. Anything else stays, and is dequantised
    when the model runs.

    ```mlir
    %y = onnx.DequantizeLinear(%w, %s) {axis = 1 : i64, block_size = 32 : i64}
        : (tensor<64x64xi8>, tensor<64x2xf32>) -> tensor<64x64xf32>
    ```

    with `%w` and `%s` loaded from @w and @s becomes

    ```mlir
    %y = dejavu.load_weight @w.dequantized : tensor<64x64xf32>
    dejavu.weight @w.dequantized : tensor<64x64xf32>
        from <"model.onnx.data", offset = 0, length = 4096> as tensor<64x64xi8>
        via [#dejavu.dequantize<scales = @s, axis = 1, block_size = 32>]
    ```
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def OnnxSimplifyPass : Pass<"onnx-simplify", "::mlir::func::FuncOp"> {
  let summary = "Remove what does nothing, and give activations one form";
  let description = [{
    Removes `Identity`, `Concat` of one operand, casts to the same type,
    products with one, transposes that cancel; merges transposes; and replaces
    the compositions of GELU (erf and tanh form) by `onnx.Gelu`.

    ```mlir
    %1 = onnx.Cast(%0) {to = f32} : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %2 = onnx.Relu(%1) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```

    becomes

    ```mlir
    %2 = onnx.Relu(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::onnx::OnnxDialect"];
}

def OnnxBindPositionsPass : Pass<"onnx-bind-positions", "::mlir::ModuleOp"> {
  let summary = "Make an argument of positions that the graph counts itself";
  let description = [{
    Older exports have no input for positions: they count the ones of the
    attention mask. Where the indices of a table depend on the attention mask
    and sizes alone, the reference interpreter evaluates them on witnesses. If
    they are the number of steps since the padding of the row plus a constant,
    an argument with the attribute `dejavu.positions` takes their place. What
    they are for tokens that are padding is not kept: nobody sees those.

    ```mlir
    %1 = onnx.CumSum(%mask, %axis) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>
    %2 = onnx.Slice(%1, %past, %end) axes(%a) : ... -> tensor<?x?xi64>
    %3 = onnx.Gather(%table, %2) : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
    ```

    becomes, since the sum counts the token itself,

    ```mlir
    %2 = onnx.Add(%positions, %one) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>
    %3 = onnx.Gather(%table, %2) : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::onnx::OnnxDialect"];
}

def OnnxFoldShapesPass : Pass<"onnx-fold-shapes", "::mlir::func::FuncOp"> {
  let summary = "Evaluate arithmetic on shapes as far as symbols allow";
  let description = [{
    Uses the polynomials of the analysis SymbolicShapes. Integers that are
    known become constants; a `Reshape` or `Expand` that provably changes
    nothing goes away; the shape of a `Reshape` becomes a constant where 0 (as
    in the input) and one -1 suffice; the round trip over
    [batch * heads, steps, features] that transposes keys becomes one
    `Transpose`.

    ```mlir
    %s = onnx.Shape(%x) {start = 0 : i64} : (tensor<?x?x8xf32>) -> tensor<3xi64>
    %y = onnx.Reshape(%x, %s) : (tensor<?x?x8xf32>, tensor<3xi64>) -> tensor<?x?x8xf32>
    ```

    becomes `%x`.
  }];
  let dependentDialects = ["::mlir::onnx::OnnxDialect"];
}

def OnnxSinkReshapesPass : Pass<"onnx-sink-reshapes", "::mlir::func::FuncOp"> {
  let summary = "Let activations keep their batch and token dimensions";
  let description = [{
    Exports of OPT flatten activations to [batch * tokens, features] before the
    MLP and unfold them behind it. This pass rebuilds the ops between the two
    reshapes on [batch, tokens, features]: norms, `Gemm` (as `MatMul` and `Add`),
    and ops that work element by element.

    ```mlir
    %0 = onnx.Reshape(%x, %flat) : (tensor<?x?x8xf32>, tensor<2xi64>) -> tensor<?x8xf32>
    %1 = onnx.Gemm(%0, %w) : (tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
    %2 = onnx.Reshape(%1, %deep) : (tensor<?x4xf32>, tensor<3xi64>) -> tensor<?x?x4xf32>
    ```

    becomes

    ```mlir
    %2 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::onnx::OnnxDialect"];
}

def RaiseLinearPass : Pass<"raise-linear", "::mlir::ModuleOp"> {
  let summary = "Raise products with a weight, and their biases, to linear";
  let description = [{
    `MatMul` of an activation with a weight, its transpose included, and the
    `Add` of a bias (on either side) become `dejavu.linear`. Linear weights are
    [out, in]: where the file has [in, out], the weight's recipe transposes.

    ```mlir
    %1 = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
    %2 = onnx.Add(%1, %b) : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
    ```

    becomes

    ```mlir
    %2 = dejavu.linear %x, @w.T, @b : tensor<?x?x8xf32> -> tensor<?x?x4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def RaiseNormPass : Pass<"raise-norm", "::mlir::ModuleOp"> {
  let summary = "Raise normalisation over the features to norm";
  let description = [{
    The operators of layer and RMS norms, and what exporters compose them of:
    mean, difference, square, square root and quotient in their spellings, with
    or without a scale (that one may be added to) and a bias.

    Norms over the features of each head become norms in groups of the
    activation whose heads were split, and what splits the heads moves behind
    them. A scale that has elements of its own for each head is a product of its
    own.

    ```mlir
    %n = onnx.LayerNormalization(%x, %scale, %bias) {epsilon = 1.0e-5 : f32}
        : (tensor<?x?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
    ```

    becomes

    ```mlir
    %n = dejavu.norm layer %x, @scale, @bias {epsilon = 1.0e-5 : f32} : tensor<?x?x8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def RaiseEmbedPass : Pass<"raise-embed", "::mlir::func::FuncOp"> {
  let summary = "Raise lookups in a table to embed";
  let description = [{
    `Gather` of rows of a weight by [batch, tokens] indices; a constant that is
    added to the indices becomes the offset, and one that the rows are
    multiplied by the scale.

    ```mlir
    %1 = onnx.Add(%positions, %two) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>
    %2 = onnx.Gather(%table, %1) : (tensor<66x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32>
    ```

    becomes

    ```mlir
    %2 = dejavu.embed %positions, @table {offset = 2 : i64}
        : tensor<?x?xi64> -> tensor<?x?x8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def RaiseResidualPass : Pass<"raise-residual", "::mlir::func::FuncOp"> {
  let summary = "Raise sums of two activations to residual_add";
  let description = [{
    ```mlir
    %y = onnx.Add(%x, %o) : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    ```

    becomes, if the shapes are provably equal (nothing is broadcast),

    ```mlir
    %y = dejavu.residual_add %x, %o : tensor<?x?x8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def RaiseAttentionPass : Pass<"raise-attention", "::mlir::ModuleOp"> {
  let summary = "Raise attention over past and new keys to an explicit cache";
  let description = [{
    Finds attention by its core, a `Softmax` between two products, and by what
    stands around it: scaling by constants on either side, a soft cap, masks that are added or chosen by, a guard against
    NaN, heads that are split off in any order of dimensions, repeated, and
    merged again, keys and values that are concatenated to a past argument. For
    each it adds a cache argument and result to `@main` and, once, the argument
    `starts`:

    ```mlir
    %c1 = dejavu.kv_append %c0, %k, %v : !dejavu.kv_cache<8 x 32>, tensor<?x?x256xf32>
    %a, %c2 = dejavu.attention %q, %c1, %starts scale = 0.25 masked_rows = uniform
        : tensor<?x?x256xf32>, !dejavu.kv_cache<8 x 32>, tensor<?xi64>
    ```

    What the masks mean is not read off their structure, which differs from
    exporter to exporter. Their slice of the graph is evaluated by the reference
    interpreter for various batches, lengths and contents of the attention
    mask, and compared with causality, padding, a window whose size is found,
    and a bias with a slope for each head; see docs/Rationale/Masks.md. Caches
    are numbered in the order of the key arguments.

    A remark of category `raise` says for each attention that it was raised, or
    why not; in the latter case the core gets the attribute
    `dejavu.not_raised`.
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def RaiseSDPAPass : Pass<"raise-sdpa", "::mlir::ModuleOp"> {
  let summary = "Raise attention over given keys and values";
  let description = [{
    The same cores as `raise-attention`, wherever keys and values come from and
    whatever the mask means: what is done to the scores becomes one mask, which
    stays a tensor of the graph.

    ```mlir
    %a = dejavu.sdpa %q, %k, %v mask(%m) heads = 8 kv_heads = 8 scale = 0.125
        masked_rows = uniform
        : (tensor<?x?x256xf32>, tensor<?x?x256xf32>, tensor<?x?x256xf32>,
           tensor<?x1x1x?xi1>) -> tensor<?x?x256xf32>
    ```

    A row all of whose scores are minus infinity is NaN in the graph, unless it
    guards against that. Here it is the mean of the values.

    A remark of category `raise` says for each attention that it was raised, or
    why not; in the latter case the core gets the attribute
    `dejavu.not_raised`.
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def RaiseRopePass : Pass<"raise-rope", "::mlir::ModuleOp"> {
  let summary = "Raise rotary position embeddings to rope";
  let description = [{
    A rotated query or key is linear in an activation and in factors that depend
    on positions alone. The analysis LaneProvenance tells for each of its lanes
    which lanes of both make it; if that is a rotation of pairs, half apart or
    side by side, of all features of a head or the first ones, it becomes
    `dejavu.rope` of the activation, and what splits the heads moves behind it.

    Where the factors are the cosines and sines of positions times a vector of
    frequencies, their table is `dejavu.rope_table`, and else they are joined.

    ```mlir
    %y = onnx.Mul(%q, %cos) : (tensor<?x4x?x16xf32>, tensor<?x1x?x16xf32>) -> tensor<?x4x?x16xf32>
    ...
    %r = onnx.Add(%y, %z) : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32>
    ```

    becomes

    ```mlir
    %t = dejavu.rope_table %positions, @inv_freq : tensor<?x?xi64> -> tensor<?x?x16xf32>
    %r = dejavu.rope %x, %t heads = 4 : tensor<?x?x64xf32>, tensor<?x?x16xf32>
    ```

    A remark of category `raise` says for each that is not raised why not.
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def RaiseFFNPass : Pass<"raise-ffn", "::mlir::ModuleOp"> {
  let summary = "Raise linear layers around an activation to ffn";
  let description = [{
    Activations are ReLU, squared ReLU, GELU in three forms and SiLU. Which one
    it is, and whether its result is multiplied by another projection, is found
    by evaluating the ops between the layers on numbers, whatever they are. The
    projections may be parts of one packed layer, whose weight is then cut. The
    down projection of `dejavu.ffn` is neuron-major, so its recipe transposes.

    ```mlir
    %1 = dejavu.linear %x, @w1, @b1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
    %2 = onnx.Relu(%1) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
    %3 = dejavu.linear %2, @w2, @b2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>
    ```

    becomes

    ```mlir
    %3 = dejavu.ffn relu %x, up = @w1, @b1 down = @w2.T, @b2 : tensor<?x?x8xf32>
    ```

    A remark of category `raise` says for each activation that its MLP was
    raised, or why not; in the latter case the activation gets the attribute
    `dejavu.not_raised`.
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def RaiseDecoderPass : Pass<"raise-decoder", "::mlir::ModuleOp"> {
  let summary = "Make @prefill and @decode of @main";
  let description = [{
    Replaces `@main`, in which only `dejavu` ops may lead to the logits and the
    caches, by `@prefill` and `@decode`, with the arguments ids, positions,
    starts, (in `@prefill`) the first token that logits are wanted for, and the
    caches. The linear layer of the logits becomes `lm_head`. Writes the
    `dejavu.signature`, and removes weights that are not used.

    Ops come in an order that depends on the data flow alone.

    ```mlir
    func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>,
                      %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<8 x 32>)
        -> (tensor<?x1x8192xf32>, !dejavu.kv_cache<8 x 32>)
        attributes {dejavu.entry = #dejavu.entry<decode>}
    ```

    If `onnx` ops are left, fails with an error that names them.
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

def RaiseForwardPass : Pass<"raise-forward", "::mlir::ModuleOp"> {
  let summary = "Make @forward of @main";
  let description = [{
    Renames `@main` to `@forward`, whose arguments and results are the inputs and
    outputs of the model as they are, writes the `dejavu.signature`, in which
    all of them are `plain`, and removes what is not used.

    ```mlir
    func.func @main(%x: tensor<?x8xf32> {onnx.name = "x"})
        -> (tensor<?x8xf32> {onnx.name = "y"})
    ```

    becomes

    ```mlir
    dejavu.signature inputs [#dejavu.binding<"x", plain>]
                     outputs [#dejavu.binding<"y", plain>]
    func.func @forward(%x: tensor<?x8xf32> {onnx.name = "x"})
        -> (tensor<?x8xf32> {onnx.name = "y"})
        attributes {dejavu.entry = #dejavu.entry<forward>}
    ```
  }];
  let dependentDialects = ["::mlir::dejavu::DejavuDialect"];
}

#endif // DEJAVU_CONVERSION_ONNXTODEJAVU_PASSES_TD
