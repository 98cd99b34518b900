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

struct PredictorFile;

/// The look-ahead that is asked for; `any` takes that of the file.
enum class LookAheadChoice { any, same, half, full };

/// What becomes of the keys and values of heads that are not selected.
enum class KVPolicy {
  automatic, ///< deferred, but under GQA, where they are cheap, eager
  eager,     ///< computed for each token
  deferred   ///< computed when the head is next selected
};

/// The policy for an attention: never `automatic`.
KVPolicy choosePolicy(AttentionOp attention, KVPolicy wanted);

/// Checks that a file was made for the model of `module`, by its digest. Emits
/// an error at the file, with a note at the module, if not.
LogicalResult checkPredictorModel(ModuleOp module, const PredictorFile &file);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h.inc"
} // namespace mlir::dejavu

#endif // DEJAVU_DIALECT_DEJAVU_TRANSFORMS_PASSES_H
