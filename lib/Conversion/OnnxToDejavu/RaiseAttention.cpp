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
#include "MaskClassifier.h"

#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/Format.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISEATTENTIONPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// A score of this size or less disappears in f32 beside a number below the
/// limit: ulp(1e36) / 2 is 4e28. A key with that added is as if it had no
/// score, and a row of such keys is uniform.
static constexpr double addedLimit = -1e36;

/// In the place of a score any number will do that no score comes near.
static constexpr double replacedLimit = -1e30;

/// What a query without keys gives, or why that is unknown. `rows` is set on
/// success.
static std::string classifyMaskedRows(const AttentionMatch &match,
                                      double hidden, MaskedRows &rows) {
  bool isBool = getElementTypeOrSelf(match.mask.getType()).isInteger(1);
  switch (match.maskKind) {
  case MaskKind::OfOperator:
    rows = MaskedRows::zero;
    if (isBool || std::isinf(hidden) ||
        hidden == -std::numeric_limits<float>::max())
      return "";
    break;
  case MaskKind::Replaces:
    if (!isBool)
      return "the condition of a Where is not bool";
    hidden = match.replacement;
    [[fallthrough]];
  case MaskKind::Added: {
    if (isBool && match.maskKind == MaskKind::Added)
      return "a mask of bools is added to the scores";
    if (std::isinf(hidden) && hidden < 0) {
      rows = MaskedRows::zero;
      return match.guardsNaN ? ""
                             : "a query without keys gives NaN: minus infinity "
                               "hides keys, and no guard follows the softmax";
    }
    rows = MaskedRows::uniform;
    if (hidden <
        (match.maskKind == MaskKind::Added ? addedLimit : replacedLimit))
      return "";
    break;
  }
  }
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", hidden);
  return "the number " + text + " does not hide keys entirely";
}

namespace {
struct RaiseAttention : dejavu::impl::RaiseAttentionPassBase<RaiseAttention> {
  void runOnOperation() override {
    function = getMain(getOperation());
    if (!function)
      return;
    SymbolicShapes shapes(function);
    MaskClassifier masks(function, shapes);
    SmallVector<Candidate> candidates;
    llvm::SmallDenseMap<BlockArgument, Operation *> owners;
    for (Operation &op : function.front()) {
      if (!isa<onnx::SoftmaxOp, onnx::AttentionOp>(op))
        continue;
      Candidate candidate;
      std::string reason = matchAttention(&op, shapes, candidate.match);
      if (reason.empty()) {
        const MaskClassifier::Result &mask =
            masks.classify(candidate.match.mask);
        reason = mask.reason;
        if (reason.empty())
          reason =
              classifyMaskedRows(candidate.match, mask.hidden, candidate.rows);
      }
      if (reason.empty())
        reason = checkPresents(candidate.match);
      // A cache belongs to one attention.
      if (reason.empty() &&
          (!owners.try_emplace(candidate.match.key.past, &op).second ||
           !owners.try_emplace(candidate.match.value.past, &op).second))
        reason = "its cache belongs to another attention";
      if (reason.empty())
        candidates.push_back(candidate);
      else
        reportNotRaised(&op, "attention", reason);
    }
    llvm::sort(candidates, [](const Candidate &a, const Candidate &b) {
      return a.match.key.past.getArgNumber() < b.match.key.past.getArgNumber();
    });
    if (!candidates.empty())
      rewrite(candidates);
    eraseDeadOps(function);
  }

private:
  struct Candidate {
    AttentionMatch match;
    MaskedRows rows = MaskedRows::uniform;
  };

  /// Present keys and values must be results: what goes into a cache comes
  /// out.
  std::string checkPresents(const AttentionMatch &match) {
    Operation *terminator = function.front().getTerminator();
    for (const CacheMatch *cache : {&match.key, &match.value})
      if (!llvm::is_contained(cache->present->getUsers(), terminator))
        return "its keys and values do not come out of the model";
    return "";
  }

  void rewrite(ArrayRef<Candidate> candidates);
  Value raise(IRRewriter &rewriter, const Candidate &candidate, Value cache,
              Value starts);
  void bind(const CacheMatch &cache, Role role, int64_t layer);

  func::FuncOp function;
};
} // namespace

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

Value RaiseAttention::raise(IRRewriter &rewriter, const Candidate &candidate,
                            Value cache, Value starts) {
  const AttentionMatch &match = candidate.match;
  // Everything that is needed is defined where the result is.
  rewriter.setInsertionPointAfter(match.output.getDefiningOp());
  Location loc = match.core->getLoc();
  Value appended = KVAppendOp::create(rewriter, loc, cache.getType(), cache,
                                      match.key.fresh, match.value.fresh);
  auto attention = AttentionOp::create(
      rewriter, loc, match.query.getType(), cache.getType(), match.query,
      appended, starts, rewriter.getF32FloatAttr(match.scale),
      MaskedRowsAttr::get(&getContext(), candidate.rows),
      /*window=*/IntegerAttr(), /*softcap=*/FloatAttr(),
      /*alibi=*/DenseF32ArrayAttr());
  rewriter.replaceAllUsesWith(match.output, attention.getResult());
  remark::passed(loc, getRemarkOptions(attention))
      << ("attention is raised: " + Twine(match.heads) + " heads of " +
          Twine(match.headDim) + ", causal with padding, masked rows " +
          stringifyMaskedRows(candidate.rows))
             .str();
  return attention.getNewCache();
}

void RaiseAttention::rewrite(ArrayRef<Candidate> candidates) {
  IRRewriter rewriter(&getContext());
  Block &body = function.front();
  Operation *terminator = body.getTerminator();
  // One row of the batch has one start.
  auto query = cast<RankedTensorType>(candidates[0].match.query.getType());
  auto startsType =
      RankedTensorType::get({query.getDimSize(0)}, rewriter.getI64Type());
  SmallVector<Type> inputs(function.getArgumentTypes());
  SmallVector<Type> results(function.getResultTypes());
  SmallVector<Value> newCaches;
  Value starts = body.addArgument(startsType, function.getLoc());
  inputs.push_back(startsType);
  for (auto [layer, candidate] : llvm::enumerate(candidates)) {
    const AttentionMatch &match = candidate.match;
    auto type = KVCacheType::get(&getContext(), match.heads, match.headDim);
    Value cache = body.addArgument(type, match.key.past.getLoc());
    inputs.push_back(type);
    results.push_back(type);
    newCaches.push_back(raise(rewriter, candidate, cache, starts));
    bind(match.key, Role::key, layer);
    bind(match.value, Role::value, layer);
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
