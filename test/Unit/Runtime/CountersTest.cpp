//===- CountersTest.cpp - units read, bytes and densities ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Counters.h"

#include "Traffic.h"

#include <gtest/gtest.h>

using namespace dejavu::rt;

namespace {
/// Two layers; counter 0 and 1 count neurons and heads of the second, 2 and 3
/// what only comes to bytes.
class CountersTest : public testing::Test {
protected:
  CountersTest() {
    ManifestLayer layer;
    layer.heads = 8;
    layer.kvHeads = 4;
    layer.headDim = 2;
    layer.hasMlp = true;
    layer.neurons = 100;
    manifest.layers = {layer, layer};
    manifest.denseBytes = 5000;
    manifest.alwaysBytes = 1000;
    manifest.counters = {{1, Unit::Neuron, 100, 10, true},
                         {1, Unit::KvGroup, 4, 50, true},
                         {0, Unit::Neuron, 100, 7, false},
                         {0, Unit::KvGroup, 4, 3, false}};
    counters.emplace(manifest);
  }

  Status add(int64_t counter, std::vector<int32_t> counts,
             std::vector<int32_t> indices = {}) {
    return counters->add(counter, counts.data(),
                         indices.empty() ? nullptr : indices.data(),
                         counts.size());
  }
  Traffic traffic(uint64_t tokens) {
    ErrorOr<Traffic> result = trafficOf(manifest, *counters, tokens);
    EXPECT_TRUE(result.succeeded()) << result.message();
    return *result;
  }

  Manifest manifest;
  std::optional<Counters> counters;
};
} // namespace

TEST_F(CountersTest, Sums) {
  ASSERT_TRUE(add(0, {3, 0, 100}).succeeded());
  ASSERT_TRUE(add(0, {7}).succeeded());
  ASSERT_TRUE(add(3, {4}).succeeded());
  EXPECT_EQ(counters->sums()[0].active, 110u);
  EXPECT_EQ(counters->sums()[0].rows, 4u);
  EXPECT_EQ(counters->sums()[1].rows, 0u);
  EXPECT_EQ(counters->sums()[3].active, 4u);
  EXPECT_TRUE(counters->sums()[0].histogram.empty());
  counters->reset();
  EXPECT_EQ(counters->sums()[0].active, 0u);
  EXPECT_EQ(counters->sums()[0].rows, 0u);
}

TEST_F(CountersTest, Ranges) {
  EXPECT_EQ(add(4, {0}).message(), "counter 4 is not in the manifest");
  EXPECT_EQ(add(-1, {0}).message(), "counter -1 is not in the manifest");
  EXPECT_EQ(add(0, {5, 101}).message(), "counter 0: 101 of 100 units");
  EXPECT_EQ(add(1, {-1}).message(), "counter 1: -1 of 4 units");
  EXPECT_EQ(counters->add(0, nullptr, nullptr, -1).message(),
            "counter 0: -1 rows");
}

TEST_F(CountersTest, UnitsAreCheckedWithStatistics) {
  std::vector<std::vector<int32_t>> wrong = {
      {1, 0, -1, -1}, {2, 2, -1, -1}, {-1, 0, -1, -1}, {0, 4, -1, -1}};
  for (const std::vector<int32_t> &indices : wrong)
    EXPECT_TRUE(add(1, {2}, indices).succeeded()) << "nobody looks";
  counters->keepStatistics();
  for (const std::vector<int32_t> &indices : wrong)
    EXPECT_EQ(add(1, {2}, indices).message(),
              "counter 1: expected units of 0 .. 3 in ascending order");
  // In the second row, and of a counter that has no statistics.
  EXPECT_TRUE(add(1, {1, 2}, {3, 9, 9, 9, 3, 1, 0, 0}).failed());
  EXPECT_TRUE(add(3, {2}, wrong[0]).failed());
  // What is behind the units is nobody's.
  EXPECT_TRUE(add(1, {2, 0}, {0, 3, -5, 99, 7, 7, 7, 7}).succeeded());
}

TEST_F(CountersTest, HistogramBounds) {
  counters->keepStatistics();
  // 100 neurons, so two to a bin; all of them belong to the last.
  ASSERT_TRUE(add(0, {0, 1, 2, 3, 97, 98, 99, 100, 49, 50}).succeeded());
  std::vector<uint64_t> want(kDensityBins, 0);
  want[0] = 2;
  want[1] = 2;
  want[24] = 1;
  want[25] = 1;
  want[48] = 1;
  want[49] = 3;
  EXPECT_EQ(counters->sums()[0].histogram, want);
  EXPECT_TRUE(counters->sums()[1].histogram.empty());
  EXPECT_TRUE(counters->sums()[2].histogram.empty());
  counters->reset();
  EXPECT_EQ(counters->sums()[0].histogram,
            std::vector<uint64_t>(kDensityBins, 0));
}

TEST_F(CountersTest, HistogramOfOneUnit) {
  manifest.counters[0].units = 1;
  counters->keepStatistics();
  ASSERT_TRUE(add(0, {0, 1, 1}).succeeded());
  EXPECT_EQ(counters->sums()[0].histogram.front(), 1u);
  EXPECT_EQ(counters->sums()[0].histogram.back(), 2u);
}

TEST_F(CountersTest, Densities) {
  // Tokens, 4 of them. What only counts bytes may report any number of rows.
  ASSERT_TRUE(add(0, {10, 20, 30, 40}).succeeded());
  ASSERT_TRUE(add(1, {1, 1, 2, 4}).succeeded());
  ASSERT_TRUE(add(2, {50}).succeeded());
  Traffic result = traffic(4);
  ASSERT_EQ(result.layers.size(), 2u);
  EXPECT_EQ(result.layers[0].mlpDensity, 1.0);
  EXPECT_EQ(result.layers[0].headDensity, 1.0);
  EXPECT_DOUBLE_EQ(result.layers[1].mlpDensity, 0.25);
  EXPECT_DOUBLE_EQ(result.layers[1].headDensity, 0.5);
  EXPECT_DOUBLE_EQ(result.meanMlpDensity(1), 0.25);
  EXPECT_DOUBLE_EQ(result.meanMlpDensity(0), 0.625);
  EXPECT_DOUBLE_EQ(result.meanHeadDensity(), 0.75);
  EXPECT_DOUBLE_EQ(result.bytesPerToken,
                   1000 + (100 * 10 + 8 * 50 + 50 * 7) / 4.0);
  EXPECT_TRUE(result.bytesByPart.empty());
  EXPECT_TRUE(result.layers[1].densityHistogram.empty());
  EXPECT_TRUE(result.layers[1].headUsage.empty());
  ASSERT_TRUE(add(0, {1}).succeeded());
  EXPECT_EQ(trafficOf(manifest, *counters, 4).message(),
            "counter 0 reported 5 of 4 tokens");
}

TEST_F(CountersTest, SeveralCountersOfALayer) {
  manifest.counters.push_back({1, Unit::Neuron, 300, 1, true});
  counters->keepStatistics();
  ASSERT_TRUE(add(0, {100, 100}).succeeded());
  ASSERT_TRUE(add(1, {0, 0}).succeeded());
  ASSERT_TRUE(add(4, {0, 100}).succeeded());
  Traffic result = traffic(2);
  EXPECT_DOUBLE_EQ(result.layers[1].mlpDensity, 300 / 800.0);
  const std::vector<uint64_t> &histogram = result.layers[1].densityHistogram;
  ASSERT_EQ(histogram.size(), 50u);
  EXPECT_EQ(histogram[0], 1u);
  EXPECT_EQ(histogram[16], 1u) << "a third";
  EXPECT_EQ(histogram[49], 2u);
}

TEST_F(CountersTest, Parts) {
  manifest.alwaysParts = Parts{{"embedding", 300}, {"mlp", 700}};
  ASSERT_TRUE(add(0, {10, 20}).succeeded());
  ASSERT_TRUE(add(1, {1, 2}).succeeded());
  ASSERT_TRUE(add(2, {4}).succeeded());
  ASSERT_TRUE(add(3, {2}).succeeded());
  std::map<std::string, double> want = {{"attention", (3 * 50 + 2 * 3) / 2.0},
                                        {"embedding", 300},
                                        {"mlp", 700 + (30 * 10 + 4 * 7) / 2.0}};
  Traffic result = traffic(2);
  EXPECT_EQ(result.bytesByPart, want);
  EXPECT_DOUBLE_EQ(result.bytesPerToken, want["attention"] + 300 + want["mlp"]);
}

TEST_F(CountersTest, HeadUsage) {
  counters->keepStatistics();
  ASSERT_TRUE(add(0, {0, 0, 0, 0, 0}).succeeded());
  ASSERT_TRUE(add(1, {1, 2}, {2, -1, -1, -1, 0, 2, -1, -1}).succeeded());
  ASSERT_TRUE(add(1, {0, 4}, {-1, -1, -1, -1, 0, 1, 2, 3}).succeeded());
  // Of tokens whose units are not at hand nothing is known.
  ASSERT_TRUE(add(1, {3}).succeeded());
  ASSERT_TRUE(add(3, {1}, {0, -1, -1, -1}).succeeded());
  Traffic result = traffic(5);
  EXPECT_EQ(result.layers[1].headUsage,
            (std::vector<double>{0.5, 0.25, 0.75, 0.25}));
  EXPECT_DOUBLE_EQ(result.layers[1].headDensity, 10 / 20.0);
  EXPECT_TRUE(result.layers[0].headUsage.empty());
}

TEST_F(CountersTest, HeadUsageThatNobodyReports) {
  counters->keepStatistics();
  ASSERT_TRUE(add(0, {1}, std::vector<int32_t>(100, 7)).succeeded());
  ASSERT_TRUE(add(1, {3}).succeeded());
  EXPECT_TRUE(traffic(1).layers[1].headUsage.empty());
}

TEST(TrafficTest, LayerMeans) {
  Traffic traffic;
  EXPECT_EQ(traffic.meanMlpDensity(1), 1.0);
  EXPECT_EQ(traffic.meanHeadDensity(), 1.0);
  traffic.layers = {{0.4, 0.1, {}, {}}, {0.1, 0.2, {}, {}}, {0.3, 0.6, {}, {}}};
  EXPECT_DOUBLE_EQ(traffic.meanMlpDensity(1), 0.2);
  EXPECT_DOUBLE_EQ(traffic.meanMlpDensity(0), 0.8 / 3);
  EXPECT_DOUBLE_EQ(traffic.meanHeadDensity(), 0.3);
  traffic.layers.resize(1);
  EXPECT_DOUBLE_EQ(traffic.meanMlpDensity(1), 0.4);
}

TEST(TrafficTest, DenseModel) {
  Manifest manifest;
  manifest.layers.resize(2);
  manifest.alwaysBytes = 500;
  ErrorOr<Traffic> traffic = trafficOf(manifest, Counters(manifest), 10);
  ASSERT_TRUE(traffic.succeeded());
  EXPECT_EQ(traffic->layers[1].mlpDensity, 1.0);
  EXPECT_EQ(traffic->bytesPerToken, 500);
}
