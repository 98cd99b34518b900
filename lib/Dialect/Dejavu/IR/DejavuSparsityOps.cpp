//===- DejavuSparsityOps.cpp - verifiers and folds of sparse ops ----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constraints carry the labels (C1, C2, ...) of the op descriptions.
//
//===----------------------------------------------------------------------===//

#include "Verify.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::dejavu;

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

LogicalResult PredictOp::verify() {
  if ((getKind() == PredictorKind::low_rank) != getSecond().has_value())
    return emitOpError() << "expected a second factor for low_rank, and none "
                            "for sign_bit"; // C1, C2
  if (getEpsilon().isNegative())            // C5
    return emitOpError() << "expected an epsilon that is not negative";
  return verifySameRows(*this, getInput().getType(), getType()); // C4
}

/// Checks that there is a scale where the factors are 8-bit integers, and only
/// there.
static LogicalResult verifyScale(PredictOp op, SymbolTableCollection &tables) {
  bool isLowRank = op.getKind() == PredictorKind::low_rank;
  size_t integers = 0;
  for (FlatSymbolRefAttr name : {op.getFirstAttr(), op.getSecondAttr()}) {
    if (!isLowRank)
      continue;
    Type element = tables.lookupNearestSymbolFrom<WeightOp>(op, name)
                       .getTensorType()
                       .getElementType();
    integers += element.isSignlessInteger(8);
    if (!isa<FloatType>(element) && !element.isSignlessInteger(8))
      return op.emitOpError() << "expected factors of floats or 8-bit "
                                 "integers, found "
                              << element;
  }
  if (integers == 1)
    return op.emitOpError()
           << "expected two factors of 8-bit integers, or none";
  if ((integers == 2) != op.getScale().has_value())
    return op.emitOpError()
           << "expected a scale for factors of 8-bit integers, "
              "and none for others";
  return success();
}

LogicalResult PredictOp::verifySymbolUses(SymbolTableCollection &tables) {
  int64_t in = getFeatures(getInput().getType()), out = getFeatures(getType());
  if (getKind() == PredictorKind::sign_bit) { // C2
    if (failed(verifyWeight(*this, tables, getFirstAttr(), "signs",
                            {(in + 7) / 8, out})))
      return failure();
    Type element =
        tables.lookupNearestSymbolFrom<WeightOp>(*this, getFirstAttr())
            .getTensorType()
            .getElementType();
    if (!element.isInteger(8))
      return emitOpError() << "expected signs of 8-bit integers, found "
                           << element;
  } else { // C1
    if (failed(verifyWeight(*this, tables, getFirstAttr(), "first factor",
                            {-1, in})))
      return failure();
    int64_t rank =
        tables.lookupNearestSymbolFrom<WeightOp>(*this, getFirstAttr())
            .getTensorType()
            .getDimSize(0);
    if (failed(verifyWeight(*this, tables, getSecondAttr(), "second factor",
                            {rank, out})))
      return failure();
  }
  if (failed(verifyScale(*this, tables)) || // C6
      failed(
          verifyOptionalWeight(*this, tables, getScaleAttr(), "scale", {out})))
    return failure();
  return verifyOptionalWeight(*this, tables, getBiasAttr(), "bias", {out});
}

LogicalResult SelectOp::verify() {
  int64_t features = getFeatures(getScores().getType());
  if (getType().getExtent() != features) // C1
    return emitOpError() << "expected an extent of " << features << ", found "
                         << getType();
  SelectKind kind = getKind();
  bool compares =
      kind == SelectKind::magnitude || kind == SelectKind::threshold;
  std::optional<APFloat> threshold = getThreshold();
  if (compares != threshold.has_value() ||
      (threshold && threshold->isNaN())) // C2
    return emitOpError() << "expected a threshold for magnitude and threshold, "
                            "and none for exact and top_k";
  std::optional<int64_t> k = getK();
  if ((kind == SelectKind::top_k) != k.has_value() ||
      (k && (*k < 0 || *k > features))) // C3
    return emitOpError() << "expected a k between 0 and " << features
                         << " for top_k, and none for other kinds";
  return success();
}

bool SelectOp::selectsAll() {
  switch (getKind()) {
  case SelectKind::exact:
    return false;
  case SelectKind::magnitude:
    return !getThreshold()->isNonZero() || getThreshold()->isNegative();
  case SelectKind::threshold:
    return getThreshold()->isInfinity() && getThreshold()->isNegative();
  case SelectKind::top_k:
    return static_cast<int64_t>(*getK()) == getType().getExtent();
  }
  llvm_unreachable("unknown kind of selection");
}

/// Whether a set has every unit.
static bool selectsAll(Value active) {
  auto select = active.getDefiningOp<SelectOp>();
  return select && select.selectsAll();
}

//===----------------------------------------------------------------------===//
// Products that gather
//===----------------------------------------------------------------------===//

/// Checks that the units of a set share `features` evenly.
static LogicalResult verifyBlocks(Operation *op, ActiveType active,
                                  int64_t features) {
  if (features % active.getExtent() == 0)
    return success();
  return op->emitOpError() << "expected an active set whose extent divides "
                           << features << ", found " << active;
}

LogicalResult GatherLinearOp::verify() {
  if (failed(verifyBlocks(*this, getActive().getType(),
                          getFeatures(getType())))) // C3
    return failure();
  if (getFactor() && getFactor().getType() != getType()) // C5
    return emitOpError() << "expected a factor of " << getType() << ", found "
                         << getFactor().getType();
  return verifySameRows(*this, getInput().getType(), getType()); // C4
}

LogicalResult GatherLinearOp::verifySymbolUses(SymbolTableCollection &tables) {
  int64_t in = getFeatures(getInput().getType()), out = getFeatures(getType());
  return verifyProduct(*this, tables, getWeightAttr(), getBiasAttr(), out, in,
                       out);
}

LogicalResult SparseLinearOp::verify() {
  if (failed(verifyBlocks(*this, getActive().getType(),
                          getFeatures(getInput().getType())))) // C3
    return failure();
  return verifySameRows(*this, getInput().getType(), getType()); // C4
}

LogicalResult SparseLinearOp::verifySymbolUses(SymbolTableCollection &tables) {
  int64_t in = getFeatures(getInput().getType()), out = getFeatures(getType());
  return verifyProduct(*this, tables, getWeightAttr(), getBiasAttr(), in, out,
                       out);
}

LogicalResult SparseFFNOp::verify() {
  if (getGateBias() && !getGate()) // C3
    return emitOpError() << "expected a gate beside the gate bias";
  return success();
}

LogicalResult SparseFFNOp::verifySymbolUses(SymbolTableCollection &tables) {
  if (failed(verifyMLPWeights(*this, tables)))
    return failure();
  return verifyActiveSet(*this, getActive(), Unit::neuron,
                         countNeurons(*this, tables)); // C4
}

LogicalResult SparseFFNOp::canonicalize(SparseFFNOp ffn,
                                        PatternRewriter &rewriter) {
  if (!selectsAll(ffn.getActive()))
    return rewriter.notifyMatchFailure(ffn, "the set may lack neurons");
  rewriter.replaceOpWithNewOp<FFNOp>(
      ffn, ffn.getType(), ffn.getActivationAttr(), ffn.getInput(),
      ffn.getGateAttr(), ffn.getGateBiasAttr(), ffn.getUpAttr(),
      ffn.getUpBiasAttr(), ffn.getDownAttr(), ffn.getDownBiasAttr(),
      /*predicted=*/Value());
  return success();
}

//===----------------------------------------------------------------------===//
// Attention of some heads
//===----------------------------------------------------------------------===//

LogicalResult SparseAttentionOp::verify() {
  if (failed(verifyAttention(*this)))
    return failure();
  return verifyActiveSet(*this, getActive(), Unit::kv_group,
                         getCache().getType().getHeads()); // C4
}

LogicalResult SparseAttentionOp::canonicalize(SparseAttentionOp attention,
                                              PatternRewriter &rewriter) {
  if (!selectsAll(attention.getActive()))
    return rewriter.notifyMatchFailure(attention, "the set may lack heads");
  rewriter.replaceOpWithNewOp<AttentionOp>(
      attention, attention.getResult().getType(),
      attention.getNewCache().getType(), attention.getQuery(),
      attention.getCache(), attention.getStarts(), attention.getScaleAttr(),
      attention.getMaskedRowsAttr(), attention.getWindowAttr(),
      attention.getSoftcapAttr(), attention.getAlibiAttr(),
      /*predicted=*/Value());
  return success();
}

LogicalResult KVAppendDeferredOp::verify() {
  KVCacheType cache = getCache().getType();
  if (failed(verifyActiveSet(*this, getActive(), Unit::kv_group,
                             cache.getHeads()))) // C3
    return failure();
  auto input = cast<RankedTensorType>(getInput().getType());
  if (input.getDimSize(1) != 1) // C4
    return emitOpError() << "expected one token, found " << input;
  if (static_cast<int64_t>(getRing()) <= 0) // C5
    return emitOpError() << "expected a positive ring, found "
                         << static_cast<int64_t>(getRing());
  if (!getTable()) {
    if (getInterleaved()) // C6
      return emitOpError() << "expected a table beside `interleaved`";
    return success();
  }
  auto table = cast<RankedTensorType>(getTable().getType());
  int64_t rotated = getFeatures(table);
  bool sameBatch =
      table.getDimSize(0) == input.getDimSize(0) || table.getDimSize(0) == 1;
  if (rotated % 2 != 0 || rotated > cache.getHeadDim() || !sameBatch ||
      table.getDimSize(1) != 1) // C6
    return emitOpError() << "expected one token with an even "
                            "number of at most "
                         << cache.getHeadDim() << " rotated features, found "
                         << table;
  return success();
}

LogicalResult
KVAppendDeferredOp::verifySymbolUses(SymbolTableCollection &tables) {
  KVCacheType cache = getCache().getType();
  int64_t in = getFeatures(getInput().getType());
  int64_t out = cache.getHeads() * cache.getHeadDim();
  if (failed(verifyProduct(*this, tables, getKeyAttr(), getKeyBiasAttr(), out,
                           in, out)))
    return failure();
  return verifyProduct(*this, tables, getValueAttr(), getValueBiasAttr(), out,
                       in, out);
}
