//===- Indexing.cpp - elements chosen and replaced by index ---------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Indices are checked in a loop of their own before anything is read or
// written.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

/// An index that was read, in [0, dim).
static Value getPlace(Lowering &b, Value scalar, Dim dim) {
  return b.wrapIndex(b.toIndex(scalar), b.value(dim));
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

/// Whether the indices are constants that lie in [-dim, dim).
static bool areFine(Lowering &b, Value indices, Dim dim) {
  auto known = b.getConstant(indices);
  std::optional<int64_t> size = b.getNumber(dim);
  return known && size && llvm::all_of(*known, [&](int64_t index) {
           return index >= -*size && index < *size;
         });
}

static LogicalResult lowerGather(onnx::GatherOp op, Lowering &b) {
  Value data = b.get(op.getData()), indices = b.get(op.getIndices());
  Dims own = b.getDims(data), places = b.getDims(indices);
  int64_t axis = getAxis(op.getAxis(), own.size());
  if (!areFine(b, op.getIndices(), own[axis]))
    b.checkIndices(indices, own[axis]);
  Dims dims(ArrayRef(own).take_front(axis));
  llvm::append_range(dims, places);
  llvm::append_range(dims, ArrayRef(own).drop_front(axis + 1));
  int64_t count = places.size();
  b.set(op.getOutput(),
        b.generate(dims, getStored(op.getData()), [&](ValueRange at) {
          SmallVector<Value> from(at.take_front(axis));
          Value index = b.extract(indices, at.slice(axis, count));
          from.push_back(getPlace(b, index, own[axis]));
          llvm::append_range(from, at.drop_front(axis + count));
          return b.extract(data, from);
        }));
  return success();
}

static LogicalResult lowerGatherElements(onnx::GatherElementsOp op,
                                         Lowering &b) {
  Value data = b.get(op.getData()), indices = b.get(op.getIndices());
  Dims own = b.getDims(data), dims = b.getDims(indices);
  int64_t axis = getAxis(op.getAxis(), own.size());
  b.checkIndices(indices, own[axis]);
  for (auto [place, pair] : llvm::enumerate(llvm::zip_equal(dims, own))) {
    auto [wanted, there] = pair;
    if (static_cast<int64_t>(place) != axis &&
        !Lowering::areSame(wanted, there))
      b.check(
          b.compare(arith::CmpIPredicate::sle, b.value(wanted), b.value(there)),
          "indices within the data");
  }
  b.set(op.getOutput(),
        b.generate(dims, getStored(op.getData()), [&](ValueRange at) {
          SmallVector<Value> from(at);
          from[axis] = getPlace(b, b.extract(indices, at), own[axis]);
          return b.extract(data, from);
        }));
  return success();
}

/// Checks tuples of indices: the last dimension of `indices` has `length`
/// elements, which index the dimensions of `own` from `first` on.
static void checkTuples(Lowering &b, Value indices, ArrayRef<Dim> own,
                        int64_t first, int64_t length) {
  Dims dims = b.getDims(indices);
  for (int64_t i = 0; i < length; ++i) {
    Dims offsets(dims.size(), b.number(0)), sizes = dims;
    offsets.back() = b.number(i);
    sizes.back() = b.number(1);
    b.checkIndices(b.slice(indices, offsets, sizes), own[first + i]);
  }
}

static LogicalResult lowerGatherND(onnx::GatherNDOp op, Lowering &b) {
  Value data = b.get(op.getData()), indices = b.get(op.getIndices());
  Dims own = b.getDims(data), tuples = b.getDims(indices);
  std::optional<int64_t> length = b.getNumber(tuples.back());
  int64_t batch = op.getBatchDims();
  if (!length)
    return b.fail("expected tuples of known length");
  for (int64_t axis = 0; axis < batch; ++axis)
    b.checkEqual(own[axis], tuples[axis], "equal batch dimensions");
  checkTuples(b, indices, own, batch, *length);
  int64_t outer = static_cast<int64_t>(tuples.size()) - 1;
  Dims dims(ArrayRef(tuples).drop_back());
  llvm::append_range(dims, ArrayRef(own).drop_front(batch + *length));
  b.set(op.getOutput(),
        b.generate(dims, getStored(op.getData()), [&](ValueRange at) {
          SmallVector<Value> from(at.take_front(batch));
          SmallVector<Value> tuple(at.take_front(outer));
          tuple.push_back(nullptr);
          for (int64_t i = 0; i < *length; ++i) {
            tuple.back() = b.index(i);
            from.push_back(
                getPlace(b, b.extract(indices, tuple), own[batch + i]));
          }
          llvm::append_range(from, at.drop_front(outer));
          return b.extract(data, from);
        }));
  return success();
}

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

/// What an update makes of an element.
static Value combine(Lowering &b, onnx::ScatterReduction reduction, Value old,
                     Value update, Type element) {
  Type stored = getSignless(element);
  Value x = b.widen(old), y = b.widen(update), result;
  bool isFloat = isa<FloatType>(stored);
  switch (reduction) {
  case onnx::ScatterReduction::None:
    return update;
  case onnx::ScatterReduction::Add:
    result = isFloat ? arith::AddFOp::create(b, x, y).getResult()
                     : arith::AddIOp::create(b, x, y).getResult();
    break;
  case onnx::ScatterReduction::Mul:
    result = isFloat ? arith::MulFOp::create(b, x, y).getResult()
                     : arith::MulIOp::create(b, x, y).getResult();
    break;
  case onnx::ScatterReduction::Max:
    result = largest(b, x, y, isUnsigned(element));
    break;
  case onnx::ScatterReduction::Min:
    result = smallest(b, x, y, isUnsigned(element));
    break;
  }
  return b.narrow(result, stored);
}

static Value update(Lowering &b, Value into, ArrayRef<Value> at, Value with,
                    onnx::ScatterReduction reduction, Type element) {
  if (reduction != onnx::ScatterReduction::None)
    with = combine(b, reduction, b.extract(into, at), with, element);
  return b.insert(with, into, at);
}

static LogicalResult lowerScatterElements(onnx::ScatterElementsOp op,
                                          Lowering &b) {
  Value data = b.get(op.getData()), indices = b.get(op.getIndices());
  Value updates = b.get(op.getUpdates());
  Dims own = b.getDims(data), dims = b.getDims(indices);
  Type element = getElement(op.getData());
  int64_t axis = getAxis(op.getAxis(), own.size());
  b.checkIndices(indices, own[axis]);
  for (auto [mine, other] : llvm::zip_equal(dims, b.getDims(updates)))
    b.checkEqual(mine, other, "as many updates as indices");
  for (auto [place, pair] : llvm::enumerate(llvm::zip_equal(dims, own))) {
    auto [wanted, there] = pair;
    if (static_cast<int64_t>(place) != axis &&
        !Lowering::areSame(wanted, there))
      b.check(
          b.compare(arith::CmpIPredicate::sle, b.value(wanted), b.value(there)),
          "indices within the data");
  }
  SmallVector<Value> result =
      b.loop(dims, data, [&](ValueRange at, ValueRange carried) {
        SmallVector<Value> to(at);
        to[axis] = getPlace(b, b.extract(indices, at), own[axis]);
        return SmallVector<Value>{update(b, carried[0], to,
                                         b.extract(updates, at),
                                         op.getReduction(), element)};
      });
  b.set(op.getOutput(), b.recordDims(result[0], own));
  return success();
}

static LogicalResult lowerScatterND(onnx::ScatterNDOp op, Lowering &b) {
  Value data = b.get(op.getData()), indices = b.get(op.getIndices());
  Value updates = b.get(op.getUpdates());
  Dims own = b.getDims(data), tuples = b.getDims(indices);
  Type element = getElement(op.getData());
  std::optional<int64_t> length = b.getNumber(tuples.back());
  if (!length)
    return b.fail("expected tuples of known length");
  checkTuples(b, indices, own, 0, *length);
  int64_t outer = static_cast<int64_t>(tuples.size()) - 1;
  Dims wanted(ArrayRef(tuples).drop_back());
  llvm::append_range(wanted, ArrayRef(own).drop_front(*length));
  Dims dims = b.getDims(updates);
  if (dims.size() != wanted.size())
    return b.fail("expected updates in the shape of what they replace");
  for (auto [mine, other] : llvm::zip_equal(dims, wanted))
    b.checkEqual(mine, other, "updates in the shape of what they replace");
  SmallVector<Value> result =
      b.loop(dims, data, [&](ValueRange at, ValueRange carried) {
        SmallVector<Value> to, tuple(at.take_front(outer));
        tuple.push_back(nullptr);
        for (int64_t i = 0; i < *length; ++i) {
          tuple.back() = b.index(i);
          to.push_back(getPlace(b, b.extract(indices, tuple), own[i]));
        }
        llvm::append_range(to, at.drop_front(outer));
        return SmallVector<Value>{update(b, carried[0], to,
                                         b.extract(updates, at),
                                         op.getReduction(), element)};
      });
  b.set(op.getOutput(), b.recordDims(result[0], own));
  return success();
}

static LogicalResult lowerTensorScatter(onnx::TensorScatterOp op, Lowering &b) {
  Value cache = b.get(op.getPastCache()), news = b.get(op.getUpdate());
  Dims own = b.getDims(cache), dims = b.getDims(news);
  int64_t axis = getAxis(op.getAxis(), own.size());
  bool isCircular = op.getMode() == onnx::TensorScatterMode::Circular;
  for (auto [place, pair] : llvm::enumerate(llvm::zip_equal(dims, own)))
    if (static_cast<int64_t>(place) != axis)
      b.checkEqual(std::get<0>(pair), std::get<1>(pair),
                   "an update in the shape of the cache");
  Dim room = b.sub(own[axis], dims[axis]);
  b.checkAtLeast(room, 0, "an update that is not longer than the cache");
  Value starts;
  if (op.getWriteIndices()) {
    starts = b.get(op.getWriteIndices());
    b.checkEqual(b.getDim(starts, 0), own[0], "a place for each entry");
    Value last =
        isCircular ? b.value(b.sub(own[axis], b.number(1))) : b.value(room);
    b.checkElements(
        starts,
        [&](Value scalar) -> Value {
          Value start = b.toIndex(scalar);
          return arith::AndIOp::create(
              b, b.compare(arith::CmpIPredicate::sge, start, b.index(0)),
              b.compare(arith::CmpIPredicate::sle, start, last));
        },
        "places within the cache");
  }
  SmallVector<Value> result =
      b.loop(dims, cache, [&](ValueRange at, ValueRange carried) {
        SmallVector<Value> to(at);
        if (starts) {
          Value start = b.toIndex(b.extract(starts, at[0]));
          to[axis] = arith::AddIOp::create(b, start, at[axis]);
          if (isCircular)
            to[axis] = arith::RemUIOp::create(b, to[axis], b.value(own[axis]));
        }
        return SmallVector<Value>{
            b.insert(b.extract(news, at), carried[0], to)};
      });
  b.set(op.getPresentCache(), b.recordDims(result[0], own));
  return success();
}

//===----------------------------------------------------------------------===//
// One-hot
//===----------------------------------------------------------------------===//

static LogicalResult lowerOneHot(onnx::OneHotOp op, Lowering &b) {
  Value indices = b.get(op.getIndices()), values = b.get(op.getValues());
  Type from = getElement(op.getIndices()), i64 = b.getI64Type();
  Dims dims = b.getDims(indices);
  int64_t axis = getAxis(op.getAxis(), dims.size() + 1);
  Dim depth;
  if (const Dims *known = b.getContents(op.getDepth()))
    depth = known->front();
  else
    depth = b.toIndex(castElement(b, b.extractScalar(b.get(op.getDepth())),
                                  getElement(op.getDepth()), i64));
  dims.insert(dims.begin() + axis, depth);
  b.checkSize(dims);
  b.checkEqual(b.getDim(values, 0), b.number(2), "two values");
  Value off = b.extract(values, b.index(0));
  Value on = b.extract(values, b.index(1));
  b.set(op.getOutput(),
        b.generate(dims, getStored(op.getValues()), [&](ValueRange at) {
          SmallVector<Value> others(at);
          others.erase(others.begin() + axis);
          Value index =
              b.toIndex(castElement(b, b.extract(indices, others), from, i64));
          Value place = b.wrapIndex(index, b.value(depth));
          return b.select(b.compare(arith::CmpIPredicate::eq, place, at[axis]),
                          on, off);
        }));
  return success();
}

//===----------------------------------------------------------------------===//
// Results whose size depends on data
//===----------------------------------------------------------------------===//

/// The number of elements of a tensor for which `isKept` gives true.
static Dim countKept(Lowering &b, Value tensor, Lowering::Body isKept) {
  SmallVector<bool> all(cast<RankedTensorType>(tensor.getType()).getRank(),
                        true);
  Type i64 = b.getI64Type();
  Value count = b.reduce(tensor, all, b.zero(i64), [&](ValueRange x) -> Value {
    Value one = arith::ExtUIOp::create(b, i64, isKept(x.take_front()));
    return arith::AddIOp::create(b, x[1], one);
  });
  return b.toIndex(b.extractScalar(count));
}

static LogicalResult lowerNonZero(onnx::NonZeroOp op, Lowering &b) {
  Value data = b.get(op.getX());
  Dims dims = b.getDims(data);
  auto rank = static_cast<int64_t>(dims.size());
  Type element = getElement(op.getX());
  auto isKept = [&](ValueRange x) {
    return castElement(b, x[0], element, b.getI1Type());
  };
  Dim count = countKept(b, data, isKept);
  Dims result{b.number(rank), count};
  SmallVector<Value> state{b.empty(result, b.getI64Type()), b.index(0)};
  state = b.loop(dims, state, [&](ValueRange at, ValueRange s) {
    Value keeps = isKept(b.extract(data, at));
    return b.branch(keeps, s, [&]() {
      Value into = s[0];
      for (auto [axis, place] : llvm::enumerate(at))
        into = b.insert(b.fromIndex(place, b.getI64Type()), into,
                        {b.index(axis), s[1]});
      Value next = arith::AddIOp::create(b, s[1], b.index(1));
      return SmallVector<Value>{into, next};
    });
  });
  b.set(op.getY(), b.recordDims(state[0], result));
  return success();
}

static LogicalResult lowerCompress(onnx::CompressOp op, Lowering &b) {
  Value input = b.get(op.getInput()), condition = b.get(op.getCondition());
  Dims dims = b.getDims(input);
  int64_t axis = 0;
  if (op.getAxis()) {
    axis = getAxis(*op.getAxis(), dims.size());
  } else {
    dims = {b.product(dims)};
    input = b.reshape(input, dims);
  }
  Dim length = b.getDim(condition, 0);
  if (!Lowering::areSame(length, dims[axis]))
    b.check(b.compare(arith::CmpIPredicate::sle, b.value(length),
                      b.value(dims[axis])),
            "a condition that is not longer than what it chooses from");
  Dim count = countKept(b, condition, [](ValueRange x) { return x[0]; });
  // The places that are kept, then a gather.
  SmallVector<Value> state{b.empty(count, b.getIndexType()), b.index(0)};
  state = b.loop(length, state, [&](Value at, ValueRange s) {
    return b.branch(b.extract(condition, at), s, [&]() {
      Value next = arith::AddIOp::create(b, s[1], b.index(1));
      return SmallVector<Value>{b.insert(at, s[0], s[1]), next};
    });
  });
  Value places = state[0];
  Dims result = dims;
  result[axis] = count;
  b.set(op.getOutput(),
        b.generate(result, getStored(op.getInput()), [&](ValueRange at) {
          SmallVector<Value> from(at);
          from[axis] = b.extract(places, at[axis]);
          return b.extract(input, from);
        }));
  return success();
}

void dense::addIndexing(LoweringTable &table) {
  table.add(lowerGather);
  table.add(lowerGatherElements);
  table.add(lowerGatherND);
  table.add(lowerScatterElements);
  table.add(lowerScatterND);
  table.add(lowerTensorScatter);
  table.add(lowerOneHot);
  table.add(lowerNonZero);
  table.add(lowerCompress);
}
