//===- PredictorFile.h - predictors of a model, as calibrated ---*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `dejavu calibrate` writes and `dejavu-compile --predictors` reads: a
// safetensors file whose metadata say for each layer what the predictor is and
// what it was found to do (docs/Predictors.md). Reading checks everything that
// does not need the model: places, shapes, that no number is NaN.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_SUPPORT_PREDICTORFILE_H
#define DEJAVU_SUPPORT_PREDICTORFILE_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"

#include <optional>
#include <string>
#include <vector>

namespace mlir::dejavu {

/// How much earlier than the block a predictor's input is.
enum class LookAhead { same, half, full };

llvm::StringRef stringifyLookAhead(LookAhead lookAhead);

/// What a file is for.
enum class PredictorUse { predicted, threshold };

/// A tensor of the file: its type, and a byte range of the file.
struct PredictorTensor {
  RankedTensorType type;
  int64_t offset = 0, length = 0;
};

/// What the file says of one block.
struct PredictorEntry {
  int64_t layer = 0;
  Unit unit = Unit::neuron;
  /// Why the block has no predictor; empty if it has one.
  std::string dense;

  int64_t units = 0, features = 0;
  SelectKind select = SelectKind::threshold;
  double threshold = 0;
  int64_t k = 0;
  /// Of a threshold file: the second threshold of a gated MLP.
  std::optional<double> downThreshold;
  /// What calibration found; nothing if the entry has no `density`.
  ProfileAttr profile;

  PredictorKind kind = PredictorKind::low_rank;
  PredictorTensor first, second, bias; ///< `first` is the signs of sign_bit
  /// Of the units, if the factors are 8-bit integers.
  std::optional<PredictorTensor> scale;
};

struct PredictorFile {
  std::string path, modelName, modelDigest;
  PredictorUse use = PredictorUse::predicted;
  LookAhead lookAhead = LookAhead::full;
  std::vector<PredictorEntry> entries;

  /// The entry for a block, or null.
  const PredictorEntry *find(int64_t layer, Unit unit) const;

  /// Reads `path`. Emits an error at the file and fails if it is not what it
  /// should be.
  static FailureOr<PredictorFile> read(MLIRContext *context,
                                       llvm::StringRef path);
};

/// The location of a file, for errors and notes.
Location getFileLocation(MLIRContext *context, llvm::StringRef path);

} // namespace mlir::dejavu

#endif // DEJAVU_SUPPORT_PREDICTORFILE_H
