//===- RaiseAttention.cpp - attention over an explicit cache --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs in two steps: first every core is matched and its mask classified, then
// what matched is rewritten in the order of the key arguments, which numbers
// the caches. The past arguments and present results of the model stay: they
// get their roles here, and raise-decoder drops them.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "AttentionMatcher.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISEATTENTIONPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// What a query without keys gives. `differs` is set if that is not quite what
/// the graph gives.
static MaskedRows classifyMaskedRows(const AttentionMatch &match,
                                     const MaskClassifier::Result &mask,
                                     bool &differs) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double hidden = mask.hidden;
  if (match.clamp)
    hidden = std::max(hidden, *match.clamp);
  if (hidden == -infinity && match.guardsNaN) {
    differs = mask.isMixed;
    return MaskedRows::zero;
  }
  // The graph gives NaN, or lets differences of scores count.
  differs = hidden == -infinity || (mask.isMixed && !match.clamp);
  return MaskedRows::uniform;
}

namespace {
struct RaiseAttention : dejavu::impl::RaiseAttentionPassBase<RaiseAttention> {
  void runOnOperation() override {
    function = getMain(getOperation());
    if (!function)
      return;
    SymbolicShapes symbolic(function);
    shapes = &symbolic;
    MaskClassifier masks(function, symbolic);
    SmallVector<Candidate, 0> candidates;
    llvm::SmallDenseMap<BlockArgument, Operation *> owners;
    for (onnx::SoftmaxOp core : findCores(function)) {
      Candidate candidate;
      std::string reason = match(core, masks, candidate);
      // A cache belongs to one attention.
      if (reason.empty() &&
          (!owners.try_emplace(candidate.key.past, core).second ||
           !owners.try_emplace(candidate.value.past, core).second))
        reason = "its cache belongs to another attention";
      if (reason.empty())
        candidates.push_back(candidate);
      else
        reportNotRaised(core, "attention", reason);
    }
    llvm::sort(candidates, [](const Candidate &a, const Candidate &b) {
      return a.key.past.getArgNumber() < b.key.past.getArgNumber();
    });
    if (!candidates.empty())
      rewrite(candidates);
    eraseDeadOps(function);
  }

private:
  struct Candidate {
    AttentionMatch match;
    CacheMatch key, value;
    MaskedRows rows = MaskedRows::uniform;
    /// True if queries without keys give something else in the graph.
    bool differs = false;
    int64_t window = 0;
    SmallVector<float> slopes;
  };

  std::string match(onnx::SoftmaxOp core, MaskClassifier &masks,
                    Candidate &candidate);
  std::string checkCaches(const Candidate &candidate);
  void rewrite(ArrayRef<Candidate> candidates);
  Value raise(IRRewriter &rewriter, LaneBuilder &lanes,
              const Candidate &candidate, Value cache, Value starts);
  void report(AttentionOp attention, const Candidate &candidate);
  void bind(const CacheMatch &cache, Role role, int64_t layer);

  func::FuncOp function;
  SymbolicShapes *shapes = nullptr;
};
} // namespace

/// Fills in the candidate for `core`. Returns why it is none.
std::string RaiseAttention::match(onnx::SoftmaxOp core, MaskClassifier &masks,
                                  Candidate &candidate) {
  AttentionMatch &match = candidate.match;
  std::string reason = matchAttention(core, *shapes, match);
  if (reason.empty())
    reason = matchCache(match.key, "key", candidate.key);
  if (reason.empty())
    reason = matchCache(match.value, "value", candidate.value);
  if (reason.empty())
    reason = checkCaches(candidate);
  if (!reason.empty())
    return reason;
  if (match.terms.empty())
    return "the scores have no mask";
  const MaskClassifier::Result &mask = masks.classify(match.terms, match.heads);
  if (!mask.reason.empty())
    return mask.reason;
  candidate.window = mask.window;
  candidate.slopes = mask.slopes;
  candidate.rows = classifyMaskedRows(match, mask, candidate.differs);
  if (match.rowGuard) {
    reason = masks.checkRowGuard(match.rowGuard, match.isGuardSplit, mask);
    candidate.rows = MaskedRows::zero;
    candidate.differs = false;
  }
  return reason;
}

/// Checks that a cache can hold keys and values, and that they come out of the
/// model.
std::string RaiseAttention::checkCaches(const Candidate &candidate) {
  const AttentionMatch &match = candidate.match;
  if (match.valueDim != match.headDim)
    return "keys and values differ in the size of a head";
  std::optional<SymbolicShapes::Dims> query = match.query.getShape(*shapes);
  SymbolicShapes::Dims fresh{(*query)[0], DimExpr(match.kvHeads), (*query)[2],
                             DimExpr(match.headDim)};
  const SymbolicShapes::Dims *past = shapes->getShape(candidate.key.past);
  if (!past || past->size() != 4 || (*past)[0] != fresh[0] ||
      !shapes->haveSameShape(candidate.key.past, candidate.value.past))
    return "past keys and values differ in shape";
  for (const CacheMatch *cache : {&candidate.key, &candidate.value})
    if (cache->fresh.getShape(*shapes) != fresh)
      return "queries, new keys and new values differ in shape";
  // What goes into a cache comes out.
  Operation *terminator = function.front().getTerminator();
  for (const CacheMatch *cache : {&candidate.key, &candidate.value})
    if (!llvm::is_contained(cache->present->getUsers(), terminator))
      return "its keys and values do not come out of the model";
  return "";
}

/// Notes on the argument and result of the model what they are.
void RaiseAttention::bind(const CacheMatch &cache, Role role, int64_t layer) {
  function.setArgAttr(cache.past.getArgNumber(), kBindingAttrName,
                      BindingAttr::get(&getContext(),
                                       getSignatureName(function, cache.past),
                                       role, layer));
  for (OpOperand &use : cache.present->getUses()) {
    if (use.getOwner() != function.front().getTerminator())
      continue;
    unsigned index = use.getOperandNumber();
    function.setResultAttr(index, kBindingAttrName,
                           BindingAttr::get(&getContext(),
                                            getResultName(function, index),
                                            role, layer));
  }
}

Value RaiseAttention::raise(IRRewriter &rewriter, LaneBuilder &lanes,
                            const Candidate &candidate, Value cache,
                            Value starts) {
  const AttentionMatch &match = candidate.match;
  // Everything that is needed is defined where the result is.
  Value output = match.rowGuard ? match.guardedOutput : match.output;
  rewriter.setInsertionPointAfter(output.getDefiningOp());
  Location loc = match.core->getLoc();
  double scale = match.scale;
  Value query = mergeHeads(rewriter, lanes, loc, match.query, *shapes, &scale);
  Value key = mergeHeads(rewriter, lanes, loc, candidate.key.fresh, *shapes);
  Value value =
      mergeHeads(rewriter, lanes, loc, candidate.value.fresh, *shapes);
  Value appended =
      KVAppendOp::create(rewriter, loc, cache.getType(), cache, key, value);
  auto attention = AttentionOp::create(
      rewriter, loc, query.getType(), cache.getType(), query, appended, starts,
      rewriter.getF32FloatAttr(scale),
      MaskedRowsAttr::get(&getContext(), candidate.rows),
      candidate.window ? rewriter.getI64IntegerAttr(candidate.window)
                       : IntegerAttr(),
      rewriter.getF32FloatAttr(match.softcap),
      candidate.slopes.empty()
          ? DenseF32ArrayAttr()
          : rewriter.getDenseF32ArrayAttr(candidate.slopes),
      /*predicted=*/Value());
  replaceWithMerged(rewriter, output, attention.getResult(), match.heads,
                    *shapes, match.rowGuard && match.isGuardSplit);
  report(attention, candidate);
  return attention.getNewCache();
}

void RaiseAttention::report(AttentionOp attention, const Candidate &candidate) {
  const AttentionMatch &match = candidate.match;
  std::string text = "attention is raised: " + std::to_string(match.heads) +
                     " heads of " + std::to_string(match.headDim);
  if (match.kvHeads != match.heads)
    text += " over " + std::to_string(match.kvHeads);
  text += ", causal with padding";
  if (candidate.window)
    text += ", window of " + std::to_string(candidate.window);
  if (!candidate.slopes.empty())
    text += ", slopes";
  if (match.softcap != 0)
    text += ", soft cap";
  text += ", masked rows " + stringifyMaskedRows(candidate.rows).str();
  if (candidate.differs)
    text += " (the outputs of padding differ from the graph's)";
  remark::passed(attention.getLoc(), getRemarkOptions(attention)) << text;
}

void RaiseAttention::rewrite(ArrayRef<Candidate> candidates) {
  IRRewriter rewriter(&getContext());
  WeightTable weights(getOperation());
  LaneBuilder lanes(rewriter, *shapes, weights);
  Block &body = function.front();
  Operation *terminator = body.getTerminator();
  // One row of the batch has one start.
  auto past = cast<RankedTensorType>(candidates[0].key.past.getType());
  auto startsType =
      RankedTensorType::get({past.getDimSize(0)}, rewriter.getI64Type());
  SmallVector<Type> inputs(function.getArgumentTypes());
  SmallVector<Type> results(function.getResultTypes());
  SmallVector<Value> newCaches;
  Value starts = body.addArgument(startsType, function.getLoc());
  inputs.push_back(startsType);
  for (auto [layer, candidate] : llvm::enumerate(candidates)) {
    const AttentionMatch &match = candidate.match;
    auto type = KVCacheType::get(&getContext(), match.kvHeads, match.headDim);
    Value cache = body.addArgument(type, candidate.key.past.getLoc());
    inputs.push_back(type);
    results.push_back(type);
    newCaches.push_back(raise(rewriter, lanes, candidate, cache, starts));
    bind(candidate.key, Role::key, layer);
    bind(candidate.value, Role::value, layer);
  }
  terminator->insertOperands(terminator->getNumOperands(), newCaches);

  // The attributes of arguments and results grow with their number.
  auto padded = [&](ArrayAttr attrs, size_t size) {
    SmallVector<Attribute> all;
    if (attrs)
      llvm::append_range(all, attrs);
    all.resize(size, rewriter.getDictionaryAttr({}));
    return rewriter.getArrayAttr(all);
  };
  ArrayAttr argAttrs = padded(function.getArgAttrsAttr(), inputs.size());
  ArrayAttr resAttrs = padded(function.getResAttrsAttr(), results.size());
  function.setType(rewriter.getFunctionType(inputs, results));
  function.setArgAttrsAttr(argAttrs);
  function.setResAttrsAttr(resAttrs);
}
