//===- WeightUses.h - which weights a program needs -------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_ANALYSIS_WEIGHTUSES_H
#define DEJAVU_ANALYSIS_WEIGHTUSES_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::dejavu {

/// The names of the weights that ops refer to, in the order of their first use,
/// each followed by those that its recipe needs, if `withRecipes`.
llvm::SetVector<StringAttr> findUsedWeights(ModuleOp module,
                                            bool withRecipes = true);

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_WEIGHTUSES_H
