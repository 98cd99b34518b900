//===- CApiTest.cpp - the C interface ------------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace dejavu::test;

namespace {
class CApiTest : public testing::Test {
protected:
  void TearDown() override { dejavu_rt_unload(session); }

  dejavu_rt_status load(int64_t batch = 0, int64_t capacity = 0,
                        int32_t verify = 0) {
    dejavu_rt_options options = {batch, capacity, verify};
    return dejavu_rt_load(&fake.model(), fake.weights().c_str(), &options,
                          &session);
  }
  int64_t peak(int64_t row = 0) {
    const float *logits = dejavu_rt_logits(session) + row * kVocab;
    return std::max_element(logits, logits + kVocab) - logits;
  }

  FakeModel fake;
  dejavu_rt_session *session = nullptr;
};
} // namespace

TEST_F(CApiTest, PrefillDecodeReset) {
  ASSERT_EQ(load(0, 0, /*verify=*/1), DEJAVU_RT_OK) << dejavu_rt_error();
  EXPECT_EQ(dejavu_rt_vocab(session), kVocab);
  EXPECT_EQ(dejavu_rt_capacity(session), kContext);
  EXPECT_EQ(dejavu_rt_logits(session), nullptr);
  int64_t ids[] = {4, 9, 2};
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(dejavu_rt_prefill(session, ids, nullptr, 2, 1), DEJAVU_RT_OK);
    EXPECT_EQ(dejavu_rt_past(session), 2);
    EXPECT_EQ(peak(), nextId({4, 9}));
    ASSERT_EQ(dejavu_rt_decode(session, &ids[2]), DEJAVU_RT_OK);
    EXPECT_EQ(peak(), nextId({4, 9, 2}));
    dejavu_rt_reset(session);
    EXPECT_EQ(dejavu_rt_past(session), 0);
    EXPECT_EQ(dejavu_rt_logits(session), nullptr);
  }
}

TEST_F(CApiTest, PrefillBehindDecode) {
  ASSERT_EQ(load(), DEJAVU_RT_OK) << dejavu_rt_error();
  int64_t ids[] = {4, 9, 3, 5, 1, 2};
  ASSERT_EQ(dejavu_rt_prefill(session, ids, nullptr, 2, 1), DEJAVU_RT_OK);
  ASSERT_EQ(dejavu_rt_decode(session, &ids[2]), DEJAVU_RT_OK);
  ASSERT_EQ(dejavu_rt_decode(session, &ids[3]), DEJAVU_RT_OK);
  ASSERT_EQ(dejavu_rt_prefill(session, &ids[4], nullptr, 2, 1), DEJAVU_RT_OK);
  EXPECT_EQ(peak(), nextId({4, 9, 3, 5, 1, 2}));
  EXPECT_EQ(dejavu_rt_past(session), 6);
}

TEST_F(CApiTest, PaddedBatch) {
  ASSERT_EQ(load(2, 4), DEJAVU_RT_OK);
  int64_t ids[] = {4, 9, 0, 5}, starts[] = {0, 1};
  ASSERT_EQ(dejavu_rt_prefill(session, ids, starts, 2, 1), DEJAVU_RT_OK);
  EXPECT_EQ(peak(0), nextId({4, 9}));
  EXPECT_EQ(peak(1), nextId({5}));
}

TEST_F(CApiTest, Errors) {
  EXPECT_EQ(
      dejavu_rt_load(&fake.model(), fake.file("no").c_str(), nullptr, &session),
      DEJAVU_RT_ERROR);
  EXPECT_EQ(dejavu_rt_error(), fake.file("no") + ": No such file or directory");
  EXPECT_EQ(session, nullptr);
  EXPECT_EQ(load(1, 17), DEJAVU_RT_ERROR);
  EXPECT_EQ(load(-1), DEJAVU_RT_ERROR);
  ASSERT_EQ(load(1, 2), DEJAVU_RT_OK);
  int64_t ids[] = {1, 2, 11};
  EXPECT_EQ(dejavu_rt_prefill(session, ids, nullptr, 3, 0), DEJAVU_RT_ERROR);
  EXPECT_STREQ(dejavu_rt_error(),
               "3 tokens behind 0 steps do not fit a cache of 2");
  EXPECT_EQ(dejavu_rt_decode(session, &ids[2]), DEJAVU_RT_ERROR);
  EXPECT_EQ(dejavu_rt_prefill(session, ids, nullptr, 2, 0), DEJAVU_RT_OK);
  EXPECT_EQ(dejavu_rt_decode(session, ids), DEJAVU_RT_ERROR) << "it is full";
}
