//===- TargetInfo.h - what a GPU can do -------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TARGET_CUDA_TARGETINFO_H
#define DEJAVU_TARGET_CUDA_TARGETINFO_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mlir::dejavu {

/// What kernel generators ask about a GPU. No generator looks at an
/// architecture number.
struct TargetInfo {
  std::string chip;   ///< as LLVM calls it, `sm_90`
  int64_t capability; ///< compute capability, 90 for 9.0; for choosing images
  /// PTX version of the code, as a feature of LLVM's: `+ptx80`. Empty is the
  /// least that the chip needs.
  std::string ptxFeature;
  /// Of the usual product: 108 (A100), 132 (H100), 148 (B200). The runtime asks
  /// the device.
  int64_t multiprocessors;
  int64_t sharedBytesPerBlock;      ///< most dynamic shared memory of a block
  int64_t sharedBytesPortable;      ///< what every GPU since sm_80 has: 99 KiB
  int64_t registersPerBlock;        ///< 32-bit registers of a multiprocessor
  int64_t threadsPerMultiprocessor; ///< that are resident at once
  bool hasBulkCopies;               ///< cp.async.bulk with mbarriers
  bool hasClusters; ///< thread block clusters, distributed shared memory
  bool hasVectorReductions; ///< additions of 16 bytes in global memory
  bool hasEarlyLaunch;      ///< programmatic dependent launch

  /// The facts about `chip`; nothing for a chip that is not known.
  static std::optional<TargetInfo> get(llvm::StringRef chip);

  /// The chips that are known, ascending.
  static llvm::ArrayRef<llvm::StringRef> getKnownChips();

  /// The chips that `cuda` alone means, ascending.
  static llvm::ArrayRef<llvm::StringRef> getPortableChips();

  /// The chips of a `--target` text, each once and ascending: `cuda` -> the
  /// portable ones, `cuda:sm_90,sm_80` -> these. Fails with a message in
  /// `error` that names the known chips.
  static FailureOr<llvm::SmallVector<std::string>>
  parseTarget(llvm::StringRef text, std::string &error);
};

} // namespace mlir::dejavu

#endif // DEJAVU_TARGET_CUDA_TARGETINFO_H
