//===- Passes.h - from the dejavu dialect to CUDA ---------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_CONVERSION_DEJAVUTOCUDA_PASSES_H
#define DEJAVU_CONVERSION_DEJAVUTOCUDA_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::dejavu {

/// How the sums of a kernel's blocks become one.
enum class Reduction {
  deterministic, ///< in one order, by a launch of its own
  atomic,        ///< in any order, where the kernel can add to its result
};

/// `deterministic` or `atomic`.
llvm::StringRef stringifyReduction(Reduction reduction);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dejavu/Conversion/DejavuToCUDA/Passes.h.inc"
} // namespace mlir::dejavu

#endif // DEJAVU_CONVERSION_DEJAVUTOCUDA_PASSES_H
