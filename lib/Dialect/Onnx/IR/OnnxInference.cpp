//===- OnnxInference.cpp - what the ops' type inference shares ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::onnx;

std::string mlir::onnx::describe(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

std::string mlir::onnx::describe(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '[';
  llvm::interleaveComma(shape, os, [&](int64_t dim) {
    if (ShapedType::isDynamic(dim))
      os << '?';
    else
      os << dim;
  });
  os << ']';
  return text;
}

LogicalResult mlir::onnx::normalizeAxis(int64_t &axis, int64_t rank,
                                        StringRef what, std::string &error) {
  if (axis < -rank || axis >= rank) {
    error = ("expected " + what + " in [" + Twine(-rank) + ", " + Twine(rank) +
             "), found " + Twine(axis))
                .str();
    return failure();
  }
  if (axis < 0)
    axis += rank;
  return success();
}

LogicalResult mlir::onnx::broadcast(SmallVectorImpl<int64_t> &shape,
                                    ArrayRef<int64_t> other) {
  if (shape.size() < other.size())
    shape.insert(shape.begin(), other.size() - shape.size(), 1);
  for (auto [mine, theirs] : llvm::zip(
           MutableArrayRef<int64_t>(shape).take_back(other.size()), other)) {
    if (mine == theirs || theirs == 1)
      continue;
    if (mine == 1 || ShapedType::isDynamic(mine)) {
      // An unknown dimension is 1 or the same as a known one that is not 1.
      mine = theirs == ShapedType::kDynamic ? ShapedType::kDynamic : theirs;
      continue;
    }
    if (!ShapedType::isDynamic(theirs))
      return failure();
  }
  return success();
}

LogicalResult mlir::onnx::inferBroadcast(ValueRange operands, Type element,
                                         SmallVectorImpl<Type> &types,
                                         std::string &error) {
  if (operands.empty()) {
    error = "expected at least one operand, found none";
    return failure();
  }
  Type first = getElementTypeOrSelf(operands.front());
  SmallVector<int64_t> shape;
  bool ranked = true;
  for (Value operand : operands) {
    auto type = cast<ShapedType>(operand.getType());
    if (type.getElementType() != first) {
      error = "expected operands of one element type, found " +
              describe(first) + " and " + describe(type.getElementType());
      return failure();
    }
    if (!type.hasRank()) {
      ranked = false;
      continue;
    }
    SmallVector<int64_t> before = shape;
    if (failed(broadcast(shape, type.getShape()))) {
      error = "expected operands that broadcast, found shapes " +
              describe(before) + " and " + describe(type.getShape());
      return failure();
    }
  }
  if (!element)
    element = first;
  types.push_back(ranked ? Type(RankedTensorType::get(shape, element))
                         : Type(UnrankedTensorType::get(element)));
  return success();
}

LogicalResult mlir::onnx::inferMixedBroadcast(ValueRange operands, Type element,
                                              SmallVectorImpl<Type> &types,
                                              std::string &error) {
  SmallVector<int64_t> shape;
  for (Value operand : operands) {
    auto type = cast<ShapedType>(operand.getType());
    if (!type.hasRank()) {
      types.push_back(UnrankedTensorType::get(element));
      return success();
    }
    SmallVector<int64_t> before = shape;
    if (failed(broadcast(shape, type.getShape()))) {
      error = "expected operands that broadcast, found shapes " +
              describe(before) + " and " + describe(type.getShape());
      return failure();
    }
  }
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

LogicalResult mlir::onnx::inferReduce(Value data, Value axesOperand,
                                      bool keepDims, bool noopWithEmptyAxes,
                                      Operands operands,
                                      SmallVectorImpl<Type> &types,
                                      std::string &error) {
  auto type = cast<ShapedType>(data.getType());
  auto unranked = UnrankedTensorType::get(type.getElementType());
  std::optional<SmallVector<int64_t>> axes = SmallVector<int64_t>();
  if (axesOperand)
    axes = evaluateInts(axesOperand, operands);
  if (!type.hasRank() || !axes) {
    types.push_back(
        type.hasRank() && keepDims
            ? Type(RankedTensorType::get(
                  SmallVector<int64_t>(type.getRank(), ShapedType::kDynamic),
                  type.getElementType()))
            : Type(unranked));
    return success();
  }
  if (axes->empty() && noopWithEmptyAxes) {
    types.push_back(type);
    return success();
  }
  SmallVector<bool> reduced(type.getRank(), axes->empty());
  bool allKnown = true;
  for (int64_t axis : *axes) {
    allKnown &= !ShapedType::isDynamic(axis);
    if (!allKnown)
      break;
    if (failed(normalizeAxis(axis, type.getRank(), "axis", error)))
      return failure();
    if (reduced[axis]) {
      error =
          "expected each axis once, found " + std::to_string(axis) + " again";
      return failure();
    }
    reduced[axis] = true;
  }
  SmallVector<int64_t> shape;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    if (!allKnown)
      shape.push_back(ShapedType::kDynamic);
    else if (!reduced[i])
      shape.push_back(type.getDimSize(i));
    else if (keepDims)
      shape.push_back(1);
  }
  // Axes that are not known are as many as they are.
  if (!allKnown && !keepDims) {
    if (axes->size() > shape.size()) {
      error = "expected at most " + std::to_string(type.getRank()) +
              " axes, found " + std::to_string(axes->size());
      return failure();
    }
    shape.resize(shape.size() - axes->size());
  }
  types.push_back(RankedTensorType::get(shape, type.getElementType()));
  return success();
}

LogicalResult mlir::onnx::inferArg(Value data, int64_t axis, bool keepDims,
                                   SmallVectorImpl<Type> &types,
                                   std::string &error) {
  auto type = cast<ShapedType>(data.getType());
  Type element = IntegerType::get(data.getContext(), 64);
  if (!type.hasRank()) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  if (failed(normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  if (type.getDimSize(axis) == 0) {
    error = "expected elements along axis " + std::to_string(axis) +
            ", found " + describe(type);
    return failure();
  }
  SmallVector<int64_t> shape(type.getShape());
  if (keepDims)
    shape[axis] = 1;
  else
    shape.erase(shape.begin() + axis);
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

bool mlir::onnx::mayBroadcastTo(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  if (from.size() > to.size())
    return false;
  for (auto [a, b] : llvm::zip(from, to.take_back(from.size())))
    if (a != 1 && !mayEqual(a, b))
      return false;
  return true;
}

LogicalResult mlir::onnx::checkElements(ValueRange operands,
                                        std::string &error) {
  Type first = getElementTypeOrSelf(operands.front());
  for (Value operand : operands)
    if (Type other = getElementTypeOrSelf(operand); other != first) {
      error = "expected operands of one element type, found " +
              describe(first) + " and " + describe(other);
      return failure();
    }
  return success();
}

Type mlir::onnx::rankedLike(ArrayRef<int64_t> shape, Value like) {
  return RankedTensorType::get(shape, getElementTypeOrSelf(like));
}

Type mlir::onnx::unrankedLike(Value like) {
  return UnrankedTensorType::get(getElementTypeOrSelf(like));
}

LogicalResult mlir::onnx::checkVector(Value value, StringRef name,
                                      std::string &error) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() == 1)
    return success();
  error =
      ("expected " + name + " of rank 1, found " + Twine(describe(type))).str();
  return failure();
}

LogicalResult mlir::onnx::checkAxes(SmallVectorImpl<int64_t> &axes,
                                    int64_t rank, std::string &error) {
  SmallVector<bool> seen(rank, false);
  for (int64_t &axis : axes) {
    if (!isKnown(axis))
      continue;
    int64_t given = axis;
    if (failed(normalizeAxis(axis, rank, "axis", error)))
      return failure();
    if (seen[axis]) {
      error =
          "expected each axis once, found " + std::to_string(given) + " again";
      return failure();
    }
    seen[axis] = true;
  }
  return success();
}

/// Whether a tensor of type `type` can exist at all: its rank is within the
/// limit, its number of elements fits 64 bits.
static LogicalResult checkSize(Type type, std::string &error) {
  auto shaped = dyn_cast<RankedTensorType>(type);
  if (!shaped)
    return success();
  if (shaped.getRank() > maxRank) {
    error = "expected a rank of at most " + std::to_string(maxRank) +
            ", found " + std::to_string(shaped.getRank());
    return failure();
  }
  int64_t count = 1;
  for (int64_t dim : shaped.getShape())
    if (!ShapedType::isDynamic(dim) && dim != 0 &&
        __builtin_mul_overflow(count, dim, &count)) {
      error = "number of elements of shape " + describe(shaped.getShape()) +
              " does not fit 64 bits";
      return failure();
    }
  return success();
}

LogicalResult mlir::onnx::refineResultTypes(Operation *op, std::string &error) {
  auto inference = dyn_cast<OnnxShapeInference>(op);
  if (!inference) {
    error = "expected an op of the onnx dialect, found '" +
            op->getName().getStringRef().str() + "'";
    return failure();
  }
  SmallVector<Type> types;
  if (failed(inference.inferResultTypes(Operands::Follow, types, error)))
    return failure();
  if (types.size() != op->getNumResults()) {
    error = "expected " + std::to_string(types.size()) + " results, found " +
            std::to_string(op->getNumResults());
    return failure();
  }
  for (auto [result, type] : llvm::zip(op->getResults(), types)) {
    if (failed(checkSize(type, error)))
      return failure();
    result.setType(type);
  }
  return success();
}

LogicalResult mlir::onnx::verifyInferredTypes(Operation *op) {
  SmallVector<Type> types;
  std::string error;
  if (failed(cast<OnnxShapeInference>(op).inferResultTypes(Operands::TypesOnly,
                                                           types, error)))
    return op->emitOpError() << error;
  if (types.size() != op->getNumResults())
    return op->emitOpError("expected ")
           << types.size() << " results, found " << op->getNumResults();
  for (auto [index, pair] :
       llvm::enumerate(llvm::zip(op->getResultTypes(), types))) {
    auto [found, expected] = pair;
    if (getElementTypeOrSelf(found) != getElementTypeOrSelf(expected) ||
        failed(verifyCompatibleShape(found, expected)))
      return op->emitOpError("expected result ")
             << index << " to be compatible with " << expected << ", found "
             << found;
  }
  return success();
}
