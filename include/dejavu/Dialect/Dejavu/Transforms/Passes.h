//===- Passes.h - passes on the dejavu dialect ------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_DEJAVU_TRANSFORMS_PASSES_H
#define DEJAVU_DIALECT_DEJAVU_TRANSFORMS_PASSES_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::dejavu {
/// Element types in which matrices can be stored.
enum class WeightType { f32, f16, bf16 };

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h.inc"
} // namespace mlir::dejavu

#endif // DEJAVU_DIALECT_DEJAVU_TRANSFORMS_PASSES_H
