//===- SparsifyFFN.cpp - read only the rows of active neurons -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_SPARSIFYFFNPASS
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// Options of a remark of this pass about `function`.
static remark::RemarkOpts remarkOptions(func::FuncOp function) {
  return remark::RemarkOpts::name("sparsity")
      .category("sparsify")
      .function(function.getName());
}

/// Replaces `ffn` by what decides which neurons are active (the up projection,
/// or the gate), their exact set, and products that gather.
static void makeExact(IRRewriter &rewriter, FFNOp ffn, int64_t neurons) {
  rewriter.setInsertionPoint(ffn);
  Location loc = ffn.getLoc();
  bool isGated = ffn.getGate().has_value();
  auto type = cast<RankedTensorType>(ffn.getType());
  auto hiddenType = RankedTensorType::get(
      {type.getDimSize(0), type.getDimSize(1), neurons}, type.getElementType());
  Value hidden =
      LinearOp::create(rewriter, loc, hiddenType, ffn.getInput(),
                       isGated ? ffn.getGateAttr() : ffn.getUpAttr(),
                       isGated ? ffn.getGateBiasAttr() : ffn.getUpBiasAttr(),
                       ffn.getActivationAttr());
  Value active = SelectOp::create(
      rewriter, loc, ActiveType::get(ffn.getContext(), Unit::neuron, neurons),
      SelectKind::exact, hidden);
  if (isGated)
    hidden = GatherLinearOp::create(rewriter, loc, hiddenType, ffn.getInput(),
                                    active, ffn.getUpAttr(),
                                    ffn.getUpBiasAttr(), hidden);
  rewriter.replaceOpWithNewOp<SparseLinearOp>(
      ffn, type, hidden, active, ffn.getDownAttr(), ffn.getDownBiasAttr());
}

/// Replaces `ffn` by one that reads the neurons of its hint alone.
static void makePredicted(IRRewriter &rewriter, FFNOp ffn) {
  rewriter.setInsertionPoint(ffn);
  rewriter.replaceOpWithNewOp<SparseFFNOp>(
      ffn, ffn.getType(), ffn.getActivationAttr(), ffn.getInput(),
      ffn.getPredicted(), ffn.getGateAttr(), ffn.getGateBiasAttr(),
      ffn.getUpAttr(), ffn.getUpBiasAttr(), ffn.getDownAttr(),
      ffn.getDownBiasAttr());
}

namespace {
struct SparsifyFFN : dejavu::impl::SparsifyFFNPassBase<SparsifyFFN> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    IRRewriter rewriter(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      auto entry =
          function->getAttrOfType<EntryAttr>(DejavuDialect::kEntryAttrName);
      SmallVector<FFNOp> blocks;
      function.walk([&](FFNOp ffn) { blocks.push_back(ffn); });
      for (FFNOp ffn : blocks) {
        if (ffn.getPredicted()) {
          remark::passed(ffn.getLoc(), remarkOptions(function))
              << "MLP is sparse by prediction: rows of neurons that the "
                 "predictor leaves out are not read";
          makePredicted(rewriter, ffn);
          continue;
        }
        if (!isExactlySparse(ffn.getActivation())) {
          remark::missed(ffn.getLoc(), remarkOptions(function))
              << ("MLP stays dense: " +
                  stringifyActivation(ffn.getActivation()) +
                  " is not exactly zero for inactive neurons")
                     .str();
          continue;
        }
        if (entry && entry.getValue() == Entry::forward) {
          remark::missed(ffn.getLoc(), remarkOptions(function))
              << "MLP stays dense: only the decoder form, which computes one "
                 "token at a time, skips neurons";
          continue;
        }
        if (!entry || entry.getValue() != Entry::decode) {
          remark::analysis(ffn.getLoc(), remarkOptions(function))
              << "MLP stays dense in prefill: the tokens of a prompt need "
                 "nearly all neurons together";
          continue;
        }
        auto up = symbols.lookup<WeightOp>(ffn.getUp());
        if (!up) {
          ffn.emitOpError() << "up projection " << ffn.getUpAttr()
                            << " is not a dejavu.weight";
          return signalPassFailure();
        }
        remark::passed(ffn.getLoc(), remarkOptions(function))
            << (Twine("MLP is exactly sparse: rows of the ") +
                (ffn.getGate() ? "up and down projections"
                               : "down projection") +
                " of inactive neurons are not read")
                   .str();
        makeExact(rewriter, ffn, up.getTensorType().getDimSize(0));
      }
    }
  }
};
} // namespace
