//===- Passes.td - from the dejavu dialect to CUDA ---------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_CONVERSION_DEJAVUTOCUDA_PASSES_TD
#define DEJAVU_CONVERSION_DEJAVUTOCUDA_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertDejavuToCUDAPass
    : Pass<"convert-dejavu-to-cuda", "::mlir::ModuleOp"> {
  let summary = "Lower the entry points to CUDA kernels and their launches";
  let description = [{
    Replaces `@prefill` and `@decode` by `@dejavu_prefill` and
    `@dejavu_decode`, which take a `dejavu_step` (include/dejavu-rt/abi.h) and
    launch kernels through `dejavu_rt_launch`, and adds `@dejavu_sample`, which
    chooses the next id on the device. The three only launch: no decision
    depends on what the device computes, so a decode step can be captured into
    a CUDA graph.

    The kernels are in a `gpu.module` for each chip, all with the same kernels
    in the same order. A kernel is generated once for each signature in the
    gpu, scf, arith, vector and llvm dialects; its attributes say how it is
    launched. Products exist for 1, 2, 4 and 8 rows; the host code takes what
    fits the batch. `@dejavu_prefill` leaves products of more rows to a library
    where the runtime has one (`dejavu_rt_has_matmul`, `dejavu_rt_matmul`).

    Sums of a residual are part of the product that they follow. An MLP of one
    row, dense or of exact sparsity, is one launch where there is a kernel, and
    one for the sum of its blocks; with `reduction=atomic` blocks add to the
    result instead, which begins as the residual: the product that makes that
    stores it twice, or nobody else reads it. Where neither is so, and for MLPs
    that are not one launch, a remark of category `lower` says that sums stay in
    order. Weights that no op uses are erased. The module attribute
    `dejavu.manifest` keeps what the manifest says about the model.

    Ops that have no kernel are errors: predictors and what they choose, dense
    functions, models without a cache.

    ```mlir
    %y = dejavu.residual_add %x, %o : tensor<?x1x256xf32>
    ```

    becomes a launch of

    ```mlir
    gpu.func @dejavu_add_256(%lhs: !llvm.ptr, %rhs: !llvm.ptr, %y: !llvm.ptr)
        kernel attributes {known_block_size = array<i32: 256, 1, 1>, ...}
    ```
  }];
  let options = [
    ListOption<"chips", "chips", "std::string",
               "GPUs to make kernels for, such as sm_90; by default the "
               "portable set">,
    Option<"reduction", "reduction", "::mlir::dejavu::Reduction",
           "::mlir::dejavu::Reduction::deterministic",
           "How the sums of a kernel's blocks become one", [{
             ::llvm::cl::values(
               clEnumValN(::mlir::dejavu::Reduction::deterministic,
                          "deterministic", "in one order"),
               clEnumValN(::mlir::dejavu::Reduction::atomic, "atomic",
                          "in any order, where a kernel can add to its result"))
           }]>];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"];
}

#endif // DEJAVU_CONVERSION_DEJAVUTOCUDA_PASSES_TD
