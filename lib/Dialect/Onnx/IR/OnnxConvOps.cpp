//===- OnnxConvOps.cpp - type inference of convolution, pooling, norms ----===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::onnx;

LogicalResult ConvOp::inferResultTypes(Operands operands,
                                       SmallVectorImpl<Type> &types,
                                       std::string &error) {
  types.push_back(unrankedLike(getX()));
  return success();
}

LogicalResult ConvIntegerOp::inferResultTypes(Operands operands,
                                              SmallVectorImpl<Type> &types,
                                              std::string &error) {
  types.push_back(UnrankedTensorType::get(IntegerType::get(getContext(), 32)));
  return success();
}

LogicalResult CausalConvWithStateOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(getInput().getType());
  types.push_back(unrankedLike(getInput()));
  return success();
}

LogicalResult MaxPoolOp::inferResultTypes(Operands operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  types.push_back(unrankedLike(getX()));
  types.append(getRest().size(),
               UnrankedTensorType::get(IntegerType::get(getContext(), 64)));
  return success();
}

LogicalResult AveragePoolOp::inferResultTypes(Operands operands,
                                              SmallVectorImpl<Type> &types,
                                              std::string &error) {
  types.push_back(unrankedLike(getX()));
  return success();
}

LogicalResult GlobalAveragePoolOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(unrankedLike(getX()));
  return success();
}

LogicalResult GlobalMaxPoolOp::inferResultTypes(Operands operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  types.push_back(unrankedLike(getX()));
  return success();
}

LogicalResult BatchNormalizationOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult InstanceNormalizationOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult GroupNormalizationOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult MeanVarianceNormalizationOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult SimplifiedLayerNormalizationOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  auto type = cast<ShapedType>(getX().getType());
  types.push_back(type.clone(getElementTypeOrSelf(getScale())));
  types.append(getRest().size(),
               UnrankedTensorType::get(
                   getStashType().value_or(Float32Type::get(getContext()))));
  return success();
}

LogicalResult EinsumOp::inferResultTypes(Operands operands,
                                         SmallVectorImpl<Type> &types,
                                         std::string &error) {
  if (getInputs().empty()) {
    error = "expected at least one operand, found none";
    return failure();
  }
  types.push_back(unrankedLike(getInputs().front()));
  return success();
}

LogicalResult LinearAttentionOp::inferResultTypes(Operands operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  types.push_back(unrankedLike(getQuery()));
  types.push_back(unrankedLike(getPastState() ? getPastState() : getQuery()));
  return success();
}
