//===- OnnxDataOps.cpp - data movement, sums and means along axes ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include <numeric>

using namespace mlir;
using namespace mlir::dejavu::reference;

/// Product of dimensions.
static int64_t multiply(ArrayRef<int64_t> dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t(1),
                         std::multiplies<int64_t>());
}

/// An index from [-dim, dim) in [0, dim).
static FailureOr<int64_t> normalizeIndex(Frame &frame, int64_t index,
                                         int64_t dim) {
  if (index < -dim || index >= dim)
    return frame.fail("expected an index in [" + Twine(-dim) + ", " +
                      Twine(dim) + "), found " + Twine(index));
  return index < 0 ? index + dim : index;
}

static LogicalResult evaluateConcat(onnx::ConcatOp op, Frame &frame) {
  if (op.getInputs().empty())
    return frame.fail("expected at least one operand");
  const Tensor &first = frame.tensor(op.getInputs().front());
  FailureOr<int64_t> axis = normalizeAxis(frame, op.getAxis(), first.getRank());
  if (failed(axis))
    return failure();
  Shape shape(first.getShape());
  shape[*axis] = 0;
  for (Value input : op.getInputs()) {
    Shape other(frame.tensor(input).getShape());
    if (other.size() != shape.size())
      return frame.fail("expected operands of equal rank, found " +
                        first.describe() + " and " +
                        frame.tensor(input).describe());
    shape[*axis] += other[*axis];
    other[*axis] = shape[*axis];
    if (other != shape)
      return frame.fail("expected operands that differ along axis " +
                        Twine(*axis) + " alone, found " + first.describe() +
                        " and " + frame.tensor(input).describe());
  }
  FailureOr<Tensor> result = frame.allocate(shape);
  if (failed(result))
    return failure();
  // Whatever comes after the axis is copied in one piece.
  int64_t outer = multiply(ArrayRef(shape).take_front(*axis));
  int64_t target = 0;
  for (int64_t i = 0; i < outer; ++i)
    for (Value input : op.getInputs()) {
      const Tensor &x = frame.tensor(input);
      int64_t piece = multiply(x.getShape().drop_front(*axis));
      for (int64_t j = 0; j < piece; ++j)
        result->copy(target++, x, i * piece + j);
    }
  return frame.result(std::move(result));
}

static LogicalResult evaluateGather(onnx::GatherOp op, Frame &frame) {
  const Tensor &data = frame.tensor(op.getData());
  const Tensor &indices = frame.tensor(op.getIndices());
  FailureOr<int64_t> axis = normalizeAxis(frame, op.getAxis(), data.getRank());
  if (failed(axis))
    return failure();
  ArrayRef<int64_t> before = data.getShape().take_front(*axis);
  ArrayRef<int64_t> after = data.getShape().drop_front(*axis + 1);
  Shape shape(before);
  llvm::append_range(shape, indices.getShape());
  llvm::append_range(shape, after);
  FailureOr<Tensor> result = frame.allocate(shape);
  if (failed(result))
    return failure();
  int64_t dim = data.getDim(*axis), inner = multiply(after), target = 0;
  for (int64_t i = 0, outer = multiply(before); i < outer; ++i)
    for (int64_t j = 0; j < indices.size(); ++j) {
      FailureOr<int64_t> index = normalizeIndex(frame, indices.getInt(j), dim);
      if (failed(index))
        return failure();
      for (int64_t k = 0; k < inner; ++k)
        result->copy(target++, data, (i * dim + *index) * inner + k);
    }
  return frame.result(std::move(result));
}

static LogicalResult evaluateGatherND(onnx::GatherNDOp op, Frame &frame) {
  const Tensor &data = frame.tensor(op.getData());
  const Tensor &indices = frame.tensor(op.getIndices());
  int64_t batchDims = op.getBatchDims();
  if (batchDims < 0 || batchDims >= data.getRank() ||
      batchDims >= indices.getRank())
    return frame.fail("expected batch_dims less than both ranks, found " +
                      Twine(batchDims));
  ArrayRef<int64_t> batch = data.getShape().take_front(batchDims);
  if (batch != indices.getShape().take_front(batchDims))
    return frame.fail("expected equal batch dimensions, found " +
                      data.describe() + " and " + indices.describe());
  int64_t length = indices.getShape().back();
  if (length < 1 || length > data.getRank() - batchDims)
    return frame.fail("expected tuples of 1 to " +
                      Twine(data.getRank() - batchDims) + " indices, found " +
                      Twine(length));
  ArrayRef<int64_t> indexed = data.getShape().slice(batchDims, length);
  ArrayRef<int64_t> slice = data.getShape().drop_front(batchDims + length);
  Shape shape(indices.getShape().drop_back());
  llvm::append_range(shape, slice);
  FailureOr<Tensor> result = frame.allocate(shape);
  if (failed(result))
    return failure();
  int64_t inner = multiply(slice), target = 0;
  int64_t tuplesPerBatch =
      multiply(indices.getShape().drop_back().drop_front(batchDims));
  for (int64_t b = 0, batches = multiply(batch); b < batches; ++b)
    for (int64_t t = 0; t < tuplesPerBatch; ++t) {
      // The place of the slice among those that tuples can name.
      int64_t place = b;
      for (int64_t i = 0; i < length; ++i) {
        FailureOr<int64_t> index = normalizeIndex(
            frame, indices.getInt((b * tuplesPerBatch + t) * length + i),
            indexed[i]);
        if (failed(index))
          return failure();
        place = place * indexed[i] + *index;
      }
      for (int64_t k = 0; k < inner; ++k)
        result->copy(target++, data, place * inner + k);
    }
  return frame.result(std::move(result));
}

static LogicalResult evaluateGatherElements(onnx::GatherElementsOp op,
                                            Frame &frame) {
  const Tensor &data = frame.tensor(op.getData());
  const Tensor &indices = frame.tensor(op.getIndices());
  FailureOr<int64_t> axis = normalizeAxis(frame, op.getAxis(), data.getRank());
  if (failed(axis))
    return failure();
  Shape strides = getStrides(data.getShape());
  bool fits = indices.getRank() == data.getRank();
  for (int64_t i = 0; fits && i < data.getRank(); ++i)
    fits = i == *axis || indices.getDim(i) <= data.getDim(i);
  if (!fits)
    return frame.fail("expected indices within data but for axis " +
                      Twine(*axis) + ", found " + indices.describe() + " and " +
                      data.describe());
  FailureOr<Tensor> result = frame.allocate(indices.getShape());
  if (failed(result))
    return failure();
  // The places of the elements at index 0 of the axis.
  int64_t stride = std::exchange(strides[*axis], 0);
  std::vector<int64_t> sources = getSources(indices.getShape(), strides);
  for (int64_t i = 0; i < result->size(); ++i) {
    FailureOr<int64_t> index =
        normalizeIndex(frame, indices.getInt(i), data.getDim(*axis));
    if (failed(index))
      return failure();
    result->copy(i, data, sources[i] + *index * stride);
  }
  return frame.result(std::move(result));
}

static LogicalResult evaluateSplit(onnx::SplitOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  const Tensor *split = frame.optional(op.getSplit());
  FailureOr<int64_t> axis = normalizeAxis(frame, op.getAxis(), input.getRank());
  if (failed(axis))
    return failure();
  int64_t parts = op->getNumResults(), dim = input.getDim(*axis), first = 0;
  if (split && split->size() != parts)
    return frame.fail("expected " + Twine(parts) + " sizes, found " +
                      split->describe());
  Shape strides = getStrides(input.getShape());
  for (int64_t i = 0; i < parts; ++i) {
    int64_t rounded = (dim + parts - 1) / parts;
    int64_t size =
        split ? split->getInt(i) : (i + 1 < parts ? rounded : dim - first);
    if (size < 0 || size > dim - first ||
        (i + 1 == parts && size != dim - first))
      return frame.fail("expected sizes of parts that make up " + Twine(dim));
    Shape shape(input.getShape());
    shape[*axis] = size;
    FailureOr<Tensor> part =
        pick(frame, input, shape,
             getSources(shape, strides, first * strides[*axis]));
    if (failed(part))
      return failure();
    (void)frame.set(i, std::move(*part));
    first += size;
  }
  return success();
}

static LogicalResult evaluateSlice(onnx::SliceOp op, Frame &frame) {
  const Tensor &data = frame.tensor(op.getData());
  const Tensor &starts = frame.tensor(op.getStarts());
  const Tensor &ends = frame.tensor(op.getEnds());
  const Tensor *axes = frame.optional(op.getAxes());
  const Tensor *steps = frame.optional(op.getSteps());
  if (ends.size() != starts.size() || (axes && axes->size() != starts.size()) ||
      (steps && steps->size() != starts.size()))
    return frame.fail("expected starts, ends, axes and steps of equal length");
  Shape shape(data.getShape()), strides = getStrides(shape);
  SmallVector<bool> seen(data.getRank(), false);
  int64_t base = 0;
  for (int64_t i = 0; i < starts.size(); ++i) {
    FailureOr<int64_t> axis =
        normalizeAxis(frame, axes ? axes->getInt(i) : i, data.getRank());
    if (failed(axis))
      return failure();
    int64_t step = steps ? steps->getInt(i) : 1;
    if (seen[*axis] || step == 0)
      return frame.fail("expected each axis once and no step of 0");
    seen[*axis] = true;
    // Negative places count from the end. Going up, both are clamped to
    // [0, dim]; going down to [0, dim - 1] and [-1, dim - 1], since the end is
    // not included.
    int64_t dim = data.getDim(*axis), last = step > 0 ? dim : dim - 1;
    auto clamp = [&](int64_t place, int64_t low) {
      return std::max(low, std::min(place < 0 ? place + dim : place, last));
    };
    int64_t start = clamp(starts.getInt(i), 0);
    int64_t end = clamp(ends.getInt(i), step > 0 ? 0 : -1);
    uint64_t distance = step > 0 ? end - start : start - end;
    uint64_t width = step > 0 ? step : -static_cast<uint64_t>(step);
    bool isEmpty = dim == 0 || (step > 0 ? end <= start : start <= end);
    shape[*axis] = isEmpty ? 0 : (distance - 1) / width + 1;
    base += isEmpty ? 0 : start * strides[*axis];
    // A single element needs no stride, and the step may be huge.
    strides[*axis] = shape[*axis] > 1 ? strides[*axis] * step : 0;
  }
  return frame.result(
      pick(frame, data, shape, getSources(shape, strides, base)));
}

static LogicalResult evaluateTranspose(onnx::TransposeOp op, Frame &frame) {
  const Tensor &data = frame.tensor(op.getData());
  Shape own = getStrides(data.getShape()), shape, strides;
  SmallVector<bool> seen(data.getRank(), false);
  for (int64_t axis : op.getPerm()) {
    if (axis < 0 || axis >= data.getRank() || seen[axis])
      return frame.fail("expected a permutation of the dimensions of " +
                        data.describe());
    seen[axis] = true;
    shape.push_back(data.getDim(axis));
    strides.push_back(own[axis]);
  }
  if (static_cast<int64_t>(shape.size()) != data.getRank())
    return frame.fail("expected a permutation of the dimensions of " +
                      data.describe());
  return frame.result(pick(frame, data, shape, getSources(shape, strides)));
}

static LogicalResult evaluateCumSum(onnx::CumSumOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  const Tensor &axisTensor = frame.tensor(op.getAxis());
  if (axisTensor.size() != 1)
    return frame.fail("expected an axis of one element, found " +
                      axisTensor.describe());
  FailureOr<int64_t> axis =
      normalizeAxis(frame, axisTensor.getInt(0), x.getRank());
  if (failed(axis))
    return failure();
  Tensor result(x.getElement(), x.getShape());
  int64_t dim = x.getDim(*axis);
  int64_t stride = multiply(x.getShape().drop_front(*axis + 1));
  bool reverse = op.getReverse(), exclusive = op.getExclusive();
  for (int64_t line = 0; dim > 0 && line < x.size() / dim; ++line) {
    int64_t first = line / stride * stride * dim + line % stride;
    double floatSum = 0;
    uint64_t intSum = 0;
    for (int64_t i = 0; i < dim; ++i) {
      int64_t place = first + (reverse ? dim - 1 - i : i) * stride;
      double floatNext = floatSum + (x.isFloat() ? x.getFloat(place) : 0);
      uint64_t intNext = intSum + (x.isFloat() ? 0 : x.getInt(place));
      if (x.isFloat())
        result.setFloat(place, exclusive ? floatSum : floatNext);
      else
        result.setInt(place,
                      static_cast<int64_t>(exclusive ? intSum : intNext));
      floatSum = floatNext;
      intSum = intNext;
    }
  }
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateReduceMean(onnx::ReduceMeanOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getData());
  const Tensor *axes = frame.optional(op.getAxes());
  bool hasAxes = axes && axes->size() > 0;
  if (!hasAxes && op.getNoopWithEmptyAxes())
    return frame.set(0, x);
  SmallVector<bool> reduced(x.getRank(), !hasAxes);
  for (int64_t i = 0; hasAxes && i < axes->size(); ++i) {
    FailureOr<int64_t> axis =
        normalizeAxis(frame, axes->getInt(i), x.getRank());
    if (failed(axis))
      return failure();
    reduced[*axis] = true;
  }
  Shape kept, result, strides = getStrides(x.getShape());
  Shape inner, innerStrides, outerStrides;
  for (int64_t axis = 0; axis < x.getRank(); ++axis) {
    int64_t dim = x.getDim(axis);
    (reduced[axis] ? inner : kept).push_back(dim);
    (reduced[axis] ? innerStrides : outerStrides).push_back(strides[axis]);
    if (!reduced[axis] || op.getKeepdims())
      result.push_back(reduced[axis] ? 1 : dim);
  }
  FailureOr<Tensor> mean = frame.allocate(result);
  if (failed(mean))
    return failure();
  std::vector<int64_t> outerSources = getSources(kept, outerStrides);
  std::vector<int64_t> innerSources = getSources(inner, innerStrides);
  auto count = static_cast<int64_t>(innerSources.size());
  if (count == 0 && mean->size() > 0 && !x.isFloat())
    return frame.fail("expected at least one integer for each mean");
  for (auto [i, outer] : llvm::enumerate(outerSources)) {
    double floatSum = 0;
    int64_t intSum = 0;
    for (int64_t place : innerSources) {
      if (x.isFloat())
        floatSum += x.getFloat(outer + place);
      else
        intSum += x.getInt(outer + place);
    }
    if (x.isFloat())
      mean->setFloat(i, floatSum / count);
    else
      mean->setInt(i, intSum / count);
  }
  return frame.result(std::move(mean));
}

void mlir::dejavu::reference::addOnnxDataOps(OpTable &table) {
  table.add(evaluateConcat);
  table.add(evaluateGather);
  table.add(evaluateGatherND);
  table.add(evaluateGatherElements);
  table.add(evaluateSplit);
  table.add(evaluateSlice);
  table.add(evaluateTranspose);
  table.add(evaluateCumSum);
  table.add(evaluateReduceMean);
}
