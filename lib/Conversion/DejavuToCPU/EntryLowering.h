//===- EntryLowering.h - one entry point becomes calls ----------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One op after the other becomes calls of kernels. Only linear ops that read
// the same input share one, in decode; the kernels between two products take no
// time to speak of.
//
// Memory is assigned on the way. In @prefill and @decode an activation gets the
// first gap of the workspace that no living value overlaps; all sizes are per
// row (a row is one token of one sequence), so one layout serves every batch.
// Where activations may differ in their rows, in @forward and behind a dense
// function, each is allocated when it is made and freed after its last use.
//
// EntryLowering.cpp has what all ops share, LowerProducts.cpp, LowerOps.cpp and
// LowerSparsity.cpp have the ops, LowerCalls.cpp the dense functions and the
// results.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_ENTRYLOWERING_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_ENTRYLOWERING_H

#include "../Common/ManifestSites.h"
#include "../Common/WorkspaceLayout.h"
#include "EntryPoint.h"
#include "Kernels.h"

#include "llvm/ADT/DenseMap.h"

#include <vector>

namespace mlir {
namespace bufferization {
class ToBufferOp;
class ToTensorOp;
} // namespace bufferization
namespace tensor {
class BitcastOp;
} // namespace tensor
} // namespace mlir

namespace mlir::dejavu::cpu {

/// Bits of the field `taps`: DEJAVU_TAP_* of the ABI.
inline constexpr int64_t kTapSites = 1, kTapHidden = 2;

/// The indices and counts of an active set.
struct ActiveSet {
  Value indices, counts;
};

/// How many rows an activation has: rows = batch * tokens.
struct Extent {
  Value batch, tokens, rows;
};

class EntryLowering {
public:
  EntryLowering(ModuleOp module, func::FuncOp function, Entry entry,
                KernelLibrary &library,
                const llvm::DenseMap<StringAttr, int64_t> &weightNumbers,
                const EntrySites &sites);

  LogicalResult run();
  int64_t getBytesFixed() const { return bytesFixed; }
  int64_t getBytesPerRow() const { return layout.getPeak(); }

private:
  //===--- The ops -------------------------------------------------------===//

  LogicalResult lower(Operation *op);
  LogicalResult lower(EmbedOp op);
  LogicalResult lower(ResidualAddOp op);
  LogicalResult lower(NormOp op);
  LogicalResult lower(LinearOp op);
  LogicalResult lower(LMHeadOp op);
  LogicalResult lower(FFNOp op);
  LogicalResult lower(KVAppendOp op);
  LogicalResult lower(AttentionOp op);
  LogicalResult lower(SDPAOp op);
  LogicalResult lower(RopeTableOp op);
  LogicalResult lower(RopeOp op);
  LogicalResult lower(PredictOp op);
  LogicalResult lower(SelectOp op);
  LogicalResult lower(GatherLinearOp op);
  LogicalResult lower(SparseLinearOp op);
  LogicalResult lower(SparseFFNOp op);
  LogicalResult lower(SparseAttentionOp op);
  LogicalResult lower(KVAppendDeferredOp op);
  LogicalResult lower(LoadWeightOp op);
  LogicalResult lower(bufferization::ToBufferOp op);
  LogicalResult lower(bufferization::ToTensorOp op);
  LogicalResult lower(tensor::BitcastOp op);
  LogicalResult lower(func::CallOp op);
  LogicalResult lower(func::ReturnOp op);

  //===--- Arguments and results -----------------------------------------===//

  LogicalResult checkArguments();
  LogicalResult makeForwardArguments();
  LogicalResult returnLogits(func::ReturnOp op);
  LogicalResult returnTensors(func::ReturnOp op);
  /// Whether `op` may write to the logits of the runtime directly.
  bool ownsLogits(LMHeadOp op);

  //===--- Memory --------------------------------------------------------===//

  void findLastUses();
  /// Frees what `op` is the last to use.
  void releaseOperands(Operation *op);

  /// The rows of an activation: memref<? x features x f32>.
  Value getMemory(Value activation) { return memory.lookup(activation); }
  Extent getExtent(Value activation);
  /// How many rows an activation has; not always those of the call.
  Value getRows(Value activation) { return getExtent(activation).rows; }
  Extent makeExtent(Value batch, Value tokens);

  /// Memory for the result of an op, with as many rows as `like`, by default
  /// the first activation among the operands.
  Value allocateResult(Value result, Value like = {});
  Value allocateResult(Value result, const Extent &extent);
  /// Memory that `owner` needs while it runs, with as many rows as `like`.
  Value allocateScratch(int64_t features, Operation *owner, Value like);
  /// `perRow` bytes for each row of `extent`, as memref of `type`. They live
  /// as long as `value`, or without one until `owner` is done.
  Value allocateBytes(int64_t perRow, MemRefType type, ValueRange sizes,
                      Operation *owner, Value value, const Extent &extent);
  /// Memory of its own; the same.
  Value allocateOwn(MemRefType type, ValueRange sizes, Operation *owner,
                    Value value);
  Value getGemmScratch(RankedTensorType weight);

  /// A value as memref of its own shape.
  FailureOr<Value> getTensor(Value value, Operation *user);
  /// Takes a memref of the shape of `value` as its memory.
  void setTensor(Value value, Value memref);

  /// The number of an op's name in the table that dejavu_rt_bad_index refers
  /// to.
  int64_t getNodeNumber(Operation *op);

  //===--- Weights -------------------------------------------------------===//

  RankedTensorType getType(FlatSymbolRefAttr name) {
    return symbols.lookup<WeightOp>(name.getAttr()).getTensorType();
  }
  Value getWeight(FlatSymbolRefAttr name) {
    return point.getTableArray(Field::weights,
                               weightNumbers.lookup(name.getAttr()),
                               getWeightType(getType(name)), {});
  }

  //===--- Parts that several ops share ----------------------------------===//

  void multiply(Value input, FlatSymbolRefAttr weight, bool transposed,
                Value result, Value rows);
  void applyEpilogue(Value values, FlatSymbolRefAttr bias,
                     const Epilogue &epilogue, Value rows);
  void lowerLinear(Value input, FlatSymbolRefAttr weight,
                   FlatSymbolRefAttr bias, const Epilogue &epilogue,
                   Value result, Value rows);
  /// The hidden layer of an MLP.
  void lowerHidden(FFNOp op, Value hidden, Value rows);
  void tapHidden(int64_t site, Value values, Value rows);
  LogicalResult lowerInMajor(LinearOp op);
  /// What attention kernels get, and what they depend on.
  template <typename OpTy>
  AttentionSpec getAttentionSpec(OpTy op);
  template <typename OpTy>
  FailureOr<SmallVector<Value>> getAttentionArguments(OpTy op);
  /// Memory for a set, which lives as long as `value`, or without one until
  /// `owner` is done.
  ActiveSet allocateSet(int64_t extent, Operation *owner, Value value,
                        const Extent &rows);
  /// The features of the units of a set, `block` for each.
  ActiveSet expand(Value active, int64_t features);
  /// What a product that gathers does besides.
  struct GatherOptions {
    std::optional<Activation> activation;
    Value factor;      ///< rows that multiply the result, or null
    bool fills = true; ///< whether other features become 0
  };
  void gather(Value input, const ActiveSet &set, FlatSymbolRefAttr weight,
              FlatSymbolRefAttr bias, const GatherOptions &options,
              Value result, Value rows);
  /// result = rows of `weight` of the set, scaled by `input` and summed.
  void sumRows(Value input, const ActiveSet &set, FlatSymbolRefAttr weight,
               FlatSymbolRefAttr bias, Value result, Value rows);
  void count(Operation *op, const ActiveSet &set);
  Value getCheckedIds(Value ids);
  /// The rows of an i64 tensor [batch, tokens] one behind the other, and how
  /// many there are.
  FailureOr<Value> getIds(Value ids, Operation *user, Extent &extent);
  Value getConstants(ArrayRef<float> values);
  Value getCache(Field field, Value handle) {
    return point.getTableArray(
        field, cacheNumbers.lookup(handle),
        getCacheType(cast<KVCacheType>(handle.getType())),
        {point.get(Field::batch), point.get(Field::capacity)});
  }

  ModuleOp module;
  func::FuncOp function;
  Entry entry;
  /// Many rows: products go through the BLAS, rows are shared among threads.
  bool isPrefill;
  KernelLibrary &library;
  SymbolTable symbols;
  const llvm::DenseMap<StringAttr, int64_t> &weightNumbers;
  Sharing sharing;
  EntryPoint point;

  WorkspaceLayout layout;
  int64_t bytesFixed = 0;
  /// In @forward the scratch of products.
  Value fixedScratch;
  llvm::DenseMap<Operation *, int64_t> counters;       ///< op -> its counter
  llvm::DenseMap<Operation *, HiddenSite> hiddenSites; ///< of the MLPs
  llvm::DenseMap<Value, Value> memory;                 ///< activation -> rows
  llvm::DenseMap<Value, Value> tensors; ///< value -> memref of its shape
  llvm::DenseMap<Value, Extent> extents;
  llvm::DenseMap<Value, ActiveSet> activeSets;
  /// Sets of features, by the set of units and the features of a unit.
  llvm::DenseMap<std::pair<Value, int64_t>, ActiveSet> expandedSets;
  llvm::DenseMap<Value, int64_t> cacheNumbers; ///< handle -> layer
  llvm::DenseMap<Value, int64_t> sites;
  /// Places to free after an op, and those that a value owns until its last
  /// use: in the workspace, and memory of their own.
  llvm::DenseMap<Operation *, SmallVector<int64_t>> transient;
  llvm::DenseMap<Value, SmallVector<int64_t>> places;
  llvm::DenseMap<Operation *, SmallVector<Value>> transientMemory;
  llvm::DenseMap<Value, SmallVector<Value>> owned;
  llvm::DenseMap<Value, Operation *> lastUses;
};

} // namespace mlir::dejavu::cpu

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_ENTRYLOWERING_H
