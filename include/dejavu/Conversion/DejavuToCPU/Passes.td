//===- Passes.td - from the dejavu dialect to the CPU ------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_CONVERSION_DEJAVUTOCPU_PASSES_TD
#define DEJAVU_CONVERSION_DEJAVUTOCPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertDejavuToCPUPass : Pass<"convert-dejavu-to-cpu", "::mlir::ModuleOp"> {
  let summary = "Lower the entry points to kernels behind the runtime's ABI";
  let description = [{
    Replaces `@prefill` and `@decode` by `@dejavu_prefill` and `@dejavu_decode`,
    which take a `dejavu_step` (include/dejavu-rt/abi.h), or `@forward` by
    `@dejavu_forward`, which takes a `dejavu_call`. Each op becomes a call of a
    kernel, and `@dejavu_decode` one parallel region, in which all threads call
    the same kernels, each for its part. A kernel is generated once for each signature (kind, shapes,
    element type of the weight, activation) in the memref, vector, scf, arith
    and math dialects, so code grows with the distinct shapes and not with the
    layers.

    Activations get places in the workspace by their lifetimes, so nothing is
    allocated at run time. In `@forward`, where activations differ in their
    rows, and behind dense functions, each is allocated when it is made and
    freed after its last use.

    Calls of dense functions, which must have been bufferised, with
    `bufferization.to_buffer` on their operands and `bufferization.to_tensor`
    on their results, stay calls. Their results belong to the entry point.

    Weights that no op uses are erased; the others stay,
    in the order of the table of weights. The module attribute
    `dejavu.manifest` keeps what the manifest says about the model.

    ```mlir
    %y = dejavu.residual_add %x, %o : tensor<?x1x256xf32>
    ```

    becomes

    ```mlir
    call @dejavu_add_256_decode(%0, %1, %2, %rows)
        : (memref<?x256xf32>, memref<?x256xf32>, memref<?x256xf32>, index) -> ()
    ```
  }];
  let options = [
    Option<"lanes", "lanes", "int64_t", "16",
           "f32 lanes of a vector register: 16, 8 or 4">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::omp::OpenMPDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def LowerAllocationsPass : Pass<"dejavu-lower-allocations", "::mlir::ModuleOp"> {
  let summary = "Take memory from the runtime";
  let description = [{
    Replaces `memref.alloc` and `memref.dealloc` by calls of `dejavu_rt_alloc`
    and `dejavu_rt_free` (include/dejavu-rt/abi.h). The runtime's memory is
    aligned to 64 bytes and never null, so the start of a buffer is what frees
    it.

    ```mlir
    %0 = memref.alloc(%n) : memref<?x8xf32>
    ```

    becomes

    ```mlir
    %1 = func.call @dejavu_rt_alloc(%bytes) : (i64) -> !llvm.ptr
    ```

    and a memref that is made of the pointer. Fails on buffers with a layout,
    in another memory space, or with a greater alignment.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect"];
}

def ApproximateMathPass : Pass<"dejavu-approximate-math"> {
  let summary = "Expand exp, erf and tanh on vectors to polynomials";
  let description = [{
    Replaces `math.exp`, `math.erf` and `math.tanh` by the polynomial
    approximations of the math dialect, so that generated code needs no vector
    math library.

    ```mlir
    %e = math.exp %x : vector<16xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

#endif // DEJAVU_CONVERSION_DEJAVUTOCPU_PASSES_TD
