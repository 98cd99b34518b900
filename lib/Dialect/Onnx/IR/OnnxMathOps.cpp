//===- OnnxMathOps.cpp - type inference of element by element ops ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::onnx;

/// `type` with another element type.
static Type withElement(Type type, Type element) {
  return cast<ShapedType>(type).clone(element);
}

LogicalResult IsNaNOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                        std::string &error) {
  types.push_back(
      withElement(getX().getType(), IntegerType::get(getContext(), 1)));
  return success();
}

/// Broadcasts the shapes of operands whose element types may differ. The result
/// has the element type `element`.
static LogicalResult inferMixed(ValueRange operands, Type element,
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

LogicalResult PowOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                      std::string &error) {
  return inferMixed(getOperation()->getOperands(), getElementTypeOrSelf(getX()),
                    types, error);
}

LogicalResult WhereOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                        std::string &error) {
  Type x = getElementTypeOrSelf(getX()), y = getElementTypeOrSelf(getY());
  if (x != y) {
    error = "expected X and Y of one element type, found " + describe(x) +
            " and " + describe(y);
    return failure();
  }
  return inferMixed(getOperation()->getOperands(), x, types, error);
}
