//===- CastWeights.cpp - store matrices in another type -------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"

#include "llvm/ADT/DenseSet.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_CASTWEIGHTSPASS
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// The weights that stay as they are: scales and zero points that recipes read,
/// and what is loaded as a tensor, whose type other ops rely on.
static llvm::DenseSet<StringAttr> findKept(ModuleOp module) {
  llvm::DenseSet<StringAttr> kept;
  for (auto weight : module.getOps<WeightOp>())
    weight->getAttrDictionary().walk(
        [&](FlatSymbolRefAttr symbol) { kept.insert(symbol.getAttr()); });
  module.walk(
      [&](LoadWeightOp load) { kept.insert(load.getWeightAttr().getAttr()); });
  return kept;
}

namespace {
struct CastWeights : dejavu::impl::CastWeightsPassBase<CastWeights> {
  using CastWeightsPassBase::CastWeightsPassBase;

  void runOnOperation() override {
    Type wanted = Float32Type::get(&getContext());
    if (type == WeightType::f16)
      wanted = Float16Type::get(&getContext());
    else if (type == WeightType::bf16)
      wanted = BFloat16Type::get(&getContext());
    llvm::DenseSet<StringAttr> kept = findKept(getOperation());
    for (auto weight : getOperation().getOps<WeightOp>()) {
      if (kept.contains(weight.getSymNameAttr()) ||
          weight.getSource().getRoot() == SourceRoot::predictors ||
          !isa<FloatType>(weight.getTensorType().getElementType()))
        continue;
      RankedTensorType tensor = weight.getTensorType();
      // Vectors are read as f32 by every kernel.
      Type target =
          tensor.getRank() == 2 ? wanted : Float32Type::get(&getContext());
      if (tensor.getElementType() != target)
        weight.appendRecipeStep(CastAttr::get(&getContext(), target));
    }
  }
};
} // namespace
