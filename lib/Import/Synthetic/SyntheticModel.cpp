//===- SyntheticModel.cpp - models without their weights ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Import/Synthetic/SyntheticModel.h"

#include "dejavu/Dialect/Dejavu/IR/SyntheticFormula.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;

/// Matrices are uniform in +-kWidth, biases in +-kBiasWidth. Scales are 1.
static constexpr double kWidth = 0.03, kBiasWidth = 0.01;
/// OPT's table of positions begins with rows that stand for padding.
static constexpr int64_t kPositionOffset = 2;

double dejavu::getDensityBias(double width, int64_t features, double density) {
  // The quantile of the normal distribution, by bisection.
  double low = -10, high = 10;
  for (int i = 0; i < 100; ++i) {
    double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < density ? low : high) = middle;
  }
  return width * std::sqrt(static_cast<double>(features) / 3) * low;
}

namespace {
class ModelBuilder {
public:
  ModelBuilder(MLIRContext &context, const Architecture &architecture,
               const SyntheticOptions &options)
      : b(UnknownLoc::get(&context), &context), arch(architecture),
        options(options),
        layers(options.layers ? options.layers : architecture.layers) {}

  OwningOpRef<ModuleOp> build() {
    module = ModuleOp::create(b.getLoc());
    module->setAttr(DejavuDialect::kSyntheticAttrName,
                    b.getStringAttr(arch.name));
    b.setInsertionPointToEnd(module.getBody());
    makeWeights();
    makeSignature();
    makeEntry(Entry::prefill);
    makeEntry(Entry::decode);
    return module;
  }

private:
  static std::string inLayer(int64_t layer, StringRef name) {
    return ("layers." + Twine(layer) + "." + name).str();
  }
  static FlatSymbolRefAttr none() { return {}; }
  FlatSymbolRefAttr symbol(const Twine &name) {
    return FlatSymbolRefAttr::get(b.getStringAttr(name));
  }
  FlatSymbolRefAttr bias(const Twine &name) {
    return arch.hasBias ? symbol(name + ".bias") : none();
  }

  //===--- Weights -------------------------------------------------------===//

  void weight(const Twine &name, ArrayRef<int64_t> shape,
              SyntheticFormula formula = {SyntheticFormula::Kind::uniform, 0,
                                          kWidth}) {
    auto type = RankedTensorType::get(shape, b.getF32Type());
    auto source = SourceAttr::get(b.getContext(), formula.print(), /*offset=*/0,
                                  type.getNumElements() *
                                      static_cast<int64_t>(sizeof(float)),
                                  SourceRoot::synthetic);
    OpBuilder::InsertionGuard guard(b);
    b.setLoc(NameLoc::get(b.getStringAttr(name)));
    WeightOp::create(b, name.str(), type, source, TypeAttr(), ArrayAttr());
  }
  void vector(const Twine &name, int64_t size, double center, double width) {
    weight(name, size, {SyntheticFormula::Kind::uniform, center, width});
  }
  void norm(const Twine &name) {
    vector(name + ".weight", arch.features, 1, 0);
    if (arch.hasBias)
      vector(name + ".bias", arch.features, 0, kBiasWidth);
  }
  void linear(const Twine &name, int64_t out, int64_t in, double center = 0) {
    weight(name + ".weight", {out, in});
    if (arch.hasBias)
      vector(name + ".bias", out, center, kBiasWidth);
  }

  void makeWeights() {
    int64_t queries = arch.heads * arch.headDim;
    int64_t keys = arch.kvHeads * arch.headDim;
    double center = options.density ? getDensityBias(kWidth, arch.features,
                                                     *options.density)
                                    : 0;
    weight("embed_tokens.weight", {arch.vocabulary, arch.features});
    if (arch.positions)
      weight("embed_positions.weight",
             {arch.positions + kPositionOffset, arch.features});
    else
      weight("inv_freq", arch.headDim / 2,
             {SyntheticFormula::Kind::geometric, 1,
              std::pow(arch.ropeTheta, -2.0 / arch.headDim)});
    for (int64_t i = 0; i < layers; ++i) {
      norm(inLayer(i, "attn_norm"));
      linear(inLayer(i, "q_proj"), queries, arch.features);
      linear(inLayer(i, "k_proj"), keys, arch.features);
      linear(inLayer(i, "v_proj"), keys, arch.features);
      linear(inLayer(i, "o_proj"), arch.features, queries);
      norm(inLayer(i, "mlp_norm"));
      if (arch.isGated)
        linear(inLayer(i, "gate_proj"), arch.neurons, arch.features);
      linear(inLayer(i, "up_proj"), arch.neurons, arch.features, center);
      // Rows are neurons here, too.
      weight(inLayer(i, "down_proj.weight"), {arch.neurons, arch.features});
      if (arch.hasBias)
        vector(inLayer(i, "down_proj.bias"), arch.features, 0, kBiasWidth);
    }
    norm("final_norm");
    if (!arch.isTied)
      weight("lm_head.weight", {arch.vocabulary, arch.features});
  }

  //===--- Entry points --------------------------------------------------===//

  void makeSignature() {
    auto binding = [&](const Twine &name, Role role,
                       int64_t layer = 0) -> Attribute {
      return BindingAttr::get(b.getContext(), name.str(), role, layer);
    };
    SmallVector<Attribute> inputs{
        binding("input_ids", Role::ids),
        binding("attention_mask", Role::attention_mask),
        binding("position_ids", Role::positions)};
    SmallVector<Attribute> outputs{binding("logits", Role::logits)};
    auto addCache = [&](SmallVector<Attribute> &to, StringRef stem) {
      for (int64_t i = 0; i < layers; ++i)
        for (Role role : {Role::key, Role::value})
          to.push_back(binding(
              stem + "." + Twine(i) + "." + stringifyRole(role), role, i));
    };
    addCache(inputs, "past_key_values");
    addCache(outputs, "present");
    SignatureOp::create(b, b.getArrayAttr(inputs), b.getArrayAttr(outputs));
  }

  RankedTensorType rows(int64_t features) {
    return RankedTensorType::get({ShapedType::kDynamic, tokens, features},
                                 b.getF32Type());
  }
  /// Names the op that comes next as nodes of a model are named.
  void at(const Twine &name) { b.setLoc(NameLoc::get(b.getStringAttr(name))); }

  Value makeNorm(const Twine &name, Value input) {
    at(name);
    return NormOp::create(b, input.getType(), arch.norm, input,
                          symbol(name + ".weight"), bias(name),
                          APFloat(static_cast<float>(arch.epsilon)),
                          /*weight_offset=*/APFloat(0.0f));
  }
  Value makeLinear(const Twine &name, Value input, int64_t out) {
    at(name);
    return LinearOp::create(b, rows(out), input, symbol(name + ".weight"),
                            bias(name), ActivationAttr());
  }
  Value makeSum(const Twine &name, Value lhs, Value rhs) {
    at(name);
    return ResidualAddOp::create(b, lhs.getType(), lhs, rhs);
  }

  Value makeEmbedding(Value ids, Value positions) {
    at("embed_tokens");
    auto embed = [&](Value from, StringRef table, int64_t offset) -> Value {
      return EmbedOp::create(b, rows(arch.features), from, symbol(table),
                             b.getI64IntegerAttr(offset), b.getF32FloatAttr(1));
    };
    Value hidden = embed(ids, "embed_tokens.weight", 0);
    if (!arch.positions)
      return hidden;
    at("embed_positions");
    return makeSum("embed_sum", hidden,
                   embed(positions, "embed_positions.weight", kPositionOffset));
  }

  Value makeAttention(int64_t layer, Value hidden, Value table, Value starts,
                      Value &cache) {
    int64_t queries = arch.heads * arch.headDim;
    int64_t keys = arch.kvHeads * arch.headDim;
    Value input = makeNorm(inLayer(layer, "attn_norm"), hidden);
    Value query = makeLinear(inLayer(layer, "q_proj"), input, queries);
    Value key = makeLinear(inLayer(layer, "k_proj"), input, keys);
    Value value = makeLinear(inLayer(layer, "v_proj"), input, keys);
    if (table) {
      at(inLayer(layer, "rope"));
      query = RopeOp::create(b, query.getType(), query, table,
                             b.getI64IntegerAttr(arch.heads), UnitAttr());
      key = RopeOp::create(b, key.getType(), key, table,
                           b.getI64IntegerAttr(arch.kvHeads), UnitAttr());
    }
    at(inLayer(layer, "attention"));
    cache = KVAppendOp::create(b, cache.getType(), cache, key, value);
    auto attention = AttentionOp::create(
        b, query.getType(), cache.getType(), query, cache, starts,
        b.getF32FloatAttr(static_cast<float>(
            1 / std::sqrt(static_cast<double>(arch.headDim)))),
        MaskedRowsAttr::get(b.getContext(), MaskedRows::uniform),
        /*window=*/IntegerAttr(), /*softcap=*/b.getF32FloatAttr(0),
        /*alibi=*/DenseF32ArrayAttr(), /*predicted=*/Value());
    cache = attention.getNewCache();
    Value result = makeLinear(inLayer(layer, "o_proj"), attention.getResult(),
                              arch.features);
    return makeSum(inLayer(layer, "attn_sum"), hidden, result);
  }

  Value makeMLP(int64_t layer, Value hidden) {
    Value input = makeNorm(inLayer(layer, "mlp_norm"), hidden);
    auto get = [&](StringRef name) {
      return symbol(inLayer(layer, name) + ".weight");
    };
    auto getBias = [&](StringRef name) { return bias(inLayer(layer, name)); };
    at(inLayer(layer, "mlp"));
    Value result = FFNOp::create(
        b, input.getType(),
        ActivationAttr::get(b.getContext(), arch.activation), input,
        arch.isGated ? get("gate_proj") : none(),
        arch.isGated ? getBias("gate_proj") : none(), get("up_proj"),
        getBias("up_proj"), get("down_proj"), getBias("down_proj"),
        /*predicted=*/Value());
    return makeSum(inLayer(layer, "mlp_sum"), hidden, result);
  }

  void makeEntry(Entry entry) {
    bool isPrefill = entry == Entry::prefill;
    tokens = isPrefill ? ShapedType::kDynamic : 1;
    Type ids =
        RankedTensorType::get({ShapedType::kDynamic, tokens}, b.getI64Type());
    SmallVector<Type> inputs{
        ids, ids,
        RankedTensorType::get({ShapedType::kDynamic}, b.getI64Type())};
    if (isPrefill)
      inputs.push_back(b.getIndexType());
    int64_t firstCache = static_cast<int64_t>(inputs.size());
    SmallVector<Type> results{rows(arch.vocabulary)};
    Type cache = KVCacheType::get(b.getContext(), arch.kvHeads, arch.headDim);
    inputs.append(layers, cache);
    results.append(layers, cache);

    OpBuilder::InsertionGuard guard(b);
    b.setLoc(UnknownLoc::get(b.getContext()));
    auto function = func::FuncOp::create(b, stringifyEntry(entry),
                                         b.getFunctionType(inputs, results));
    function->setAttr(DejavuDialect::kEntryAttrName,
                      EntryAttr::get(b.getContext(), entry));
    Block *body = function.addEntryBlock();
    b.setInsertionPointToStart(body);
    Value positions = body->getArgument(1), starts = body->getArgument(2);
    Value hidden = makeEmbedding(body->getArgument(0), positions);
    Value table;
    if (!arch.positions) {
      at("rope_table");
      table = RopeTableOp::create(b, rows(arch.headDim), positions,
                                  symbol("inv_freq"), b.getF32FloatAttr(1));
    }
    SmallVector<Value> returned{Value()};
    for (int64_t i = 0; i < layers; ++i) {
      Value handle = body->getArgument(firstCache + i);
      hidden = makeAttention(i, hidden, table, starts, handle);
      hidden = makeMLP(i, hidden);
      returned.push_back(handle);
    }
    hidden = makeNorm("final_norm", hidden);
    at("lm_head");
    returned.front() = LMHeadOp::create(
        b, rows(arch.vocabulary), hidden,
        symbol(arch.isTied ? "embed_tokens.weight" : "lm_head.weight"), none(),
        isPrefill ? body->getArgument(3) : Value(), b.getF32FloatAttr(1),
        b.getF32FloatAttr(0));
    func::ReturnOp::create(b, returned);
  }

  ImplicitLocOpBuilder b;
  const Architecture &arch;
  const SyntheticOptions &options;
  int64_t layers;
  int64_t tokens = 1; ///< of the entry point that is being made
  ModuleOp module;
};
} // namespace

FailureOr<OwningOpRef<ModuleOp>> dejavu::buildSyntheticModel(
    MLIRContext &context, const SyntheticOptions &options, std::string &error) {
  const Architecture *architecture = Architecture::find(options.name);
  if (!architecture) {
    error = "--synthetic: expected one of ";
    llvm::ListSeparator comma;
    for (const Architecture &each : Architecture::getAll())
      error += (Twine(StringRef(comma)) + each.name).str();
    error += ", found '" + options.name + "'";
    return failure();
  }
  if (options.layers < 0 || options.layers > architecture->layers) {
    error = ("--layers: expected 1 to " + Twine(architecture->layers) +
             ", found " + Twine(options.layers))
                .str();
    return failure();
  }
  if (options.density && architecture->activation != Activation::relu) {
    error = ("--synthetic-density: expected an architecture with ReLU, found " +
             architecture->name)
                .str();
    return failure();
  }
  context.loadDialect<DejavuDialect, func::FuncDialect>();
  return ModelBuilder(context, *architecture, options).build();
}
