//===- Norms.cpp - softmax and normalisation ------------------------------===//
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
// Helpers
//===----------------------------------------------------------------------===//

static Value sum(Lowering &b, Value data, ArrayRef<bool> reduced) {
  Type type = cast<RankedTensorType>(data.getType()).getElementType();
  return b.reduce(data, reduced, b.zero(type), [&](ValueRange x) -> Value {
    return arith::AddFOp::create(b, x[1], x[0]);
  });
}

/// A float tensor in another float type.
static Value convert(Lowering &b, Value data, Type type) {
  if (cast<RankedTensorType>(data.getType()).getElementType() == type)
    return data;
  return b.map(b.getDims(data), type, data,
               [&](ValueRange x) { return b.castFloat(x[0], type); });
}

static SmallVector<bool> getMarks(int64_t rank, int64_t first, int64_t end) {
  SmallVector<bool> marks(rank, false);
  for (int64_t axis = first; axis < end; ++axis)
    marks[axis] = true;
  return marks;
}

/// The number of elements along the marked axes, as a float.
static Value count(Lowering &b, Value data, ArrayRef<bool> reduced, Type type) {
  Dims dims;
  for (auto [axis, dim] : llvm::enumerate(b.getDims(data)))
    if (reduced[axis])
      dims.push_back(dim);
  Value number = b.fromIndex(b.value(b.product(dims)), b.getI64Type());
  return arith::SIToFPOp::create(b, type, number);
}

static Value divideBy(Lowering &b, Value tensor, Value number) {
  Type type = number.getType();
  return b.map(b.getDims(tensor), type, tensor, [&](ValueRange x) -> Value {
    return arith::DivFOp::create(b, x[0], number);
  });
}

namespace {
/// Mean and variance along axes, which are 1.
struct Moments {
  Value mean, variance;
};
} // namespace

static Moments getMoments(Lowering &b, Value data, ArrayRef<bool> reduced) {
  Type type = cast<RankedTensorType>(data.getType()).getElementType();
  Value number = count(b, data, reduced, type);
  Value mean = divideBy(b, sum(b, data, reduced), number);
  Value squares =
      b.map(b.getDims(data), type, {data, mean}, [&](ValueRange x) -> Value {
        Value centred = arith::SubFOp::create(b, x[0], x[1]);
        return arith::MulFOp::create(b, centred, centred);
      });
  return {mean, divideBy(b, sum(b, squares, reduced), number)};
}

/// `1 / sqrt(x + epsilon)`
static Value invertRoot(Lowering &b, Value tensor, double epsilon) {
  Type type = cast<RankedTensorType>(tensor.getType()).getElementType();
  return b.map(b.getDims(tensor), type, tensor, [&](ValueRange x) -> Value {
    Value moved = arith::AddFOp::create(b, x[0], b.constant(type, epsilon));
    return arith::DivFOp::create(b, b.constant(type, 1),
                                 math::SqrtOp::create(b, moved));
  });
}

/// `(data - mean) * factor`, then `* scale + bias` in the stored type of the
/// result, as ONNX defines normalisation: each rounded to that type.
static Value finish(Lowering &b, Value data, Value mean, Value factor,
                    Value scale, Value bias, Type stored) {
  SmallVector<Value> inputs{data};
  for (Value each : {mean, factor, scale, bias})
    if (each)
      inputs.push_back(each);
  Type compute = getComputeType(stored);
  return b.map(b.getDims(data), stored, inputs, [&](ValueRange x) {
    size_t next = 1;
    Value result = x[0];
    if (mean)
      result = arith::SubFOp::create(b, result, x[next++]);
    if (factor)
      result = arith::MulFOp::create(b, result, x[next++]);
    result = b.castFloat(b.narrow(result, stored), compute);
    if (scale)
      result = arith::MulFOp::create(b, result, b.widen(x[next++]));
    if (bias)
      result = arith::AddFOp::create(b, result, b.widen(x[next++]));
    return b.narrow(result, stored);
  });
}

/// The type in which statistics are computed.
static Type getStash(std::optional<Type> stash, Type stored) {
  Type type = getComputeType(stash ? *stash : stored);
  return getComputeType(stored).isF64() ? getComputeType(stored) : type;
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

namespace {
/// What softmax and its logarithm share.
struct Shifted {
  Value data, powers, total;
};
} // namespace

static Shifted shift(Lowering &b, Value data, ArrayRef<bool> reduced) {
  Type type =
      getComputeType(cast<RankedTensorType>(data.getType()).getElementType());
  data = convert(b, data, type);
  Value top = b.reduce(data, reduced, extremeOf(b, type, false, true),
                       [&](ValueRange x) -> Value {
                         return arith::MaximumFOp::create(b, x[1], x[0]);
                       });
  Value shifted =
      b.map(b.getDims(data), type, {data, top}, [&](ValueRange x) -> Value {
        return arith::SubFOp::create(b, x[0], x[1]);
      });
  Value powers =
      b.map(b.getDims(data), type, shifted, [&](ValueRange x) -> Value {
        return math::ExpOp::create(b, x[0]);
      });
  return {shifted, powers, sum(b, powers, reduced)};
}

static SmallVector<bool> markAxis(int64_t axis, int64_t rank) {
  axis = getAxis(axis, rank);
  return getMarks(rank, axis, axis + 1);
}

static LogicalResult lowerSoftmax(onnx::SoftmaxOp op, Lowering &b) {
  Value data = b.get(op.getInput());
  Type stored = getStored(op.getInput());
  Shifted parts =
      shift(b, data, markAxis(op.getAxis(), getRank(op.getInput())));
  b.set(op.getOutput(),
        b.map(b.getDims(data), stored, {parts.powers, parts.total},
              [&](ValueRange x) {
                return b.narrow(arith::DivFOp::create(b, x[0], x[1]), stored);
              }));
  return success();
}

static LogicalResult lowerLogSoftmax(onnx::LogSoftmaxOp op, Lowering &b) {
  Value data = b.get(op.getInput());
  Type stored = getStored(op.getInput());
  Shifted parts =
      shift(b, data, markAxis(op.getAxis(), getRank(op.getInput())));
  b.set(op.getOutput(),
        b.map(b.getDims(data), stored, {parts.data, parts.total},
              [&](ValueRange x) {
                Value log = math::LogOp::create(b, x[1]);
                return b.narrow(arith::SubFOp::create(b, x[0], log), stored);
              }));
  return success();
}

static LogicalResult lowerHardmax(onnx::HardmaxOp op, Lowering &b) {
  Value data = b.get(op.getInput());
  Type stored = getStored(op.getInput());
  Dims dims = b.getDims(data), lines = dims;
  int64_t axis = getAxis(op.getAxis(), dims.size());
  lines[axis] = b.number(1);
  // Where the first of the largest elements is.
  Value places = b.generate(lines, b.getIndexType(), [&](ValueRange indices) {
    SmallVector<Value> at(indices);
    SmallVector<Value> best{b.index(0),
                            extremeOf(b, getComputeType(stored), false, true)};
    best = b.loop(dims[axis], best, [&](Value place, ValueRange x) {
      at[axis] = place;
      Value next = b.widen(b.extract(data, at));
      Value wins = b.compare(arith::CmpFPredicate::OGT, next, x[1]);
      return SmallVector<Value>{b.select(wins, place, x[0]),
                                b.select(wins, next, x[1])};
    });
    return best[0];
  });
  b.set(op.getOutput(), b.generate(dims, stored, [&](ValueRange indices) {
    SmallVector<Value> at(indices);
    at[axis] = b.index(0);
    Value isThere = b.compare(arith::CmpIPredicate::eq, indices[axis],
                              b.extract(places, at));
    return b.select(isThere, b.constant(stored, 1), b.zero(stored));
  }));
  return success();
}

//===----------------------------------------------------------------------===//
// Normalisation
//===----------------------------------------------------------------------===//

static LogicalResult lowerLayerNorm(onnx::LayerNormalizationOp op,
                                    Lowering &b) {
  Value x = b.get(op.getX());
  Type stored = getStored(op.getX());
  Type stash = getStash(op.getStashType(), stored);
  int64_t rank = getRank(op.getX()), axis = getAxis(op.getAxis(), rank);
  Value wide = convert(b, x, stash);
  Moments moments = getMoments(b, wide, getMarks(rank, axis, rank));
  Value factor =
      invertRoot(b, moments.variance, op.getEpsilon().convertToDouble());
  b.set(op.getY(), finish(b, wide, moments.mean, factor, b.get(op.getScale()),
                          op.getB() ? b.get(op.getB()) : Value(), stored));
  Value statistics[] = {moments.mean, factor};
  for (auto [rest, value] : llvm::zip(op.getRest(), statistics))
    b.set(rest, convert(b, value, getStored(rest)));
  return success();
}

template <typename OpT>
static FailureOr<Value> lowerRMS(OpT op, Lowering &b) {
  Value x = b.get(op.getX());
  Type stored = getStored(op.getX());
  Type stash = getStash(op.getStashType(), stored);
  int64_t rank = getRank(op.getX()), axis = getAxis(op.getAxis(), rank);
  SmallVector<bool> reduced = getMarks(rank, axis, rank);
  Value wide = convert(b, x, stash);
  Value squares =
      b.map(b.getDims(wide), stash, wide, [&](ValueRange x) -> Value {
        return arith::MulFOp::create(b, x[0], x[0]);
      });
  Value mean =
      divideBy(b, sum(b, squares, reduced), count(b, wide, reduced, stash));
  Value factor = invertRoot(b, mean, op.getEpsilon().convertToDouble());
  b.set(op.getY(), finish(b, wide, Value(), factor, b.get(op.getScale()),
                          Value(), stored));
  return factor;
}

static LogicalResult lowerRMSNorm(onnx::RMSNormalizationOp op, Lowering &b) {
  return lowerRMS(op, b);
}

static LogicalResult
lowerSimplifiedNorm(onnx::SimplifiedLayerNormalizationOp op, Lowering &b) {
  FailureOr<Value> factor = lowerRMS(op, b);
  if (failed(factor))
    return failure();
  for (Value rest : op.getRest())
    b.set(rest, convert(b, *factor, getStored(rest)));
  return success();
}

/// A tensor of one element for each channel, in the shape that broadcasts with
/// [batch, channels, ...].
static Value alongChannels(Lowering &b, Value vector, int64_t rank) {
  Dims dims(rank, b.number(1));
  dims[rank > 1 ? 1 : 0] = b.getDim(vector, 0);
  return b.reshape(vector, dims);
}

static LogicalResult lowerBatchNorm(onnx::BatchNormalizationOp op,
                                    Lowering &b) {
  Type stored = getStored(op.getX()), compute = getComputeType(stored);
  int64_t rank = getRank(op.getX());
  auto get = [&](Value old) {
    return alongChannels(b, convert(b, b.get(old), compute), rank);
  };
  Value x = convert(b, b.get(op.getX()), compute);
  if (rank > 1)
    b.checkEqual(b.getDim(b.get(op.getScale()), 0), b.getDim(x, 1),
                 "one element for each channel");
  Value factor =
      invertRoot(b, get(op.getInputVar()), op.getEpsilon().convertToDouble());
  Value result = finish(b, x, get(op.getInputMean()), factor,
                        get(op.getScale()), get(op.getB()), compute);
  b.set(op.getY(), convert(b, result, stored));
  return success();
}

static LogicalResult lowerInstanceNorm(onnx::InstanceNormalizationOp op,
                                       Lowering &b) {
  Type stored = getStored(op.getInput()), compute = getComputeType(stored);
  int64_t rank = getRank(op.getInput());
  Value x = convert(b, b.get(op.getInput()), compute);
  b.checkEqual(b.getDim(b.get(op.getScale()), 0), b.getDim(x, 1),
               "one element for each channel");
  Moments moments = getMoments(b, x, getMarks(rank, 2, rank));
  Value factor =
      invertRoot(b, moments.variance, op.getEpsilon().convertToDouble());
  b.set(op.getOutput(),
        convert(b,
                finish(b, x, moments.mean, factor,
                       alongChannels(
                           b, convert(b, b.get(op.getScale()), compute), rank),
                       alongChannels(b, convert(b, b.get(op.getB()), compute),
                                     rank),
                       compute),
                stored));
  return success();
}

static LogicalResult lowerGroupNorm(onnx::GroupNormalizationOp op,
                                    Lowering &b) {
  Type stored = getStored(op.getX());
  Type stash = getStash(op.getStashType(), stored);
  Value x = convert(b, b.get(op.getX()), stash);
  Dims dims = b.getDims(x);
  Dim groups = b.number(op.getNumGroups());
  Dim channels = b.div(dims[1], groups);
  b.checkEqual(b.mul(channels, groups), dims[1], "channels that form groups");
  Dims cut{dims[0], groups, channels};
  llvm::append_range(cut, ArrayRef(dims).drop_front(2));
  int64_t rank = cut.size();
  Value grouped = b.reshape(x, cut);
  Moments moments = getMoments(b, grouped, getMarks(rank, 2, rank));
  Value factor =
      invertRoot(b, moments.variance, op.getEpsilon().convertToDouble());
  Value normal =
      finish(b, grouped, moments.mean, factor, Value(), Value(), stored);
  Type compute = getComputeType(stored);
  int64_t own = dims.size();
  b.set(op.getY(),
        finish(b, convert(b, b.reshape(normal, dims), compute), Value(),
               Value(), alongChannels(b, b.get(op.getScale()), own),
               alongChannels(b, b.get(op.getBias()), own), stored));
  return success();
}

static LogicalResult lowerMeanVariance(onnx::MeanVarianceNormalizationOp op,
                                       Lowering &b) {
  Type stored = getStored(op.getX()), compute = getComputeType(stored);
  int64_t rank = getRank(op.getX());
  SmallVector<bool> reduced(rank, false);
  for (int64_t axis : op.getAxes())
    reduced[getAxis(axis, rank)] = true;
  Value x = convert(b, b.get(op.getX()), compute);
  Moments moments = getMoments(b, x, reduced);
  b.set(
      op.getY(),
      b.map(b.getDims(x), stored, {x, moments.mean, moments.variance},
            [&](ValueRange x) {
              // ONNX's function adds 1e-9 to the deviation.
              Value root = math::SqrtOp::create(b, x[2]);
              root = arith::AddFOp::create(b, root, b.constant(compute, 1e-9));
              Value centred = arith::SubFOp::create(b, x[0], x[1]);
              return b.narrow(arith::DivFOp::create(b, centred, root), stored);
            }));
  return success();
}

static LogicalResult lowerLpNorm(onnx::LpNormalizationOp op, Lowering &b) {
  Type stored = getStored(op.getInput()), compute = getComputeType(stored);
  Value x = convert(b, b.get(op.getInput()), compute);
  bool isSquare = op.getP() == 2;
  Value parts = b.map(b.getDims(x), compute, x, [&](ValueRange x) -> Value {
    if (isSquare)
      return arith::MulFOp::create(b, x[0], x[0]);
    return math::AbsFOp::create(b, x[0]);
  });
  Value total = sum(b, parts, markAxis(op.getAxis(), getRank(op.getInput())));
  b.set(op.getOutput(),
        b.map(b.getDims(x), stored, {x, total}, [&](ValueRange x) {
          Value norm = x[1];
          if (isSquare)
            norm = math::SqrtOp::create(b, norm);
          Value isZero =
              b.compare(arith::CmpFPredicate::OEQ, norm, b.zero(compute));
          Value quotient = arith::DivFOp::create(b, x[0], norm);
          return b.narrow(b.select(isZero, b.zero(compute), quotient), stored);
        }));
  return success();
}

void dense::addNorms(LoweringTable &table) {
  table.add(lowerSoftmax);
  table.add(lowerLogSoftmax);
  table.add(lowerHardmax);
  table.add(lowerLayerNorm);
  table.add(lowerRMSNorm);
  table.add(lowerSimplifiedNorm);
  table.add(lowerBatchNorm);
  table.add(lowerInstanceNorm);
  table.add(lowerGroupNorm);
  table.add(lowerMeanVariance);
  table.add(lowerLpNorm);
}
