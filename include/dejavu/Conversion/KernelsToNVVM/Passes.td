//===- Passes.td - GPU kernels to what NVVM has ------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_CONVERSION_KERNELSTONVVM_PASSES_TD
#define DEJAVU_CONVERSION_KERNELSTONVVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def ExpandKernelOpsPass : Pass<"dejavu-expand-kernel-ops"> {
  let summary = "Expand mathematics and reductions that kernels have no call for";
  let description = [{
    Kernels are linked with no device library. What would become a call of one
    is expanded: `math.exp`, `math.tanh`, `math.erf` and their like to the
    polynomial approximations of the math dialect, and what the hardware has,
    such as `math.sqrt` and `math.exp2`, to intrinsics. `gpu.subgroup_reduce`
    and `gpu.all_reduce` become shuffles of 32 lanes. An op of the math dialect
    for which there is neither is an error.

    ```mlir
    %e = math.exp2 %x : f32
    // becomes
    %e = llvm.call_intrinsic "llvm.exp2"(%x) : (f32) -> f32
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // DEJAVU_CONVERSION_KERNELSTONVVM_PASSES_TD
