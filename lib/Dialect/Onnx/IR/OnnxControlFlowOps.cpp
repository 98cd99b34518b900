//===- OnnxControlFlowOps.cpp - type inference of ops with graphs inside --===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::onnx;

/// What ends a region, or null if it is something else.
static YieldOp findYield(Region &region) {
  if (region.empty() || region.front().empty())
    return YieldOp();
  return dyn_cast<YieldOp>(region.front().back());
}

LogicalResult YieldOp::inferResultTypes(Operands operands,
                                        SmallVectorImpl<Type> &types,
                                        std::string &error) {

  return success();
}

LogicalResult IfOp::inferResultTypes(Operands operands,
                                     SmallVectorImpl<Type> &types,
                                     std::string &error) {
  YieldOp yield = findYield(getThenBranch());
  if (!yield) {
    error = "expected a region that ends with onnx.Yield";
    return failure();
  }
  for (Value value : yield.getOutputs().drop_front(0))
    types.push_back(unrankedLike(value));
  return success();
}

LogicalResult LoopOp::inferResultTypes(Operands operands,
                                       SmallVectorImpl<Type> &types,
                                       std::string &error) {
  YieldOp yield = findYield(getBody());
  if (!yield) {
    error = "expected a region that ends with onnx.Yield";
    return failure();
  }
  for (Value value : yield.getOutputs().drop_front(1))
    types.push_back(unrankedLike(value));
  return success();
}

LogicalResult ScanOp::inferResultTypes(Operands operands,
                                       SmallVectorImpl<Type> &types,
                                       std::string &error) {
  YieldOp yield = findYield(getBody());
  if (!yield) {
    error = "expected a region that ends with onnx.Yield";
    return failure();
  }
  for (Value value : yield.getOutputs().drop_front(0))
    types.push_back(unrankedLike(value));
  return success();
}
