//===- Activations.cpp - activation functions -----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each is an expression of one element, written with the small class Number.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

namespace {
/// A float scalar with operators.
struct Number {
  Lowering &b;
  Value value;

  Number of(double constant) const {
    return {b, b.constant(value.getType(), constant)};
  }
  Number operator+(Number y) const {
    return {b, arith::AddFOp::create(b, value, y.value)};
  }
  Number operator-(Number y) const {
    return {b, arith::SubFOp::create(b, value, y.value)};
  }
  Number operator*(Number y) const {
    return {b, arith::MulFOp::create(b, value, y.value)};
  }
  Number operator/(Number y) const {
    return {b, arith::DivFOp::create(b, value, y.value)};
  }
  Number operator-() const { return {b, arith::NegFOp::create(b, value)}; }
  Value operator>(Number y) const {
    return b.compare(arith::CmpFPredicate::OGT, value, y.value);
  }
  Value operator<(Number y) const {
    return b.compare(arith::CmpFPredicate::OLT, value, y.value);
  }
  Number operator+(double y) const { return *this + of(y); }
  Number operator-(double y) const { return *this - of(y); }
  Number operator*(double y) const { return *this * of(y); }
  Number operator/(double y) const { return *this / of(y); }
  template <typename OpT>
  Number call() const {
    return {b, OpT::create(b, value)};
  }
  Number exp() const { return call<math::ExpOp>(); }
  Number tanh() const { return call<math::TanhOp>(); }
  Number abs() const { return call<math::AbsFOp>(); }
  Number max(double y) const {
    return {b, arith::MaximumFOp::create(b, value, of(y).value)};
  }
  Number min(double y) const {
    return {b, arith::MinimumFOp::create(b, value, of(y).value)};
  }
};
} // namespace

static Number choose(Value condition, Number x, Number y) {
  return {x.b, x.b.select(condition, x.value, y.value)};
}

using Function = llvm::function_ref<Number(Number)>;

/// Lowers an op of one float operand.
static LogicalResult lower(Operation *op, Lowering &b, Function function) {
  Value x = b.get(op->getOperand(0));
  Type stored = getStored(op->getResult(0));
  b.set(op->getResult(0),
        b.map(b.getDims(x), stored, x, [&](ValueRange scalars) {
          return b.narrow(function({b, b.widen(scalars[0])}).value, stored);
        }));
  return success();
}

static Number sigmoid(Number x) { return x.of(1) / ((-x).exp() + 1); }

/// ln(1 + e^x) without overflow.
static Number softplus(Number x) {
  return x.max(0) + (-x.abs()).exp().call<math::Log1pOp>();
}

static LogicalResult lowerRelu(onnx::ReluOp op, Lowering &b) {
  Type stored = getStored(op.getX());
  if (isa<FloatType>(stored))
    return lower(op, b, [](Number x) { return x.max(0); });
  Value x = b.get(op.getX());
  bool keeps = isUnsigned(getElement(op.getX()));
  b.set(op.getY(), b.map(b.getDims(x), stored, x, [&](ValueRange scalars) {
    return keeps ? scalars[0] : largest(b, scalars[0], b.zero(stored), false);
  }));
  return success();
}

static LogicalResult lowerSigmoid(onnx::SigmoidOp op, Lowering &b) {
  return lower(op, b, sigmoid);
}

static LogicalResult lowerGelu(onnx::GeluOp op, Lowering &b) {
  bool isTanh = op.getApproximate() == onnx::GeluApproximation::Tanh;
  return lower(op, b, [&](Number x) {
    if (!isTanh)
      return x * 0.5 * ((x * M_SQRT1_2).call<math::ErfOp>() + 1);
    Number inner = (x + x * x * x * 0.044715) * (M_2_SQRTPI * M_SQRT1_2);
    return x * 0.5 * (inner.tanh() + 1);
  });
}

static LogicalResult lowerSwish(onnx::SwishOp op, Lowering &b) {
  double alpha = op.getAlpha().convertToDouble();
  return lower(op, b, [&](Number x) { return x * sigmoid(x * alpha); });
}

static LogicalResult lowerSoftplus(onnx::SoftplusOp op, Lowering &b) {
  return lower(op, b, softplus);
}

static LogicalResult lowerSoftsign(onnx::SoftsignOp op, Lowering &b) {
  return lower(op, b, [](Number x) { return x / (x.abs() + 1); });
}

static LogicalResult lowerMish(onnx::MishOp op, Lowering &b) {
  return lower(op, b, [](Number x) { return x * softplus(x).tanh(); });
}

static LogicalResult lowerHardSwish(onnx::HardSwishOp op, Lowering &b) {
  return lower(
      op, b, [](Number x) { return x * (x * (1.0 / 6) + 0.5).min(1).max(0); });
}

static LogicalResult lowerHardSigmoid(onnx::HardSigmoidOp op, Lowering &b) {
  double alpha = op.getAlpha().convertToDouble();
  double beta = op.getBeta().convertToDouble();
  return lower(op, b,
               [&](Number x) { return (x * alpha + beta).min(1).max(0); });
}

static LogicalResult lowerElu(onnx::EluOp op, Lowering &b) {
  double alpha = op.getAlpha().convertToDouble();
  return lower(op, b, [&](Number x) {
    return choose(x > x.of(0), x, x.call<math::ExpM1Op>() * alpha);
  });
}

static LogicalResult lowerSelu(onnx::SeluOp op, Lowering &b) {
  double alpha = op.getAlpha().convertToDouble();
  double gamma = op.getGamma().convertToDouble();
  return lower(op, b, [&](Number x) {
    Number below = x.call<math::ExpM1Op>() * alpha;
    return choose(x > x.of(0), x, below) * gamma;
  });
}

static LogicalResult lowerCelu(onnx::CeluOp op, Lowering &b) {
  double alpha = op.getAlpha().convertToDouble();
  return lower(op, b, [&](Number x) {
    return x.max(0) + ((x / alpha).call<math::ExpM1Op>() * alpha).min(0);
  });
}

static LogicalResult lowerLeakyRelu(onnx::LeakyReluOp op, Lowering &b) {
  double alpha = op.getAlpha().convertToDouble();
  return lower(op, b,
               [&](Number x) { return choose(x < x.of(0), x * alpha, x); });
}

static LogicalResult lowerThresholdedRelu(onnx::ThresholdedReluOp op,
                                          Lowering &b) {
  double alpha = op.getAlpha().convertToDouble();
  return lower(op, b,
               [&](Number x) { return choose(x > x.of(alpha), x, x.of(0)); });
}

static LogicalResult lowerShrink(onnx::ShrinkOp op, Lowering &b) {
  double bias = op.getBias().convertToDouble();
  double lambd = op.getLambd().convertToDouble();
  Type from = getElement(op.getInput());
  Value x = b.get(op.getInput());
  Type compute = isa<FloatType>(from) ? getComputeType(from) : b.getF64Type();
  b.set(op.getOutput(),
        b.map(b.getDims(x), getSignless(from), x, [&](ValueRange scalars) {
          Number x{b, b.toFloat(scalars[0], compute, isUnsigned(from))};
          Number above = choose(x > x.of(lambd), x - bias, x.of(0));
          Number result = choose(x < x.of(-lambd), x + bias, above);
          return castElement(b, result.value, compute, from);
        }));
  return success();
}

static LogicalResult lowerPRelu(onnx::PReluOp op, Lowering &b) {
  Value x = b.get(op.getX()), slope = b.get(op.getSlope());
  std::optional<Dims> dims = b.broadcast({x, slope});
  if (!dims)
    return b.fail("expected shapes that broadcast");
  Type stored = getStored(op.getX());
  bool keeps = isUnsigned(getElement(op.getX()));
  b.set(op.getY(), b.map(*dims, stored, {x, slope}, [&](ValueRange scalars) {
    if (isa<FloatType>(stored)) {
      Number x{b, b.widen(scalars[0])}, slope{b, b.widen(scalars[1])};
      return b.narrow(choose(x < x.of(0), x * slope, x).value, stored);
    }
    if (keeps)
      return scalars[0];
    Value isLess =
        b.compare(arith::CmpIPredicate::slt, scalars[0], b.zero(stored));
    Value product = arith::MulIOp::create(b, scalars[0], scalars[1]);
    return b.select(isLess, product, scalars[0]);
  }));
  return success();
}

static LogicalResult lowerSwiGLU(onnx::SwiGLUOp op, Lowering &b) {
  double alpha = op.getAlpha().convertToDouble();
  Value gate = b.get(op.getA()), up = b.get(op.getB());
  std::optional<Dims> dims = b.broadcast({gate, up});
  if (!dims)
    return b.fail("expected equal shapes");
  Type stored = getStored(op.getA());
  b.set(op.getY(), b.map(*dims, stored, {gate, up}, [&](ValueRange scalars) {
    Number x{b, b.widen(scalars[0])}, y{b, b.widen(scalars[1])};
    return b.narrow((x * sigmoid(x * alpha) * y).value, stored);
  }));
  return success();
}

void dense::addActivations(LoweringTable &table) {
  table.add(lowerRelu);
  table.add(lowerSigmoid);
  table.add(lowerGelu);
  table.add(lowerSwish);
  table.add(lowerSoftplus);
  table.add(lowerSoftsign);
  table.add(lowerMish);
  table.add(lowerHardSwish);
  table.add(lowerHardSigmoid);
  table.add(lowerElu);
  table.add(lowerSelu);
  table.add(lowerCelu);
  table.add(lowerLeakyRelu);
  table.add(lowerThresholdedRelu);
  table.add(lowerShrink);
  table.add(lowerPRelu);
  table.add(lowerSwiGLU);
}
