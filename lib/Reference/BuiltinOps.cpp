//===- BuiltinOps.cpp - constants of upstream dialects --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::dejavu::reference;

static LogicalResult evaluateArithConstant(arith::ConstantOp op, Frame &frame) {
  FailureOr<Tensor> value = Tensor::fromAttribute(op.getValue());
  if (failed(value))
    return frame.fail("the constant is of a kind that is not supported");
  return frame.result(std::move(value));
}

void mlir::dejavu::reference::addBuiltinOps(OpTable &table) {
  table.add(evaluateArithConstant);
}
