//===- SamplerTest.cpp - greedy and random choices -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sampler.h"

#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace dejavu::rt;

static std::vector<int64_t> draw(const SamplingOptions &options, int64_t row,
                                 int count, const std::vector<float> &logits) {
  Sampler sampler(options, row + 1);
  std::vector<int64_t> ids;
  for (int i = 0; i < count; ++i)
    ids.push_back(*sampler.pick(row, logits.data(), logits.size()));
  return ids;
}

TEST(SamplerTest, GreedyTakesTheLowestOfEquals) {
  std::vector<float> logits = {-1, 3, 3, 2, 3};
  EXPECT_EQ(*argmax(logits.data(), 5), 1);
  logits[0] = 3;
  EXPECT_EQ(*argmax(logits.data(), 5), 0);
  EXPECT_EQ(draw({}, 0, 2, {-INFINITY, -5, -INFINITY}),
            (std::vector<int64_t>{1, 1}));
}

TEST(SamplerTest, ArgmaxOfMany) {
  // Sizes around the blocks of the search, the largest anywhere, twice.
  for (int64_t count : {1, 2, 255, 256, 257, 700}) {
    for (int64_t at = 0; at < count; at += 3) {
      std::vector<float> logits(count, -1.0f);
      logits[at] = logits[count - 1] = 4.0f;
      EXPECT_EQ(*argmax(logits.data(), count), at);
      logits[count - 1] = NAN;
      EXPECT_TRUE(argmax(logits.data(), count).failed());
    }
  }
}

TEST(SamplerTest, NaNIsAnError) {
  std::vector<float> logits = {1, NAN, 3};
  EXPECT_EQ(argmax(logits.data(), 3).message(), "the logit of id 1 is NaN");
  Sampler sampler({.greedy = false}, 1);
  EXPECT_TRUE(sampler.pick(0, logits.data(), 3).failed());
  logits[1] = INFINITY;
  EXPECT_EQ(sampler.pick(0, logits.data(), 3).message(),
            "the logit of id 1 is infinite");
}

TEST(SamplerTest, ZeroTemperatureIsGreedy) {
  EXPECT_EQ(draw({.greedy = false, .temperature = 0}, 0, 3, {1, 2, 1.9f}),
            (std::vector<int64_t>{1, 1, 1}));
}

TEST(SamplerTest, SeedsDecide) {
  std::vector<float> logits(50, 0.0f);
  SamplingOptions options{.greedy = false, .seed = 5};
  std::vector<int64_t> first = draw(options, 0, 40, logits);
  EXPECT_EQ(draw(options, 0, 40, logits), first);
  EXPECT_EQ(draw(options, 3, 40, logits), first) << "rows have equal streams";
  options.seed = 6;
  EXPECT_NE(draw(options, 0, 40, logits), first);
}

TEST(SamplerTest, TheStreamIsSplitMix64) {
  // What its authors' program gives for this seed.
  EXPECT_EQ(drawNumber(1234567, 0), 6457827717110365317u);
  EXPECT_EQ(drawNumber(1234567, 1), 3203168211198807973u);
  EXPECT_EQ(drawNumber(1234567, 2), 9817491932198370423u);
  // Ten equal ids: the id is floor(10 u), where u is that part of 2^64.
  std::vector<int64_t> want;
  for (int i = 0; i < 20; ++i)
    want.push_back((drawNumber(9, i) >> 11) * 0x1p-53 * 10);
  EXPECT_EQ(
      draw({.greedy = false, .seed = 9}, 0, 20, std::vector<float>(10, 1.5f)),
      want);
}

TEST(SamplerTest, WeightsAreExponentials) {
  // To 2^-27 of themselves, as far as whole numbers have that.
  for (uint32_t key = 0; key < 12u << 26; key += 9999991) {
    double want = std::exp2(40 - key * 0x1p-26);
    EXPECT_NEAR(sampleWeight(key), want, want * 0x1p-27 + 1) << key;
  }
  EXPECT_LE(sampleWeight(0), uint64_t(1) << 40);
  EXPECT_EQ(sampleWeight((40u << 26) - 1), 1u);
  EXPECT_EQ(sampleWeight(40u << 26), 0u);
  EXPECT_EQ(sampleWeight(UINT32_MAX), 0u);
}

TEST(SamplerTest, KeysAreDistances) {
  SamplingOptions options{.greedy = false, .temperature = 2};
  double scale = options.scale();
  EXPECT_EQ(sampleKey(3, 3, scale), 0u);
  // Two e-folds at temperature 2 are 1 / ln 2 octaves.
  EXPECT_EQ(sampleKey(3, 1, scale),
            static_cast<uint32_t>(0x1p26 / std::log(2.0)));
  EXPECT_EQ(sampleKey(3, -1000, scale), UINT32_MAX);
  EXPECT_EQ(sampleKey(3, -INFINITY, scale), UINT32_MAX);
  // Whatever the temperature is, the likeliest id has a weight.
  for (double temperature : {1e-320, 1e-300, 1e308}) {
    options.temperature = temperature;
    EXPECT_GT(options.scale(), 0);
    EXPECT_EQ(sampleKey(3, 3, options.scale()), 0u);
    EXPECT_EQ(sampleKey(3, 2, options.scale()),
              temperature > 1 ? 0u : UINT32_MAX);
  }
  EXPECT_EQ(SamplingOptions().scale(), 0);
}

TEST(SamplerTest, FrequenciesFollowTheDistribution) {
  // Probabilities 0.1, 0.2, 0.3, 0.4 at temperature 2.
  std::vector<float> logits;
  for (double p : {0.1, 0.2, 0.3, 0.4})
    logits.push_back(2 * std::log(p));
  std::vector<int> counts(4, 0);
  for (int64_t id :
       draw({.greedy = false, .temperature = 2, .seed = 1}, 0, 20000, logits))
    ++counts[id];
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(counts[i] / 20000.0, 0.1 * (i + 1), 0.015);
}

TEST(SamplerTest, TopPKeepsTheLikeliest) {
  std::vector<float> logits;
  for (double p : {0.1, 0.2, 0.3, 0.4})
    logits.push_back(std::log(p));
  std::vector<int> counts(4, 0);
  SamplingOptions options{.greedy = false, .topP = 0.65, .seed = 2};
  for (int64_t id : draw(options, 0, 20000, logits))
    ++counts[id];
  EXPECT_EQ(counts[0], 0);
  EXPECT_EQ(counts[1], 0);
  EXPECT_NEAR(counts[2] / 20000.0, 3.0 / 7, 0.015);
  options.topP = 1e-9;
  for (int64_t id : draw(options, 0, 20, {1, 5, 5, 2}))
    EXPECT_EQ(id, 1) << "the lowest of equals";
  // Of eight equals the first two reach a quarter.
  options.topP = 0.25;
  std::vector<int64_t> drawn = draw(options, 0, 200, std::vector<float>(8));
  EXPECT_EQ(std::set(drawn.begin(), drawn.end()), (std::set<int64_t>{0, 1}));
}
