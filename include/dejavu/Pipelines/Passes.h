//===- Passes.h - passes that run pipelines ---------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_PIPELINES_PASSES_H
#define DEJAVU_PIPELINES_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::dejavu {
/// Module attribute: why a model was not raised to a decoder, a string.
inline constexpr llvm::StringLiteral kNoDecoderAttrName = "dejavu.no_decoder";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dejavu/Pipelines/Passes.h.inc"
} // namespace mlir::dejavu

#endif // DEJAVU_PIPELINES_PASSES_H
