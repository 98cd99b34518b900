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

#include "dejavu/Analysis/ReadCounters.h"
#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "mlir/IR/BuiltinOps.h"

#include <array>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace mlir::dejavu {

/// What of a block is skipped.
enum class BlockSparsity { dense, exact, threshold, predicted };

/// `dense`, `exact`, ...
llvm::StringRef stringifyBlockSparsity(BlockSparsity sparsity);

struct AttentionSummary {
  int64_t heads, kvHeads, headDim;
  BlockSparsity sparsity = BlockSparsity::dense;
  /// Where keys and values are deferred: steps that are kept, and elements of
  /// each. 0 where they are not.
  int64_t ring = 0, keptWidth = 0;
};

struct MLPSummary {
  int64_t neurons;
  std::optional<Activation> activation;
  bool isGated;
  BlockSparsity sparsity;
  std::string reason; ///< why it is dense, if it is
};

struct LayerSummary {
  std::optional<AttentionSummary> attention;
  std::optional<MLPSummary> mlp;
};

/// What weights are for.
enum class ModelPart {
  embedding,
  attention,
  mlp,
  predictors,
  norms,
  lmHead,
  other
};
inline constexpr int64_t kNumModelParts = 7;

struct ModelSummary {
  /// Whether the model has @forward and no cache.
  bool isForward = false;
  int64_t vocab = 0, hidden = 0;
  /// Positions for which the position table has rows; a limit of 0 says that
  /// there is no table.
  int64_t positionMin = 0, positionLimit = 0;
  Type matrixType; ///< element type of the matrices
  std::vector<LayerSummary> layers;
  std::vector<ReadCounter> counters; ///< of @decode
  /// Bytes of weights that a token reads, or a run of @forward: if nothing is
  /// skipped, and whatever is skipped. Predictors are in the latter alone.
  std::array<int64_t, kNumModelParts> denseParts = {}, alwaysParts = {};

  int64_t getDenseBytes() const { return sum(denseParts); }
  int64_t getAlwaysBytes() const { return sum(alwaysParts); }
  /// Bytes that a token is expected to read, by calibration; nothing if there
  /// is a counter of which it does not speak, or none at all.
  std::optional<int64_t> getExpectedBytes() const;
  /// The greatest sparsity of any block.
  BlockSparsity getSparsity() const;

  /// The summary of `@decode` or `@forward`. Emits an error and fails if the
  /// module is not one that raise makes.
  static FailureOr<ModelSummary> get(ModuleOp module);

private:
  static int64_t sum(const std::array<int64_t, kNumModelParts> &parts) {
    return std::accumulate(parts.begin(), parts.end(), int64_t(0));
  }
};

/// The summary as an attribute, in the manifest's words.
DictionaryAttr getManifestAttr(MLIRContext *context,
                               const ModelSummary &summary);

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_MODELSUMMARY_H
