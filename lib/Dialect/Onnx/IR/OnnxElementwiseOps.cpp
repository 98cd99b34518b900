//===- OnnxElementwiseOps.cpp - type inference of more element by element ops
//===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::onnx;

LogicalResult ModOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                      std::string &error) {
  return inferBroadcast(getOperation()->getOperands(), nullptr, types, error);
}

LogicalResult ClipOp::inferResultTypes(Operands operands,
                                       SmallVectorImpl<Type> &types,
                                       std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult IsInfOp::inferResultTypes(Operands operands,
                                        SmallVectorImpl<Type> &types,
                                        std::string &error) {
  types.push_back(cast<ShapedType>(getX().getType())
                      .clone(IntegerType::get(getContext(), 1)));
  return success();
}

LogicalResult BitShiftOp::inferResultTypes(Operands,
                                           SmallVectorImpl<Type> &types,
                                           std::string &error) {
  return inferBroadcast(getOperation()->getOperands(), nullptr, types, error);
}
