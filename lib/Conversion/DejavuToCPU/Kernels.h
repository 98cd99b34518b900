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
// Kernels that are called shared have two arguments more, the thread and how
// many there are (Team): each thread calls them and does its part. What is in
// no part is done by nobody, so a kernel writes nothing outside of its
// thread's.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_KERNELS_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_KERNELS_H

#include "KernelBuilder.h"

namespace mlir::dejavu::cpu {

//===--- ElementwiseKernels.cpp
//--------------------------------------------===//

/// (ids : memref<? x i64>, table, offset, result, rows): rows of the table,
/// times `scale`.
func::FuncOp getEmbedKernel(KernelLibrary &library, RankedTensorType table,
                            llvm::APFloat scale, bool parallel);
/// (given : memref<? x i64>, indices : memref<? x i64>, offset, size, count,
/// node : i64): indices = given + offset, where negative ones count from the
/// end. What is not in 0 .. size - 1 then fails the call, and becomes 0.
func::FuncOp getIndicesKernel(KernelLibrary &library);
/// (lhs, rhs, result, rows)
func::FuncOp getAddKernel(KernelLibrary &library, int64_t features,
                          bool parallel);
/// What a norm kernel depends on.
struct NormSpec {
  NormKind kind;
  int64_t features; ///< of one group
  bool hasScale, hasBias;
  llvm::APFloat epsilon;
  llvm::APFloat weightOffset; ///< added to the scale
};
/// (input, [scale], [bias], result, rows)
func::FuncOp getNormKernel(KernelLibrary &library, const NormSpec &spec,
                           bool parallel);

/// What comes behind a product: activation(cap(scale * (x + bias))).
struct Epilogue {
  bool hasBias = false;
  std::optional<Activation> activation;
  float scale = 1;
  float softcap = 0; ///< no cap if 0

  bool isNothing() const {
    return !hasBias && !activation && scale == 1 && softcap == 0;
  }
  /// The ending of a kernel's name.
  std::string getName() const;
  /// All of it but the bias.
  Value apply(KernelBuilder &b, Value vector) const;
};
/// (values, [bias], rows): the epilogue, in place.
func::FuncOp getEpilogueKernel(KernelLibrary &library, int64_t features,
                               const Epilogue &epilogue);
/// (values, factors, [bias of the factors], rows):
/// values = values * (factors + bias), in place.
func::FuncOp getGateKernel(KernelLibrary &library, int64_t features,
                           bool hasFactorBias);

//===--- RopeKernels.cpp
//---------------------------------------------------===//

/// (positions : memref<? x i64>, frequencies, result, rows)
func::FuncOp getRopeTableKernel(KernelLibrary &library, int64_t features,
                                llvm::APFloat scale);
/// (input, table, period, result, rows): row r has the angles of row r modulo
/// `period` of the table.
func::FuncOp getRopeKernel(KernelLibrary &library, int64_t features,
                           int64_t heads, int64_t rotated, bool interleaved,
                           bool parallel);

//===--- DecodeKernels.cpp
//-------------------------------------------------===//

/// One product of a linear kernel.
struct LinearSpec {
  RankedTensorType weight; ///< [out, in]
  Epilogue epilogue;
};
/// Whether a weight is large enough to be shared among threads.
bool isWorthThreads(RankedTensorType weight);
/// Shared. (input, {weight, [bias], result}..., rows): rows of the weights as
/// dot products with the same input.
func::FuncOp getLinearKernel(KernelLibrary &library,
                             ArrayRef<LinearSpec> specs);
/// Shared. (input, gate, [bias], up, [bias], result, rows):
/// epilogue(input * gate^T) times input * up^T, where the up projection has a
/// bias at most.
func::FuncOp getGatedLinearKernel(KernelLibrary &library,
                                  const LinearSpec &gate, const LinearSpec &up);
/// What a kernel that gathers rows depends on.
struct GatherSpec {
  LinearSpec linear; ///< its epilogue has a bias and an activation at most
  bool hasFactor = false;
  bool fills = true; ///< whether the features that are not gathered become 0
};
/// Shared. (input, indices, counts, weight [out, in], [bias], [factor], result,
/// rows): for the features of an active set epilogue(input * weight^T), times
/// the factor.
func::FuncOp getGatherLinearKernel(KernelLibrary &library,
                                   const GatherSpec &spec);

//===--- SelectKernels.cpp
//-------------------------------------------------===//

/// memref<? x extent x i32>: the indices of active sets.
MemRefType getIndicesType(MLIRContext *context, int64_t extent);
/// memref<? x i32>: how many there are.
MemRefType getCountsType(MLIRContext *context);
/// The i32 at a place, as index.
Value loadIndex(KernelBuilder &b, Value memref, ValueRange at);
/// (scores, indices, counts, rows, [threshold : f32 | k : index])
func::FuncOp getSelectKernel(KernelLibrary &library, SelectKind kind,
                             int64_t extent);
/// (values, indices, counts, result indices, result counts, rows): the units of
/// the sets whose values are not zero.
func::FuncOp getFilterKernel(KernelLibrary &library, int64_t extent);
/// (indices, counts, result indices, result counts, rows): sets of the `block`
/// features that each unit has.
func::FuncOp getExpandKernel(KernelLibrary &library, int64_t extent,
                             int64_t block);
/// (input, signs [in / 8, units], [bias], result, rows): the scores of
/// predictors by signs.
func::FuncOp getSignBitKernel(KernelLibrary &library, int64_t in, int64_t units,
                              bool hasBias);

//===--- RowSumKernels.cpp
//-------------------------------------------------===//

/// Shared. (input, weight [in, out], [scale], [bias], result, rows): rows of
/// the weight, each times an element of the input, summed; the sums times the
/// scale.
func::FuncOp getRowSumKernel(KernelLibrary &library, RankedTensorType weight,
                             bool hasBias, bool hasScale = false);
/// Shared. (input, indices, counts, weight [in, out], [bias], result, rows):
/// the same for the rows of an active set.
func::FuncOp getSparseRowSumKernel(KernelLibrary &library,
                                   RankedTensorType weight, bool hasBias);

//===--- AttentionKernels.cpp
//----------------------------------------------===//

/// memref<? x heads x ? x headDim x f32>: a cache of keys or values.
MemRefType getCacheType(KVCacheType cache);
/// (key, value, keys, values, past, tokens, rows). Shared unless `parallel`: a
/// thread writes the heads that it attends to in the attention kernel.
func::FuncOp getKVAppendKernel(KernelLibrary &library, KVCacheType cache,
                               bool parallel);
/// What an attention kernel depends on.
struct AttentionSpec {
  KVCacheType cache;
  int64_t features; ///< of the queries
  llvm::APFloat scale, softcap;
  MaskedRows maskedRows;
  std::optional<int64_t> window;
  bool hasSlopes;

  /// Query heads that read a head of the cache.
  int64_t getGroup() const {
    return features / (cache.getHeads() * cache.getHeadDim());
  }
};
/// (query, keys, values, starts : memref<? x i64>, result, past, tokens, rows,
/// [slopes : memref<heads x f32>]). Shared, or if it is `parallel`, with a
/// region of its own.
func::FuncOp getAttentionKernel(KernelLibrary &library,
                                const AttentionSpec &spec, bool parallel);

/// Shared. (query, keys, values, starts, result, past, tokens, rows, [slopes],
/// indices, counts): the same for the heads of active sets; 0 for the others.
func::FuncOp getSparseAttentionKernel(KernelLibrary &library,
                                      const AttentionSpec &spec);

//===--- DeferredKernels.cpp
//-----------------------------------------------===//

/// What a kernel that defers keys and values depends on.
struct DeferredSpec {
  KVCacheType cache;
  int64_t in, ring;
  RankedTensorType key, value; ///< [heads * headDim, in]
  bool hasKeyBias, hasValueBias;
  int64_t rotated = 0; ///< features of the table, 0 without one
  bool isInterleaved = false;

  /// Elements that are kept of a step: the input and its row of the table.
  int64_t getWidth() const { return in + rotated; }
  std::string getName() const;
};
/// memref<? x width x f32>: what is kept, `ring` rows for each sequence.
MemRefType getKeptType(MLIRContext *context, const DeferredSpec &spec);
/// memref<? x heads x i64>: steps of each head.
MemRefType getStepsType(MLIRContext *context, const DeferredSpec &spec);
/// (input, indices, counts, kept, complete, first, computed : memref<? x i32>,
/// past, flush, rows, [table, rows of the table]): keeps the input, and decides
/// which heads are computed now, and from which step on: `first`, of the type
/// of `complete`. `computed` gets their number.
func::FuncOp getDeferPlanKernel(KernelLibrary &library,
                                const DeferredSpec &spec);
/// Shared. (kept, first, keys, values, past, rows, key, [bias], value, [bias]):
/// keys and values of the heads and steps that were planned.
func::FuncOp getDeferredKernel(KernelLibrary &library,
                               const DeferredSpec &spec);
/// (kept, first, keys, past, rows): rotates these keys.
func::FuncOp getDeferredRopeKernel(KernelLibrary &library,
                                   const DeferredSpec &spec);

//===--- AttentionKernels.cpp
//----------------------------------------------===//

/// What an attention kernel without a cache depends on.
struct SDPASpec {
  int64_t heads, kvHeads, headDim, valueDim;
  llvm::APFloat scale, softcap;
  MaskedRows maskedRows;
  bool causal;
  /// memref [batch, heads, queries, keys] of i1 or f32, or null.
  MemRefType mask;
};
/// (query, keys, values, result, batch, queries, keys, [mask])
func::FuncOp getSDPAKernel(KernelLibrary &library, const SDPASpec &spec);

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
