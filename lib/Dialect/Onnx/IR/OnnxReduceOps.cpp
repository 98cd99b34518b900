//===- OnnxReduceOps.cpp - type inference of extremes and running results -===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::onnx;

LogicalResult TopKOp::inferResultTypes(Operands operands,
                                       SmallVectorImpl<Type> &types,
                                       std::string &error) {
  types.push_back(unrankedLike(getX()));
  types.push_back(UnrankedTensorType::get(IntegerType::get(getContext(), 64)));
  return success();
}

LogicalResult CumProdOp::inferResultTypes(Operands operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  types.push_back(getX().getType());
  return success();
}
