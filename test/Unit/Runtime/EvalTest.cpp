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

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace dejavu::rt;
using namespace dejavu::test;

/// What the fake model's logits give: one of 2, ten of 0.
static double nllOf(bool hit) {
  return std::log(std::exp(2.0) + 10) - (hit ? 2.0 : 0.0);
}

namespace {
/// What the fake model reads when it decodes a text, after its rules.
struct Reads {
  double neurons = 0, evens = 0, lateHeads = 0;
  size_t tokens = 0;

  void decode(const TokenIds &ids) {
    int missing = 0; // steps of head 0
    for (int64_t id : ids) {
      bool isEven = id % 2 == 0;
      neurons += id;
      evens += isEven;
      lateHeads += missing > 0 && (isEven || missing == kRing);
      missing = isEven ? 0 : std::min<int>(missing + 1, kRing);
    }
    tokens += ids.size();
  }
  double mlpDensity() const { return neurons / tokens / 10; }
  double headDensity() const { return (tokens + evens) / tokens / 2; }
  double mlpBytes() const { return 160 + mlpDensity() * 500; }
  double attentionBytes() const {
    return 150 + headDensity() * 40 + lateHeads * 3 / tokens;
  }
  double bytes() const { return 190 + mlpBytes() + attentionBytes(); }
};
} // namespace

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
    ids.push_back((i / 3 * 7 + i) % 11);
  // By hand: windows of 16, nothing predicted across their bounds.
  double nll = 0;
  int predicted = 0, hits = 0;
  Reads reads;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i % 16 == 0)
      reads.decode(
          {ids.begin() + i, ids.begin() + std::min(i + 16, ids.size())});
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
  ASSERT_GT(reads.lateHeads, 0);
  writeTokens(fake.file("t.npy"), ids);
  FakeModel::Result result = fake.run(
      {"--eval-tokens", fake.file("t.npy"), "--json", fake.file("e.json")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out,
            formatString("perplexity: %.9g\nmlp density: %.6g\n"
                         "mlp density all layers: %.6g\nhead density: %.6g\n"
                         "bytes/token: %.0f of 1000 dense\n",
                         std::exp(nll / predicted), reads.mlpDensity(),
                         reads.mlpDensity(), reads.headDensity(),
                         reads.bytes()));
  Json json = Json::parse(readFile(fake.file("e.json")));
  EXPECT_EQ(json["tokens"], 40);
  EXPECT_EQ(json["predicted"], 37);
  EXPECT_NEAR(json["nll"], nll, 1e-9);
  EXPECT_NEAR(json["head_density"], reads.headDensity(), 1e-12);
  EXPECT_NEAR(json["bytes_per_token"], reads.bytes(), 1e-9);
  Json &parts = json["bytes_by_part"];
  EXPECT_EQ(parts.size(), 5u);
  EXPECT_EQ(parts["norms"], 50);
  EXPECT_NEAR(parts["mlp"], reads.mlpBytes(), 1e-9);
  EXPECT_NEAR(parts["attention"], reads.attentionBytes(), 1e-9);
  EXPECT_EQ(json["bytes_by_part_dense"]["mlp"], 660);
  ASSERT_EQ(json["layers"].size(), 1u);
  Json &layer = json["layers"][0];
  EXPECT_NEAR(layer["mlp_density"], reads.mlpDensity(), 1e-12);
  EXPECT_NEAR(layer["head_density"], reads.headDensity(), 1e-12);
  // Tenths are lower bounds of bins.
  std::vector<int> histogram(50);
  for (int64_t id : ids)
    ++histogram[std::min<int64_t>(id * 5, 49)];
  EXPECT_EQ(layer["density_histogram"], histogram);
  EXPECT_EQ(layer["head_usage"], (std::vector<double>{reads.evens / 40, 1}));
}

TEST(EvalTest, LayersWithoutCounters) {
  FakeModel fake;
  auto model = fake.load();
  model->manifest.counters.clear();
  model->manifest.alwaysParts.reset();
  model->manifest.denseParts.reset();
  model->entryPoints.decode = [](dejavu_step *step) -> int32_t {
    std::fill_n(step->logits, kVocab, 0.0f);
    return 0;
  };
  ErrorOr<EvalResult> result = evaluate(*model, {1, 2, 3}, {});
  ASSERT_TRUE(result.succeeded()) << result.message();
  Json json = Json::parse(result->json(model->manifest));
  EXPECT_EQ(json["head_density"], 1);
  EXPECT_EQ(json["bytes_by_part"], Json::object());
  EXPECT_EQ(json["bytes_by_part_dense"], Json::object());
  EXPECT_EQ(json["layers"][0]["density_histogram"], Json::array());
  EXPECT_EQ(json["layers"][0]["head_usage"], Json::array());
  EXPECT_EQ(json["layers"][0]["mlp_density"], 1);
}

TEST(EvalTest, First) {
  FakeModel fake;
  auto run = [&](const TokenIds &ids, const std::vector<std::string> &more) {
    writeTokens(fake.file("t.npy"), ids);
    std::vector<std::string> all = {"--eval-tokens", fake.file("t.npy")};
    all.insert(all.end(), more.begin(), more.end());
    return fake.run(all);
  };
  TokenIds ids;
  for (int i = 0; i < 40; ++i)
    ids.push_back(i * i % 10);
  FakeModel::Result want = run({ids.begin() + 9, ids.begin() + 31}, {});
  ASSERT_EQ(want.code, 0) << want.err;
  EXPECT_EQ(run(ids, {"--eval-first", "9", "--eval-limit", "22"}).out,
            want.out);
  want = run({ids.begin() + 9, ids.end()}, {});
  EXPECT_EQ(run(ids, {"--eval-first", "9"}).out, want.out);
  EXPECT_EQ(run(ids, {"--eval-first=9", "--eval-limit=99"}).out, want.out);
  // Only what is read has to be right, and is counted from the beginning.
  EXPECT_EQ(run({99, 1, 2, 99}, {"--eval-first=1", "--eval-limit=2"}).code, 0);
  std::string prefix = "error: " + fake.file("t.npy") + ": ";
  EXPECT_EQ(run({1, 2, 3, 99}, {"--eval-first", "2"}).err,
            prefix + "token 3: id 99 is not in the vocabulary of 11\n");
  for (const char *first : {"4", "5"})
    EXPECT_EQ(run({1, 2, 3, 4}, {"--eval-first", first}).err,
              prefix + "0 tokens in windows of 16 leave nothing to predict\n");
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
  Reads reads;
  reads.decode(continuation(ids, 8));
  EXPECT_NEAR(json["bytes_per_token"], reads.bytes(), 1e-9);
  EXPECT_NEAR(json["mlp_density"], reads.mlpDensity(), 1e-12);
  EXPECT_NEAR(json["head_density"], reads.headDensity(), 1e-12);
  EXPECT_NE(result.out.find(
                formatString("head density: %.6g\n", reads.headDensity())),
            std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("tokens/s"), std::string::npos);
  EXPECT_EQ(
      fake.run({"--bench", "--prompt-length", "10", "--new-tokens", "7"}).err,
      "error: prompt 1: 10 tokens plus 7 new exceed the context of "
      "16\n");
}
