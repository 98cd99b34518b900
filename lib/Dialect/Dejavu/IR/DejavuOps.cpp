//===- DejavuOps.cpp - verifiers of the dejavu dialect --------------------===//
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

#include "dejavu/Dialect/Dejavu/IR/SyntheticFormula.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::dejavu;

//===----------------------------------------------------------------------===//
// WeightOp
//===----------------------------------------------------------------------===//

/// The type that `step` makes of `type`, or null if it does not apply.
static RankedTensorType applyRecipeStep(RankedTensorType type, Attribute step) {
  if (auto cast = dyn_cast<CastAttr>(step)) {
    if (!isa<FloatType>(cast.getElementType()))
      return nullptr;
    return RankedTensorType::get(type.getShape(), cast.getElementType());
  }
  if (auto take = dyn_cast<TakeRowsAttr>(step)) {
    ArrayRef<int64_t> ranges = take.getRanges();
    int64_t rows = 0, all = type.getDimSize(0);
    if (ranges.empty() || ranges.size() % 2 != 0)
      return nullptr;
    for (size_t i = 0; i < ranges.size(); i += 2) {
      int64_t first = ranges[i], count = ranges[i + 1];
      if (first < 0 || count <= 0 || first > all || count > all - first)
        return nullptr;
      rows += count;
    }
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = rows;
    return RankedTensorType::get(shape, type.getElementType());
  }
  if (auto dequantize = dyn_cast<DequantizeAttr>(step)) {
    if (!isa<IntegerType>(type.getElementType()) || dequantize.getAxis() < 0 ||
        dequantize.getAxis() >= type.getRank() ||
        dequantize.getBlockSize() <= 0)
      return nullptr;
    return RankedTensorType::get(type.getShape(),
                                 Float32Type::get(type.getContext()));
  }
  auto transpose = dyn_cast<TransposeAttr>(step);
  if (!transpose ||
      static_cast<int64_t>(transpose.getPermutation().size()) != type.getRank())
    return nullptr;
  SmallVector<int64_t> shape;
  SmallVector<bool> seen(type.getRank(), false);
  for (int64_t source : transpose.getPermutation()) {
    if (source < 0 || source >= type.getRank() || seen[source])
      return nullptr;
    seen[source] = true;
    shape.push_back(type.getDimSize(source));
  }
  return RankedTensorType::get(shape, type.getElementType());
}

LogicalResult WeightOp::verify() {
  RankedTensorType type = getTensorType(), stored = getStoredType();
  for (RankedTensorType each : {type, stored}) // C3
    if (!each.hasStaticShape() || each.getRank() == 0 ||
        !each.getElementType().isIntOrFloat())
      return emitOpError() << "expected a static tensor of rank 1 or more with "
                              "floating-point or integer elements, found "
                           << each;
  SourceAttr source = getSource();
  if (source.getOffset() < 0 || source.getLength() < 0) // C2
    return emitOpError() << "expected a byte range, found offset "
                         << source.getOffset() << " and length "
                         << source.getLength();
  // Elements of less than a byte are packed.
  int64_t bytes = llvm::divideCeil(
      stored.getNumElements() * stored.getElementTypeBitWidth(), 8);
  if (bytes != source.getLength()) // C1
    return emitOpError() << "expected a source of " << bytes << " bytes for "
                         << stored << ", found " << source.getLength();
  if (getRecipe().has_value() != getSourceType().has_value())
    return emitOpError() << "expected both a source type and a recipe, or none";
  RankedTensorType result = stored;
  for (Attribute step :
       getRecipe().value_or(ArrayAttr::get(getContext(), {}))) {
    result = applyRecipeStep(result, step);
    if (!result)
      return emitOpError() << "recipe step " << step << " does not apply";
  }
  if (result != type) // C4
    return emitOpError() << "the recipe makes " << result << ", expected "
                         << type;
  if (source.getRoot() != SourceRoot::synthetic) // C5
    return success();
  if (!SyntheticFormula::parse(source.getFile()) || source.getOffset() != 0)
    return emitOpError() << "expected a synthetic source with offset 0 and a "
                            "formula as in 'uniform(0, 0.03)', found "
                         << source;
  if (!isa<FloatType>(stored.getElementType()))
    return emitOpError() << "expected a synthetic weight of floating-point "
                            "numbers, found "
                         << stored;
  for (Attribute step : getRecipe().value_or(ArrayAttr::get(getContext(), {})))
    if (!isa<TransposeAttr, CastAttr>(step))
      return emitOpError() << "recipe step " << step
                           << " does not apply to a synthetic weight";
  return success();
}

void WeightOp::appendRecipeStep(Attribute step) {
  SmallVector<Attribute> steps;
  RankedTensorType stored = getStoredType();
  if (std::optional<ArrayAttr> recipe = getRecipe())
    llvm::append_range(steps, *recipe);
  auto transpose = dyn_cast<TransposeAttr>(step);
  auto last = steps.empty() ? nullptr : dyn_cast<TransposeAttr>(steps.back());
  bool cancels =
      transpose && last &&
      transpose.getPermutation().size() == last.getPermutation().size();
  if (cancels)
    for (auto [i, source] : llvm::enumerate(transpose.getPermutation()))
      cancels &= last.getPermutation()[source] == static_cast<int64_t>(i);
  RankedTensorType type = applyRecipeStep(getTensorType(), step);
  if (cancels)
    steps.pop_back();
  else
    steps.push_back(step);
  setType(type);
  if (steps.empty()) {
    removeSourceTypeAttr();
    removeRecipeAttr();
    return;
  }
  setSourceTypeAttr(TypeAttr::get(stored));
  setRecipeAttr(ArrayAttr::get(getContext(), steps));
}

//===----------------------------------------------------------------------===//
// Ops that name weights
//===----------------------------------------------------------------------===//

LogicalResult LoadWeightOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifyWeight(*this, tables, getWeightAttr(), "weight",
                      cast<RankedTensorType>(getType()).getShape());
}

LogicalResult EmbedOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto ids = cast<RankedTensorType>(getIds().getType());
  auto result = cast<RankedTensorType>(getType());
  if (ids.getDimSize(0) != result.getDimSize(0) ||
      ids.getDimSize(1) != result.getDimSize(1)) // C2
    return emitOpError() << "expected equal batch and tokens, found " << ids
                         << " and " << result;
  return verifyWeight(*this, tables, getTableAttr(), "table",
                      {-1, getFeatures(result)}); // C1
}

LogicalResult NormOp::verify() {
  if (getKind() == NormKind::rms && getBias()) // C2
    return emitOpError() << "expected no bias for rms";
  if (getBias() && !getScale()) // C2
    return emitOpError() << "expected a scale beside the bias";
  if (getGroups() <= 0 || getFeatures(getType()) % getGroups() != 0) // C4
    return emitOpError() << "expected groups that divide the features, found "
                         << getGroups() << " for " << getType();
  if (getEpsilon().isNegative()) // C3
    return emitOpError() << "expected an epsilon that is not negative";
  return success();
}

LogicalResult NormOp::verifySymbolUses(SymbolTableCollection &tables) {
  int64_t features = getFeatures(getType()) / getGroups(); // C1
  if (failed(verifyOptionalWeight(*this, tables, getScaleAttr(), "scale",
                                  {features})))
    return failure();
  return verifyOptionalWeight(*this, tables, getBiasAttr(), "bias", {features});
}

LogicalResult LinearOp::verify() {
  return verifySameRows(*this, getInput().getType(), getType()); // C3
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &tables) {
  int64_t in = getFeatures(getInput().getType()), out = getFeatures(getType());
  return verifyProduct(*this, tables, getWeightAttr(), getBiasAttr(),
                       getInMajor() ? in : out, getInMajor() ? out : in, out);
}

LogicalResult LMHeadOp::verify() {
  if (getSoftcap().isNegative()) // C4
    return emitOpError() << "expected a softcap that is not negative";
  if (!getFrom())
    return verifySameRows(*this, getInput().getType(), getType());
  if (!cast<RankedTensorType>(getType()).isDynamicDim(1)) // C3
    return emitOpError() << "expected dynamic tokens with `from`, found "
                         << getType();
  return success();
}

LogicalResult LMHeadOp::canonicalize(LMHeadOp head, PatternRewriter &rewriter) {
  if (!head.getFrom() || !matchPattern(head.getFrom(), m_Zero()))
    return rewriter.notifyMatchFailure(head, "does not start at a constant 0");
  if (!cast<RankedTensorType>(head.getInput().getType()).isDynamicDim(1))
    return rewriter.notifyMatchFailure(head, "tokens of the input are static");
  rewriter.modifyOpInPlace(head, [&] { head.getFromMutable().clear(); });
  return success();
}

LogicalResult LMHeadOp::verifySymbolUses(SymbolTableCollection &tables) {
  int64_t in = getFeatures(getInput().getType()), out = getFeatures(getType());
  return verifyProduct(*this, tables, getWeightAttr(), getBiasAttr(), out, in,
                       out);
}

LogicalResult FFNOp::verify() {
  if (getGateBias() && !getGate()) // C3
    return emitOpError() << "expected a gate beside the gate bias";
  return success();
}

LogicalResult FFNOp::verifySymbolUses(SymbolTableCollection &tables) {
  if (failed(verifyMLPWeights(*this, tables)))
    return failure();
  if (!getPredicted())
    return success();
  return verifyActiveSet(*this, getPredicted(), Unit::neuron,
                         countNeurons(*this, tables)); // C4
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

LogicalResult KVAppendOp::verify() {
  KVCacheType cache = getCache().getType();
  int64_t expected = cache.getHeads() * cache.getHeadDim();
  if (getFeatures(getKey().getType()) != expected) // C1
    return emitOpError() << "expected " << expected << " features for " << cache
                         << ", found " << getKey().getType();
  return success();
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyAttention(*this)))
    return failure();
  if (!getPredicted())
    return success();
  return verifyActiveSet(*this, getPredicted(), Unit::kv_group,
                         getCache().getType().getHeads()); // C4
}

LogicalResult SDPAOp::verify() {
  int64_t heads = getHeads(), kvHeads = getKvHeads();
  if (heads <= 0 || kvHeads <= 0 || heads % kvHeads != 0) // C1
    return emitOpError() << "expected kv_heads to divide heads, found "
                         << kvHeads << " and " << heads;
  int64_t query = getFeatures(getQuery().getType());
  int64_t key = getFeatures(getKey().getType());
  if (query % heads != 0 || key != query / heads * kvHeads) // C1
    return emitOpError() << "expected queries and keys of " << heads << " and "
                         << kvHeads << " heads of one size, found "
                         << getQuery().getType() << " and "
                         << getKey().getType();
  int64_t value = getFeatures(getValue().getType());
  if (value % kvHeads != 0 ||
      getFeatures(getType()) != value / kvHeads * heads) // C2
    return emitOpError() << "expected values of " << kvHeads
                         << " heads and a result of " << heads
                         << " heads of the same size, found "
                         << getValue().getType() << " and " << getType();
  if (getSoftcap().isNegative()) // C4
    return emitOpError() << "expected a softcap that is not negative";
  if (failed(verifySameRows(*this, getQuery().getType(), getType()))) // C3
    return failure();
  return verifySameRows(*this, getKey().getType(), getValue().getType());
}

LogicalResult RopeTableOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto positions = cast<RankedTensorType>(getPositions().getType());
  auto result = cast<RankedTensorType>(getType());
  if (positions.getShape() != result.getShape().drop_back()) // C2
    return emitOpError() << "expected equal batch and tokens, found "
                         << positions << " and " << result;
  int64_t features = getFeatures(result);
  if (features % 2 != 0) // C1
    return emitOpError() << "expected an even number of features, found "
                         << result;
  return verifyWeight(*this, tables, getInvFreqAttr(), "inv_freq",
                      {features / 2}); // C1
}

LogicalResult RopeOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType());
  auto table = cast<RankedTensorType>(getTable().getType());
  int64_t features = getFeatures(input), rotated = getFeatures(table);
  int64_t heads = getHeads();
  if (heads <= 0 || features % heads != 0) // C1
    return emitOpError() << "expected heads that divide the features, found "
                         << heads << " for " << input;
  if (rotated % 2 != 0 || rotated > features / heads) // C2
    return emitOpError() << "expected an even number of at most "
                         << features / heads << " rotated features, found "
                         << table;
  bool sameBatch =
      table.getDimSize(0) == input.getDimSize(0) || table.getDimSize(0) == 1;
  if (!sameBatch || table.getDimSize(1) != input.getDimSize(1)) // C3
    return emitOpError() << "expected equal batch and tokens, found " << input
                         << " and " << table;
  return success();
}

#define GET_OP_CLASSES
#include "dejavu/Dialect/Dejavu/IR/DejavuOps.cpp.inc"
