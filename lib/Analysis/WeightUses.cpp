//===- WeightUses.cpp - which weights a program needs ---------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/WeightUses.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace mlir::dejavu;

llvm::SetVector<StringAttr> dejavu::findUsedWeights(ModuleOp module,
                                                    bool withRecipes) {
  llvm::DenseMap<StringAttr, WeightOp> weights;
  for (auto weight : module.getOps<WeightOp>())
    weights[weight.getSymNameAttr()] = weight;

  llvm::SetVector<StringAttr> used;
  // Names in attributes of attributes count, too: steps of recipes.
  auto addNames = [&](Attribute attribute, auto &&self) -> void {
    attribute.walk([&](FlatSymbolRefAttr name) {
      WeightOp weight = weights.lookup(name.getAttr());
      if (!weight || !used.insert(name.getAttr()))
        return;
      std::optional<ArrayAttr> recipe = weight.getRecipe();
      if (recipe && withRecipes)
        self(*recipe, self);
    });
  };
  module.walk([&](Operation *op) {
    if (isa<WeightOp>(op))
      return;
    for (NamedAttribute attribute : op->getAttrs())
      addNames(attribute.getValue(), addNames);
  });
  return used;
}
