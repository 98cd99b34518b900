//===- ReadCounters.cpp - what a program counts of its reads --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/ReadCounters.h"

#include "dejavu/Analysis/WeightBytes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace mlir::dejavu;

bool dejavu::isMLP(Operation *op) {
  if (auto linear = dyn_cast<SparseLinearOp>(op))
    return linear.getActive().getType().getUnit() == Unit::neuron;
  return isa<FFNOp, SparseFFNOp>(op);
}

/// Layers of attentions and MLPs. Where there are as many MLPs as attentions,
/// each attention has one: that of a parallel block may come before it.
static llvm::DenseMap<Operation *, int64_t> findLayers(func::FuncOp function) {
  llvm::DenseMap<Operation *, int64_t> layers;
  SmallVector<Operation *> mlps;
  int64_t attentions = 0;
  function.walk([&](Operation *op) {
    if (isAttention(op))
      layers[op] = attentions++;
    if (!isMLP(op))
      return;
    layers[op] = std::max<int64_t>(attentions - 1, 0);
    mlps.push_back(op);
  });
  if (static_cast<int64_t>(mlps.size()) == attentions)
    for (auto [layer, op] : llvm::enumerate(mlps))
      layers[op] = static_cast<int64_t>(layer);
  return layers;
}

/// The share of the units that are selected, or that are truly active besides,
/// by the profile of the set; nothing if it has none.
static std::optional<double> getShare(Value active, bool isActive) {
  auto select = active.getDefiningOp<SelectOp>();
  ProfileAttr profile = select ? select.getProfileAttr() : ProfileAttr();
  if (!profile)
    return std::nullopt;
  double density = profile.getDensity().convertToDouble();
  return isActive ? std::min(density, profile.getActive().convertToDouble())
                  : density;
}

namespace {
struct CounterFinder {
  SymbolTable symbols;
  llvm::DenseMap<Operation *, int64_t> layers;
  std::vector<ReadCounter> counters;

  explicit CounterFinder(func::FuncOp function)
      : symbols(function->getParentOfType<ModuleOp>()),
        layers(findLayers(function)) {}

  /// Bytes of the rows of weights that belong to one of `units` units.
  int64_t getBytes(ArrayRef<FlatSymbolRefAttr> names, int64_t units) {
    int64_t bytes = 0;
    for (FlatSymbolRefAttr name : names)
      if (auto weight =
              name ? symbols.lookup<WeightOp>(name.getAttr()) : WeightOp())
        bytes += getAllBytes(weight.getTensorType()) / units;
    return bytes;
  }

  void visit(SelectOp op);
  void visit(SparseFFNOp op);
  void visit(KVAppendDeferredOp op);
};
} // namespace

void CounterFinder::visit(SelectOp op) {
  int64_t units = op.getType().getExtent(), bytes = 0, layer = 0;
  auto findLayer = [&](Operation *user) {
    auto known = layers.find(user);
    if (known != layers.end())
      layer = known->second;
  };
  for (Operation *user : op.getResult().getUsers()) {
    findLayer(user);
    if (auto gather = dyn_cast<GatherLinearOp>(user)) {
      bytes += getBytes({gather.getWeightAttr(), gather.getBiasAttr()}, units);
      // The rest of the MLP may have a set of its own.
      llvm::for_each(gather->getUsers(), findLayer);
    } else if (auto linear = dyn_cast<SparseLinearOp>(user)) {
      bytes += getBytes(linear.getWeightAttr(), units);
    } else if (auto ffn = dyn_cast<SparseFFNOp>(user)) {
      SmallVector<FlatSymbolRefAttr> first{ffn.getUpAttr(),
                                           ffn.getUpBiasAttr()};
      SmallVector<FlatSymbolRefAttr> rest{ffn.getDownAttr()};
      if (ffn.getGate()) {
        rest.append(first);
        first = {ffn.getGateAttr(), ffn.getGateBiasAttr()};
      }
      bytes += getBytes(first, units);
      // The rest has a counter of its own where most of it is not read.
      if (!isExactlySparse(ffn.getActivation()))
        bytes += getBytes(rest, units);
    }
  }
  // A set that is chosen among those of another set is no choice for a block.
  bool isSecond = op.getScores().getDefiningOp<GatherLinearOp>() != nullptr;
  counters.push_back({op, layer, op.getType().getUnit(), units, bytes,
                      !isSecond, getShare(op.getResult(), /*isActive=*/false)});
}

void CounterFinder::visit(SparseFFNOp op) {
  if (!isExactlySparse(op.getActivation()))
    return;
  int64_t units = op.getActive().getType().getExtent();
  SmallVector<FlatSymbolRefAttr> rest{op.getDownAttr()};
  if (op.getGate())
    rest.append({op.getUpAttr(), op.getUpBiasAttr()});
  counters.push_back({op, layers.lookup(op), Unit::neuron, units,
                      getBytes(rest, units), /*isDensity=*/false,
                      getShare(op.getActive(), /*isActive=*/true)});
}

void CounterFinder::visit(KVAppendDeferredOp op) {
  int64_t units = op.getActive().getType().getExtent(), layer = 0;
  for (Operation *user : op.getResult().getUsers())
    layer = layers.lookup(user);
  counters.push_back({op, layer, Unit::kv_group, units,
                      getBytes({op.getKeyAttr(), op.getKeyBiasAttr(),
                                op.getValueAttr(), op.getValueBiasAttr()},
                               units),
                      /*isDensity=*/false,
                      getShare(op.getActive(), /*isActive=*/false)});
}

std::vector<ReadCounter> dejavu::findReadCounters(func::FuncOp function) {
  CounterFinder finder(function);
  function.walk([&](Operation *op) {
    if (auto select = dyn_cast<SelectOp>(op))
      finder.visit(select);
    else if (auto ffn = dyn_cast<SparseFFNOp>(op))
      finder.visit(ffn);
    else if (auto append = dyn_cast<KVAppendDeferredOp>(op))
      finder.visit(append);
  });
  return std::move(finder.counters);
}
