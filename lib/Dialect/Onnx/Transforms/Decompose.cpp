//===- Decompose.cpp - fused operators to plain ones ----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The walk. What each operator stands for is told in the other Decompose*.cpp.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/Transforms/Passes.h"

#include "GraphBuilder.h"

#include "llvm/ADT/TypeSwitch.h"

namespace mlir::onnx {
#define GEN_PASS_DEF_ONNXDECOMPOSEPASS
#include "dejavu/Dialect/Onnx/Transforms/Passes.h.inc"
} // namespace mlir::onnx

using namespace mlir;
using namespace mlir::onnx;

/// The ops that `decompose` is for.
template <typename... Ops>
struct OpList {
  static bool contains(Operation *op) { return isa<Ops...>(op); }
  static Results decompose(GraphBuilder &b, Operation *op) {
    return llvm::TypeSwitch<Operation *, Results>(op).Case<Ops...>(
        [&](auto each) { return onnx::decompose(b, each); });
  }
};
using Fused =
    OpList<AttentionOp, MsGroupQueryAttentionOp, MsMultiHeadAttentionOp,
           MsAttentionOp, RotaryEmbeddingOp, MsRotaryEmbeddingOp,
           TensorScatterOp, SwishOp, SwiGLUOp, CausalConvWithStateOp, MsGeluOp,
           MsFastGeluOp, MsBiasGeluOp, MsQuickGeluOp,
           MsSkipLayerNormalizationOp, MsSkipSimplifiedLayerNormalizationOp,
           MsEmbedLayerNormalizationOp, MsFusedMatMulOp, MsMatMulNBitsOp,
           MsGatherBlockQuantizedOp, MsMoEOp, MsQMoEOp>;

/// Replaces `op`, or says why that cannot be.
static LogicalResult decomposeOne(Operation *op) {
  GraphBuilder b(op);
  Results results = Fused::decompose(b, op);
  if (!b.getError().empty())
    return op->emitOpError() << b.getError();
  for (auto [old, fresh] : llvm::zip(op->getResults(), results)) {
    if (old.use_empty())
      continue;
    // What the importer knows of the shape may be more than inference finds.
    if (fresh && fresh.getDefiningOp() &&
        isa<RankedTensorType>(old.getType()) &&
        !isa<RankedTensorType>(fresh.getType()))
      fresh.setType(cast<TensorType>(old.getType()));
    if (!fresh)
      return op->emitOpError()
             << "expected result " << old.getResultNumber() << " to be unused";
    old.replaceAllUsesWith(fresh);
  }
  op->erase();
  return success();
}

LogicalResult
onnx::decomposeFusedOps(Operation *root,
                        llvm::function_ref<bool(Operation *)> wanted) {
  SmallVector<Operation *> fused;
  root->walk([&](Operation *op) {
    if (Fused::contains(op) && wanted(op))
      fused.push_back(op);
  });
  bool failure = false;
  for (Operation *op : fused)
    failure |= failed(decomposeOne(op));
  return success(!failure);
}

namespace {
struct OnnxDecompose : onnx::impl::OnnxDecomposePassBase<OnnxDecompose> {
  void runOnOperation() override {
    if (failed(decomposeFusedOps(getOperation(),
                                 [](Operation *) { return true; })))
      signalPassFailure();
  }
};
} // namespace
