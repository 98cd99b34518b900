//===- OnnxElementwiseOps.cpp - more element by element ops --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Floats are computed in double precision and rounded when they are stored.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::reference;

//===----------------------------------------------------------------------===//
// One operand
//===----------------------------------------------------------------------===//

/// Computes floats with one function and, if there are integers, those with
/// another.
template <typename FloatFn>
static LogicalResult computeFloats(Frame &frame, Value operand, FloatFn fn) {
  const Tensor &x = frame.tensor(operand);
  Tensor result(x.getElement(), x.getShape());
  for (int64_t i = 0; i < x.size(); ++i)
    result.setFloat(i, fn(x.getFloat(i)));
  return frame.set(0, std::move(result));
}

template <typename FloatFn, typename IntFn>
static LogicalResult computeNumbers(Frame &frame, Value operand,
                                    FloatFn floatFn, IntFn intFn) {
  const Tensor &x = frame.tensor(operand);
  if (x.isFloat())
    return computeFloats(frame, operand, floatFn);
  Tensor result(x.getElement(), x.getShape());
  for (int64_t i = 0; i < x.size(); ++i)
    result.setInt(i, static_cast<int64_t>(intFn(x.getInt(i))));
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateAbs(onnx::AbsOp op, Frame &frame) {
  bool isUnsigned = frame.tensor(op.getX()).getElement() == Element::U64;
  return computeNumbers(
      frame, op.getX(), [](double x) { return std::fabs(x); },
      [&](int64_t x) -> uint64_t {
        return x < 0 && !isUnsigned ? -static_cast<uint64_t>(x) : x;
      });
}

static LogicalResult evaluateSign(onnx::SignOp op, Frame &frame) {
  bool isUnsigned = frame.tensor(op.getX()).getElement() == Element::U64;
  return computeNumbers(
      frame, op.getX(),
      [](double x) { return std::isnan(x) ? x : (x > 0) - (x < 0); },
      [&](int64_t x) { return x == 0 ? 0 : (x > 0 || isUnsigned ? 1 : -1); });
}

static LogicalResult evaluateExp(onnx::ExpOp op, Frame &frame) {
  return computeFloats(frame, op.getX(), [](double x) { return std::exp(x); });
}

static LogicalResult evaluateLog(onnx::LogOp op, Frame &frame) {
  return computeFloats(frame, op.getX(), [](double x) { return std::log(x); });
}

static LogicalResult evaluateFloor(onnx::FloorOp op, Frame &frame) {
  return computeFloats(frame, op.getX(),
                       [](double x) { return std::floor(x); });
}

static LogicalResult evaluateCeil(onnx::CeilOp op, Frame &frame) {
  return computeFloats(frame, op.getX(), [](double x) { return std::ceil(x); });
}

static LogicalResult evaluateRound(onnx::RoundOp op, Frame &frame) {
  return computeFloats(frame, op.getX(),
                       [](double x) { return std::nearbyint(x); });
}

static LogicalResult evaluateTan(onnx::TanOp op, Frame &frame) {
  return computeFloats(frame, op.getX(), [](double x) { return std::tan(x); });
}

static LogicalResult evaluateAsin(onnx::AsinOp op, Frame &frame) {
  return computeFloats(frame, op.getX(), [](double x) { return std::asin(x); });
}

static LogicalResult evaluateAcos(onnx::AcosOp op, Frame &frame) {
  return computeFloats(frame, op.getX(), [](double x) { return std::acos(x); });
}

static LogicalResult evaluateAtan(onnx::AtanOp op, Frame &frame) {
  return computeFloats(frame, op.getX(), [](double x) { return std::atan(x); });
}

static LogicalResult evaluateSinh(onnx::SinhOp op, Frame &frame) {
  return computeFloats(frame, op.getX(), [](double x) { return std::sinh(x); });
}

static LogicalResult evaluateCosh(onnx::CoshOp op, Frame &frame) {
  return computeFloats(frame, op.getX(), [](double x) { return std::cosh(x); });
}

static LogicalResult evaluateAsinh(onnx::AsinhOp op, Frame &frame) {
  return computeFloats(frame, op.getX(),
                       [](double x) { return std::asinh(x); });
}

static LogicalResult evaluateAcosh(onnx::AcoshOp op, Frame &frame) {
  return computeFloats(frame, op.getX(),
                       [](double x) { return std::acosh(x); });
}

static LogicalResult evaluateAtanh(onnx::AtanhOp op, Frame &frame) {
  return computeFloats(frame, op.getX(),
                       [](double x) { return std::atanh(x); });
}

static LogicalResult evaluateBitwiseNot(onnx::BitwiseNotOp op, Frame &frame) {
  return computeNumbers(
      frame, op.getX(), [](double x) { return x; },
      [](int64_t x) { return ~x; });
}

static LogicalResult evaluateIsInf(onnx::IsInfOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  Tensor result(Element::Bool, x.getShape());
  for (int64_t i = 0; i < x.size(); ++i) {
    double value = x.getFloat(i);
    result.setInt(i, std::isinf(value) && (value > 0 ? op.getDetectPositive()
                                                     : op.getDetectNegative()));
  }
  return frame.set(0, std::move(result));
}

//===----------------------------------------------------------------------===//
// Two operands
//===----------------------------------------------------------------------===//

/// Computes an op of two operands that broadcast.
template <typename Fn>
static LogicalResult computeTwo(Frame &frame, Value lhs, Value rhs, Fn store) {
  const Tensor &a = frame.tensor(lhs), &b = frame.tensor(rhs);
  FailureOr<Shape> shape = broadcastShapes(frame, {a.getShape(), b.getShape()});
  if (failed(shape))
    return failure();
  FailureOr<Tensor> result = frame.allocate(*shape);
  if (failed(result))
    return failure();
  std::vector<int64_t> fromA = getBroadcastSources(*shape, a.getShape());
  std::vector<int64_t> fromB = getBroadcastSources(*shape, b.getShape());
  for (int64_t i = 0; i < result->size(); ++i)
    store(*result, i, a, fromA[i], b, fromB[i]);
  return frame.result(std::move(result));
}

template <typename IntFn>
static LogicalResult computeBits(Frame &frame, Value lhs, Value rhs, IntFn fn) {
  return computeTwo(
      frame, lhs, rhs,
      [&](Tensor &result, int64_t i, const Tensor &a, int64_t place,
          const Tensor &b, int64_t otherPlace) {
        result.setInt(i, static_cast<int64_t>(
                             fn(static_cast<uint64_t>(a.getInt(place)),
                                static_cast<uint64_t>(b.getInt(otherPlace)))));
      });
}

static LogicalResult evaluateXor(onnx::XorOp op, Frame &frame) {
  return computeBits(frame, op.getA(), op.getB(), [](uint64_t a, uint64_t b) {
    return (a != 0) != (b != 0);
  });
}

static LogicalResult evaluateBitwiseAnd(onnx::BitwiseAndOp op, Frame &frame) {
  return computeBits(frame, op.getA(), op.getB(),
                     [](uint64_t a, uint64_t b) { return a & b; });
}

static LogicalResult evaluateBitwiseOr(onnx::BitwiseOrOp op, Frame &frame) {
  return computeBits(frame, op.getA(), op.getB(),
                     [](uint64_t a, uint64_t b) { return a | b; });
}

static LogicalResult evaluateBitwiseXor(onnx::BitwiseXorOp op, Frame &frame) {
  return computeBits(frame, op.getA(), op.getB(),
                     [](uint64_t a, uint64_t b) { return a ^ b; });
}

static LogicalResult evaluateBitShift(onnx::BitShiftOp op, Frame &frame) {
  // All bits can be shifted out, which C++ leaves open. A signed number keeps
  // its sign to the right.
  bool isLeft = op.getDirection() == onnx::ShiftDirection::Left;
  Element element = frame.tensor(op.getX()).getElement();
  bool isSigned = !getName(element).starts_with("u");
  uint64_t width = getWidth(element);
  return computeBits(
      frame, op.getX(), op.getY(), [&](uint64_t x, uint64_t y) -> uint64_t {
        if (isLeft)
          return y < width ? x << y : 0;
        if (isSigned)
          return static_cast<int64_t>(x) >> std::min<uint64_t>(y, 63);
        return y < width ? x >> y : 0;
      });
}

/// The remainder of integers, with the sign of `a` (as C has it) or of `b`.
static int64_t remainder(int64_t a, int64_t b, bool isC) {
  // The one quotient that overflows.
  int64_t result = b == -1 ? 0 : a % b;
  return !isC && result != 0 && (result < 0) != (b < 0) ? result + b : result;
}

static double remainder(double a, double b, bool isC) {
  double result = std::fmod(a, b);
  if (isC)
    return result;
  // What is zero has the sign of the divisor too.
  if (result == 0)
    return std::copysign(result, b);
  return (result < 0) != (b < 0) ? result + b : result;
}

static LogicalResult evaluateMod(onnx::ModOp op, Frame &frame) {
  const Tensor &divisor = frame.tensor(op.getB());
  if (!divisor.isFloat())
    for (int64_t i = 0; i < divisor.size(); ++i)
      if (divisor.getInt(i) == 0)
        return frame.fail("expected integer divisors other than 0, found 0");
  bool isC = op.getFmod(), isUnsigned = divisor.getElement() == Element::U64;
  return computeTwo(
      frame, op.getA(), op.getB(),
      [&](Tensor &result, int64_t i, const Tensor &a, int64_t place,
          const Tensor &b, int64_t otherPlace) {
        if (a.isFloat())
          result.setFloat(
              i, remainder(a.getFloat(place), b.getFloat(otherPlace), isC));
        else if (isUnsigned)
          result.setInt(i, static_cast<int64_t>(
                               static_cast<uint64_t>(a.getInt(place)) %
                               static_cast<uint64_t>(b.getInt(otherPlace))));
        else
          result.setInt(i,
                        remainder(a.getInt(place), b.getInt(otherPlace), isC));
      });
}

static LogicalResult evaluateClip(onnx::ClipOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  const Tensor *low = frame.optional(op.getMin()),
               *high = frame.optional(op.getMax());
  for (const Tensor *limit : {low, high})
    if (limit && limit->size() != 1)
      return frame.fail("expected limits of one element, found " +
                        limit->describe());
  Tensor result = x;
  for (int64_t i = 0; i < x.size(); ++i) {
    if (low && compareElements(result, i, *low, 0) == -1)
      result.copy(i, *low, 0);
    if (high && compareElements(result, i, *high, 0) == 1)
      result.copy(i, *high, 0);
  }
  return frame.set(0, std::move(result));
}

//===----------------------------------------------------------------------===//
// Any number of operands
//===----------------------------------------------------------------------===//

/// The sum of all operands, divided by `divisor`.
static LogicalResult computeSum(Frame &frame, ValueRange inputs,
                                double divisor) {
  if (inputs.empty())
    return frame.fail("expected at least one operand");
  SmallVector<ArrayRef<int64_t>> shapes;
  for (Value input : inputs)
    shapes.push_back(frame.tensor(input).getShape());
  FailureOr<Shape> shape = broadcastShapes(frame, shapes);
  if (failed(shape))
    return failure();
  FailureOr<Tensor> result = frame.allocate(*shape);
  if (failed(result))
    return failure();
  std::vector<double> sums(result->size(), 0);
  for (Value input : inputs) {
    const Tensor &x = frame.tensor(input);
    std::vector<int64_t> sources = getBroadcastSources(*shape, x.getShape());
    for (auto [sum, source] : llvm::zip(sums, sources))
      sum += x.getFloat(source);
  }
  for (auto [i, sum] : llvm::enumerate(sums))
    result->setFloat(i, sum / divisor);
  return frame.result(std::move(result));
}

static LogicalResult evaluateSum(onnx::SumOp op, Frame &frame) {
  return computeSum(frame, op.getInputs(), 1);
}

static LogicalResult evaluateMean(onnx::MeanOp op, Frame &frame) {
  return computeSum(frame, op.getInputs(),
                    static_cast<double>(op.getInputs().size()));
}

void mlir::dejavu::reference::addOnnxElementwiseOps(OpTable &table) {
  table.add(evaluateAbs);
  table.add(evaluateSign);
  table.add(evaluateExp);
  table.add(evaluateLog);
  table.add(evaluateFloor);
  table.add(evaluateCeil);
  table.add(evaluateRound);
  table.add(evaluateTan);
  table.add(evaluateAsin);
  table.add(evaluateAcos);
  table.add(evaluateAtan);
  table.add(evaluateSinh);
  table.add(evaluateCosh);
  table.add(evaluateAsinh);
  table.add(evaluateAcosh);
  table.add(evaluateAtanh);
  table.add(evaluateBitwiseNot);
  table.add(evaluateIsInf);
  table.add(evaluateXor);
  table.add(evaluateBitwiseAnd);
  table.add(evaluateBitwiseOr);
  table.add(evaluateBitwiseXor);
  table.add(evaluateBitShift);
  table.add(evaluateMod);
  table.add(evaluateClip);
  table.add(evaluateSum);
  table.add(evaluateMean);
}
