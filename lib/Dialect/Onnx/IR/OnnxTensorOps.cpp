//===- OnnxTensorOps.cpp - type inference of shape and data movement ------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::onnx;

static constexpr int64_t unknown = ShapedType::kDynamic;

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult ConstantOp::inferResultTypes(Operands,
                                           SmallVectorImpl<Type> &types,
                                           std::string &error) {
  types.push_back(getValue().getType());
  return success();
}

LogicalResult ConstantOfShapeOp::inferResultTypes(Operands operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  if (getValue().getNumElements() != 1) {
    error = "expected value to have one element, found " +
            std::to_string(getValue().getNumElements());
    return failure();
  }
  if (failed(checkVector(getInput(), "input", error)))
    return failure();
  Type element = getValue().getElementType();
  auto shape = evaluateInts(getInput(), operands);
  if (!shape) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  for (int64_t dim : *shape)
    if (isKnown(dim) && dim < 0) {
      error = "expected no negative dimension, found " + describe(*shape);
      return failure();
    }
  types.push_back(RankedTensorType::get(*shape, element));
  return success();
}

LogicalResult RangeOp::inferResultTypes(Operands operands,
                                        SmallVectorImpl<Type> &types,
                                        std::string &error) {
  Type element = getElementTypeOrSelf(getStart());
  for (Value operand : getOperation()->getOperands()) {
    auto type = cast<ShapedType>(operand.getType());
    if (type.getElementType() != element) {
      error = "expected operands of one element type, found " +
              describe(element) + " and " + describe(type.getElementType());
      return failure();
    }
    if (type.hasStaticShape() && type.getNumElements() != 1) {
      error = "expected operands of one element, found " + describe(type);
      return failure();
    }
  }
  int64_t count = unknown;
  auto start = evaluateInts(getStart(), operands);
  auto limit = evaluateInts(getLimit(), operands);
  auto delta = evaluateInts(getDelta(), operands);
  if (delta && delta->front() == 0) {
    error = "expected a delta that is not zero";
    return failure();
  }
  if (start && limit && delta && isKnown(start->front()) &&
      isKnown(limit->front()) && isKnown(delta->front())) {
    // In 128 bits nothing overflows.
    __int128 step = delta->front();
    __int128 distance = __int128(limit->front()) - start->front();
    __int128 length = distance / step + (distance % step != 0);
    if (length > std::numeric_limits<int64_t>::max()) {
      error = "number of elements does not fit 64 bits";
      return failure();
    }
    // A distance of the other sign gives nothing.
    count = (distance < 0) == (step < 0) ? static_cast<int64_t>(length) : 0;
  }
  types.push_back(RankedTensorType::get({count}, element));
  return success();
}

LogicalResult IdentityOp::inferResultTypes(Operands,
                                           SmallVectorImpl<Type> &types,
                                           std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult CastOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  if (!getTo().isIntOrFloat()) {
    error = "expected an element type, found " + describe(getTo());
    return failure();
  }
  types.push_back(cast<ShapedType>(getInput().getType()).clone(getTo()));
  return success();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

LogicalResult ShapeOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                        std::string &error) {
  auto type = cast<ShapedType>(getData().getType());
  int64_t count = unknown;
  if (type.hasRank()) {
    int64_t rank = type.getRank();
    auto clamp = [&](int64_t x) {
      return std::clamp<int64_t>(x < 0 ? x + rank : x, 0, rank);
    };
    count = std::max<int64_t>(
        clamp(getEnd().value_or(rank)) - clamp(getStart()), 0);
  }
  types.push_back(
      RankedTensorType::get({count}, IntegerType::get(getContext(), 64)));
  return success();
}

/// Fills in the -1 of a Reshape, if there is one, from the number of elements.
/// Dimensions that are the same unknown one on both sides cancel only if all
/// the others are known, which is the caller's matter.
static LogicalResult resolveReshape(RankedTensorType data,
                                    ArrayRef<int64_t> requested,
                                    SmallVectorImpl<int64_t> &shape,
                                    std::optional<size_t> inferred,
                                    std::string &error) {
  auto product = [](ArrayRef<int64_t> dims) -> std::optional<int64_t> {
    int64_t result = 1;
    for (int64_t dim : dims)
      if (!isKnown(dim) || __builtin_mul_overflow(result, dim, &result))
        return std::nullopt;
    return result;
  };
  std::optional<int64_t> have = product(data.getShape());
  SmallVector<int64_t> others = llvm::to_vector(shape);
  if (inferred)
    others.erase(others.begin() + *inferred);
  std::optional<int64_t> want = product(others);
  if (!have || !want)
    return success();
  bool fits = inferred ? *want != 0 && *have % *want == 0 : *have == *want;
  if (!fits) {
    error = "expected a shape for the " + std::to_string(*have) +
            " elements of " + describe(data) + ", found " + describe(requested);
    return failure();
  }
  if (inferred)
    shape[*inferred] = *have / *want;
  return success();
}

LogicalResult ReshapeOp::inferResultTypes(Operands operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  if (failed(checkVector(getShape(), "shape", error)))
    return failure();
  auto requested = evaluateInts(getShape(), operands);
  if (!requested) {
    types.push_back(unrankedLike(getData()));
    return success();
  }
  auto data = dyn_cast<RankedTensorType>(getData().getType());
  SmallVector<int64_t> shape(*requested);
  std::optional<size_t> inferred;
  bool hasZero = false, copiesUnknown = false;
  for (auto [index, dim] : llvm::enumerate(shape)) {
    if (!isKnown(dim) || dim > 0)
      continue;
    if (dim == 0) {
      hasZero = true;
      if (getAllowzero())
        continue;
      if (!data) {
        dim = unknown;
        continue;
      }
      if (index >= static_cast<size_t>(data.getRank())) {
        error = "expected a dimension " + std::to_string(index) +
                " to copy, found " + describe(data);
        return failure();
      }
      dim = data.getDimSize(index);
      copiesUnknown |= !isKnown(dim);
      continue;
    }
    if (dim != -1 || inferred) {
      error =
          "expected one -1 at most and no other negative dimension, found " +
          describe(*requested);
      return failure();
    }
    inferred = index;
    dim = unknown;
  }
  if (getAllowzero() && hasZero && inferred) {
    error = "expected no -1 beside a zero that is taken literally, found " +
            describe(*requested);
    return failure();
  }
  if (data) {
    // Copied dimensions are on both sides: without them the rest may be known.
    if (copiesUnknown && inferred) {
      SmallVector<int64_t> kept, rest, restRequested;
      for (int64_t i = 0; i < data.getRank(); ++i) {
        bool copied =
            i < static_cast<int64_t>(shape.size()) && (*requested)[i] == 0;
        if (!copied)
          kept.push_back(data.getDimSize(i));
      }
      std::optional<size_t> place;
      for (auto [index, dim] : llvm::enumerate(shape)) {
        if ((*requested)[index] == 0)
          continue;
        if (index == *inferred)
          place = rest.size();
        rest.push_back(dim);
      }
      if (failed(
              resolveReshape(RankedTensorType::get(kept, data.getElementType()),
                             *requested, rest, place, error)))
        return failure();
      shape[*inferred] = rest[*place];
    } else if (failed(
                   resolveReshape(data, *requested, shape, inferred, error))) {
      return failure();
    }
  }
  types.push_back(rankedLike(shape, getData()));
  return success();
}

LogicalResult FlattenOp::inferResultTypes(Operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  auto type = dyn_cast<RankedTensorType>(getInput().getType());
  if (!type) {
    types.push_back(rankedLike({unknown, unknown}, getInput()));
    return success();
  }
  int64_t rank = type.getRank(), axis = getAxis();
  if (axis < -rank || axis > rank) {
    error = "expected axis in [" + std::to_string(-rank) + ", " +
            std::to_string(rank) + "], found " + std::to_string(axis);
    return failure();
  }
  if (axis < 0)
    axis += rank;
  auto product = [](ArrayRef<int64_t> dims) {
    int64_t result = 1;
    for (int64_t dim : dims)
      if (!isKnown(dim) || __builtin_mul_overflow(result, dim, &result))
        return unknown;
    return result;
  };
  types.push_back(rankedLike({product(type.getShape().take_front(axis)),
                              product(type.getShape().drop_front(axis))},
                             getInput()));
  return success();
}

LogicalResult SqueezeOp::inferResultTypes(Operands operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  auto type = dyn_cast<RankedTensorType>(getData().getType());
  SmallVector<int64_t> axes;
  if (Value operand = getAxes()) {
    if (failed(checkVector(operand, "axes", error)))
      return failure();
    auto values = evaluateInts(operand, operands);
    if (!type || !values) {
      types.push_back(unrankedLike(getData()));
      return success();
    }
    axes = *values;
    if (failed(checkAxes(axes, type.getRank(), error)))
      return failure();
  } else {
    // All that are 1; where one is not known, not even the rank is.
    if (!type || !type.hasStaticShape()) {
      types.push_back(unrankedLike(getData()));
      return success();
    }
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (type.getDimSize(i) == 1)
        axes.push_back(i);
  }
  if (!llvm::all_of(axes, isKnown)) {
    int64_t rank = type.getRank() - static_cast<int64_t>(axes.size());
    if (rank < 0) {
      error = "expected at most " + std::to_string(type.getRank()) +
              " axes, found " + std::to_string(axes.size());
      return failure();
    }
    types.push_back(rankedLike(SmallVector<int64_t>(rank, unknown), getData()));
    return success();
  }
  SmallVector<int64_t> shape;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    int64_t dim = type.getDimSize(i);
    if (!llvm::is_contained(axes, i)) {
      shape.push_back(dim);
    } else if (isKnown(dim) && dim != 1) {
      error = "expected dimension " + std::to_string(i) + " of " +
              describe(type) + " to be 1, found " + std::to_string(dim);
      return failure();
    }
  }
  types.push_back(rankedLike(shape, getData()));
  return success();
}

LogicalResult UnsqueezeOp::inferResultTypes(Operands operands,
                                            SmallVectorImpl<Type> &types,
                                            std::string &error) {
  if (failed(checkVector(getAxes(), "axes", error)))
    return failure();
  auto type = dyn_cast<RankedTensorType>(getData().getType());
  auto axes = evaluateInts(getAxes(), operands);
  if (!type || !axes) {
    types.push_back(unrankedLike(getData()));
    return success();
  }
  int64_t rank = type.getRank() + static_cast<int64_t>(axes->size());
  if (failed(checkAxes(*axes, rank, error)))
    return failure();
  SmallVector<int64_t> shape(rank, unknown);
  if (llvm::all_of(*axes, isKnown)) {
    ArrayRef<int64_t> rest = type.getShape();
    for (int64_t i = 0; i < rank; ++i) {
      if (llvm::is_contained(*axes, i)) {
        shape[i] = 1;
        continue;
      }
      shape[i] = rest.front();
      rest = rest.drop_front();
    }
  }
  types.push_back(rankedLike(shape, getData()));
  return success();
}

LogicalResult ExpandOp::inferResultTypes(Operands operands,
                                         SmallVectorImpl<Type> &types,
                                         std::string &error) {
  if (failed(checkVector(getShape(), "shape", error)))
    return failure();
  auto type = dyn_cast<RankedTensorType>(getInput().getType());
  auto requested = evaluateInts(getShape(), operands);
  if (!type || !requested) {
    types.push_back(unrankedLike(getInput()));
    return success();
  }
  SmallVector<int64_t> shape(type.getShape());
  bool negative = llvm::any_of(
      *requested, [](int64_t dim) { return isKnown(dim) && dim < 0; });
  if (negative || failed(broadcast(shape, *requested))) {
    error = "expected a shape that " + describe(type) +
            " broadcasts with, found " + describe(*requested);
    return failure();
  }
  types.push_back(rankedLike(shape, getInput()));
  return success();
}

//===----------------------------------------------------------------------===//
// Data movement
//===----------------------------------------------------------------------===//

LogicalResult ConcatOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                         std::string &error) {
  if (getInputs().empty()) {
    error = "expected at least one input, found none";
    return failure();
  }
  Value first = getInputs().front();
  for (Value input : getInputs())
    if (getElementTypeOrSelf(input) != getElementTypeOrSelf(first)) {
      error = "expected inputs of one element type, found " +
              describe(getElementTypeOrSelf(first)) + " and " +
              describe(getElementTypeOrSelf(input));
      return failure();
    }
  SmallVector<int64_t> shape;
  bool ranked = true, started = false;
  int64_t axis = 0;
  for (Value input : getInputs()) {
    auto type = dyn_cast<RankedTensorType>(input.getType());
    if (!type) {
      ranked = false;
      continue;
    }
    if (!started) {
      started = true;
      shape = llvm::to_vector(type.getShape());
      axis = getAxis();
      if (failed(normalizeAxis(axis, type.getRank(), "axis", error)))
        return failure();
      continue;
    }
    if (type.getRank() != static_cast<int64_t>(shape.size())) {
      error = "expected inputs of one rank, found " + describe(shape) +
              " and " + describe(type.getShape());
      return failure();
    }
    SmallVector<int64_t> before = shape;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      int64_t dim = type.getDimSize(i);
      if (i == axis) {
        if (!isKnown(dim) || !isKnown(shape[i]) ||
            __builtin_add_overflow(shape[i], dim, &shape[i]))
          shape[i] = unknown;
        continue;
      }
      if (!isKnown(shape[i]))
        shape[i] = dim;
      if (isKnown(dim) && dim != shape[i]) {
        error = "expected inputs that differ along axis " +
                std::to_string(axis) + " alone, found " + describe(before) +
                " and " + describe(type.getShape());
        return failure();
      }
    }
  }
  types.push_back(ranked ? rankedLike(shape, first) : unrankedLike(first));
  return success();
}

LogicalResult GatherOp::inferResultTypes(Operands operands,
                                         SmallVectorImpl<Type> &types,
                                         std::string &error) {
  auto type = dyn_cast<RankedTensorType>(getData().getType());
  auto indices = dyn_cast<RankedTensorType>(getIndices().getType());
  int64_t axis = getAxis();
  if (type && failed(normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  if (!type || !indices) {
    types.push_back(unrankedLike(getData()));
    return success();
  }
  int64_t size = type.getDimSize(axis);
  if (auto values = evaluateInts(getIndices(), operands);
      values && isKnown(size))
    for (int64_t value : *values)
      if (isKnown(value) && (value < -size || value >= size)) {
        error = "expected indices in [" + std::to_string(-size) + ", " +
                std::to_string(size) + "), found " + std::to_string(value);
        return failure();
      }
  SmallVector<int64_t> shape(type.getShape().take_front(axis));
  llvm::append_range(shape, indices.getShape());
  llvm::append_range(shape, type.getShape().drop_front(axis + 1));
  types.push_back(rankedLike(shape, getData()));
  return success();
}

LogicalResult GatherElementsOp::inferResultTypes(Operands operands,
                                                 SmallVectorImpl<Type> &types,
                                                 std::string &error) {
  auto type = dyn_cast<RankedTensorType>(getData().getType());
  auto indices = dyn_cast<RankedTensorType>(getIndices().getType());
  int64_t axis = getAxis();
  if (type && failed(normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  if (!indices) {
    types.push_back(unrankedLike(getData()));
    return success();
  }
  if (type && type.getRank() != indices.getRank()) {
    error = "expected data and indices of one rank, found " + describe(type) +
            " and " + describe(indices);
    return failure();
  }
  types.push_back(rankedLike(indices.getShape(), getData()));
  return success();
}

/// The sizes of the parts of a Split: those that are given, or equal ones.
static LogicalResult splitSizes(SplitOp op, Operands operands, int64_t size,
                                SmallVectorImpl<int64_t> &sizes,
                                std::string &error) {
  int64_t count = op.getNumResults();
  if (!op.getSplit()) {
    int64_t part = isKnown(size) ? (size + count - 1) / count : unknown;
    sizes.assign(count, part);
    if (isKnown(size))
      sizes.back() = size - part * (count - 1);
  } else {
    if (failed(checkVector(op.getSplit(), "split", error)))
      return failure();
    auto given = evaluateInts(op.getSplit(), operands);
    if (!given) {
      sizes.assign(count, unknown);
      return success();
    }
    sizes.assign(given->begin(), given->end());
    if (static_cast<int64_t>(sizes.size()) != count) {
      error = "expected one element of split for each of " +
              std::to_string(count) + " results, found " +
              std::to_string(sizes.size());
      return failure();
    }
  }
  int64_t sum = 0;
  for (int64_t part : sizes) {
    if (!isKnown(part))
      return success();
    if (part < 0 || __builtin_add_overflow(sum, part, &sum)) {
      error = "expected parts that are not negative, found " + describe(sizes);
      return failure();
    }
  }
  if (isKnown(size) && sum != size) {
    error = "expected parts of " + std::to_string(size) +
            " elements together, found " + describe(sizes);
    return failure();
  }
  return success();
}

LogicalResult SplitOp::inferResultTypes(Operands operands,
                                        SmallVectorImpl<Type> &types,
                                        std::string &error) {
  if (getNumResults() == 0) {
    error = "expected at least one result, found none";
    return failure();
  }
  auto type = dyn_cast<RankedTensorType>(getInput().getType());
  if (!type) {
    types.append(getNumResults(), unrankedLike(getInput()));
    return success();
  }
  int64_t axis = getAxis();
  SmallVector<int64_t> sizes;
  if (failed(normalizeAxis(axis, type.getRank(), "axis", error)) ||
      failed(splitSizes(*this, operands, type.getDimSize(axis), sizes, error)))
    return failure();
  SmallVector<int64_t> shape(type.getShape());
  for (int64_t size : sizes) {
    shape[axis] = size;
    types.push_back(rankedLike(shape, getInput()));
  }
  return success();
}

LogicalResult GatherNDOp::inferResultTypes(Operands,
                                           SmallVectorImpl<Type> &types,
                                           std::string &error) {
  auto type = dyn_cast<RankedTensorType>(getData().getType());
  auto indices = dyn_cast<RankedTensorType>(getIndices().getType());
  if (!type || !indices) {
    types.push_back(unrankedLike(getData()));
    return success();
  }
  int64_t batch = getBatchDims();
  if (batch < 0 || batch >= type.getRank() || batch >= indices.getRank()) {
    error = "expected batch_dims to be less than both ranks, found " +
            std::to_string(batch) + " for " + describe(type) + " and " +
            describe(indices);
    return failure();
  }
  int64_t length = indices.getShape().back();
  if (!isKnown(length)) {
    types.push_back(unrankedLike(getData()));
    return success();
  }
  if (length < 1 || length > type.getRank() - batch) {
    error = "expected index tuples of length 1 to " +
            std::to_string(type.getRank() - batch) + ", found " +
            std::to_string(length);
    return failure();
  }
  SmallVector<int64_t> shape(indices.getShape().drop_back());
  llvm::append_range(shape, type.getShape().drop_front(batch + length));
  types.push_back(rankedLike(shape, getData()));
  return success();
}

/// The number of elements that a slice of a dimension takes, or unknown.
static int64_t sliceLength(int64_t dim, int64_t start, int64_t end,
                           int64_t step) {
  constexpr int64_t farAway = std::numeric_limits<int64_t>::max();
  // Everything, whatever the dimension is.
  if (start == 0 && end == farAway && step == 1)
    return dim;
  if (!isKnown(dim) || !isKnown(start) || !isKnown(end) || !isKnown(step))
    return unknown;
  auto clamp = [&](int64_t x, int64_t low, int64_t high) {
    return std::clamp(x < 0 ? x + dim : x, low, high);
  };
  if (step > 0) {
    int64_t length = clamp(end, 0, dim) - clamp(start, 0, dim);
    return length <= 0 ? 0 : (length - 1) / step + 1;
  }
  // Backwards the end may lie before the first element. INT64_MIN means
  // "unknown" here, so -step cannot overflow.
  int64_t length = clamp(start, -1, dim - 1) - clamp(end, -1, dim - 1);
  return length <= 0 ? 0 : (length - 1) / -step + 1;
}

LogicalResult SliceOp::inferResultTypes(Operands operands,
                                        SmallVectorImpl<Type> &types,
                                        std::string &error) {
  auto type = dyn_cast<RankedTensorType>(getData().getType());
  auto starts = evaluateBounds(getStarts(), operands);
  for (Value operand : getOperation()->getOperands().drop_front()) {
    if (failed(checkVector(operand, "operands after data", error)))
      return failure();
    auto other = evaluateInts(operand, Operands::TypesOnly);
    if (starts && other && starts->size() != other->size()) {
      error = "expected starts, ends, axes and steps of one length, found " +
              std::to_string(starts->size()) + " and " +
              std::to_string(other->size());
      return failure();
    }
  }
  if (!type) {
    types.push_back(unrankedLike(getData()));
    return success();
  }

  SmallVector<int64_t> unknowns(type.getRank(), unknown);
  auto ends = evaluateBounds(getEnds(), operands);
  if (!starts || !ends) {
    types.push_back(rankedLike(unknowns, getData()));
    return success();
  }
  SmallVector<int64_t> axes, steps(starts->size(), 1);
  if (getAxes()) {
    axes = evaluateInts(getAxes(), operands)
               .value_or(SmallVector<int64_t>(starts->size(), unknown));
  } else {
    for (size_t i = 0; i < starts->size(); ++i)
      axes.push_back(i);
  }
  if (getSteps())
    steps = evaluateInts(getSteps(), operands)
                .value_or(SmallVector<int64_t>(starts->size(), unknown));
  if (axes.size() != starts->size() || steps.size() != starts->size() ||
      ends->size() != starts->size()) {
    error = "expected starts, ends, axes and steps of one length";
    return failure();
  }
  if (failed(checkAxes(axes, type.getRank(), error)))
    return failure();
  if (llvm::is_contained(steps, 0)) {
    error = "expected steps that are not zero";
    return failure();
  }
  if (!llvm::all_of(axes, isKnown)) {
    types.push_back(rankedLike(unknowns, getData()));
    return success();
  }
  SmallVector<int64_t> shape(type.getShape());
  for (auto [axis, start, end, step] : llvm::zip(axes, *starts, *ends, steps))
    shape[axis] = sliceLength(shape[axis], start, end, step);
  types.push_back(rankedLike(shape, getData()));
  return success();
}

LogicalResult TransposeOp::inferResultTypes(Operands,
                                            SmallVectorImpl<Type> &types,
                                            std::string &error) {
  auto type = dyn_cast<RankedTensorType>(getData().getType());
  int64_t size = getPerm().size();
  SmallVector<bool> seen(size, false);
  bool valid = !type || type.getRank() == size;
  for (int64_t axis : getPerm()) {
    valid = valid && axis >= 0 && axis < size && !seen[axis];
    if (!valid)
      break;
    seen[axis] = true;
  }
  if (!valid) {
    error = "expected perm to be a permutation of the dimensions of " +
            describe(getData().getType()) + ", found " + describe(getPerm());
    return failure();
  }
  SmallVector<int64_t> shape;
  for (int64_t axis : getPerm())
    shape.push_back(type ? type.getDimSize(axis) : unknown);
  types.push_back(rankedLike(shape, getData()));
  return success();
}
