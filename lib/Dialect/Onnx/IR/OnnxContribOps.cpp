//===- OnnxContribOps.cpp - type inference of operators of com.microsoft --===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::onnx;

LogicalResult MsFastGeluOp::inferResultTypes(Operands operands,
                                             SmallVectorImpl<Type> &types,
                                             std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult MsQuickGeluOp::inferResultTypes(Operands operands,
                                              SmallVectorImpl<Type> &types,
                                              std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult MsBiasGeluOp::inferResultTypes(Operands operands,
                                             SmallVectorImpl<Type> &types,
                                             std::string &error) {
  types.push_back(getA().getType());
  return success();
}

LogicalResult MsSkipLayerNormalizationOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(getInput().getType());
  Type f32 = Float32Type::get(getContext());
  for (unsigned i = 0; i < getRest().size(); ++i)
    types.push_back(i == 2 ? getInput().getType()
                           : Type(UnrankedTensorType::get(f32)));
  return success();
}

LogicalResult MsSkipSimplifiedLayerNormalizationOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(getInput().getType());
  Type f32 = Float32Type::get(getContext());
  for (unsigned i = 0; i < getRest().size(); ++i)
    types.push_back(i == 2 ? getInput().getType()
                           : Type(UnrankedTensorType::get(f32)));
  return success();
}

LogicalResult MsEmbedLayerNormalizationOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(unrankedLike(getWordEmbedding()));
  for (unsigned i = 0; i < getRest().size(); ++i)
    types.push_back(i == 0 ? unrankedLike(getInputIds())
                           : unrankedLike(getWordEmbedding()));
  return success();
}

LogicalResult MsRotaryEmbeddingOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult MsAttentionOp::inferResultTypes(Operands operands,
                                              SmallVectorImpl<Type> &types,
                                              std::string &error) {
  types.push_back(unrankedLike(getInput()));
  types.append(getRest().size(), unrankedLike(getInput()));
  return success();
}

LogicalResult MsMultiHeadAttentionOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(unrankedLike(getQuery()));
  types.append(getRest().size(), unrankedLike(getQuery()));
  return success();
}

LogicalResult MsGroupQueryAttentionOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(unrankedLike(getQuery()));
  types.append(getRest().size(), unrankedLike(getQuery()));
  return success();
}

LogicalResult MsFusedMatMulOp::inferResultTypes(Operands operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  types.push_back(unrankedLike(getA()));
  return success();
}

LogicalResult MsMatMulNBitsOp::inferResultTypes(Operands operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  types.push_back(unrankedLike(getA()));
  return success();
}

LogicalResult MsGatherBlockQuantizedOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  types.push_back(unrankedLike(getScales()));
  return success();
}

LogicalResult MsMoEOp::inferResultTypes(Operands operands,
                                        SmallVectorImpl<Type> &types,
                                        std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult MsQMoEOp::inferResultTypes(Operands operands,
                                         SmallVectorImpl<Type> &types,
                                         std::string &error) {
  types.push_back(getInput().getType());
  return success();
}
