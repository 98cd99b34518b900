//===- TargetInfoTest.cpp - the GPUs that a target names ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Target/CUDA/TargetInfo.h"

#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::dejavu;

/// The chips of `text` with commas between, or the message.
static std::string parse(llvm::StringRef text) {
  std::string error;
  FailureOr<SmallVector<std::string>> chips =
      TargetInfo::parseTarget(text, error);
  return succeeded(chips) ? llvm::join(*chips, ",") : error;
}

TEST(TargetInfo, ParsesTargets) {
  EXPECT_EQ(parse("cuda"), "sm_80,sm_90,sm_100");
  EXPECT_EQ(parse("cuda:sm_90"), "sm_90");
  // Each once, ascending by capability and not by letters.
  EXPECT_EQ(parse("cuda:sm_100,sm_90,sm_100"), "sm_90,sm_100");
}

TEST(TargetInfo, RefusesTargets) {
  std::string known = "expected chips among sm_80, sm_86, sm_89, sm_90, "
                      "sm_100, sm_120, found ";
  EXPECT_EQ(parse("cuda:sm_1"), known + "'sm_1'");
  EXPECT_EQ(parse("cuda:"), known + "''");
  EXPECT_EQ(parse("cuda:sm_90,"), known + "''");
  EXPECT_EQ(parse("cuda:sm_90, sm_80"), known + "' sm_80'");
  EXPECT_EQ(parse("cpu"), "expected cuda or cuda:CHIP,..., found 'cpu'");
  EXPECT_EQ(parse(""), "expected cuda or cuda:CHIP,..., found ''");
}

TEST(TargetInfo, Facts) {
  EXPECT_FALSE(TargetInfo::get("sm_1"));
  int64_t last = 0;
  for (llvm::StringRef chip : TargetInfo::getKnownChips()) {
    std::optional<TargetInfo> info = TargetInfo::get(chip);
    ASSERT_TRUE(info) << chip.str();
    EXPECT_EQ("sm_" + std::to_string(info->capability), chip);
    EXPECT_LT(last, info->capability);
    last = info->capability;
    EXPECT_LE(info->sharedBytesPortable, info->sharedBytesPerBlock);
    EXPECT_EQ(info->hasClusters, info->capability >= 90);
  }
  for (llvm::StringRef chip : TargetInfo::getPortableChips())
    EXPECT_TRUE(TargetInfo::get(chip)) << chip.str();
}
