//===- WeightNumbers.cpp - the weights that are left ----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightNumbers.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mlir::dejavu;

llvm::DenseMap<StringAttr, int64_t> dejavu::numberWeights(ModuleOp module) {
  auto getUses = [](Operation *op) {
    llvm::DenseSet<StringAttr> uses;
    op->walk([&](Operation *each) {
      each->getAttrDictionary().walk(
          [&](FlatSymbolRefAttr symbol) { uses.insert(symbol.getAttr()); });
    });
    return uses;
  };
  llvm::DenseSet<StringAttr> used, read;
  for (auto function : module.getOps<func::FuncOp>())
    used.insert_range(getUses(function));
  for (auto weight : module.getOps<WeightOp>())
    if (used.contains(weight.getSymNameAttr()))
      read.insert_range(getUses(weight));
  llvm::DenseMap<StringAttr, int64_t> numbers;
  for (auto weight : llvm::make_early_inc_range(module.getOps<WeightOp>())) {
    if (used.contains(weight.getSymNameAttr()))
      numbers.try_emplace(weight.getSymNameAttr(), numbers.size());
    else if (read.contains(weight.getSymNameAttr()))
      weight.setPrivate();
    else
      weight.erase();
  }
  return numbers;
}

LogicalResult dejavu::checkWeights(ModuleOp module) {
  llvm::DenseSet<StringAttr> named;
  module.walk([&](Operation *op) {
    if (isa<LoadWeightOp, WeightOp>(op))
      return;
    // Predictors may be of bytes, and the op has checked them.
    auto predict = dyn_cast<PredictOp>(op);
    for (NamedAttribute attribute : op->getAttrs())
      if (auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute.getValue()))
        if (!predict || (symbol != predict.getFirstAttr() &&
                         symbol != predict.getSecondAttr()))
          named.insert(symbol.getAttr());
  });
  for (auto weight : module.getOps<WeightOp>()) {
    if (weight.isPrivate())
      continue;
    RankedTensorType type = weight.getTensorType();
    Type element = type.getElementType();
    bool isKnown =
        type.getRank() == 1
            ? element.isF32()
            : type.getRank() == 2 &&
                  (element.isF32() || element.isF16() || element.isBF16());
    if (!isKnown && named.contains(weight.getSymNameAttr()))
      return weight.emitOpError() << "expected a vector of f32 or a matrix of "
                                     "f32, f16 or bf16, found "
                                  << type;
  }
  return success();
}
