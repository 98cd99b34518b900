//===- Passes.td - from the onnx dialect to loops ----------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What no pattern of raise has claimed is compiled as it is: it is moved to
// functions of its own, which become loops over buffers.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_CONVERSION_ONNXTOLINALG_PASSES_TD
#define DEJAVU_CONVERSION_ONNXTOLINALG_PASSES_TD

include "mlir/Pass/PassBase.td"

def OutlineDensePass : Pass<"dejavu-outline-dense", "::mlir::ModuleOp"> {
  let summary = "Move onnx ops to functions of their own";
  let description = [{
    Moves the onnx ops of the entry points (functions with `dejavu.entry`) to
    private functions with the unit attribute `dejavu.dense`, as few as
    possible: ops are put in another order, so that all those that do not
    depend on a dejavu op come first, then those that depend on results of the
    dejavu ops that can run then, and so on. Constants are copied into each
    function that uses them. The attribute `dejavu.leftovers` of a function
    keeps which ops it was made of, for the report of what was raised.

    ```mlir
    %m = onnx.Mul(%x, %y) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
    ```

    becomes

    ```mlir
    %m = call @forward_dense_0(%x, %y) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def ConvertOnnxToLinalgPass
    : Pass<"convert-onnx-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Lower dense functions to linalg on tensors";
  let description = [{
    Replaces the onnx ops of functions with the attribute `dejavu.dense` by
    ops of the linalg, tensor, arith, math and scf dialects. Tensors get
    signless element types. Where shapes or indices may not fit, which is
    known only when the program runs, `cf.assert` stops it before anything is
    read.

    Small integer tensors that are computed from dimensions are followed
    element by element, so that reshapes and broadcasts know which dimensions
    are equal.

    ```mlir
    %c = onnx.Add(%a, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    ```

    becomes

    ```mlir
    %0 = tensor.empty() : tensor<4xf32>
    %c = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
        ins(%a, %b : tensor<4xf32>, tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%x: f32, %y: f32, %out: f32):
      %sum = arith.addf %x, %y : f32
      linalg.yield %sum : f32
    } -> tensor<4xf32>
    ```

    Ops without a lowering are reported all at once.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::cf::ControlFlowDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def BufferizeDensePass : Pass<"dejavu-bufferize-dense", "::mlir::ModuleOp"> {
  let summary = "Turn dense functions on tensors into loops over buffers";
  let description = [{
    Fuses, bufferises (upstream's one-shot analysis) and lowers to loops the
    functions with the attribute `dejavu.dense`. They take memrefs without a
    layout and return memrefs that they have allocated, each of its own. Buffers
    inside are freed after their last use. Calls get `bufferization.to_buffer`
    on operands and `bufferization.to_tensor` on results.

    ```mlir
    func.func private @dense(%x: tensor<?xf32>) -> tensor<?xf32> attributes {dejavu.dense}
    ```

    becomes

    ```mlir
    func.func private @dense(%x: memref<?xf32>) -> memref<?xf32> attributes {dejavu.dense}
    ```
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def DenseDeallocationPass
    : Pass<"dejavu-dense-deallocation", "::mlir::func::FuncOp"> {
  let summary = "Free the buffers of a dense function after their last use";
  let description = [{
    Frees each `memref.alloc` behind the last op of its block that uses it or a
    view of it, and copies what a function or an `scf.if` returns, unless it is
    a buffer of its own: so each result belongs to whoever gets it. Fails if a
    loop carries buffers that it allocates.

    ```mlir
    %0 = memref.alloc() : memref<4xf32>
    memref.store %x, %0[%i] : memref<4xf32>
    memref.dealloc %0 : memref<4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect"];
}

#endif // DEJAVU_CONVERSION_ONNXTOLINALG_PASSES_TD
