//===- OnnxElementwiseOps.cpp - type inference of more math --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceUtils.h"

using namespace mlir;
using namespace mlir::onnx;

LogicalResult ModOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                      std::string &error) {
  if (isa<FloatType>(getElementTypeOrSelf(getA())) && !getFmod())
    return fail(error, "expected fmod 1 for floating-point numbers, found 0");
  return inferBroadcast(getOperation()->getOperands(), nullptr, types, error);
}

LogicalResult ClipOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  if (failed(checkElements(getOperation()->getOperands(), error)) ||
      failed(checkOneElement(getMin(), "min", error)) ||
      failed(checkOneElement(getMax(), "max", error)))
    return failure();
  types.push_back(getInput().getType());
  return success();
}

LogicalResult IsInfOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                        std::string &error) {
  types.push_back(
      withElement(getX().getType(), IntegerType::get(getContext(), 1)));
  return success();
}

LogicalResult BitShiftOp::inferResultTypes(Operands,
                                           SmallVectorImpl<Type> &types,
                                           std::string &error) {
  if (Type element = getElementTypeOrSelf(getX()); !element.isUnsignedInteger())
    return fail(error, "expected an unsigned element type, found " +
                           describe(element));
  return inferBroadcast(getOperation()->getOperands(), nullptr, types, error);
}
