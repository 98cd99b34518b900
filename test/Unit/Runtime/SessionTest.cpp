//===- SessionTest.cpp - what generated code is called with --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"

#include "FakeModel.h"
#include "Generate.h"

#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace dejavu::rt;
using namespace dejavu::test;

namespace {
class SessionTest : public testing::Test {
protected:
  std::unique_ptr<Session> create(int64_t batch, int64_t capacity) {
    ErrorOr<std::unique_ptr<Session>> session =
        Session::create(*model, batch, capacity);
    EXPECT_TRUE(session.succeeded()) << session.message();
    return std::move(*session);
  }

  FakeModel fake;
  std::unique_ptr<LoadedModel> model = fake.load();
};
} // namespace

static Status prefill(Session &session, const TokenIds &ids) {
  int64_t tokens = ids.size() / session.batch();
  return session.prefill(ids.data(), nullptr, tokens, tokens - 1);
}

static Status decode(Session &session, const TokenIds &ids,
                     bool flush = false) {
  return session.decode(ids.data(), nullptr, flush);
}

/// `complete` of the fake model's layer, [batch, heads].
static TokenIds completeOf(const Session &session) {
  const int64_t *steps = session.keyValueCache().complete()[0];
  return {steps, steps + session.batch() * kHeads};
}

static int64_t peak(const Session &session, int64_t row = 0) {
  const float *logits = session.lastLogits(row);
  return std::max_element(logits, logits + kVocab) - logits;
}

TEST_F(SessionTest, ChecksWhatItIsGiven) {
  auto session = create(2, 4);
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

TEST_F(SessionTest, ReportsOfGeneratedCodeAreChecked) {
  auto session = create(1, 4);
  model->entryPoints.decode = [](dejavu_step *step) -> int32_t {
    int32_t counts[] = {1};
    dejavu_rt_count_active(step->session, 7, counts, nullptr, 1);
    dejavu_rt_count_active(step->session, 8, counts, nullptr, 1);
    return 0;
  };
  EXPECT_EQ(decode(*session, {1}).message(), "counter 7 is not in the manifest")
      << "the first error counts";
  model->entryPoints.decode = [](dejavu_step *step) -> int32_t {
    int32_t counts[] = {11};
    dejavu_rt_count_active(step->session, 0, counts, nullptr, 1);
    return 0;
  };
  EXPECT_EQ(decode(*session, {1}).message(), "counter 0: 11 of 10 units");
  model->entryPoints.decode = [](dejavu_step *) -> int32_t { return 5; };
  EXPECT_EQ(decode(*session, {1}).message(), "decode failed with code 5");
  EXPECT_EQ(session->past(), 0);
}

//===----------------------------------------------------------------------===//
// Deferred keys and values
//===----------------------------------------------------------------------===//

TEST_F(SessionTest, BuffersOfDeferredLayers) {
  // Of three layers, the first and the last defer.
  ManifestLayer layer = model->manifest.layers[0];
  model->manifest.layers = {layer, layer, layer};
  model->manifest.layers[1].deferred.reset();
  model->manifest.layers[2].deferred = DeferredCache{5, 7};
  model->manifest.layers[2].kvHeads = 4;
  auto session = create(3, 4);
  const Cache &cache = session->keyValueCache();
  EXPECT_TRUE(cache.isDeferred());
  EXPECT_EQ(cache.kept()[1], nullptr);
  EXPECT_EQ(cache.complete()[1], nullptr);
  ASSERT_TRUE(cache.kept()[0] && cache.kept()[2]);
  ASSERT_TRUE(cache.complete()[0] && cache.complete()[2]);
  for (int layer : {0, 2})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(cache.kept()[layer]) % 64, 0u);
  // Nothing overlaps: what is written is there in the end.
  std::vector<std::pair<float *, int64_t>> tensors;
  for (int i = 0; i < 3; ++i) {
    int64_t heads = model->manifest.layers[i].kvHeads;
    for (void *tensor : {cache.keys()[i], cache.values()[i]})
      tensors.emplace_back(static_cast<float *>(tensor),
                           3 * heads * 4 * kHeadDim);
  }
  tensors.emplace_back(cache.kept()[0], 3 * kRing * 2);
  tensors.emplace_back(cache.kept()[2], 3 * 5 * 7);
  for (size_t i = 0; i < tensors.size(); ++i)
    std::fill_n(tensors[i].first, tensors[i].second, i + 1);
  for (size_t i = 0; i < tensors.size(); ++i)
    EXPECT_EQ(std::count(tensors[i].first, tensors[i].first + tensors[i].second,
                         i + 1),
              tensors[i].second)
        << i;
  int64_t *first = cache.complete()[0], *last = cache.complete()[2];
  std::fill_n(first, 3 * kHeads, 1);
  std::fill_n(last, 3 * 4, 2);
  EXPECT_EQ(std::count(first, first + 3 * kHeads, 1), 3 * kHeads);
  EXPECT_EQ(std::count(last, last + 3 * 4, 2), 3 * 4);
  session->reset();
  EXPECT_EQ(TokenIds(cache.complete()[2], cache.complete()[2] + 3 * 4),
            TokenIds(12, 0));
  ASSERT_TRUE(session->setPast(2).succeeded());
  EXPECT_EQ(completeOf(*session), TokenIds(6, 2));
  EXPECT_EQ(TokenIds(cache.complete()[2], cache.complete()[2] + 3 * 4),
            TokenIds(12, 2));
}

TEST_F(SessionTest, ModelsThatDeferNothing) {
  model->manifest.layers[0].deferred.reset();
  model->entryPoints.decode = [](dejavu_step *step) -> int32_t {
    return step->kept[0] != nullptr || step->complete[0] != nullptr;
  };
  auto session = create(1, 4);
  EXPECT_FALSE(session->keyValueCache().isDeferred());
  EXPECT_TRUE(decode(*session, {1}).succeeded());
  EXPECT_TRUE(prefill(*session, {1, 2}).succeeded());
  EXPECT_EQ(session->past(), 3);
}

/// Bytes of memory that this process uses.
static int64_t residentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

TEST_F(SessionTest, LargeBuffersAreNotTouched) {
  // 1 GiB for what is kept.
  model->manifest.layers[0].deferred = DeferredCache{1 << 14, 1 << 14};
  int64_t before = residentBytes();
  auto session = create(1, 4);
  session->reset();
  ASSERT_TRUE(session->setPast(3).succeeded());
  EXPECT_LT(residentBytes() - before, 64 << 20);
  model->manifest.layers[0].deferred =
      DeferredCache{int64_t(1) << 53, int64_t(1) << 53};
  EXPECT_EQ(Session::create(*model, 1, 4).message(),
            "a cache of 1 rows and 4 steps is too large");
}

TEST_F(SessionTest, StepsThatAreComplete) {
  auto session = create(2, 12);
  EXPECT_EQ(completeOf(*session), (TokenIds{0, 0, 0, 0}));
  ASSERT_TRUE(prefill(*session, {1, 2, 3, 4}).succeeded());
  EXPECT_EQ(completeOf(*session), (TokenIds{2, 2, 2, 2}));
  // Odd ids leave head 0 behind, for three steps at most.
  ASSERT_TRUE(decode(*session, {5, 4}).succeeded());
  EXPECT_EQ(completeOf(*session), (TokenIds{2, 3, 3, 3}));
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(decode(*session, {5, 5}).succeeded());
  EXPECT_EQ(completeOf(*session), (TokenIds{3, 6, 3, 6}));
  ASSERT_TRUE(decode(*session, {5, 5}, /*flush=*/true).succeeded());
  EXPECT_EQ(completeOf(*session), (TokenIds{7, 7, 7, 7}));
  ASSERT_TRUE(session->setPast(4).succeeded());
  EXPECT_EQ(completeOf(*session), (TokenIds{4, 4, 4, 4}));
  ASSERT_TRUE(decode(*session, {5, 5}).succeeded());
  session->reset();
  EXPECT_EQ(completeOf(*session), (TokenIds{0, 0, 0, 0}));
  // A second request gives what the first gave.
  for (int round = 0; round < 2; ++round) {
    session->reset();
    ASSERT_TRUE(prefill(*session, {7, 1, 9, 0}).succeeded());
    for (int64_t id : {3, 5, 9, 1, 2})
      ASSERT_TRUE(decode(*session, {id, 3}).succeeded());
    EXPECT_EQ(peak(*session, 0), nextId({7, 1, 3, 5, 9, 1, 2}));
    EXPECT_EQ(peak(*session, 1), nextId({9, 0, 3, 3, 3, 3, 3}));
    EXPECT_EQ(completeOf(*session), (TokenIds{7, 7, 4, 7}));
  }
}

TEST_F(SessionTest, FlushIsOnRequest) {
  static int64_t flushes;
  auto session = create(1, 8);
  model->entryPoints.decode = [](dejavu_step *step) -> int32_t {
    flushes = step->flush;
    return 0;
  };
  flushes = -1;
  ASSERT_TRUE(decode(*session, {1}).succeeded());
  EXPECT_EQ(flushes, 0);
  ASSERT_TRUE(decode(*session, {1}, /*flush=*/true).succeeded());
  EXPECT_NE(flushes, 0);
}

TEST_F(SessionTest, PrefillBehindDeferredSteps) {
  auto session = create(2, 12);
  TapRecorder taps(model->manifest);
  session->setTaps(&taps);
  ASSERT_TRUE(prefill(*session, {1, 2, 8, 4}).succeeded());
  ASSERT_TRUE(decode(*session, {5, 3}).succeeded());
  ASSERT_TRUE(decode(*session, {7, 6}).succeeded());
  ASSERT_EQ(completeOf(*session), (TokenIds{2, 4, 4, 4})) << "shows nothing";
  // The last step is run again, and no head has more than the past of it.
  static int calls;
  calls = 0;
  model->entryPoints.decode = [](dejavu_step *step) {
    ++calls;
    EXPECT_EQ(step->past, 3);
    EXPECT_EQ(TokenIds(step->complete[0], step->complete[0] + 4),
              (TokenIds{2, 3, 3, 3}));
    EXPECT_EQ(step->taps, 0);
    return fakeDecode(step);
  };
  ASSERT_TRUE(prefill(*session, {9, 3, 1, 1}).succeeded());
  EXPECT_EQ(session->past(), 6);
  EXPECT_EQ(completeOf(*session), TokenIds(4, 6));
  EXPECT_EQ(peak(*session, 0), nextId({1, 2, 5, 7, 9, 3}));
  EXPECT_EQ(peak(*session, 1), nextId({8, 4, 3, 6, 1, 1}));
  // The step that was run twice is counted and watched once.
  EXPECT_EQ(session->counters().sums()[0].rows, 4u);
  ASSERT_TRUE(taps.write(fake.file("taps")).succeeded());
  std::string bytes = readFile(fake.file("taps"));
  EXPECT_NE(bytes.find("p3.site1"), std::string::npos);
  EXPECT_EQ(bytes.find("p4.site1"), std::string::npos);
  // And on, with nothing to be made.
  ASSERT_TRUE(prefill(*session, {2, 2}).succeeded());
  EXPECT_EQ(calls, 1);
}

TEST_F(SessionTest, DecodeThatDoesNotFlush) {
  auto session = create(1, 8);
  ASSERT_TRUE(decode(*session, {5}).succeeded());
  model->entryPoints.decode = [](dejavu_step *step) {
    step->flush = 0;
    return fakeDecode(step);
  };
  EXPECT_EQ(prefill(*session, {1}).message(),
            "decode has left out keys and values that it was asked for");
  model->entryPoints.decode = [](dejavu_step *) -> int32_t { return 5; };
  EXPECT_EQ(prefill(*session, {1}).message(), "decode failed with code 5");
  EXPECT_EQ(session->past(), 1);
  model->entryPoints.decode = fakeDecode;
  ASSERT_TRUE(prefill(*session, {1}).succeeded());
  EXPECT_EQ(peak(*session), nextId({5, 1}));
}

TEST_F(SessionTest, StepsThatFailAreNotComplete) {
  auto session = create(1, 8);
  ASSERT_TRUE(decode(*session, {2}).succeeded());
  model->entryPoints.decode = [](dejavu_step *step) -> int32_t {
    fakeDecode(step);
    return 1;
  };
  EXPECT_TRUE(decode(*session, {4}).failed());
  EXPECT_EQ(completeOf(*session), (TokenIds{1, 1}));
  model->entryPoints.decode = fakeDecode;
  ASSERT_TRUE(decode(*session, {6}).succeeded());
  ASSERT_TRUE(prefill(*session, {1}).succeeded());
  EXPECT_EQ(peak(*session), nextId({2, 6, 1}));
}
