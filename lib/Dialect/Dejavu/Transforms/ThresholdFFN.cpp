//===- ThresholdFFN.cpp - leave out neurons of small activation -----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/DecoderLayers.h"
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"
#include "dejavu/Support/PredictorFile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_THRESHOLDFFNPASS
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// The set of the neurons whose value is at least `threshold` in magnitude.
static Value selectMagnitude(IRRewriter &rewriter, Location loc, Value values,
                             double threshold, ProfileAttr profile) {
  MLIRContext *context = rewriter.getContext();
  return SelectOp::create(
      rewriter, loc,
      ActiveType::get(context, Unit::neuron, getFeatures(values.getType())),
      SelectKindAttr::get(context, SelectKind::magnitude), values,
      rewriter.getF32FloatAttr(static_cast<float>(threshold)),
      /*k=*/IntegerAttr(), profile);
}

static void makeThreshold(IRRewriter &rewriter, FFNOp ffn,
                          const PredictorEntry &entry) {
  rewriter.setInsertionPoint(ffn);
  Location loc = ffn.getLoc();
  bool isGated = ffn.getGate().has_value();
  auto type = cast<RankedTensorType>(ffn.getType());
  auto hiddenType = RankedTensorType::get(
      {type.getDimSize(0), type.getDimSize(1), entry.units},
      type.getElementType());
  Value hidden =
      LinearOp::create(rewriter, loc, hiddenType, ffn.getInput(),
                       isGated ? ffn.getGateAttr() : ffn.getUpAttr(),
                       isGated ? ffn.getGateBiasAttr() : ffn.getUpBiasAttr(),
                       ffn.getActivationAttr());
  Value active =
      selectMagnitude(rewriter, loc, hidden, entry.threshold, entry.profile);
  if (isGated) {
    hidden = GatherLinearOp::create(rewriter, loc, hiddenType, ffn.getInput(),
                                    active, ffn.getUpAttr(),
                                    ffn.getUpBiasAttr(), hidden);
    // What is not in the set is 0 here, and a threshold above 0 leaves it out.
    if (entry.downThreshold && *entry.downThreshold > 0)
      active = selectMagnitude(rewriter, loc, hidden, *entry.downThreshold,
                               /*profile=*/nullptr);
  }
  rewriter.replaceOpWithNewOp<SparseLinearOp>(
      ffn, type, hidden, active, ffn.getDownAttr(), ffn.getDownBiasAttr());
}

namespace {
struct ThresholdFFN : dejavu::impl::ThresholdFFNPassBase<ThresholdFFN> {
  using ThresholdFFNPassBase::ThresholdFFNPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<PredictorFile> thresholds =
        PredictorFile::read(&getContext(), file);
    if (failed(thresholds))
      return signalPassFailure();
    Location place = getFileLocation(&getContext(), thresholds->path);
    auto decode = module.lookupSymbol<func::FuncOp>("decode");
    if (thresholds->use != PredictorUse::threshold || !decode) {
      InFlightDiagnostic diag =
          emitError(place) << (decode ? "expected a file for threshold "
                                        "sparsity, found one for predicted"
                                      : "expected a decoder with a cache for "
                                        "thresholds");
      return signalPassFailure();
    }
    if (checkModel && failed(checkPredictorModel(module, *thresholds)))
      return signalPassFailure();
    SymbolTable symbols(module);
    IRRewriter rewriter(&getContext());
    std::vector<DecoderLayer> layers = findDecoderLayers(decode);
    for (const PredictorEntry &entry : thresholds->entries)
      if (entry.unit != Unit::neuron ||
          entry.layer >= static_cast<int64_t>(layers.size()) ||
          !layers[entry.layer].ffn) {
        InFlightDiagnostic diag = emitError(place)
                                  << "expected thresholds for the neurons of "
                                  << static_cast<int64_t>(layers.size())
                                  << " layers, found one for the "
                                  << stringifyUnit(entry.unit) << "s of layer "
                                  << entry.layer;
        diag.attachNote(decode.getLoc()) << "the layers are here";
        return signalPassFailure();
      }
    for (auto [number, layer] : llvm::enumerate(layers)) {
      if (!layer.ffn)
        continue;
      const PredictorEntry *entry =
          thresholds->find(static_cast<int64_t>(number), Unit::neuron);
      auto up = symbols.lookup<WeightOp>(layer.ffn.getUp());
      int64_t neurons = up ? up.getTensorType().getDimSize(0) : 0;
      if (!entry || (entry->dense.empty() && entry->units != neurons)) {
        InFlightDiagnostic diag =
            emitError(place)
            << "expected a threshold for the " << neurons
            << " neurons of layer " << static_cast<int64_t>(number)
            << ", found " << (entry ? "one for another number" : "none");
        diag.attachNote(layer.ffn.getLoc()) << "the MLP of that layer is here";
        return signalPassFailure();
      }
      auto options = remark::RemarkOpts::name("sparsity")
                         .category("sparsify")
                         .function(decode.getName());
      if (!entry->dense.empty()) {
        remark::missed(layer.ffn.getLoc(), options)
            << "MLP stays dense: " + entry->dense;
        continue;
      }
      // Nothing is below 0, and zeros are left out exactly.
      if (entry->threshold == 0 && isExactlySparse(layer.ffn.getActivation()))
        continue;
      remark::passed(layer.ffn.getLoc(), options)
          << llvm::formatv("MLP is sparse by threshold: neurons below {0} are "
                           "left out",
                           entry->threshold)
                 .str();
      makeThreshold(rewriter, layer.ffn, *entry);
    }
  }
};
} // namespace
