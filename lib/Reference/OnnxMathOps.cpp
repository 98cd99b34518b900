//===- OnnxMathOps.cpp - element by element ops ---------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Floats are computed in double precision and rounded when they are stored;
// integers are computed in 64 bits and wrapped when they are stored.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu::reference;

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

namespace {
/// Two operands that broadcast, and the result.
struct Binary {
  const Tensor &a, &b;
  std::vector<int64_t> fromA, fromB;
  Tensor result;
};
} // namespace

static FailureOr<Binary> broadcastTwo(Frame &frame, Value lhs, Value rhs) {
  const Tensor &a = frame.tensor(lhs), &b = frame.tensor(rhs);
  FailureOr<Shape> shape = broadcastShapes(frame, {a.getShape(), b.getShape()});
  if (failed(shape))
    return failure();
  FailureOr<Tensor> result = frame.allocate(*shape);
  if (failed(result))
    return failure();
  return Binary{a, b, getBroadcastSources(*shape, a.getShape()),
                getBroadcastSources(*shape, b.getShape()), std::move(*result)};
}

/// Computes an op of two operands of the same kind with one function for
/// floats and one for integers, which gets both operands as uint64_t: the low
/// bits of sums, differences and products don't depend on the sign.
template <typename FloatFn, typename IntFn>
static LogicalResult computeBinary(Frame &frame, Value lhs, Value rhs,
                                   FloatFn floatFn, IntFn intFn) {
  FailureOr<Binary> operands = broadcastTwo(frame, lhs, rhs);
  if (failed(operands))
    return failure();
  auto &[a, b, fromA, fromB, result] = *operands;
  for (int64_t i = 0; i < result.size(); ++i) {
    if (a.isFloat())
      result.setFloat(i, floatFn(a.getFloat(fromA[i]), b.getFloat(fromB[i])));
    else
      result.setInt(i, static_cast<int64_t>(
                           intFn(static_cast<uint64_t>(a.getInt(fromA[i])),
                                 static_cast<uint64_t>(b.getInt(fromB[i])))));
  }
  return frame.set(0, std::move(result));
}

std::optional<int> mlir::dejavu::reference::compareElements(const Tensor &a,
                                                            int64_t i,
                                                            const Tensor &b,
                                                            int64_t j) {
  auto order = [](auto x, auto y) { return x < y ? -1 : (y < x ? 1 : 0); };
  if (a.isFloat()) {
    double x = a.getFloat(i), y = b.getFloat(j);
    if (std::isnan(x) || std::isnan(y))
      return std::nullopt;
    return order(x, y);
  }
  if (a.getElement() == Element::U64)
    return order(static_cast<uint64_t>(a.getInt(i)),
                 static_cast<uint64_t>(b.getInt(j)));
  return order(a.getInt(i), b.getInt(j));
}

template <typename Predicate>
static LogicalResult computeCompare(Frame &frame, Value lhs, Value rhs,
                                    Predicate predicate) {
  FailureOr<Binary> operands = broadcastTwo(frame, lhs, rhs);
  if (failed(operands))
    return failure();
  auto &[a, b, fromA, fromB, result] = *operands;
  for (int64_t i = 0; i < result.size(); ++i) {
    std::optional<int> order = compareElements(a, fromA[i], b, fromB[i]);
    result.setInt(i, order && predicate(*order));
  }
  return frame.set(0, std::move(result));
}

template <typename Fn>
static LogicalResult computeUnary(Frame &frame, Value operand, Fn fn) {
  const Tensor &x = frame.tensor(operand);
  FailureOr<Tensor> result = frame.allocate(x.getShape());
  if (failed(result))
    return failure();
  for (int64_t i = 0; i < x.size(); ++i)
    result->setFloat(i, fn(x.getFloat(i)));
  return frame.result(std::move(result));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

static LogicalResult evaluateAdd(onnx::AddOp op, Frame &frame) {
  auto add = [](auto a, auto b) { return a + b; };
  return computeBinary(frame, op.getA(), op.getB(), add, add);
}

static LogicalResult evaluateSub(onnx::SubOp op, Frame &frame) {
  auto sub = [](auto a, auto b) { return a - b; };
  return computeBinary(frame, op.getA(), op.getB(), sub, sub);
}

static LogicalResult evaluateMul(onnx::MulOp op, Frame &frame) {
  auto mul = [](auto a, auto b) { return a * b; };
  return computeBinary(frame, op.getA(), op.getB(), mul, mul);
}

static LogicalResult evaluateDiv(onnx::DivOp op, Frame &frame) {
  const Tensor &divisor = frame.tensor(op.getB());
  if (!divisor.isFloat())
    for (int64_t i = 0; i < divisor.size(); ++i)
      if (divisor.getInt(i) == 0)
        return frame.fail("expected integer divisors other than 0, found 0");
  bool isUnsigned = divisor.getElement() == Element::U64;
  return computeBinary(
      frame, op.getA(), op.getB(), [](double a, double b) { return a / b; },
      [&](uint64_t a, uint64_t b) -> uint64_t {
        if (isUnsigned)
          return a / b;
        // The one signed quotient that overflows wraps.
        if (static_cast<int64_t>(b) == -1)
          return -a;
        return static_cast<int64_t>(a) / static_cast<int64_t>(b);
      });
}

/// Power of integers by repeated squaring, wrapping. A negative exponent gives
/// what truncating the exact value gives.
static int64_t power(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return base == 1 ? 1 : (base == -1 ? (exponent % 2 ? -1 : 1) : 0);
  uint64_t result = 1, square = static_cast<uint64_t>(base);
  for (; exponent > 0; exponent /= 2, square *= square)
    if (exponent % 2)
      result *= square;
  return static_cast<int64_t>(result);
}

static LogicalResult evaluatePow(onnx::PowOp op, Frame &frame) {
  FailureOr<Binary> operands = broadcastTwo(frame, op.getX(), op.getY());
  if (failed(operands))
    return failure();
  auto &[a, b, fromA, fromB, result] = *operands;
  for (int64_t i = 0; i < result.size(); ++i) {
    if (!a.isFloat() && !b.isFloat())
      result.setInt(i, power(a.getInt(fromA[i]), b.getInt(fromB[i])));
    else
      result.setFloat(i, std::pow(a.getFloat(fromA[i]), b.getFloat(fromB[i])));
  }
  return frame.set(0, std::move(result));
}

/// Max (`sign` 1) and Min (`sign` -1): a NaN wins over everything.
static LogicalResult computeExtreme(Frame &frame, ValueRange inputs, int sign) {
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
  for (auto [index, input] : llvm::enumerate(inputs)) {
    const Tensor &x = frame.tensor(input);
    std::vector<int64_t> sources = getBroadcastSources(*shape, x.getShape());
    for (int64_t i = 0; i < result->size(); ++i) {
      bool isNaN = x.isFloat() && std::isnan(x.getFloat(sources[i]));
      std::optional<int> order = compareElements(x, sources[i], *result, i);
      if (index == 0 || isNaN || (order && *order * sign > 0))
        result->copy(i, x, sources[i]);
    }
  }
  return frame.result(std::move(result));
}

static LogicalResult evaluateMax(onnx::MaxOp op, Frame &frame) {
  return computeExtreme(frame, op.getInputs(), 1);
}

static LogicalResult evaluateMin(onnx::MinOp op, Frame &frame) {
  return computeExtreme(frame, op.getInputs(), -1);
}

static LogicalResult evaluateNeg(onnx::NegOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  Tensor result(x.getElement(), x.getShape());
  for (int64_t i = 0; i < x.size(); ++i) {
    if (x.isFloat())
      result.setFloat(i, -x.getFloat(i));
    else
      result.setInt(i,
                    static_cast<int64_t>(-static_cast<uint64_t>(x.getInt(i))));
  }
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateSqrt(onnx::SqrtOp op, Frame &frame) {
  return computeUnary(frame, op.getX(), [](double x) { return std::sqrt(x); });
}

static LogicalResult evaluateReciprocal(onnx::ReciprocalOp op, Frame &frame) {
  return computeUnary(frame, op.getX(), [](double x) { return 1 / x; });
}

static LogicalResult evaluateSin(onnx::SinOp op, Frame &frame) {
  return computeUnary(frame, op.getX(), [](double x) { return std::sin(x); });
}

static LogicalResult evaluateCos(onnx::CosOp op, Frame &frame) {
  return computeUnary(frame, op.getX(), [](double x) { return std::cos(x); });
}

static LogicalResult evaluateErf(onnx::ErfOp op, Frame &frame) {
  return computeUnary(frame, op.getX(), [](double x) { return std::erf(x); });
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

static LogicalResult evaluateEqual(onnx::EqualOp op, Frame &frame) {
  return computeCompare(frame, op.getA(), op.getB(),
                        [](int order) { return order == 0; });
}

static LogicalResult evaluateLess(onnx::LessOp op, Frame &frame) {
  return computeCompare(frame, op.getA(), op.getB(),
                        [](int order) { return order < 0; });
}

static LogicalResult evaluateLessOrEqual(onnx::LessOrEqualOp op, Frame &frame) {
  return computeCompare(frame, op.getA(), op.getB(),
                        [](int order) { return order <= 0; });
}

static LogicalResult evaluateGreater(onnx::GreaterOp op, Frame &frame) {
  return computeCompare(frame, op.getA(), op.getB(),
                        [](int order) { return order > 0; });
}

static LogicalResult evaluateGreaterOrEqual(onnx::GreaterOrEqualOp op,
                                            Frame &frame) {
  return computeCompare(frame, op.getA(), op.getB(),
                        [](int order) { return order >= 0; });
}

static LogicalResult evaluateIsNaN(onnx::IsNaNOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  Tensor result(Element::Bool, x.getShape());
  for (int64_t i = 0; i < x.size(); ++i)
    result.setInt(i, std::isnan(x.getFloat(i)));
  return frame.set(0, std::move(result));
}

//===----------------------------------------------------------------------===//
// Logic
//===----------------------------------------------------------------------===//

static LogicalResult evaluateAnd(onnx::AndOp op, Frame &frame) {
  auto both = [](auto a, auto b) { return a != 0 && b != 0; };
  return computeBinary(frame, op.getA(), op.getB(), both, both);
}

static LogicalResult evaluateOr(onnx::OrOp op, Frame &frame) {
  auto either = [](auto a, auto b) { return a != 0 || b != 0; };
  return computeBinary(frame, op.getA(), op.getB(), either, either);
}

static LogicalResult evaluateNot(onnx::NotOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  Tensor result(Element::Bool, x.getShape());
  for (int64_t i = 0; i < x.size(); ++i)
    result.setInt(i, !x.getInt(i));
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateWhere(onnx::WhereOp op, Frame &frame) {
  const Tensor &condition = frame.tensor(op.getCondition());
  const Tensor &x = frame.tensor(op.getX()), &y = frame.tensor(op.getY());
  FailureOr<Shape> shape = broadcastShapes(
      frame, {condition.getShape(), x.getShape(), y.getShape()});
  if (failed(shape))
    return failure();
  FailureOr<Tensor> result = frame.allocate(*shape);
  if (failed(result))
    return failure();
  std::vector<int64_t> fromC =
      getBroadcastSources(*shape, condition.getShape());
  std::vector<int64_t> fromX = getBroadcastSources(*shape, x.getShape());
  std::vector<int64_t> fromY = getBroadcastSources(*shape, y.getShape());
  for (int64_t i = 0; i < result->size(); ++i) {
    if (condition.getInt(fromC[i]))
      result->copy(i, x, fromX[i]);
    else
      result->copy(i, y, fromY[i]);
  }
  return frame.result(std::move(result));
}

void mlir::dejavu::reference::addOnnxMathOps(OpTable &table) {
  table.add(evaluateAdd);
  table.add(evaluateSub);
  table.add(evaluateMul);
  table.add(evaluateDiv);
  table.add(evaluatePow);
  table.add(evaluateMax);
  table.add(evaluateMin);
  table.add(evaluateNeg);
  table.add(evaluateSqrt);
  table.add(evaluateReciprocal);
  table.add(evaluateSin);
  table.add(evaluateCos);
  table.add(evaluateErf);
  table.add(evaluateEqual);
  table.add(evaluateLess);
  table.add(evaluateLessOrEqual);
  table.add(evaluateGreater);
  table.add(evaluateGreaterOrEqual);
  table.add(evaluateIsNaN);
  table.add(evaluateAnd);
  table.add(evaluateOr);
  table.add(evaluateNot);
  table.add(evaluateWhere);
}
