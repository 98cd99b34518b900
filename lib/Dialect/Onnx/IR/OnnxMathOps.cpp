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

LogicalResult PowOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                      std::string &error) {
  return inferMixedBroadcast(getOperation()->getOperands(),
                             getElementTypeOrSelf(getX()), types, error);
}

LogicalResult WhereOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                        std::string &error) {
  Type x = getElementTypeOrSelf(getX()), y = getElementTypeOrSelf(getY());
  if (x != y) {
    error = "expected X and Y of one element type, found " + describe(x) +
            " and " + describe(y);
    return failure();
  }
  return inferMixedBroadcast(getOperation()->getOperands(), x, types, error);
}
