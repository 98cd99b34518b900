//===- InsertPredictors.cpp - predictors at their sites, as hints ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A predictor is as good as its input is the one that it was trained on. So
// everything that can be checked is: the model's digest, the shapes, and that
// there is an entry for each layer. Errors name the file and the block.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/DecoderLayers.h"
#include "dejavu/Analysis/WeightUses.h"
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"
#include "dejavu/Support/ModelDigest.h"
#include "dejavu/Support/PredictorFile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/Path.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_INSERTPREDICTORSPASS
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

LogicalResult dejavu::checkPredictorModel(ModuleOp module,
                                          const PredictorFile &file) {
  SmallVector<WeightOp> weights;
  SymbolTable symbols(module);
  for (StringAttr name : findUsedWeights(module, /*withRecipes=*/false))
    weights.push_back(symbols.lookup<WeightOp>(name));
  FailureOr<std::string> digest = computeModelDigest(module, weights);
  if (failed(digest))
    return failure();
  if (*digest == file.modelDigest)
    return success();
  InFlightDiagnostic diag =
      emitError(getFileLocation(module.getContext(), file.path))
      << "expected predictors of the model that is compiled, found those of '"
      << file.modelName << "' with the digest " << file.modelDigest;
  diag.attachNote(module.getLoc())
      << "the model that is compiled has the digest " << *digest;
  return diag;
}

namespace {
struct InsertPredictors
    : dejavu::impl::InsertPredictorsPassBase<InsertPredictors> {
  using InsertPredictorsPassBase::InsertPredictorsPassBase;

  void runOnOperation() override;

private:
  LogicalResult checkFile(const PredictorFile &predictors);
  /// Adds the hint for one block of a layer, where `units` is what it has.
  template <typename OpTy>
  LogicalResult insert(const PredictorFile &predictors,
                       ArrayRef<DecoderLayer> layers,
                       const PredictorEntry &entry, OpTy block, int64_t units);
  /// The symbol of a tensor of the file, transposed if asked for.
  FlatSymbolRefAttr makeWeight(const PredictorFile &predictors,
                               const PredictorEntry &entry, StringRef part,
                               const PredictorTensor &tensor,
                               bool isTransposed);
  InFlightDiagnostic failFile(const PredictorFile &predictors) {
    return emitError(getFileLocation(&getContext(), predictors.path));
  }
};
} // namespace

LogicalResult InsertPredictors::checkFile(const PredictorFile &predictors) {
  if (predictors.use != PredictorUse::predicted)
    return failFile(predictors)
           << "expected a file for predicted sparsity, found one for threshold";
  static constexpr std::pair<LookAheadChoice, LookAhead> kChoices[] = {
      {LookAheadChoice::same, LookAhead::same},
      {LookAheadChoice::half, LookAhead::half},
      {LookAheadChoice::full, LookAhead::full}};
  for (auto [choice, wanted] : kChoices)
    if (lookAhead == choice && predictors.lookAhead != wanted)
      return failFile(predictors) << "expected predictors with the look-ahead "
                                  << stringifyLookAhead(wanted) << ", found "
                                  << stringifyLookAhead(predictors.lookAhead);
  return checkModel ? checkPredictorModel(getOperation(), predictors)
                    : success();
}

FlatSymbolRefAttr InsertPredictors::makeWeight(const PredictorFile &predictors,
                                               const PredictorEntry &entry,
                                               StringRef part,
                                               const PredictorTensor &tensor,
                                               bool isTransposed) {
  std::string name = ("predictors.layers." + Twine(entry.layer) + "." +
                      stringifyUnit(entry.unit) + "." + part)
                         .str();
  OpBuilder builder(&getContext());
  auto source =
      SourceAttr::get(&getContext(), llvm::sys::path::filename(predictors.path),
                      tensor.offset, tensor.length, SourceRoot::predictors);
  auto weight = WeightOp::create(
      builder, getFileLocation(&getContext(), predictors.path), name,
      tensor.type, source, /*source_type=*/TypeAttr(), /*recipe=*/ArrayAttr());
  // Names of the model's weights come from its file, and may be anything.
  SymbolTable symbols(getOperation());
  symbols.insert(weight, getOperation().getBody()->begin());
  if (isTransposed)
    weight.appendRecipeStep(
        TransposeAttr::get(&getContext(), ArrayRef<int64_t>{1, 0}));
  return FlatSymbolRefAttr::get(weight.getSymNameAttr());
}

template <typename OpTy>
LogicalResult InsertPredictors::insert(const PredictorFile &predictors,
                                       ArrayRef<DecoderLayer> layers,
                                       const PredictorEntry &entry, OpTy block,
                                       int64_t units) {
  auto function = block->template getParentOfType<func::FuncOp>();
  auto options = remark::RemarkOpts::name("predictor")
                     .category("sparsify")
                     .function(function.getName());
  if (!entry.dense.empty()) {
    remark::analysis(block.getLoc(), options)
        << (Twine(stringifyUnit(entry.unit)) + "s of layer " +
            Twine(entry.layer) + " have no predictor: " + entry.dense)
               .str();
    return success();
  }
  Value site =
      getPredictorSite(layers, entry.layer, entry.unit, predictors.lookAhead);
  std::string problem;
  if (!site)
    problem = ("expected a residual stream that looks ahead " +
               stringifyLookAhead(predictors.lookAhead) +
               ", found no norm or projection that has one")
                  .str();
  else if (getFeatures(site.getType()) != entry.features)
    problem = ("expected one that reads " + Twine(getFeatures(site.getType())) +
               " features, found " + Twine(entry.features))
                  .str();
  else if (units != entry.units)
    problem = ("expected one for " + Twine(units) + " units, found " +
               Twine(entry.units))
                  .str();
  if (!problem.empty()) {
    InFlightDiagnostic diag = block.emitOpError()
                              << "layer " << entry.layer << ", predictor of "
                              << stringifyUnit(entry.unit) << "s: " << problem;
    diag.attachNote(getFileLocation(&getContext(), predictors.path))
        << "the predictor is declared here";
    return diag;
  }
  OpBuilder builder(&getContext());
  builder.setInsertionPointAfterValue(site);
  Location loc = block.getLoc();
  bool isLowRank = entry.kind == PredictorKind::low_rank;
  auto siteType = cast<RankedTensorType>(site.getType());
  auto scoresType = RankedTensorType::get(
      {siteType.getDimSize(0), siteType.getDimSize(1), units},
      siteType.getElementType());
  FlatSymbolRefAttr second, scale;
  if (entry.scale)
    scale = makeWeight(predictors, entry, "scale", *entry.scale,
                       /*isTransposed=*/false);
  if (isLowRank)
    second = makeWeight(predictors, entry, "second", entry.second,
                        /*isTransposed=*/true);
  Value scores = PredictOp::create(
      builder, loc, scoresType,
      PredictorKindAttr::get(&getContext(), entry.kind), site,
      makeWeight(predictors, entry, isLowRank ? "first" : "signs", entry.first,
                 /*isTransposed=*/!isLowRank),
      second, scale,
      makeWeight(predictors, entry, "bias", entry.bias,
                 /*isTransposed=*/false),
      builder.getF32FloatAttr(1e-5f));
  bool isTopK = entry.select == SelectKind::top_k;
  auto active = SelectOp::create(
      builder, loc, ActiveType::get(&getContext(), entry.unit, units),
      SelectKindAttr::get(&getContext(), entry.select), scores,
      isTopK ? FloatAttr()
             : builder.getF32FloatAttr(static_cast<float>(entry.threshold)),
      isTopK ? builder.getI64IntegerAttr(entry.k) : IntegerAttr(),
      entry.profile);
  block.getPredictedMutable().assign(active.getResult());
  remark::passed(loc, options)
      << ("a predictor looks ahead (" +
          stringifyLookAhead(predictors.lookAhead) + ") for the " +
          stringifyUnit(entry.unit) + "s of layer " + Twine(entry.layer))
             .str();
  return success();
}

void InsertPredictors::runOnOperation() {
  ModuleOp module = getOperation();
  auto decode = module.lookupSymbol<func::FuncOp>("decode");
  FailureOr<PredictorFile> predictors =
      PredictorFile::read(&getContext(), file);
  if (failed(predictors))
    return signalPassFailure();
  if (!decode) {
    InFlightDiagnostic diag =
        module.emitError() << "expected a decoder with a cache for predictors, "
                              "found no function @decode";
    diag.attachNote(getFileLocation(&getContext(), predictors->path))
        << "the predictors are here";
    return signalPassFailure();
  }
  if (failed(checkFile(*predictors)))
    return signalPassFailure();
  std::vector<DecoderLayer> layers = findDecoderLayers(decode);
  for (const PredictorEntry &entry : predictors->entries)
    if (entry.layer >= static_cast<int64_t>(layers.size())) {
      InFlightDiagnostic diag =
          failFile(*predictors)
          << "expected predictors for " << static_cast<int64_t>(layers.size())
          << " layers, found one for layer " << entry.layer;
      diag.attachNote(decode.getLoc()) << "the layers are here";
      return signalPassFailure();
    }
  for (const PredictorEntry &entry : predictors->entries)
    if (entry.unit == Unit::neuron && !layers[entry.layer].ffn) {
      InFlightDiagnostic diag = failFile(*predictors)
                                << "found predictors for the neurons of layer "
                                << entry.layer << ", which has no MLP";
      diag.attachNote(layers[entry.layer].attention.getLoc())
          << "the attention of that layer is here";
      return signalPassFailure();
    }
  SymbolTable symbols(module);
  for (auto [number, layer] : llvm::enumerate(layers)) {
    auto index = static_cast<int64_t>(number);
    if (layer.ffn) {
      const PredictorEntry *entry = predictors->find(index, Unit::neuron);
      auto up = symbols.lookup<WeightOp>(layer.ffn.getUp());
      if (!entry || !up) {
        InFlightDiagnostic diag =
            failFile(*predictors)
            << "expected an entry for the neurons of layer " << index
            << ", found none";
        diag.attachNote(layer.ffn.getLoc()) << "the MLP of that layer is here";
        return signalPassFailure();
      }
      if (failed(insert(*predictors, layers, *entry, layer.ffn,
                        up.getTensorType().getDimSize(0))))
        return signalPassFailure();
    }
    if (const PredictorEntry *entry = predictors->find(index, Unit::kv_group))
      if (failed(insert(*predictors, layers, *entry, layer.attention,
                        layer.attention.getCache().getType().getHeads())))
        return signalPassFailure();
  }
  module->setAttr(DejavuDialect::kPredictorsAttrName,
                  StringAttr::get(&getContext(), predictors->path));
}
