//===- RaiseNorm.cpp - normalisation over the features --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISENORMPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// Replaces `norm` by dejavu.norm, if it is over the features of an activation
/// with weights and in f32.
static void raise(IRRewriter &rewriter, onnx::LayerNormalizationOp norm) {
  Value input = norm.getX();
  if (!isActivationType(input.getType()) || norm->getNumResults() != 1 ||
      norm.getY().getType() != input.getType() ||
      (norm.getAxis() != -1 && norm.getAxis() != 2) ||
      (norm.getStashType() && !norm.getStashType()->isF32()))
    return;
  int64_t features = getFeatures(input.getType());
  FlatSymbolRefAttr scale = matchVector(norm.getScale(), features);
  FlatSymbolRefAttr bias = matchVector(norm.getB(), features);
  if (!scale || (norm.getB() && !bias))
    return;
  rewriter.setInsertionPoint(norm);
  rewriter.replaceOpWithNewOp<NormOp>(
      norm, input.getType(),
      NormKindAttr::get(norm.getContext(), NormKind::layer), input, scale, bias,
      norm.getEpsilonAttr(), /*weight_offset=*/FloatAttr(),
      /*groups=*/IntegerAttr());
}

namespace {
struct RaiseNorm : dejavu::impl::RaiseNormPassBase<RaiseNorm> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    IRRewriter rewriter(&getContext());
    function.walk(
        [&](onnx::LayerNormalizationOp norm) { raise(rewriter, norm); });
    eraseDeadOps(function);
  }
};
} // namespace
