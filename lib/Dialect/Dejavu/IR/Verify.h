//===- Verify.h - what verifiers of several ops check -----------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_DIALECT_DEJAVU_IR_VERIFY_H
#define DEJAVU_LIB_DIALECT_DEJAVU_IR_VERIFY_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"

namespace mlir::dejavu {

/// Checks that `symbol` is a weight whose type has the given shape, where a
/// negative dimension means any, and tells both places if not.
LogicalResult verifyWeight(Operation *op, SymbolTableCollection &tables,
                           FlatSymbolRefAttr symbol, StringRef role,
                           ArrayRef<int64_t> expected);

/// The same for a weight that may be absent.
LogicalResult verifyOptionalWeight(Operation *op, SymbolTableCollection &tables,
                                   FlatSymbolRefAttr symbol, StringRef role,
                                   ArrayRef<int64_t> expected);

/// The weights of a product: a matrix of [rows, columns], and a bias with an
/// element for each result.
LogicalResult verifyProduct(Operation *op, SymbolTableCollection &tables,
                            FlatSymbolRefAttr weight, FlatSymbolRefAttr bias,
                            int64_t rows, int64_t columns, int64_t results);

/// Checks that two activations have compatible batch and token dimensions.
LogicalResult verifySameRows(Operation *op, Type lhs, Type rhs);

/// Checks that a set is of `extent` units of that kind.
LogicalResult verifyActiveSet(Operation *op, Value active, Unit unit,
                              int64_t extent);

/// Neurons of an `ffn` or `sparse_ffn` whose up projection is a matrix.
template <typename OpTy>
int64_t countNeurons(OpTy op, SymbolTableCollection &tables) {
  return tables.lookupNearestSymbolFrom<WeightOp>(op, op.getUpAttr())
      .getTensorType()
      .getDimSize(0);
}

/// Constraints C1 and C2 of `ffn` and `sparse_ffn`.
template <typename OpTy>
LogicalResult verifyMLPWeights(OpTy op, SymbolTableCollection &tables) {
  int64_t features = getFeatures(op.getType());
  if (failed(verifyWeight(op, tables, op.getUpAttr(), "up projection",
                          {-1, features}))) // C1
    return failure();
  int64_t neurons = countNeurons(op, tables);
  if (failed(verifyWeight(op, tables, op.getDownAttr(), "down projection",
                          {neurons, features})) || // C1
      failed(verifyOptionalWeight(op, tables, op.getUpBiasAttr(), "up bias",
                                  {neurons})) || // C2
      failed(verifyOptionalWeight(op, tables, op.getGateAttr(),
                                  "gate projection", {neurons, features})) ||
      failed(verifyOptionalWeight(op, tables, op.getGateBiasAttr(), "gate bias",
                                  {neurons})))
    return failure();
  return verifyOptionalWeight(op, tables, op.getDownBiasAttr(), "down bias",
                              {features}); // C2
}

/// Constraints C1 to C3 of `attention` and `sparse_attention`.
template <typename OpTy>
LogicalResult verifyAttention(OpTy op) {
  KVCacheType cache = op.getCache().getType();
  int64_t group = cache.getHeads() * cache.getHeadDim();
  int64_t features = getFeatures(op.getQuery().getType());
  if (features % group != 0) // C1
    return op.emitOpError()
           << "expected a multiple of " << group << " features for " << cache
           << ", found " << op.getQuery().getType();
  if ((op.getWindow() && static_cast<int64_t>(*op.getWindow()) <= 0) ||
      op.getSoftcap().isNegative()) // C2
    return op.emitOpError()
           << "expected a positive window and a softcap that is not negative";
  int64_t heads = features / cache.getHeadDim();
  std::optional<ArrayRef<float>> slopes = op.getAlibi();
  if (slopes && static_cast<int64_t>(slopes->size()) != heads) // C3
    return op.emitOpError() << "expected " << heads << " slopes, found "
                            << static_cast<int64_t>(slopes->size());
  return success();
}

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_DIALECT_DEJAVU_IR_VERIFY_H
