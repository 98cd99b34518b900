//===- CleanUpWeights.cpp - the weights that a raised module needs --------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Utils.h"

#include "dejavu/Analysis/WeightUses.h"
#include "mlir/IR/AttrTypeSubElements.h"

using namespace mlir;
using namespace mlir::dejavu;

void dejavu::cleanUpWeights(ModuleOp module) {
  llvm::SetVector<StringAttr> used = findUsedWeights(module);
  llvm::DenseMap<StringAttr, WeightOp> weights;
  for (WeightOp weight :
       llvm::make_early_inc_range(module.getOps<WeightOp>())) {
    if (used.contains(weight.getSymNameAttr()))
      weights[weight.getSymNameAttr()] = weight;
    else
      weight.erase();
  }
  llvm::DenseMap<StringAttr, StringAttr> renamed;
  Operation *last = nullptr;
  for (StringAttr name : used) {
    WeightOp weight = weights.lookup(name);
    if (!weight)
      continue;
    if (last)
      weight->moveAfter(last);
    else
      weight->moveBefore(module.getBody(), module.getBody()->begin());
    last = weight;
    auto original =
        dyn_cast_or_null<StringAttr>(weight->removeAttr(kCopyOfAttrName));
    if (original && !weights.count(original)) {
      renamed[name] = original;
      weight.setSymNameAttr(original);
    }
  }
  AttrTypeReplacer replacer;
  replacer.addReplacement(
      [&](FlatSymbolRefAttr name) -> std::optional<Attribute> {
        StringAttr fresh = renamed.lookup(name.getAttr());
        return fresh ? std::optional<Attribute>(FlatSymbolRefAttr::get(fresh))
                     : std::nullopt;
      });
  for (auto function : module.getOps<func::FuncOp>())
    replacer.recursivelyReplaceElementsIn(function);
}
