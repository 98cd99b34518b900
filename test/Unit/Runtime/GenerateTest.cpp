//===- GenerateTest.cpp - prompts, padding and generation ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Generate.h"

#include "FakeModel.h"

#include <gtest/gtest.h>
#include <memory>
#include <set>

using namespace dejavu::rt;
using namespace dejavu::test;

namespace {
class GenerateTest : public testing::Test {
protected:
  GenerateTest() {
    Manifest manifest =
        *Manifest::parse({fake.model().manifest,
                          static_cast<size_t>(fake.model().manifest_size)});
    ErrorOr<Weights> weights = Weights::open(fake.weights(), manifest);
    model = std::make_unique<LoadedModel>(
        LoadedModel{fake.model(), std::move(manifest), std::move(*weights)});
  }

  FakeModel fake;
  std::unique_ptr<LoadedModel> model;
};
} // namespace

TEST(PromptTest, Parse) {
  EXPECT_EQ(*parsePromptIds("1,17,42"), (TokenIds{1, 17, 42}));
  EXPECT_EQ(*parsePromptIds(" 0 , 5\r"), (TokenIds{0, 5}));
  for (const char *text : {"", " ", ",", "1,", "1,,2", "x", "1x", "-1", "1;2",
                           "1 2", "0x1", "1.0", "99999999999999999999", "+1"})
    EXPECT_TRUE(parsePromptIds(text).failed()) << text;
  EXPECT_EQ(parsePromptIds("1,4x").message(), "'4x' is not a token id");
}

TEST(PromptTest, PadLeft) {
  PaddedBatch batch = padLeft({{1, 2, 3}, {4}, {5, 6}});
  EXPECT_EQ(batch.rows, 3);
  EXPECT_EQ(batch.tokens, 3);
  EXPECT_EQ(batch.ids, (TokenIds{1, 2, 3, 0, 0, 4, 0, 5, 6}));
  EXPECT_EQ(batch.starts, (TokenIds{0, 2, 1}));
}

TEST_F(GenerateTest, OnePrompt) {
  GenerateOptions options;
  options.maxNewTokens = 10;
  options.ignoreEos = true;
  TokenIds prompt = {1, 2, 3};
  auto ids = generate(*model, {prompt}, options);
  ASSERT_TRUE(ids.succeeded()) << ids.message();
  EXPECT_EQ((*ids)[0], continuation(prompt, 10));
}

TEST_F(GenerateTest, RowsOfABatchEqualThemselvesAlone) {
  std::vector<TokenIds> prompts = {{1}, {5, 5, 2, 9, 0}, {10, 3}, {0, 0}};
  for (bool greedy : {true, false}) {
    GenerateOptions options;
    options.maxNewTokens = 8;
    options.ignoreEos = true;
    options.sampling.greedy = greedy;
    options.sampling.seed = 3;
    auto together = generate(*model, prompts, options);
    ASSERT_TRUE(together.succeeded()) << together.message();
    for (size_t row = 0; row < prompts.size(); ++row) {
      auto alone = generate(*model, {prompts[row]}, options);
      ASSERT_TRUE(alone.succeeded());
      EXPECT_EQ((*together)[row], (*alone)[0]) << row;
      if (greedy) {
        EXPECT_EQ((*alone)[0], continuation(prompts[row], 8));
      }
    }
  }
}

TEST_F(GenerateTest, StopsEachRowAtItsEnd) {
  // Prompts that meet the end-of-sequence id at different steps, or never.
  std::vector<TokenIds> prompts;
  std::vector<TokenIds> want;
  std::set<size_t> lengths;
  for (int64_t a = 0; a < kVocab; ++a) {
    prompts.push_back({a, 1});
    TokenIds ids = continuation(prompts.back(), 6);
    auto end = std::find(ids.begin(), ids.end(), kEos);
    ids.resize(end == ids.end() ? 6 : end - ids.begin() + 1);
    lengths.insert(ids.size());
    want.push_back(ids);
  }
  ASSERT_GT(lengths.size(), 2u) << "the prompts show little";
  GenerateOptions options;
  options.maxNewTokens = 6;
  auto ids = generate(*model, prompts, options);
  ASSERT_TRUE(ids.succeeded());
  EXPECT_EQ(*ids, want);
}

TEST_F(GenerateTest, TellsEachIdAsItIsMade) {
  GenerateOptions options;
  options.maxNewTokens = 5;
  options.ignoreEos = true;
  TokenIds told;
  options.onToken = [&](size_t row, int64_t id) {
    told.push_back(id);
    return told.size() < 4 ? Status::success() : Status::error("enough");
  };
  auto ids = generate(*model, {{3, 4}}, options);
  EXPECT_EQ(ids.message(), "enough");
  EXPECT_EQ(told, continuation({3, 4}, 4));
}

TEST_F(GenerateTest, Limits) {
  GenerateOptions options;
  options.ignoreEos = true;
  options.maxNewTokens = 13;
  EXPECT_EQ((*generate(*model, {{1, 2, 3}}, options))[0].size(), 13u);
  options.maxNewTokens = 14;
  EXPECT_EQ(generate(*model, {{1}, {1, 2, 3}}, options).message(),
            "prompt 2: 3 tokens plus 14 new exceed the context of 16");
  options.maxNewTokens = INT64_MAX;
  EXPECT_TRUE(generate(*model, {{1}}, options).failed());
  options.maxNewTokens = 1;
  EXPECT_EQ(generate(*model, {{1}, {2, 11}}, options).message(),
            "prompt 2: id 11 is not in the vocabulary of 11");
}

TEST_F(GenerateTest, SessionsCheckWhatTheyAreGiven) {
  auto session = std::move(*Session::create(*model, 2, 4));
  TokenIds ids = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  EXPECT_TRUE(session->prefill(ids.data(), nullptr, 5, 0).failed());
  EXPECT_TRUE(session->prefill(ids.data(), nullptr, 0, 0).failed());
  EXPECT_TRUE(session->prefill(ids.data(), nullptr, 2, 2).failed());
  EXPECT_TRUE(session->setStarts({0}).failed());
  EXPECT_TRUE(session->setStarts({0, 4}).failed());
  EXPECT_TRUE(session->setPast(5).failed());
  TokenIds bad = {1, -1};
  EXPECT_EQ(session->decode(bad.data()).message(),
            "row 1, token 0: id -1 is not in the vocabulary of 11");
  TokenIds positions = {19, 20};
  EXPECT_EQ(session->decode(ids.data(), positions.data()).message(),
            "row 1, token 0: position 20 is not one of 0 .. 19");
  EXPECT_EQ(session->past(), 0);
  EXPECT_TRUE(Session::create(*model, 0, 4).failed());
  EXPECT_TRUE(Session::create(*model, INT64_MAX / 4, 1 << 20).failed());
}

TEST_F(GenerateTest, ReportsOfGeneratedCodeAreChecked) {
  auto session = std::move(*Session::create(*model, 1, 4));
  model->entryPoints.decode = [](dejavu_step *step) -> int32_t {
    int32_t counts[] = {1};
    dejavu_rt_count_active(step->session, 7, counts, nullptr, 1);
    return 0;
  };
  int64_t id = 1;
  EXPECT_EQ(session->decode(&id).message(), "select 7 is not in the manifest");
  model->entryPoints.decode = [](dejavu_step *step) -> int32_t {
    int32_t counts[] = {11};
    dejavu_rt_count_active(step->session, 0, counts, nullptr, 1);
    return 0;
  };
  EXPECT_EQ(session->decode(&id).message(),
            "select 0: 11 of 10 neurons are active");
  model->entryPoints.decode = [](dejavu_step *) -> int32_t { return 5; };
  EXPECT_EQ(session->decode(&id).message(), "decode failed with code 5");
}
