//===- OnnxActivationOps.cpp - type inference of activations --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::onnx;

LogicalResult SwishOp::inferResultTypes(Operands operands,
                                        SmallVectorImpl<Type> &types,
                                        std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult HardSigmoidOp::inferResultTypes(Operands operands,
                                              SmallVectorImpl<Type> &types,
                                              std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult EluOp::inferResultTypes(Operands operands,
                                      SmallVectorImpl<Type> &types,
                                      std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult SeluOp::inferResultTypes(Operands operands,
                                       SmallVectorImpl<Type> &types,
                                       std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult CeluOp::inferResultTypes(Operands operands,
                                       SmallVectorImpl<Type> &types,
                                       std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult LeakyReluOp::inferResultTypes(Operands operands,
                                            SmallVectorImpl<Type> &types,
                                            std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult PReluOp::inferResultTypes(Operands operands,
                                        SmallVectorImpl<Type> &types,
                                        std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult ThresholdedReluOp::inferResultTypes(Operands operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult SwiGLUOp::inferResultTypes(Operands operands,
                                         SmallVectorImpl<Type> &types,
                                         std::string &error) {
  types.push_back(getA().getType());
  return success();
}

LogicalResult ShrinkOp::inferResultTypes(Operands operands,
                                         SmallVectorImpl<Type> &types,
                                         std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult LogSoftmaxOp::inferResultTypes(Operands operands,
                                             SmallVectorImpl<Type> &types,
                                             std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult HardmaxOp::inferResultTypes(Operands operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult LpNormalizationOp::inferResultTypes(Operands operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult DropoutOp::inferResultTypes(Operands operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  auto type = cast<ShapedType>(getData().getType());
  types.push_back(type);
  types.append(getRest().size(), type.clone(IntegerType::get(getContext(), 1)));
  return success();
}
