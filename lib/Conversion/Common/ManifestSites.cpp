//===- ManifestSites.cpp - what can be watched, for the manifest ----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Layers are those of @prefill, which stays dense: its blocks have all their
// parts. Predictors stand in @decode.
//
//===----------------------------------------------------------------------===//

#include "ManifestSites.h"

#include "dejavu/Analysis/DecoderLayers.h"
#include "dejavu/Analysis/ReadCounters.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::dejavu;

namespace {
/// Fields of one JSON object.
struct Fields {
  Builder b;
  SmallVector<NamedAttribute> list;

  explicit Fields(MLIRContext *context) : b(context) {}

  void number(StringRef name, int64_t value) {
    list.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(value)));
  }
  void real(StringRef name, double value) {
    list.push_back(b.getNamedAttr(name, b.getF64FloatAttr(value)));
  }
  void text(StringRef name, const Twine &value) {
    list.push_back(b.getNamedAttr(name, b.getStringAttr(value)));
  }
  /// The name of a weight, if there is one.
  void weight(StringRef name, FlatSymbolRefAttr symbol) {
    if (symbol)
      text(name, symbol.getValue());
  }
  void value(StringRef name, Attribute attribute) {
    list.push_back(b.getNamedAttr(name, attribute));
  }
  DictionaryAttr get() { return b.getDictionaryAttr(list); }
};
} // namespace

static Attribute getTaps(MLIRContext *context, ArrayRef<TapSite> sites) {
  SmallVector<Attribute> taps;
  for (auto [number, site] : llvm::enumerate(sites)) {
    Fields fields(context);
    fields.number("site", static_cast<int64_t>(number));
    fields.number("layer", site.layer);
    fields.text("op", site.op);
    fields.text("name", site.name);
    fields.number("width", site.width);
    taps.push_back(fields.get());
  }
  return ArrayAttr::get(context, taps);
}

static Attribute getHiddenTaps(MLIRContext *context,
                               ArrayRef<HiddenSite> sites) {
  SmallVector<Attribute> taps;
  for (const HiddenSite &site : sites)
    for (int64_t number : {site.hidden, site.gate}) {
      if (number < 0)
        continue;
      Fields fields(context);
      fields.number("site", number);
      fields.number("layer", site.layer);
      fields.number("width", site.width);
      taps.push_back(fields.get());
    }
  return ArrayAttr::get(context, taps);
}

/// The number of the site that shows `value`; -1 if there is none.
static int64_t findSite(const EntrySites &sites, Value value) {
  for (auto [number, site] : llvm::enumerate(sites.values))
    if (value && site.value == value)
      return static_cast<int64_t>(number);
  return -1;
}

static Attribute getLookAhead(MLIRContext *context,
                              ArrayRef<DecoderLayer> layers,
                              const EntrySites &sites) {
  SmallVector<Attribute> all;
  for (auto [number, layer] : llvm::enumerate(layers)) {
    HiddenSite hidden;
    for (const HiddenSite &site : sites.hidden)
      if (site.layer == static_cast<int64_t>(number))
        hidden = site;
    AttentionOp attention = layer.attention;
    Fields fields(context);
    fields.number("attention_in", findSite(sites, layer.attentionInput));
    fields.number("ffn_in", findSite(sites, layer.ffnInput));
    fields.number("attention_out", findSite(sites, attention.getResult()));
    fields.number("hidden", hidden.hidden);
    fields.number("gate", hidden.gate);
    all.push_back(fields.get());
  }
  Fields fields(context);
  fields.value("layers", ArrayAttr::get(context, all));
  return fields.get();
}

/// The norm that makes `value`, if one does.
static NormOp getNorm(Value value) {
  return value ? value.getDefiningOp<NormOp>() : NormOp();
}

static Attribute getWeights(MLIRContext *context, const DecoderLayer &layer) {
  Fields fields(context);
  AttentionOp attention = layer.attention;
  LinearOp query = findProjection(attention.getQuery());
  if (query) {
    fields.weight("query", query.getWeightAttr());
    if (NormOp norm = getNorm(query.getInput()))
      fields.weight("attention_norm", norm.getScaleAttr());
  }
  if (auto append = attention.getCache().getDefiningOp<KVAppendOp>()) {
    if (LinearOp key = findProjection(append.getKey()))
      fields.weight("key", key.getWeightAttr());
    if (LinearOp value = findProjection(append.getValue()))
      fields.weight("value", value.getWeightAttr());
  }
  for (Operation *user : attention.getResult().getUsers())
    if (auto output = dyn_cast<LinearOp>(user))
      fields.weight("output", output.getWeightAttr());
  if (FFNOp ffn = layer.ffn) {
    fields.weight("gate", ffn.getGateAttr());
    fields.weight("up", ffn.getUpAttr());
    fields.weight("down", ffn.getDownAttr());
    if (NormOp norm = getNorm(ffn.getInput()))
      fields.weight("ffn_norm", norm.getScaleAttr());
  }
  return fields.get();
}

/// How a set is chosen: by a predictor, or by a magnitude without one.
static Attribute getPredictor(SelectOp select, PredictOp predict,
                              const EntrySites &sites) {
  Fields fields(select.getContext());
  fields.text("unit", stringifyUnit(select.getType().getUnit()));
  if (std::optional<APFloat> threshold = select.getThreshold())
    fields.real("threshold", threshold->convertToFloat());
  if (select.getK())
    fields.number("k", static_cast<int64_t>(*select.getK()));
  if (predict) {
    bool isLowRank = predict.getKind() == PredictorKind::low_rank;
    fields.text("kind", stringifyPredictorKind(predict.getKind()));
    fields.number("site", findSite(sites, predict.getInput()));
    fields.text("select", stringifySelectKind(select.getKind()));
    fields.weight(isLowRank ? "first" : "signs", predict.getFirstAttr());
    fields.weight("second", predict.getSecondAttr());
    fields.weight("scale", predict.getScaleAttr());
    fields.weight("bias", predict.getBiasAttr());
  }
  if (ProfileAttr profile = select.getProfileAttr()) {
    fields.real("density", profile.getDensity().convertToDouble());
    fields.real("active", profile.getActive().convertToDouble());
    fields.real("recall", profile.getRecall().convertToDouble());
    fields.real("loss", profile.getLoss().convertToDouble());
  }
  return fields.get();
}

void dejavu::addSitesToManifest(NamedAttrList &manifest, func::FuncOp prefill,
                                func::FuncOp decode,
                                const EntrySites &prefillSites,
                                const EntrySites &decodeSites) {
  MLIRContext *context = prefill.getContext();
  manifest.set("taps", getTaps(context, prefillSites.values));
  manifest.set("hidden_taps", getHiddenTaps(context, prefillSites.hidden));
  std::vector<DecoderLayer> layers = findDecoderLayers(prefill);
  manifest.set("look_ahead", getLookAhead(context, layers, prefillSites));

  std::vector<SmallVector<Attribute>> predictors(layers.size());
  for (const ReadCounter &counter : findReadCounters(decode)) {
    auto select = dyn_cast<SelectOp>(counter.op);
    auto predict =
        select ? select.getScores().getDefiningOp<PredictOp>() : PredictOp();
    bool isThreshold = select && counter.isDensity &&
                       select.getKind() == SelectKind::magnitude;
    if ((predict || isThreshold) &&
        counter.layer < static_cast<int64_t>(layers.size()))
      predictors[counter.layer].push_back(
          getPredictor(select, predict, decodeSites));
  }
  SmallVector<Attribute> details;
  auto known = cast<ArrayAttr>(manifest.get("layers"));
  for (auto [number, layer] : llvm::enumerate(known)) {
    NamedAttrList fields(cast<DictionaryAttr>(layer));
    if (number < layers.size()) {
      fields.set("weights", getWeights(context, layers[number]));
      fields.set("predictors", ArrayAttr::get(context, predictors[number]));
    }
    details.push_back(fields.getDictionary(context));
  }
  manifest.set("layers", ArrayAttr::get(context, details));
}
