//===- Kernels.h - the kernels, one function for each family ----*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function returns the kernel for a signature. Rows of activations are
// memref<? x features x f32>; the number of rows is an argument. `parallel`
// says whether rows are shared among threads: in prefill they are, in decode
// there are too few.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_KERNELS_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_KERNELS_H

#include "KernelBuilder.h"

namespace mlir::dejavu::cpu {

//===--- ElementwiseKernels.cpp
//--------------------------------------------===//

/// (ids : memref<? x i64>, table, offset, result, rows)
func::FuncOp getEmbedKernel(KernelLibrary &library, RankedTensorType table,
                            bool parallel);
/// (given : memref<? x i64>, indices : memref<? x i64>, offset, size, count,
/// node : i64): indices = given + offset, where negative ones count from the
/// end. What is not in 0 .. size - 1 then fails the call, and becomes 0.
func::FuncOp getIndicesKernel(KernelLibrary &library);
/// (lhs, rhs, result, rows)
func::FuncOp getAddKernel(KernelLibrary &library, int64_t features,
                          bool parallel);
/// (input, scale, [bias], result, rows)
func::FuncOp getNormKernel(KernelLibrary &library, NormKind kind,
                           int64_t features, bool hasBias,
                           llvm::APFloat epsilon, bool parallel);
/// (values, [bias], rows): values = activation(values + bias), in place.
func::FuncOp getEpilogueKernel(KernelLibrary &library, int64_t features,
                               bool hasBias,
                               std::optional<Activation> activation);

//===--- DecodeKernels.cpp
//-------------------------------------------------===//

/// One product of a linear kernel.
struct LinearSpec {
  RankedTensorType weight; ///< [out, in]
  bool hasBias;
  std::optional<Activation> activation;
};
/// (input, {weight, [bias], result}..., rows): rows of the weights as dot
/// products with the same input, all in one parallel loop.
func::FuncOp getLinearKernel(KernelLibrary &library,
                             ArrayRef<LinearSpec> specs);
/// (input, weight [in, out], [bias], result, rows): rows of the weight scaled
/// and summed.
func::FuncOp getRowSumKernel(KernelLibrary &library, RankedTensorType weight,
                             bool hasBias);
/// (input, indices, counts, weight [in, out], [bias], result, rows): the same
/// for the rows of an active set.
func::FuncOp getSparseRowSumKernel(KernelLibrary &library,
                                   RankedTensorType weight, bool hasBias);
/// (scores, indices : memref<? x extent x i32>, counts : memref<? x i32>, rows)
func::FuncOp getSelectKernel(KernelLibrary &library, int64_t extent);

//===--- AttentionKernels.cpp
//----------------------------------------------===//

/// memref<? x heads x ? x headDim x f32>: a cache of keys or values.
MemRefType getCacheType(KVCacheType cache);
/// (key, value, keys, values, past, tokens, rows)
func::FuncOp getKVAppendKernel(KernelLibrary &library, KVCacheType cache,
                               bool parallel);
/// (query, keys, values, starts : memref<? x i64>, scratch, result, past,
/// tokens, rows)
func::FuncOp getAttentionKernel(KernelLibrary &library, KVCacheType cache,
                                int64_t features, llvm::APFloat scale,
                                MaskedRows maskedRows);
/// Scratch of an attention kernel for one row, and its type.
MemRefType getAttentionScratchType(KernelLibrary &library, KVCacheType cache);

//===--- GemmKernels.cpp
//---------------------------------------------------===//

/// (input, first row, weight, result, first row, rows, [scratch]) -> i32:
/// result = input * weight, or with `transposed` input * weight^T, through
/// oneDNN. Weights that are not f32 are converted to `scratch` in blocks.
func::FuncOp getGemmKernel(KernelLibrary &library, RankedTensorType weight,
                           bool transposed);
/// The scratch, or null if none is needed.
MemRefType getGemmScratchType(RankedTensorType weight);

} // namespace mlir::dejavu::cpu

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_KERNELS_H
