//===- Movement.cpp - elements moved to other places ----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

static LogicalResult lowerConcat(onnx::ConcatOp op, Lowering &b) {
  if (op.getInputs().empty())
    return b.fail("expected at least one operand");
  if (op.getInputs().size() == 1) {
    b.set(op.getConcatResult(), b.get(op.getInputs().front()));
    return success();
  }
  SmallVector<Value> inputs;
  for (Value input : op.getInputs())
    inputs.push_back(b.get(input));
  Dims dims = b.getDims(inputs.front());
  int64_t axis = getAxis(op.getAxis(), dims.size());
  Dim total = b.number(0);
  for (Value input : inputs) {
    Dims own = b.getDims(input);
    total = b.add(total, own[axis]);
    for (auto [place, pair] : llvm::enumerate(llvm::zip_equal(own, dims))) {
      if (static_cast<int64_t>(place) == axis)
        continue;
      auto [mine, common] = pair;
      b.checkEqual(mine, common, "operands that differ along one axis alone");
      if (b.getNumber(mine))
        common = mine;
    }
  }
  dims[axis] = total;
  Value result = b.empty(dims, getStored(op.getConcatResult()));
  Dims offsets(dims.size(), b.number(0));
  for (Value input : inputs) {
    result = b.insertSlice(input, result, offsets);
    offsets[axis] = b.add(offsets[axis], b.getDim(input, axis));
  }
  b.set(op.getConcatResult(), result);
  return success();
}

static LogicalResult lowerSplit(onnx::SplitOp op, Lowering &b) {
  Value input = b.get(op.getInput());
  Dims dims = b.getDims(input);
  int64_t axis = getAxis(op.getAxis(), dims.size());
  int64_t parts = op->getNumResults();
  Dim whole = dims[axis], first = b.number(0);
  std::optional<Dims> sizes;
  if (op.getSplit()) {
    sizes = b.readElements(op.getSplit());
    if (!sizes || static_cast<int64_t>(sizes->size()) != parts)
      return b.fail("expected as many sizes as there are results");
    Dim sum = b.number(0);
    for (Dim size : *sizes) {
      b.checkAtLeast(size, 0, "sizes that are not negative");
      sum = b.add(sum, size);
    }
    b.checkEqual(sum, whole, "sizes that make up the dimension");
  }
  Dim rounded = b.div(b.add(whole, b.number(parts - 1)), b.number(parts));
  Dims offsets(dims.size(), b.number(0));
  for (int64_t i = 0; i < parts; ++i) {
    Dim size = sizes ? (*sizes)[i]
                     : b.min(rounded, b.max(b.sub(whole, first), b.number(0)));
    dims[axis] = size;
    offsets[axis] = first;
    b.set(op.getOutputs()[i], b.slice(input, offsets, dims));
    first = b.add(first, size);
  }
  if (!sizes && parts > 0)
    b.checkEqual(first, whole, "a dimension that can be cut into the parts");
  return success();
}

/// One axis of a slice: where it begins, the step, and how many elements.
struct Extent {
  Dim start, step, size;
};

static Extent makeExtent(Lowering &b, Dim start, Dim end, Dim step, Dim dim) {
  std::optional<int64_t> known = b.getNumber(step);
  Dim nothing = b.number(0), one = b.number(1);
  // INT64_MIN stands for "to the end"; adding a dimension keeps it far below.
  auto clamp = [&](Dim place, Dim low, Dim high) {
    return b.max(low, b.min(b.wrapNegative(place, dim), high));
  };
  if (known && *known > 0) {
    std::optional<int64_t> last = b.getNumber(end), at = b.getNumber(start);
    // To the end, whatever it is.
    bool isAll = last && *last >= (int64_t(1) << 31) - 1 && !b.getNumber(dim);
    Dim first = at && *at == 0 ? nothing : clamp(start, nothing, dim);
    Dim stop = isAll ? dim : clamp(end, nothing, dim);
    // What ends where a dimension of known length may not be reached.
    Dim size = at && *at == 0 ? stop : b.max(b.sub(stop, first), nothing);
    if (*known > 1) {
      // Steps beyond any dimension give one element.
      Dim width = b.number(std::min<int64_t>(*known, int64_t(1) << 40));
      size = b.div(b.add(size, b.sub(width, one)), width);
    }
    return {first, step, size};
  }
  // The step is negative or not known: both forms, and a choice.
  Value width = b.value(step), zero = b.index(0);
  b.check(b.compare(arith::CmpIPredicate::ne, width, zero),
          "a step other than 0");
  Value isUp = b.compare(arith::CmpIPredicate::sgt, width, zero);
  Value last = b.select(isUp, b.value(dim), b.value(b.sub(dim, one)));
  Value low = b.select(isUp, zero, b.index(-1));
  Value first = b.value(clamp(start, nothing, Dim(last)));
  Value stop = b.value(clamp(end, Dim(low), Dim(last)));
  Value distance = b.select(isUp, b.value(b.sub(Dim(stop), Dim(first))),
                            b.value(b.sub(Dim(first), Dim(stop))));
  Value size = b.select(isUp, width, b.value(b.sub(nothing, step)));
  Value isZero = b.compare(arith::CmpIPredicate::eq, size, zero);
  size = b.select(isZero, b.index(1), size);
  // (distance - 1) / size + 1, or none.
  Value count =
      b.value(b.add(b.div(b.sub(Dim(distance), one), Dim(size)), one));
  Value isSome = b.compare(arith::CmpIPredicate::sgt, distance, zero);
  Value isFilled = b.compare(arith::CmpIPredicate::sgt, b.value(dim), zero);
  isSome = arith::AndIOp::create(b, isSome, isFilled);
  return {Dim(first), step, Dim(b.select(isSome, count, zero))};
}

/// Makes of the starts, ends and steps of the axes `places` those of all axes.
static void spreadOverAxes(Lowering &b, ArrayRef<Dim> places,
                           ArrayRef<Dim> dims, Dims &starts, Dims &ends,
                           Dims &steps) {
  auto rank = static_cast<int64_t>(dims.size());
  Dims allStarts(rank, b.number(0)), allEnds(dims), allSteps(rank, b.number(1));
  for (auto [number, place] : llvm::enumerate(places)) {
    Value named = b.value(b.wrapNegative(place, b.number(rank)));
    b.check(b.compare(arith::CmpIPredicate::ult, named, b.index(rank)),
            "axes within the rank");
    for (int64_t axis = 0; axis < rank; ++axis) {
      Value isThis = b.compare(arith::CmpIPredicate::eq, named, b.index(axis));
      auto choose = [&](Dim value, Dim &of) {
        of = Dim(b.select(isThis, b.value(value), b.value(of)));
      };
      choose(starts[number], allStarts[axis]);
      choose(ends[number], allEnds[axis]);
      choose(steps[number], allSteps[axis]);
    }
  }
  starts = allStarts;
  ends = allEnds;
  steps = allSteps;
}

static LogicalResult lowerSlice(onnx::SliceOp op, Lowering &b) {
  Value data = b.get(op.getData());
  Dims dims = b.getDims(data);
  auto rank = static_cast<int64_t>(dims.size());
  auto starts = b.readElements(op.getStarts());
  auto ends = b.readElements(op.getEnds());
  if (!starts || !ends || starts->size() != ends->size())
    return b.fail("expected starts and ends of equal, known length");
  Dims steps(starts->size(), b.number(1));
  if (op.getSteps()) {
    auto known = b.readElements(op.getSteps());
    if (!known || known->size() != starts->size())
      return b.fail("expected as many steps as starts");
    steps = *known;
  }
  SmallVector<int64_t> axes;
  if (op.getAxes()) {
    auto places = b.readElements(op.getAxes());
    if (!places || places->size() != starts->size())
      return b.fail("expected as many axes as starts");
    if (auto known = b.getConstant(op.getAxes())) {
      for (int64_t axis : *known)
        axes.push_back(getAxis(axis, rank));
    } else {
      // Axes that are known at run time: every axis has a start, an end and a
      // step, those of the tensor unless one is named for it.
      spreadOverAxes(b, *places, dims, *starts, *ends, steps);
    }
  }
  if (axes.empty())
    for (size_t axis = 0; axis < starts->size(); ++axis)
      axes.push_back(axis);
  Dims offsets(rank, b.number(0)), strides(rank, b.number(1)), sizes = dims;
  bool isPlain = true;
  for (auto [place, axis] : llvm::enumerate(axes)) {
    if (b.getNumber(steps[place]) == 0)
      return b.fail("expected a step other than 0");
    Extent range = makeExtent(b, (*starts)[place], (*ends)[place], steps[place],
                              dims[axis]);
    offsets[axis] = range.start;
    strides[axis] = range.step;
    sizes[axis] = range.size;
    isPlain &= b.getNumber(range.step) == 1;
  }
  if (isPlain) {
    b.set(op.getOutput(), b.slice(data, offsets, sizes));
    return success();
  }
  b.set(op.getOutput(),
        b.generate(sizes, getStored(op.getData()), [&](ValueRange indices) {
          SmallVector<Value> places;
          for (int64_t axis = 0; axis < rank; ++axis)
            places.push_back(b.value(b.add(
                b.mul(Dim(indices[axis]), strides[axis]), offsets[axis])));
          return b.extract(data, places);
        }));
  return success();
}

static LogicalResult lowerTranspose(onnx::TransposeOp op, Lowering &b) {
  b.set(op.getTransposed(), b.transpose(b.get(op.getData()), op.getPerm()));
  return success();
}

static LogicalResult lowerTile(onnx::TileOp op, Lowering &b) {
  Value input = b.get(op.getInput());
  Dims own = b.getDims(input), dims;
  std::optional<Dims> repeats = b.readElements(op.getRepeats());
  if (!repeats || repeats->size() != own.size())
    return b.fail("expected one number of repetitions for each dimension");
  for (auto [dim, count] : llvm::zip_equal(own, *repeats)) {
    b.checkAtLeast(count, 0, "repetitions that are not negative");
    dims.push_back(b.mul(dim, count));
  }
  b.checkSize(*repeats);
  b.checkSize(dims);
  b.set(op.getOutput(),
        b.generate(dims, getStored(op.getInput()), [&](ValueRange indices) {
          SmallVector<Value> places;
          for (auto [axis, place] : llvm::enumerate(indices))
            places.push_back(
                b.getNumber((*repeats)[axis]) == 1
                    ? place
                    : arith::RemUIOp::create(b, place, b.value(own[axis]))
                          .getResult());
          return b.extract(input, places);
        }));
  return success();
}

//===----------------------------------------------------------------------===//
// Pad
//===----------------------------------------------------------------------===//

/// Where an element of a border comes from, along an axis of `dim` elements.
/// `place` is relative to the data.
static Value findSource(Lowering &b, onnx::PadMode mode, Value place,
                        Value dim) {
  Value zero = b.index(0), one = b.index(1);
  Value last = arith::SubIOp::create(b, dim, one);
  auto modulo = [&](Value x, Value period) {
    Value rest = arith::RemSIOp::create(b, x, period);
    return b.wrapIndex(rest, period);
  };
  switch (mode) {
  case onnx::PadMode::Edge:
    return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, place, zero),
                                  last);
  case onnx::PadMode::Wrap:
    return modulo(place, arith::MaxSIOp::create(b, dim, one));
  case onnx::PadMode::Reflect: {
    // There and back is a period; one element alone has no way to go.
    Value period = arith::MulIOp::create(b, last, b.index(2));
    period = arith::MaxSIOp::create(b, period, one);
    Value rest = modulo(place, period);
    Value back = arith::SubIOp::create(b, period, rest);
    return arith::MinSIOp::create(b, rest, back);
  }
  case onnx::PadMode::Constant:
    break;
  }
  return place;
}

static LogicalResult lowerPad(onnx::PadOp op, Lowering &b) {
  Value data = b.get(op.getData());
  Dims own = b.getDims(data), dims = own;
  auto rank = static_cast<int64_t>(own.size());
  std::optional<Dims> pads = b.readElements(op.getPads());
  SmallVector<int64_t> axes;
  if (op.getAxes()) {
    auto known = b.getConstant(op.getAxes());
    if (!known)
      return b.fail("expected axes that are known when compiling");
    for (int64_t axis : *known)
      axes.push_back(getAxis(axis, rank));
  } else {
    for (int64_t axis = 0; axis < rank; ++axis)
      axes.push_back(axis);
  }
  if (!pads || pads->size() != 2 * axes.size())
    return b.fail("expected two pads for each axis");
  Dims before(rank, b.number(0));
  onnx::PadMode mode = op.getMode();
  for (auto [place, axis] : llvm::enumerate(axes)) {
    before[axis] = (*pads)[place];
    Dim after = (*pads)[axes.size() + place];
    dims[axis] = b.add(b.add(own[axis], before[axis]), after);
    b.checkAtLeast(dims[axis], 0, "a result whose dimensions are not negative");
    if (mode != onnx::PadMode::Constant && b.getNumber(own[axis]) != 1)
      b.checkAtLeast(own[axis], 1, "data for the border");
  }
  b.checkSize(dims);
  Type stored = getStored(op.getData());
  Value filler = op.getConstantValue()
                     ? b.extractScalar(b.get(op.getConstantValue()))
                     : b.zero(stored);
  b.set(op.getOutput(), b.generate(dims, stored, [&](ValueRange indices) {
    SmallVector<Value> places;
    Value isInside;
    for (auto [axis, index] : llvm::enumerate(indices)) {
      Value place = b.value(b.sub(Dim(index), before[axis]));
      bool isPlain = Lowering::areSame(dims[axis], own[axis]) &&
                     b.getNumber(before[axis]) == 0;
      if (isPlain) {
        places.push_back(place);
        continue;
      }
      Value dim = b.value(own[axis]);
      if (mode == onnx::PadMode::Constant) {
        // As unsigned numbers, places before the data are large.
        Value fits = b.compare(arith::CmpIPredicate::ult, place, dim);
        isInside = isInside
                       ? arith::AndIOp::create(b, isInside, fits).getResult()
                       : fits;
        Value last = arith::SubIOp::create(b, dim, b.index(1));
        place = arith::MaxSIOp::create(b, place, b.index(0));
        place = arith::MinSIOp::create(b, place, last);
      } else {
        place = findSource(b, mode, place, dim);
      }
      places.push_back(place);
    }
    if (!isInside)
      return b.extract(data, places);
    // Only what is inside is read: the data may be empty.
    return b.choose(
        isInside, [&] { return b.extract(data, places); },
        [&] { return filler; });
  }));
  return success();
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

static LogicalResult lowerTrilu(onnx::TriluOp op, Lowering &b) {
  Value input = b.get(op.getInput());
  Dims dims = b.getDims(input);
  auto rank = static_cast<int64_t>(dims.size());
  Value diagonal =
      op.getK() ? b.toIndex(b.extractScalar(b.get(op.getK()))) : b.index(0);
  auto predicate =
      op.getUpper() ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle;
  Type stored = getStored(op.getInput());
  b.set(op.getOutput(), b.generate(dims, stored, [&](ValueRange indices) {
    Value distance =
        arith::SubIOp::create(b, indices[rank - 1], indices[rank - 2]);
    return b.select(b.compare(predicate, distance, diagonal),
                    b.extract(input, indices), b.zero(stored));
  }));
  return success();
}

static LogicalResult lowerEyeLike(onnx::EyeLikeOp op, Lowering &b) {
  Dims dims = b.getDims(b.get(op.getInput()));
  Type stored = getStored(op.getOutput());
  int64_t k = op.getK();
  b.set(op.getOutput(), b.generate(dims, stored, [&](ValueRange indices) {
    Value distance = arith::SubIOp::create(b, indices[1], indices[0]);
    Value isThere = b.compare(arith::CmpIPredicate::eq, distance, b.index(k));
    return b.select(isThere,
                    stored.isInteger(1) ? b.truth(true) : b.constant(stored, 1),
                    b.zero(stored));
  }));
  return success();
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

static LogicalResult lowerDepthToSpace(onnx::DepthToSpaceOp op, Lowering &b) {
  Value input = b.get(op.getInput());
  Dims dims = b.getDims(input);
  Dim block = b.number(op.getBlocksize());
  bool isDCR = op.getMode() == onnx::BlockOrder::DCR;
  Dim area = b.mul(block, block), depth = b.div(dims[1], area);
  b.checkEqual(b.mul(depth, area), dims[1], "channels that form blocks");
  SmallVector<Dim> cut =
      isDCR ? SmallVector<Dim>{dims[0], block, block, depth, dims[2], dims[3]}
            : SmallVector<Dim>{dims[0], depth, block, block, dims[2], dims[3]};
  Value parts = b.transpose(b.reshape(input, cut),
                            isDCR ? ArrayRef<int64_t>{0, 3, 4, 1, 5, 2}
                                  : ArrayRef<int64_t>{0, 1, 4, 2, 5, 3});
  b.set(op.getOutput(), b.reshape(parts, {dims[0], depth, b.mul(dims[2], block),
                                          b.mul(dims[3], block)}));
  return success();
}

static LogicalResult lowerSpaceToDepth(onnx::SpaceToDepthOp op, Lowering &b) {
  Value input = b.get(op.getInput());
  Dims dims = b.getDims(input);
  Dim block = b.number(op.getBlocksize());
  Dim height = b.div(dims[2], block), width = b.div(dims[3], block);
  b.checkEqual(b.mul(height, block), dims[2], "a height that forms blocks");
  b.checkEqual(b.mul(width, block), dims[3], "a width that forms blocks");
  bool isDCR = op.getMode() == onnx::BlockOrder::DCR;
  Value parts = b.transpose(
      b.reshape(input, {dims[0], dims[1], height, block, width, block}),
      isDCR ? ArrayRef<int64_t>{0, 3, 5, 1, 2, 4}
            : ArrayRef<int64_t>{0, 1, 3, 5, 2, 4});
  b.set(op.getOutput(),
        b.reshape(parts, {dims[0], b.mul(dims[1], b.mul(block, block)), height,
                          width}));
  return success();
}

static LogicalResult lowerReverseSequence(onnx::ReverseSequenceOp op,
                                          Lowering &b) {
  Value input = b.get(op.getInput()), lengths = b.get(op.getSequenceLens());
  Dims dims = b.getDims(input);
  int64_t batch = getAxis(op.getBatchAxis(), dims.size());
  int64_t time = getAxis(op.getTimeAxis(), dims.size());
  b.checkEqual(b.getDim(lengths, 0), dims[batch], "a length for each entry");
  Value steps = b.value(dims[time]);
  b.checkElements(
      lengths,
      [&](Value scalar) -> Value {
        Value length = b.toIndex(scalar);
        return arith::AndIOp::create(
            b, b.compare(arith::CmpIPredicate::sle, length, steps),
            b.compare(arith::CmpIPredicate::sge, length, b.index(0)));
      },
      "lengths within the sequence");
  b.set(op.getY(),
        b.generate(dims, getStored(op.getInput()), [&](ValueRange indices) {
          Value length = b.toIndex(b.extract(lengths, indices[batch]));
          Value last = arith::SubIOp::create(b, length, b.index(1));
          Value mirrored = arith::SubIOp::create(b, last, indices[time]);
          Value isTurned =
              b.compare(arith::CmpIPredicate::slt, indices[time], length);
          SmallVector<Value> places(indices);
          places[time] = b.select(isTurned, mirrored, indices[time]);
          return b.extract(input, places);
        }));
  return success();
}

static LogicalResult lowerDropout(onnx::DropoutOp op, Lowering &b) {
  Value data = b.get(op.getData());
  if (op.getTrainingMode()) {
    auto mode = op.getTrainingMode().getDefiningOp<onnx::ConstantOp>();
    auto value = mode ? dyn_cast<DenseElementsAttr>(mode.getValue()) : nullptr;
    if (!value || !value.isSplat() || value.getSplatValue<bool>())
      return b.fail("expected a training_mode that is known to be false");
  }
  b.set(op.getOutput(), data);
  for (Value mask : op.getRest())
    b.set(mask, b.fill(b.getDims(data), b.truth(true)));
  return success();
}

void dense::addMovement(LoweringTable &table) {
  table.add(lowerConcat);
  table.add(lowerSplit);
  table.add(lowerSlice);
  table.add(lowerTranspose);
  table.add(lowerTile);
  table.add(lowerPad);
  table.add(lowerTrilu);
  table.add(lowerEyeLike);
  table.add(lowerDepthToSpace);
  table.add(lowerSpaceToDepth);
  table.add(lowerReverseSequence);
  table.add(lowerDropout);
}
