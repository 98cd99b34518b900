//===- OnnxConvOps.cpp - convolution, pooling, norms, Einsum -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums are accumulated in double precision, or in 64 bits for integers.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "dejavu/Dialect/Onnx/IR/Einsum.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::reference;

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

namespace {
/// How windows lie on the spatial dimensions of a tensor.
struct Windows {
  Shape kernel, strides, dilations, before, counts;

  /// Calls `visit` with the place of each element of the window at `index`, as
  /// a place in the window and one in the tensor, which is -1 in the padding.
  void visit(ArrayRef<int64_t> index, ArrayRef<int64_t> spatial,
             function_ref<void(int64_t, int64_t)> visit) const {
    Shape strides = getStrides(spatial), own = getStrides(kernel);
    int64_t count = 1;
    for (int64_t dim : kernel)
      count *= dim;
    for (int64_t i = 0; i < count; ++i) {
      int64_t place = 0;
      for (size_t axis = 0; axis < kernel.size() && place >= 0; ++axis) {
        int64_t at = index[axis] * this->strides[axis] - before[axis] +
                     i / own[axis] % kernel[axis] * dilations[axis];
        place = at < 0 || at >= spatial[axis] ? -1 : place + at * strides[axis];
      }
      visit(i, place);
    }
  }
};
} // namespace

/// A list that may be absent.
static FailureOr<Shape> readList(Frame &frame,
                                 std::optional<ArrayRef<int64_t>> list,
                                 size_t size, int64_t least, int64_t absent) {
  if (!list)
    return Shape(size, absent);
  bool valid = list->size() == size;
  for (int64_t number : *list)
    valid &= number >= least && number <= (int64_t(1) << 30);
  if (!valid)
    return frame.fail("expected " + Twine(size) + " numbers from " +
                      Twine(least) + " to 2^30, found " + describe(*list));
  return Shape(*list);
}

/// Lays windows of `kernel` on `spatial`.
template <typename OpT>
static FailureOr<Windows> layWindows(Frame &frame, OpT op,
                                     ArrayRef<int64_t> spatial,
                                     ArrayRef<int64_t> kernel, bool ceil) {
  size_t rank = spatial.size();
  FailureOr<Shape> size = readList(frame, kernel, rank, 1, 1),
                   strides = readList(frame, op.getStrides(), rank, 1, 1),
                   dilations = readList(frame, op.getDilations(), rank, 1, 1),
                   pads = readList(frame, op.getPads(), 2 * rank, 0, 0);
  if (failed(size) || failed(strides) || failed(dilations) || failed(pads))
    return failure();
  Windows windows = {*size, *strides, *dilations, Shape(rank, 0), {}};
  for (size_t axis = 0; axis < rank; ++axis) {
    int64_t span = (kernel[axis] - 1) * (*dilations)[axis] + 1;
    int64_t stride = (*strides)[axis], dim = spatial[axis], count;
    onnx::AutoPad mode = op.getAutoPad();
    if (mode == onnx::AutoPad::SameUpper || mode == onnx::AutoPad::SameLower) {
      count = (dim + stride - 1) / stride;
      int64_t total = std::max<int64_t>((count - 1) * stride + span - dim, 0);
      bool isUpper = mode == onnx::AutoPad::SameUpper;
      windows.before[axis] = (total + (isUpper ? 0 : 1)) / 2;
    } else {
      bool isValid = mode == onnx::AutoPad::Valid;
      int64_t before = isValid ? 0 : (*pads)[axis],
              after = isValid ? 0 : (*pads)[axis + rank];
      int64_t rest = dim + before + after - span;
      if (rest < 0)
        return frame.fail("expected windows that fit, found " + Twine(span) +
                          " elements on " + Twine(dim + before + after));
      count = rest / stride + 1;
      if (ceil && rest % stride != 0 && count * stride < dim + before)
        ++count;
      windows.before[axis] = before;
    }
    windows.counts.push_back(count);
  }
  return windows;
}

//===----------------------------------------------------------------------===//
// Convolution
//===----------------------------------------------------------------------===//

/// Conv and ConvInteger. `bias` may be null; zero points are subtracted.
template <typename OpT>
static LogicalResult convolve(Frame &frame, OpT op, const Tensor &x,
                              const Tensor &w, const Tensor *bias,
                              const Tensor *xZero, const Tensor *wZero) {
  int64_t group = op.getGroup();
  if (x.getRank() < 3 || w.getRank() != x.getRank() || group < 1 ||
      x.getDim(1) != w.getDim(1) * group || w.getDim(0) % group != 0)
    return frame.fail("expected channels and maps for " + Twine(group) +
                      " groups, found " + x.describe() + " and " +
                      w.describe());
  ArrayRef<int64_t> spatial = x.getShape().drop_front(2),
                    kernel = w.getShape().drop_front(2);
  if (op.getKernelShape() && *op.getKernelShape() != kernel)
    return frame.fail("expected kernel_shape " + describe(kernel) + ", found " +
                      describe(*op.getKernelShape()));
  FailureOr<Windows> windows = layWindows(frame, op, spatial, kernel, false);
  if (failed(windows))
    return failure();
  int64_t maps = w.getDim(0), inner = w.getDim(1);
  if (bias && bias->size() != maps)
    return frame.fail("expected a bias of " + Twine(maps) +
                      " elements, found " + bias->describe());
  if ((xZero && xZero->size() != 1) ||
      (wZero && wZero->size() != 1 && wZero->size() != maps))
    return frame.fail("expected zero points of one element");
  Shape shape = {x.getDim(0), maps};
  llvm::append_range(shape, windows->counts);
  FailureOr<Tensor> result = frame.allocate(shape);
  if (failed(result))
    return failure();
  int64_t area = getStrides(x.getShape())[1],
          weights = getStrides(w.getShape())[1];
  Shape strides = getStrides(shape);
  double xOffset = xZero ? xZero->getFloat(0) : 0;
  for (int64_t i = 0; i < result->size(); ++i) {
    int64_t entry = i / strides[0], map = i / strides[1] % maps;
    double wOffset = wZero ? wZero->getFloat(wZero->size() == 1 ? 0 : map) : 0;
    Shape index;
    for (size_t axis = 2; axis < shape.size(); ++axis)
      index.push_back(i / strides[axis] % shape[axis]);
    double sum = bias ? bias->getFloat(map) : 0;
    int64_t first = entry * x.getDim(1) + map / (maps / group) * inner;
    windows->visit(index, spatial, [&](int64_t k, int64_t place) {
      if (place < 0)
        return;
      for (int64_t channel = 0; channel < inner; ++channel)
        sum += (x.getFloat((first + channel) * area + place) - xOffset) *
               (w.getFloat((map * inner + channel) * weights + k) - wOffset);
    });
    result->setFloat(i, sum);
  }
  return frame.result(std::move(result));
}

static LogicalResult evaluateConv(onnx::ConvOp op, Frame &frame) {
  return convolve(frame, op, frame.tensor(op.getX()), frame.tensor(op.getW()),
                  frame.optional(op.getB()), nullptr, nullptr);
}

static LogicalResult evaluateConvInteger(onnx::ConvIntegerOp op, Frame &frame) {
  return convolve(frame, op, frame.tensor(op.getX()), frame.tensor(op.getW()),
                  nullptr, frame.optional(op.getXZeroPoint()),
                  frame.optional(op.getWZeroPoint()));
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

/// Calls `compute` for each window: the number of the channel (of all entries),
/// its windows, where it lies, and the place of the result.
template <typename OpT>
static LogicalResult
pool(Frame &frame, OpT op, Shape &shape,
     function_ref<void(int64_t, const Windows &, ArrayRef<int64_t>, int64_t)>
         compute,
     function_ref<LogicalResult()> allocate) {
  const Tensor &x = frame.tensor(op.getX());
  if (x.getRank() < 3)
    return frame.fail("expected a rank of 3 or more, found " + x.describe());
  ArrayRef<int64_t> spatial = x.getShape().drop_front(2);
  FailureOr<Windows> windows =
      layWindows(frame, op, spatial, op.getKernelShape(), op.getCeilMode());
  if (failed(windows))
    return failure();
  shape = {x.getDim(0), x.getDim(1)};
  llvm::append_range(shape, windows->counts);
  if (failed(allocate()))
    return failure();
  Shape strides = getStrides(shape);
  int64_t count = countElements(shape).value_or(0);
  for (int64_t i = 0; i < count; ++i) {
    Shape index;
    for (size_t axis = 2; axis < shape.size(); ++axis)
      index.push_back(i / strides[axis] % shape[axis]);
    compute(i / strides[1], *windows, index, i);
  }
  return success();
}

static LogicalResult evaluateMaxPool(onnx::MaxPoolOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  Shape shape;
  FailureOr<Tensor> values = failure(), places = failure();
  auto allocate = [&]() -> LogicalResult {
    values = frame.allocate(shape);
    places = frame.allocate(Element::I64, shape);
    return success(succeeded(values) && succeeded(places));
  };
  ArrayRef<int64_t> dims = x.getShape();
  auto compute = [&](int64_t channel, const Windows &windows,
                     ArrayRef<int64_t> index, int64_t i) {
    ArrayRef<int64_t> spatial = dims.drop_front(2);
    int64_t area = getStrides(dims)[1], best = -1;
    windows.visit(index, spatial, [&](int64_t, int64_t place) {
      if (place < 0)
        return;
      place += channel * area;
      if (best < 0 || compareElements(x, place, x, best) == 1)
        best = place;
    });
    // A window may lie in the padding alone.
    if (best < 0)
      return values->setFloat(i, -INFINITY);
    values->copy(i, x, best);
    int64_t number = best;
    if (op.getStorageOrder()) {
      // The place within the channel, the first spatial dimension fastest.
      Shape strides = getStrides(spatial);
      int64_t factor = 1;
      number = channel * area;
      for (size_t axis = 0; axis < spatial.size(); ++axis) {
        number += best % area / strides[axis] % spatial[axis] * factor;
        factor *= spatial[axis];
      }
    }
    places->setInt(i, number);
  };
  if (failed(pool(frame, op, shape, compute, allocate)))
    return failure();
  if (!op.getRest().empty())
    (void)frame.set(1, std::move(*places));
  return frame.result(std::move(values));
}

static LogicalResult evaluateAveragePool(onnx::AveragePoolOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  Shape shape;
  FailureOr<Tensor> values = failure();
  auto allocate = [&]() -> LogicalResult {
    values = frame.allocate(shape);
    return values;
  };
  FailureOr<Shape> pads = readList(
      frame, op.getPads(), 2 * std::max<int64_t>(x.getRank() - 2, 0), 0, 0);
  if (failed(pads))
    return failure();
  auto compute = [&](int64_t channel, const Windows &windows,
                     ArrayRef<int64_t> index, int64_t i) {
    ArrayRef<int64_t> spatial = x.getShape().drop_front(2);
    int64_t area = getStrides(x.getShape())[1], inside = 0, all = 1;
    double sum = 0;
    windows.visit(index, spatial, [&](int64_t, int64_t place) {
      if (place < 0)
        return;
      sum += x.getFloat(channel * area + place);
      ++inside;
    });
    // Padding counts, but not what lies beyond it (with ceil_mode).
    for (size_t axis = 0; axis < spatial.size(); ++axis) {
      int64_t within = 0, end = spatial[axis];
      if (op.getAutoPad() == onnx::AutoPad::NotSet)
        end += (*pads)[axis + spatial.size()];
      for (int64_t k = 0; k < windows.kernel[axis]; ++k) {
        int64_t at = index[axis] * windows.strides[axis] -
                     windows.before[axis] + k * windows.dilations[axis];
        within += at < end || op.getAutoPad() != onnx::AutoPad::NotSet;
      }
      all *= within;
    }
    values->setFloat(
        i, sum / static_cast<double>(op.getCountIncludePad() ? all : inside));
  };
  if (failed(pool(frame, op, shape, compute, allocate)))
    return failure();
  return frame.result(std::move(values));
}

/// Pools all that belongs to one channel.
static LogicalResult poolAll(Frame &frame, Value operand, bool isMax) {
  const Tensor &x = frame.tensor(operand);
  if (x.getRank() < 3)
    return frame.fail("expected a rank of 3 or more, found " + x.describe());
  Shape shape(x.getRank(), 1);
  shape[0] = x.getDim(0);
  shape[1] = x.getDim(1);
  FailureOr<Tensor> result = frame.allocate(shape);
  if (failed(result))
    return failure();
  int64_t area = getStrides(x.getShape())[1];
  for (int64_t i = 0; i < result->size(); ++i) {
    double sum = 0, most = -INFINITY;
    for (int64_t k = 0; k < area; ++k) {
      double value = x.getFloat(i * area + k);
      sum += value;
      most = std::isnan(value) || value > most ? value : most;
    }
    result->setFloat(i, isMax ? most : sum / static_cast<double>(area));
  }
  return frame.result(std::move(result));
}

static LogicalResult evaluateGlobalAveragePool(onnx::GlobalAveragePoolOp op,
                                               Frame &frame) {
  return poolAll(frame, op.getX(), false);
}

static LogicalResult evaluateGlobalMaxPool(onnx::GlobalMaxPoolOp op,
                                           Frame &frame) {
  return poolAll(frame, op.getX(), true);
}

//===----------------------------------------------------------------------===//
// Normalisation
//===----------------------------------------------------------------------===//

/// The number of channels, which are dimension 1.
static int64_t countChannels(const Tensor &x) {
  return x.getRank() > 1 ? x.getDim(1) : 1;
}

/// The channel of the element at `i`.
static int64_t findChannel(const Tensor &x, int64_t i) {
  return x.getRank() > 1 ? i / getStrides(x.getShape())[1] % x.getDim(1) : 0;
}

static LogicalResult checkChannels(Frame &frame, const Tensor &x,
                                   ArrayRef<const Tensor *> parameters) {
  for (const Tensor *parameter : parameters)
    if (parameter->size() != countChannels(x))
      return frame.fail("expected one element for each channel of " +
                        x.describe() + ", found " + parameter->describe());
  return success();
}

static LogicalResult evaluateBatchNormalization(onnx::BatchNormalizationOp op,
                                                Frame &frame) {
  const Tensor &x = frame.tensor(op.getX()),
               &scale = frame.tensor(op.getScale()),
               &bias = frame.tensor(op.getB()),
               &mean = frame.tensor(op.getInputMean()),
               &variance = frame.tensor(op.getInputVar());
  if (failed(checkChannels(frame, x, {&scale, &bias, &mean, &variance})))
    return failure();
  double epsilon = op.getEpsilon().convertToDouble();
  Tensor result(x.getElement(), x.getShape());
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t c = findChannel(x, i);
    result.setFloat(i, (x.getFloat(i) - mean.getFloat(c)) /
                               std::sqrt(variance.getFloat(c) + epsilon) *
                               scale.getFloat(c) +
                           bias.getFloat(c));
  }
  return frame.set(0, std::move(result));
}

/// Normalises groups of channels of each entry.
static LogicalResult normalizeGroups(Frame &frame, const Tensor &x,
                                     const Tensor &scale, const Tensor &bias,
                                     int64_t groups, double epsilon) {
  if (x.getRank() < 2 || groups < 1 || x.getDim(1) % groups != 0)
    return frame.fail("expected channels that make " + Twine(groups) +
                      " groups, found " + x.describe());
  if (failed(checkChannels(frame, x, {&scale, &bias})))
    return failure();
  Tensor result(x.getElement(), x.getShape());
  int64_t size = x.size() == 0 ? 1 : x.size() / (x.getDim(0) * groups);
  for (int64_t first = 0; first < x.size(); first += size) {
    double sum = 0, squares = 0;
    for (int64_t i = first; i < first + size; ++i)
      sum += x.getFloat(i);
    double mean = sum / static_cast<double>(size);
    for (int64_t i = first; i < first + size; ++i)
      squares += (x.getFloat(i) - mean) * (x.getFloat(i) - mean);
    double factor =
        1 / std::sqrt(squares / static_cast<double>(size) + epsilon);
    for (int64_t i = first; i < first + size; ++i) {
      int64_t c = findChannel(x, i);
      result.setFloat(i, (x.getFloat(i) - mean) * factor * scale.getFloat(c) +
                             bias.getFloat(c));
    }
  }
  return frame.set(0, std::move(result));
}

static LogicalResult
evaluateInstanceNormalization(onnx::InstanceNormalizationOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  return normalizeGroups(frame, x, frame.tensor(op.getScale()),
                         frame.tensor(op.getB()),
                         std::max<int64_t>(countChannels(x), 1),
                         op.getEpsilon().convertToDouble());
}

static LogicalResult evaluateGroupNormalization(onnx::GroupNormalizationOp op,
                                                Frame &frame) {
  return normalizeGroups(frame, frame.tensor(op.getX()),
                         frame.tensor(op.getScale()),
                         frame.tensor(op.getBias()), op.getNumGroups(),
                         op.getEpsilon().convertToDouble());
}

static LogicalResult
evaluateMeanVarianceNormalization(onnx::MeanVarianceNormalizationOp op,
                                  Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  Shape strides = getStrides(x.getShape()), outer(x.getShape()),
        inner(x.getRank(), 1);
  for (int64_t given : op.getAxes()) {
    FailureOr<int64_t> axis = normalizeAxis(frame, given, x.getRank());
    if (failed(axis))
      return failure();
    inner[*axis] = x.getDim(*axis);
    outer[*axis] = x.size() == 0 ? 0 : 1;
  }
  std::vector<int64_t> offsets = getSources(inner, strides);
  auto size = static_cast<double>(offsets.size());
  Tensor result(x.getElement(), x.getShape());
  for (int64_t first : getSources(outer, strides)) {
    double sum = 0, squares = 0;
    for (int64_t offset : offsets)
      sum += x.getFloat(first + offset);
    double mean = sum / size;
    for (int64_t offset : offsets)
      squares += std::pow(x.getFloat(first + offset) - mean, 2);
    // What keeps a constant line from being divided by zero.
    double deviation = std::sqrt(squares / size) + 1e-9;
    for (int64_t offset : offsets)
      result.setFloat(first + offset,
                      (x.getFloat(first + offset) - mean) / deviation);
  }
  return frame.set(0, std::move(result));
}

//===----------------------------------------------------------------------===//
// Einsum
//===----------------------------------------------------------------------===//

static LogicalResult evaluateEinsum(onnx::EinsumOp op, Frame &frame) {
  SmallVector<const Tensor *> inputs;
  SmallVector<int64_t> ranks;
  for (Value input : op.getInputs()) {
    inputs.push_back(&frame.tensor(input));
    ranks.push_back(inputs.back()->getRank());
  }
  onnx::EinsumEquation equation;
  std::string error;
  if (failed(onnx::parseEinsum(op.getEquation(), ranks, equation, error)))
    return frame.fail(error);
  Shape sizes(equation.count, 1);
  for (auto [input, dims] : llvm::zip(inputs, equation.operands))
    for (auto [number, size] : llvm::zip(dims, input->getShape())) {
      if (sizes[number] == 1)
        sizes[number] = size;
      if (size != 1 && size != sizes[number])
        return frame.fail(
            "expected dimensions of one name to be equal, found " +
            Twine(sizes[number]) + " and " + Twine(size));
    }
  // The dimensions of the result, and those that are summed over; an operand
  // that lacks one, or has 1 there, does not move along it.
  Shape outer, inner;
  SmallVector<unsigned> summed;
  for (unsigned number : equation.result)
    outer.push_back(sizes[number]);
  for (unsigned number = 0; number < equation.count; ++number)
    if (!llvm::is_contained(equation.result, number)) {
      summed.push_back(number);
      inner.push_back(sizes[number]);
    }
  if (failed(countElements(outer)) || failed(countElements(inner)))
    return frame.fail("expected fewer elements");
  FailureOr<Tensor> result = frame.allocate(outer);
  if (failed(result))
    return failure();
  SmallVector<std::vector<int64_t>> starts, offsets;
  for (auto [input, dims] : llvm::zip(inputs, equation.operands)) {
    Shape own = getStrides(input->getShape()), strides(equation.count, 0);
    for (auto [axis, number] : llvm::enumerate(dims))
      if (input->getDim(axis) != 1)
        strides[number] += own[axis];
    Shape outerStrides, innerStrides;
    for (unsigned number : equation.result)
      outerStrides.push_back(strides[number]);
    for (unsigned number : summed)
      innerStrides.push_back(strides[number]);
    starts.push_back(getSources(outer, outerStrides));
    offsets.push_back(getSources(inner, innerStrides));
  }
  for (int64_t i = 0; i < result->size(); ++i) {
    double floatSum = 0;
    uint64_t intSum = 0;
    for (size_t k = 0; k < offsets.front().size(); ++k) {
      double floatProduct = 1;
      uint64_t intProduct = 1;
      for (auto [input, start, offset] : llvm::zip(inputs, starts, offsets)) {
        int64_t place = start[i] + offset[k];
        if (result->isFloat())
          floatProduct *= input->getFloat(place);
        else
          intProduct *= static_cast<uint64_t>(input->getInt(place));
      }
      floatSum += floatProduct;
      intSum += intProduct;
    }
    if (result->isFloat())
      result->setFloat(i, floatSum);
    else
      result->setInt(i, static_cast<int64_t>(intSum));
  }
  return frame.result(std::move(result));
}

void mlir::dejavu::reference::addOnnxConvOps(OpTable &table) {
  table.add(evaluateConv);
  table.add(evaluateConvInteger);
  table.add(evaluateMaxPool);
  table.add(evaluateAveragePool);
  table.add(evaluateGlobalAveragePool);
  table.add(evaluateGlobalMaxPool);
  table.add(evaluateBatchNormalization);
  table.add(evaluateInstanceNormalization);
  table.add(evaluateGroupNormalization);
  table.add(evaluateMeanVarianceNormalization);
  table.add(evaluateEinsum);
}
