//===- Compare.cpp - comparison, choice and conversion --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

template <typename OpT, arith::CmpFPredicate floats,
          arith::CmpIPredicate signedInts, arith::CmpIPredicate unsignedInts>
static LogicalResult lowerCompare(OpT op, Lowering &b) {
  Value x = b.get(op.getA()), y = b.get(op.getB());
  std::optional<Dims> dims = b.broadcast({x, y});
  if (!dims)
    return b.fail("expected shapes that broadcast");
  bool isUnsignedType = isUnsigned(getElement(op.getA()));
  b.set(op.getC(), b.map(*dims, b.getI1Type(), {x, y}, [&](ValueRange scalars) {
    if (isa<FloatType>(scalars[0].getType()))
      return b.compare(floats, b.widen(scalars[0]), b.widen(scalars[1]));
    return b.compare(isUnsignedType ? unsignedInts : signedInts, scalars[0],
                     scalars[1]);
  }));
  return success();
}

static LogicalResult lowerIsNaN(onnx::IsNaNOp op, Lowering &b) {
  Value x = b.get(op.getX());
  b.set(op.getY(),
        b.map(b.getDims(x), b.getI1Type(), x, [&](ValueRange scalars) {
          Value wide = b.widen(scalars[0]);
          return b.compare(arith::CmpFPredicate::UNO, wide, wide);
        }));
  return success();
}

static LogicalResult lowerIsInf(onnx::IsInfOp op, Lowering &b) {
  Value x = b.get(op.getX());
  b.set(op.getY(),
        b.map(b.getDims(x), b.getI1Type(), x, [&](ValueRange scalars) {
          Value wide = b.widen(scalars[0]), result = b.truth(false);
          auto isExtreme = [&](bool lowest) {
            Value extreme = extremeOf(b, wide.getType(), false, lowest);
            Value isEqual = b.compare(arith::CmpFPredicate::OEQ, wide, extreme);
            result = arith::OrIOp::create(b, result, isEqual);
          };
          if (op.getDetectNegative())
            isExtreme(true);
          if (op.getDetectPositive())
            isExtreme(false);
          return result;
        }));
  return success();
}

static LogicalResult lowerWhere(onnx::WhereOp op, Lowering &b) {
  SmallVector<Value> inputs{b.get(op.getCondition()), b.get(op.getX()),
                            b.get(op.getY())};
  std::optional<Dims> dims = b.broadcast(inputs);
  if (!dims)
    return b.fail("expected shapes that broadcast");
  b.set(op.getOutput(),
        b.map(*dims, getStored(op.getOutput()), inputs,
              [&](ValueRange x) { return b.select(x[0], x[1], x[2]); }));
  return success();
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

/// Float to integer. What does not fit gives what x86 gives: the lowest
/// signed number, cut to the type.
static Value floatToInt(Lowering &b, Value x, Type to) {
  Type from = x.getType(), i64 = b.getI64Type();
  Value bound = b.constant(from, 9223372036854775808.0);
  Value least = b.constant(from, -9223372036854775808.0);
  Value fits =
      arith::AndIOp::create(b, b.compare(arith::CmpFPredicate::OLT, x, bound),
                            b.compare(arith::CmpFPredicate::OGE, x, least));
  Value safe = b.select(fits, x, b.zero(from));
  Value result = b.select(fits, arith::FPToSIOp::create(b, i64, safe),
                          b.integer(i64, INT64_MIN));
  unsigned width = to.getIntOrFloatBitWidth();
  if (width == 64 && isUnsigned(to)) {
    // The upper half of the range.
    Value top = b.constant(from, 18446744073709551616.0);
    Value isUpper =
        arith::AndIOp::create(b, b.compare(arith::CmpFPredicate::OGE, x, bound),
                              b.compare(arith::CmpFPredicate::OLT, x, top));
    Value upper = b.select(isUpper, x, b.zero(from));
    result = b.select(isUpper, arith::FPToUIOp::create(b, i64, upper), result);
  }
  return width == 64
             ? result
             : arith::TruncIOp::create(b, getSignless(to), result).getResult();
}

Value dense::castElement(Lowering &b, Value scalar, Type from, Type to) {
  Type stored = getSignless(to);
  if (to.isInteger(1)) {
    if (from.isInteger(1))
      return scalar;
    if (isa<FloatType>(from)) {
      Value wide = b.widen(scalar);
      return b.compare(arith::CmpFPredicate::UNE, wide, b.zero(wide.getType()));
    }
    return b.compare(arith::CmpIPredicate::ne, scalar,
                     b.zero(scalar.getType()));
  }
  if (isa<FloatType>(to))
    return b.toFloat(scalar, stored, isUnsigned(from));
  if (isa<FloatType>(from))
    return floatToInt(b, b.widen(scalar), to);
  unsigned width = from.getIntOrFloatBitWidth();
  unsigned wanted = to.getIntOrFloatBitWidth();
  if (width == wanted)
    return scalar;
  if (width > wanted)
    return arith::TruncIOp::create(b, stored, scalar);
  if (isUnsigned(from))
    return arith::ExtUIOp::create(b, stored, scalar);
  return arith::ExtSIOp::create(b, stored, scalar);
}

static LogicalResult lowerCastTo(Operation *op, Lowering &b) {
  Value input = op->getOperand(0), output = op->getResult(0);
  Type from = getElement(input), to = getElement(output);
  Value x = b.get(input);
  if (from == to) {
    b.set(output, x);
    return success();
  }
  b.set(output, b.map(b.getDims(x), getSignless(to), x, [&](ValueRange s) {
    return castElement(b, s[0], from, to);
  }));
  return success();
}

static LogicalResult lowerCast(onnx::CastOp op, Lowering &b) {
  return lowerCastTo(op, b);
}

static LogicalResult lowerCastLike(onnx::CastLikeOp op, Lowering &b) {
  return lowerCastTo(op, b);
}

static LogicalResult lowerBitCast(onnx::BitCastOp op, Lowering &b) {
  Value x = b.get(op.getInput());
  Type stored = getStored(op.getOutput());
  b.set(op.getOutput(), b.map(b.getDims(x), stored, x, [&](ValueRange s) {
    if (s[0].getType() == stored)
      return s[0];
    return arith::BitcastOp::create(b, stored, s[0]).getResult();
  }));
  return success();
}

void dense::addCompare(LoweringTable &table) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  table.add(lowerCompare<onnx::EqualOp, F::OEQ, I::eq, I::eq>);
  table.add(lowerCompare<onnx::LessOp, F::OLT, I::slt, I::ult>);
  table.add(lowerCompare<onnx::LessOrEqualOp, F::OLE, I::sle, I::ule>);
  table.add(lowerCompare<onnx::GreaterOp, F::OGT, I::sgt, I::ugt>);
  table.add(lowerCompare<onnx::GreaterOrEqualOp, F::OGE, I::sge, I::uge>);
  table.add(lowerIsNaN);
  table.add(lowerIsInf);
  table.add(lowerWhere);
  table.add(lowerCast);
  table.add(lowerCastLike);
  table.add(lowerBitCast);
}
