//===- Reductions.cpp - sums, extremes and places along axes --------------===//
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
// Axes
//===----------------------------------------------------------------------===//

namespace {
/// What a reduction folds.
struct Axes {
  SmallVector<bool> reduced;
  /// The same of axes that are known only at run time.
  SmallVector<Value> flags;
  bool keepsDims = true;
  bool isNoop = false;
};
} // namespace

template <typename OpT>
static FailureOr<Axes> getAxes(OpT op, Lowering &b) {
  int64_t rank = getRank(op.getData());
  Axes axes;
  axes.keepsDims = op.getKeepdims();
  std::optional<SmallVector<int64_t>> known = SmallVector<int64_t>();
  if (op.getAxes())
    known = b.getConstant(op.getAxes());
  // An empty list is known by its length alone.
  if (!known)
    if (auto type = dyn_cast<RankedTensorType>(op.getAxes().getType());
        type.hasStaticShape() && type.getNumElements() == 0)
      known = SmallVector<int64_t>();
  if (!known) {
    std::optional<SmallVector<Value>> flags = getFlags(b, op.getAxes(), rank);
    if (!flags)
      return b.fail("expected a known number of axes");
    axes.flags = *flags;
    return axes;
  }
  axes.isNoop = known->empty() && op.getNoopWithEmptyAxes();
  axes.reduced.assign(rank, known->empty() && !axes.isNoop);
  for (int64_t axis : *known)
    axes.reduced[getAxis(axis, rank)] = true;
  return axes;
}

/// The result of a reduction, whose axes are 1, as the op has it.
static Value dropAxes(Lowering &b, Value reduced, const Axes &axes,
                      int64_t rank) {
  if (axes.keepsDims)
    return reduced;
  Dims dims;
  if (!axes.flags.empty()) {
    dims = getUnmarked(b, b.getDims(reduced), axes.flags, rank);
    checkSameSize(b, b.getDims(reduced), dims);
    return b.reshape(reduced, dims);
  }
  for (auto [axis, dim] : llvm::enumerate(b.getDims(reduced)))
    if (!axes.reduced[axis])
      dims.push_back(dim);
  return b.reshape(reduced, dims);
}

/// The number of elements that become one.
static Dim countReduced(Lowering &b, Value data, const Axes &axes) {
  Dims dims;
  for (auto [axis, dim] : llvm::enumerate(b.getDims(data))) {
    if (!axes.flags.empty())
      dims.push_back(Dim(b.select(axes.flags[axis], b.value(dim), b.index(1))));
    else if (axes.reduced[axis])
      dims.push_back(dim);
  }
  return b.product(dims);
}

/// Folds the elements of `data` along axes, which become 1.
static Value fold(Lowering &b, Value data, const Axes &axes, Value init,
                  Lowering::Body body) {
  if (axes.flags.empty())
    return b.reduce(data, axes.reduced, init, body);
  // Which elements belong together is known only at run time.
  Dims dims = b.getDims(data), kept;
  for (auto [dim, flag] : llvm::zip_equal(dims, axes.flags))
    kept.push_back(Dim(b.select(flag, b.index(1), b.value(dim))));
  Value result = b.fill(kept, init);
  result = b.loop(dims, result, [&](ValueRange at, ValueRange carried) {
    SmallVector<Value> to;
    for (auto [place, flag] : llvm::zip_equal(at, axes.flags))
      to.push_back(b.select(flag, b.index(0), place));
    Value next = body({b.extract(data, at), b.extract(carried[0], to)});
    return SmallVector<Value>{b.insert(next, carried[0], to)};
  })[0];
  return b.recordDims(result, kept);
}

//===----------------------------------------------------------------------===//
// Sums and their like
//===----------------------------------------------------------------------===//

using Scalar = llvm::function_ref<Value(Value)>;

/// Sums what `before` makes of the elements, and gives `after` of the sums.
/// Floats are summed in f32 at least; integers wrap.
template <typename OpT>
static LogicalResult lowerSum(OpT op, Lowering &b, Type accumulator,
                              Scalar before, Scalar after,
                              bool isProduct = false) {
  FailureOr<Axes> axes = getAxes(op, b);
  if (failed(axes))
    return failure();
  Value data = b.get(op.getData());
  bool isFloat = isa<FloatType>(accumulator);
  Value sum = fold(b, data, *axes, b.constant(accumulator, isProduct ? 1 : 0),
                   [&](ValueRange x) -> Value {
                     Value element = before(x[0]);
                     if (isProduct && isFloat)
                       return arith::MulFOp::create(b, x[1], element);
                     if (isProduct)
                       return arith::MulIOp::create(b, x[1], element);
                     if (isFloat)
                       return arith::AddFOp::create(b, x[1], element);
                     return arith::AddIOp::create(b, x[1], element);
                   });
  Type stored = getStored(op.getReduced());
  Value result = b.map(b.getDims(sum), stored, sum,
                       [&](ValueRange x) { return after(x[0]); });
  b.set(op.getReduced(), dropAxes(b, result, *axes, getRank(op.getReduced())));
  return success();
}

/// The type in which an element type is summed.
static Type getSumType(Type element) {
  return getComputeType(getSignless(element));
}

template <typename OpT>
static LogicalResult lowerReduceSum(OpT op, Lowering &b) {
  Type stored = getStored(op.getData());
  return lowerSum(
      op, b, getSumType(stored), [&](Value x) { return b.widen(x); },
      [&](Value x) { return b.narrow(x, stored); });
}

static LogicalResult lowerReduceProd(onnx::ReduceProdOp op, Lowering &b) {
  Type stored = getStored(op.getData());
  return lowerSum(
      op, b, getSumType(stored), [&](Value x) { return b.widen(x); },
      [&](Value x) { return b.narrow(x, stored); }, /*isProduct=*/true);
}

static LogicalResult lowerReduceMean(onnx::ReduceMeanOp op, Lowering &b) {
  FailureOr<Axes> axes = getAxes(op, b);
  if (failed(axes))
    return failure();
  Type element = getElement(op.getData()), stored = getSignless(element);
  Value count = b.value(countReduced(b, b.get(op.getData()), *axes));
  if (isa<FloatType>(stored)) {
    Type sum = getSumType(stored);
    return lowerSum(
        op, b, sum, [&](Value x) { return b.widen(x); },
        [&](Value x) {
          Value wide = b.fromIndex(count, b.getI64Type());
          wide = arith::SIToFPOp::create(b, sum, wide);
          return b.narrow(arith::DivFOp::create(b, x, wide), stored);
        });
  }
  b.check(b.compare(arith::CmpIPredicate::ne, count, b.index(0)),
          "at least one integer for each mean");
  // Small integers are summed in 64 bits.
  Type i64 = b.getI64Type();
  return lowerSum(
      op, b, i64, [&](Value x) { return castElement(b, x, element, i64); },
      [&](Value x) {
        // Checked before, so that nothing is divided by 0.
        Value divisor = b.value(b.max(Dim(count), b.number(1)));
        divisor = b.fromIndex(divisor, i64);
        Value mean = isUnsigned(element)
                         ? arith::DivUIOp::create(b, x, divisor).getResult()
                         : arith::DivSIOp::create(b, x, divisor).getResult();
        return castElement(b, mean, i64, element);
      });
}

/// |x| of a scalar.
static Value absolute(Lowering &b, Value x, bool isUnsignedType) {
  if (isa<FloatType>(x.getType()))
    return math::AbsFOp::create(b, x);
  if (isUnsignedType)
    return x;
  return largest(b, x, arith::SubIOp::create(b, b.zero(x.getType()), x), false);
}

static LogicalResult lowerReduceL1(onnx::ReduceL1Op op, Lowering &b) {
  Type element = getElement(op.getData()), stored = getSignless(element);
  return lowerSum(
      op, b, getSumType(stored),
      [&](Value x) { return absolute(b, b.widen(x), isUnsigned(element)); },
      [&](Value x) { return b.narrow(x, stored); });
}

static Value square(Lowering &b, Value x) {
  if (isa<FloatType>(x.getType()))
    return arith::MulFOp::create(b, x, x);
  return arith::MulIOp::create(b, x, x);
}

static LogicalResult lowerReduceSumSquare(onnx::ReduceSumSquareOp op,
                                          Lowering &b) {
  Type stored = getStored(op.getData());
  return lowerSum(
      op, b, getSumType(stored), [&](Value x) { return square(b, b.widen(x)); },
      [&](Value x) { return b.narrow(x, stored); });
}

/// The float type in which the roots and logarithms of sums of integers and
/// floats are computed.
static Type getFloatSum(Lowering &b, Type element) {
  return isa<FloatType>(element) ? getComputeType(element)
                                 : Type(b.getF64Type());
}

static LogicalResult lowerReduceL2(onnx::ReduceL2Op op, Lowering &b) {
  Type element = getElement(op.getData()), sum = getFloatSum(b, element);
  return lowerSum(
      op, b, sum,
      [&](Value x) {
        return square(b, b.toFloat(x, sum, isUnsigned(element)));
      },
      [&](Value x) {
        return castElement(b, math::SqrtOp::create(b, x), sum, element);
      });
}

static LogicalResult lowerReduceLogSum(onnx::ReduceLogSumOp op, Lowering &b) {
  Type element = getElement(op.getData()), sum = getFloatSum(b, element);
  return lowerSum(
      op, b, sum,
      [&](Value x) { return b.toFloat(x, sum, isUnsigned(element)); },
      [&](Value x) {
        return castElement(b, math::LogOp::create(b, x), sum, element);
      });
}

//===----------------------------------------------------------------------===//
// Extremes
//===----------------------------------------------------------------------===//

/// The extremes of `data` along axes, in its own type.
static Value reduceExtreme(Lowering &b, Value data, Type element,
                           const Axes &axes, bool isMax) {
  bool isUnsignedType = isUnsigned(element);
  Type compute = getSumType(element);
  return fold(b, data, axes, extremeOf(b, compute, isUnsignedType, isMax),
              [&](ValueRange x) {
                Value wide = b.widen(x[0]);
                return isMax ? largest(b, x[1], wide, isUnsignedType)
                             : smallest(b, x[1], wide, isUnsignedType);
              });
}

template <typename OpT, bool isMax>
static LogicalResult lowerReduceExtreme(OpT op, Lowering &b) {
  FailureOr<Axes> axes = getAxes(op, b);
  if (failed(axes))
    return failure();
  Type element = getElement(op.getData()), stored = getSignless(element);
  Value result = reduceExtreme(b, b.get(op.getData()), element, *axes, isMax);
  if (getSumType(element) != stored)
    result = b.map(b.getDims(result), stored, result,
                   [&](ValueRange x) { return b.narrow(x[0], stored); });
  b.set(op.getReduced(), dropAxes(b, result, *axes, getRank(op.getReduced())));
  return success();
}

static LogicalResult lowerReduceLogSumExp(onnx::ReduceLogSumExpOp op,
                                          Lowering &b) {
  FailureOr<Axes> axes = getAxes(op, b);
  if (failed(axes))
    return failure();
  Type element = getElement(op.getData()), sum = getFloatSum(b, element);
  Value data = b.get(op.getData());
  data = b.map(b.getDims(data), sum, data, [&](ValueRange x) {
    return b.toFloat(x[0], sum, isUnsigned(element));
  });
  Value top = reduceExtreme(b, data, sum, *axes, /*isMax=*/true);
  // An infinite extreme would give the difference of infinities.
  top = b.map(b.getDims(top), sum, top, [&](ValueRange x) {
    Value size = math::AbsFOp::create(b, x[0]);
    Value isFinite = b.compare(arith::CmpFPredicate::ONE, size,
                               extremeOf(b, sum, false, false));
    return b.select(isFinite, x[0], b.zero(sum));
  });
  Value powers =
      b.map(b.getDims(data), sum, {data, top}, [&](ValueRange x) -> Value {
        return math::ExpOp::create(b, arith::SubFOp::create(b, x[0], x[1]));
      });
  Value total = fold(b, powers, *axes, b.zero(sum), [&](ValueRange x) -> Value {
    return arith::AddFOp::create(b, x[1], x[0]);
  });
  Value result = b.map(b.getDims(total), getSignless(element), {total, top},
                       [&](ValueRange x) {
                         Value log = math::LogOp::create(b, x[0]);
                         log = arith::AddFOp::create(b, log, x[1]);
                         return castElement(b, log, sum, element);
                       });
  b.set(op.getReduced(), dropAxes(b, result, *axes, getRank(op.getReduced())));
  return success();
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// Whether `x` comes before `y` among elements sorted by size. NaN comes before
/// everything.
static Value isBefore(Lowering &b, Value x, Value y, bool isUnsignedType,
                      bool isLargest) {
  if (isa<FloatType>(x.getType())) {
    Value wideX = b.widen(x), wideY = b.widen(y);
    Value more = b.compare(isLargest ? arith::CmpFPredicate::OGT
                                     : arith::CmpFPredicate::OLT,
                           wideX, wideY);
    Value isNaN = b.compare(arith::CmpFPredicate::UNO, wideX, wideX);
    Value other = b.compare(arith::CmpFPredicate::ORD, wideY, wideY);
    return arith::OrIOp::create(b, more,
                                arith::AndIOp::create(b, isNaN, other));
  }
  using P = arith::CmpIPredicate;
  return b.compare(isLargest ? (isUnsignedType ? P::ugt : P::sgt)
                             : (isUnsignedType ? P::ult : P::slt),
                   x, y);
}

template <typename OpT, bool isMax>
static LogicalResult lowerArg(OpT op, Lowering &b) {
  Value data = b.get(op.getData());
  Type element = getElement(op.getData());
  Dims dims = b.getDims(data);
  int64_t axis = getAxis(op.getAxis(), dims.size());
  b.checkAtLeast(dims[axis], 1, "a dimension that is not 0");
  Axes axes;
  axes.keepsDims = op.getKeepdims();
  axes.reduced.assign(dims.size(), false);
  axes.reduced[axis] = true;
  Dims padded = dims;
  padded[axis] = b.number(1);
  bool takesLast = op.getSelectLastIndex();
  bool isUnsignedType = isUnsigned(element);
  Value result = b.generate(padded, b.getI64Type(), [&](ValueRange indices) {
    SmallVector<Value> places(indices);
    auto read = [&](Value place) {
      places[axis] = place;
      return b.extract(data, places);
    };
    SmallVector<Value> best{b.index(0), read(b.index(0))};
    best = b.loop(dims[axis], best, [&](Value place, ValueRange x) {
      Value next = read(place);
      Value wins;
      if (takesLast) {
        Value loses = isBefore(b, x[1], next, isUnsignedType, isMax);
        wins = arith::XOrIOp::create(b, loses, b.truth(true));
      } else {
        wins = isBefore(b, next, x[1], isUnsignedType, isMax);
      }
      return SmallVector<Value>{b.select(wins, place, x[0]),
                                b.select(wins, next, x[1])};
    });
    return b.fromIndex(best[0], b.getI64Type());
  });
  b.set(op.getReduced(), dropAxes(b, result, axes, getRank(op.getReduced())));
  return success();
}

/// Each turn looks for the first of the elements that come after the one that
/// was found before, by size and then by place. So nothing needs to be marked.
static LogicalResult lowerTopK(onnx::TopKOp op, Lowering &b) {
  Value data = b.get(op.getX());
  Type element = getElement(op.getX()), stored = getSignless(element);
  Dims dims = b.getDims(data), outer = dims;
  int64_t axis = getAxis(op.getAxis(), dims.size());
  std::optional<Dims> k = b.readElements(op.getK());
  if (!k || k->size() != 1)
    return b.fail("expected one element in K");
  Dim count = k->front();
  b.checkAtLeast(count, 0, "a K that is not negative");
  if (!Lowering::areSame(count, dims[axis]))
    b.check(b.compare(arith::CmpIPredicate::sle, b.value(count),
                      b.value(dims[axis])),
            "a K of at most the dimension");
  Dims result = dims;
  result[axis] = count;
  outer[axis] = b.number(1);
  bool isLargest = op.getLargest(), isUnsignedType = isUnsigned(element);
  SmallVector<Value> tensors{b.empty(result, stored),
                             b.empty(result, b.getI64Type())};
  tensors = b.loop(outer, tensors, [&](ValueRange indices, ValueRange carried) {
    SmallVector<Value> places(indices);
    // The results, and the element before: its place and value.
    SmallVector<Value> state(carried);
    state.append({b.index(-1), b.zero(stored)});
    auto read = [&](Value place) {
      places[axis] = place;
      return b.extract(data, places);
    };
    auto before = [&](Value x, Value y) {
      return isBefore(b, x, y, isUnsignedType, isLargest);
    };
    state = b.loop(count, state, [&](Value turn, ValueRange s) {
      Value lastPlace = s[2], lastValue = s[3];
      Value isFirst =
          b.compare(arith::CmpIPredicate::slt, lastPlace, b.index(0));
      SmallVector<Value> best{b.index(-1), b.zero(stored)};
      best = b.loop(dims[axis], best, [&](Value place, ValueRange x) {
        Value next = read(place);
        // Behind the last one: smaller, or equal and further on.
        Value isBehind = before(lastValue, next);
        Value isAhead = before(next, lastValue);
        Value isFurther =
            b.compare(arith::CmpIPredicate::sgt, place, lastPlace);
        Value isNotAhead = arith::XOrIOp::create(b, isAhead, b.truth(true));
        Value isOpen = arith::OrIOp::create(
            b, isBehind, arith::AndIOp::create(b, isNotAhead, isFurther));
        isOpen = arith::OrIOp::create(b, isOpen, isFirst);
        Value hasNone = b.compare(arith::CmpIPredicate::slt, x[0], b.index(0));
        Value wins = arith::OrIOp::create(b, hasNone, before(next, x[1]));
        wins = arith::AndIOp::create(b, isOpen, wins);
        return SmallVector<Value>{b.select(wins, place, x[0]),
                                  b.select(wins, next, x[1])};
      });
      SmallVector<Value> to(indices);
      to[axis] = turn;
      Value place = b.fromIndex(best[0], b.getI64Type());
      return SmallVector<Value>{b.insert(best[1], s[0], to),
                                b.insert(place, s[1], to), best[0], best[1]};
    });
    state.resize(2);
    return state;
  });
  for (Value &tensor : tensors)
    b.recordDims(tensor, result);
  b.set(op.getValues(), tensors[0]);
  b.set(op.getIndices(), tensors[1]);
  return success();
}

//===----------------------------------------------------------------------===//
// Running sums
//===----------------------------------------------------------------------===//

/// `x + y` or `x * y`.
static Value accumulate(Lowering &b, Value x, Value y, bool isProduct) {
  if (isa<FloatType>(x.getType()))
    return isProduct ? arith::MulFOp::create(b, x, y).getResult()
                     : arith::AddFOp::create(b, x, y).getResult();
  return isProduct ? arith::MulIOp::create(b, x, y).getResult()
                   : arith::AddIOp::create(b, x, y).getResult();
}

/// The same along an axis that is known only at run time: each element is made
/// of the one before it along that axis.
template <typename OpT>
static LogicalResult lowerCumulativeAnywhere(OpT op, Lowering &b,
                                             bool isProduct) {
  Value data = b.get(op.getX());
  Dims dims = b.getDims(data);
  Type stored = getStored(op.getX()), compute = getComputeType(stored);
  auto flags = getFlags(b, op.getAxis(), dims.size());
  if (!flags)
    return b.fail("expected an axis of one element");
  Value result = b.empty(dims, stored);
  result = b.loop(dims, result, [&](ValueRange turn, ValueRange carried) {
    SmallVector<Value> at(turn), last;
    Value isFirst = b.truth(false);
    for (auto [axis, place] : llvm::enumerate(at)) {
      Value flag = (*flags)[axis];
      Value isStart =
          b.compare(arith::CmpIPredicate::eq, turn[axis], b.index(0));
      isFirst = arith::OrIOp::create(b, isFirst,
                                     arith::AndIOp::create(b, isStart, flag));
      if (op.getReverse())
        place = b.value(b.sub(b.sub(dims[axis], b.number(1)), Dim(turn[axis])));
      Value before =
          b.value(b.add(Dim(place), b.number(op.getReverse() ? 1 : -1)));
      last.push_back(b.select(flag, before, place));
    }
    Value x = b.widen(b.extract(data, at));
    Value start = b.constant(compute, isProduct ? 1 : 0);
    Value sum = b.choose(
        isFirst, [&]() -> Value { return op.getExclusive() ? start : x; },
        [&]() -> Value {
          Value before = b.widen(b.extract(carried[0], last));
          Value next = op.getExclusive() ? b.widen(b.extract(data, last)) : x;
          return accumulate(b, before, next, isProduct);
        });
    return SmallVector<Value>{b.insert(b.narrow(sum, stored), carried[0], at)};
  })[0];
  b.set(op.getY(), b.recordDims(result, dims));
  return success();
}

template <typename OpT, bool isProduct>
static LogicalResult lowerCumulative(OpT op, Lowering &b) {
  Value data = b.get(op.getX());
  Dims dims = b.getDims(data), outer = dims;
  Type stored = getStored(op.getX()), compute = getComputeType(stored);
  auto axes = b.getConstant(op.getAxis());
  if (dims.size() == 1)
    axes = SmallVector<int64_t>{0};
  if (!axes)
    return lowerCumulativeAnywhere(op, b, isProduct);
  int64_t axis = getAxis(axes->front(), dims.size());
  outer[axis] = b.number(1);
  bool isReverse = op.getReverse(), isExclusive = op.getExclusive();
  SmallVector<Value> result{b.empty(dims, stored)};
  result = b.loop(outer, result, [&](ValueRange indices, ValueRange carried) {
    SmallVector<Value> state(carried);
    state.push_back(b.constant(compute, isProduct ? 1 : 0));
    state = b.loop(dims[axis], state, [&](Value turn, ValueRange s) {
      SmallVector<Value> places(indices);
      places[axis] = turn;
      if (isReverse) {
        Value last = arith::SubIOp::create(b, b.value(dims[axis]), b.index(1));
        places[axis] = arith::SubIOp::create(b, last, turn);
      }
      Value x = b.widen(b.extract(data, places));
      Value next = accumulate(b, s[1], x, isProduct);
      Value stays = b.narrow(isExclusive ? s[1] : next, stored);
      return SmallVector<Value>{b.insert(stays, s[0], places), next};
    });
    state.resize(1);
    return state;
  });
  b.set(op.getY(), b.recordDims(result[0], dims));
  return success();
}

void dense::addReductions(LoweringTable &table) {
  table.add(lowerReduceSum<onnx::ReduceSumOp>);
  table.add(lowerReduceMean);
  table.add(lowerReduceProd);
  table.add(lowerReduceL1);
  table.add(lowerReduceL2);
  table.add(lowerReduceSumSquare);
  table.add(lowerReduceLogSum);
  table.add(lowerReduceLogSumExp);
  table.add(lowerReduceExtreme<onnx::ReduceMaxOp, true>);
  table.add(lowerReduceExtreme<onnx::ReduceMinOp, false>);
  table.add(lowerArg<onnx::ArgMaxOp, true>);
  table.add(lowerArg<onnx::ArgMinOp, false>);
  table.add(lowerTopK);
  table.add(lowerCumulative<onnx::CumSumOp, false>);
  table.add(lowerCumulative<onnx::CumProdOp, true>);
}
