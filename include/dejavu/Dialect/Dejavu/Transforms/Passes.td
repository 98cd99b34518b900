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
    %h = dejavu.gather_linear %m, %s, @w1 times %g
        : tensor<?x1x256xf32>, !dejavu.active<neuron, 1024>
        -> tensor<?x1x1024xf32>
    %f = dejavu.sparse_linear %h, %s, @w2
        : tensor<?x1x1024xf32>, !dejavu.active<neuron, 1024>
        -> tensor<?x1x256xf32>
    ```

    Other activations stay dense, and a remark says so. `@prefill` stays dense
    too: over the tokens of a prompt nearly every neuron is active for some
    token, so a dense product reads no more and runs faster.
  }];
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
