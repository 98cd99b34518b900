//===- ModelSummary.cpp - what a compiled model is and reads --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/ModelSummary.h"

#include "dejavu/Analysis/WeightUses.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::dejavu;

/// Bytes of one row of a tensor.
static int64_t getRowBytes(RankedTensorType type) {
  if (type.getNumElements() == 0)
    return 0;
  return type.getNumElements() / type.getDimSize(0) *
         llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

static int64_t getAllBytes(RankedTensorType type) {
  return getRowBytes(type) * type.getDimSize(0);
}

namespace {
/// Walks `@decode` or `@forward` and fills a summary.
struct Summarizer {
  SymbolTable symbols;
  ModelSummary summary;
  SmallVector<EmbedOp> idTables, positionTables;

  explicit Summarizer(ModuleOp module) : symbols(module) {}

  RankedTensorType getWeight(FlatSymbolRefAttr name) {
    return symbols.lookup<WeightOp>(name.getAttr()).getTensorType();
  }
  /// Adds weights that are read whole.
  void addReads(ArrayRef<FlatSymbolRefAttr> names) {
    for (FlatSymbolRefAttr name : names)
      if (name)
        summary.denseBytes += getAllBytes(getWeight(name));
  }
  /// MLPs, and for each the layer of the attention before it.
  SmallVector<std::pair<MLPSummary, int64_t>> mlps;
  /// For each select its MLP.
  SmallVector<size_t> selectOwners;

  void addMLP(const MLPSummary &mlp) {
    mlps.push_back({mlp, std::max<int64_t>(summary.layers.size(), 1) - 1});
  }
  /// Gives each MLP to a layer. Where there are as many as attentions, each
  /// attention has one: the MLP of a parallel block may come before it.
  void assignMLPs();

  /// Makes up for what has no meaning without a cache: a run reads everything,
  /// and no input is known to be ids or positions.
  void summarizeForward(ModuleOp module);

  void visit(EmbedOp op);
  /// Whether every id and position that the runtime lets pass has a row in the
  /// tables. To be called when all ops were visited.
  LogicalResult checkTables();
  void visit(AttentionOp op);
  void visit(SDPAOp op);
  void visit(FFNOp op);
  void visit(SparseLinearOp op);
  void visit(LMHeadOp op);
};
} // namespace

void Summarizer::visit(EmbedOp op) {
  RankedTensorType table = getWeight(op.getTableAttr());
  summary.denseBytes += getRowBytes(table);
  summary.hidden = table.getDimSize(1);
  // The first argument is the ids, the second the positions.
  auto argument = dyn_cast<BlockArgument>(op.getIds());
  if (!argument)
    return;
  int64_t first = -op.getOffset(), limit = table.getDimSize(0) + first;
  if (argument.getArgNumber() == 0)
    idTables.push_back(op);
  if (argument.getArgNumber() != 1)
    return;
  bool isFirst = positionTables.empty();
  positionTables.push_back(op);
  summary.positionMin = isFirst ? first : std::max(first, summary.positionMin);
  summary.positionLimit =
      isFirst ? limit : std::min(limit, summary.positionLimit);
}

void Summarizer::summarizeForward(ModuleOp module) {
  summary.denseBytes = 0;
  summary.vocab = summary.positionMin = summary.positionLimit = 0;
  llvm::SetVector<StringAttr> used =
      findUsedWeights(module, /*withRecipes=*/false);
  for (auto weight : module.getOps<WeightOp>()) {
    if (!used.contains(weight.getSymNameAttr()))
      continue;
    RankedTensorType type = weight.getTensorType();
    summary.denseBytes += getAllBytes(type);
    if (type.getRank() >= 2 && !summary.matrixType)
      summary.matrixType = type.getElementType();
  }
  summary.alwaysBytes = summary.denseBytes;
}

LogicalResult Summarizer::checkTables() {
  for (EmbedOp op : idTables) {
    int64_t rows = getWeight(op.getTableAttr()).getDimSize(0);
    if (op.getOffset() != 0)
      return op.emitOpError() << "looks up ids with an offset of "
                              << op.getOffset() << ", expected none";
    if (rows < summary.vocab)
      return op.emitOpError()
             << "looks up ids in a table of " << rows
             << " rows, expected one for each of the " << summary.vocab
             << " ids that the logits can choose";
  }
  if (!positionTables.empty() &&
      (summary.positionLimit <= 0 || summary.positionMin > 0))
    return positionTables.front().emitOpError()
           << "expected a position table with a row for position 0, found "
              "rows for positions "
           << summary.positionMin << " to " << summary.positionLimit - 1;
  return success();
}

void Summarizer::visit(AttentionOp op) {
  KVCacheType cache = op.getCache().getType();
  int64_t heads = getFeatures(op.getType(0)) / cache.getHeadDim();
  summary.layers.push_back(
      {AttentionSummary{heads, cache.getHeads(), cache.getHeadDim()},
       std::nullopt});
}

void Summarizer::visit(SDPAOp op) {
  auto heads = static_cast<int64_t>(op.getHeads());
  summary.layers.push_back(
      {AttentionSummary{heads, static_cast<int64_t>(op.getKvHeads()),
                        getFeatures(op.getQuery().getType()) / heads},
       std::nullopt});
}

void Summarizer::visit(FFNOp op) {
  addReads({op.getGateAttr(), op.getGateBiasAttr(), op.getUpAttr(),
            op.getUpBiasAttr(), op.getDownAttr(), op.getDownBiasAttr()});
  std::string reason =
      isExactlySparse(op.getActivation())
          ? summary.isForward ? "many tokens at once need nearly every neuron"
                              : "dense was asked for"
          : (stringifyActivation(op.getActivation()) +
             " is not exactly zero for inactive neurons")
                .str();
  addMLP({getWeight(op.getUpAttr()).getDimSize(0), op.getActivation(),
          op.getGate().has_value(), false, reason});
}

void Summarizer::visit(SparseLinearOp op) {
  RankedTensorType weight = getWeight(op.getWeightAttr());
  addReads({op.getWeightAttr(), op.getBiasAttr()});
  int64_t bytesPerNeuron = getRowBytes(weight);
  Value hidden = op.getInput();
  // A row of the up projection of a gated MLP goes with that of the down
  // projection.
  auto up = hidden.getDefiningOp<GatherLinearOp>();
  if (up) {
    addReads({up.getWeightAttr(), up.getBiasAttr()});
    bytesPerNeuron += getRowBytes(getWeight(up.getWeightAttr()));
    hidden = up.getFactor();
  }
  auto first = hidden.getDefiningOp<LinearOp>();
  addMLP({weight.getDimSize(0), first ? first.getActivation() : std::nullopt,
          up != nullptr, true, ""});
  selectOwners.push_back(mlps.size() - 1);
  summary.selects.push_back({0, bytesPerNeuron, weight.getDimSize(0)});
}

void Summarizer::visit(LMHeadOp op) {
  RankedTensorType weight = getWeight(op.getWeightAttr());
  addReads({op.getWeightAttr(), op.getBiasAttr()});
  summary.vocab = weight.getDimSize(0);
  summary.matrixType = weight.getElementType();
}

void Summarizer::assignMLPs() {
  bool isPaired = mlps.size() == summary.layers.size();
  for (auto [i, mlp] : llvm::enumerate(mlps)) {
    int64_t &layer = mlp.second;
    if (isPaired)
      layer = static_cast<int64_t>(i);
    // Not every layer of a model without a cache begins with an attention.
    else if (summary.layers.empty() ||
             (summary.isForward && summary.layers[layer].mlp)) {
      layer = static_cast<int64_t>(summary.layers.size());
      summary.layers.emplace_back();
    }
    summary.layers[layer].mlp = mlp.first;
  }
  for (auto [select, owner] : llvm::zip(summary.selects, selectOwners))
    select.layer = mlps[owner].second;
}

FailureOr<ModelSummary> ModelSummary::get(ModuleOp module) {
  Summarizer summarizer(module);
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  auto decode = forward ? forward : module.lookupSymbol<func::FuncOp>("decode");
  if (!decode)
    return module.emitError() << "expected a function @decode or @forward";
  summarizer.summary.isForward = forward != nullptr;
  decode.walk([&](Operation *op) {
    if (auto embed = dyn_cast<EmbedOp>(op))
      summarizer.visit(embed);
    else if (auto attention = dyn_cast<AttentionOp>(op))
      summarizer.visit(attention);
    else if (auto sdpa = dyn_cast<SDPAOp>(op))
      summarizer.visit(sdpa);
    else if (auto ffn = dyn_cast<FFNOp>(op))
      summarizer.visit(ffn);
    else if (auto sparse = dyn_cast<SparseLinearOp>(op))
      summarizer.visit(sparse);
    else if (auto head = dyn_cast<LMHeadOp>(op))
      summarizer.visit(head);
    else if (auto norm = dyn_cast<NormOp>(op))
      summarizer.addReads({norm.getScaleAttr(), norm.getBiasAttr()});
    else if (auto table = dyn_cast<RopeTableOp>(op))
      summarizer.addReads({table.getInvFreqAttr()});
    else if (auto linear = dyn_cast<LinearOp>(op))
      summarizer.addReads({linear.getWeightAttr(), linear.getBiasAttr()});
  });
  ModelSummary &summary = summarizer.summary;
  summarizer.assignMLPs();
  if (forward) {
    summarizer.summarizeForward(module);
    return summary;
  }
  if (failed(summarizer.checkTables()))
    return failure();
  if (summary.vocab == 0)
    return decode.emitError() << "expected a dejavu.lm_head in @decode";
  summary.alwaysBytes = summary.denseBytes;
  for (const SelectSummary &select : summary.selects)
    summary.alwaysBytes -= select.bytesPerNeuron * select.neurons;
  return summary;
}

DictionaryAttr dejavu::getManifestAttr(MLIRContext *context,
                                       const ModelSummary &summary) {
  Builder b(context);
  auto number = [&](StringRef name, int64_t value) {
    return b.getNamedAttr(name, b.getI64IntegerAttr(value));
  };
  auto text = [&](StringRef name, const Twine &value) {
    return b.getNamedAttr(name, b.getStringAttr(value));
  };
  SmallVector<Attribute> layers, selects;
  for (const LayerSummary &layer : summary.layers) {
    SmallVector<NamedAttribute> fields;
    if (const auto &attention = layer.attention)
      fields.push_back(b.getNamedAttr(
          "attention",
          b.getDictionaryAttr({number("heads", attention->heads),
                               number("kv_heads", attention->kvHeads),
                               number("head_dim", attention->headDim)})));
    if (layer.mlp)
      fields.push_back(b.getNamedAttr(
          "mlp",
          b.getDictionaryAttr(
              {number("neurons", layer.mlp->neurons),
               text("activation",
                    layer.mlp->activation
                        ? stringifyActivation(*layer.mlp->activation)
                        : "none"),
               b.getNamedAttr("gated", b.getBoolAttr(layer.mlp->isGated)),
               text("sparsity", layer.mlp->isSparse ? "exact" : "dense"),
               text("reason", layer.mlp->reason)})));
    layers.push_back(b.getDictionaryAttr(fields));
  }
  for (const SelectSummary &select : summary.selects)
    selects.push_back(
        b.getDictionaryAttr({number("layer", select.layer),
                             number("bytes_per_neuron", select.bytesPerNeuron),
                             number("neurons", select.neurons)}));
  std::string matrixType = "f32";
  if (summary.matrixType) {
    matrixType.clear();
    llvm::raw_string_ostream(matrixType) << summary.matrixType;
  }
  SmallVector<NamedAttribute> all{
      text("form", summary.isForward ? "forward" : "decoder"),
      text("sparsity", summary.selects.empty() ? "dense" : "exact"),
      text("weights_dtype", matrixType),
      b.getNamedAttr("layers", b.getArrayAttr(layers))};
  if (summary.isForward) {
    all.push_back(number("bytes_per_run", summary.denseBytes));
    return b.getDictionaryAttr(all);
  }
  all.append({number("vocab", summary.vocab), number("hidden", summary.hidden),
              number("position_min", summary.positionMin),
              number("position_limit", summary.positionLimit),
              b.getNamedAttr(
                  "bytes_per_token",
                  b.getDictionaryAttr(
                      {number("dense", summary.denseBytes),
                       number("always", summary.alwaysBytes),
                       b.getNamedAttr("selects", b.getArrayAttr(selects))}))});
  return b.getDictionaryAttr(all);
}
