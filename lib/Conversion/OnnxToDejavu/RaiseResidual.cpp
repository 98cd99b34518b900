//===- RaiseResidual.cpp - sums of two activations ------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

#include "dejavu/Analysis/SymbolicShapes.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISERESIDUALPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

namespace {
struct RaiseResidual : dejavu::impl::RaiseResidualPassBase<RaiseResidual> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return;
    SymbolicShapes shapes(function);
    IRRewriter rewriter(&getContext());
    for (Operation &op : llvm::make_early_inc_range(function.front())) {
      auto add = dyn_cast<onnx::AddOp>(op);
      if (!add || !isActivationType(add.getType()) ||
          add.getA().getType() != add.getType() ||
          add.getB().getType() != add.getType() ||
          !shapes.haveSameShape(add.getA(), add.getB()))
        continue;
      rewriter.setInsertionPoint(add);
      auto sum = ResidualAddOp::create(rewriter, add.getLoc(), add.getType(),
                                       add.getA(), add.getB());
      rewriter.replaceOp(add, sum);
      shapes.update(sum);
    }
  }
};
} // namespace
