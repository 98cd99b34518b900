//===- DeviceLowering.h - one entry point becomes launches *- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One op after the other becomes launches of kernels. All activations are in
// the workspace, by their lifetimes, as on the CPU: sizes are per row, so one
// layout serves every batch.
//
// DeviceLowering.cpp has arguments and memory, LowerDeviceOps.cpp the ops,
// LowerMLPs.cpp those that become MLPs in one launch.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DEVICELOWERING_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DEVICELOWERING_H

#include "../Common/WorkspaceLayout.h"
#include "DeviceKernels.h"
#include "HostEntry.h"

#include "dejavu/Conversion/DejavuToCUDA/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

namespace mlir::dejavu::cuda {

/// Why an MLP has no order that could be given up.
inline constexpr llvm::StringLiteral kNotFused =
    "with its shapes and types it is not one launch";

class DeviceLowering {
public:
  DeviceLowering(ModuleOp module, func::FuncOp function, Entry entry,
                 DeviceLibrary &library,
                 const llvm::DenseMap<StringAttr, int64_t> &weightNumbers,
                 Reduction reduction, Type cacheElement);

  LogicalResult run();
  int64_t getBytesPerRow() const { return layout.getPeak(); }

private:
  LogicalResult lower(Operation *op);
  LogicalResult lower(EmbedOp op);
  LogicalResult lower(ResidualAddOp op);
  LogicalResult lower(NormOp op);
  LogicalResult lower(LinearOp op);
  LogicalResult lower(LMHeadOp op);
  LogicalResult lower(FFNOp op);
  LogicalResult lower(KVAppendOp op);
  LogicalResult lower(AttentionOp op);
  LogicalResult lower(RopeTableOp op);
  LogicalResult lower(RopeOp op);
  LogicalResult lower(SelectOp op);
  LogicalResult lower(GatherLinearOp op);
  LogicalResult lower(SparseLinearOp op);
  LogicalResult lower(func::ReturnOp op);

  LogicalResult checkArguments();
  RankedTensorType getType(FlatSymbolRefAttr weight);
  Value getWeight(FlatSymbolRefAttr weight);
  /// The ids or positions of the call, which ops read as they are.
  FailureOr<Value> getIds(Value ids, Operation *user);

  /// The rows of an activation.
  Value getMemory(Value activation) { return memory.lookup(activation); }
  Value allocateResult(Value result);
  /// `perRow` bytes for each row, as long as `owner` runs.
  Value allocateScratch(int64_t perRow, Operation *owner);
  void releaseOperands(Operation *op);

  /// The addition that takes `result` alone, with the other operand at hand: it
  /// can be part of what makes `result`.
  ResidualAddOp getFusedAdd(Value result);
  /// The memory for `result`, or for the addition that is part of it, and the
  /// residual then.
  std::pair<Value, Value> allocateFused(Value result);
  /// The addition to `residual` of the result of an MLP that is one launch for
  /// one row.
  ResidualAddOp getMLPAdd(Value residual);
  /// The memory that the blocks of such an MLP add their sums to, if they do,
  /// and cannot in that of the residual since they read it: it has to begin as
  /// a copy of the residual. Else null.
  Value allocateCopy(Value residual);
  /// The memory of the residual for the addition that takes `result`, if nobody
  /// needs the residual from `op` on; else null.
  Value reuseResidual(Value result, Operation *op);

  /// A norm that, for one row, is part of the product behind it.
  struct FusedNorm {
    NormSpec spec;
    SmallVector<Value> arguments; ///< of its own kernel, but for the result
  };
  /// The product that alone takes the result of a norm, if it can make the norm
  /// part of itself for one row; its last op, where there are several.
  Operation *getProductBehind(NormOp op);
  /// The norm that `input` is the result of and that is part of its product.
  const FusedNorm *getNorm(Value input) const {
    auto norm = fusedNorms.find(input);
    return norm == fusedNorms.end() ? nullptr : &norm->second;
  }
  /// Adds launches for one row, and others for more.
  void chooseRows(Value rows, llvm::function_ref<void()> one,
                  llvm::function_ref<void()> more);
  /// What is part of an attention's kernels: the append to its cache, and what
  /// rotates the key and the query.
  static SmallVector<Operation *> getFusedOps(AttentionOp op);
  bool isFused(Operation *op) const { return op && fused.contains(op); }
  /// Launches the append, of a key that is rotated, and with a query that is
  /// rotated on the way, if there are such ops.
  void append(KVAppendOp op, RopeOp keyRope, RopeOp queryRope,
              Value rotatedQuery);
  /// Into which the context is cut for the rows that there are.
  Value getAttentionParts(const AttentionSpec &spec);

  /// A weight whose rows an input is multiplied with.
  struct Factor {
    FlatSymbolRefAttr weight, bias, factorWeight, factorBias;
    Value residual, result, copy;
  };
  /// What one launch multiplies.
  struct Product {
    Value input;
    SmallVector<Factor, 1> factors; ///< alike but for the rows of the weights
    Epilogue epilogue;
    Value rows;               ///< of the result
    Value part, tokens, from; ///< or null for all rows
    const FusedNorm *norm = nullptr;
    Value converted, gated; ///< memory for a library's products
  };
  void multiply(Product product);
  /// The linear layers behind `op` that can be part of its launch.
  SmallVector<LinearOp> getLinearsLike(LinearOp op);
  /// What a sum of the rows of a weight gets, of each as much as `input` says.
  struct RowSum {
    Value input;
    FlatSymbolRefAttr weight, bias;
    Epilogue epilogue = {};
    bool isSparse = false; ///< whether rows of zeros are not read
    Value residual = {}, result = {}, partial = {}, converted = {};
  };
  /// Parts that a weight is cut into.
  int64_t getParts(FlatSymbolRefAttr weight);
  /// Memory of a sum that `op` is, as far as it has none.
  void allocate(RowSum &sum, Operation *op);
  void sumRows(const RowSum &sum);
  void multiplyByKernels(Product product, const LinearSpec &spec);

  /// Whether a call leaves products of a weight to a library; null if none
  /// does.
  Value leavesToLibrary(FlatSymbolRefAttr weight);
  /// Memory that this needs, as long as `op` runs: for the input in the type of
  /// the weight, unless it is as it should be, and for the factor.
  Value allocateConverted(FlatSymbolRefAttr weight, int64_t features,
                          bool isPart, Operation *op);
  void allocateForLibrary(Product &product, Operation *op);
  /// The product, and what is around it.
  void multiplyByLibrary(const Product &product, const LinearSpec &spec);
  /// What is behind one of the products.
  void finishByKernel(const Product &product, const Factor &factor,
                      const LinearSpec &spec, int64_t out);
  /// The sum, without what is behind it.
  void sumRowsByLibrary(const RowSum &sum);

  // LowerMLPs.cpp

  /// What an MLP in one launch gets, for one row.
  struct FusedMLP {
    FusedFFNSpec spec;
    Value input;
    const FusedNorm *norm = nullptr;
    FlatSymbolRefAttr gate, gateBias, up, upBias, down, downBias;
    Value activations = {}; ///< of exact sparsity, if they are left
    Value activeCount = {}; ///< see getCount
    Value result = {}, residual = {}, target = {};
  };
  /// Memory for `result`, that of an op, or for the addition that is part of
  /// it, and for partial sums. The launch is at `op`.
  void allocate(FusedMLP &mlp, Value result, Operation *op);
  /// Says of an MLP at `op`, if blocks should add their sums in any order, why
  /// they do not for one row.
  void keepsOrder(Operation *op, StringRef reason);
  /// What a launch for all of `op` depends on, if there is one for one row.
  std::optional<FusedFFNSpec> getFusedSpec(FFNOp op);
  void launchFused(const FusedMLP &mlp);
  /// The ops of an MLP of exact sparsity that can be one launch, for one row.
  struct ExactMLP {
    LinearOp first;
    GatherLinearOp gather; ///< or null
    SparseLinearOp last;
    FusedFFNSpec spec;
  };
  /// The one that begins with `op`.
  std::optional<ExactMLP> getExactMLP(LinearOp op);
  /// `activations` is the memory of the result of its first op.
  void launchExact(const ExactMLP &ops, Value activations);
  /// The address of what `op` counts for the first row, which is null if nobody
  /// wants counts when the code runs; no value if `op` has no counter.
  Value getCount(SelectOp op);
  /// Adds launches, but not for one row if `hasFused`.
  void launchUnlessOne(bool hasFused, llvm::function_ref<void()> launch);

  ModuleOp module;
  func::FuncOp function;
  Entry entry;
  DeviceLibrary &library;
  SymbolTable symbols;
  const llvm::DenseMap<StringAttr, int64_t> &weightNumbers;
  Type cacheElement;
  HostEntry host;
  Reduction reduction;
  /// Ops that one row does not need: they are part of a launch before. Those
  /// with a result have its memory, and the residual's.
  llvm::DenseMap<Operation *, std::pair<Value, Value>> fusedForOne;
  Value hasLibrary; ///< of @prefill

  WorkspaceLayout layout;
  llvm::DenseMap<Operation *, int64_t> counters; ///< op -> its counter
  llvm::DenseMap<Value, Value> memory;
  llvm::DenseMap<Value, int64_t> cacheNumbers;    ///< handle -> layer
  llvm::DenseMap<Operation *, Operation *> fused; ///< op -> its attention
  llvm::DenseMap<Operation *, SmallVector<int64_t>> transient;
  llvm::DenseMap<Value, int64_t> places;
  llvm::DenseMap<Value, FusedNorm> fusedNorms; ///< by their results
  llvm::DenseMap<Value, Operation *> lastUses;
};

/// What an addition adds to `operand`.
Value getOther(ResidualAddOp add, Value operand);
/// Whether a set is of those `values` that are not zero.
bool isNonzeroSet(Value set, Value values);

} // namespace mlir::dejavu::cuda

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DEVICELOWERING_H
