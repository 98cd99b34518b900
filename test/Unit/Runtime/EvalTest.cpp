//===- EvalTest.cpp - perplexity, densities and benchmarks ---------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Eval.h"

#include "Bench.h"
#include "FakeModel.h"
#include "Json.h"
#include "Npy.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace dejavu::rt;
using namespace dejavu::test;

/// What the fake model's logits give: one of 2, ten of 0.
static double nllOf(bool hit) {
  return std::log(std::exp(2.0) + 10) - (hit ? 2.0 : 0.0);
}

/// Writes token ids as int64.
static void writeTokens(const std::string &path, const TokenIds &ids) {
  std::string bytes =
      *makeNpyHeader(DType::I64, {static_cast<int64_t>(ids.size())});
  bytes.append(reinterpret_cast<const char *>(ids.data()),
               ids.size() * sizeof(int64_t));
  writeFile(path, bytes);
}

TEST(EvalTest, NegativeLogLikelihood) {
  std::vector<float> logits = {1000, 1001, 999};
  double sum = std::exp(-1.0) + 1 + std::exp(-2.0);
  EXPECT_NEAR(negativeLogLikelihood(logits.data(), 3, 0), std::log(sum) + 1,
              1e-12);
}

TEST(EvalTest, WindowsDensitiesAndBytes) {
  FakeModel fake;
  TokenIds ids;
  for (int i = 0; i < 40; ++i)
    ids.push_back(i * i % 10);
  // By hand: windows of 16, nothing predicted across their bounds.
  double nll = 0, active = 0;
  int predicted = 0, hits = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    active += ids[i];
    if (i % 16 == 15 || i + 1 == ids.size())
      continue;
    TokenIds seen(ids.begin() + i / 16 * 16, ids.begin() + i + 1);
    bool hit = nextId(seen) == ids[i + 1];
    hits += hit;
    nll += nllOf(hit);
    ++predicted;
  }
  ASSERT_GT(hits, 0);
  ASSERT_EQ(predicted, 37);
  writeTokens(fake.file("t.npy"), ids);
  FakeModel::Result result = fake.run(
      {"--eval-tokens", fake.file("t.npy"), "--json", fake.file("e.json")});
  ASSERT_EQ(result.code, 0) << result.err;
  double density = active / 400;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out,
            formatString("perplexity: %.9g\nmlp density: %.6g\n"
                         "mlp density all layers: %.6g\nhead density: 1\n"
                         "bytes/token: %.0f of 1000 dense\n",
                         std::exp(nll / predicted), density, density,
                         500 + density * 500));
  Json json = Json::parse(readFile(fake.file("e.json")));
  EXPECT_EQ(json["tokens"], 40);
  EXPECT_EQ(json["predicted"], 37);
  EXPECT_NEAR(json["nll"], nll, 1e-9);
  EXPECT_NEAR(json["layers"][0]["mlp_density"], density, 1e-12);
}

TEST(EvalTest, Limit) {
  FakeModel fake;
  writeTokens(fake.file("t.npy"), {1, 2, 3, 4, 5});
  FakeModel::Result result =
      fake.run({"--eval-tokens", fake.file("t.npy"), "--eval-limit", "2"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out.rfind(formatString("perplexity: %.9g\n",
                                          std::exp(nllOf(nextId({1}) == 2))),
                             0),
            0u)
      << result.out;
  EXPECT_NE(result.out.find("mlp density: 0.15\n"), std::string::npos);
}

TEST(EvalTest, Errors) {
  FakeModel fake;
  std::string path = fake.file("t.npy");
  auto error = [&](const TokenIds &ids) {
    writeTokens(path, ids);
    FakeModel::Result result = fake.run({"--eval-tokens", path});
    EXPECT_EQ(result.code, 1);
    EXPECT_EQ(result.out, "");
    return result.err;
  };
  EXPECT_EQ(error({}), "error: " + path +
                           ": 0 tokens in windows of 16 leave nothing to "
                           "predict\n");
  EXPECT_EQ(error({1, 2, 11}),
            "error: " + path +
                ": token 2: id 11 is not in the vocabulary of 11\n");
}

TEST(EvalTest, LayerMeans) {
  Traffic traffic;
  traffic.layerDensity = {0.4, 0.1, 0.3};
  EXPECT_DOUBLE_EQ(traffic.meanDensity(1), 0.2);
  EXPECT_DOUBLE_EQ(traffic.meanDensity(0), 0.8 / 3);
  traffic.layerDensity = {0.4};
  EXPECT_DOUBLE_EQ(traffic.meanDensity(1), 0.4);
}

TEST(EvalTest, TrafficWantsEveryToken) {
  Manifest manifest = *Manifest::parse(fakeManifest("xxh3:0"));
  ActiveCounts counts{{{.active = 30, .rows = 10}}};
  ErrorOr<Traffic> traffic = trafficOf(manifest, counts, 10);
  ASSERT_TRUE(traffic.succeeded());
  EXPECT_DOUBLE_EQ(traffic->layerDensity[0], 0.3);
  EXPECT_DOUBLE_EQ(traffic->bytesPerToken, 500 + 150);
  EXPECT_TRUE(trafficOf(manifest, counts, 11).failed());
}

TEST(EvalTest, TrafficOfADenseModel) {
  Manifest manifest = *Manifest::parse(fakeManifest("xxh3:0"));
  manifest.selects.clear();
  ErrorOr<Traffic> traffic = trafficOf(manifest, {}, 10);
  ASSERT_TRUE(traffic.succeeded());
  EXPECT_EQ(traffic->layerDensity[0], 1.0);
  EXPECT_EQ(traffic->bytesPerToken, 500);
}

TEST(BenchTest, Results) {
  FakeModel fake;
  FakeModel::Result result =
      fake.run({"--bench", "--prompt-length", "5", "--new-tokens", "8",
                "--repeats", "2", "--json", fake.file("b.json")});
  ASSERT_EQ(result.code, 0) << result.err;
  Json json = Json::parse(readFile(fake.file("b.json")));
  EXPECT_EQ(json["prompt_length"], 5);
  EXPECT_EQ(json["new_tokens"], 8);
  EXPECT_GT(json["ms_per_token"], 0.0);
  EXPECT_GT(json["read_bandwidth_bytes_per_second"], 1e8);
  for (const char *key : {"machine", "cpu", "date"})
    EXPECT_TRUE(json[key].is_string()) << key;
  // The prompt is the same every time, so the counted bytes are known.
  TokenIds ids = syntheticPrompt(5, kVocab);
  double active = 0;
  for (int64_t id : continuation(ids, 8))
    active += id;
  EXPECT_NEAR(json["bytes_per_token"], 500 + active * 50 / 8, 1e-9);
  EXPECT_NE(result.out.find("tokens/s"), std::string::npos);
  EXPECT_EQ(
      fake.run({"--bench", "--prompt-length", "10", "--new-tokens", "7"}).err,
      "error: prompt 1: 10 tokens plus 7 new exceed the context of "
      "16\n");
}
