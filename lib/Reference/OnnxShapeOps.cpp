//===- OnnxShapeOps.cpp - constants, shapes, conversions ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu::reference;

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

static LogicalResult evaluateConstant(onnx::ConstantOp op, Frame &frame) {
  FailureOr<Tensor> value = Tensor::fromAttribute(op.getValue());
  if (failed(value))
    return frame.fail("the constant is of a kind that is not supported");
  return frame.result(std::move(value));
}

static LogicalResult evaluateConstantOfShape(onnx::ConstantOfShapeOp op,
                                             Frame &frame) {
  FailureOr<Tensor> value = Tensor::fromAttribute(op.getValue());
  if (failed(value) || value->size() != 1)
    return frame.fail("expected a value of one element");
  FailureOr<Tensor> result =
      frame.allocate(value->getElement(), frame.tensor(op.getInput()).toInts());
  if (failed(result))
    return failure();
  for (int64_t i = 0; i < result->size(); ++i)
    result->copy(i, *value, 0);
  return frame.result(std::move(result));
}

static LogicalResult evaluateRange(onnx::RangeOp op, Frame &frame) {
  const Tensor &start = frame.tensor(op.getStart());
  const Tensor &limit = frame.tensor(op.getLimit());
  const Tensor &delta = frame.tensor(op.getDelta());
  for (const Tensor *operand : {&start, &limit, &delta})
    if (operand->size() != 1)
      return frame.fail("expected operands of one element, found " +
                        operand->describe());
  if (delta.getFloat(0) == 0)
    return frame.fail("expected a delta other than 0");
  // Doubles count exactly as long as the result is of a possible size.
  double count =
      std::ceil((limit.getFloat(0) - start.getFloat(0)) / delta.getFloat(0));
  if (std::isnan(count) || count > 0x1p40)
    return frame.fail("expected finite bounds");
  FailureOr<Tensor> result =
      frame.allocate({static_cast<int64_t>(std::max(count, 0.0))});
  if (failed(result))
    return failure();
  for (int64_t i = 0; i < result->size(); ++i) {
    if (result->isFloat())
      result->setFloat(i, start.getFloat(0) + i * delta.getFloat(0));
    else
      result->setInt(i, start.getInt(0) + i * delta.getInt(0));
  }
  return frame.result(std::move(result));
}

static LogicalResult evaluateIdentity(onnx::IdentityOp op, Frame &frame) {
  return frame.set(0, frame.tensor(op.getInput()));
}

void mlir::dejavu::reference::setConverted(Tensor &tensor, int64_t index,
                                           double value, bool saturate) {
  bool isNarrow = tensor.isFloat() && getWidth(tensor.getElement()) <= 8;
  if (isNarrow && saturate && !std::isnan(value)) {
    auto [least, most] = getRange(tensor.getElement());
    value = std::clamp(value, least, most);
  }
  tensor.setFloat(index, value);
}

LogicalResult mlir::dejavu::reference::convert(Frame &frame, const Tensor &x,
                                               bool saturate) {
  FailureOr<Tensor> result = frame.allocate(x.getShape());
  if (failed(result))
    return failure();
  for (int64_t i = 0; i < x.size(); ++i) {
    if (x.isFloat() || result->isFloat())
      setConverted(*result, i, x.getFloat(i), saturate);
    else
      result->setInt(i, x.getInt(i));
  }
  return frame.result(std::move(result));
}

static LogicalResult evaluateCast(onnx::CastOp op, Frame &frame) {
  return convert(frame, frame.tensor(op.getInput()), op.getSaturate());
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static LogicalResult evaluateShape(onnx::ShapeOp op, Frame &frame) {
  // The operand of static shape may have no value: see getNeeded.
  auto type = dyn_cast<RankedTensorType>(op.getData().getType());
  ArrayRef<int64_t> shape = type && type.hasStaticShape()
                                ? type.getShape()
                                : frame.tensor(op.getData()).getShape();
  int64_t rank = static_cast<int64_t>(shape.size());
  auto clamp = [&](int64_t place) {
    return std::clamp<int64_t>(place < 0 ? place + rank : place, 0, rank);
  };
  int64_t start = clamp(op.getStart());
  int64_t end = clamp(op.getEnd().value_or(rank));
  shape = shape.slice(start, std::max<int64_t>(end - start, 0));
  return frame.set(0,
                   Tensor::ofInts({static_cast<int64_t>(shape.size())}, shape));
}

/// The tensor in another shape, if it has as many elements.
static LogicalResult reshape(Frame &frame, const Tensor &x,
                             ArrayRef<int64_t> shape) {
  FailureOr<int64_t> count = countElements(shape);
  if (failed(count) || *count != x.size())
    return frame.fail("expected a shape for the elements of " + x.describe() +
                      ", found " + describe(shape));
  return frame.set(0, x.reshaped(shape));
}

static LogicalResult evaluateReshape(onnx::ReshapeOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getData());
  Shape shape(frame.tensor(op.getShape()).toInts());
  int64_t *inferred = nullptr, known = 1;
  for (auto [axis, dim] : llvm::enumerate(shape)) {
    if (dim == 0 && !op.getAllowzero()) {
      if (static_cast<int64_t>(axis) >= x.getRank())
        return frame.fail("expected a dimension to copy for the 0 at " +
                          Twine(axis) + ", found " + x.describe());
      dim = x.getDim(axis);
    }
    if (dim == -1 && !inferred)
      inferred = &dim;
    else if (dim < 0 || __builtin_mul_overflow(known, dim, &known))
      return frame.fail("expected at most one -1 and nothing less, found " +
                        describe(frame.tensor(op.getShape()).toInts()));
  }
  if (inferred) {
    // Zero elements leave nothing to divide by: no answer, unless by ONNX
    // Runtime's choice of 0 where the tensor is empty too.
    if (known == 0 && x.size() != 0)
      return frame.fail("expected dimensions that divide the elements of " +
                        x.describe());
    *inferred = known == 0 ? 0 : x.size() / known;
  }
  return reshape(frame, x, shape);
}

static LogicalResult evaluateFlatten(onnx::FlattenOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  int64_t rank = x.getRank(), axis = op.getAxis();
  if (axis < -rank || axis > rank)
    return frame.fail("expected an axis in [" + Twine(-rank) + ", " +
                      Twine(rank) + "], found " + Twine(axis));
  int64_t shape[] = {1, 1};
  for (auto [i, dim] : llvm::enumerate(x.getShape()))
    shape[static_cast<int64_t>(i) < (axis < 0 ? axis + rank : axis) ? 0 : 1] *=
        dim;
  return reshape(frame, x, shape);
}

/// The axes as flags of `rank` dimensions; each may occur once.
static FailureOr<SmallVector<bool>> readAxes(Frame &frame, const Tensor &axes,
                                             int64_t rank) {
  SmallVector<bool> flags(rank, false);
  for (int64_t i = 0; i < axes.size(); ++i) {
    FailureOr<int64_t> axis = normalizeAxis(frame, axes.getInt(i), rank);
    if (failed(axis))
      return failure();
    if (flags[*axis])
      return frame.fail("expected each axis once, found " + Twine(*axis) +
                        " twice");
    flags[*axis] = true;
  }
  return flags;
}

static LogicalResult evaluateSqueeze(onnx::SqueezeOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getData());
  const Tensor *axes = frame.optional(op.getAxes());
  FailureOr<SmallVector<bool>> removed = SmallVector<bool>();
  if (axes)
    removed = readAxes(frame, *axes, x.getRank());
  else
    for (int64_t dim : x.getShape())
      removed->push_back(dim == 1);
  if (failed(removed))
    return failure();
  Shape shape;
  for (auto [axis, dim] : llvm::enumerate(x.getShape())) {
    if (!(*removed)[axis])
      shape.push_back(dim);
    else if (dim != 1)
      return frame.fail("expected dimension " + Twine(axis) +
                        " to be 1, found " + Twine(dim));
  }
  return reshape(frame, x, shape);
}

static LogicalResult evaluateUnsqueeze(onnx::UnsqueezeOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getData());
  const Tensor &axes = frame.tensor(op.getAxes());
  int64_t rank = x.getRank() + axes.size();
  FailureOr<SmallVector<bool>> added = readAxes(frame, axes, rank);
  if (failed(added))
    return failure();
  Shape shape;
  int64_t next = 0;
  for (int64_t axis = 0; axis < rank; ++axis)
    shape.push_back((*added)[axis] ? 1 : x.getDim(next++));
  return reshape(frame, x, shape);
}

static LogicalResult evaluateExpand(onnx::ExpandOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  SmallVector<int64_t> wanted = frame.tensor(op.getShape()).toInts();
  FailureOr<Shape> shape = broadcastShapes(frame, {x.getShape(), wanted});
  if (failed(shape))
    return failure();
  if (failed(countElements(*shape)))
    return frame.fail("expected a possible shape, found " + describe(*shape));
  return frame.result(
      pick(frame, x, *shape, getBroadcastSources(*shape, x.getShape())));
}

void mlir::dejavu::reference::addOnnxShapeOps(OpTable &table) {
  table.add(evaluateConstant);
  table.add(evaluateConstantOfShape);
  table.add(evaluateRange);
  table.add(evaluateIdentity);
  table.add(evaluateCast);
  table.add(evaluateShape);
  table.add(evaluateReshape);
  table.add(evaluateFlatten);
  table.add(evaluateSqueeze);
  table.add(evaluateUnsqueeze);
  table.add(evaluateExpand);
}
