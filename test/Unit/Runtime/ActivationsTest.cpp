//===- ActivationsTest.cpp - streams of activations ----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Activations.h"

#include "FakeModel.h"
#include "Program.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace dejavu::rt;
using namespace dejavu::test;

namespace {
class ActivationsTest : public testing::Test {
protected:
  /// 38 tokens: two windows of 16 and one of 6.
  ActivationsTest() {
    for (int i = 0; i < 38; ++i)
      ids.push_back(i * 7 % 11);
    writeTokens(path, ids);
  }

  FakeModel::Result run(const std::string &sites,
                        const std::vector<std::string> &more = {}) {
    std::vector<std::string> all = {"--activations", path, "--sites", sites};
    all.insert(all.end(), more.begin(), more.end());
    return fake.run(all);
  }
  /// What a run writes to stdout and nothing else.
  std::vector<float> values(const std::string &sites,
                            const std::vector<std::string> &more = {}) {
    FakeModel::Result result = run(sites, more);
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(result.out.size() % sizeof(float), 0u);
    std::vector<float> values(result.out.size() / sizeof(float));
    std::memcpy(values.data(), result.out.data(), result.out.size());
    return values;
  }
  std::string error(const std::string &sites,
                    const std::vector<std::string> &more = {}) {
    FakeModel::Result result = run(sites, more);
    EXPECT_EQ(result.code, 1);
    EXPECT_EQ(result.out, "");
    return result.err;
  }

  /// What the fake model reports in a window, by its definition.
  std::vector<float> expected(const std::vector<int> &sites, size_t window) {
    std::vector<float> values;
    size_t begin = window * 16, end = std::min<size_t>(begin + 16, ids.size());
    for (int site : sites) {
      float sum = 0;
      for (size_t i = begin; i < end; ++i) {
        float id = ids[i], position = i - begin;
        sum += id + 3 * position;
        std::vector<float> row = site == 0 ? std::vector<float>{id}
                                 : site == 1
                                     ? std::vector<float>{sum, position}
                                     : std::vector<float>{id, 2 * id, 3 * id};
        values.insert(values.end(), row.begin(), row.end());
      }
    }
    return values;
  }
  std::vector<float> expected(const std::vector<int> &sites, size_t first,
                              size_t last) {
    std::vector<float> values;
    for (size_t window = first; window <= last; ++window) {
      std::vector<float> more = expected(sites, window);
      values.insert(values.end(), more.begin(), more.end());
    }
    return values;
  }

  FakeModel fake;
  std::string path = fake.file("t.npy");
  TokenIds ids;
};
} // namespace

TEST_F(ActivationsTest, WindowByWindowAndSiteBySite) {
  EXPECT_EQ(values("1"), expected({1}, 0, 2));
  EXPECT_EQ(values("2,0,1"), expected({2, 0, 1}, 0, 2));
  EXPECT_EQ(values("0,1,0"), expected({0, 1, 0}, 0, 2));
  EXPECT_EQ(values("2").size(), 38u * 3);
}

TEST_F(ActivationsTest, SomeWindows) {
  EXPECT_EQ(values("1,2", {"--first-window", "1"}), expected({1, 2}, 1, 2));
  EXPECT_EQ(values("1,2", {"--windows", "2"}), expected({1, 2}, 0, 1));
  EXPECT_EQ(values("1", {"--first-window", "1", "--windows", "1"}),
            expected({1}, 1, 1));
  EXPECT_EQ(values("1", {"--first-window=2", "--windows=9223372036854775807"}),
            expected({1}, 2, 2));
  EXPECT_EQ(values("1", {"--first-window", "0"}), expected({1}, 0, 2));
}

TEST_F(ActivationsTest, WholeWindowsAndShortTexts) {
  ids.resize(32);
  writeTokens(path, ids);
  EXPECT_EQ(values("1"), expected({1}, 0, 1));
  ids.resize(1);
  writeTokens(path, ids);
  EXPECT_EQ(values("1"), expected({1}, 0, 0));
}

TEST_F(ActivationsTest, Errors) {
  EXPECT_EQ(error("0,3"), "error: --sites: there is no tap site 3\n");
  EXPECT_EQ(error("1", {"--first-window", "3"}),
            "error: " + path +
                ": 38 tokens are 3 windows of 16, none behind the first 3\n");
  ids[20] = 11;
  writeTokens(path, ids);
  FakeModel::Result result = run("0");
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.err, "error: " + path +
                            ": window 1: row 0, token 4: id 11 is not in the "
                            "vocabulary of 11\n");
  EXPECT_EQ(result.out.size(), 16 * sizeof(float)) << "what came before";
  writeTokens(path, {});
  EXPECT_EQ(error("1"),
            "error: " + path +
                ": 0 tokens are 0 windows of 16, none behind the first 0\n");
  EXPECT_EQ(fake.run({"--activations", fake.file("no"), "--sites", "1"}).err,
            "error: " + fake.file("no") + ": No such file or directory\n");
}

/// Asked for: the bits that the sites need, and no logits but the last.
TEST_F(ActivationsTest, WhatIsAskedFor) {
  auto model = fake.load();
  static std::vector<int64_t> seen;
  model->entryPoints.prefill = [](dejavu_step *step) {
    seen.insert(seen.end(), {step->taps, step->tokens - step->logits_from,
                             step->past, step->capacity});
    return fakePrefill(step);
  };
  auto ask = [&](const std::vector<int64_t> &sites) {
    seen.clear();
    Status status = streamActivations(
        *model, ids, {.sites = sites, .firstWindow = 2},
        [](std::span<const float>) { return Status::success(); });
    EXPECT_TRUE(status.succeeded()) << status.message();
    return seen;
  };
  EXPECT_EQ(ask({0, 1}), (std::vector<int64_t>{DEJAVU_TAP_SITES, 1, 0, 16}));
  EXPECT_EQ(ask({2}), (std::vector<int64_t>{DEJAVU_TAP_HIDDEN, 1, 0, 16}));
  EXPECT_EQ(ask({2, 0}), (std::vector<int64_t>{
                             DEJAVU_TAP_SITES | DEJAVU_TAP_HIDDEN, 1, 0, 16}));
}

TEST_F(ActivationsTest, SitesThatDoNotReport) {
  auto model = fake.load();
  static int64_t calls;
  calls = 0;
  // The second window reports one token, and the sites that are asked for
  // report twice in the third.
  model->entryPoints.prefill = [](dejavu_step *step) -> int32_t {
    std::vector<float> data(16, 1.0f);
    ++calls;
    if (calls != 3)
      dejavu_rt_tap(step->session, 0, data.data(),
                    calls == 1 ? step->tokens : 1, 1);
    return 0;
  };
  std::vector<float> found;
  auto keep = [&](std::span<const float> values) {
    found.assign(values.begin(), values.end());
    return Status::success();
  };
  EXPECT_EQ(streamActivations(*model, ids, {.sites = {0}}, keep).message(),
            "window 1: tap site 0 reported 1 of 16 tokens");
  EXPECT_EQ(found, std::vector<float>(16, 1.0f));
  calls = 2;
  EXPECT_EQ(streamActivations(*model, ids, {.sites = {0}}, keep).message(),
            "window 0: tap site 0 reported 0 of 16 tokens");
  calls = 0;
  ids.resize(32);
  calls = 0;
  model->entryPoints.prefill = [](dejavu_step *step) -> int32_t {
    std::vector<float> data(16, 1.0f);
    if (++calls == 1)
      dejavu_rt_tap(step->session, 0, data.data(), step->tokens, 1);
    return 0;
  };
  EXPECT_EQ(streamActivations(*model, ids, {.sites = {0}}, keep).message(),
            "window 1: tap site 0 reported 0 of 16 tokens")
      << "values of the window before";
}

TEST_F(ActivationsTest, ReportsAreChecked) {
  auto model = fake.load();
  auto error = [&](int32_t (*prefill)(dejavu_step *)) {
    model->entryPoints.prefill = prefill;
    return streamActivations(
               *model, ids, {.sites = {0}},
               [](std::span<const float>) { return Status::success(); })
        .message();
  };
  static std::vector<float> data(64, 0.0f);
  EXPECT_EQ(error([](dejavu_step *step) -> int32_t {
              dejavu_rt_tap(step->session, 9, data.data(), 1, 1);
              return 0;
            }),
            "window 0: tap site 9 is not in the manifest");
  EXPECT_EQ(error([](dejavu_step *step) -> int32_t {
              dejavu_rt_tap(step->session, 1, data.data(), 1, 3);
              return 0;
            }),
            "window 0: tap site 1: 1 x 3 values, expected width 2");
  EXPECT_EQ(error([](dejavu_step *step) -> int32_t {
              dejavu_rt_tap(step->session, 0, data.data(), 16, 1);
              dejavu_rt_tap(step->session, 0, data.data(), 16, 1);
              return 0;
            }),
            "window 0: tap site 0 reports twice in one call");
}

TEST_F(ActivationsTest, WritingThatFailsIsTheEnd) {
  auto model = fake.load();
  int calls = 0;
  Status status = streamActivations(
      *model, ids, {.sites = {0, 1}}, [&](std::span<const float>) {
        return ++calls < 3 ? Status::success() : Status::error("enough");
      });
  EXPECT_EQ(status.message(), "enough");
  EXPECT_EQ(calls, 3);
}

//===----------------------------------------------------------------------===//
// Standard output
//===----------------------------------------------------------------------===//

namespace {
class ActivationsOutputTest : public ActivationsTest {
protected:
  /// Runs with that descriptor as stdout, and closes it.
  int runTo(int descriptor) {
    std::FILE *out = ::fdopen(descriptor, "w"), *err = std::tmpfile();
    int code = runProgram({"fake", "--weights", fake.weights(), "--activations",
                           path, "--sites", "1,2"},
                          fake.model(), {stdin, out, err});
    std::rewind(err);
    for (int c; (c = std::fgetc(err)) != EOF;)
      message.push_back(c);
    std::fclose(out);
    std::fclose(err);
    return code;
  }

  std::string message;
};
} // namespace

TEST_F(ActivationsOutputTest, Terminal) {
  int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0)
    GTEST_SKIP() << "no terminals here";
  int other = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  ASSERT_GE(other, 0);
  EXPECT_EQ(runTo(other), 1);
  EXPECT_EQ(message, "error: --activations writes no text: expected stdout to "
                     "be a file or a pipe\n");
  ::close(terminal);
}

TEST_F(ActivationsOutputTest, BrokenPipe) {
  // SIGPIPE would end this test; afterwards it is as it was.
  ASSERT_EQ(std::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(runTo(ends[1]), 1);
  EXPECT_EQ(message, "");
  EXPECT_EQ(std::signal(SIGPIPE, SIG_DFL), SIG_DFL);
}

TEST_F(ActivationsOutputTest, FullDisk) {
  int full = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  EXPECT_EQ(runTo(full), 1);
  EXPECT_EQ(message, "error: stdout: No space left on device\n");
}

TEST_F(ActivationsOutputTest, Executable) {
  std::string command = "'" FAKE_EXECUTABLE "' --activations '" + path +
                        "' --sites 2,1 > '" + fake.file("out") + "' 2> '" +
                        fake.file("err") + "'";
  int state = std::system(command.c_str());
  EXPECT_TRUE(WIFEXITED(state) && WEXITSTATUS(state) == 0);
  EXPECT_EQ(readFile(fake.file("err")), "");
  std::string bytes = readFile(fake.file("out"));
  std::vector<float> want = expected({2, 1}, 0, 2);
  ASSERT_EQ(bytes.size(), want.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(bytes.data(), want.data(), bytes.size()), 0);
}
