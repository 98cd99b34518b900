//===- OnnxActivationOps.cpp - activations -------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Computed in double precision and rounded when the result is stored.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::reference;

//===----------------------------------------------------------------------===//
// Without parameters, and with
//===----------------------------------------------------------------------===//

template <typename Fn>
static LogicalResult compute(Frame &frame, Value operand, Fn fn) {
  const Tensor &x = frame.tensor(operand);
  Tensor result(x.getElement(), x.getShape());
  for (int64_t i = 0; i < x.size(); ++i)
    result.setFloat(i, fn(x.getFloat(i)));
  return frame.set(0, std::move(result));
}

/// ln(1 + e^x) without overflow.
static double softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}

static double clampToUnit(double x) {
  return std::isnan(x) ? x : std::min(std::max(x, 0.0), 1.0);
}

static LogicalResult evaluateSoftplus(onnx::SoftplusOp op, Frame &frame) {

  return compute(frame, op.getX(), [](double x) { return softplus(x); });
}

static LogicalResult evaluateSoftsign(onnx::SoftsignOp op, Frame &frame) {

  return compute(frame, op.getX(),
                 [](double x) { return x / (1 + std::fabs(x)); });
}

static LogicalResult evaluateMish(onnx::MishOp op, Frame &frame) {

  return compute(frame, op.getX(),
                 [](double x) { return x * std::tanh(softplus(x)); });
}

static LogicalResult evaluateHardSwish(onnx::HardSwishOp op, Frame &frame) {

  return compute(frame, op.getX(),
                 [](double x) { return x * clampToUnit(x / 6 + 0.5); });
}

static LogicalResult evaluateHardSigmoid(onnx::HardSigmoidOp op, Frame &frame) {
  double alpha = op.getAlpha().convertToDouble();
  double beta = op.getBeta().convertToDouble();
  return compute(frame, op.getX(),
                 [=](double x) { return clampToUnit(alpha * x + beta); });
}

static LogicalResult evaluateElu(onnx::EluOp op, Frame &frame) {
  double alpha = op.getAlpha().convertToDouble();
  return compute(frame, op.getX(),
                 [=](double x) { return x < 0 ? alpha * std::expm1(x) : x; });
}

static LogicalResult evaluateSelu(onnx::SeluOp op, Frame &frame) {
  double alpha = op.getAlpha().convertToDouble();
  double gamma = op.getGamma().convertToDouble();
  return compute(frame, op.getX(), [=](double x) {
    return gamma * (x <= 0 ? alpha * std::expm1(x) : x);
  });
}

static LogicalResult evaluateCelu(onnx::CeluOp op, Frame &frame) {
  double alpha = op.getAlpha().convertToDouble();
  return compute(frame, op.getX(), [=](double x) {
    return x < 0 ? alpha * std::expm1(x / alpha) : x;
  });
}

static LogicalResult evaluateLeakyRelu(onnx::LeakyReluOp op, Frame &frame) {
  double alpha = op.getAlpha().convertToDouble();
  return compute(frame, op.getX(),
                 [=](double x) { return x < 0 ? alpha * x : x; });
}

static LogicalResult evaluateThresholdedRelu(onnx::ThresholdedReluOp op,
                                             Frame &frame) {
  double alpha = op.getAlpha().convertToDouble();
  return compute(frame, op.getX(), [=](double x) {
    return x > alpha ? x : (std::isnan(x) ? x : 0);
  });
}

static LogicalResult evaluateShrink(onnx::ShrinkOp op, Frame &frame) {
  double bias = op.getBias().convertToDouble();
  double limit = op.getLambd().convertToDouble();
  return compute(frame, op.getInput(), [=](double x) {
    return x < -limit ? x + bias : (x > limit ? x - bias : 0);
  });
}

static LogicalResult evaluatePRelu(onnx::PReluOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX()),
               &slope = frame.tensor(op.getSlope());
  FailureOr<Shape> shape =
      broadcastShapes(frame, {x.getShape(), slope.getShape()});
  if (failed(shape))
    return failure();
  if (ArrayRef<int64_t>(*shape) != x.getShape())
    return frame.fail("expected slopes that broadcast to " + x.describe() +
                      ", found " + slope.describe());
  std::vector<int64_t> sources = getBroadcastSources(*shape, slope.getShape());
  Tensor result(x.getElement(), x.getShape());
  for (int64_t i = 0; i < x.size(); ++i) {
    if (x.isFloat()) {
      double value = x.getFloat(i);
      result.setFloat(i,
                      value < 0 ? value * slope.getFloat(sources[i]) : value);
    } else {
      int64_t value = x.getInt(i);
      if (value < 0 && x.getElement() != Element::U64)
        value = static_cast<int64_t>(
            static_cast<uint64_t>(value) *
            static_cast<uint64_t>(slope.getInt(sources[i])));
      result.setInt(i, value);
    }
  }
  return frame.set(0, std::move(result));
}

//===----------------------------------------------------------------------===//
// Along one axis
//===----------------------------------------------------------------------===//

/// Calls `compute` for each line along `axis` of `x`: the places of its
/// elements and the result, which it fills.
static LogicalResult computeLines(
    Frame &frame, Value operand, int64_t axis,
    function_ref<void(const Tensor &, ArrayRef<int64_t>, Tensor &)> compute) {
  const Tensor &x = frame.tensor(operand);
  FailureOr<int64_t> place = normalizeAxis(frame, axis, x.getRank());
  if (failed(place))
    return failure();
  Tensor result(x.getElement(), x.getShape());
  Shape strides = getStrides(x.getShape()), outer(x.getShape());
  int64_t size = x.getDim(*place);
  outer[*place] = x.size() == 0 ? 0 : 1;
  SmallVector<int64_t> line(size);
  for (int64_t first : getSources(outer, strides)) {
    for (int64_t i = 0; i < size; ++i)
      line[i] = first + i * strides[*place];
    compute(x, line, result);
  }
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateLogSoftmax(onnx::LogSoftmaxOp op, Frame &frame) {
  return computeLines(
      frame, op.getInput(), op.getAxis(),
      [](const Tensor &x, ArrayRef<int64_t> line, Tensor &result) {
        double most = -INFINITY, sum = 0;
        for (int64_t place : line)
          most = std::max(most, x.getFloat(place));
        for (int64_t place : line)
          sum += std::exp(x.getFloat(place) - most);
        for (int64_t place : line)
          result.setFloat(place, x.getFloat(place) - most - std::log(sum));
      });
}

static LogicalResult evaluateHardmax(onnx::HardmaxOp op, Frame &frame) {
  return computeLines(
      frame, op.getInput(), op.getAxis(),
      [](const Tensor &x, ArrayRef<int64_t> line, Tensor &result) {
        int64_t best = line.front();
        for (int64_t place : line)
          if (x.getFloat(place) > x.getFloat(best))
            best = place;
        result.setFloat(best, 1);
      });
}

static LogicalResult evaluateLpNormalization(onnx::LpNormalizationOp op,
                                             Frame &frame) {
  bool isFirst = op.getP() == 1;
  return computeLines(
      frame, op.getInput(), op.getAxis(),
      [=](const Tensor &x, ArrayRef<int64_t> line, Tensor &result) {
        double sum = 0;
        for (int64_t place : line) {
          double value = x.getFloat(place);
          sum += isFirst ? std::fabs(value) : value * value;
        }
        double norm = isFirst ? sum : std::sqrt(sum);
        for (int64_t place : line)
          result.setFloat(place, norm == 0 ? 0 : x.getFloat(place) / norm);
      });
}

static LogicalResult evaluateDropout(onnx::DropoutOp op, Frame &frame) {
  if (const Tensor *training = frame.optional(op.getTrainingMode()))
    for (int64_t i = 0; i < training->size(); ++i)
      if (training->getInt(i))
        return frame.fail("expected training_mode to be false, found true");
  const Tensor &x = frame.tensor(op.getData());
  if (!op.getRest().empty()) {
    Tensor mask(Element::Bool, x.getShape());
    for (int64_t i = 0; i < x.size(); ++i)
      mask.setInt(i, 1);
    (void)frame.set(1, std::move(mask));
  }
  return frame.set(0, x);
}

void mlir::dejavu::reference::addOnnxActivationOps(OpTable &table) {
  table.add(evaluateSoftplus);
  table.add(evaluateSoftsign);
  table.add(evaluateMish);
  table.add(evaluateHardSwish);
  table.add(evaluateHardSigmoid);
  table.add(evaluateElu);
  table.add(evaluateSelu);
  table.add(evaluateCelu);
  table.add(evaluateLeakyRelu);
  table.add(evaluateThresholdedRelu);
  table.add(evaluateShrink);
  table.add(evaluatePRelu);
  table.add(evaluateLogSoftmax);
  table.add(evaluateHardmax);
  table.add(evaluateLpNormalization);
  table.add(evaluateDropout);
}
