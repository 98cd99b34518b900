//===- Convolutions.cpp - convolution and pooling -------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A convolution pads its input first, so that its loops know no border. The
// places of the result are the innermost loops.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

namespace {
/// Where windows lie, for each spatial dimension.
struct Windows {
  SmallVector<int64_t> strides, dilations;
  Dims kernel, before, after, sizes;
};
} // namespace

static SmallVector<int64_t> getOr(std::optional<ArrayRef<int64_t>> values,
                                  size_t count, int64_t otherwise) {
  if (values && !values->empty())
    return SmallVector<int64_t>(*values);
  return SmallVector<int64_t>(count, otherwise);
}

/// The windows of an op over the spatial dimensions `dims`.
template <typename OpT>
static Windows getWindows(OpT op, Lowering &b, ArrayRef<Dim> dims,
                          ArrayRef<Dim> kernel, bool ceils) {
  size_t count = dims.size();
  Windows windows;
  windows.kernel = Dims(kernel);
  windows.strides = getOr(op.getStrides(), count, 1);
  windows.dilations = getOr(op.getDilations(), count, 1);
  SmallVector<int64_t> pads = getOr(op.getPads(), 2 * count, 0);
  onnx::AutoPad mode = op.getAutoPad();
  Dim one = b.number(1), zero = b.number(0);
  for (size_t axis = 0; axis < count; ++axis) {
    Dim stride = b.number(windows.strides[axis]);
    // What a window covers.
    Dim extent = b.add(
        b.mul(b.sub(kernel[axis], one), b.number(windows.dilations[axis])),
        one);
    Dim before = zero, after = zero, size;
    if (mode == onnx::AutoPad::SameUpper || mode == onnx::AutoPad::SameLower) {
      size = b.div(b.add(dims[axis], b.sub(stride, one)), stride);
      Dim needed = b.add(b.mul(b.sub(size, one), stride), extent);
      Dim total = b.max(b.sub(needed, dims[axis]), zero);
      Dim half = b.div(total, b.number(2));
      before = mode == onnx::AutoPad::SameUpper ? half : b.sub(total, half);
      after = b.sub(total, before);
    } else {
      if (mode == onnx::AutoPad::NotSet) {
        before = b.number(pads[axis]);
        after = b.number(pads[count + axis]);
      }
      Dim room = b.sub(b.add(b.add(dims[axis], before), after), extent);
      b.checkAtLeast(room, 0, "a window that fits the padded input");
      Dim steps = ceils ? b.div(b.add(room, b.sub(stride, one)), stride)
                        : b.div(room, stride);
      size = b.add(steps, one);
      // A last window begins inside of the input or the padding before it.
      if (ceils) {
        Dim start = b.mul(steps, stride);
        Value isOutside = b.compare(arith::CmpIPredicate::sge, b.value(start),
                                    b.value(b.add(dims[axis], before)));
        size = Dim(b.select(isOutside, b.value(steps), b.value(size)));
        if (std::optional<int64_t> s = b.getNumber(start),
            d = b.getNumber(b.add(dims[axis], before));
            s && d)
          size = *s >= *d ? steps : b.add(steps, one);
      }
    }
    windows.before.push_back(before);
    windows.after.push_back(after);
    windows.sizes.push_back(size);
  }
  return windows;
}

/// `data` with zeros around its spatial dimensions.
static Value pad(Lowering &b, Value data, const Windows &windows) {
  Dims own = b.getDims(data), dims = own;
  Dims offsets(own.size(), b.number(0));
  bool isPadded = false;
  for (auto [axis, before] : llvm::enumerate(windows.before)) {
    Dim after = windows.after[axis];
    isPadded |= b.getNumber(before) != 0 || b.getNumber(after) != 0;
    offsets[axis + 2] = before;
    dims[axis + 2] = b.add(b.add(own[axis + 2], before), after);
  }
  if (!isPadded)
    return data;
  Type element = cast<RankedTensorType>(data.getType()).getElementType();
  return b.insertSlice(data, b.fill(dims, b.zero(element)), offsets);
}

//===----------------------------------------------------------------------===//
// Convolution
//===----------------------------------------------------------------------===//

/// The convolution of tensors of one type.
template <typename OpT>
static Value convolve(OpT op, Lowering &b, Value data, Value weight) {
  Dims own = b.getDims(data), filter = b.getDims(weight);
  auto count = static_cast<unsigned>(own.size()) - 2;
  Windows windows = getWindows(op, b, ArrayRef(own).drop_front(2),
                               ArrayRef(filter).drop_front(2), /*ceils=*/false);
  Dim groups = b.number(op.getGroup());
  Dim maps = b.div(filter[0], groups);
  b.checkEqual(b.mul(filter[1], groups), own[1],
               "as many channels as the weight has");
  data = pad(b, data, windows);
  Dims padded = b.getDims(data);

  // [batch, group, channel, ...], [group, map, channel, kernel...]
  Dims cutData{own[0], groups, filter[1]}, cutWeight{groups, maps, filter[1]};
  llvm::append_range(cutData, ArrayRef(padded).drop_front(2));
  llvm::append_range(cutWeight, windows.kernel);
  Value x = b.reshape(data, cutData), w = b.reshape(weight, cutWeight);
  // Loops: batch, group, map, channel, kernel..., place...
  unsigned loops = 4 + 2 * count;
  auto d = [&](unsigned loop) { return b.getAffineDimExpr(loop); };
  SmallVector<AffineExpr> xExprs{d(0), d(1), d(3)}, wExprs{d(1), d(2), d(3)};
  SmallVector<AffineExpr> yExprs{d(0), d(1), d(2)};
  Dims result{own[0], groups, maps};
  for (unsigned axis = 0; axis < count; ++axis) {
    xExprs.push_back(d(4 + count + axis) * windows.strides[axis] +
                     d(4 + axis) * windows.dilations[axis]);
    wExprs.push_back(d(4 + axis));
    yExprs.push_back(d(4 + count + axis));
    result.push_back(windows.sizes[axis]);
  }
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(loops, 0, exprs, b.getContext());
  };
  Type type = cast<RankedTensorType>(data.getType()).getElementType();
  Value y =
      b.contract({x, w}, result, type, {map(xExprs), map(wExprs), map(yExprs)},
                 [&](ValueRange s) -> Value {
                   if (!isa<FloatType>(type))
                     return arith::AddIOp::create(
                         b, s[2], arith::MulIOp::create(b, s[0], s[1]));
                   Value product = arith::MulFOp::create(b, s[0], s[1]);
                   return arith::AddFOp::create(b, s[2], product);
                 });
  Dims joined{own[0], filter[0]};
  llvm::append_range(joined, windows.sizes);
  return b.reshape(y, joined);
}

static LogicalResult lowerConv(onnx::ConvOp op, Lowering &b) {
  Type stored = getStored(op.getX()), compute = getComputeType(stored);
  auto widen = [&](Value tensor) {
    if (compute == stored)
      return tensor;
    return b.map(b.getDims(tensor), compute, tensor,
                 [&](ValueRange x) { return b.widen(x[0]); });
  };
  Value y = convolve(op, b, widen(b.get(op.getX())), widen(b.get(op.getW())));
  SmallVector<Value> inputs{y};
  if (op.getB()) {
    Dims dims(getRank(op.getX()), b.number(1));
    dims[1] = b.getDim(b.get(op.getB()), 0);
    b.checkEqual(dims[1], b.getDim(y, 1), "one bias for each map");
    inputs.push_back(b.reshape(b.get(op.getB()), dims));
  }
  if (inputs.size() > 1 || compute != stored)
    y = b.map(b.getDims(y), stored, inputs, [&](ValueRange x) {
      Value sum = x[0];
      if (x.size() > 1)
        sum = arith::AddFOp::create(b, sum, b.widen(x[1]));
      return b.narrow(sum, stored);
    });
  b.set(op.getY(), y);
  return success();
}

static LogicalResult lowerConvInteger(onnx::ConvIntegerOp op, Lowering &b) {
  Type i32 = b.getI32Type();
  // Without their zero points, in 32 bits.
  auto center = [&](Value old, Value zeroPoint) {
    Value tensor = b.get(old);
    SmallVector<Value> inputs{tensor};
    if (zeroPoint) {
      Value zero = b.get(zeroPoint);
      Dims dims(getRank(old), b.number(1));
      if (getRank(zeroPoint) == 1)
        dims[0] = b.getDim(zero, 0);
      inputs.push_back(b.reshape(zero, dims));
    }
    return b.map(b.getDims(tensor), i32, inputs, [&](ValueRange x) {
      Value wide = castElement(b, x[0], getElement(old), i32);
      if (x.size() > 1)
        wide = arith::SubIOp::create(
            b, wide, castElement(b, x[1], getElement(zeroPoint), i32));
      return wide;
    });
  };
  b.set(op.getY(), convolve(op, b, center(op.getX(), op.getXZeroPoint()),
                            center(op.getW(), op.getWZeroPoint())));
  return success();
}

static LogicalResult lowerCausalConv(onnx::CausalConvWithStateOp op,
                                     Lowering &b) {
  Type stored = getStored(op.getInput()), compute = getComputeType(stored);
  Value input = b.get(op.getInput()), weight = b.get(op.getWeight());
  Dims dims = b.getDims(input);
  Dim width = b.getDim(weight, 2), kept = b.sub(width, b.number(1));
  Dims joined{dims[0], dims[1], b.add(kept, dims[2])};
  b.checkEqual(b.getDim(weight, 0), dims[1], "a kernel for each channel");
  // The state, then the steps.
  Value all = b.fill(joined, b.zero(stored));
  Dims offsets(3, b.number(0));
  if (op.getPastState()) {
    Value past = b.get(op.getPastState());
    Dims wanted{dims[0], dims[1], kept};
    for (auto [mine, other] : llvm::zip_equal(b.getDims(past), wanted))
      b.checkEqual(mine, other, "a state of all steps but one of a kernel");
    all = b.insertSlice(past, all, offsets);
  }
  offsets[2] = kept;
  all = b.insertSlice(input, all, offsets);
  offsets[2] = dims[2];
  b.set(op.getPresentState(), b.slice(all, offsets, {dims[0], dims[1], kept}));
  Value bias = op.getBias() ? b.get(op.getBias()) : Value();
  bool isSilu = op.getActivation() != onnx::ConvActivation::None;
  b.set(op.getOutput(), b.generate(dims, stored, [&](ValueRange at) {
    Value start = bias ? b.widen(b.extract(bias, at[1])) : b.zero(compute);
    Value sum = b.loop(width, start, [&](Value place, ValueRange s) {
      Value step = arith::AddIOp::create(b, at[2], place);
      Value x = b.extract(all, {at[0], at[1], step});
      Value w = b.extract(weight, {at[1], b.index(0), place});
      Value product = arith::MulFOp::create(b, b.widen(x), b.widen(w));
      return SmallVector<Value>{arith::AddFOp::create(b, s[0], product)};
    })[0];
    if (isSilu) {
      Value power = math::ExpOp::create(b, arith::NegFOp::create(b, sum));
      Value one = b.constant(compute, 1);
      sum = arith::DivFOp::create(b, sum, arith::AddFOp::create(b, one, power));
    }
    return b.narrow(sum, stored);
  }));
  return success();
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

static Dims getKernel(Lowering &b, ArrayRef<int64_t> shape) {
  Dims kernel;
  for (int64_t size : shape)
    kernel.push_back(b.number(size));
  return kernel;
}

/// Goes over the elements of the window at `at`. `body` gets the indices of an
/// element, whether they lie inside of the data and whether in the padding at
/// least, and the carried values.
static SmallVector<Value>
overWindow(Lowering &b, const Windows &windows, ArrayRef<Dim> own,
           ValueRange at, ValueRange init,
           llvm::function_ref<SmallVector<Value>(ArrayRef<Value>, Value, Value,
                                                 ValueRange)>
               body) {
  return b.loop(windows.kernel, init, [&](ValueRange places, ValueRange s) {
    SmallVector<Value> from(at.take_front(2));
    Value isInside = b.truth(true), isPadded = b.truth(true);
    for (auto [axis, place] : llvm::enumerate(places)) {
      Dim start = b.mul(Dim(at[axis + 2]), b.number(windows.strides[axis]));
      Dim offset = b.mul(Dim(place), b.number(windows.dilations[axis]));
      Dim padded = b.add(start, offset);
      Value index = b.value(b.sub(padded, windows.before[axis]));
      // As unsigned numbers, places before the data are large.
      Value fits =
          b.compare(arith::CmpIPredicate::ult, index, b.value(own[axis + 2]));
      isInside = arith::AndIOp::create(b, isInside, fits);
      Dim whole = b.add(b.add(own[axis + 2], windows.before[axis]),
                        windows.after[axis]);
      Value near =
          b.compare(arith::CmpIPredicate::slt, b.value(padded), b.value(whole));
      isPadded = arith::AndIOp::create(b, isPadded, near);
      from.push_back(index);
    }
    return body(from, isInside, isPadded, s);
  });
}

static LogicalResult lowerMaxPool(onnx::MaxPoolOp op, Lowering &b) {
  Value data = b.get(op.getX());
  Type element = getElement(op.getX()), stored = getSignless(element);
  Dims own = b.getDims(data);
  Windows windows =
      getWindows(op, b, ArrayRef(own).drop_front(2),
                 getKernel(b, op.getKernelShape()), op.getCeilMode());
  Dims dims{own[0], own[1]};
  llvm::append_range(dims, windows.sizes);
  bool isUnsignedType = isUnsigned(element);
  Type compute = getComputeType(stored);
  // The place of the first of the largest elements of a window.
  auto find = [&](ValueRange at) {
    SmallVector<Value> init{extremeOf(b, compute, isUnsignedType, true),
                            b.index(-1)};
    return overWindow(
        b, windows, own, at, init,
        [&](ArrayRef<Value> from, Value isInside, Value, ValueRange s) {
          return b.branch(isInside, s, [&]() {
            Value x = b.widen(b.extract(data, from));
            Value isNone =
                b.compare(arith::CmpIPredicate::slt, s[1], b.index(0));
            Value isMore =
                isa<FloatType>(compute)
                    ? b.compare(arith::CmpFPredicate::UGT, x, s[0])
                    : b.compare(isUnsignedType ? arith::CmpIPredicate::ugt
                                               : arith::CmpIPredicate::sgt,
                                x, s[0]);
            Value wins = arith::OrIOp::create(b, isNone, isMore);
            // Row-major, or within a channel column-major.
            Dim place = from[0];
            place = b.add(b.mul(place, own[1]), Dim(from[1]));
            Dim inner = b.number(0), area = b.number(1);
            auto rank = static_cast<int64_t>(own.size());
            for (int64_t i = 2; i < rank; ++i) {
              int64_t axis = op.getStorageOrder() ? rank + 1 - i : i;
              inner = b.add(b.mul(inner, own[axis]), Dim(from[axis]));
              area = b.mul(area, own[axis]);
            }
            place = b.add(b.mul(place, area), inner);
            return SmallVector<Value>{b.select(wins, x, s[0]),
                                      b.select(wins, b.value(place), s[1])};
          });
        });
  };
  b.set(op.getY(), b.generate(dims, stored, [&](ValueRange at) {
    return b.narrow(find(at)[0], stored);
  }));
  for (Value indices : op.getRest())
    b.set(indices, b.generate(dims, b.getI64Type(), [&](ValueRange at) {
      return b.fromIndex(find(at)[1], b.getI64Type());
    }));
  return success();
}

static LogicalResult lowerAveragePool(onnx::AveragePoolOp op, Lowering &b) {
  Value data = b.get(op.getX());
  Type stored = getStored(op.getX()), compute = getComputeType(stored);
  Dims own = b.getDims(data);
  Windows windows =
      getWindows(op, b, ArrayRef(own).drop_front(2),
                 getKernel(b, op.getKernelShape()), op.getCeilMode());
  Dims dims{own[0], own[1]};
  llvm::append_range(dims, windows.sizes);
  b.set(op.getY(), b.generate(dims, stored, [&](ValueRange at) {
    SmallVector<Value> sums = overWindow(
        b, windows, own, at, {b.zero(compute), b.zero(compute)},
        [&](ArrayRef<Value> from, Value isInside, Value isPadded,
            ValueRange s) {
          Value counts = op.getCountIncludePad() ? isPadded : isInside;
          Value one = b.select(counts, b.constant(compute, 1), b.zero(compute));
          Value x = b.choose(
              isInside, [&] { return b.widen(b.extract(data, from)); },
              [&] { return b.zero(compute); });
          return SmallVector<Value>{arith::AddFOp::create(b, s[0], x),
                                    arith::AddFOp::create(b, s[1], one)};
        });
    return b.narrow(arith::DivFOp::create(b, sums[0], sums[1]), stored);
  }));
  return success();
}

/// Folds all spatial dimensions.
template <typename OpT, bool isMax>
static LogicalResult lowerGlobalPool(OpT op, Lowering &b) {
  Value data = b.get(op.getX());
  Type stored = getStored(op.getX()), compute = getComputeType(stored);
  Dims own = b.getDims(data);
  SmallVector<bool> reduced(own.size(), true);
  reduced[0] = reduced[1] = false;
  Value init = isMax ? extremeOf(b, compute, false, true) : b.zero(compute);
  Value folded = b.reduce(data, reduced, init, [&](ValueRange x) -> Value {
    Value wide = b.widen(x[0]);
    if (isMax)
      return arith::MaximumFOp::create(b, x[1], wide);
    return arith::AddFOp::create(b, x[1], wide);
  });
  Value count = b.fromIndex(b.value(b.product(ArrayRef(own).drop_front(2))),
                            b.getI64Type());
  count = arith::SIToFPOp::create(b, compute, count);
  b.set(op.getY(), b.map(b.getDims(folded), stored, folded, [&](ValueRange x) {
    Value result = x[0];
    if (!isMax)
      result = arith::DivFOp::create(b, result, count);
    return b.narrow(result, stored);
  }));
  return success();
}

void dense::addConvolutions(LoweringTable &table) {
  table.add(lowerConv);
  table.add(lowerConvInteger);
  table.add(lowerCausalConv);
  table.add(lowerMaxPool);
  table.add(lowerAveragePool);
  table.add(lowerGlobalPool<onnx::GlobalAveragePoolOp, false>);
  table.add(lowerGlobalPool<onnx::GlobalMaxPoolOp, true>);
}
