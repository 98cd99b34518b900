//===- Quantisation.cpp - small integers and back -------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

/// A scale or zero point so that it broadcasts with a tensor of `dims`: one
/// element, one for each place along `axis`, or one for each block of so many
/// along it.
static FailureOr<Value> spread(Lowering &b, Value old, ArrayRef<Dim> dims,
                               int64_t axis, int64_t block) {
  Value tensor = b.get(old);
  Dims own = b.getDims(tensor);
  if (own.empty())
    return tensor;
  if (block > 0 && own.size() == dims.size()) {
    for (auto [place, pair] : llvm::enumerate(llvm::zip_equal(own, dims))) {
      auto [mine, whole] = pair;
      bool isAxis = static_cast<int64_t>(place) == axis;
      Dim rounded = b.div(b.add(whole, b.number(block - 1)), b.number(block));
      b.checkEqual(mine, isAxis ? rounded : whole, "a scale for each block");
    }
    return b.generate(dims, getStored(old), [&](ValueRange at) {
      SmallVector<Value> from(at);
      from[axis] = arith::DivUIOp::create(b, at[axis], b.index(block));
      return b.extract(tensor, from);
    });
  }
  if (own.size() != 1)
    return b.fail("expected scales along one axis");
  Dims wide(dims.size(), b.number(1));
  if (!wide.empty() && b.getNumber(own[0]) != 1) {
    b.checkEqual(own[0], dims[axis], "a scale for each place of the axis");
    wide[axis] = own[0];
  } else {
    b.checkEqual(own[0], b.number(1), "one scale");
  }
  return b.reshape(tensor, wide);
}

/// The range of an integer type, as floats.
static std::pair<double, double> getRange(Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  if (isUnsigned(type))
    return {0, static_cast<double>((uint64_t(1) << width) - 1)};
  double half = static_cast<double>(uint64_t(1) << (width - 1));
  return {-half, half - 1};
}

/// `saturate(round(x / scale) + zero)` of scalars; `zero` may be null.
static Value quantize(Lowering &b, Value x, Value scale, Value zero,
                      Type type) {
  Type compute = x.getType();
  auto [low, high] = getRange(type);
  Value result = arith::DivFOp::create(b, x, scale);
  result = math::RoundEvenOp::create(b, result);
  if (zero)
    result = arith::AddFOp::create(b, result,
                                   b.toFloat(zero, compute, isUnsigned(type)));
  // A NaN has no integer; zero is as good as any other.
  Value isNaN = b.compare(arith::CmpFPredicate::UNO, result, result);
  result = b.select(isNaN, b.zero(compute), result);
  result = arith::MaximumFOp::create(b, result, b.constant(compute, low));
  result = arith::MinimumFOp::create(b, result, b.constant(compute, high));
  return castElement(b, result, compute, type);
}

static bool isSmallInt(Type type) {
  return isa<IntegerType>(type) && type.getIntOrFloatBitWidth() <= 16;
}

static LogicalResult lowerQuantize(onnx::QuantizeLinearOp op, Lowering &b) {
  Type type = getElement(op.getY()), from = getElement(op.getX());
  if (!isSmallInt(type))
    return b.fail("expected a result of integers of at most 16 bits");
  Value x = b.get(op.getX());
  Dims dims = b.getDims(x);
  int64_t axis = getAxis(op.getAxis(), dims.size());
  FailureOr<Value> scale =
      spread(b, op.getYScale(), dims, axis, op.getBlockSize());
  if (failed(scale))
    return failure();
  SmallVector<Value> inputs{x, *scale};
  if (op.getYZeroPoint()) {
    FailureOr<Value> zero =
        spread(b, op.getYZeroPoint(), dims, axis, op.getBlockSize());
    if (failed(zero))
      return failure();
    inputs.push_back(*zero);
  }
  Type compute = from.isF64() ? from : Type(b.getF32Type());
  b.set(op.getY(), b.map(dims, getSignless(type), inputs, [&](ValueRange s) {
    return quantize(b, b.toFloat(s[0], compute, isUnsigned(from)),
                    b.castFloat(s[1], compute), s.size() > 2 ? s[2] : Value(),
                    type);
  }));
  return success();
}

/// `(x - zero) * scale` of scalars, in `compute`; `zero` may be null.
static Value dequantize(Lowering &b, Value x, Value scale, Value zero,
                        Type type, Type compute) {
  Value wide = b.toFloat(x, compute, isUnsigned(type));
  if (zero)
    wide = arith::SubFOp::create(b, wide,
                                 b.toFloat(zero, compute, isUnsigned(type)));
  return arith::MulFOp::create(b, wide, b.castFloat(scale, compute));
}

static LogicalResult lowerDequantize(onnx::DequantizeLinearOp op, Lowering &b) {
  Type type = getElement(op.getX()), stored = getStored(op.getY());
  if (!isa<IntegerType>(type))
    return b.fail("expected integers");
  Value x = b.get(op.getX());
  Dims dims = b.getDims(x);
  int64_t axis = getAxis(op.getAxis(), dims.size());
  FailureOr<Value> scale =
      spread(b, op.getXScale(), dims, axis, op.getBlockSize());
  if (failed(scale))
    return failure();
  SmallVector<Value> inputs{x, *scale};
  if (op.getXZeroPoint()) {
    FailureOr<Value> zero =
        spread(b, op.getXZeroPoint(), dims, axis, op.getBlockSize());
    if (failed(zero))
      return failure();
    inputs.push_back(*zero);
  }
  Type compute = getComputeType(stored);
  b.set(op.getY(), b.map(dims, stored, inputs, [&](ValueRange s) {
    return b.narrow(
        dequantize(b, s[0], s[1], s.size() > 2 ? s[2] : Value(), type, compute),
        stored);
  }));
  return success();
}

static LogicalResult lowerDynamicQuantize(onnx::DynamicQuantizeLinearOp op,
                                          Lowering &b) {
  Value x = b.get(op.getX());
  Type from = getStored(op.getX()), f32 = b.getF32Type();
  Type type = getElement(op.getY());
  SmallVector<bool> all(getRank(op.getX()), true);
  auto fold = [&](bool isMax) {
    // The range holds zero.
    Value extreme = b.reduce(x, all, b.zero(f32), [&](ValueRange s) -> Value {
      Value wide = b.castFloat(s[0], f32);
      if (isMax)
        return arith::MaximumFOp::create(b, s[1], wide);
      return arith::MinimumFOp::create(b, s[1], wide);
    });
    return b.extractScalar(extreme);
  };
  Value low = fold(false), high = fold(true);
  Value length = arith::SubFOp::create(b, high, low);
  Value scale = arith::DivFOp::create(b, length, b.constant(f32, 255));
  // All zeros: any scale will do but 0.
  Value isZero = b.compare(arith::CmpFPredicate::OEQ, scale, b.zero(f32));
  Value divisor = b.select(isZero, b.constant(f32, 1), scale);
  Value place = arith::DivFOp::create(
      b, arith::SubFOp::create(b, b.zero(f32), low), divisor);
  place = math::RoundEvenOp::create(b, place);
  place = arith::MaximumFOp::create(b, place, b.zero(f32));
  place = arith::MinimumFOp::create(b, place, b.constant(f32, 255));
  Value zero = castElement(b, place, f32, type);
  Type stored = getSignless(type);
  b.set(op.getY(), b.map(b.getDims(x), stored, x, [&](ValueRange s) {
    return quantize(b, b.castFloat(s[0], f32), divisor, zero, type);
  }));
  Value rounded = b.castFloat(scale, from);
  b.set(op.getYScale(), b.fill({}, rounded));
  b.set(op.getYZeroPoint(), b.fill({}, zero));
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// A zero point or scale of one matrix: a scalar, one for each row (left) or
/// column (right), or a shape that broadcasts with the matrix.
static Value alongMatrix(Lowering &b, Value old, int64_t rank, bool isRow) {
  Value tensor = b.get(old);
  Dims own = b.getDims(tensor);
  if (own.size() != 1 || b.getNumber(own[0]) == 1 || rank < 2) {
    if (own.size() == 1)
      return b.reshape(tensor, {});
    return tensor;
  }
  Dims dims(rank, b.number(1));
  dims[isRow ? rank - 2 : rank - 1] = own[0];
  return b.reshape(tensor, dims);
}

/// A matrix in another type, which `convert` makes of its elements and those of
/// the operands beside it.
static FailureOr<Value> center(Lowering &b, Value old, ArrayRef<Value> beside,
                               Type type, bool isRow,
                               llvm::function_ref<Value(ValueRange)> convert) {
  Value tensor = b.get(old);
  SmallVector<Value> inputs{tensor};
  for (Value each : beside)
    inputs.push_back(alongMatrix(b, each, getRank(old), isRow));
  std::optional<Dims> dims = b.broadcast(inputs);
  if (!dims)
    return b.fail("expected zero points that fit");
  return b.map(b.getDims(tensor), type, inputs, convert);
}

static LogicalResult lowerMatMulInteger(onnx::MatMulIntegerOp op, Lowering &b) {
  Type i32 = b.getI32Type();
  auto prepare = [&](Value old, Value zeroPoint, bool isRow) {
    SmallVector<Value> beside;
    if (zeroPoint)
      beside.push_back(zeroPoint);
    return center(b, old, beside, i32, isRow, [&](ValueRange s) {
      Value wide = castElement(b, s[0], getElement(old), i32);
      if (s.size() > 1)
        wide = arith::SubIOp::create(
            b, wide, castElement(b, s[1], getElement(zeroPoint), i32));
      return wide;
    });
  };
  FailureOr<Value> lhs = prepare(op.getA(), op.getAZeroPoint(), true);
  FailureOr<Value> rhs = prepare(op.getB(), op.getBZeroPoint(), false);
  if (failed(lhs) || failed(rhs))
    return failure();
  auto same = [](Value x) { return x; };
  FailureOr<Value> result = matmul(b, *lhs, *rhs, i32, same, same);
  if (failed(result))
    return failure();
  b.set(op.getY(), *result);
  return success();
}

static LogicalResult lowerQLinearMatMul(onnx::QLinearMatMulOp op, Lowering &b) {
  Type f32 = b.getF32Type(), type = getElement(op.getY());
  if (!isSmallInt(type) || !isa<IntegerType>(getElement(op.getA())) ||
      !isa<IntegerType>(getElement(op.getB())))
    return b.fail("expected integers of at most 16 bits");
  auto prepare = [&](Value old, Value scale, Value zero, bool isRow) {
    return center(b, old, {scale, zero}, f32, isRow, [&](ValueRange s) {
      return dequantize(b, s[0], s[1], s[2], getElement(old), f32);
    });
  };
  FailureOr<Value> lhs =
      prepare(op.getA(), op.getAScale(), op.getAZeroPoint(), true);
  FailureOr<Value> rhs =
      prepare(op.getB(), op.getBScale(), op.getBZeroPoint(), false);
  if (failed(lhs) || failed(rhs))
    return failure();
  auto same = [](Value x) { return x; };
  FailureOr<Value> product = matmul(b, *lhs, *rhs, f32, same, same);
  if (failed(product))
    return failure();
  int64_t rank = getRank(op.getY());
  Value scale = alongMatrix(b, op.getYScale(), rank, true);
  Value zero = alongMatrix(b, op.getYZeroPoint(), rank, true);
  b.set(op.getY(), b.map(b.getDims(*product), getSignless(type),
                         {*product, scale, zero}, [&](ValueRange s) {
                           return quantize(b, s[0], b.castFloat(s[1], f32),
                                           s[2], type);
                         }));
  return success();
}

void dense::addQuantisation(LoweringTable &table) {
  table.add(lowerQuantize);
  table.add(lowerDequantize);
  table.add(lowerDynamicQuantize);
  table.add(lowerMatMulInteger);
  table.add(lowerQLinearMatMul);
}
