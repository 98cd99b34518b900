//===- SyntheticModel.h - models without their weights ----------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A known architecture in its raised form, with weights that are made by
// formulas: what a large model costs can be measured without its files.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_IMPORT_SYNTHETIC_SYNTHETICMODEL_H
#define DEJAVU_IMPORT_SYNTHETIC_SYNTHETICMODEL_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>
#include <string>

namespace mlir::dejavu {

/// The published shape of a decoder. All of them normalize in front of their
/// blocks and have one MLP a layer.
struct Architecture {
  StringRef name;
  int64_t layers, features, neurons;
  int64_t heads, kvHeads, headDim;
  int64_t vocabulary;
  int64_t positions; ///< that are learned; 0: rotary embedding
  double ropeTheta;
  NormKind norm;
  double epsilon;
  Activation activation;
  bool isGated;
  bool hasBias; ///< norms, projections and MLPs alike
  bool isTied;  ///< the head is the table of embeddings

  /// Null if there is none of that name.
  static const Architecture *find(StringRef name);
  static ArrayRef<Architecture> getAll();
};

/// What a synthetic model may be told.
struct SyntheticOptions {
  std::string name;
  int64_t layers = 0; ///< 0: as many as the architecture has
  /// The share of neurons that is active, where the activation is ReLU.
  std::optional<double> density;
};

/// The bias that makes a share `density` of pre-activations positive. The input
/// is normalized, so its squared norm is `features`, and the weights are
/// uniform in +-width, of variance width^2 / 3: a pre-activation is the sum of
/// many independent terms, near N(0, s^2) with s = width * sqrt(features / 3).
/// It is P(s z + b > 0) = density for b = s * quantile(density).
double getDensityBias(double width, int64_t features, double density);

/// Builds the module that the phase raise would leave. Fails, with a message in
/// `error`, if the options are not what they should be.
FailureOr<OwningOpRef<ModuleOp>>
buildSyntheticModel(MLIRContext &context, const SyntheticOptions &options,
                    std::string &error);

} // namespace mlir::dejavu

#endif // DEJAVU_IMPORT_SYNTHETIC_SYNTHETICMODEL_H
