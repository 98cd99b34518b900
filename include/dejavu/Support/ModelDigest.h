//===- ModelDigest.h - which model a module is ------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_SUPPORT_MODELDIGEST_H
#define DEJAVU_SUPPORT_MODELDIGEST_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mlir::dejavu {

/// A digest that tells a model from others, `xxh3:` and 16 hexadecimal digits.
/// It depends on the stored types of `weights` and on the first and the last
/// 4 KiB of each, not on names, files, order, or the types that the program
/// wants: so it costs no time for a large model, and a program of any sparsity
/// and weight type has that of its model. Weights of predictors do not count.
/// Emits an error and fails if a file cannot be read.
FailureOr<std::string> computeModelDigest(ModuleOp module,
                                          ArrayRef<WeightOp> weights);

} // namespace mlir::dejavu

#endif // DEJAVU_SUPPORT_MODELDIGEST_H
