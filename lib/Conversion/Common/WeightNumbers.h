//===- WeightNumbers.h - the weights that are left --------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_COMMON_WEIGHTNUMBERS_H
#define DEJAVU_LIB_CONVERSION_COMMON_WEIGHTNUMBERS_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::dejavu {

/// Numbers the weights that ops use, makes those private that only recipes of
/// others use, and erases the rest.
llvm::DenseMap<StringAttr, int64_t> numberWeights(ModuleOp module);

/// Checks that the kernels can read what is left of the weights. Dense
/// functions, which get them from load_weight, read anything.
LogicalResult checkWeights(ModuleOp module);

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_CONVERSION_COMMON_WEIGHTNUMBERS_H
