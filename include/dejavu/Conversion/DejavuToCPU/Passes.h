//===- Passes.h - from the dejavu dialect to the CPU ------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_CONVERSION_DEJAVUTOCPU_PASSES_H
#define DEJAVU_CONVERSION_DEJAVUTOCPU_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::dejavu {
/// Module attribute: what the manifest says about the model, a DictionaryAttr.
inline constexpr llvm::StringLiteral kManifestAttrName = "dejavu.manifest";

/// Module attribute: the names of nodes that dejavu_rt_bad_index refers to by
/// number, an array of strings. They go into the manifest.
inline constexpr llvm::StringLiteral kNodesAttrName = "dejavu.nodes";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dejavu/Conversion/DejavuToCPU/Passes.h.inc"
} // namespace mlir::dejavu

#endif // DEJAVU_CONVERSION_DEJAVUTOCPU_PASSES_H
