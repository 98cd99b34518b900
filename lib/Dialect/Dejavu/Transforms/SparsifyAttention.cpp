//===- SparsifyAttention.cpp - compute only the heads of a set ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Around an attention with a hint stand the projections of queries, keys,
// values and of the output. Each is made sparse if it can be; what cannot stays
// dense, and a remark says why. Norms and rotations of heads stay between: they
// keep the zeros of heads that were left out.
//
// The output projection is the product that reads columns of a head. So its
// weight is wanted with a row for each feature of its input, and all who use it
// are told.
//
//===----------------------------------------------------------------------===//

#include "DeferredKeys.h"

#include "dejavu/Analysis/DecoderLayers.h"
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_SPARSIFYATTENTIONPASS
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

KVPolicy dejavu::choosePolicy(AttentionOp attention, KVPolicy wanted) {
  if (wanted != KVPolicy::automatic)
    return wanted;
  KVCacheType cache = attention.getCache().getType();
  int64_t heads =
      getFeatures(attention.getQuery().getType()) / cache.getHeadDim();
  return heads == cache.getHeads() ? KVPolicy::deferred : KVPolicy::eager;
}

std::string DeferredKeys::match(Value cache) {
  append = cache.getDefiningOp<KVAppendOp>();
  if (!append)
    return "the cache is not appended to just before";
  rope = append.getKey().getDefiningOp<RopeOp>();
  key = (rope ? rope.getInput() : append.getKey()).getDefiningOp<LinearOp>();
  value = append.getValue().getDefiningOp<LinearOp>();
  auto isPlain = [](LinearOp linear) {
    return linear && !linear.getInMajor() && !linear.getActivation();
  };
  if (!isPlain(key) || !isPlain(value) || key.getInput() != value.getInput())
    return "keys and values are not linear layers of one input, but for a "
           "rotation";
  if (rope && static_cast<int64_t>(rope.getHeads()) !=
                  append.getCache().getType().getHeads())
    return "the keys are rotated in other heads than those of the cache";
  if (cast<RankedTensorType>(key.getInput().getType()).getDimSize(1) != 1)
    return "there may be many tokens";
  return "";
}

namespace {
struct SparsifyAttention
    : dejavu::impl::SparsifyAttentionPassBase<SparsifyAttention> {
  using SparsifyAttentionPassBase::SparsifyAttentionPassBase;

  void runOnOperation() override {
    if (ring < 1) {
      getOperation().emitError()
          << "expected a positive ring, found " << ring.getValue();
      return signalPassFailure();
    }
    auto decode = getOperation().lookupSymbol<func::FuncOp>("decode");
    if (!decode)
      return;
    SmallVector<AttentionOp> blocks;
    decode.walk([&](AttentionOp attention) {
      if (attention.getPredicted())
        blocks.push_back(attention);
    });
    for (AttentionOp attention : blocks)
      sparsify(attention);
  }

private:
  void sparsify(AttentionOp attention);
  /// Each says why it stays dense, or returns an empty text.
  std::string sparsifyQuery(IRRewriter &rewriter, SparseAttentionOp attention);
  std::string sparsifyOutput(IRRewriter &rewriter, SparseAttentionOp attention);
  std::string defer(IRRewriter &rewriter, SparseAttentionOp attention);
};
} // namespace

/// Whether nothing but `attention` sees `value`, through norms and rotations
/// that leave the groups of its set apart.
static bool isPrivate(Value value, SparseAttentionOp attention) {
  int64_t units = attention.getActive().getType().getExtent();
  while (value.hasOneUse()) {
    Operation *user = *value.user_begin();
    if (user == attention)
      return true;
    int64_t parts = 0;
    if (auto rope = dyn_cast<RopeOp>(user))
      parts = static_cast<int64_t>(rope.getHeads());
    else if (auto norm = dyn_cast<NormOp>(user))
      parts = static_cast<int64_t>(norm.getGroups());
    if (parts == 0 || parts % units != 0)
      return false;
    value = user->getResult(0);
  }
  return false;
}

/// Whether `active` is known where `op` stands.
static bool isKnownAt(Value active, Operation *op) {
  Operation *maker = active.getDefiningOp();
  return !maker ||
         (maker->getBlock() == op->getBlock() && maker->isBeforeInBlock(op));
}

std::string SparsifyAttention::sparsifyQuery(IRRewriter &rewriter,
                                             SparseAttentionOp attention) {
  LinearOp query = findProjection(attention.getQuery());
  if (!query || query.getInMajor() || query.getActivation() ||
      !isPrivate(query, attention))
    return "the queries are not those of one linear layer";
  if (!isKnownAt(attention.getActive(), query))
    return "the set is known too late";
  rewriter.setInsertionPoint(query);
  rewriter.replaceOpWithNewOp<GatherLinearOp>(
      query, query.getType(), query.getInput(), attention.getActive(),
      query.getWeightAttr(), query.getBiasAttr(), /*factor=*/Value());
  return "";
}

std::string SparsifyAttention::sparsifyOutput(IRRewriter &rewriter,
                                              SparseAttentionOp attention) {
  Value result = attention.getResult();
  auto output = result.hasOneUse() ? dyn_cast<LinearOp>(*result.user_begin())
                                   : LinearOp();
  if (!output || output.getActivation())
    return "the output is not read by one linear layer alone";
  if (!output.getInMajor()) {
    auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(
        output, output.getWeightAttr());
    auto uses =
        SymbolTable::getSymbolUses(weight.getSymNameAttr(), getOperation());
    SmallVector<LinearOp> users;
    if (uses)
      for (const SymbolTable::SymbolUse &use : *uses)
        users.push_back(dyn_cast<LinearOp>(use.getUser()));
    if (users.empty() || llvm::is_contained(users, LinearOp()))
      return "the weight of the output projection has other users";
    weight.appendRecipeStep(
        TransposeAttr::get(&getContext(), ArrayRef<int64_t>{1, 0}));
    for (LinearOp user : users)
      user.setInMajor(true);
  }
  rewriter.setInsertionPoint(output);
  rewriter.replaceOpWithNewOp<SparseLinearOp>(
      output, output.getType(), result, attention.getActive(),
      output.getWeightAttr(), output.getBiasAttr());
  return "";
}

std::string SparsifyAttention::defer(IRRewriter &rewriter,
                                     SparseAttentionOp attention) {
  DeferredKeys keys;
  if (std::string reason = keys.match(attention.getCache()); !reason.empty())
    return reason;
  auto [append, rope, key, value] = keys;
  if (!isKnownAt(attention.getActive(), append))
    return "the set is known too late";
  rewriter.setInsertionPoint(append);
  rewriter.replaceOpWithNewOp<KVAppendDeferredOp>(
      append, append.getResult().getType(), append.getCache(), key.getInput(),
      attention.getActive(), key.getWeightAttr(), key.getBiasAttr(),
      value.getWeightAttr(), value.getBiasAttr(),
      rope ? rope.getTable() : Value(),
      rope ? rope.getInterleavedAttr() : UnitAttr(),
      rewriter.getI64IntegerAttr(ring));
  // Keys and values may be those of one layer.
  llvm::SetVector<Operation *> dead;
  dead.insert_range(ArrayRef<Operation *>{rope, key, value});
  for (Operation *op : dead)
    if (op && op->use_empty())
      rewriter.eraseOp(op);
  return "";
}

void SparsifyAttention::sparsify(AttentionOp attention) {
  IRRewriter rewriter(&getContext());
  auto options = remark::RemarkOpts::name("sparsity")
                     .category("sparsify")
                     .function("decode");
  bool isDeferred = choosePolicy(attention, kv) == KVPolicy::deferred;
  rewriter.setInsertionPoint(attention);
  auto sparse = rewriter.replaceOpWithNewOp<SparseAttentionOp>(
      attention, attention.getResult().getType(),
      attention.getNewCache().getType(), attention.getQuery(),
      attention.getCache(), attention.getStarts(), attention.getPredicted(),
      attention.getScaleAttr(), attention.getMaskedRowsAttr(),
      attention.getWindowAttr(), attention.getSoftcapAttr(),
      attention.getAlibiAttr());
  std::string text = "attention reads only the heads of its set";
  auto add = [&](StringRef part, const std::string &reason) {
    if (!reason.empty())
      text += ("; " + part + " stays dense: " + reason).str();
  };
  add("the query projection", sparsifyQuery(rewriter, sparse));
  add("the output projection", sparsifyOutput(rewriter, sparse));
  std::string notDeferred = isDeferred ? defer(rewriter, sparse) : "";
  if (isDeferred && notDeferred.empty())
    text += "; keys and values of other heads are deferred";
  else if (isDeferred)
    text += "; keys and values are eager: " + notDeferred;
  else
    text += "; keys and values are eager";
  remark::passed(sparse.getLoc(), options) << text;
}
