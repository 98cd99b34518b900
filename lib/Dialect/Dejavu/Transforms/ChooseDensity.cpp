//===- ChooseDensity.cpp - which blocks a predictor pays for --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bytes are those of weights that a token reads, by the profile of the
// selection: a predictor is read whole, of the block's rows the selected ones,
// and of the rows behind an activation that is exactly zero for most neurons
// those of the active ones.
//
//===----------------------------------------------------------------------===//

#include "DeferredKeys.h"

#include "dejavu/Analysis/DecoderLayers.h"
#include "dejavu/Analysis/WeightBytes.h"
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_CHOOSEDENSITYPASS
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

namespace {
/// What a block reads with its predictor and without it, in bytes per token.
struct Choice {
  double predicted = 0, otherwise = 0;
  StringRef name; ///< of what it is without
};

struct ChooseDensity : dejavu::impl::ChooseDensityPassBase<ChooseDensity> {
  using ChooseDensityPassBase::ChooseDensityPassBase;

  void runOnOperation() override {
    SymbolTable table(getOperation());
    symbols = &table;
    auto decode = getOperation().lookupSymbol<func::FuncOp>("decode");
    if (!decode)
      return;
    decode.walk([&](FFNOp ffn) {
      if (ffn.getPredicted())
        choose(ffn, weigh(ffn, getProfile(ffn)), "MLP");
    });
    decode.walk([&](AttentionOp attention) {
      if (attention.getPredicted())
        choose(attention, weigh(attention, getProfile(attention)), "attention");
    });
  }

private:
  /// Bytes of weights; those that are not there have none.
  double getBytes(ArrayRef<FlatSymbolRefAttr> names) {
    double bytes = 0;
    for (FlatSymbolRefAttr name : names)
      if (auto weight =
              name ? symbols->lookup<WeightOp>(name.getAttr()) : WeightOp())
        bytes += static_cast<double>(getAllBytes(weight.getTensorType()));
    return bytes;
  }

  /// The profile of the set that predicts a block; null if it has none.
  template <typename OpTy>
  static ProfileAttr getProfile(OpTy block) {
    auto select = block.getPredicted().template getDefiningOp<SelectOp>();
    return select ? select.getProfileAttr() : ProfileAttr();
  }

  template <typename OpTy>
  double getPredictorBytes(OpTy block) {
    auto select = block.getPredicted().template getDefiningOp<SelectOp>();
    auto predict = select
                       ? select.getScores().template getDefiningOp<PredictOp>()
                       : PredictOp();
    if (!predict)
      return 0;
    return getBytes({predict.getFirstAttr(), predict.getSecondAttr(),
                     predict.getBiasAttr()});
  }

  Choice weigh(FFNOp ffn, ProfileAttr profile) {
    double density = profile ? profile.getDensity().convertToDouble() : 1;
    double active = profile ? profile.getActive().convertToDouble() : 1;
    double gate = getBytes({ffn.getGateAttr(), ffn.getGateBiasAttr()});
    double up = getBytes({ffn.getUpAttr(), ffn.getUpBiasAttr()});
    double down = getBytes({ffn.getDownAttr()});
    // What is read first, and what only for neurons that are not zero.
    double first = ffn.getGate() ? gate : up;
    double rest = ffn.getGate() ? up + down : down;
    bool isExact = isExactlySparse(ffn.getActivation());
    Choice choice;
    choice.predicted = getPredictorBytes(ffn) + density * first +
                       (isExact ? std::min(density, active) : density) * rest;
    choice.otherwise = first + (isExact ? active : 1) * rest;
    choice.name = isExact ? "exact" : "dense";
    return choice;
  }

  Choice weigh(AttentionOp attention, ProfileAttr profile) {
    double density = profile ? profile.getDensity().convertToDouble() : 1;
    LinearOp query = findProjection(attention.getQuery());
    double saved =
        query ? getBytes({query.getWeightAttr(), query.getBiasAttr()}) : 0;
    for (Operation *user : attention.getResult().getUsers())
      if (auto output = dyn_cast<LinearOp>(user))
        saved += getBytes({output.getWeightAttr()});
    DeferredKeys keys;
    if (choosePolicy(attention, kv) == KVPolicy::deferred &&
        keys.match(attention.getCache()).empty())
      for (LinearOp linear : {keys.key, keys.value})
        saved += getBytes({linear.getWeightAttr(), linear.getBiasAttr()});
    return {getPredictorBytes(attention) + density * saved, saved, "dense"};
  }

  template <typename OpTy>
  void choose(OpTy block, const Choice &choice, StringRef what) {
    auto options = remark::RemarkOpts::name("density")
                       .category("sparsify")
                       .function("decode");
    ProfileAttr profile = getProfile(block);
    double loss = profile ? profile.getLoss().convertToDouble() : 0;
    auto drop = [&](const std::string &why) {
      remark::missed(block.getLoc(), options)
          << (what + " stays " + choice.name + ": " + why).str();
      block.getPredictedMutable().clear();
    };
    if (!profile) {
      remark::analysis(block.getLoc(), options)
          << (what + " is predicted: its selection has no profile to judge it "
                     "by")
                 .str();
      return;
    }
    std::string bytes =
        llvm::formatv("{0:f1} KiB a token, {1:f1} without",
                      choice.predicted / 1024, choice.otherwise / 1024);
    if (choice.predicted >= (1 - minSaving) * choice.otherwise)
      return drop("with a predictor it would read " + bytes);
    if (loss > maxLoss)
      return drop(llvm::formatv("a predictor would lose {0:f2} % of its output",
                                100 * loss));
    remark::passed(block.getLoc(), options)
        << llvm::formatv("{0} is predicted: {1:f1} % of its units, {2}, {3:f2} "
                         "% of its output lost",
                         what, 100 * profile.getDensity().convertToDouble(),
                         bytes, 100 * loss)
               .str();
  }

  SymbolTable *symbols = nullptr;
};
} // namespace
