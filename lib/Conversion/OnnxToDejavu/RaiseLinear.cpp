//===- RaiseLinear.cpp - products with a weight ---------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISELINEARPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

namespace {
struct RaiseLinear : dejavu::impl::RaiseLinearPassBase<RaiseLinear> {
  void runOnOperation() override {
    func::FuncOp function = getMain(getOperation());
    if (!function)
      return;
    WeightTable weights(getOperation());
    IRRewriter rewriter(&getContext());
    for (Operation &op : llvm::make_early_inc_range(function.front()))
      if (auto product = dyn_cast<onnx::MatMulOp>(op))
        raise(rewriter, weights, product);
    eraseDeadOps(function);
  }

private:
  void raise(IRRewriter &rewriter, WeightTable &weights,
             onnx::MatMulOp product) {
    if (!isActivationType(product.getA().getType()) ||
        !isActivationType(product.getType()))
      return;
    // The weight as it is multiplied is [in, out]; linear wants [out, in].
    FlatSymbolRefAttr matrix = matchWeight(product.getB(), weights);
    if (!matrix)
      return;
    FlatSymbolRefAttr weight = weights.getTransposed(matrix);

    Operation *last = product;
    FlatSymbolRefAttr bias;
    if (product->hasOneUse()) {
      auto add = dyn_cast<onnx::AddOp>(*product->user_begin());
      if (add && add.getType() == product.getType())
        bias = matchVector(getOtherOperand(add, product),
                           getFeatures(product.getType()));
      if (bias)
        last = add;
    }
    rewriter.setInsertionPoint(last);
    // The product's location: it names the layer in reports, where an Add is
    // one of many.
    Value linear =
        LinearOp::create(rewriter, product.getLoc(), product.getType(),
                         product.getA(), weight, bias, ActivationAttr());
    last->getResult(0).replaceAllUsesWith(linear);
    // What was raised is dead now, and eraseDeadOps finds it.
  }
};
} // namespace
