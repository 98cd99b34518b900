//===- DecoderLayers.cpp - the blocks of each layer -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/DecoderLayers.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mlir::dejavu;

LinearOp dejavu::findProjection(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto linear = dyn_cast<LinearOp>(op))
      return linear;
    if (auto rope = dyn_cast<RopeOp>(op))
      value = rope.getInput();
    else if (auto norm = dyn_cast<NormOp>(op))
      value = norm.getInput();
    else
      return {};
  }
  return {};
}

/// The input of the norm that makes `value`, or `value`.
static Value skipNorm(Value value) {
  auto norm = value ? value.getDefiningOp<NormOp>() : NormOp();
  return norm ? norm.getInput() : value;
}

std::vector<DecoderLayer> dejavu::findDecoderLayers(func::FuncOp function) {
  std::vector<DecoderLayer> layers;
  SmallVector<std::pair<FFNOp, size_t>> mlps;
  function.walk([&](Operation *op) {
    if (auto attention = dyn_cast<AttentionOp>(op)) {
      LinearOp query = findProjection(attention.getQuery());
      layers.push_back({attention, FFNOp(),
                        query ? skipNorm(query.getInput()) : Value(), Value()});
    } else if (auto ffn = dyn_cast<FFNOp>(op)) {
      mlps.push_back({ffn, std::max<size_t>(layers.size(), 1) - 1});
    }
  });
  bool isPaired = mlps.size() == layers.size();
  for (auto [i, mlp] : llvm::enumerate(mlps)) {
    size_t layer = isPaired ? i : mlp.second;
    if (layer >= layers.size() || layers[layer].ffn)
      continue;
    layers[layer].ffn = mlp.first;
    layers[layer].ffnInput = skipNorm(mlp.first.getInput());
  }
  return layers;
}

Value dejavu::getPredictorSite(ArrayRef<DecoderLayer> layers, int64_t layer,
                               Unit unit, LookAhead lookAhead) {
  switch (lookAhead) {
  case LookAhead::same:
    return unit == Unit::neuron ? layers[layer].ffnInput
                                : layers[layer].attentionInput;
  case LookAhead::half:
    return layers[layer].attentionInput;
  case LookAhead::full:
    return layer == 0 ? layers[0].attentionInput : layers[layer - 1].ffnInput;
  }
  llvm_unreachable("unknown look-ahead");
}
