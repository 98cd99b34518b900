//===- Manifest.h - what an executable says about itself --------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TARGET_PACKAGE_MANIFEST_H
#define DEJAVU_TARGET_PACKAGE_MANIFEST_H

#include "mlir/IR/BuiltinOps.h"

#include "llvm/Support/JSON.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mlir::dejavu {

/// What the module does not say.
struct ManifestConfig {
  std::string cpuName;
  std::vector<std::string> cpuFeatures;
  int64_t maxContext = 2048;
  std::string weightsDigest; ///< `xxh3:...`
  /// The key `cuda`, what is embedded for GPUs; nothing for the CPU.
  std::optional<llvm::json::Object> cuda;
};

/// The number of positions that the model has a table for; 0 if any will do.
int64_t getPositionLimit(ModuleOp module);

/// Reads an end-of-sequence id or several from generation_config.json, or else
/// config.json, beside the model or in its parent folder. Emits an error and
/// fails if such a file is not valid.
FailureOr<std::vector<int64_t>> findEosIds(ModuleOp module);

/// The `max_position_embeddings` of config.json, beside the model or in its
/// parent folder: how many tokens the model was trained for. 0 if there is no
/// such file or field.
int64_t findTrainedContext(ModuleOp module);

/// The manifest (docs/Internals.md, section 4) of a lowered module.
FailureOr<std::string> makeManifest(ModuleOp module,
                                    const ManifestConfig &config);

} // namespace mlir::dejavu

#endif // DEJAVU_TARGET_PACKAGE_MANIFEST_H
