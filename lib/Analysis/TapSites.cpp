//===- TapSites.cpp - where values of a program can be watched ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/TapSites.h"

#include "dejavu/Analysis/DecoderLayers.h"
#include "dejavu/Analysis/ReadCounters.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace mlir::dejavu;

/// The name of the ONNX node: that of the innermost NameLoc.
static std::string getNodeName(Location location) {
  std::string name;
  location->walk([&](Location each) {
    if (auto named = dyn_cast<NameLoc>(each))
      name = named.getName().str();
    return WalkResult::advance();
  });
  return name;
}

/// True for what a dense program does not show: predictors, and the hidden
/// layer of a sparse MLP.
static bool isHidden(Operation *op) {
  if (auto gather = dyn_cast<GatherLinearOp>(op))
    return gather.getActive().getType().getUnit() == Unit::neuron;
  return isa<PredictOp>(op) ||
         (isa<LinearOp>(op) &&
          llvm::any_of(op->getUsers(),
                       [](Operation *user) { return isa<SelectOp>(user); }));
}

/// What the op was in a dense program.
static StringRef getDenseName(Operation *op) {
  if (isMLP(op))
    return "ffn";
  if (isa<GatherLinearOp, SparseLinearOp>(op))
    return "linear";
  if (isa<SparseAttentionOp>(op))
    return "attention";
  return op->getName().stripDialect();
}

/// Gives `layer` to what `value` is computed from without passing a
/// residual_add.
static void claim(Value value, int64_t layer,
                  llvm::DenseMap<Operation *, int64_t> &layers) {
  SmallVector<Value> work{value};
  while (!work.empty()) {
    Value next = work.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (!op || isa<ResidualAddOp>(op) || !isActivationType(next.getType()) ||
        !layers.try_emplace(op, layer).second)
      continue;
    llvm::append_range(work, op->getOperands());
  }
}

std::vector<TapSite> dejavu::findTapSites(func::FuncOp function) {
  llvm::DenseMap<Operation *, int64_t> layers;
  int64_t appends = 0;
  SmallVector<Operation *> mlps;
  function.walk([&](Operation *op) {
    if (isMLP(op))
      mlps.push_back(op);
    if (auto append = dyn_cast<KVAppendOp>(op)) {
      claim(append.getKey(), appends, layers);
      claim(append.getValue(), appends, layers);
      ++appends;
    } else if (isa<KVAppendDeferredOp>(op)) {
      ++appends;
    } else if (isAttention(op)) {
      claim(op->getOperand(0), std::max<int64_t>(appends - 1, 0), layers);
    }
  });
  // Where each attention has an MLP, it may come before it: parallel blocks.
  if (static_cast<int64_t>(mlps.size()) == appends)
    for (auto [layer, mlp] : llvm::enumerate(mlps))
      claim(mlp->getResult(0), static_cast<int64_t>(layer), layers);

  std::vector<TapSite> sites;
  appends = 0;
  function.walk([&](Operation *op) {
    if (isa<KVAppendOp, KVAppendDeferredOp>(op))
      ++appends;
    // A dense function is not watched: other compilers cut it differently.
    if (op->getNumResults() == 0 || !isa<DejavuDialect>(op->getDialect()) ||
        isa<LoadWeightOp>(op) ||
        !isActivationType(op->getResult(0).getType()) || isHidden(op))
      return;
    auto claimed = layers.find(op);
    int64_t layer = claimed != layers.end() ? claimed->second
                                            : std::max<int64_t>(appends - 1, 0);
    sites.push_back({op->getResult(0), layer, getDenseName(op).str(),
                     getNodeName(op->getLoc()),
                     getFeatures(op->getResult(0).getType())});
  });
  return sites;
}

FailureOr<std::vector<TapSite>>
dejavu::matchTapSites(func::FuncOp function, ArrayRef<TapSite> reference) {
  std::vector<TapSite> sites = findTapSites(function);
  std::vector<TapSite> matched(reference);
  // Where nothing was left out, names need not tell sites apart.
  if (sites.size() == matched.size())
    return sites;
  for (TapSite &site : matched)
    site.value = Value();
  // In order: what was left out is skipped.
  size_t next = 0;
  for (const TapSite &site : sites) {
    auto isSame = [&](const TapSite &other) {
      return other.layer == site.layer && other.op == site.op &&
             other.name == site.name && other.width == site.width;
    };
    while (next < matched.size() && !isSame(matched[next]))
      ++next;
    if (next >= matched.size())
      return function.emitError()
             << "expected the tap sites of @prefill, of which there are "
             << static_cast<int64_t>(reference.size()) << ", found '" << site.op
             << "' of layer " << site.layer << " besides";
    matched[next++].value = site.value;
  }
  return matched;
}

std::vector<HiddenSite> dejavu::findHiddenSites(func::FuncOp function,
                                                int64_t first) {
  std::vector<HiddenSite> sites;
  SymbolTable symbols(function->getParentOfType<ModuleOp>());
  for (auto [layer, blocks] : llvm::enumerate(findDecoderLayers(function))) {
    if (!blocks.ffn)
      continue;
    HiddenSite site;
    site.ffn = blocks.ffn;
    site.layer = static_cast<int64_t>(layer);
    site.width = symbols.lookup<WeightOp>(blocks.ffn.getUp())
                     .getTensorType()
                     .getDimSize(0);
    site.hidden = first++;
    if (blocks.ffn.getGate())
      site.gate = first++;
    sites.push_back(site);
  }
  return sites;
}
