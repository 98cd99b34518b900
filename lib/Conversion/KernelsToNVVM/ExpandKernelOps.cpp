//===- ExpandKernelOps.cpp - no calls of a device library -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// convert-gpu-to-nvvm makes calls of libdevice of everything in the math
// dialect, and of the intrinsics that the llvm dialect has ops for. So nothing
// of either is left to it: intrinsics are called by name.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/KernelsToNVVM/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_EXPANDKERNELOPSPASS
#include "dejavu/Conversion/KernelsToNVVM/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;

/// Lanes of a warp.
static constexpr unsigned kWarpSize = 32;

/// The intrinsic that `op` is, or nothing.
static StringRef getIntrinsic(Operation *op) {
  static constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral>
      intrinsics[] = {
          {"math.absf", "llvm.fabs"},
          {"math.ceil", "llvm.ceil"},
          {"math.copysign", "llvm.copysign"},
          {"math.ctpop", "llvm.ctpop"},
          {"math.exp2", "llvm.exp2"},
          {"math.floor", "llvm.floor"},
          {"math.fma", "llvm.fma"},
          {"math.round", "llvm.round"},
          {"math.roundeven", "llvm.roundeven"},
          {"math.sqrt", "llvm.sqrt"},
          {"math.trunc", "llvm.trunc"},
      };
  for (auto [name, intrinsic] : intrinsics)
    if (op->getName().getStringRef() == name)
      return intrinsic;
  return "";
}

/// Calls `intrinsic` with the operands of `op`.
static void replaceByIntrinsic(RewriterBase &rewriter, Operation *op,
                               StringRef intrinsic) {
  rewriter.setInsertionPoint(op);
  auto call = LLVM::CallIntrinsicOp::create(
      rewriter, op->getLoc(), op->getResult(0).getType(),
      rewriter.getStringAttr(intrinsic), op->getOperands());
  rewriter.replaceOp(op, call->getResults());
}

/// One over the root: the approximation of the hardware for one f32, which is
/// off by two units in the last place at most; else a division.
static void replaceRsqrt(RewriterBase &rewriter, math::RsqrtOp op) {
  if (op.getType().isF32())
    return replaceByIntrinsic(rewriter, op, "llvm.nvvm.rsqrt.approx.f");
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  Type type = op.getType();
  Value root = LLVM::CallIntrinsicOp::create(
                   rewriter, loc, type, rewriter.getStringAttr("llvm.sqrt"),
                   op->getOperands())
                   .getResult(0);
  TypedAttr one = rewriter.getFloatAttr(getElementTypeOrSelf(type), 1.0);
  if (auto shaped = dyn_cast<ShapedType>(type))
    one = SplatElementsAttr::get(shaped, Attribute(one));
  Value numerator = arith::ConstantOp::create(rewriter, loc, one);
  rewriter.replaceOpWithNewOp<arith::DivFOp>(op, numerator, root);
}

namespace {
struct ExpandKernelOps
    : dejavu::impl::ExpandKernelOpsPassBase<ExpandKernelOps> {
  void runOnOperation() override {
    auto isExpanded = [](StringRef name) {
      return name.starts_with("math.") && name != "math.rsqrt" &&
             name != "math.fma";
    };
    RewritePatternSet patterns(&getContext());
    populateMathF32ExpansionPatterns(patterns, isExpanded);
    populateMathPolynomialApproximationPatterns(patterns, isExpanded);
    populateGpuLowerSubgroupReduceToShufflePatterns(patterns, kWarpSize);
    populateGpuLowerClusteredSubgroupReduceToShufflePatterns(patterns,
                                                             kWarpSize);
    populateGpuAllReducePatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();

    IRRewriter rewriter(&getContext());
    WalkResult result = getOperation()->walk([&](Operation *op) {
      if (!isa_and_nonnull<math::MathDialect>(op->getDialect()))
        return WalkResult::advance();
      if (auto rsqrt = dyn_cast<math::RsqrtOp>(op))
        replaceRsqrt(rewriter, rsqrt);
      else if (StringRef intrinsic = getIntrinsic(op); !intrinsic.empty())
        replaceByIntrinsic(rewriter, op, intrinsic);
      else if (isa<math::AbsIOp, math::CountLeadingZerosOp,
                   math::CountTrailingZerosOp>(op))
        return WalkResult::advance(); // no function behind these
      else
        return op->emitOpError("expected mathematics that kernels have without "
                               "a device library"),
               WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
