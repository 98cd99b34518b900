//===- OnnxControlFlowOps.cpp - ops with graphs inside -------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A region is run like a function, on the values outside it and on those of
// its arguments.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::reference;

/// No loop of a model that is of use turns more often.
static constexpr int64_t maxTurns = 1 << 20;

using Values = SmallVector<RuntimeValue>;

/// The element of a condition.
static FailureOr<bool> readCondition(Frame &frame, const RuntimeValue &value) {
  const auto *tensor = std::get_if<Tensor>(&value);
  if (!tensor || tensor->size() != 1)
    return frame.fail("expected a condition of one element");
  return tensor->getInt(0) != 0;
}

/// Tensors of one shape, stacked along a new dimension at `axis`. Without any
/// the shape is what `type` says, where it says it.
static FailureOr<Tensor> stack(Frame &frame, ArrayRef<Tensor> slices,
                               int64_t axis, Type type) {
  auto count = static_cast<int64_t>(slices.size());
  if (count == 0) {
    auto ranked = dyn_cast<RankedTensorType>(type);
    FailureOr<Element> element =
        getElement(cast<ShapedType>(type).getElementType());
    if (!ranked || failed(element))
      return frame.fail("expected at least one turn, since the shape of what "
                        "is stacked is not known");
    FailureOr<int64_t> place = normalizeAxis(frame, axis, ranked.getRank());
    if (failed(place))
      return failure();
    Shape shape(ranked.getShape());
    shape[*place] = 0;
    for (int64_t &dim : shape)
      if (ShapedType::isDynamic(dim))
        dim = 0;
    return frame.allocate(*element, shape);
  }
  const Tensor &first = slices.front();
  FailureOr<int64_t> place = normalizeAxis(frame, axis, first.getRank() + 1);
  if (failed(place))
    return failure();
  Shape shape(first.getShape());
  shape.insert(shape.begin() + *place, count);
  FailureOr<Tensor> result = frame.allocate(first.getElement(), shape);
  if (failed(result))
    return failure();
  Shape strides = getStrides(shape), outer = strides;
  outer.erase(outer.begin() + *place);
  for (auto [turn, slice] : llvm::enumerate(slices)) {
    if (slice.getShape() != first.getShape())
      return frame.fail("expected slices of one shape, found " +
                        first.describe() + " and " + slice.describe());
    std::vector<int64_t> targets =
        getSources(first.getShape(), outer, turn * strides[*place]);
    for (auto [i, target] : llvm::enumerate(targets))
      result->copy(target, slice, i);
  }
  return result;
}

/// Sets the results of a loop: what was carried, and what was collected.
static LogicalResult setResults(Operation *op, Frame &frame, Values carried,
                                ArrayRef<SmallVector<Tensor>> collected,
                                function_ref<int64_t(size_t)> getAxis) {
  unsigned index = 0;
  for (RuntimeValue &value : carried)
    (void)frame.set(index++, std::move(value));
  for (auto [i, slices] : llvm::enumerate(collected)) {
    FailureOr<Tensor> stacked =
        stack(frame, slices, getAxis(i), op->getResult(index).getType());
    if (failed(stacked))
      return failure();
    (void)frame.set(index++, std::move(*stacked));
  }
  return success();
}

/// Takes what a turn gave: carried values, then slices to collect.
static LogicalResult takeTurn(Frame &frame, MutableArrayRef<RuntimeValue> found,
                              Values &carried,
                              MutableArrayRef<SmallVector<Tensor>> collected) {
  for (size_t i = 0; i < carried.size(); ++i)
    carried[i] = std::move(found[i]);
  for (size_t i = 0; i < collected.size(); ++i) {
    auto *tensor = std::get_if<Tensor>(&found[carried.size() + i]);
    if (!tensor)
      return frame.fail("expected tensors to stack");
    collected[i].push_back(std::move(*tensor));
  }
  return success();
}

static LogicalResult evaluateIf(onnx::IfOp op, Frame &frame) {
  FailureOr<bool> condition = readCondition(frame, frame.tensor(op.getCond()));
  if (failed(condition))
    return failure();
  FailureOr<Values> values =
      frame.runRegion(*condition ? op.getThenBranch() : op.getElseBranch(), {});
  if (failed(values))
    return failure();
  for (auto [index, value] : llvm::enumerate(*values))
    (void)frame.set(index, std::move(value));
  return success();
}

static LogicalResult evaluateLoop(onnx::LoopOp op, Frame &frame) {
  Values carried;
  for (Value value : op.getVInitial())
    carried.push_back(frame.tensor(value));
  int64_t most = maxTurns;
  bool goesOn = true;
  if (const Tensor *count = frame.optional(op.getM())) {
    if (count->size() != 1)
      return frame.fail("expected M of one element, found " +
                        count->describe());
    most = std::max<int64_t>(count->getInt(0), 0);
  }
  if (Value given = op.getCond()) {
    FailureOr<bool> condition = readCondition(frame, frame.tensor(given));
    if (failed(condition))
      return failure();
    goesOn = *condition;
  }
  SmallVector<SmallVector<Tensor>> collected(op.getNumResults() -
                                             carried.size());
  for (int64_t turn = 0; goesOn && turn < most; ++turn) {
    if (turn == maxTurns)
      return frame.fail("expected at most " + Twine(maxTurns) + " turns");
    Values arguments = {Tensor::ofInts({}, {turn}),
                        Tensor::ofInts({}, {1}, Element::Bool)};
    llvm::append_range(arguments, carried);
    FailureOr<Values> found = frame.runRegion(op.getBody(), arguments);
    if (failed(found))
      return failure();
    FailureOr<bool> condition = readCondition(frame, found->front());
    if (failed(condition) ||
        failed(takeTurn(frame, MutableArrayRef(*found).drop_front(), carried,
                        collected)))
      return failure();
    goesOn = *condition;
    if (goesOn && turn + 1 == maxTurns && !op.getM())
      return frame.fail("expected at most " + Twine(maxTurns) + " turns");
  }
  return setResults(op, frame, std::move(carried), collected,
                    [](size_t) { return 0; });
}

/// One slice of `x` along `axis`, without the axis.
static FailureOr<Tensor> takeSlice(Frame &frame, const Tensor &x, int64_t axis,
                                   int64_t index) {
  Shape shape(x.getShape()), strides = getStrides(x.getShape());
  int64_t base = index * strides[axis];
  shape.erase(shape.begin() + axis);
  strides.erase(strides.begin() + axis);
  return pick(frame, x, shape, getSources(shape, strides, base));
}

static int64_t getOrZero(std::optional<ArrayRef<int64_t>> list, size_t index) {
  return list && index < list->size() ? (*list)[index] : 0;
}

static LogicalResult evaluateScan(onnx::ScanOp op, Frame &frame) {
  size_t scanned = op.getNumScanInputs(),
         states = op.getInputs().size() - scanned;
  Values carried;
  for (Value value : op.getInputs().take_front(states))
    carried.push_back(frame.tensor(value));
  SmallVector<Tensor> inputs;
  SmallVector<int64_t> axes;
  int64_t length = -1;
  for (auto [i, value] : llvm::enumerate(op.getInputs().drop_front(states))) {
    inputs.push_back(frame.tensor(value));
    FailureOr<int64_t> axis = normalizeAxis(
        frame, getOrZero(op.getScanInputAxes(), i), inputs.back().getRank());
    if (failed(axis))
      return failure();
    axes.push_back(*axis);
    int64_t size = inputs.back().getDim(*axis);
    if (length >= 0 && size != length)
      return frame.fail("expected inputs of one length, found " +
                        Twine(length) + " and " + Twine(size));
    length = size;
  }
  SmallVector<SmallVector<Tensor>> collected(op.getNumResults() - states);
  for (int64_t turn = 0; turn < length; ++turn) {
    Values arguments = carried;
    for (size_t i = 0; i < scanned; ++i) {
      bool isBackwards = getOrZero(op.getScanInputDirections(), i) != 0;
      FailureOr<Tensor> slice = takeSlice(
          frame, inputs[i], axes[i], isBackwards ? length - 1 - turn : turn);
      if (failed(slice))
        return failure();
      arguments.push_back(std::move(*slice));
    }
    FailureOr<Values> found = frame.runRegion(op.getBody(), arguments);
    if (failed(found) || failed(takeTurn(frame, *found, carried, collected)))
      return failure();
  }
  for (auto [i, slices] : llvm::enumerate(collected))
    if (getOrZero(op.getScanOutputDirections(), i) != 0)
      std::reverse(slices.begin(), slices.end());
  return setResults(op, frame, std::move(carried), collected, [&](size_t i) {
    return getOrZero(op.getScanOutputAxes(), i);
  });
}

void mlir::dejavu::reference::addOnnxControlFlowOps(OpTable &table) {
  table.add(evaluateIf);
  table.add(evaluateLoop);
  table.add(evaluateScan);
}
