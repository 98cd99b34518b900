//===- OnnxIndexOps.cpp - type inference of scatter, borders, choice -----===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceUtils.h"

using namespace mlir;
using namespace mlir::onnx;

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

LogicalResult ScatterNDOp::inferResultTypes(Operands,
                                            SmallVectorImpl<Type> &types,
                                            std::string &error) {
  if (failed(checkElements({getData(), getUpdates()}, error)) ||
      failed(checkRank(getData(), 1, maxRank, "data", error)) ||
      failed(checkRank(getIndices(), 1, maxRank, "indices", error)))
    return failure();
  types.push_back(getData().getType());
  RankedTensorType data = getRanked(getData()),
                   indices = getRanked(getIndices());
  if (!data || !indices || !isKnown(indices.getShape().back()))
    return success();
  int64_t length = indices.getShape().back();
  if (length < 1 || length > data.getRank())
    return fail(error, "expected index tuples of length 1 to " +
                           Twine(data.getRank()) + ", found " + Twine(length));
  SmallVector<int64_t> shape(indices.getShape().drop_back());
  llvm::append_range(shape, data.getShape().drop_front(length));
  return checkShape(getUpdates(), shape, "updates", error);
}

LogicalResult ScatterElementsOp::inferResultTypes(Operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  if (failed(checkElements({getData(), getUpdates()}, error)) ||
      failed(checkRank(getData(), 1, maxRank, "data", error)))
    return failure();
  types.push_back(getData().getType());
  RankedTensorType data = getRanked(getData()),
                   indices = getRanked(getIndices());
  int64_t axis = getAxis();
  if (data && failed(normalizeAxis(axis, data.getRank(), "axis", error)))
    return failure();
  if (data && indices && data.getRank() != indices.getRank())
    return fail(error, "expected data and indices of one rank, found " +
                           describe(data) + " and " + describe(indices));
  return indices
             ? checkShape(getUpdates(), indices.getShape(), "updates", error)
             : success();
}

LogicalResult TensorScatterOp::inferResultTypes(Operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  if (failed(checkElements({getPastCache(), getUpdate()}, error)) ||
      failed(checkRank(getPastCache(), 2, maxRank, "past_cache", error)))
    return failure();
  types.push_back(getPastCache().getType());
  RankedTensorType cache = getRanked(getPastCache()),
                   update = getRanked(getUpdate());
  if (!cache)
    return success();
  int64_t axis = getAxis();
  if (failed(normalizeAxis(axis, cache.getRank(), "axis", error)))
    return failure();
  if (axis == 0)
    return fail(error, "expected an axis that is not the first, found 0");
  if (failed(checkLength(getWriteIndices(), cache.getDimSize(0),
                         "write_indices", error)))
    return failure();
  SmallVector<int64_t> shape(cache.getShape());
  shape[axis] = unknownDim;
  if (failed(checkShape(getUpdate(), shape, "update", error)))
    return failure();
  if (update && isKnown(update.getDimSize(axis)) &&
      isKnown(cache.getDimSize(axis)) &&
      update.getDimSize(axis) > cache.getDimSize(axis))
    return fail(error, "expected an update of at most " +
                           Twine(cache.getDimSize(axis)) + " steps, found " +
                           describe(update));
  return success();
}

//===----------------------------------------------------------------------===//
// Copies, borders, triangles
//===----------------------------------------------------------------------===//

LogicalResult TileOp::inferResultTypes(Operands operands,
                                       SmallVectorImpl<Type> &types,
                                       std::string &error) {
  if (failed(checkVector(getRepeats(), "repeats", error)))
    return failure();
  RankedTensorType type = getRanked(getInput());
  auto repeats = evaluateInts(getRepeats(), operands);
  if (!type) {
    types.push_back(
        repeats ? rankedLike(SmallVector<int64_t>(repeats->size(), unknownDim),
                             getInput())
                : unrankedLike(getInput()));
    return success();
  }
  if (failed(checkLength(getRepeats(), type.getRank(), "repeats", error)))
    return failure();
  SmallVector<int64_t> shape(type.getRank(), unknownDim);
  if (repeats)
    for (auto [dim, own, repeat] :
         llvm::zip(shape, type.getShape(), *repeats)) {
      if (isKnown(repeat) && repeat < 0)
        return fail(error, "expected no negative repeats, found " +
                               describe(*repeats));
      dim = repeat == 1 ? own : multiplyDims(own, repeat);
    }
  types.push_back(rankedLike(shape, getInput()));
  return success();
}

LogicalResult PadOp::inferResultTypes(Operands operands,
                                      SmallVectorImpl<Type> &types,
                                      std::string &error) {
  if (failed(checkVector(getPads(), "pads", error)) ||
      (getAxes() && failed(checkVector(getAxes(), "axes", error))) ||
      failed(checkOneElement(getConstantValue(), "constant_value", error)) ||
      (getConstantValue() &&
       failed(checkElements({getData(), getConstantValue()}, error))))
    return failure();
  RankedTensorType type = getRanked(getData());
  if (!type) {
    types.push_back(unrankedLike(getData()));
    return success();
  }
  SmallVector<int64_t> unknowns(type.getRank(), unknownDim);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq(type.getRank()));
  auto pads = evaluateInts(getPads(), operands);
  if (getAxes()) {
    auto given = evaluateInts(getAxes(), operands);
    if (!given) {
      types.push_back(rankedLike(unknowns, getData()));
      return success();
    }
    axes = *given;
    if (failed(checkAxes(axes, type.getRank(), error)))
      return failure();
  }
  if (pads && pads->size() != 2 * axes.size())
    return fail(error, "expected " + Twine(2 * axes.size()) + " pads, found " +
                           Twine(pads->size()));
  if (!pads || !llvm::all_of(axes, isKnown)) {
    types.push_back(rankedLike(unknowns, getData()));
    return success();
  }
  SmallVector<int64_t> shape(type.getShape());
  for (auto [index, axis] : llvm::enumerate(axes)) {
    int64_t before = (*pads)[index], after = (*pads)[index + axes.size()];
    int64_t dim = before == 0 && after == 0
                      ? shape[axis]
                      : addDims(addDims(shape[axis], before), after);
    if (isKnown(dim) && dim < 0)
      return fail(error, "expected pads that leave no negative dimension of " +
                             describe(type) + ", found " + describe(*pads));
    shape[axis] = dim;
  }
  types.push_back(rankedLike(shape, getData()));
  return success();
}

LogicalResult TriluOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                        std::string &error) {
  if (failed(checkRank(getInput(), 2, maxRank, "input", error)) ||
      failed(checkOneElement(getK(), "k", error)))
    return failure();
  types.push_back(getInput().getType());
  return success();
}

LogicalResult EyeLikeOp::inferResultTypes(Operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  if (failed(checkRank(getInput(), 2, 2, "input", error)))
    return failure();
  Type element = getDtype().value_or(getElementTypeOrSelf(getInput()));
  if (!element.isIntOrFloat())
    return fail(error, "expected an element type, found " + describe(element));
  types.push_back(withElement(getInput().getType(), element));
  return success();
}

//===----------------------------------------------------------------------===//
// Choice
//===----------------------------------------------------------------------===//

LogicalResult OneHotOp::inferResultTypes(Operands operands,
                                         SmallVectorImpl<Type> &types,
                                         std::string &error) {
  if (failed(checkOneElement(getDepth(), "depth", error)) ||
      failed(checkLength(getValues(), 2, "values", error)))
    return failure();
  auto given = evaluateInts(getDepth(), operands);
  int64_t depth = given && given->size() == 1 ? given->front() : unknownDim;
  if (isKnown(depth) && depth < 0)
    return fail(error,
                "expected depth not to be negative, found " + Twine(depth));
  RankedTensorType indices = getRanked(getIndices());
  if (!indices) {
    types.push_back(unrankedLike(getValues()));
    return success();
  }
  int64_t axis = getAxis();
  if (failed(normalizeAxis(axis, indices.getRank() + 1, "axis", error)))
    return failure();
  SmallVector<int64_t> shape(indices.getShape());
  shape.insert(shape.begin() + axis, depth);
  types.push_back(rankedLike(shape, getValues()));
  return success();
}

LogicalResult NonZeroOp::inferResultTypes(Operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  Type i64 = IntegerType::get(getContext(), 64);
  RankedTensorType type = getRanked(getX());
  // A scalar counts as a vector of one element.
  int64_t rank = type ? std::max<int64_t>(type.getRank(), 1) : unknownDim;
  types.push_back(RankedTensorType::get({rank, unknownDim}, i64));
  return success();
}

LogicalResult CompressOp::inferResultTypes(Operands operands,
                                           SmallVectorImpl<Type> &types,
                                           std::string &error) {
  if (failed(checkVector(getCondition(), "condition", error)))
    return failure();
  int64_t kept = unknownDim;
  auto condition = evaluateInts(getCondition(), operands);
  if (condition && llvm::all_of(*condition, isKnown))
    kept = llvm::count_if(*condition, [](int64_t keep) { return keep != 0; });
  RankedTensorType type = getRanked(getInput());
  if (!getAxis()) {
    types.push_back(rankedLike(kept, getInput()));
    return success();
  }
  if (!type) {
    types.push_back(unrankedLike(getInput()));
    return success();
  }
  int64_t axis = *getAxis();
  if (failed(normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  SmallVector<int64_t> shape(type.getShape());
  if (condition && isKnown(shape[axis]) &&
      static_cast<int64_t>(condition->size()) > shape[axis])
    return fail(error, "expected a condition of at most " + Twine(shape[axis]) +
                           " elements, found " + Twine(condition->size()));
  shape[axis] = kept;
  types.push_back(rankedLike(shape, getInput()));
  return success();
}

LogicalResult ReverseSequenceOp::inferResultTypes(Operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  if (failed(checkRank(getInput(), 2, maxRank, "input", error)))
    return failure();
  int64_t batch = getBatchAxis(), time = getTimeAxis();
  if (batch < 0 || batch > 1 || time != 1 - batch)
    return fail(error,
                "expected batch_axis and time_axis to be 0 and 1, found " +
                    Twine(batch) + " and " + Twine(time));
  RankedTensorType type = getRanked(getInput());
  if (failed(checkLength(getSequenceLens(),
                         type ? type.getDimSize(batch) : unknownDim,
                         "sequence_lens", error)))
    return failure();
  types.push_back(getInput().getType());
  return success();
}

//===----------------------------------------------------------------------===//
// Blocks and bits
//===----------------------------------------------------------------------===//

/// The shape of [batch, channels, height, width] after blocks of pixels have
/// become channels or the other way round.
static LogicalResult inferBlocks(Value input, int64_t size, bool toSpace,
                                 SmallVectorImpl<Type> &types,
                                 std::string &error) {
  if (failed(checkRank(input, 4, 4, "input", error)))
    return failure();
  if (size < 1 || size > (1 << 15))
    return fail(error,
                "expected a blocksize of 1 to 32768, found " + Twine(size));
  SmallVector<int64_t> shape(4, unknownDim);
  if (RankedTensorType type = getRanked(input))
    shape.assign(type.getShape().begin(), type.getShape().end());
  auto divide = [&](int64_t axis, int64_t by) -> LogicalResult {
    if (!isKnown(shape[axis]))
      return success();
    if (shape[axis] % by != 0)
      return fail(error, "expected dimension " + Twine(axis) + " of " +
                             describe(input.getType()) +
                             " to be a multiple of " + Twine(by));
    shape[axis] /= by;
    return success();
  };
  if (toSpace) {
    if (failed(divide(1, size * size)))
      return failure();
    shape[2] = multiplyDims(shape[2], size);
    shape[3] = multiplyDims(shape[3], size);
  } else {
    if (failed(divide(2, size)) || failed(divide(3, size)))
      return failure();
    shape[1] = multiplyDims(shape[1], size * size);
  }
  types.push_back(rankedLike(shape, input));
  return success();
}

LogicalResult DepthToSpaceOp::inferResultTypes(Operands,
                                               SmallVectorImpl<Type> &types,
                                               std::string &error) {
  return inferBlocks(getInput(), getBlocksize(), true, types, error);
}

LogicalResult SpaceToDepthOp::inferResultTypes(Operands,
                                               SmallVectorImpl<Type> &types,
                                               std::string &error) {
  return inferBlocks(getInput(), getBlocksize(), false, types, error);
}

LogicalResult SizeOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  types.push_back(
      RankedTensorType::get({}, IntegerType::get(getContext(), 64)));
  return success();
}

LogicalResult CastLikeOp::inferResultTypes(Operands,
                                           SmallVectorImpl<Type> &types,
                                           std::string &error) {
  types.push_back(
      withElement(getInput().getType(), getElementTypeOrSelf(getTargetType())));
  return success();
}

LogicalResult BitCastOp::inferResultTypes(Operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  Type from = getElementTypeOrSelf(getInput()), to = getTo();
  if (!to.isIntOrFloat() ||
      to.getIntOrFloatBitWidth() != from.getIntOrFloatBitWidth())
    return fail(error, "expected an element type of " +
                           Twine(from.getIntOrFloatBitWidth()) +
                           " bits, found " + describe(to));
  types.push_back(withElement(getInput().getType(), to));
  return success();
}
