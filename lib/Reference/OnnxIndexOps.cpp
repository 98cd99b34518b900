//===- OnnxIndexOps.cpp - scatter, borders, choice, blocks ---------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::reference;

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

/// Combines an element with what is there.
static void combine(Tensor &result, int64_t place, const Tensor &update,
                    int64_t index, onnx::ScatterReduction reduction) {
  using Reduction = onnx::ScatterReduction;
  bool isFloat = result.isFloat();
  switch (reduction) {
  case Reduction::None:
    return result.copy(place, update, index);
  case Reduction::Add:
  case Reduction::Mul: {
    bool isAdd = reduction == Reduction::Add;
    if (isFloat) {
      double a = result.getFloat(place), b = update.getFloat(index);
      return result.setFloat(place, isAdd ? a + b : a * b);
    }
    auto a = static_cast<uint64_t>(result.getInt(place)),
         b = static_cast<uint64_t>(update.getInt(index));
    return result.setInt(place, static_cast<int64_t>(isAdd ? a + b : a * b));
  }
  case Reduction::Max:
  case Reduction::Min: {
    std::optional<int> order = compareElements(update, index, result, place);
    bool isNaN = isFloat && std::isnan(update.getFloat(index));
    if (isNaN || (order && *order * (reduction == Reduction::Max ? 1 : -1) > 0))
      result.copy(place, update, index);
    return;
  }
  }
}

/// An index in [-size, size) as one in [0, size).
static FailureOr<int64_t> normalizeIndex(Frame &frame, int64_t index,
                                         int64_t size) {
  if (index < -size || index >= size)
    return frame.fail("expected an index in [" + Twine(-size) + ", " +
                      Twine(size) + "), found " + Twine(index));
  return index < 0 ? index + size : index;
}

static LogicalResult evaluateScatterND(onnx::ScatterNDOp op, Frame &frame) {
  const Tensor &data = frame.tensor(op.getData()),
               &indices = frame.tensor(op.getIndices()),
               &updates = frame.tensor(op.getUpdates());
  if (data.getRank() < 1 || indices.getRank() < 1)
    return frame.fail("expected data and indices of rank 1 or more");
  int64_t length = indices.getShape().back();
  if (length < 1 || length > data.getRank())
    return frame.fail("expected index tuples of length 1 to " +
                      Twine(data.getRank()) + ", found " + Twine(length));
  Shape wanted(indices.getShape().drop_back());
  llvm::append_range(wanted, data.getShape().drop_front(length));
  if (updates.getShape() != ArrayRef<int64_t>(wanted))
    return frame.fail("expected updates of shape " + describe(wanted) +
                      ", found " + updates.describe());
  Tensor result = data;
  Shape strides = getStrides(data.getShape());
  int64_t slice = strides[length - 1];
  for (int64_t i = 0; i < indices.size() / length; ++i) {
    int64_t base = 0;
    for (int64_t k = 0; k < length; ++k) {
      FailureOr<int64_t> index =
          normalizeIndex(frame, indices.getInt(i * length + k), data.getDim(k));
      if (failed(index))
        return failure();
      base += *index * strides[k];
    }
    for (int64_t k = 0; k < slice; ++k)
      combine(result, base + k, updates, i * slice + k, op.getReduction());
  }
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateScatterElements(onnx::ScatterElementsOp op,
                                             Frame &frame) {
  const Tensor &data = frame.tensor(op.getData()),
               &indices = frame.tensor(op.getIndices()),
               &updates = frame.tensor(op.getUpdates());
  FailureOr<int64_t> axis = normalizeAxis(frame, op.getAxis(), data.getRank());
  if (failed(axis))
    return failure();
  if (indices.getShape() != updates.getShape() ||
      indices.getRank() != data.getRank())
    return frame.fail("expected indices and updates of one shape and the rank "
                      "of " +
                      data.describe() + ", found " + indices.describe() +
                      " and " + updates.describe());
  for (int64_t i = 0; i < data.getRank(); ++i)
    if (i != *axis && indices.getDim(i) > data.getDim(i))
      return frame.fail("expected indices within " + data.describe() +
                        ", found " + indices.describe());
  Tensor result = data;
  Shape strides = getStrides(data.getShape());
  int64_t along = strides[*axis];
  strides[*axis] = 0;
  for (auto [i, base] :
       llvm::enumerate(getSources(indices.getShape(), strides))) {
    FailureOr<int64_t> index =
        normalizeIndex(frame, indices.getInt(i), data.getDim(*axis));
    if (failed(index))
      return failure();
    combine(result, base + *index * along, updates, i, op.getReduction());
  }
  return frame.set(0, std::move(result));
}

//===----------------------------------------------------------------------===//
// Copies, borders, triangles
//===----------------------------------------------------------------------===//

static LogicalResult evaluateTile(onnx::TileOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  SmallVector<int64_t> repeats = frame.tensor(op.getRepeats()).toInts();
  if (static_cast<int64_t>(repeats.size()) != x.getRank())
    return frame.fail("expected " + Twine(x.getRank()) + " repeats, found " +
                      Twine(repeats.size()));
  // A dimension as two, of which the first is repeated.
  Shape split, strides, own = getStrides(x.getShape()), shape;
  for (auto [dim, stride, repeat] : llvm::zip(x.getShape(), own, repeats)) {
    if (repeat < 0 || failed(countElements({repeat, dim})))
      return frame.fail("expected repeats that are possible, found " +
                        Twine(repeat));
    split.append({repeat, dim});
    strides.append({0, stride});
    shape.push_back(repeat * dim);
  }
  if (failed(countElements(shape)))
    return frame.fail("expected a smaller result, found shape " +
                      describe(shape));
  return frame.result(pick(frame, x, shape, getSources(split, strides)));
}

/// Where the element at `place`, which may lie outside, comes from. -1 for the
/// constant.
static int64_t mirror(int64_t place, int64_t size, onnx::PadMode mode) {
  if (place >= 0 && place < size)
    return place;
  switch (mode) {
  case onnx::PadMode::Constant:
    return -1;
  case onnx::PadMode::Edge:
    return place < 0 ? 0 : size - 1;
  case onnx::PadMode::Wrap:
    return (place % size + size) % size;
  case onnx::PadMode::Reflect: {
    // There and back is a period; the ends are not repeated.
    int64_t period = std::max<int64_t>(2 * (size - 1), 1);
    int64_t within = (place % period + period) % period;
    return within < size ? within : period - within;
  }
  }
  return -1;
}

static LogicalResult evaluatePad(onnx::PadOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getData()),
               &pads = frame.tensor(op.getPads());
  const Tensor *fill = frame.optional(op.getConstantValue()),
               *axes = frame.optional(op.getAxes());
  if (fill && fill->size() != 1)
    return frame.fail("expected a value of one element, found " +
                      fill->describe());
  int64_t count = axes ? axes->size() : x.getRank();
  if (pads.size() != 2 * count)
    return frame.fail("expected " + Twine(2 * count) + " pads, found " +
                      Twine(pads.size()));
  Shape before(x.getRank(), 0), shape(x.getShape());
  SmallVector<bool> seen(x.getRank(), false);
  constexpr int64_t most = int64_t(1) << 30;
  for (int64_t i = 0; i < count; ++i) {
    FailureOr<int64_t> axis =
        normalizeAxis(frame, axes ? axes->getInt(i) : i, x.getRank());
    if (failed(axis))
      return failure();
    int64_t first = pads.getInt(i), last = pads.getInt(i + count);
    if (seen[*axis] || std::abs(first) > most || std::abs(last) > most)
      return frame.fail("expected each axis once, and pads of at most 2^30");
    seen[*axis] = true;
    before[*axis] = first;
    shape[*axis] += first + last;
  }
  if (failed(countElements(shape)))
    return frame.fail("expected a shape that is possible, found " +
                      describe(shape));
  FailureOr<Tensor> result = frame.allocate(shape);
  if (failed(result))
    return failure();
  if (x.size() == 0 && result->size() > 0 &&
      op.getMode() != onnx::PadMode::Constant)
    return frame.fail("expected elements to make a border of, found " +
                      x.describe());
  Shape strides = getStrides(x.getShape()), own = getStrides(shape);
  for (int64_t i = 0; i < result->size(); ++i) {
    int64_t source = 0;
    for (int64_t axis = 0; axis < x.getRank() && source >= 0; ++axis) {
      int64_t place = i / own[axis] % shape[axis] - before[axis];
      int64_t from = mirror(place, x.getDim(axis), op.getMode());
      source = from < 0 ? -1 : source + from * strides[axis];
    }
    if (source >= 0)
      result->copy(i, x, source);
    else if (fill)
      result->copy(i, *fill, 0);
  }
  return frame.result(std::move(result));
}

static LogicalResult evaluateTrilu(onnx::TriluOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  const Tensor *diagonal = frame.optional(op.getK());
  if (x.getRank() < 2 || (diagonal && diagonal->size() != 1))
    return frame.fail("expected matrices and a k of one element");
  int64_t rows = x.getDim(x.getRank() - 2), columns = x.getShape().back();
  // Further out there is nothing.
  int64_t k =
      diagonal ? std::clamp(diagonal->getInt(0), -rows - 1, columns + 1) : 0;
  Tensor result(x.getElement(), x.getShape());
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t distance = i % columns - i / columns % rows;
    if (op.getUpper() ? distance >= k : distance <= k)
      result.copy(i, x, i);
  }
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateEyeLike(onnx::EyeLikeOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  if (x.getRank() != 2)
    return frame.fail("expected a matrix, found " + x.describe());
  FailureOr<Tensor> result = frame.allocate(x.getShape());
  if (failed(result))
    return failure();
  for (int64_t row = 0; row < x.getDim(0); ++row) {
    int64_t column;
    if (!__builtin_add_overflow(row, op.getK(), &column) && column >= 0 &&
        column < x.getDim(1))
      result->setInt(row * x.getDim(1) + column, 1);
  }
  return frame.result(std::move(result));
}

//===----------------------------------------------------------------------===//
// Choice
//===----------------------------------------------------------------------===//

static LogicalResult evaluateOneHot(onnx::OneHotOp op, Frame &frame) {
  const Tensor &indices = frame.tensor(op.getIndices()),
               &depthTensor = frame.tensor(op.getDepth()),
               &values = frame.tensor(op.getValues());
  if (depthTensor.size() != 1 || values.size() != 2)
    return frame.fail("expected a depth of one element and two values");
  int64_t depth = depthTensor.getInt(0);
  FailureOr<int64_t> axis =
      normalizeAxis(frame, op.getAxis(), indices.getRank() + 1);
  if (failed(axis))
    return failure();
  Shape shape(indices.getShape());
  shape.insert(shape.begin() + *axis, depth);
  FailureOr<Tensor> result = frame.allocate(shape);
  if (failed(result))
    return failure();
  for (int64_t i = 0; i < result->size(); ++i)
    result->copy(i, values, 0);
  Shape strides = getStrides(shape), outer = strides;
  outer.erase(outer.begin() + *axis);
  if (result->size() == 0)
    return frame.result(std::move(result));
  for (auto [i, base] :
       llvm::enumerate(getSources(indices.getShape(), outer))) {
    int64_t index = indices.getInt(i);
    if (index >= -depth && index < depth)
      result->copy(base + (index < 0 ? index + depth : index) * strides[*axis],
                   values, 1);
  }
  return frame.result(std::move(result));
}

static LogicalResult evaluateNonZero(onnx::NonZeroOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  SmallVector<int64_t> places;
  for (int64_t i = 0; i < x.size(); ++i)
    if (x.isFloat() ? x.getFloat(i) != 0 : x.getInt(i) != 0)
      places.push_back(i);
  // A scalar counts as a vector of one element.
  Shape shape(x.getShape());
  if (shape.empty())
    shape.push_back(1);
  auto rank = static_cast<int64_t>(shape.size());
  auto count = static_cast<int64_t>(places.size());
  Shape strides = getStrides(shape);
  FailureOr<Tensor> result = frame.allocate({rank, count});
  if (failed(result))
    return failure();
  for (int64_t axis = 0; axis < rank; ++axis)
    for (auto [i, place] : llvm::enumerate(places))
      result->setInt(axis * count + static_cast<int64_t>(i),
                     place / strides[axis] % shape[axis]);
  return frame.result(std::move(result));
}

static LogicalResult evaluateCompress(onnx::CompressOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput()),
               &condition = frame.tensor(op.getCondition());
  int64_t axis = 0, size = x.size(), inner = 1;
  Shape shape;
  if (op.getAxis()) {
    FailureOr<int64_t> given = normalizeAxis(frame, *op.getAxis(), x.getRank());
    if (failed(given))
      return failure();
    axis = *given;
    size = x.getDim(axis);
    shape = Shape(x.getShape());
    inner = getStrides(x.getShape())[axis];
  } else {
    shape.push_back(size);
  }
  if (condition.getRank() != 1 || condition.size() > size)
    return frame.fail("expected a condition of at most " + Twine(size) +
                      " elements, found " + condition.describe());
  SmallVector<int64_t> kept;
  for (int64_t i = 0; i < condition.size(); ++i)
    if (condition.getInt(i))
      kept.push_back(i);
  shape[axis] = static_cast<int64_t>(kept.size());
  std::vector<int64_t> sources;
  int64_t outer = size == 0 ? 0 : x.size() / (size * inner);
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t place : kept)
      for (int64_t k = 0; k < inner; ++k)
        sources.push_back((i * size + place) * inner + k);
  return frame.result(pick(frame, x, shape, sources));
}

static LogicalResult evaluateReverseSequence(onnx::ReverseSequenceOp op,
                                             Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput()),
               &lengths = frame.tensor(op.getSequenceLens());
  if (x.getRank() < 2 || lengths.size() != x.getDim(op.getBatchAxis()))
    return frame.fail("expected one length for each batch entry of " +
                      x.describe() + ", found " + lengths.describe());
  int64_t time = op.getTimeAxis(), batch = op.getBatchAxis();
  Shape strides = getStrides(x.getShape());
  Tensor result(x.getElement(), x.getShape());
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t step = i / strides[time] % x.getDim(time);
    int64_t length = lengths.getInt(i / strides[batch] % x.getDim(batch));
    if (length < 0 || length > x.getDim(time))
      return frame.fail("expected a length of 0 to " + Twine(x.getDim(time)) +
                        ", found " + Twine(length));
    int64_t from = step < length ? length - 1 - step : step;
    result.copy(i, x, i + (from - step) * strides[time]);
  }
  return frame.set(0, std::move(result));
}

//===----------------------------------------------------------------------===//
// Blocks and bits
//===----------------------------------------------------------------------===//

/// Reorders [batch, channels, height, width] as a tensor of rank 6 whose
/// dimensions are permuted.
static LogicalResult reorder(Frame &frame, const Tensor &x,
                             ArrayRef<int64_t> split, ArrayRef<int64_t> perm,
                             ArrayRef<int64_t> shape) {
  Shape own = getStrides(split), dims, strides;
  for (int64_t axis : perm) {
    dims.push_back(split[axis]);
    strides.push_back(own[axis]);
  }
  return frame.result(pick(frame, x, shape, getSources(dims, strides)));
}

static LogicalResult evaluateDepthToSpace(onnx::DepthToSpaceOp op,
                                          Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  int64_t b = op.getBlocksize();
  if (x.getRank() != 4 || b < 1 || x.getDim(1) % (b * b) != 0)
    return frame.fail("expected channels that make blocks of " + Twine(b) +
                      ", found " + x.describe());
  int64_t n = x.getDim(0), c = x.getDim(1) / (b * b), h = x.getDim(2),
          w = x.getDim(3);
  Shape shape = {n, c, h * b, w * b};
  if (op.getMode() == onnx::BlockOrder::DCR)
    return reorder(frame, x, {n, b, b, c, h, w}, {0, 3, 4, 1, 5, 2}, shape);
  return reorder(frame, x, {n, c, b, b, h, w}, {0, 1, 4, 2, 5, 3}, shape);
}

static LogicalResult evaluateSpaceToDepth(onnx::SpaceToDepthOp op,
                                          Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  int64_t b = op.getBlocksize();
  if (x.getRank() != 4 || b < 1 || x.getDim(2) % b != 0 || x.getDim(3) % b != 0)
    return frame.fail("expected blocks of " + Twine(b) + ", found " +
                      x.describe());
  int64_t n = x.getDim(0), c = x.getDim(1), h = x.getDim(2) / b,
          w = x.getDim(3) / b;
  Shape shape = {n, c * b * b, h, w}, split = {n, c, h, b, w, b};
  if (op.getMode() == onnx::BlockOrder::DCR)
    return reorder(frame, x, split, {0, 3, 5, 1, 2, 4}, shape);
  return reorder(frame, x, split, {0, 1, 3, 5, 2, 4}, shape);
}

static LogicalResult evaluateSize(onnx::SizeOp op, Frame &frame) {
  return frame.set(0, Tensor::scalar(frame.tensor(op.getData()).size()));
}

static LogicalResult evaluateCastLike(onnx::CastLikeOp op, Frame &frame) {
  return convert(frame, frame.tensor(op.getInput()), op.getSaturate());
}

static LogicalResult evaluateBitCast(onnx::BitCastOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  FailureOr<Tensor> result = frame.allocate(x.getShape());
  if (failed(result))
    return failure();
  for (int64_t i = 0; i < x.size(); ++i)
    result->setBits(i, x.getBits(i));
  return frame.result(std::move(result));
}

void mlir::dejavu::reference::addOnnxIndexOps(OpTable &table) {
  table.add(evaluateScatterND);
  table.add(evaluateScatterElements);
  table.add(evaluateTile);
  table.add(evaluatePad);
  table.add(evaluateTrilu);
  table.add(evaluateEyeLike);
  table.add(evaluateOneHot);
  table.add(evaluateNonZero);
  table.add(evaluateCompress);
  table.add(evaluateReverseSequence);
  table.add(evaluateDepthToSpace);
  table.add(evaluateSpaceToDepth);
  table.add(evaluateSize);
  table.add(evaluateCastLike);
  table.add(evaluateBitCast);
}
