//===- OnnxReduceOps.cpp - reductions, extremes, running products --------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Floating-point sums are accumulated in double precision, integer sums in 64
// bits.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include <cmath>
#include <functional>
#include <numeric>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::reference;

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

namespace {
/// The lines that a reduction makes of a tensor: where each begins, and how far
/// its elements are from there.
struct Lines {
  Shape shape; ///< of the result
  std::vector<int64_t> starts, offsets;
};
} // namespace

static FailureOr<Lines> findLines(Frame &frame, const Tensor &x,
                                  const Tensor *axes, bool keepDims,
                                  bool noopWithEmptyAxes) {
  bool hasAxes = axes && axes->size() > 0;
  SmallVector<bool> reduced(x.getRank(), !hasAxes && !noopWithEmptyAxes);
  for (int64_t i = 0; hasAxes && i < axes->size(); ++i) {
    FailureOr<int64_t> axis =
        normalizeAxis(frame, axes->getInt(i), x.getRank());
    if (failed(axis))
      return failure();
    if (reduced[*axis])
      return frame.fail("expected each axis once, found " + Twine(*axis) +
                        " again");
    reduced[*axis] = true;
  }
  Lines lines;
  Shape strides = getStrides(x.getShape());
  Shape kept, keptStrides, inner, innerStrides;
  for (int64_t axis = 0; axis < x.getRank(); ++axis) {
    int64_t dim = x.getDim(axis);
    (reduced[axis] ? inner : kept).push_back(dim);
    (reduced[axis] ? innerStrides : keptStrides).push_back(strides[axis]);
    if (!reduced[axis] || keepDims)
      lines.shape.push_back(reduced[axis] ? 1 : dim);
  }
  if (failed(countElements(kept)) || failed(countElements(inner)))
    return frame.fail("expected fewer elements, found " + x.describe());
  lines.starts = getSources(kept, keptStrides);
  lines.offsets = getSources(inner, innerStrides);
  return lines;
}

/// Computes each element of a reduction from its line.
template <typename OpT>
static LogicalResult reduce(OpT op, Frame &frame,
                            function_ref<void(const Tensor &, const Lines &,
                                              int64_t, Tensor &, int64_t)>
                                compute) {
  const Tensor &x = frame.tensor(op.getData());
  FailureOr<Lines> lines =
      findLines(frame, x, frame.optional(op.getAxes()), op.getKeepdims(),
                op.getNoopWithEmptyAxes());
  if (failed(lines))
    return failure();
  FailureOr<Tensor> result = frame.allocate(lines->shape);
  if (failed(result))
    return failure();
  for (auto [i, start] : llvm::enumerate(lines->starts))
    compute(x, *lines, start, *result, i);
  return frame.result(std::move(result));
}

/// The end of a sum of integers: as it is, or through a double if something is
/// to be done with it.
template <typename FinishFn>
static int64_t finishInt(FinishFn finish, uint64_t sum) {
  auto number = static_cast<int64_t>(sum);
  if constexpr (std::is_same_v<FinishFn, std::identity>)
    return number;
  else
    return static_cast<int64_t>(finish(static_cast<double>(number)));
}

/// A reduction that is a sum of functions of elements. Sums of integers wrap.
template <typename OpT, typename FloatFn, typename IntFn, typename FinishFn>
static LogicalResult sum(OpT op, Frame &frame, FloatFn floatFn, IntFn intFn,
                         FinishFn finish) {
  return reduce(op, frame,
                [&](const Tensor &x, const Lines &lines, int64_t start,
                    Tensor &result, int64_t i) {
                  double floatSum = 0;
                  uint64_t intSum = 0;
                  for (int64_t offset : lines.offsets) {
                    if (x.isFloat())
                      floatSum += floatFn(x.getFloat(start + offset));
                    else
                      intSum += intFn(
                          static_cast<uint64_t>(x.getInt(start + offset)));
                  }
                  if (x.isFloat())
                    result.setFloat(i, finish(floatSum));
                  else
                    result.setInt(i, finishInt(finish, intSum));
                });
}

static LogicalResult evaluateReduceSum(onnx::ReduceSumOp op, Frame &frame) {
  return sum(
      op, frame, [](double x) { return x; }, [](uint64_t x) { return x; },
      std::identity());
}

static LogicalResult evaluateReduceL1(onnx::ReduceL1Op op, Frame &frame) {
  return sum(
      op, frame, [](double x) { return std::fabs(x); },
      [](uint64_t x) -> uint64_t {
        return static_cast<int64_t>(x) < 0 ? -x : x;
      },
      std::identity());
}

static LogicalResult evaluateReduceL2(onnx::ReduceL2Op op, Frame &frame) {
  return sum(
      op, frame, [](double x) { return x * x; },
      [](uint64_t x) { return x * x; }, [](double x) { return std::sqrt(x); });
}

static LogicalResult evaluateReduceSumSquare(onnx::ReduceSumSquareOp op,
                                             Frame &frame) {
  return sum(
      op, frame, [](double x) { return x * x; },
      [](uint64_t x) { return x * x; }, std::identity());
}

static LogicalResult evaluateReduceLogSum(onnx::ReduceLogSumOp op,
                                          Frame &frame) {
  return sum(
      op, frame, [](double x) { return x; }, [](uint64_t x) { return x; },
      [](double x) { return std::log(x); });
}

static LogicalResult evaluateReduceLogSumExp(onnx::ReduceLogSumExpOp op,
                                             Frame &frame) {
  return reduce(op, frame,
                [&](const Tensor &x, const Lines &lines, int64_t start,
                    Tensor &result, int64_t i) {
                  double most = -INFINITY, sum = 0;
                  for (int64_t offset : lines.offsets)
                    most = std::max(most, x.getFloat(start + offset));
                  // An infinite element would make NaN of the differences.
                  double base = std::isfinite(most) ? most : 0;
                  for (int64_t offset : lines.offsets)
                    sum += std::exp(x.getFloat(start + offset) - base);
                  result.setFloat(i, base + std::log(sum));
                });
}

static LogicalResult evaluateReduceProd(onnx::ReduceProdOp op, Frame &frame) {
  return reduce(op, frame,
                [&](const Tensor &x, const Lines &lines, int64_t start,
                    Tensor &result, int64_t i) {
                  double floatProduct = 1;
                  uint64_t intProduct = 1;
                  for (int64_t offset : lines.offsets) {
                    if (x.isFloat())
                      floatProduct *= x.getFloat(start + offset);
                    else
                      intProduct *=
                          static_cast<uint64_t>(x.getInt(start + offset));
                  }
                  if (x.isFloat())
                    result.setFloat(i, floatProduct);
                  else
                    result.setInt(i, static_cast<int64_t>(intProduct));
                });
}

/// Sets an element to what an empty Max (`sign` 1) or Min gives.
static void setExtreme(Tensor &tensor, int64_t index, int sign) {
  if (tensor.isFloat()) {
    tensor.setFloat(index, sign > 0 ? -INFINITY : INFINITY);
    return;
  }
  unsigned width = getWidth(tensor.getElement());
  uint64_t ones = ~uint64_t(0) >> (64 - width);
  bool isUnsigned = getName(tensor.getElement()).starts_with("u") || width == 1;
  uint64_t highest = isUnsigned ? ones : ones >> 1;
  tensor.setInt(index, static_cast<int64_t>(sign < 0 ? highest : ~highest));
}

/// ReduceMax (`sign` 1) and ReduceMin: a NaN wins over everything.
template <typename OpT>
static LogicalResult reduceExtreme(OpT op, Frame &frame, int sign) {
  return reduce(op, frame,
                [&](const Tensor &x, const Lines &lines, int64_t start,
                    Tensor &result, int64_t i) {
                  setExtreme(result, i, sign);
                  bool isFirst = true;
                  for (int64_t offset : lines.offsets) {
                    int64_t place = start + offset;
                    bool isNaN = x.isFloat() && std::isnan(x.getFloat(place));
                    std::optional<int> order =
                        compareElements(x, place, result, i);
                    if (isFirst || isNaN || (order && *order * sign > 0))
                      result.copy(i, x, place);
                    isFirst = false;
                  }
                });
}

static LogicalResult evaluateReduceMax(onnx::ReduceMaxOp op, Frame &frame) {
  return reduceExtreme(op, frame, 1);
}

static LogicalResult evaluateReduceMin(onnx::ReduceMinOp op, Frame &frame) {
  return reduceExtreme(op, frame, -1);
}

//===----------------------------------------------------------------------===//
// Where extreme elements are
//===----------------------------------------------------------------------===//

/// One line along `axis` for each of the others.
static FailureOr<Lines> findLinesAlong(Frame &frame, const Tensor &x,
                                       int64_t axis, bool keepDims) {
  if (x.getRank() == 0)
    return frame.fail("expected an axis, found a scalar");
  Tensor axes = Tensor::ofInts({1}, {axis});
  return findLines(frame, x, &axes, keepDims, false);
}

/// ArgMax (`sign` 1) and ArgMin.
template <typename OpT>
static LogicalResult findExtreme(OpT op, Frame &frame, int sign) {
  const Tensor &x = frame.tensor(op.getData());
  FailureOr<Lines> lines =
      findLinesAlong(frame, x, op.getAxis(), op.getKeepdims());
  if (failed(lines))
    return failure();
  if (lines->offsets.empty() && !lines->starts.empty())
    return frame.fail("expected elements along the axis, found " +
                      x.describe());
  FailureOr<Tensor> result = frame.allocate(lines->shape);
  if (failed(result))
    return failure();
  bool takeLast = op.getSelectLastIndex();
  for (auto [i, start] : llvm::enumerate(lines->starts)) {
    int64_t best = 0;
    for (auto [index, offset] : llvm::enumerate(lines->offsets)) {
      std::optional<int> order =
          compareElements(x, start + offset, x, start + lines->offsets[best]);
      if (order && (*order * sign > 0 || (*order == 0 && takeLast)))
        best = index;
    }
    result->setInt(i, best);
  }
  return frame.result(std::move(result));
}

static LogicalResult evaluateArgMax(onnx::ArgMaxOp op, Frame &frame) {
  return findExtreme(op, frame, 1);
}

static LogicalResult evaluateArgMin(onnx::ArgMinOp op, Frame &frame) {
  return findExtreme(op, frame, -1);
}

static LogicalResult evaluateTopK(onnx::TopKOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX()), &count = frame.tensor(op.getK());
  if (count.size() != 1)
    return frame.fail("expected K of one element, found " + count.describe());
  FailureOr<Lines> lines = findLinesAlong(frame, x, op.getAxis(), true);
  if (failed(lines))
    return failure();
  int64_t k = count.getInt(0);
  auto size = static_cast<int64_t>(lines->offsets.size());
  if (k < 0 || k > size)
    return frame.fail("expected K of 0 to " + Twine(size) + ", found " +
                      Twine(k));
  FailureOr<int64_t> axis = normalizeAxis(frame, op.getAxis(), x.getRank());
  Shape shape(x.getShape());
  shape[*axis] = k;
  FailureOr<Tensor> values = frame.allocate(shape, 0),
                    indices = frame.allocate(shape, 1);
  if (failed(values) || failed(indices))
    return failure();
  int sign = op.getLargest() ? 1 : -1;
  int64_t stride = getStrides(shape)[*axis];
  std::vector<int64_t> order(size);
  Shape outer(shape);
  outer[*axis] = 1;
  std::vector<int64_t> targets = getSources(outer, getStrides(shape));
  for (auto [start, target] : llvm::zip(lines->starts, targets)) {
    std::iota(order.begin(), order.end(), 0);
    // A NaN counts as larger than all numbers. Of equals the first comes first.
    auto isBefore = [&, start = start](int64_t a, int64_t b) {
      int64_t first = start + lines->offsets[a],
              second = start + lines->offsets[b];
      int compared = compareElements(x, first, x, second)
                         .value_or(int(std::isnan(x.getFloat(first))) -
                                   int(std::isnan(x.getFloat(second))));
      return compared == 0 ? a < b : compared * sign > 0;
    };
    llvm::sort(order, isBefore);
    for (int64_t i = 0; i < k; ++i) {
      values->copy(target + i * stride, x, start + lines->offsets[order[i]]);
      indices->setInt(target + i * stride, order[i]);
    }
  }
  (void)frame.set(1, std::move(*indices));
  return frame.result(std::move(values));
}

//===----------------------------------------------------------------------===//
// Running products
//===----------------------------------------------------------------------===//

static LogicalResult evaluateCumProd(onnx::CumProdOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX()), &axis = frame.tensor(op.getAxis());
  if (axis.size() != 1)
    return frame.fail("expected an axis of one element, found " +
                      axis.describe());
  FailureOr<Lines> lines = findLinesAlong(frame, x, axis.getInt(0), true);
  if (failed(lines))
    return failure();
  Tensor result(x.getElement(), x.getShape());
  if (op.getReverse())
    std::reverse(lines->offsets.begin(), lines->offsets.end());
  for (int64_t start : lines->starts) {
    double floatProduct = 1;
    uint64_t intProduct = 1;
    for (int64_t offset : lines->offsets) {
      int64_t place = start + offset;
      double floatNext = floatProduct * (x.isFloat() ? x.getFloat(place) : 1);
      uint64_t intNext =
          intProduct *
          (x.isFloat() ? 1 : static_cast<uint64_t>(x.getInt(place)));
      if (x.isFloat())
        result.setFloat(place, op.getExclusive() ? floatProduct : floatNext);
      else
        result.setInt(place, static_cast<int64_t>(op.getExclusive() ? intProduct
                                                                    : intNext));
      floatProduct = floatNext;
      intProduct = intNext;
    }
  }
  return frame.set(0, std::move(result));
}

void mlir::dejavu::reference::addOnnxReduceOps(OpTable &table) {
  table.add(evaluateReduceSum);
  table.add(evaluateReduceL1);
  table.add(evaluateReduceL2);
  table.add(evaluateReduceSumSquare);
  table.add(evaluateReduceLogSum);
  table.add(evaluateReduceLogSumExp);
  table.add(evaluateReduceProd);
  table.add(evaluateReduceMax);
  table.add(evaluateReduceMin);
  table.add(evaluateArgMax);
  table.add(evaluateArgMin);
  table.add(evaluateTopK);
  table.add(evaluateCumProd);
}
