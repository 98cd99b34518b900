//===- OnnxIndexOps.cpp - type inference of scatter, borders, choice ------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::onnx;

LogicalResult ScatterNDOp::inferResultTypes(Operands operands,
                                            SmallVectorImpl<Type> &types,
                                            std::string &error) {
  types.push_back(getData().getType());
  return success();
}

LogicalResult ScatterElementsOp::inferResultTypes(Operands operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  types.push_back(getData().getType());
  return success();
}

LogicalResult TensorScatterOp::inferResultTypes(Operands operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  types.push_back(getPastCache().getType());
  return success();
}

LogicalResult TileOp::inferResultTypes(Operands operands,
                                       SmallVectorImpl<Type> &types,
                                       std::string &error) {
  types.push_back(unrankedLike(getInput()));
  return success();
}

LogicalResult PadOp::inferResultTypes(Operands operands,
                                      SmallVectorImpl<Type> &types,
                                      std::string &error) {
  types.push_back(unrankedLike(getData()));
  return success();
}

LogicalResult TriluOp::inferResultTypes(Operands operands,
                                        SmallVectorImpl<Type> &types,
                                        std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult EyeLikeOp::inferResultTypes(Operands operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  types.push_back(
      cast<ShapedType>(getInput().getType())
          .clone(getDtype().value_or(getElementTypeOrSelf(getInput()))));
  return success();
}

LogicalResult OneHotOp::inferResultTypes(Operands operands,
                                         SmallVectorImpl<Type> &types,
                                         std::string &error) {
  types.push_back(unrankedLike(getValues()));
  return success();
}

LogicalResult NonZeroOp::inferResultTypes(Operands operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  types.push_back(UnrankedTensorType::get(IntegerType::get(getContext(), 64)));
  return success();
}

LogicalResult CompressOp::inferResultTypes(Operands operands,
                                           SmallVectorImpl<Type> &types,
                                           std::string &error) {
  types.push_back(unrankedLike(getInput()));
  return success();
}

LogicalResult ReverseSequenceOp::inferResultTypes(Operands operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult DepthToSpaceOp::inferResultTypes(Operands operands,
                                               SmallVectorImpl<Type> &types,
                                               std::string &error) {
  types.push_back(unrankedLike(getInput()));
  return success();
}

LogicalResult SpaceToDepthOp::inferResultTypes(Operands operands,
                                               SmallVectorImpl<Type> &types,
                                               std::string &error) {
  types.push_back(unrankedLike(getInput()));
  return success();
}

LogicalResult SizeOp::inferResultTypes(Operands operands,
                                       SmallVectorImpl<Type> &types,
                                       std::string &error) {
  types.push_back(
      RankedTensorType::get({}, IntegerType::get(getContext(), 64)));
  return success();
}

LogicalResult CastLikeOp::inferResultTypes(Operands operands,
                                           SmallVectorImpl<Type> &types,
                                           std::string &error) {
  types.push_back(cast<ShapedType>(getInput().getType())
                      .clone(getElementTypeOrSelf(getTargetType())));
  return success();
}

LogicalResult BitCastOp::inferResultTypes(Operands operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  types.push_back(cast<ShapedType>(getInput().getType()).clone(getTo()));
  return success();
}
