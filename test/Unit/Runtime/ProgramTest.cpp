//===- ProgramTest.cpp - an executable from its flags to its output ------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include "FakeModel.h"
#include "Json.h"
#include "Safetensors.h"

#include <cstdio>
#include <cstring>
#include <gtest/gtest.h>

using namespace dejavu::rt;
using namespace dejavu::test;

static std::string join(const std::vector<int64_t> &ids,
                        const char *separator = ",") {
  std::string text;
  for (size_t i = 0; i < ids.size(); ++i)
    text += (i ? separator : "") + std::to_string(ids[i]);
  return text;
}

TEST(ProgramTest, OneLineAndNothingElse) {
  FakeModel fake;
  FakeModel::Result result = fake.run(
      {"--prompt-ids", "1,2,3", "--max-new-tokens", "5", "--ignore-eos"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, join(continuation({1, 2, 3}, 5)) + "\n");
  EXPECT_EQ(result.err, "");
}

TEST(ProgramTest, PromptsFromInput) {
  FakeModel fake;
  FakeModel::Result result =
      fake.run({"--prompt-ids", "-", "--max-new-tokens", "4", "--ignore-eos"},
               "1,2\n5\r\n9,9,9");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, join(continuation({1, 2}, 4)) + "\n" +
                            join(continuation({5}, 4)) + "\n" +
                            join(continuation({9, 9, 9}, 4)) + "\n");
}

TEST(ProgramTest, NoNewTokens) {
  FakeModel fake;
  EXPECT_EQ(fake.run({"--prompt-ids", "1", "--max-new-tokens", "0"}).out, "\n");
}

TEST(ProgramTest, Stream) {
  FakeModel fake;
  FakeModel::Result result =
      fake.run({"--prompt-ids", "4,4", "--max-new-tokens", "6", "--ignore-eos",
                "--stream"});
  EXPECT_EQ(result.out, join(continuation({4, 4}, 6), "\n") + "\n");
  result = fake.run({"--prompt-ids", "-", "--stream"}, "1\n2\n");
  EXPECT_EQ(result.err, "error: --stream takes one prompt, found 2\n");
}

TEST(ProgramTest, PromptErrors) {
  FakeModel fake;
  auto error = [&](const std::string &ids, const std::string &in = "") {
    FakeModel::Result result =
        fake.run({"--prompt-ids=" + ids, "--max-new-tokens", "3"}, in);
    EXPECT_EQ(result.code, 1);
    EXPECT_EQ(result.out, "");
    return result.err;
  };
  EXPECT_EQ(error("1,4x"), "error: prompt 1: '4x' is not a token id\n");
  EXPECT_EQ(error(""), "error: prompt 1: empty, expected token ids such as "
                       "1,17,42\n");
  EXPECT_EQ(error("-", "1\n\n2\n"), "error: prompt 2: empty, expected token "
                                    "ids such as 1,17,42\n");
  EXPECT_EQ(error("-", ""),
            "error: no prompts on stdin, expected one a line\n");
  EXPECT_EQ(error("-", "1\n2,99\n"),
            "error: prompt 2: id 99 is not in the vocabulary of 11\n");
  EXPECT_EQ(error("-", "1\n1,2,3,4,5,6,7,8,9,1,2,3,4,5\n"),
            "error: prompt 2: 14 tokens plus 3 new exceed the context of "
            "16\n");
}

TEST(ProgramTest, FullDisk) {
  FakeModel fake;
  std::FILE *full = std::fopen("/dev/full", "w");
  std::FILE *err = std::tmpfile();
  ASSERT_TRUE(full && err);
  EXPECT_EQ(runProgram({"fake", "--weights", fake.weights(), "--prompt-ids",
                        "1", "--max-new-tokens", "2"},
                       fake.model(), {stdin, full, err}),
            1);
  EXPECT_EQ(runProgram({"fake", "--info"}, fake.model(), {stdin, full, err}),
            1);
  std::rewind(err);
  char line[100] = "";
  EXPECT_TRUE(std::fgets(line, sizeof(line), err));
  EXPECT_STREQ(line, "error: stdout: No space left on device\n");
  std::fclose(full);
  std::fclose(err);
}

TEST(ProgramTest, Info) {
  FakeModel fake;
  FakeModel::Result result = fake.runBare({"--info"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(Json::parse(result.out)["model"]["name"], "fake");
  EXPECT_EQ(result.out.rfind("{\n  \"format\": 1,\n", 0), 0u);
  EXPECT_EQ(fake.runBare({"--version"}).out, "dejavu test, model fake\n");
  EXPECT_EQ(fake.runBare({"--help"}).out.rfind("usage: fake ", 0), 0u);
}

TEST(ProgramTest, BrokenManifest) {
  FakeModel fake;
  dejavu_rt_model model = fake.model();
  model.manifest_size -= 5;
  std::FILE *err = std::tmpfile();
  EXPECT_EQ(runProgram({"fake", "--info"}, model, {stdin, stdout, err}), 1);
  std::rewind(err);
  char line[100] = "";
  EXPECT_TRUE(std::fgets(line, sizeof(line), err));
  EXPECT_STREQ(line, "error: fake: manifest: not valid JSON\n");
  std::fclose(err);
}

TEST(ProgramTest, MissingFeature) {
  FakeModel fake;
  std::string manifest(fake.model().manifest, fake.model().manifest_size);
  // A feature that no CPU of today has with one that every CPU has.
  size_t at = manifest.find("\"a-feature-unheard-of\"");
  manifest.replace(at, 22, "\"avx512vp2intersect\", \"avx512_fp16\"");
  dejavu_rt_model model = {manifest.data(),
                           static_cast<int64_t>(manifest.size()), fakePrefill,
                           fakeDecode};
  std::FILE *err = std::tmpfile(), *out = std::tmpfile();
  int code =
      runProgram({"fake", "--weights", fake.weights(), "--prompt-ids", "1"},
                 model, {stdin, out, err});
  std::rewind(err);
  char line[300] = "";
  std::fgets(line, sizeof(line), err);
  std::fclose(err);
  std::fclose(out);
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512vp2intersect") &&
      __builtin_cpu_supports("avx512fp16")) {
    EXPECT_EQ(code, 0);
  } else {
    EXPECT_EQ(code, 1);
    EXPECT_TRUE(std::strstr(line, "does not have avx512")) << line;
  }
}

TEST(ProgramTest, Weights) {
  FakeModel fake;
  // Without --weights: beside the executable, which is this test.
  FakeModel::Result result = fake.runBare({"--prompt-ids", "1"});
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.err.find("DejavuRuntimeTests.safetensors: No such file"),
            std::string::npos)
      << result.err;
  EXPECT_EQ(fake.run({"--verify"}).out, "1 weights verified\n");
  std::string bytes = readFile(fake.weights());
  bytes.back() ^= 1;
  writeFile(fake.weights(), bytes);
  EXPECT_EQ(fake.run({"--prompt-ids", "1", "--verify"}).code, 1);
}

TEST(ProgramTest, Taps) {
  FakeModel fake;
  std::string path = fake.file("taps");
  FakeModel::Result result =
      fake.run({"--prompt-ids", "2,3", "--max-new-tokens", "3", "--tap", path,
                "--ignore-eos"});
  ASSERT_EQ(result.code, 0) << result.err;
  ErrorOr<SafetensorsFile> file = SafetensorsFile::open(path);
  ASSERT_TRUE(file.succeeded());
  // The prefill and two decode steps; the third id is not run. Hidden sites are
  // not for --tap.
  ASSERT_EQ(file->tensors().size(), 6u);
  auto values = [&](const char *name, const Shape &shape) {
    const TensorView *view = file->find(name);
    EXPECT_TRUE(view && view->shape == shape) << name;
    std::vector<float> result(view ? view->bytes / sizeof(float) : 0);
    if (view)
      std::memcpy(result.data(), view->data, view->bytes);
    return result;
  };
  EXPECT_EQ(values("p0.site0", {2, 1}), (std::vector<float>{2, 3}));
  EXPECT_EQ(values("p0.site1", {2, 2}),
            (std::vector<float>{2, 0, 2 + 3 + 3 * 1, 1}));
  float id = nextId({2, 3});
  EXPECT_EQ(values("p1.site1", {1, 2}),
            (std::vector<float>{2 + 3 + id + 3 * (1 + 2), 2}));
  EXPECT_EQ(values("p1.site0", {1, 1}), (std::vector<float>{id}));
  EXPECT_TRUE(file->find("p2.site1"));
}

TEST(ProgramTest, ThreadsWithoutOpenMP) {
  // This test links no OpenMP, so that one thread is all there is.
  FakeModel fake;
  EXPECT_EQ(
      fake.run({"--prompt-ids", "1", "--max-new-tokens", "1", "--threads", "1"})
          .code,
      0);
  EXPECT_EQ(fake.run({"--prompt-ids", "1", "--threads", "2"}).err,
            "error: this executable has no OpenMP: it runs one thread\n");
}
