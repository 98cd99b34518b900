//===- OnnxQuantOps.cpp - type inference of quantised numbers -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::onnx;

LogicalResult QuantizeLinearOp::inferResultTypes(Operands operands,
                                                 SmallVectorImpl<Type> &types,
                                                 std::string &error) {
  Type element = getYZeroPoint() ? getElementTypeOrSelf(getYZeroPoint())
                                 : getOutputDtype().value_or(IntegerType::get(
                                       getContext(), 8, IntegerType::Unsigned));
  types.push_back(cast<ShapedType>(getX().getType()).clone(element));
  return success();
}

LogicalResult DequantizeLinearOp::inferResultTypes(Operands operands,
                                                   SmallVectorImpl<Type> &types,
                                                   std::string &error) {
  types.push_back(
      cast<ShapedType>(getX().getType())
          .clone(getOutputDtype().value_or(getElementTypeOrSelf(getXScale()))));
  return success();
}

LogicalResult DynamicQuantizeLinearOp::inferResultTypes(
    Operands operands, SmallVectorImpl<Type> &types, std::string &error) {
  Type byte = IntegerType::get(getContext(), 8, IntegerType::Unsigned);
  auto type = cast<ShapedType>(getX().getType());
  types.push_back(type.clone(byte));
  types.push_back(RankedTensorType::get({}, type.getElementType()));
  types.push_back(RankedTensorType::get({}, byte));
  return success();
}

LogicalResult MatMulIntegerOp::inferResultTypes(Operands operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  types.push_back(UnrankedTensorType::get(IntegerType::get(getContext(), 32)));
  return success();
}

LogicalResult QLinearMatMulOp::inferResultTypes(Operands operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  types.push_back(unrankedLike(getYZeroPoint()));
  return success();
}
