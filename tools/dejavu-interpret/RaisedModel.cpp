//===- RaisedModel.cpp - runs raised IR as an executable would ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaisedModel.h"

#include "dejavu/Analysis/TapSites.h"

#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::dejavu;
using reference::Element;
using reference::Tensor;

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

/// Checks that the arguments of an entry point are `leading` tensors and
/// indices, then caches, and appends the types of those.
static LogicalResult readCaches(func::FuncOp function, size_t leading,
                                SmallVectorImpl<KVCacheType> &types) {
  ArrayRef<Type> arguments = function.getArgumentTypes();
  if (arguments.size() <= leading)
    return function.emitError("expected ")
           << leading << " arguments and caches, found " << arguments.size()
           << " arguments";
  for (Type type : arguments.drop_front(leading)) {
    auto cache = dyn_cast<KVCacheType>(type);
    if (!cache)
      return function.emitError("expected caches after ")
             << leading << " arguments, found " << type;
    types.push_back(cache);
  }
  if (function.getNumResults() != types.size() + 1)
    return function.emitError("expected logits and ")
           << types.size() << " caches as results, found "
           << function.getNumResults() << " results";
  return success();
}

FailureOr<RaisedModel> RaisedModel::create(ModuleOp module) {
  RaisedModel model(module);
  for (auto function : module.getOps<func::FuncOp>()) {
    auto entry =
        function->getAttrOfType<EntryAttr>(DejavuDialect::kEntryAttrName);
    if (entry)
      (entry.getValue() == Entry::prefill ? model.prefill : model.decode) =
          function;
  }
  for (auto signature : module.getOps<SignatureOp>())
    model.signature = signature;
  if (!model.prefill || !model.decode || !model.signature)
    return module.emitError(
        "expected raised IR, with a prefill and a decode entry point and a "
        "dejavu.signature");
  SmallVector<KVCacheType> decodeTypes;
  if (failed(readCaches(model.prefill, 4, model.cacheTypes)) ||
      failed(readCaches(model.decode, 3, decodeTypes)))
    return failure();
  if (decodeTypes != model.cacheTypes)
    return model.decode.emitError("expected the caches of the prefill");
  return model;
}

RaisedModel::Sequences RaisedModel::begin(const Tensor &starts) const {
  Sequences sequences{starts, {}};
  for (KVCacheType type : cacheTypes) {
    Tensor empty(Element::F32,
                 {starts.size(), type.getHeads(), 0, type.getHeadDim()});
    sequences.caches.push_back({empty, empty});
  }
  return sequences;
}

FailureOr<Tensor> RaisedModel::run(Sequences &sequences, const Tensor &ids,
                                   const Tensor *positions,
                                   int64_t logitsFrom) {
  int64_t batch = ids.getDim(0), tokens = ids.getDim(1);
  int64_t past = sequences.getPast();
  Tensor counted(Element::I64, ids.getShape());
  for (int64_t i = 0; i < counted.size(); ++i)
    // Padding gets position 0, which every table has.
    counted.setInt(i, std::max<int64_t>(past + i % tokens -
                                            sequences.starts.getInt(i / tokens),
                                        0));
  bool isDecode = tokens == 1 && past > 0;
  func::FuncOp function = isDecode ? decode : prefill;
  SmallVector<reference::RuntimeValue> arguments{
      ids, positions ? *positions : counted, sequences.starts};
  if (!isDecode)
    arguments.push_back(Tensor::scalar(logitsFrom));
  llvm::append_range(arguments, sequences.caches);

  reference::Options options;
  options.readWeight = reference::readWeightsOf(module);
  llvm::DenseMap<Value, int64_t> sites;
  if (recordTaps) {
    for (auto [number, site] : llvm::enumerate(findTapSites(function)))
      sites[site.value] = static_cast<int64_t>(number);
    options.onOp = [&](Operation *op,
                       ArrayRef<reference::RuntimeValue> results) {
      for (auto [value, found] : llvm::zip(op->getResults(), results)) {
        auto site = sites.find(value);
        const auto *tensor = std::get_if<Tensor>(&found);
        if (site == sites.end() || !tensor)
          continue;
        int64_t width = tensor->getShape().back();
        taps.emplace_back(
            ("p" + Twine(calls) + ".site" + Twine(site->second)).str(),
            tensor->reshaped({width ? tensor->size() / width : 0, width}));
      }
    };
  }
  reference::Interpreter interpreter(options);
  auto results = interpreter.run(function, arguments);
  if (failed(results)) {
    const reference::Error &error = *interpreter.getError();
    return emitError(error.loc, error.message);
  }
  ++calls;
  auto *logits = std::get_if<Tensor>(&results->front());
  if (!logits || logits->getRank() != 3 || logits->getDim(0) != batch)
    return function.emitError("expected logits as the first result");
  for (size_t i = 0; i < sequences.caches.size(); ++i) {
    auto *cache = std::get_if<reference::Cache>(&(*results)[i + 1]);
    if (!cache)
      return function.emitError("expected a cache as result ") << i + 1;
    sequences.caches[i] = std::move(*cache);
  }
  return std::move(*logits);
}

//===----------------------------------------------------------------------===//
// Cases
//===----------------------------------------------------------------------===//

/// The first step of each row of an attention mask: zeros, then ones.
static FailureOr<Tensor> getStarts(const Tensor &mask, std::string &error) {
  int64_t rows = mask.getDim(0), steps = mask.getDim(1);
  Tensor starts(Element::I64, {rows});
  for (int64_t row = 0; row < rows; ++row) {
    int64_t start = 0;
    while (start < steps && mask.getInt(row * steps + start) == 0)
      ++start;
    for (int64_t i = start; i < steps; ++i)
      if (mask.getInt(row * steps + i) != 1)
        start = steps;
    if (start == steps) {
      error = ("row " + Twine(row) +
               ": expected zeros, then ones, at least one of them")
                  .str();
      return failure();
    }
    starts.setInt(row, start);
  }
  return starts;
}

FailureOr<NamedTensors>
RaisedModel::runCase(const std::map<std::string, Tensor> &inputs) {
  Location loc = signature.getLoc();
  const Tensor *ids = nullptr, *positions = nullptr, *mask = nullptr;
  std::vector<reference::Cache> caches(cacheTypes.size());
  SmallVector<std::string> names;
  for (auto binding : signature.getInputs().getAsRange<BindingAttr>()) {
    std::string name = "in." + binding.getName().str();
    names.push_back(name);
    auto it = inputs.find(name);
    if (it == inputs.end())
      return emitError(loc, "input '") << name << "' is missing";
    const Tensor &tensor = it->second;
    bool isCache =
        binding.getRole() == Role::key || binding.getRole() == Role::value;
    if (tensor.getRank() != (isCache ? 4 : 2) ||
        tensor.getElement() != (isCache ? Element::F32 : Element::I64) ||
        (isCache &&
         (binding.getLayer() < 0 ||
          binding.getLayer() >= static_cast<int64_t>(cacheTypes.size()))))
      return emitError(loc, "input '")
             << name << "' does not fit, found " << tensor.describe();
    switch (binding.getRole()) {
    case Role::ids:
      ids = &tensor;
      break;
    case Role::positions:
      positions = &tensor;
      break;
    case Role::attention_mask:
      mask = &tensor;
      break;
    case Role::key:
      caches[binding.getLayer()].keys = tensor;
      break;
    case Role::value:
      caches[binding.getLayer()].values = tensor;
      break;
    case Role::logits:
      return emitError(loc, "logits are no input");
    case Role::plain:
      return emitError(loc, "input '") << name << "' has no role in a decoder";
    }
  }
  for (const auto &[name, tensor] : inputs)
    if (!llvm::is_contained(names, name))
      return emitError(loc, "'") << name << "' is not an input of the model";
  if (!ids)
    return emitError(loc, "expected an input that holds ids");

  int64_t batch = ids->getDim(0);
  Sequences sequences = begin(Tensor(Element::I64, {batch}));
  for (auto [cache, given] : llvm::zip(sequences.caches, caches))
    if (given.keys.getRank() == 4 && given.values.getRank() == 4)
      cache = std::move(given);
  int64_t past = sequences.getPast();
  for (const reference::Cache &cache : sequences.caches)
    for (const Tensor *tensor : {&cache.keys, &cache.values})
      if (tensor->getDim(0) != batch || tensor->getDim(2) != past)
        return emitError(loc, "expected keys and values of ")
               << past << " steps of " << batch << " sequences, found "
               << tensor->describe();

  if (mask) {
    int64_t steps = past + ids->getDim(1);
    if (mask->getDim(0) != batch || mask->getDim(1) != steps)
      return emitError(loc, "expected an attention mask of ")
             << steps << " steps of " << batch << " sequences, found "
             << mask->describe();
    std::string error;
    FailureOr<Tensor> found = getStarts(*mask, error);
    if (failed(found))
      return emitError(loc, error);
    sequences.starts = std::move(*found);
  }
  FailureOr<Tensor> logits = run(sequences, *ids, positions, 0);
  if (failed(logits))
    return failure();

  NamedTensors outputs;
  for (auto binding : signature.getOutputs().getAsRange<BindingAttr>()) {
    std::string name = "out." + binding.getName().str();
    if (binding.getRole() == Role::logits) {
      outputs.emplace_back(name, *logits);
      continue;
    }
    if (binding.getLayer() < 0 ||
        binding.getLayer() >= static_cast<int64_t>(cacheTypes.size()) ||
        (binding.getRole() != Role::key && binding.getRole() != Role::value))
      return emitError(loc, "output '") << name << "' has no meaning";
    const reference::Cache &cache = sequences.caches[binding.getLayer()];
    outputs.emplace_back(name, binding.getRole() == Role::key ? cache.keys
                                                              : cache.values);
  }
  return outputs;
}

//===----------------------------------------------------------------------===//
// Generation
//===----------------------------------------------------------------------===//

/// The index of the largest of the last logits of a row; the first of several.
static int64_t pickGreedily(const Tensor &logits, int64_t row) {
  int64_t vocabulary = logits.getDim(2);
  int64_t first = ((row + 1) * logits.getDim(1) - 1) * vocabulary, best = 0;
  for (int64_t i = 1; i < vocabulary; ++i)
    if (logits.getFloat(first + i) > logits.getFloat(first + best))
      best = i;
  return best;
}

FailureOr<std::vector<SmallVector<int64_t>>>
RaisedModel::generate(ArrayRef<SmallVector<int64_t>> prompts,
                      int64_t maxNewTokens, ArrayRef<int64_t> eos) {
  std::vector<SmallVector<int64_t>> results(prompts.size());
  if (prompts.empty() || maxNewTokens == 0)
    return results;
  auto rows = static_cast<int64_t>(prompts.size());
  int64_t tokens = 0;
  for (const SmallVector<int64_t> &prompt : prompts)
    tokens = std::max<int64_t>(tokens, prompt.size());
  Tensor ids(Element::I64, {rows, tokens}), starts(Element::I64, {rows});
  for (auto [row, prompt] : llvm::enumerate(prompts)) {
    auto start = static_cast<int64_t>(tokens - prompt.size());
    starts.setInt(row, start);
    for (auto [i, id] : llvm::enumerate(prompt))
      ids.setInt(row * tokens + start + i, id);
  }
  Sequences sequences = begin(starts);
  FailureOr<Tensor> logits = run(sequences, ids, nullptr, tokens - 1);
  Tensor next(Element::I64, {rows, 1});
  SmallVector<bool> done(rows, false);
  for (int64_t step = 1; succeeded(logits); ++step) {
    if (logits->getDim(1) < 1)
      return prefill.emitError("expected logits of the last token");
    for (int64_t row = 0; row < rows; ++row) {
      if (done[row])
        continue;
      next.setInt(row, pickGreedily(*logits, row));
      results[row].push_back(next.getInt(row));
      done[row] = llvm::is_contained(eos, next.getInt(row));
    }
    if (step == maxNewTokens || llvm::all_of(done, [](bool d) { return d; }))
      return results;
    logits = run(sequences, next, nullptr, 0);
  }
  return failure();
}

std::string RaisedModel::describeTapSites() const {
  llvm::json::Array sites;
  for (auto [number, site] : llvm::enumerate(findTapSites(decode)))
    sites.push_back(llvm::json::Object{{"site", static_cast<int64_t>(number)},
                                       {"layer", site.layer},
                                       {"op", site.op},
                                       {"name", llvm::json::fixUTF8(site.name)},
                                       {"width", site.width}});
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(sites));
  return text;
}
