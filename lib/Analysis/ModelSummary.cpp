//===- ModelSummary.cpp - what a compiled model is and reads --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/ModelSummary.h"

#include "dejavu/Analysis/WeightBytes.h"
#include "dejavu/Analysis/WeightUses.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dejavu;

static constexpr llvm::StringLiteral kPartNames[kNumModelParts] = {
    "embedding", "attention", "mlp", "predictors", "norms", "lm_head", "other"};

StringRef dejavu::stringifyBlockSparsity(BlockSparsity sparsity) {
  static constexpr llvm::StringLiteral kNames[] = {"dense", "exact",
                                                   "threshold", "predicted"};
  return kNames[static_cast<int>(sparsity)];
}

std::optional<int64_t> ModelSummary::getExpectedBytes() const {
  if (counters.empty())
    return std::nullopt;
  auto bytes = static_cast<double>(getAlwaysBytes());
  for (const ReadCounter &counter : counters) {
    if (!counter.expectedShare)
      return std::nullopt;
    bytes += *counter.expectedShare *
             static_cast<double>(counter.bytesPerUnit * counter.units);
  }
  return static_cast<int64_t>(bytes);
}

BlockSparsity ModelSummary::getSparsity() const {
  BlockSparsity greatest = BlockSparsity::dense;
  for (const LayerSummary &layer : layers) {
    if (layer.mlp)
      greatest = std::max(greatest, layer.mlp->sparsity);
    if (layer.attention)
      greatest = std::max(greatest, layer.attention->sparsity);
  }
  return greatest;
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
  int64_t &getPart(ModelPart part) {
    return summary.denseParts[static_cast<int>(part)];
  }
  /// Adds weights that a dense program reads whole.
  void addReads(ModelPart part, ArrayRef<FlatSymbolRefAttr> names) {
    for (FlatSymbolRefAttr name : names)
      if (name)
        getPart(part) += getAllBytes(getWeight(name));
  }
  /// MLPs, and for each the layer of the attention before it.
  SmallVector<std::pair<MLPSummary, int64_t>> mlps;
  /// Of predictors, which a dense program has not got.
  int64_t predictorBytes = 0;

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
  template <typename OpTy>
  void visitAttention(OpTy op);
  void visit(SDPAOp op);
  void visit(KVAppendDeferredOp op);
  void visit(FFNOp op);
  void visit(SparseFFNOp op);
  void visit(SparseLinearOp op);
  void visit(LinearOp op);
  void visit(PredictOp op);
  void visit(LMHeadOp op);
  template <typename OpTy>
  void addMLPReads(OpTy op);
  /// What is read of each part whatever is selected.
  void computeAlways();
};
} // namespace

void Summarizer::visit(EmbedOp op) {
  RankedTensorType table = getWeight(op.getTableAttr());
  getPart(ModelPart::embedding) += getRowBytes(table);
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
  summary.denseParts = {};
  summary.vocab = summary.positionMin = summary.positionLimit = 0;
  llvm::SetVector<StringAttr> used =
      findUsedWeights(module, /*withRecipes=*/false);
  for (auto weight : module.getOps<WeightOp>()) {
    if (!used.contains(weight.getSymNameAttr()))
      continue;
    RankedTensorType type = weight.getTensorType();
    getPart(ModelPart::other) += getAllBytes(type);
    if (type.getRank() >= 2 && !summary.matrixType)
      summary.matrixType = type.getElementType();
  }
  summary.alwaysParts = summary.denseParts;
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

template <typename OpTy>
void Summarizer::visitAttention(OpTy op) {
  KVCacheType cache = op.getCache().getType();
  int64_t heads = getFeatures(op.getQuery().getType()) / cache.getHeadDim();
  AttentionSummary attention{heads, cache.getHeads(), cache.getHeadDim()};
  if (isa<SparseAttentionOp>(op))
    attention.sparsity = BlockSparsity::predicted;
  if (auto append =
          op.getCache().template getDefiningOp<KVAppendDeferredOp>()) {
    attention.ring = static_cast<int64_t>(append.getRing());
    attention.keptWidth =
        getFeatures(append.getInput().getType()) +
        (append.getTable() ? getFeatures(append.getTable().getType()) : 0);
  }
  summary.layers.push_back({attention, std::nullopt});
}

void Summarizer::visit(SDPAOp op) {
  auto heads = static_cast<int64_t>(op.getHeads());
  summary.layers.push_back(
      {AttentionSummary{heads, static_cast<int64_t>(op.getKvHeads()),
                        getFeatures(op.getQuery().getType()) / heads},
       std::nullopt});
}

void Summarizer::visit(KVAppendDeferredOp op) {
  addReads(ModelPart::attention, {op.getKeyAttr(), op.getKeyBiasAttr(),
                                  op.getValueAttr(), op.getValueBiasAttr()});
}

template <typename OpTy>
void Summarizer::addMLPReads(OpTy op) {
  addReads(ModelPart::mlp,
           {op.getGateAttr(), op.getGateBiasAttr(), op.getUpAttr(),
            op.getUpBiasAttr(), op.getDownAttr(), op.getDownBiasAttr()});
}

void Summarizer::visit(FFNOp op) {
  addMLPReads(op);
  std::string reason =
      isExactlySparse(op.getActivation())
          ? summary.isForward ? "many tokens at once need nearly every neuron"
                              : "dense was asked for"
          : (stringifyActivation(op.getActivation()) +
             " is not exactly zero for inactive neurons")
                .str();
  addMLP({getWeight(op.getUpAttr()).getDimSize(0), op.getActivation(),
          op.getGate().has_value(), BlockSparsity::dense, reason});
}

void Summarizer::visit(SparseFFNOp op) {
  addMLPReads(op);
  addMLP({op.getActive().getType().getExtent(), op.getActivation(),
          op.getGate().has_value(), BlockSparsity::predicted, ""});
}

void Summarizer::visit(SparseLinearOp op) {
  bool isOfMLP = isMLP(op);
  addReads(isOfMLP ? ModelPart::mlp : ModelPart::attention,
           {op.getWeightAttr(), op.getBiasAttr()});
  if (!isOfMLP)
    return;
  Value hidden = op.getInput();
  auto up = hidden.getDefiningOp<GatherLinearOp>();
  if (up)
    hidden = up.getFactor();
  auto first = hidden ? hidden.getDefiningOp<LinearOp>() : LinearOp();
  auto select = op.getActive().getDefiningOp<SelectOp>();
  bool isExact = select && select.getKind() == SelectKind::exact;
  addMLP({op.getActive().getType().getExtent(),
          first ? first.getActivation() : std::nullopt, up != nullptr,
          isExact ? BlockSparsity::exact : BlockSparsity::threshold, ""});
}

/// Whether `value` goes, perhaps rotated or normed by heads, into attention.
static bool isForAttention(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    if (isa<KVAppendOp, SDPAOp>(user) || isAttention(user))
      return true;
    return isa<RopeOp, NormOp>(user) && isForAttention(user->getResult(0));
  });
}

void Summarizer::visit(LinearOp op) {
  ModelPart part = ModelPart::other;
  Operation *from = op.getInput().getDefiningOp();
  if (isForAttention(op) || (from && (isAttention(from) || isa<SDPAOp>(from))))
    part = ModelPart::attention;
  else if (llvm::any_of(op->getUsers(), [](Operation *user) {
             return isa<SelectOp, GatherLinearOp>(user);
           }))
    part = ModelPart::mlp;
  addReads(part, {op.getWeightAttr(), op.getBiasAttr()});
}

void Summarizer::visit(PredictOp op) {
  for (FlatSymbolRefAttr name : {op.getFirstAttr(), op.getSecondAttr(),
                                 op.getScaleAttr(), op.getBiasAttr()})
    if (name)
      predictorBytes += getAllBytes(getWeight(name));
}

void Summarizer::visit(LMHeadOp op) {
  RankedTensorType weight = getWeight(op.getWeightAttr());
  addReads(ModelPart::lmHead, {op.getWeightAttr(), op.getBiasAttr()});
  summary.vocab = weight.getDimSize(0);
  summary.matrixType = weight.getElementType();
}

void Summarizer::computeAlways() {
  summary.alwaysParts = summary.denseParts;
  auto getAlways = [&](ModelPart part) -> int64_t & {
    return summary.alwaysParts[static_cast<int>(part)];
  };
  for (const ReadCounter &counter : summary.counters)
    getAlways(counter.unit == Unit::neuron ? ModelPart::mlp
                                           : ModelPart::attention) -=
        counter.bytesPerUnit * counter.units;
  getAlways(ModelPart::predictors) += predictorBytes;
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
}

FailureOr<ModelSummary> ModelSummary::get(ModuleOp module) {
  Summarizer summarizer(module);
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  auto decode = forward ? forward : module.lookupSymbol<func::FuncOp>("decode");
  if (!decode)
    return module.emitError() << "expected a function @decode or @forward";
  summarizer.summary.isForward = forward != nullptr;
  decode.walk([&](Operation *op) {
    llvm::TypeSwitch<Operation *>(op)
        .Case<EmbedOp, SDPAOp, FFNOp, SparseFFNOp, SparseLinearOp, LinearOp,
              LMHeadOp, KVAppendDeferredOp, PredictOp>(
            [&](auto op) { summarizer.visit(op); })
        .Case<AttentionOp, SparseAttentionOp>(
            [&](auto op) { summarizer.visitAttention(op); })
        .Case([&](GatherLinearOp op) {
          bool isOfMLP = op.getActive().getType().getUnit() == Unit::neuron;
          summarizer.addReads(isOfMLP ? ModelPart::mlp : ModelPart::attention,
                              {op.getWeightAttr(), op.getBiasAttr()});
        })
        .Case([&](NormOp op) {
          summarizer.addReads(ModelPart::norms,
                              {op.getScaleAttr(), op.getBiasAttr()});
        })
        .Case([&](RopeTableOp op) {
          summarizer.addReads(ModelPart::attention, {op.getInvFreqAttr()});
        });
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
  summary.counters = findReadCounters(decode);
  summarizer.computeAlways();
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
    if (const auto &attention = layer.attention) {
      SmallVector<NamedAttribute> details{
          number("heads", attention->heads),
          number("kv_heads", attention->kvHeads),
          number("head_dim", attention->headDim),
          text("sparsity", stringifyBlockSparsity(attention->sparsity))};
      if (attention->ring > 0)
        details.push_back(b.getNamedAttr(
            "deferred",
            b.getDictionaryAttr({number("ring", attention->ring),
                                 number("width", attention->keptWidth)})));
      fields.push_back(
          b.getNamedAttr("attention", b.getDictionaryAttr(details)));
    }
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
               text("sparsity", stringifyBlockSparsity(layer.mlp->sparsity)),
               text("reason", layer.mlp->reason)})));
    layers.push_back(b.getDictionaryAttr(fields));
  }
  for (const ReadCounter &counter : summary.counters)
    selects.push_back(b.getDictionaryAttr(
        {number("layer", counter.layer),
         text("unit", stringifyUnit(counter.unit)),
         number("bytes_per_unit", counter.bytesPerUnit),
         number("units", counter.units),
         b.getNamedAttr("density", b.getBoolAttr(counter.isDensity))}));
  auto getParts = [&](const std::array<int64_t, kNumModelParts> &parts) {
    SmallVector<NamedAttribute> fields;
    for (auto [name, bytes] : llvm::zip_equal(kPartNames, parts))
      fields.push_back(number(name, bytes));
    return b.getDictionaryAttr(fields);
  };
  std::string matrixType = "f32";
  if (summary.matrixType) {
    matrixType.clear();
    llvm::raw_string_ostream(matrixType) << summary.matrixType;
  }
  SmallVector<NamedAttribute> all{
      text("form", summary.isForward ? "forward" : "decoder"),
      text("sparsity", stringifyBlockSparsity(summary.getSparsity())),
      text("weights_dtype", matrixType),
      b.getNamedAttr("layers", b.getArrayAttr(layers))};
  if (summary.isForward) {
    all.push_back(number("bytes_per_run", summary.getDenseBytes()));
    return b.getDictionaryAttr(all);
  }
  all.append(
      {number("vocab", summary.vocab), number("hidden", summary.hidden),
       number("position_min", summary.positionMin),
       number("position_limit", summary.positionLimit),
       b.getNamedAttr(
           "bytes_per_token",
           b.getDictionaryAttr(
               {number("dense", summary.getDenseBytes()),
                number("always", summary.getAlwaysBytes()),
                b.getNamedAttr("parts", getParts(summary.alwaysParts)),
                b.getNamedAttr("dense_parts", getParts(summary.denseParts)),
                b.getNamedAttr("selects", b.getArrayAttr(selects))}))});
  return b.getDictionaryAttr(all);
}
