//===- TargetInfo.cpp - what a GPU can do ---------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Target/CUDA/TargetInfo.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::dejavu;

namespace {
/// A row of the table below.
struct Chip {
  llvm::StringLiteral name;
  int64_t capability;
  llvm::StringLiteral ptxFeature;
  int64_t multiprocessors;
  int64_t sharedKiB; ///< for a block
  int64_t threads;   ///< for a multiprocessor
  bool isHopperOrLater;
};
} // namespace

/// "CUDA C++ Programming Guide", the tables of compute capabilities. Bulk
/// copies into a cluster want PTX 8.0, reductions of vectors 8.1; LLVM knows
/// sm_100 from 8.6 on and sm_120 from 8.7 on.
static constexpr Chip kChips[] = {
    {"sm_80", 80, "", 108, 163, 2048, false},        // A100
    {"sm_86", 86, "", 84, 99, 1536, false},          // RTX A6000
    {"sm_89", 89, "", 142, 99, 1536, false},         // L40S
    {"sm_90", 90, "+ptx81", 132, 227, 2048, true},   // H100, H200
    {"sm_100", 100, "+ptx86", 148, 227, 2048, true}, // B200
    {"sm_120", 120, "+ptx87", 188, 99, 1536, true},  // RTX PRO 6000
};

std::optional<TargetInfo> TargetInfo::get(StringRef chip) {
  const Chip *found = llvm::find_if(
      kChips, [&](const Chip &each) { return each.name == chip; });
  if (found == std::end(kChips))
    return std::nullopt;
  TargetInfo info;
  info.chip = found->name.str();
  info.capability = found->capability;
  info.ptxFeature = found->ptxFeature.str();
  info.multiprocessors = found->multiprocessors;
  info.sharedBytesPerBlock = found->sharedKiB << 10;
  info.sharedBytesPortable = 99 << 10;
  info.registersPerBlock = 64 << 10;
  info.threadsPerMultiprocessor = found->threads;
  info.hasBulkCopies = found->isHopperOrLater;
  info.hasClusters = found->isHopperOrLater;
  info.hasVectorReductions = found->isHopperOrLater;
  info.hasEarlyLaunch = found->isHopperOrLater;
  return info;
}

ArrayRef<StringRef> TargetInfo::getKnownChips() {
  static const SmallVector<StringRef> names = llvm::map_to_vector(
      kChips, [](const Chip &chip) { return StringRef(chip.name); });
  return names;
}

ArrayRef<StringRef> TargetInfo::getPortableChips() {
  static constexpr StringRef names[] = {"sm_80", "sm_90", "sm_100"};
  return names;
}

FailureOr<SmallVector<std::string>>
TargetInfo::parseTarget(StringRef text, std::string &error) {
  auto toStrings = [](auto &&names) {
    return llvm::map_to_vector(names,
                               [](StringRef name) { return name.str(); });
  };
  if (text == "cuda")
    return toStrings(getPortableChips());
  if (!text.consume_front("cuda:")) {
    error = ("expected cuda or cuda:CHIP,..., found '" + text + "'").str();
    return failure();
  }
  SmallVector<StringRef> wanted;
  text.split(wanted, ',');
  for (StringRef chip : wanted)
    if (!llvm::is_contained(getKnownChips(), chip)) {
      error = ("expected chips among " + llvm::join(getKnownChips(), ", ") +
               ", found '" + chip + "'")
                  .str();
      return failure();
    }
  return toStrings(
      llvm::make_filter_range(getKnownChips(), [&](StringRef chip) {
        return llvm::is_contained(wanted, chip);
      }));
}
