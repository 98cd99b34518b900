//===- Values.cpp - what constant operands may say ----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inference finds shapes; this finds what is wrong with values that the file
// itself has. An index out of range would be an error whenever the model runs.
// An operator that makes a huge tensor of a few numbers is no error as such,
// but no model needs one: it is there to exhaust whoever evaluates it.
//
//===----------------------------------------------------------------------===//

#include "GraphBuilder.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::dejavu::onnximport;

/// No tensor has more elements than this.
static constexpr int64_t maxElements = int64_t(1) << 40;

/// No tensor that is made of a few numbers has more bytes than this.
static constexpr int64_t maxMadeBytes = int64_t(1) << 31;

/// The elements of an integer constant, or nothing.
static std::optional<SmallVector<int64_t>> getConstant(Value value) {
  auto op = value.getDefiningOp<onnx::ConstantOp>();
  if (!op)
    return std::nullopt;
  Type element = getElementTypeOrSelf(value.getType());
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!elements ||
      !(element.isSignlessInteger(32) || element.isSignlessInteger(64)))
    return std::nullopt;
  SmallVector<int64_t> result;
  if (elements.isSplat()) {
    result.push_back(elements.getSplatValue<APInt>().getSExtValue());
    return result;
  }
  for (const APInt &each : elements.getValues<APInt>())
    result.push_back(each.getSExtValue());
  return result;
}

/// Checks indices into a dimension of `size` elements, which may be unknown.
static LogicalResult checkIndices(ArrayRef<int64_t> indices, int64_t size,
                                  std::string &error) {
  if (ShapedType::isDynamic(size))
    return success();
  for (int64_t index : indices)
    if (index < -size || index >= size) {
      error = "expected indices in [" + std::to_string(-size) + ", " +
              std::to_string(size) + "), found " + std::to_string(index);
      return failure();
    }
  return success();
}

/// Operators with indices along one axis: Gather and the like.
static LogicalResult checkAxisIndices(Operation *op, Value data, Value indices,
                                      std::string &error) {
  auto type = dyn_cast<RankedTensorType>(data.getType());
  auto values = getConstant(indices);
  if (!type || !values)
    return success();
  auto attribute = op->getAttrOfType<IntegerAttr>("axis");
  int64_t axis = attribute ? attribute.getInt() : 0;
  if (failed(onnx::normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  return checkIndices(*values, type.getDimSize(axis), error);
}

/// Operators whose indices are tuples: GatherND and ScatterND.
static LogicalResult checkTuples(Operation *op, Value data, Value indices,
                                 std::string &error) {
  auto type = dyn_cast<RankedTensorType>(data.getType());
  auto form = dyn_cast<RankedTensorType>(indices.getType());
  auto values = getConstant(indices);
  if (!type || !form || !values || form.getRank() == 0)
    return success();
  auto attribute = op->getAttrOfType<IntegerAttr>("batch_dims");
  int64_t first = attribute ? attribute.getInt() : 0;
  int64_t length = form.getShape().back();
  if (first < 0 || length < 0 || length > type.getRank() - first) {
    error = "expected index tuples of at most " +
            std::to_string(type.getRank() - first) + " elements, found " +
            std::to_string(length);
    return failure();
  }
  bool isSplat = values->size() == 1;
  for (int64_t i = 0; i < length; ++i) {
    SmallVector<int64_t> column;
    for (size_t at = isSplat ? 0 : i; at < values->size(); at += length)
      column.push_back((*values)[at]);
    if (failed(checkIndices(column, type.getDimSize(first + i), error)))
      return failure();
  }
  return success();
}

/// Checks the scales of a QuantizeLinear, which divides by them.
static LogicalResult checkScales(Value scales, std::string &error) {
  auto op = scales.getDefiningOp<onnx::ConstantOp>();
  auto elements =
      op ? dyn_cast<DenseElementsAttr>(op.getValue()) : DenseElementsAttr();
  if (!elements || !isa<FloatType>(elements.getElementType()))
    return success();
  for (const APFloat &scale : elements.getValues<APFloat>())
    if (!scale.isFinite() || scale.isNegative() || scale.isZero()) {
      SmallString<16> text;
      scale.toString(text);
      error = "expected a scale that is positive, found " + text.str().str();
      return failure();
    }
  return success();
}

/// Checks the size of a result that is made of few numbers.
static LogicalResult checkMade(Type type, std::string &error) {
  auto shaped = dyn_cast<RankedTensorType>(type);
  if (!shaped || !shaped.hasStaticShape())
    return success();
  int64_t bytes = std::max<int64_t>(shaped.getElementTypeBitWidth() / 8, 1);
  for (int64_t dim : shaped.getShape())
    if (dim == 0)
      return success();
  for (int64_t dim : shaped.getShape())
    if (__builtin_mul_overflow(bytes, dim, &bytes) || bytes > maxMadeBytes) {
      error = "expected a result of at most " +
              std::to_string(maxMadeBytes >> 20) + " MiB, found " +
              onnx::describe(type);
      return failure();
    }
  return success();
}

/// Checks that no dimension is so large that only overflow can follow.
static LogicalResult checkElements(Type type, std::string &error) {
  auto shaped = dyn_cast<RankedTensorType>(type);
  if (!shaped)
    return success();
  int64_t count = 1;
  for (int64_t dim : shaped.getShape())
    if (!ShapedType::isDynamic(dim) && dim != 0 &&
        (__builtin_mul_overflow(count, dim, &count) || count > maxElements)) {
      error = "expected at most 2^40 elements, found " + onnx::describe(type);
      return failure();
    }
  return success();
}

LogicalResult
mlir::dejavu::onnximport::checkConstantOperands(Operation *op,
                                                std::string &error) {
  enum class Kind { Axis, Tuples, Made, Scales, Other };
  StringRef name = op->getName().stripDialect();
  Kind kind =
      llvm::StringSwitch<Kind>(name)
          .Cases({"Gather", "GatherElements", "ScatterElements"}, Kind::Axis)
          .Cases({"GatherND", "ScatterND"}, Kind::Tuples)
          .Cases({"ConstantOfShape", "Expand", "Range", "Tile", "OneHot", "Pad",
                  "EyeLike", "Resize"},
                 Kind::Made)
          .Case("QuantizeLinear", Kind::Scales)
          .Default(Kind::Other);
  for (Type type : op->getResultTypes())
    if (failed(checkElements(type, error)) ||
        (kind == Kind::Made && failed(checkMade(type, error))))
      return failure();
  if (op->getNumOperands() < 2)
    return success();
  if (kind == Kind::Axis)
    return checkAxisIndices(op, op->getOperand(0), op->getOperand(1), error);
  if (kind == Kind::Tuples)
    return checkTuples(op, op->getOperand(0), op->getOperand(1), error);
  if (kind == Kind::Scales)
    return checkScales(op->getOperand(1), error);
  return success();
}
