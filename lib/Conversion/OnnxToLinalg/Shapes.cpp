//===- Shapes.cpp - constants, shapes and arithmetic on them --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small integer tensors that are computed from dimensions are followed element
// by element, so that the shapes of reshapes and slices are known as far as
// they can be.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

//===----------------------------------------------------------------------===//
// Elements of small tensors
//===----------------------------------------------------------------------===//

static constexpr int64_t kMostElements = 64;

/// The elements of a constant, if there are few and they are integers.
static std::optional<Dims> fold(onnx::ConstantOp op, Lowering &b) {
  auto value = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!value || !isa<IntegerType>(value.getElementType()) ||
      value.getElementType().isInteger(1) ||
      value.getNumElements() > kMostElements)
    return std::nullopt;
  bool isUnsignedType = isUnsigned(value.getElementType());
  Dims result;
  for (const APInt &each : value.getValues<APInt>()) {
    if (each.getBitWidth() > 64 ||
        (isUnsignedType && each.getBitWidth() == 64 && each.isNegative()))
      return std::nullopt;
    result.push_back(b.number(isUnsignedType
                                  ? static_cast<int64_t>(each.getZExtValue())
                                  : each.getSExtValue()));
  }
  return result;
}

static std::optional<Dims> fold(onnx::ShapeOp op, Lowering &b) {
  Dims dims = b.getDims(b.get(op.getData()));
  int64_t rank = dims.size();
  auto clamp = [&](int64_t place) {
    return std::clamp<int64_t>(place < 0 ? place + rank : place, 0, rank);
  };
  int64_t start = clamp(op.getStart());
  int64_t end = op.getEnd() ? clamp(*op.getEnd()) : rank;
  return Dims(ArrayRef(dims).slice(start, std::max<int64_t>(end - start, 0)));
}

static std::optional<Dims> fold(onnx::SizeOp op, Lowering &b) {
  return Dims{b.product(b.getDims(b.get(op.getData())))};
}

static std::optional<Dims> fold(onnx::ConcatOp op, Lowering &b) {
  Dims result;
  for (Value input : op.getInputs())
    llvm::append_range(result, *b.getContents(input));
  return result;
}

static std::optional<Dims> fold(onnx::GatherOp op, Lowering &b) {
  std::optional<SmallVector<int64_t>> indices = b.getConstant(op.getIndices());
  const Dims *data = b.getContents(op.getData());
  if (!indices || getRank(op.getIndices()) > 1)
    return std::nullopt;
  auto size = static_cast<int64_t>(data->size());
  Dims result;
  for (int64_t index : *indices) {
    if (index < -size || index >= size)
      return std::nullopt;
    result.push_back((*data)[index < 0 ? index + size : index]);
  }
  return result;
}

static std::optional<Dims> fold(onnx::SliceOp op, Lowering &b) {
  auto starts = b.getConstant(op.getStarts());
  auto ends = b.getConstant(op.getEnds());
  std::optional<SmallVector<int64_t>> steps;
  if (op.getSteps())
    steps = b.getConstant(op.getSteps());
  if (!starts || !ends || starts->size() != 1 || ends->size() != 1 ||
      (op.getSteps() && (!steps || *steps != SmallVector<int64_t>{1})))
    return std::nullopt;
  const Dims *data = b.getContents(op.getData());
  auto size = static_cast<int64_t>(data->size());
  auto clamp = [&](int64_t place) {
    return std::clamp<int64_t>(place < 0 ? place + size : place, 0, size);
  };
  int64_t start = clamp(starts->front()), end = clamp(ends->front());
  return Dims(ArrayRef(*data).slice(start, std::max<int64_t>(end - start, 0)));
}

/// Arithmetic of two tensors of one element, or of equal length.
static std::optional<Dims>
foldArithmetic(Operation *op, Lowering &b,
               llvm::function_ref<Dim(Dim, Dim)> compute) {
  const Dims &x = *b.getContents(op->getOperand(0));
  const Dims &y = *b.getContents(op->getOperand(1));
  size_t size = x.size() == 1 ? y.size() : x.size();
  if ((x.size() != size && x.size() != 1) ||
      (y.size() != size && y.size() != 1))
    return std::nullopt;
  Dims result;
  for (size_t i = 0; i < size; ++i)
    result.push_back(
        compute(x[x.size() == 1 ? 0 : i], y[y.size() == 1 ? 0 : i]));
  return result;
}

static std::optional<Dims> foldElements(Operation *op, Lowering &b) {
  if (auto constant = dyn_cast<onnx::ConstantOp>(op))
    return fold(constant, b);
  if (auto shape = dyn_cast<onnx::ShapeOp>(op))
    return fold(shape, b);
  if (auto size = dyn_cast<onnx::SizeOp>(op))
    return fold(size, b);
  // All others compute from elements that are known. The shapes that steer
  // them do not matter.
  if (isa<onnx::IdentityOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::ReshapeOp,
          onnx::CastOp>(op)) {
    const Dims *elements = b.getContents(op->getOperand(0));
    // Narrower types would wrap.
    bool isWide = getElement(op->getResult(0)).isInteger(64) ||
                  getElement(op->getResult(0)) == getElement(op->getOperand(0));
    return elements && isWide ? std::optional<Dims>(*elements) : std::nullopt;
  }
  for (Value operand : op->getOperands())
    if (!b.getContents(operand))
      return std::nullopt;
  if (auto concat = dyn_cast<onnx::ConcatOp>(op))
    return fold(concat, b);
  if (auto gather = dyn_cast<onnx::GatherOp>(op))
    return fold(gather, b);
  if (auto slice = dyn_cast<onnx::SliceOp>(op))
    return fold(slice, b);
  if (!getElement(op->getResult(0)).isInteger(64))
    return std::nullopt;
  if (isa<onnx::AddOp>(op))
    return foldArithmetic(op, b, [&](Dim x, Dim y) { return b.add(x, y); });
  if (isa<onnx::SubOp>(op))
    return foldArithmetic(op, b, [&](Dim x, Dim y) { return b.sub(x, y); });
  if (isa<onnx::MulOp>(op))
    return foldArithmetic(op, b, [&](Dim x, Dim y) { return b.mul(x, y); });
  if (isa<onnx::DivOp>(op)) {
    auto divisors = b.getConstant(op->getOperand(1));
    if (!divisors || llvm::any_of(*divisors, [](int64_t y) { return y < 1; }))
      return std::nullopt;
    return foldArithmetic(op, b, [&](Dim x, Dim y) { return b.div(x, y); });
  }
  return std::nullopt;
}

bool Lowering::foldContents(Operation *op) {
  if (op->getNumResults() != 1)
    return false;
  RankedTensorType type = getTensorType(op->getResult(0).getType());
  if (!type || type.getRank() > 1 || !isa<IntegerType>(type.getElementType()) ||
      type.getElementType().isInteger(1))
    return false;
  std::optional<Dims> elements = foldElements(op, *this);
  if (!elements || elements->size() > kMostElements)
    return false;
  auto count = static_cast<int64_t>(elements->size());
  if (type.getRank() == 0
          ? count != 1
          : !type.isDynamicDim(0) && type.getDimSize(0) != count)
    return false;
  setContents(op->getResult(0), std::move(*elements));
  return true;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// A dense attribute with a signless element type.
static ElementsAttr makeSignless(DenseElementsAttr value) {
  Type element = value.getElementType();
  return getSignless(element) == element ? value
                                         : value.bitcast(getSignless(element));
}

static LogicalResult lowerConstant(onnx::ConstantOp op, Lowering &b) {
  auto value = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!value)
    return b.fail("expected a dense constant");
  ElementsAttr stored = makeSignless(value);
  b.bind(op.getOutput(), arith::ConstantOp::create(b, stored.getShapedType(),
                                                   cast<TypedAttr>(stored)));
  return success();
}

static LogicalResult lowerConstantOfShape(onnx::ConstantOfShapeOp op,
                                          Lowering &b) {
  std::optional<Dims> dims = b.readElements(op.getInput());
  auto value = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dims || !value || value.getNumElements() != 1)
    return b.fail("expected a shape of known length and one element");
  b.checkSize(*dims);
  auto element = cast<TypedAttr>(
      cast<DenseElementsAttr>(makeSignless(value)).getValues<Attribute>()[0]);
  Value scalar = arith::ConstantOp::create(b, element);
  b.set(op.getOutput(), b.fill(*dims, scalar));
  return success();
}

static LogicalResult lowerRange(onnx::RangeOp op, Lowering &b) {
  Type type = getElement(op.getStart()), stored = getSignless(type);
  Value start = b.extractScalar(b.get(op.getStart()));
  Value limit = b.extractScalar(b.get(op.getLimit()));
  Value delta = b.extractScalar(b.get(op.getDelta()));
  Dim count;
  if (isa<FloatType>(stored)) {
    // ceil((limit - start) / delta), as a number that fits.
    Type f64 = b.getF64Type();
    auto wide = [&](Value x) { return b.castFloat(x, f64); };
    Value distance = arith::SubFOp::create(b, wide(limit), wide(start));
    Value steps = arith::DivFOp::create(b, distance, wide(delta));
    steps = math::CeilOp::create(b, steps);
    Value isMany = b.compare(arith::CmpFPredicate::OGT, steps, b.zero(f64));
    steps = b.select(isMany, steps, b.zero(f64));
    b.check(b.compare(arith::CmpFPredicate::OLE, steps,
                      b.constant(f64, 137438953472.0)),
            "at most 2^37 elements");
    count = b.toIndex(arith::FPToSIOp::create(b, b.getI64Type(), steps));
  } else if (b.getConstant(op.getDelta()) == SmallVector<int64_t>{1}) {
    Dim first = b.toIndex(castElement(b, start, type, b.getI64Type()));
    Dim last = b.toIndex(castElement(b, limit, type, b.getI64Type()));
    if (const Dims *known = b.getContents(op.getStart()))
      first = known->front();
    if (const Dims *known = b.getContents(op.getLimit()))
      last = known->front();
    count = b.sub(last, first);
    // A dimension is not negative.
    bool isDim = b.getNumber(first) == 0 && b.getContents(op.getLimit());
    if (!isDim || b.getNumber(last))
      count = b.max(count, b.number(0));
    else
      b.checkAtLeast(count, 0, "a limit that is not negative");
    b.checkSize(count);
  } else {
    Type i64 = b.getI64Type();
    auto wide = [&](Value x) { return castElement(b, x, type, i64); };
    Value first = wide(start), last = wide(limit), step = wide(delta);
    Value nothing = b.zero(i64), one = b.integer(i64, 1);
    b.check(b.compare(arith::CmpIPredicate::ne, step, nothing),
            "a delta other than 0");
    Value isUp = b.compare(arith::CmpIPredicate::sgt, step, nothing);
    Value distance =
        b.select(isUp, arith::SubIOp::create(b, last, first).getResult(),
                 arith::SubIOp::create(b, first, last).getResult());
    Value width = b.select(isUp, step,
                           arith::SubIOp::create(b, nothing, step).getResult());
    // Checked before, so that nothing is divided by 0.
    Value isZero = b.compare(arith::CmpIPredicate::eq, width, nothing);
    width = b.select(isZero, one, width);
    Value less = arith::SubIOp::create(b, distance, one);
    Value steps = arith::DivSIOp::create(b, less, width);
    steps = arith::AddIOp::create(b, steps, one);
    Value isMany = b.compare(arith::CmpIPredicate::sgt, distance, nothing);
    count = b.toIndex(b.select(isMany, steps, nothing));
    b.checkSize(count);
  }
  b.set(op.getOutput(), b.generate(count, stored, [&](ValueRange indices) {
    Type compute = isa<FloatType>(stored) ? Type(b.getF64Type()) : stored;
    Value place = b.fromIndex(indices[0], b.getI64Type());
    if (isa<FloatType>(stored)) {
      Value factor = arith::SIToFPOp::create(b, compute, place);
      Value offset =
          arith::MulFOp::create(b, factor, b.castFloat(delta, compute));
      Value sum = arith::AddFOp::create(b, b.castFloat(start, compute), offset);
      return b.castFloat(sum, stored);
    }
    Value factor = castElement(b, place, b.getI64Type(), stored);
    Value offset = arith::MulIOp::create(b, factor, delta);
    return arith::AddIOp::create(b, start, offset).getResult();
  }));
  return success();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static LogicalResult lowerShape(onnx::ShapeOp op, Lowering &b) {
  b.setContents(op.getShape(), *fold(op, b));
  return success();
}

static LogicalResult lowerSize(onnx::SizeOp op, Lowering &b) {
  b.setContents(op.getSize(), *fold(op, b));
  return success();
}

static LogicalResult lowerIdentity(onnx::IdentityOp op, Lowering &b) {
  b.set(op.getOutput(), b.get(op.getInput()));
  return success();
}

/// Takes factors that two products share out of both. True if what is left of
/// `a` is a number.
static void cancel(SmallVectorImpl<Value> &a, SmallVectorImpl<Value> &b) {
  for (size_t i = 0; i < a.size();) {
    auto *it = llvm::find(b, a[i]);
    if (it == b.end()) {
      ++i;
      continue;
    }
    b.erase(it);
    a.erase(a.begin() + i);
  }
}

/// Splits dimensions into a number and values.
static int64_t splitFactors(Lowering &b, ArrayRef<Dim> dims,
                            SmallVectorImpl<Value> &values) {
  int64_t number = 1;
  for (Dim dim : dims) {
    if (std::optional<int64_t> known = b.getNumber(dim))
      number *= *known;
    else
      values.push_back(cast<Value>(dim));
  }
  return number;
}

/// Checks that `to` has as many elements as `from`. The dimension `open` of
/// `to`, if it is not negative, is what the others leave, and gets computed.
static void fitDims(Lowering &b, ArrayRef<Dim> from, Dims &to, int64_t open) {
  SmallVector<Value> own, wanted;
  Dims others;
  for (auto [axis, dim] : llvm::enumerate(to))
    if (static_cast<int64_t>(axis) != open)
      others.push_back(dim);
  int64_t ownNumber = splitFactors(b, from, own);
  int64_t wantedNumber = splitFactors(b, others, wanted);
  // A common factor of 0 may not be taken out, but then nothing is left to
  // check: both sides are 0, unless the open dimension is not determined.
  cancel(own, wanted);
  StringRef expected = "a shape of as many elements";
  if (open < 0) {
    if (own.empty() && wanted.empty() && ownNumber == wantedNumber)
      return;
    b.checkEqual(b.product(from), b.product(to), expected);
    return;
  }
  if (wanted.empty() && wantedNumber != 0 && ownNumber % wantedNumber == 0) {
    Dims rest(own.begin(), own.end());
    to[open] = b.mul(b.number(ownNumber / wantedNumber), b.product(rest));
    return;
  }
  Dim total = b.product(from), divisor = b.product(others);
  to[open] = b.div(total, b.max(divisor, b.number(1)));
  b.checkEqual(b.mul(to[open], divisor), total, expected);
}

void dense::checkSameSize(Lowering &b, ArrayRef<Dim> from, ArrayRef<Dim> to) {
  Dims wanted(to);
  fitDims(b, from, wanted, /*open=*/-1);
}

//===----------------------------------------------------------------------===//
// Axes that are known at run time
//===----------------------------------------------------------------------===//

std::optional<SmallVector<Value>> dense::getFlags(Lowering &b, Value axes,
                                                  int64_t rank) {
  std::optional<Dims> elements = b.readElements(axes);
  if (!elements)
    return std::nullopt;
  SmallVector<Value> flags(rank, b.truth(false));
  for (Dim element : *elements) {
    Value place = b.value(b.wrapNegative(element, b.number(rank)));
    b.check(b.compare(arith::CmpIPredicate::ult, place, b.index(rank)),
            "axes within the rank");
    for (auto [axis, flag] : llvm::enumerate(flags)) {
      Value isThis = b.compare(arith::CmpIPredicate::eq, place, b.index(axis));
      flag = arith::OrIOp::create(b, flag, isThis);
    }
  }
  return flags;
}

Dims dense::getUnmarked(Lowering &b, ArrayRef<Dim> dims, ArrayRef<Value> flags,
                        int64_t count) {
  SmallVector<Value> result(count, b.index(1));
  Value next = b.index(0);
  for (auto [dim, flag] : llvm::zip_equal(dims, flags)) {
    Value isKept = arith::XOrIOp::create(b, flag, b.truth(true));
    for (auto [place, size] : llvm::enumerate(result)) {
      Value isHere = b.compare(arith::CmpIPredicate::eq, next, b.index(place));
      isHere = arith::AndIOp::create(b, isHere, isKept);
      size = b.select(isHere, b.value(dim), size);
    }
    next = b.select(isKept, arith::AddIOp::create(b, next, b.index(1)), next);
  }
  return Dims(result.begin(), result.end());
}

static LogicalResult lowerReshape(onnx::ReshapeOp op, Lowering &b) {
  Value data = b.get(op.getData());
  Dims from = b.getDims(data);
  std::optional<Dims> wanted = b.readElements(op.getShape());
  if (!wanted)
    return b.fail("expected a shape of known length");
  bool areKnown = b.getContents(op.getShape());
  auto rank = static_cast<int64_t>(from.size());
  Dims to = *wanted;
  int64_t open = -1;
  auto type = cast<RankedTensorType>(op.getReshaped().getType());
  for (auto [axis, dim] : llvm::enumerate(to)) {
    std::optional<int64_t> known = b.getNumber(dim);
    auto place = static_cast<int64_t>(axis);
    if (known && *known == -1) {
      open = place;
    } else if (known && *known == 0 && !op.getAllowzero()) {
      if (place >= rank)
        return b.fail("expected a dimension to copy");
      dim = from[axis];
    } else if (!known && !op.getAllowzero() && place < rank &&
               !Lowering::areSame(dim, from[axis])) {
      Value size = b.value(dim);
      Value isZero = b.compare(arith::CmpIPredicate::eq, size, b.index(0));
      dim = b.select(isZero, b.value(from[axis]), size);
    }
  }
  // What inference knows of the result replaces what is not known here.
  if (type.getRank() == static_cast<int64_t>(to.size()))
    for (auto [axis, dim] : llvm::enumerate(to))
      if (!b.getNumber(dim) && !type.isDynamicDim(axis) && !areKnown) {
        Value size = b.value(dim), exact = b.index(type.getDimSize(axis));
        Value isExact = b.compare(arith::CmpIPredicate::eq, size, exact);
        Value isOpen = b.compare(arith::CmpIPredicate::eq, size, b.index(-1));
        b.check(arith::OrIOp::create(b, isExact, isOpen),
                "dimensions as inferred");
        dim = b.number(type.getDimSize(axis));
      }
  // Elements that are read from memory may be -1.
  if (!areKnown && open < 0) {
    Dim others = b.number(1);
    for (Dim dim : to) {
      if (b.getNumber(dim)) {
        others = b.mul(others, dim);
        continue;
      }
      Value size = b.value(dim);
      Value isOpen = b.compare(arith::CmpIPredicate::eq, size, b.index(-1));
      others = b.mul(others, Dim(b.select(isOpen, b.index(1), size)));
    }
    Dim rest = b.div(b.product(from), b.max(others, b.number(1)));
    for (Dim &dim : to) {
      if (b.getNumber(dim))
        continue;
      Value size = b.value(dim);
      Value isOpen = b.compare(arith::CmpIPredicate::eq, size, b.index(-1));
      dim = b.select(isOpen, b.value(rest), size);
    }
  }
  for (Dim dim : to)
    if (!b.getNumber(dim) && !areKnown)
      b.checkAtLeast(dim, 0, "dimensions that are not negative");
  fitDims(b, from, to, open);
  b.set(op.getReshaped(), b.reshape(data, to));
  return success();
}

static LogicalResult lowerFlatten(onnx::FlattenOp op, Lowering &b) {
  Value input = b.get(op.getInput());
  Dims dims = b.getDims(input);
  int64_t axis = getAxis(op.getAxis(), dims.size());
  b.set(op.getOutput(),
        b.reshape(input, {b.product(ArrayRef(dims).take_front(axis)),
                          b.product(ArrayRef(dims).drop_front(axis))}));
  return success();
}

static LogicalResult lowerSqueeze(onnx::SqueezeOp op, Lowering &b) {
  Value data = b.get(op.getData());
  Dims dims = b.getDims(data), kept;
  auto rank = static_cast<int64_t>(dims.size());
  SmallVector<bool> isGone(rank, false);
  if (op.getAxes()) {
    auto axes = b.getConstant(op.getAxes());
    if (!axes) {
      auto flags = getFlags(b, op.getAxes(), rank);
      if (!flags)
        return b.fail("expected a known number of axes");
      Dims result = getUnmarked(b, dims, *flags, getRank(op.getSqueezed()));
      checkSameSize(b, dims, result);
      b.set(op.getSqueezed(), b.reshape(data, result));
      return success();
    }
    for (int64_t axis : *axes)
      isGone[getAxis(axis, rank)] = true;
  } else {
    for (auto [axis, dim] : llvm::enumerate(dims)) {
      if (!b.getNumber(dim))
        return b.fail("expected axes, or dimensions that are known");
      isGone[axis] = b.getNumber(dim) == 1;
    }
  }
  for (auto [axis, dim] : llvm::enumerate(dims)) {
    if (isGone[axis])
      b.checkEqual(dim, b.number(1), "a dimension of 1 where one is removed");
    else
      kept.push_back(dim);
  }
  b.set(op.getSqueezed(), b.reshape(data, kept));
  return success();
}

static LogicalResult lowerUnsqueeze(onnx::UnsqueezeOp op, Lowering &b) {
  Value data = b.get(op.getData());
  Dims dims = b.getDims(data), result;
  auto axes = b.getConstant(op.getAxes());
  if (!axes) {
    int64_t wanted = getRank(op.getExpanded());
    auto flags = getFlags(b, op.getAxes(), wanted);
    if (!flags)
      return b.fail("expected a known number of axes");
    // Each place takes the next dimension, unless it is a new one.
    Value next = b.index(0);
    for (Value flag : *flags) {
      Value size = b.index(1);
      for (auto [axis, dim] : llvm::enumerate(dims))
        size =
            b.select(b.compare(arith::CmpIPredicate::eq, next, b.index(axis)),
                     b.value(dim), size);
      result.push_back(Dim(b.select(flag, b.index(1), size)));
      next = b.select(flag, next, arith::AddIOp::create(b, next, b.index(1)));
    }
    checkSameSize(b, dims, result);
    b.set(op.getExpanded(), b.reshape(data, result));
    return success();
  }
  int64_t rank = dims.size() + axes->size();
  SmallVector<bool> isNew(rank, false);
  for (int64_t axis : *axes)
    isNew[getAxis(axis, rank)] = true;
  auto *next = dims.begin();
  for (bool each : isNew)
    result.push_back(each ? b.number(1) : *next++);
  b.set(op.getExpanded(), b.reshape(data, result));
  return success();
}

static LogicalResult lowerExpand(onnx::ExpandOp op, Lowering &b) {
  Value input = b.get(op.getInput());
  std::optional<Dims> shape = b.readElements(op.getShape());
  if (!shape)
    return b.fail("expected a shape of known length");
  b.checkSize(*shape);
  std::optional<Dims> dims = b.broadcastDims({b.getDims(input), *shape});
  if (!dims)
    return b.fail("expected shapes that broadcast");
  b.set(op.getOutput(), b.map(*dims, getStored(op.getInput()), input,
                              [](ValueRange x) { return x[0]; }));
  return success();
}

void dense::addShapes(LoweringTable &table) {
  table.add(lowerConstant);
  table.add(lowerConstantOfShape);
  table.add(lowerRange);
  table.add(lowerShape);
  table.add(lowerSize);
  table.add(lowerIdentity);
  table.add(lowerReshape);
  table.add(lowerFlatten);
  table.add(lowerSqueeze);
  table.add(lowerUnsqueeze);
  table.add(lowerExpand);
}
