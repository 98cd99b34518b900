//===- OnnxConvOps.cpp - type inference of convolution, norms ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceUtils.h"

#include "dejavu/Dialect/Onnx/IR/Einsum.h"

using namespace mlir;
using namespace mlir::onnx;

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

namespace {
/// How windows lie on the spatial dimensions of an operand.
struct Windows {
  AutoPad autoPad;
  std::optional<ArrayRef<int64_t>> strides, dilations, pads;
  bool ceil = false;
};
} // namespace

/// Checks a list of numbers of windows.
static LogicalResult checkWindowList(std::optional<ArrayRef<int64_t>> list,
                                     size_t size, int64_t least, StringRef name,
                                     std::string &error) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  if (!list)
    return success();
  if (list->size() != size)
    return fail(error, "expected " + name + " to have " + Twine(size) +
                           " numbers, found " + Twine(list->size()));
  for (int64_t number : *list)
    if (number < least || number > most)
      return fail(error, "expected " + name + " of " + Twine(least) + " to " +
                             Twine(most) + ", found " + Twine(number));
  return success();
}

/// The number of windows along one dimension of `size` elements. Numbers fit 32
/// bits but `size`, so nothing overflows in 64 if it is reasonable.
static LogicalResult countWindows(const Windows &windows, size_t axis,
                                  size_t rank, int64_t size, int64_t kernel,
                                  int64_t &count, std::string &error) {
  count = unknownDim;
  if (!isKnown(size))
    return success();
  int64_t stride = windows.strides ? (*windows.strides)[axis] : 1;
  if (windows.autoPad == AutoPad::SameUpper ||
      windows.autoPad == AutoPad::SameLower) {
    count = size / stride + (size % stride != 0);
    return success();
  }
  if (!isKnown(kernel))
    return success();
  int64_t dilation = windows.dilations ? (*windows.dilations)[axis] : 1;
  int64_t before = 0, after = 0, padded, span;
  if (windows.autoPad == AutoPad::NotSet && windows.pads) {
    before = (*windows.pads)[axis];
    after = (*windows.pads)[axis + rank];
  }
  if (__builtin_add_overflow(size, before + after, &padded) ||
      __builtin_mul_overflow(kernel - 1, dilation, &span) ||
      __builtin_add_overflow(span, 1, &span))
    return fail(error, "size of windows does not fit 64 bits");
  if (padded < span)
    return fail(error, "expected windows that fit, found " + Twine(span) +
                           " elements on " + Twine(padded));
  count = (padded - span) / stride + 1;
  // A last window that is not whole, but begins before the padding at the end.
  if (windows.ceil && (padded - span) % stride != 0 &&
      count * stride < size + before)
    ++count;
  return success();
}

/// The shape [batch, channels, windows...] of what is computed from windows of
/// `kernel` on `x`, which is [batch, anything, spatial dimensions...].
static LogicalResult inferWindows(const Windows &windows, ArrayRef<int64_t> x,
                                  int64_t channels, ArrayRef<int64_t> kernel,
                                  SmallVectorImpl<int64_t> &shape,
                                  std::string &error) {
  size_t rank = x.size() - 2;
  if (kernel.size() != rank)
    return fail(error, "expected a kernel of rank " + Twine(rank) + ", found " +
                           describe(kernel));
  if (failed(checkWindowList(windows.strides, rank, 1, "strides", error)) ||
      failed(checkWindowList(windows.dilations, rank, 1, "dilations", error)) ||
      failed(checkWindowList(windows.pads, 2 * rank, 0, "pads", error)))
    return failure();
  for (int64_t size : kernel)
    if (isKnown(size) &&
        (size < 1 || size > std::numeric_limits<int32_t>::max()))
      return fail(error, "expected a kernel of positive numbers of 32 bits, "
                         "found " +
                             describe(kernel));
  if (windows.autoPad != AutoPad::NotSet && windows.pads &&
      llvm::any_of(*windows.pads, [](int64_t pad) { return pad != 0; }))
    return fail(error, "expected either pads or auto_pad, found both");
  shape.assign({x[0], channels});
  for (auto [axis, pair] :
       llvm::enumerate(llvm::zip(x.drop_front(2), kernel))) {
    auto [size, length] = pair;
    if (failed(countWindows(windows, axis, rank, size, length,
                            shape.emplace_back(), error)))
      return failure();
  }
  return success();
}

/// Inference of Conv and ConvInteger.
template <typename OpT>
static LogicalResult inferConv(OpT op, Value x, Value w, Value bias,
                               Type element, SmallVectorImpl<Type> &types,
                               std::string &error) {
  if (failed(checkRank(x, 3, maxRank, "X", error)) ||
      failed(checkRank(w, 3, maxRank, "W", error)))
    return failure();
  if (op.getGroup() < 1)
    return fail(error,
                "expected a positive group, found " + Twine(op.getGroup()));
  RankedTensorType input = getRanked(x), weight = getRanked(w);
  if (weight && failed(checkLength(bias, weight.getDimSize(0), "B", error)))
    return failure();
  if (!input || !weight) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  if (input.getRank() != weight.getRank())
    return fail(error, "expected X and W of one rank, found " +
                           describe(input) + " and " + describe(weight));
  int64_t channels = input.getDimSize(1), maps = weight.getDimSize(0),
          group = op.getGroup();
  if (!mayEqual(channels, multiplyDims(weight.getDimSize(1), group)) ||
      (isKnown(maps) && maps % group != 0))
    return fail(error, "expected channels and maps for " + Twine(group) +
                           " groups, found " + describe(input) + " and " +
                           describe(weight));
  SmallVector<int64_t> kernel(weight.getShape().drop_front(2));
  if (auto given = op.getKernelShape()) {
    if (!mayEqualShapes(*given, kernel))
      return fail(error, "expected kernel_shape " + describe(kernel) +
                             ", found " + describe(*given));
    kernel.assign(given->begin(), given->end());
  }
  Windows windows = {op.getAutoPad(), op.getStrides(), op.getDilations(),
                     op.getPads()};
  SmallVector<int64_t> shape;
  if (failed(
          inferWindows(windows, input.getShape(), maps, kernel, shape, error)))
    return failure();
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

//===----------------------------------------------------------------------===//
// Convolution
//===----------------------------------------------------------------------===//

LogicalResult ConvOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  if (failed(checkElements(getOperation()->getOperands(), error)))
    return failure();
  return inferConv(*this, getX(), getW(), getB(), getElementTypeOrSelf(getX()),
                   types, error);
}

LogicalResult ConvIntegerOp::inferResultTypes(Operands,
                                              SmallVectorImpl<Type> &types,
                                              std::string &error) {
  std::pair<Value, Value> sides[] = {{getX(), getXZeroPoint()},
                                     {getW(), getWZeroPoint()}};
  for (auto [tensor, zeroPoint] : sides) {
    if (!getElementTypeOrSelf(tensor).isInteger(8))
      return fail(error, "expected integers of 8 bits, found " +
                             describe(tensor.getType()));
    if (zeroPoint && failed(checkElements({tensor, zeroPoint}, error)))
      return failure();
  }
  RankedTensorType weight = getRanked(getW());
  RankedTensorType zeroPoint =
      getWZeroPoint() ? getRanked(getWZeroPoint()) : RankedTensorType();
  if (failed(checkOneElement(getXZeroPoint(), "x_zero_point", error)) ||
      (weight && zeroPoint && zeroPoint.hasStaticShape() &&
       zeroPoint.getNumElements() != 1 &&
       failed(checkLength(getWZeroPoint(), weight.getDimSize(0), "w_zero_point",
                          error))))
    return failure();
  return inferConv(*this, getX(), getW(), Value(),
                   IntegerType::get(getContext(), 32), types, error);
}

LogicalResult
CausalConvWithStateOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                        std::string &error) {
  if (failed(checkElements(getOperation()->getOperands(), error)) ||
      failed(checkRank(getInput(), 3, 3, "input", error)) ||
      failed(checkRank(getWeight(), 3, 3, "weight", error)))
    return failure();
  SmallVector<int64_t> input(3, unknownDim), weight(input);
  if (RankedTensorType type = getRanked(getInput()))
    input.assign(type.getShape().begin(), type.getShape().end());
  if (RankedTensorType type = getRanked(getWeight()))
    weight.assign(type.getShape().begin(), type.getShape().end());
  if (!mayEqual(input[1], weight[0]) || !mayEqual(weight[1], 1) ||
      weight[2] == 0)
    return fail(error, "expected a weight [channels, 1, width], found " +
                           describe(weight) + " for " + describe(input));
  int64_t channels = meetDims(input[1], weight[0]);
  SmallVector<int64_t> state = {input[0], channels, addDims(weight[2], -1)};
  if (failed(checkLength(getBias(), channels, "bias", error)) ||
      failed(checkShape(getPastState(), state, "past_state", error)))
    return failure();
  types.push_back(rankedLike({input[0], channels, input[2]}, getInput()));
  types.push_back(rankedLike(state, getInput()));
  return success();
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

/// The shape that pooling gives, or nothing if the rank is not known.
template <typename OpT>
static LogicalResult inferPool(OpT op,
                               std::optional<SmallVector<int64_t>> &shape,
                               std::string &error) {
  if (failed(checkRank(op.getX(), 3, maxRank, "X", error)))
    return failure();
  RankedTensorType type = getRanked(op.getX());
  if (!type)
    return success();
  Windows windows = {op.getAutoPad(), op.getStrides(), op.getDilations(),
                     op.getPads(), op.getCeilMode() != 0};
  return inferWindows(windows, type.getShape(), type.getDimSize(1),
                      op.getKernelShape(), shape.emplace(), error);
}

/// A type of that shape.
static Type makeType(const std::optional<SmallVector<int64_t>> &shape,
                     Type element) {
  return shape ? Type(RankedTensorType::get(*shape, element))
               : Type(UnrankedTensorType::get(element));
}

LogicalResult MaxPoolOp::inferResultTypes(Operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  std::optional<SmallVector<int64_t>> shape;
  if (failed(inferPool(*this, shape, error)))
    return failure();
  if (getRest().size() > 1)
    return fail(error,
                "expected at most 2 results, found " + Twine(getNumResults()));
  types.push_back(makeType(shape, getElementTypeOrSelf(getX())));
  types.append(getRest().size(),
               makeType(shape, IntegerType::get(getContext(), 64)));
  return success();
}

LogicalResult AveragePoolOp::inferResultTypes(Operands,
                                              SmallVectorImpl<Type> &types,
                                              std::string &error) {
  std::optional<SmallVector<int64_t>> shape;
  if (failed(inferPool(*this, shape, error)))
    return failure();
  types.push_back(makeType(shape, getElementTypeOrSelf(getX())));
  return success();
}

/// Pooling over all spatial dimensions.
static LogicalResult inferGlobalPool(Value x, SmallVectorImpl<Type> &types,
                                     std::string &error) {
  if (failed(checkRank(x, 3, maxRank, "X", error)))
    return failure();
  RankedTensorType type = getRanked(x);
  if (!type) {
    types.push_back(x.getType());
    return success();
  }
  SmallVector<int64_t> shape(type.getRank(), 1);
  shape[0] = type.getDimSize(0);
  shape[1] = type.getDimSize(1);
  types.push_back(rankedLike(shape, x));
  return success();
}

LogicalResult
GlobalAveragePoolOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                      std::string &error) {
  return inferGlobalPool(getX(), types, error);
}

LogicalResult GlobalMaxPoolOp::inferResultTypes(Operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  return inferGlobalPool(getX(), types, error);
}

//===----------------------------------------------------------------------===//
// Normalisation
//===----------------------------------------------------------------------===//

/// Checks that `parameters` have rank 1 and one element for each channel of
/// `x`.
static LogicalResult checkChannels(Value x, int64_t leastRank, StringRef name,
                                   ValueRange parameters, std::string &error) {
  if (failed(checkRank(x, leastRank, maxRank, name, error)))
    return failure();
  RankedTensorType type = getRanked(x);
  int64_t channels = unknownDim;
  if (type)
    channels = type.getRank() > 1 ? type.getDimSize(1) : 1;
  for (Value parameter : parameters)
    if (failed(checkLength(parameter, channels, "operands after " + name.str(),
                           error)))
      return failure();
  return success();
}

LogicalResult
BatchNormalizationOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  if (failed(checkChannels(getX(), 1, "X",
                           getOperation()->getOperands().drop_front(), error)))
    return failure();
  types.push_back(getX().getType());
  return success();
}

LogicalResult InstanceNormalizationOp::inferResultTypes(
    Operands, SmallVectorImpl<Type> &types, std::string &error) {
  if (failed(checkElements(getOperation()->getOperands(), error)) ||
      failed(
          checkChannels(getInput(), 3, "input", {getScale(), getB()}, error)))
    return failure();
  types.push_back(getInput().getType());
  return success();
}

/// Checks the type in which statistics are computed.
static LogicalResult checkStash(std::optional<Type> stash, std::string &error) {
  if (!stash || isa<FloatType>(*stash))
    return success();
  return fail(error, "expected stash_type to be a floating-point type, found " +
                         describe(*stash));
}

LogicalResult
GroupNormalizationOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  if (failed(checkElements(getOperation()->getOperands(), error)) ||
      failed(checkStash(getStashType(), error)) ||
      failed(checkChannels(getX(), 2, "X", {getScale(), getBias()}, error)))
    return failure();
  RankedTensorType type = getRanked(getX());
  if (getNumGroups() < 1 || (type && isKnown(type.getDimSize(1)) &&
                             type.getDimSize(1) % getNumGroups() != 0))
    return fail(error, "expected num_groups to divide the channels of " +
                           describe(getX().getType()) + ", found " +
                           Twine(getNumGroups()));
  types.push_back(getX().getType());
  return success();
}

LogicalResult MeanVarianceNormalizationOp::inferResultTypes(
    Operands, SmallVectorImpl<Type> &types, std::string &error) {
  SmallVector<int64_t> axes(getAxes());
  if (RankedTensorType type = getRanked(getX());
      type && failed(checkAxes(axes, type.getRank(), error)))
    return failure();
  types.push_back(getX().getType());
  return success();
}

LogicalResult SimplifiedLayerNormalizationOp::inferResultTypes(
    Operands, SmallVectorImpl<Type> &types, std::string &error) {
  if (failed(checkStash(getStashType(), error)))
    return failure();
  if (getRest().size() > 1)
    return fail(error,
                "expected at most 2 results, found " + Twine(getNumResults()));
  Type stash = getStashType().value_or(Float32Type::get(getContext()));
  types.push_back(
      withElement(getX().getType(), getElementTypeOrSelf(getScale())));
  RankedTensorType type = getRanked(getX()), scale = getRanked(getScale());
  if (!type) {
    types.append(getRest().size(), UnrankedTensorType::get(stash));
    return success();
  }
  int64_t axis = getAxis();
  if (failed(normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  if (scale && !mayBroadcastTo(scale.getShape(), type.getShape()))
    return fail(error, "expected scale to broadcast to " +
                           describe(type.getShape()) + ", found " +
                           describe(scale.getShape()));
  SmallVector<int64_t> shape(type.getShape());
  std::fill(shape.begin() + axis, shape.end(), 1);
  types.append(getRest().size(), RankedTensorType::get(shape, stash));
  return success();
}

//===----------------------------------------------------------------------===//
// Products and recurrences
//===----------------------------------------------------------------------===//

LogicalResult EinsumOp::inferResultTypes(Operands operands,
                                         SmallVectorImpl<Type> &types,
                                         std::string &error) {
  if (getInputs().empty())
    return fail(error, "expected at least one operand, found none");
  if (failed(checkElements(getInputs(), error)))
    return failure();
  SmallVector<int64_t> ranks;
  for (Value input : getInputs()) {
    RankedTensorType type = getRanked(input);
    if (!type) {
      types.push_back(unrankedLike(input));
      return success();
    }
    ranks.push_back(type.getRank());
  }
  EinsumEquation equation;
  if (failed(parseEinsum(getEquation(), ranks, equation, error)))
    return failure();
  SmallVector<int64_t> sizes(equation.count, 1);
  for (auto [input, dims] : llvm::zip(getInputs(), equation.operands))
    for (auto [number, size] : llvm::zip(dims, getRanked(input).getShape())) {
      SmallVector<int64_t> merged = {sizes[number]};
      if (failed(broadcast(merged, size)))
        return fail(error,
                    "expected dimensions of one name to be equal, found " +
                        Twine(sizes[number]) + " and " + Twine(size));
      sizes[number] = merged.front();
    }
  SmallVector<int64_t> shape;
  for (unsigned number : equation.result)
    shape.push_back(sizes[number]);
  types.push_back(rankedLike(shape, getInputs().front()));
  return success();
}

/// The size of the parts when `columns` is cut into `count`.
static LogicalResult divideColumns(int64_t columns, int64_t count,
                                   StringRef name, int64_t &size,
                                   std::string &error) {
  size = unknownDim;
  if (!isKnown(columns))
    return success();
  if (columns % count != 0)
    return fail(error, "expected the " + Twine(columns) + " columns of " +
                           name + " to be a multiple of " + Twine(count));
  size = columns / count;
  return success();
}

LogicalResult LinearAttentionOp::inferResultTypes(Operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  SmallVector<SmallVector<int64_t>> shapes;
  for (Value operand : {getQuery(), getKey(), getValue()}) {
    if (failed(checkRank(operand, 3, 3, "query, key and value", error)))
      return failure();
    RankedTensorType type = getRanked(operand);
    shapes.push_back(type ? SmallVector<int64_t>(type.getShape())
                          : SmallVector<int64_t>(3, unknownDim));
  }
  int64_t heads = getQNumHeads(), kvHeads = getKvNumHeads();
  if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0)
    return fail(error, "expected q_num_heads to be a positive multiple of "
                       "kv_num_heads, found " +
                           Twine(heads) + " and " + Twine(kvHeads));
  int64_t querySize, keySize, valueSize;
  if (failed(divideColumns(shapes[0][2], heads, "query", querySize, error)) ||
      failed(divideColumns(shapes[1][2], kvHeads, "key", keySize, error)) ||
      failed(divideColumns(shapes[2][2], kvHeads, "value", valueSize, error)))
    return failure();
  for (size_t i : {1, 2})
    if (!mayEqual(shapes[0][0], shapes[i][0]) ||
        !mayEqual(shapes[0][1], shapes[i][1]) || !mayEqual(querySize, keySize))
      return fail(error, "expected query, key and value that go together, "
                         "found shapes " +
                             describe(shapes[0]) + ", " + describe(shapes[1]) +
                             " and " + describe(shapes[2]));
  bool needsDecay = getUpdateRule() == LinearAttentionRule::Gated ||
                    getUpdateRule() == LinearAttentionRule::GatedDelta;
  bool needsBeta = getUpdateRule() == LinearAttentionRule::Delta ||
                   getUpdateRule() == LinearAttentionRule::GatedDelta;
  if ((needsDecay && !getDecay()) || (needsBeta && !getBeta()))
    return fail(error, "expected decay for gated rules and beta for delta "
                       "rules");
  keySize = meetDims(querySize, keySize);
  int64_t batch = meetDims(shapes[0][0], shapes[1][0]);
  SmallVector<int64_t> state = {batch, kvHeads, keySize, valueSize};
  if (failed(checkShape(getPastState(), state, "past_state", error)))
    return failure();
  types.push_back(rankedLike(
      {batch, shapes[0][1], multiplyDims(valueSize, heads)}, getQuery()));
  types.push_back(
      rankedLike(state, getPastState() ? getPastState() : getQuery()));
  return success();
}
