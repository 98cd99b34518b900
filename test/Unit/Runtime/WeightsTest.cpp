//===- WeightsTest.cpp - weights that belong and that do not -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Weights.h"

#include "FakeModel.h"
#include "Hash.h"

#include <gtest/gtest.h>

using namespace dejavu::rt;
using namespace dejavu::test;

namespace {
class WeightsTest : public testing::Test {
protected:
  Manifest manifest() const {
    return *Manifest::parse({fake.model().manifest,
                             static_cast<size_t>(fake.model().manifest_size)});
  }
  std::string error() const {
    ErrorOr<Weights> weights = Weights::open(fake.weights(), manifest());
    EXPECT_TRUE(weights.failed());
    return weights.message();
  }
  /// A manifest that wants exactly the file that is there.
  Manifest manifestOfFile() const {
    Manifest result = manifest();
    result.weightsDigest =
        digestOf(SafetensorsFile::open(fake.weights())->header());
    return result;
  }

  FakeModel fake;
};
} // namespace

TEST_F(WeightsTest, OpensAndVerifies) {
  ErrorOr<Weights> weights = Weights::open(fake.weights(), manifest());
  ASSERT_TRUE(weights.succeeded()) << weights.message();
  ASSERT_EQ(weights->pointers().size(), 1u);
  EXPECT_EQ(static_cast<const float *>(weights->pointers()[0])[10], 0.0f);
  EXPECT_TRUE(weights->verify().succeeded());
}

TEST_F(WeightsTest, DigestIsXXH3) {
  // The reference value of the empty input.
  EXPECT_EQ(digestOf({}), "xxh3:2d06800538d394c2");
}

TEST_F(WeightsTest, Strangers) {
  std::string want = manifest().weightsDigest;
  std::vector<float> data(11, 1.0f);
  ASSERT_TRUE(writeSafetensors(fake.weights(),
                               {{"bias",
                                 DType::F32,
                                 {11},
                                 reinterpret_cast<const uint8_t *>(data.data()),
                                 44}},
                               {{"format", "dejavu-1"}})
                  .succeeded());
  std::string digest =
      digestOf(SafetensorsFile::open(fake.weights())->header());
  EXPECT_EQ(error(), fake.weights() +
                         ": weights do not belong to this executable (digest " +
                         digest + ", expected " + want + ")");
}

TEST_F(WeightsTest, MissingShortAndLong) {
  std::string whole = readFile(fake.weights());
  for (size_t size : {size_t(0), size_t(7), size_t(60), whole.size() - 1}) {
    writeFile(fake.weights(), whole.substr(0, size));
    EXPECT_NE(error().find(fake.weights()), std::string::npos);
  }
  writeFile(fake.weights(), whole + "x");
  EXPECT_NE(error().find("the tensors end at 44"), std::string::npos);
  std::remove(fake.weights().c_str());
  EXPECT_EQ(error(), fake.weights() + ": No such file or directory");
}

TEST_F(WeightsTest, ChangedValueIsFoundByVerify) {
  std::string bytes = readFile(fake.weights());
  bytes.back() ^= 1;
  writeFile(fake.weights(), bytes);
  ErrorOr<Weights> weights = Weights::open(fake.weights(), manifest());
  ASSERT_TRUE(weights.succeeded());
  EXPECT_NE(weights->verify().message().find("tensor 'bias': damaged"),
            std::string::npos);
}

TEST_F(WeightsTest, TensorsAreTheManifests) {
  Manifest other = manifestOfFile();
  other.weights[0].name = "other";
  EXPECT_EQ(Weights::open(fake.weights(), other).message(),
            fake.weights() + ": no tensor 'other'");
  other = manifestOfFile();
  other.weights[0].shape = {12};
  EXPECT_EQ(Weights::open(fake.weights(), other).message(),
            fake.weights() +
                ": tensor 'bias': expected F32 [12], found F32 [11]");
  other = manifestOfFile();
  other.weights[0].dtype = DType::I32;
  EXPECT_TRUE(Weights::open(fake.weights(), other).failed());
}

TEST_F(WeightsTest, AlignmentAndFormat) {
  std::vector<float> data(12, 0.0f);
  auto *bytes = reinterpret_cast<const uint8_t *>(data.data());
  ASSERT_TRUE(writeSafetensors(fake.weights(),
                               {{"pad", DType::F32, {1}, bytes, 4},
                                {"bias", DType::F32, {11}, bytes, 44}},
                               {{"format", "dejavu-1"}})
                  .succeeded());
  EXPECT_EQ(Weights::open(fake.weights(), manifestOfFile()).message(),
            fake.weights() + ": tensor 'bias': not at a multiple of 64 bytes");
  ASSERT_TRUE(
      writeSafetensors(fake.weights(), {{"bias", DType::F32, {11}, bytes, 44}})
          .succeeded());
  EXPECT_NE(Weights::open(fake.weights(), manifestOfFile())
                .message()
                .find("dejavu-1"),
            std::string::npos);
  ASSERT_TRUE(writeSafetensors(fake.weights(),
                               {{"bias", DType::F32, {11}, bytes, 44}},
                               {{"format", "dejavu-1"}})
                  .succeeded());
  ErrorOr<Weights> weights = Weights::open(fake.weights(), manifestOfFile());
  ASSERT_TRUE(weights.succeeded());
  EXPECT_NE(weights->verify().message().find("no checksum"), std::string::npos);
}
