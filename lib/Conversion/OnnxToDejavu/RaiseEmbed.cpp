//===- RaiseEmbed.cpp - lookups in a table --------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISEEMBEDPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// Takes a constant summand off the indices.
static int64_t peelOffset(Value &indices) {
  int64_t offset = 0;
  while (Operation *op = indices.getDefiningOp()) {
    std::optional<int64_t> number;
    Value rest;
    if (auto add = dyn_cast<onnx::AddOp>(op)) {
      for (Value operand : add->getOperands()) {
        number = getConstantInt(operand);
        rest = getOtherOperand(add, operand);
        if (number)
          break;
      }
    } else if (auto sub = dyn_cast<onnx::SubOp>(op)) {
      number = getConstantInt(sub.getB());
      rest = sub.getA();
      if (number && *number == INT64_MIN)
        break;
      if (number)
        number = -*number;
    }
    // Only a constant that leaves the shape as it is.
    if (!number || !rest || rest.getType() != indices.getType() ||
        __builtin_add_overflow(offset, *number, &offset))
      break;
    indices = rest;
  }
  return offset;
}

/// Replaces `gather` by dejavu.embed, if it takes rows of a weight.
static void raise(IRRewriter &rewriter, onnx::GatherOp gather) {
  auto table = gather.getData().getDefiningOp<LoadWeightOp>();
  if (!table || cast<RankedTensorType>(table.getType()).getRank() != 2 ||
      (gather.getAxis() != 0 && gather.getAxis() != -2) ||
      !isActivationType(gather.getType()))
    return;
  Value indices = gather.getIndices();
  int64_t offset = peelOffset(indices);
  auto type = dyn_cast<RankedTensorType>(indices.getType());
  if (!type || type.getRank() != 2 || !type.getElementType().isInteger(64))
    return;
  auto resultType = RankedTensorType::get(
      {type.getDimSize(0), type.getDimSize(1), getFeatures(gather.getType())},
      rewriter.getF32Type());
  if (resultType != gather.getType())
    return;
  // A product with a number scales the table.
  Operation *last = gather;
  FloatAttr scale;
  if (auto mul = gather->hasOneUse()
                     ? dyn_cast<onnx::MulOp>(*gather->user_begin())
                     : onnx::MulOp())
    if (std::optional<double> number =
            getConstantFloat(getOtherOperand(mul, gather));
        number && mul.getType() == resultType) {
      scale = rewriter.getF32FloatAttr(*number);
      last = mul;
    }
  rewriter.setInsertionPoint(last);
  Value embed = EmbedOp::create(rewriter, gather.getLoc(), resultType, indices,
                                table.getWeightAttr(),
                                rewriter.getI64IntegerAttr(offset), scale);
  rewriter.replaceAllUsesWith(last->getResult(0), embed);
}

namespace {
struct RaiseEmbed : dejavu::impl::RaiseEmbedPassBase<RaiseEmbed> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    IRRewriter rewriter(&getContext());
    function.walk([&](onnx::GatherOp gather) { raise(rewriter, gather); });
    eraseDeadOps(function);
  }
};
} // namespace
