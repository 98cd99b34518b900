//===- OnnxQuantOps.cpp - quantised numbers ------------------------------===//
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

/// For each element of a tensor of shape `shape` the place of its scale: there
/// is one in all, one for each place along `axis`, or one for each block.
static FailureOr<std::vector<int64_t>>
findScales(Frame &frame, ArrayRef<int64_t> shape, const Tensor &scale,
           const Tensor *zeroPoint, int64_t axis, int64_t block) {
  if (zeroPoint && zeroPoint->size() != scale.size())
    return frame.fail("expected as many zero points as scales, found " +
                      zeroPoint->describe() + " and " + scale.describe());
  FailureOr<int64_t> count = countElements(shape);
  if (failed(count))
    return frame.fail("expected fewer elements");
  if (scale.size() == 1 && (block == 0 || scale.getRank() == 0))
    return std::vector<int64_t>(*count, 0);
  FailureOr<int64_t> place =
      normalizeAxis(frame, axis, static_cast<int64_t>(shape.size()));
  if (failed(place))
    return failure();
  Shape wanted = {shape[*place]};
  if (block != 0) {
    wanted = Shape(shape);
    wanted[*place] = (wanted[*place] + block - 1) / block;
  }
  if (block < 0 || scale.getShape() != ArrayRef<int64_t>(wanted))
    return frame.fail("expected scales of shape " + describe(wanted) +
                      ", found " + scale.describe());
  Shape own = getStrides(shape), strides = getStrides(wanted);
  std::vector<int64_t> places(*count, 0);
  for (int64_t i = 0; i < *count; ++i)
    for (size_t k = 0; k < shape.size(); ++k) {
      int64_t index = i / own[k] % shape[k];
      bool isAxis = static_cast<int64_t>(k) == *place;
      if (block == 0)
        places[i] += isAxis ? index : 0;
      else
        places[i] += (isAxis ? index / block : index) * strides[k];
    }
  return places;
}

/// Rounds to the nearest number that an integer kind has, or to a narrow float,
/// saturating.
static void setSaturated(Tensor &tensor, int64_t index, double value,
                         bool saturate) {
  if (tensor.isFloat())
    return setConverted(tensor, index, value, saturate);
  auto [least, most] = getRange(tensor.getElement());
  tensor.setFloat(index, std::isnan(value)
                             ? 0
                             : std::clamp(std::nearbyint(value), least, most));
}

static LogicalResult evaluateQuantizeLinear(onnx::QuantizeLinearOp op,
                                            Frame &frame) {
  const Tensor &x = frame.tensor(op.getX()),
               &scale = frame.tensor(op.getYScale());
  const Tensor *zeroPoint = frame.optional(op.getYZeroPoint());
  FailureOr<std::vector<int64_t>> places = findScales(
      frame, x.getShape(), scale, zeroPoint, op.getAxis(), op.getBlockSize());
  if (failed(places))
    return failure();
  FailureOr<Tensor> result = frame.allocate(x.getShape());
  if (failed(result))
    return failure();
  // The quotient is a number of the scale's type, or of `precision`.
  FailureOr<Element> precision =
      op.getPrecision() ? getElement(*op.getPrecision()) : scale.getElement();
  if (failed(precision) || !isFloat(*precision))
    return frame.fail("expected precision to be a floating-point type");
  Tensor quotient(*precision, {1});
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t place = (*places)[i];
    double divisor = scale.getFloat(place);
    if (divisor == 0)
      return frame.fail("expected a scale that is not zero");
    quotient.setFloat(0, x.getFloat(i) / divisor);
    double value = quotient.getFloat(0);
    if (!result->isFloat())
      value = std::nearbyint(value);
    if (zeroPoint)
      value += zeroPoint->getFloat(place);
    setSaturated(*result, i, value, op.getSaturate());
  }
  return frame.result(std::move(result));
}

static LogicalResult evaluateDequantizeLinear(onnx::DequantizeLinearOp op,
                                              Frame &frame) {
  const Tensor &x = frame.tensor(op.getX()),
               &scale = frame.tensor(op.getXScale());
  const Tensor *zeroPoint = frame.optional(op.getXZeroPoint());
  FailureOr<std::vector<int64_t>> places = findScales(
      frame, x.getShape(), scale, zeroPoint, op.getAxis(), op.getBlockSize());
  if (failed(places))
    return failure();
  FailureOr<Tensor> result = frame.allocate(x.getShape());
  if (failed(result))
    return failure();
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t place = (*places)[i];
    double offset = zeroPoint ? zeroPoint->getFloat(place) : 0;
    result->setFloat(i, (x.getFloat(i) - offset) * scale.getFloat(place));
  }
  return frame.result(std::move(result));
}

static LogicalResult
evaluateDynamicQuantizeLinear(onnx::DynamicQuantizeLinearOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  double least = 0, most = 0;
  for (int64_t i = 0; i < x.size(); ++i) {
    least = std::min(least, x.getFloat(i));
    most = std::max(most, x.getFloat(i));
  }
  // Each step is done in the precision of the operand.
  Tensor scale(x.getElement(), {});
  scale.setFloat(0, most - least);
  scale.setFloat(0, scale.getFloat(0) / 255);
  double step = scale.getFloat(0);
  Tensor quotient(x.getElement(), {1});
  auto divide = [&](double value) {
    quotient.setFloat(0, value / step);
    return std::nearbyint(quotient.getFloat(0));
  };
  Tensor zeroPoint(Element::U8, {});
  double offset = step == 0 ? 0 : std::clamp(divide(-least), 0.0, 255.0);
  zeroPoint.setFloat(0, offset);
  Tensor result(Element::U8, x.getShape());
  for (int64_t i = 0; i < x.size(); ++i)
    setSaturated(result, i, (step == 0 ? 0 : divide(x.getFloat(i))) + offset,
                 true);
  (void)frame.set(1, std::move(scale));
  (void)frame.set(2, std::move(zeroPoint));
  return frame.set(0, std::move(result));
}

/// A matrix, or a stack of them, as numbers: (element - zero point) * scale.
/// Both may be absent, or one for all, one for each row or column, or of a
/// shape that broadcasts.
static FailureOr<Tensor> readMatrix(Frame &frame, const Tensor &matrix,
                                    const Tensor *zeroPoint,
                                    const Tensor *scale, bool isRow) {
  Tensor result(Element::F64, matrix.getShape());
  auto findPlaces =
      [&](const Tensor *parameter) -> FailureOr<std::vector<int64_t>> {
    if (!parameter || parameter->size() == 1)
      return std::vector<int64_t>(matrix.size(), 0);
    Shape shape(parameter->getShape());
    // A vector of one number for each row is a column.
    if (isRow && shape.size() == 1)
      shape.push_back(1);
    FailureOr<Shape> all = broadcastShapes(frame, {matrix.getShape(), shape});
    if (failed(all) || ArrayRef<int64_t>(*all) != matrix.getShape())
      return frame.fail("expected scale and zero point for " +
                        matrix.describe() + ", found " + parameter->describe());
    return getBroadcastSources(matrix.getShape(), shape);
  };
  FailureOr<std::vector<int64_t>> offsets = findPlaces(zeroPoint),
                                  factors = findPlaces(scale);
  if (failed(offsets) || failed(factors))
    return failure();
  for (int64_t i = 0; i < matrix.size(); ++i) {
    double value = matrix.getFloat(i);
    if (zeroPoint)
      value -= zeroPoint->getFloat((*offsets)[i]);
    if (scale)
      value *= scale->getFloat((*factors)[i]);
    result.setFloat(i, value);
  }
  return result;
}

static LogicalResult evaluateMatMulInteger(onnx::MatMulIntegerOp op,
                                           Frame &frame) {
  FailureOr<Tensor> a =
      readMatrix(frame, frame.tensor(op.getA()),
                 frame.optional(op.getAZeroPoint()), nullptr, true);
  if (failed(a))
    return failure();
  FailureOr<Tensor> b =
      readMatrix(frame, frame.tensor(op.getB()),
                 frame.optional(op.getBZeroPoint()), nullptr, false);
  if (failed(b))
    return failure();
  FailureOr<Tensor> product = multiply(frame, *a, *b, Element::F64);
  if (failed(product))
    return failure();
  // Sums of products of bytes are exact as doubles.
  FailureOr<Tensor> result = frame.allocate(product->getShape());
  if (failed(result))
    return failure();
  for (int64_t i = 0; i < product->size(); ++i)
    result->setFloat(i, product->getFloat(i));
  return frame.result(std::move(result));
}

static LogicalResult evaluateQLinearMatMul(onnx::QLinearMatMulOp op,
                                           Frame &frame) {
  FailureOr<Tensor> a = readMatrix(frame, frame.tensor(op.getA()),
                                   &frame.tensor(op.getAZeroPoint()),
                                   &frame.tensor(op.getAScale()), true);
  if (failed(a))
    return failure();
  FailureOr<Tensor> b = readMatrix(frame, frame.tensor(op.getB()),
                                   &frame.tensor(op.getBZeroPoint()),
                                   &frame.tensor(op.getBScale()), false);
  if (failed(b))
    return failure();
  FailureOr<Tensor> product = multiply(frame, *a, *b, Element::F64);
  if (failed(product))
    return failure();
  const Tensor &scale = frame.tensor(op.getYScale()),
               &zeroPoint = frame.tensor(op.getYZeroPoint());
  if (scale.size() != 1 || zeroPoint.size() != 1)
    return frame.fail("expected a scale and a zero point of one element for "
                      "the result");
  FailureOr<Tensor> result = frame.allocate(product->getShape());
  if (failed(result))
    return failure();
  for (int64_t i = 0; i < product->size(); ++i)
    setSaturated(*result, i,
                 std::nearbyint(product->getFloat(i) / scale.getFloat(0)) +
                     zeroPoint.getFloat(0),
                 true);
  return frame.result(std::move(result));
}

void mlir::dejavu::reference::addOnnxQuantOps(OpTable &table) {
  table.add(evaluateQuantizeLinear);
  table.add(evaluateDequantizeLinear);
  table.add(evaluateDynamicQuantizeLinear);
  table.add(evaluateMatMulInteger);
  table.add(evaluateQLinearMatMul);
}
