//===- Elementwise.cpp - arithmetic, element by element -------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

using Scalars = llvm::function_ref<Value(Lowering &, ValueRange)>;

/// Lowers an op whose operands broadcast and have one element type. `body` gets
/// scalars that can be computed with; its result is rounded.
static LogicalResult lowerBroadcast(Operation *op, Lowering &b, Scalars body) {
  SmallVector<Value> inputs;
  for (Value operand : op->getOperands())
    inputs.push_back(b.get(operand));
  std::optional<Dims> dims = b.broadcast(inputs);
  if (!dims)
    return b.fail("expected shapes that broadcast");
  Value result = op->getResult(0);
  Type stored = getStored(result);
  b.set(result, b.map(*dims, stored, inputs, [&](ValueRange scalars) {
    SmallVector<Value> wide;
    for (Value scalar : scalars)
      wide.push_back(b.widen(scalar));
    return b.narrow(body(b, wide), stored);
  }));
  return success();
}

/// An op of two operands, with an op of arith for floats and one for integers.
template <typename OpT, typename FloatOp, typename IntOp>
static LogicalResult lowerArith(OpT op, Lowering &b) {
  return lowerBroadcast(op, b, [](Lowering &b, ValueRange x) -> Value {
    if (isa<FloatType>(x[0].getType()))
      return FloatOp::create(b, x[0], x[1]);
    return IntOp::create(b, x[0], x[1]);
  });
}

/// An op of one operand with one op of math.
template <typename OpT, typename MathOp>
static LogicalResult lowerMath(OpT op, Lowering &b) {
  return lowerBroadcast(op, b, [](Lowering &b, ValueRange x) -> Value {
    return MathOp::create(b, x[0]);
  });
}

//===----------------------------------------------------------------------===//
// Extremes
//===----------------------------------------------------------------------===//

Value dense::largest(Lowering &b, Value x, Value y, bool isUnsigned) {
  if (isa<FloatType>(x.getType()))
    return arith::MaximumFOp::create(b, x, y);
  if (isUnsigned)
    return arith::MaxUIOp::create(b, x, y);
  return arith::MaxSIOp::create(b, x, y);
}

Value dense::smallest(Lowering &b, Value x, Value y, bool isUnsigned) {
  if (isa<FloatType>(x.getType()))
    return arith::MinimumFOp::create(b, x, y);
  if (isUnsigned)
    return arith::MinUIOp::create(b, x, y);
  return arith::MinSIOp::create(b, x, y);
}

Value dense::extremeOf(Lowering &b, Type type, bool isUnsigned, bool lowest) {
  if (auto floating = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(
        b, FloatAttr::get(type, APFloat::getInf(floating.getFloatSemantics(),
                                                /*Negative=*/lowest)));
  unsigned width = type.getIntOrFloatBitWidth();
  APInt number = isUnsigned ? (lowest ? APInt::getMinValue(width)
                                      : APInt::getMaxValue(width))
                            : (lowest ? APInt::getSignedMinValue(width)
                                      : APInt::getSignedMaxValue(width));
  return arith::ConstantOp::create(b, IntegerAttr::get(type, number));
}

template <typename OpT, bool isMax>
static LogicalResult lowerExtreme(OpT op, Lowering &b) {
  bool isUnsignedType = isUnsigned(getElement(op->getResult(0)));
  return lowerBroadcast(op, b, [&](Lowering &b, ValueRange x) {
    Value result = x[0];
    for (Value each : x.drop_front())
      result = isMax ? largest(b, result, each, isUnsignedType)
                     : smallest(b, result, each, isUnsignedType);
    return result;
  });
}

template <typename OpT, bool isMean>
static LogicalResult lowerSum(OpT op, Lowering &b) {
  return lowerBroadcast(op, b, [&](Lowering &b, ValueRange x) {
    Value sum = x[0];
    bool isFloat = isa<FloatType>(sum.getType());
    for (Value each : x.drop_front())
      sum = isFloat ? arith::AddFOp::create(b, sum, each).getResult()
                    : arith::AddIOp::create(b, sum, each).getResult();
    if (!isMean)
      return sum;
    Value count = b.constant(sum.getType(), x.size());
    return isFloat ? arith::DivFOp::create(b, sum, count).getResult()
                   : arith::DivSIOp::create(b, sum, count).getResult();
  });
}

static LogicalResult lowerClip(onnx::ClipOp op, Lowering &b) {
  Type element = getElement(op.getInput());
  bool isUnsignedType = isUnsigned(element);
  SmallVector<Value> inputs{b.get(op.getInput())};
  Value low, high;
  if (op.getMin())
    low = b.extractScalar(b.get(op.getMin()));
  if (op.getMax())
    high = b.extractScalar(b.get(op.getMax()));
  Type stored = getStored(op.getOutput());
  b.set(op.getOutput(),
        b.map(b.getDims(inputs[0]), stored, inputs, [&](ValueRange x) {
          Value result = b.widen(x[0]);
          if (low)
            result = largest(b, result, b.widen(low), isUnsignedType);
          if (high)
            result = smallest(b, result, b.widen(high), isUnsignedType);
          return b.narrow(result, stored);
        }));
  return success();
}

//===----------------------------------------------------------------------===//
// Division
//===----------------------------------------------------------------------===//

/// Stops unless no element of an integer divisor is 0.
static void checkDivisor(Lowering &b, Value divisor) {
  if (isa<FloatType>(getElement(divisor)))
    return;
  if (std::optional<SmallVector<int64_t>> known = b.getConstant(divisor))
    if (!llvm::is_contained(*known, 0))
      return;
  DenseElementsAttr constant;
  if (auto op = divisor.getDefiningOp<onnx::ConstantOp>())
    constant = dyn_cast<DenseElementsAttr>(op.getValue());
  if (constant &&
      llvm::none_of(constant.getValues<APInt>(),
                    [](const APInt &each) { return each.isZero(); }))
    return;
  b.checkElements(
      b.get(divisor),
      [&](Value x) {
        return b.compare(arith::CmpIPredicate::ne, x, b.zero(x.getType()));
      },
      "integer divisors other than 0");
}

/// A quotient that wraps where the exact one does not fit, so that nothing
/// traps.
static Value divideSigned(Lowering &b, Value x, Value y) {
  Type type = x.getType();
  Value isMinusOne =
      b.compare(arith::CmpIPredicate::eq, y, b.integer(type, -1));
  Value divisor = b.select(isMinusOne, b.integer(type, 1), y);
  Value quotient = arith::DivSIOp::create(b, x, divisor);
  Value negated = arith::SubIOp::create(b, b.zero(type), x);
  return b.select(isMinusOne, negated, quotient);
}

static LogicalResult lowerDiv(onnx::DivOp op, Lowering &b) {
  bool isUnsignedType = isUnsigned(getElement(op.getC()));
  checkDivisor(b, op.getB());
  return lowerBroadcast(op, b, [&](Lowering &b, ValueRange x) -> Value {
    if (isa<FloatType>(x[0].getType()))
      return arith::DivFOp::create(b, x[0], x[1]);
    if (isUnsignedType)
      return arith::DivUIOp::create(b, x[0], x[1]);
    return divideSigned(b, x[0], x[1]);
  });
}

static LogicalResult lowerMod(onnx::ModOp op, Lowering &b) {
  bool isUnsignedType = isUnsigned(getElement(op->getResult(0)));
  bool isC = op.getFmod();
  checkDivisor(b, op->getOperand(1));
  return lowerBroadcast(op, b, [&](Lowering &b, ValueRange x) -> Value {
    Type type = x[0].getType();
    if (isa<FloatType>(type))
      return arith::RemFOp::create(b, x[0], x[1]);
    if (isUnsignedType)
      return arith::RemUIOp::create(b, x[0], x[1]);
    // The remainder by -1 is 0, but the quotient may not fit.
    Value isMinusOne =
        b.compare(arith::CmpIPredicate::eq, x[1], b.integer(type, -1));
    Value divisor = b.select(isMinusOne, b.integer(type, 1), x[1]);
    Value rest = arith::RemSIOp::create(b, x[0], divisor);
    if (isC)
      return rest;
    Value nothing = b.zero(type);
    Value differs = arith::XOrIOp::create(b, rest, x[1]);
    Value isOther = b.compare(arith::CmpIPredicate::slt, differs, nothing);
    Value isRest = b.compare(arith::CmpIPredicate::ne, rest, nothing);
    Value moves = arith::AndIOp::create(b, isOther, isRest);
    return b.select(moves, arith::AddIOp::create(b, rest, x[1]), rest);
  });
}

//===----------------------------------------------------------------------===//
// Powers
//===----------------------------------------------------------------------===//

/// Integers to the power of integers by repeated squaring, wrapping. Negative
/// exponents truncate the exact value.
static Value powerOfInts(Lowering &b, Value base, Value exponent) {
  Type type = b.getI64Type();
  Value one = b.integer(type, 1), nothing = b.zero(type);
  Value result = one, square = base, rest = exponent;
  SmallVector<Value> carried{result, square, rest};
  // 63 bits of the exponent.
  carried = b.loop(
      b.number(63), carried, [&](Value, ValueRange x) -> SmallVector<Value> {
        Value bit = arith::AndIOp::create(b, x[2], one);
        Value isSet = b.compare(arith::CmpIPredicate::ne, bit, nothing);
        Value next = arith::MulIOp::create(b, x[0], x[1]);
        return {b.select(isSet, next, x[0]),
                arith::MulIOp::create(b, x[1], x[1]),
                arith::ShRUIOp::create(b, x[2], one)};
      });
  Value isNegative = b.compare(arith::CmpIPredicate::slt, exponent, nothing);
  Value isOne = b.compare(arith::CmpIPredicate::eq, base, one);
  Value isMinusOne =
      b.compare(arith::CmpIPredicate::eq, base, b.integer(type, -1));
  Value isOdd = b.compare(arith::CmpIPredicate::ne,
                          arith::AndIOp::create(b, exponent, one), nothing);
  Value sign = b.select(isOdd, b.integer(type, -1), one);
  Value small = b.select(isOne, one, b.select(isMinusOne, sign, nothing));
  return b.select(isNegative, small, carried[0]);
}

static LogicalResult lowerPow(onnx::PowOp op, Lowering &b) {
  Value x = b.get(op.getX()), y = b.get(op.getY());
  std::optional<Dims> dims = b.broadcast({x, y});
  if (!dims)
    return b.fail("expected shapes that broadcast");
  Type from = getElement(op.getX()), exponent = getElement(op.getY());
  Type stored = getStored(op.getZ());
  // Squares and cubes are the common powers.
  std::optional<double> known;
  if (auto constant = op.getY().getDefiningOp<onnx::ConstantOp>())
    if (auto value = dyn_cast<DenseElementsAttr>(constant.getValue()))
      if (value.getNumElements() == 1)
        known = isa<FloatType>(exponent)
                    ? (*value.value_begin<APFloat>()).convertToDouble()
                    : (*value.value_begin<APInt>()).getSExtValue();
  auto body = [&](ValueRange scalars) -> Value {
    if (!isa<FloatType>(from) && !isa<FloatType>(exponent)) {
      Type i64 = b.getI64Type();
      auto extend = [&](Value scalar, Type type) {
        return castElement(b, scalar, type, i64);
      };
      Value power = powerOfInts(b, extend(scalars[0], from),
                                extend(scalars[1], exponent));
      return castElement(b, power, i64, from);
    }
    bool isDouble = from.isF64() || exponent.isF64() || !isa<FloatType>(from);
    Type type = isDouble ? Type(b.getF64Type()) : Type(b.getF32Type());
    Value base = b.toFloat(scalars[0], type, isUnsigned(from));
    Value power;
    if (known == 2.0 || known == 3.0) {
      power = arith::MulFOp::create(b, base, base);
      if (known == 3.0)
        power = arith::MulFOp::create(b, power, base);
    } else if (known == 0.5) {
      power = math::SqrtOp::create(b, base);
    } else {
      power = math::PowFOp::create(
          b, base, b.toFloat(scalars[1], type, isUnsigned(exponent)));
    }
    return castElement(b, power, type, from);
  };
  b.set(op.getZ(), b.map(*dims, stored, {x, y}, body));
  return success();
}

//===----------------------------------------------------------------------===//
// Signs
//===----------------------------------------------------------------------===//

static LogicalResult lowerNeg(onnx::NegOp op, Lowering &b) {
  return lowerBroadcast(op, b, [](Lowering &b, ValueRange x) -> Value {
    if (isa<FloatType>(x[0].getType()))
      return arith::NegFOp::create(b, x[0]);
    return arith::SubIOp::create(b, b.zero(x[0].getType()), x[0]);
  });
}

static LogicalResult lowerAbs(onnx::AbsOp op, Lowering &b) {
  bool isUnsignedType = isUnsigned(getElement(op.getX()));
  return lowerBroadcast(op, b, [&](Lowering &b, ValueRange x) -> Value {
    if (isa<FloatType>(x[0].getType()))
      return math::AbsFOp::create(b, x[0]);
    if (isUnsignedType)
      return x[0];
    Value negated = arith::SubIOp::create(b, b.zero(x[0].getType()), x[0]);
    Value isNegative =
        b.compare(arith::CmpIPredicate::slt, x[0], b.zero(x[0].getType()));
    return b.select(isNegative, negated, x[0]);
  });
}

static LogicalResult lowerSign(onnx::SignOp op, Lowering &b) {
  bool isUnsignedType = isUnsigned(getElement(op.getX()));
  return lowerBroadcast(op, b, [&](Lowering &b, ValueRange x) -> Value {
    Type type = x[0].getType();
    Value nothing = b.zero(type), one = b.constant(type, 1);
    if (isa<FloatType>(type)) {
      Value isMore = b.compare(arith::CmpFPredicate::OGT, x[0], nothing);
      Value isLess = b.compare(arith::CmpFPredicate::OLT, x[0], nothing);
      // Zero and NaN stay.
      Value rest = b.select(isLess, b.constant(type, -1), x[0]);
      return b.select(isMore, one, rest);
    }
    Value isZero = b.compare(arith::CmpIPredicate::eq, x[0], nothing);
    if (isUnsignedType)
      return b.select(isZero, nothing, one);
    Value isLess = b.compare(arith::CmpIPredicate::slt, x[0], nothing);
    Value sign = b.select(isLess, b.integer(type, -1), one);
    return b.select(isZero, nothing, sign);
  });
}

static LogicalResult lowerReciprocal(onnx::ReciprocalOp op, Lowering &b) {
  return lowerBroadcast(op, b, [](Lowering &b, ValueRange x) -> Value {
    return arith::DivFOp::create(b, b.constant(x[0].getType(), 1), x[0]);
  });
}

static LogicalResult lowerErf(onnx::ErfOp op, Lowering &b) {
  Type element = getElement(op.getX());
  return lowerBroadcast(op, b, [&](Lowering &b, ValueRange x) -> Value {
    if (isa<FloatType>(x[0].getType()))
      return math::ErfOp::create(b, x[0]);
    Type f64 = b.getF64Type();
    Value wide = b.toFloat(x[0], f64, isUnsigned(element));
    return castElement(b, math::ErfOp::create(b, wide), f64, element);
  });
}

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

template <typename OpT, typename IntOp>
static LogicalResult lowerBits(OpT op, Lowering &b) {
  return lowerBroadcast(op, b, [](Lowering &b, ValueRange x) -> Value {
    return IntOp::create(b, x[0], x[1]);
  });
}

template <typename OpT>
static LogicalResult lowerNot(OpT op, Lowering &b) {
  return lowerBroadcast(op, b, [](Lowering &b, ValueRange x) -> Value {
    return arith::XOrIOp::create(b, x[0], b.integer(x[0].getType(), -1));
  });
}

static LogicalResult lowerBitShift(onnx::BitShiftOp op, Lowering &b) {
  bool isLeft = op.getDirection() == onnx::ShiftDirection::Left;
  return lowerBroadcast(op, b, [&](Lowering &b, ValueRange x) -> Value {
    Type type = x[0].getType();
    Value width = b.integer(type, type.getIntOrFloatBitWidth());
    Value fits = b.compare(arith::CmpIPredicate::ult, x[1], width);
    Value places = b.select(fits, x[1], b.zero(type));
    Value shifted = isLeft
                        ? arith::ShLIOp::create(b, x[0], places).getResult()
                        : arith::ShRUIOp::create(b, x[0], places).getResult();
    return b.select(fits, shifted, b.zero(type));
  });
}

void dense::addElementwise(LoweringTable &table) {
  table.add(lowerArith<onnx::AddOp, arith::AddFOp, arith::AddIOp>);
  table.add(lowerArith<onnx::SubOp, arith::SubFOp, arith::SubIOp>);
  table.add(lowerArith<onnx::MulOp, arith::MulFOp, arith::MulIOp>);
  table.add(lowerDiv);
  table.add(lowerMod);
  table.add(lowerPow);
  table.add(lowerExtreme<onnx::MaxOp, true>);
  table.add(lowerExtreme<onnx::MinOp, false>);
  table.add(lowerSum<onnx::SumOp, false>);
  table.add(lowerSum<onnx::MeanOp, true>);
  table.add(lowerClip);
  table.add(lowerNeg);
  table.add(lowerAbs);
  table.add(lowerSign);
  table.add(lowerReciprocal);
  table.add(lowerErf);
  table.add(lowerMath<onnx::SqrtOp, math::SqrtOp>);
  table.add(lowerMath<onnx::ExpOp, math::ExpOp>);
  table.add(lowerMath<onnx::LogOp, math::LogOp>);
  table.add(lowerMath<onnx::FloorOp, math::FloorOp>);
  table.add(lowerMath<onnx::CeilOp, math::CeilOp>);
  table.add(lowerMath<onnx::RoundOp, math::RoundEvenOp>);
  table.add(lowerMath<onnx::SinOp, math::SinOp>);
  table.add(lowerMath<onnx::CosOp, math::CosOp>);
  table.add(lowerMath<onnx::TanOp, math::TanOp>);
  table.add(lowerMath<onnx::AsinOp, math::AsinOp>);
  table.add(lowerMath<onnx::AcosOp, math::AcosOp>);
  table.add(lowerMath<onnx::AtanOp, math::AtanOp>);
  table.add(lowerMath<onnx::SinhOp, math::SinhOp>);
  table.add(lowerMath<onnx::CoshOp, math::CoshOp>);
  table.add(lowerMath<onnx::TanhOp, math::TanhOp>);
  table.add(lowerMath<onnx::AsinhOp, math::AsinhOp>);
  table.add(lowerMath<onnx::AcoshOp, math::AcoshOp>);
  table.add(lowerMath<onnx::AtanhOp, math::AtanhOp>);
  table.add(lowerBits<onnx::AndOp, arith::AndIOp>);
  table.add(lowerBits<onnx::OrOp, arith::OrIOp>);
  table.add(lowerBits<onnx::XorOp, arith::XOrIOp>);
  table.add(lowerBits<onnx::BitwiseAndOp, arith::AndIOp>);
  table.add(lowerBits<onnx::BitwiseOrOp, arith::OrIOp>);
  table.add(lowerBits<onnx::BitwiseXorOp, arith::XOrIOp>);
  table.add(lowerNot<onnx::NotOp>);
  table.add(lowerNot<onnx::BitwiseNotOp>);
  table.add(lowerBitShift);
}
