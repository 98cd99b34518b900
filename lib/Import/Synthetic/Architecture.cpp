//===- Architecture.cpp - published shapes of decoders --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Import/Synthetic/SyntheticModel.h"

using namespace mlir;
using namespace mlir::dejavu;

/// OPT (Zhang et al., 2022, table 1): MLPs of four times the features, ReLU,
/// learned positions.
static Architecture makeOPT(StringRef name, int64_t layers, int64_t features,
                            int64_t heads) {
  return {.name = name,
          .layers = layers,
          .features = features,
          .neurons = 4 * features,
          .heads = heads,
          .kvHeads = heads,
          .headDim = features / heads,
          .vocabulary = 50272,
          .positions = 2048,
          .ropeTheta = 0,
          .norm = NormKind::layer,
          .epsilon = 1e-5,
          .activation = Activation::relu,
          .isGated = false,
          .hasBias = true,
          .isTied = true};
}

ArrayRef<Architecture> Architecture::getAll() {
  static const Architecture all[] = {makeOPT("opt-1.3b", 24, 2048, 32),
                                     makeOPT("opt-6.7b", 32, 4096, 32),
                                     makeOPT("opt-13b", 40, 5120, 40),
                                     makeOPT("opt-30b", 48, 7168, 56),
                                     makeOPT("opt-66b", 64, 9216, 72),
                                     makeOPT("opt-175b", 96, 12288, 96),
                                     // Llama 3 (Grattafiori et al., 2024).
                                     {.name = "llama-3-8b",
                                      .layers = 32,
                                      .features = 4096,
                                      .neurons = 14336,
                                      .heads = 32,
                                      .kvHeads = 8,
                                      .headDim = 128,
                                      .vocabulary = 128256,
                                      .positions = 0,
                                      .ropeTheta = 500000,
                                      .norm = NormKind::rms,
                                      .epsilon = 1e-5,
                                      .activation = Activation::silu,
                                      .isGated = true,
                                      .hasBias = false,
                                      .isTied = false}};
  return all;
}

const Architecture *Architecture::find(StringRef name) {
  for (const Architecture &each : getAll())
    if (each.name == name)
      return &each;
  return nullptr;
}
