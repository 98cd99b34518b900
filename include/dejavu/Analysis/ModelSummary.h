//===- ModelSummary.h - what a compiled model is and reads ------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Facts about a raised (and perhaps sparsified) module that the manifest and
// the compiler's closing lines tell: shapes, sparsity of each layer, bytes of
// weights that one token reads.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_ANALYSIS_MODELSUMMARY_H
#define DEJAVU_ANALYSIS_MODELSUMMARY_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>
#include <vector>

namespace mlir::dejavu {

struct AttentionSummary {
  int64_t heads, kvHeads, headDim;
};

struct MLPSummary {
  int64_t neurons;
  std::optional<Activation> activation;
  bool isGated;
  bool isSparse;
  std::string reason; ///< why it is dense, if it is
};

struct LayerSummary {
  std::optional<AttentionSummary> attention;
  std::optional<MLPSummary> mlp;
};

/// One `select` of `@decode`.
struct SelectSummary {
  int64_t layer, bytesPerNeuron, neurons;
};

struct ModelSummary {
  /// Whether the model has @forward and no cache.
  bool isForward = false;
  int64_t vocab = 0, hidden = 0;
  /// Positions for which the position table has rows; a limit of 0 says that
  /// there is no table.
  int64_t positionMin = 0, positionLimit = 0;
  Type matrixType; ///< element type of the matrices
  std::vector<LayerSummary> layers;
  std::vector<SelectSummary> selects;
  /// Bytes of weights that a token reads, or a run of @forward: if nothing is
  /// skipped, and whatever is skipped.
  int64_t denseBytes = 0, alwaysBytes = 0;

  /// The summary of `@decode` or `@forward`. Emits an error and fails if the
  /// module is not one that raise makes.
  static FailureOr<ModelSummary> get(ModuleOp module);
};

/// The summary as an attribute, in the manifest's words.
DictionaryAttr getManifestAttr(MLIRContext *context,
                               const ModelSummary &summary);

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_MODELSUMMARY_H
