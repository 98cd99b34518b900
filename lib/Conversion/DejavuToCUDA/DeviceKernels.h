//===- DeviceKernels.h - the CUDA kernels, by family ------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function returns the number of the kernel for a signature; a comment
// says its arguments and its grid. Rows of activations are f32 [rows,
// features]. Sums have an order that depends on shapes alone, and in the fused
// MLP on the number of multiprocessors: the same input gives the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DEVICEKERNELS_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DEVICEKERNELS_H

#include "DeviceBuilder.h"

#include "dejavu/Dialect/Dejavu/IR/SyntheticFormula.h"

namespace mlir::dejavu::cuda {

//===--- ElementwiseKernels.cpp -------------------------------------------===//

/// (ids, table, result): rows of the table from `offset` on, times `scale`.
/// Grid: rows.
int64_t getEmbedKernel(DeviceLibrary &library, RankedTensorType table,
                       int64_t offset, llvm::APFloat scale);
/// (lhs, rhs, result): the sum. Grid: rows.
int64_t getAddKernel(DeviceLibrary &library, int64_t features);
/// What a norm kernel depends on.
struct NormSpec {
  NormKind kind;
  int64_t features; ///< of one group
  bool hasScale, hasBias;
  llvm::APFloat epsilon, weightOffset;

  std::string getName() const;
};
/// (input, [scale], [bias], result). Grid: rows of groups.
int64_t getNormKernel(DeviceLibrary &library, const NormSpec &spec);

//===--- SampleKernels.cpp ------------------------------------------------===//

/// (ids, positions, past_at, emitted, sampling, logits, batch): chooses the
/// next id of each row from its logits as dejavu_sampling says; the row's
/// position and its count of random numbers move on. Grid: batch.
int64_t getSampleKernel(DeviceLibrary &library, int64_t vocabulary);
/// (past_at): one step on. Grid: 1.
int64_t getAdvanceKernel(DeviceLibrary &library);

//===--- FillKernels.cpp --------------------------------------------------===//

/// (result, count, number, first, second): the elements of a synthetic weight.
/// `number` is that of the weight; the parameters of the formula are bits of
/// f32. Grid: getFillBlocks.
int64_t getFillKernel(DeviceLibrary &library, SyntheticFormula::Kind kind,
                      Type element);
int64_t getFillBlocks(int64_t count);

//===--- RopeKernels.cpp --------------------------------------------------===//

/// (positions, frequencies, result). Grid: rows.
int64_t getRopeTableKernel(DeviceLibrary &library, int64_t features,
                           llvm::APFloat scale);
/// How heads are rotated by a row of a table: cosines, then sines.
struct Rotation {
  int64_t rotated; ///< features of a head that take part
  bool interleaved;

  std::string getName() const;
  /// Element `at` of `head` [headDim], rotated.
  Value rotate(DeviceBuilder &b, Value head, Value table, Value at,
               int64_t headDim) const;
};
/// (input, table, result). Grid: rows.
int64_t getRopeKernel(DeviceLibrary &library, int64_t features, int64_t heads,
                      const Rotation &rotation);
/// What appending to a cache depends on.
struct AppendSpec {
  KVCacheType cache;
  Type element; ///< of the cache
  std::optional<Rotation> key = {};
  /// Queries that are rotated on the way, if any.
  std::optional<Rotation> query = {};
  int64_t queryHeads = 0;

  std::string getName() const;
};
/// (key, value, [key table], [query, query table, rotated query], keys, values,
/// past_at, tokens, capacity). Grid: rows.
int64_t getKVAppendKernel(DeviceLibrary &library, const AppendSpec &spec);

//===--- LinearKernels.cpp ------------------------------------------------===//

/// What comes behind a product: activation(cap(scale * (x + bias))), plus a
/// row of the residual stream; of the result a linear kernel may make a copy.
struct Epilogue {
  bool hasBias = false;
  std::optional<Activation> activation;
  float scale = 1;
  float softcap = 0; ///< no cap if 0
  bool hasResidual = false;
  bool hasCopy = false;

  std::string getName() const;
  bool isNothing() const {
    return !hasBias && !activation && scale == 1 && softcap == 0 &&
           !hasResidual && !hasCopy;
  }
  Value apply(DeviceBuilder &b, Value x) const;
};
/// What a linear kernel depends on.
struct LinearSpec {
  /// Rows of the weights [out, in]. More than one for several products with the
  /// same input, which have the same epilogue.
  SmallVector<int64_t> outs;
  int64_t in;
  Type element; ///< of the weights
  Epilogue epilogue;
  bool isGated = false; ///< times the product with a second weight
  bool hasFactorBias = false;

  explicit LinearSpec(RankedTensorType weight, Epilogue epilogue = {})
      : outs({weight.getDimSize(0)}), in(weight.getDimSize(1)),
        element(weight.getElementType()), epilogue(epilogue) {}
  std::string getName() const;
};
/// (input, {weight, [bias], [factor weight], [factor bias], [residual], result,
/// [copy]} for each product, rows, part, tokens, from): rows of the weights as
/// dot products with rows of the input, of which each sequence has `tokens`:
/// with `part` of them, those from `from` on. Grid: getLinearBlocks, ceil(rows
/// / rowBlock).
int64_t getLinearKernel(DeviceLibrary &library, const LinearSpec &spec,
                        int64_t rowBlock);
/// Blocks in x.
int64_t getLinearBlocks(const LinearSpec &spec, int64_t rowBlock);

//===--- MatrixProductKernels.cpp -----------------------------------------===//

/// Rows of the input that matrix products take at once.
inline constexpr int64_t kMatrixRows = 8;
/// Whether there is a kernel for these shapes.
bool hasMatrixLinear(const LinearSpec &spec);
/// The same as a linear kernel of eight rows, by matrix products. Grid:
/// getMatrixLinearBlocks, ceil(rows / 8).
int64_t getMatrixLinearKernel(DeviceLibrary &library, const LinearSpec &spec);
int64_t getMatrixLinearBlocks(const LinearSpec &spec);
/// Whether there is a kernel for these shapes.
bool hasMatrixRowSum(RankedTensorType weight);
/// The same as a row sum of eight rows that is not sparse, by matrix products.
/// Grid: getMatrixRowSumBlocks, parts, ceil(rows / 8).
int64_t getMatrixRowSumKernel(DeviceLibrary &library, RankedTensorType weight,
                              int64_t parts);
int64_t getMatrixRowSumBlocks(RankedTensorType weight);

//===--- StreamedLinearKernels.cpp ----------------------------------------===//

/// What a linear kernel for one row depends on.
struct StreamedLinearSpec {
  LinearSpec linear;
  std::optional<NormSpec> norm; ///< of the input, if that is part of it
};
/// Whether there is a kernel for these shapes.
bool hasStreamedLinear(const LinearSpec &spec);
/// (input, [norm scale], [norm bias], and what linear kernels have behind the
/// input): one row, number `from` of the input. Grid: one block for each
/// multiprocessor.
int64_t getStreamedLinearKernel(DeviceLibrary &library,
                                const StreamedLinearSpec &spec);

//===--- ProductKernels.cpp -----------------------------------------------===//

/// (input, result [rows, features], part, tokens, from): rows of the input, as
/// a linear kernel takes them, in the type of a weight. Grid: rows.
int64_t getConvertKernel(DeviceLibrary &library, int64_t features,
                         Type element);
/// (product [rows, out], [bias], factor [rows, out], [factor bias],
/// [residual]): what a gated linear kernel does behind its sums, in place.
/// Grid: ceil(out / 256), rows.
int64_t getGateKernel(DeviceLibrary &library, const LinearSpec &spec);

//===--- RowSumKernels.cpp ------------------------------------------------===//

/// What a kernel that skips products depends on.
struct GatherSpec {
  RankedTensorType weight; ///< [out, in]
  bool hasBias;
};
/// (input, weight, [bias], factor, result, rows): (input * weight^T + bias)
/// times the factor. Rows of the weight for which all factors are zero are not
/// read. Grid: getGatherLinearBlocks, ceil(rows / rowBlock).
int64_t getGatherLinearKernel(DeviceLibrary &library, const GatherSpec &spec,
                              int64_t rowBlock);
int64_t getGatherLinearBlocks(const GatherSpec &spec);

/// Parts into which the rows of a weight [in, out] are cut, each summed by
/// blocks of its own, where there are few rows.
int64_t getRowSumParts(RankedTensorType weight);
/// (input, weight [in, out], partial, rows): rows of the weight, each times an
/// element of the input, summed; zeros of the input are not read where
/// `isSparse`. `partial` is [parts, rows, out]. Grid: getRowSumBlocks, parts,
/// ceil(rows / rowBlock).
int64_t getRowSumKernel(DeviceLibrary &library, RankedTensorType weight,
                        int64_t parts, int64_t rowBlock, bool isSparse);
int64_t getRowSumBlocks(RankedTensorType weight);
/// (partial [parts, rows, out], [bias], [residual], result, rows): sums the
/// parts; the result of one may be in its place. Grid: ceil(out / 256), rows.
int64_t getPartialSumKernel(DeviceLibrary &library, int64_t parts, int64_t out,
                            const Epilogue &epilogue);
/// (values, counts): how many of a row are not zero. Grid: rows.
int64_t getCountKernel(DeviceLibrary &library, int64_t extent);

//===--- FusedFFNKernels.cpp ----------------------------------------------===//

/// What a fused MLP depends on.
struct FusedFFNSpec {
  int64_t features, neurons;
  Type element; ///< of the weights
  Activation activation;
  bool isGated = false, hasGateBias = false, hasUpBias = false;
  bool hasSet = false; ///< whether only the neurons of a set take part
  /// Whether blocks add their sums to the result, in any order.
  bool isAtomic = false;
  bool hasDownBias = false; ///< only then
  /// Whether rows are read only for neurons whose activation is not zero.
  bool isExact = false;
  bool isCounted = false; ///< whether it says how many those are, if isExact
  std::optional<NormSpec> norm = {}; ///< of the input, if that is part of it

  /// Whether activations are left, for others to count: there is no kernel
  /// behind this one to add up what blocks have counted.
  bool leavesActivations() const { return isCounted && isAtomic; }
};
/// Blocks, or clusters, that partial sums have room for; more take no part.
inline constexpr int64_t kMaxBlocks = 256;
/// The most blocks of a cluster.
inline constexpr int64_t kMaxFFNCluster = 2;
/// Where, before the partial sums, an MLP of exact sparsity says how many
/// neurons were active: an i32 for each block.
inline constexpr int64_t kPartialCounts = 256;
/// Bytes before the partial sums. Their number is an i64 there, and the number
/// of blocks with a count another.
inline constexpr int64_t kPartialHeader =
    kPartialCounts + kMaxFFNCluster * kMaxBlocks * 4;
/// Whether there is a kernel for these shapes.
bool hasFusedFFN(const FusedFFNSpec &spec);
/// (input [features], [norm scale], [norm bias], [gate], [gate bias], up, [up
/// bias], down, [down bias], [indices i32 [neurons]], [count i32],
/// [activations], partial): one row. The set is read before what was launched
/// before is done. `activations`, if they are left, are f32 [neurons], before
/// they are multiplied with what they gate. `partial` is the header, then f32
/// [blocks, features]; or it is the result, f32 [features], which the MLP is
/// added to. Grid: one block for each multiprocessor.
int64_t getFusedFFNKernel(DeviceLibrary &library, const FusedFFNSpec &spec);
/// (partial, [bias], [residual], [count], result): sums what a fused MLP left.
/// With `hasCounts` that had isCounted, and `count`, an i32, gets how many
/// neurons were active. Grid: getBlockSumBlocks.
int64_t getBlockSumKernel(DeviceLibrary &library, int64_t out,
                          const Epilogue &epilogue, bool hasCounts);
int64_t getBlockSumBlocks(int64_t out, bool hasCounts);

//===--- AttentionKernels.cpp ---------------------------------------------===//

/// What attention kernels depend on.
struct AttentionSpec {
  KVCacheType cache;
  Type element;     ///< of the cache
  int64_t features; ///< of the queries
  llvm::APFloat scale, softcap;
  MaskedRows maskedRows;
  std::optional<int64_t> window;
  SmallVector<float> slopes; ///< one for each query head, or none
  /// Whether there is one token of each sequence, whose key and value are not
  /// in the cache yet. They may be rotated on the way, as may be the query.
  bool appends = false;
  std::optional<Rotation> query = {}, key = {};

  int64_t getGroup() const {
    return features / (cache.getHeads() * cache.getHeadDim());
  }
  std::string getName() const;
};
/// Rows whose heads are enough blocks for a GPU: parts of the context make up
/// for fewer.
int64_t getAttentionRows(const AttentionSpec &spec);
/// The most parts into which the steps of a context are cut; 1 without
/// `appends`. The kernel takes fewer if the context is short.
int64_t getAttentionParts(const AttentionSpec &spec);
/// Tokens of a sequence that a block takes.
int64_t getAttentionTokens(const AttentionSpec &spec);
/// f32 that a row needs for partial results.
int64_t getAttentionScratch(const AttentionSpec &spec);
/// Blocks in x: heads of the cache, more than once if many queries read one.
int64_t getAttentionBlocks(const AttentionSpec &spec);
/// (query, keys, values, starts, past_at, result, tokens, capacity), with
/// `appends` (query, [query table], key, value, [key table], keys, values,
/// starts, past_at, partial, result, capacity). Grid: getAttentionBlocks,
/// parts, sequences times ceil(tokens / getAttentionTokens). With more than one
/// part there are at most kCounters blocks in x and z together. With `appends`,
/// `starts`, `past_at` and what the cache holds are older than the step: they
/// are read before earlier kernels are done.
int64_t getAttentionKernel(DeviceLibrary &library, const AttentionSpec &spec);

} // namespace mlir::dejavu::cuda

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DEVICEKERNELS_H
