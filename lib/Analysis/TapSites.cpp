//===- TapSites.cpp - where values of a program can be watched ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/TapSites.h"

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

/// True for the hidden layer of a sparse MLP, which a dense one does not show.
static bool isHidden(Operation *op) {
  return isa<GatherLinearOp>(op) ||
         (isa<LinearOp>(op) &&
          llvm::any_of(op->getUsers(),
                       [](Operation *user) { return isa<SelectOp>(user); }));
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
    if (isa<FFNOp, SparseLinearOp>(op))
      mlps.push_back(op);
    if (auto append = dyn_cast<KVAppendOp>(op)) {
      claim(append.getKey(), appends, layers);
      claim(append.getValue(), appends, layers);
      ++appends;
    } else if (auto attention = dyn_cast<AttentionOp>(op)) {
      claim(attention.getQuery(), std::max<int64_t>(appends - 1, 0), layers);
    }
  });
  // Where each attention has an MLP, it may come before it: parallel blocks.
  if (static_cast<int64_t>(mlps.size()) == appends)
    for (auto [layer, mlp] : llvm::enumerate(mlps))
      claim(mlp->getResult(0), static_cast<int64_t>(layer), layers);

  std::vector<TapSite> sites;
  appends = 0;
  function.walk([&](Operation *op) {
    if (isa<KVAppendOp>(op))
      ++appends;
    // A dense function is not watched: other compilers cut it differently.
    if (op->getNumResults() == 0 || !isa<DejavuDialect>(op->getDialect()) ||
        isa<LoadWeightOp>(op) ||
        !isActivationType(op->getResult(0).getType()) || isHidden(op))
      return;
    auto claimed = layers.find(op);
    int64_t layer = claimed != layers.end() ? claimed->second
                                            : std::max<int64_t>(appends - 1, 0);
    bool isFFN = isa<FFNOp, SparseLinearOp>(op);
    StringRef mnemonic = op->getName().stripDialect();
    sites.push_back({op->getResult(0), layer, isFFN ? "ffn" : mnemonic.str(),
                     getNodeName(op->getLoc()),
                     getFeatures(op->getResult(0).getType())});
  });
  return sites;
}
