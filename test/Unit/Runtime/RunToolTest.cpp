//===- RunToolTest.cpp - dejavu-run on an executable ---------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Child.h"
#include "FakeModel.h"
#include "Npz.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sys/wait.h>

using namespace dejavu::rt;
using namespace dejavu::run;
using namespace dejavu::test;
namespace fs = std::filesystem;

namespace {
/// Runs the tool as a user would, on the executable with the fake model.
class RunToolTest : public testing::Test {
protected:
  using Arrays = std::map<std::string, Array>;

  template <typename T>
  static void put(Arrays &arrays, const std::string &name, DType dtype,
                  Shape shape, const std::vector<T> &values) {
    Array array{name, dtype, std::move(shape), {}};
    array.data.resize(values.size() * sizeof(T));
    if (!values.empty())
      std::memcpy(array.data.data(), values.data(), array.data.size());
    arrays[name] = std::move(array);
  }

  /// A prefill of two ids with the logits that the fake model computes.
  static Arrays golden() {
    Arrays arrays;
    put<int64_t>(arrays, "in.input_ids", DType::I64, {1, 2}, {3, 5});
    put<int64_t>(arrays, "in.attention_mask", DType::I64, {1, 2}, {1, 1});
    put<int64_t>(arrays, "in.position_ids", DType::I64, {1, 2}, {0, 1});
    put<float>(arrays, "in.past.0.key", DType::F32, {1, 2, 0, 2}, {});
    put<float>(arrays, "in.past.0.value", DType::F32, {1, 2, 0, 2}, {});
    std::vector<float> logits(2 * kVocab, 0.0f);
    logits[nextId({3})] = 2;
    logits[kVocab + nextId({3, 5})] = 2;
    put(arrays, "out.logits", DType::F32, {1, 2, kVocab}, logits);
    put<float>(arrays, "out.present.0.key", DType::F32, {1, 2, 2, 2},
               {3, 0, 5, 0, 3, 1, 5, 1});
    return arrays;
  }

  struct Result {
    int code;
    std::string out, err;
  };
  Result run(const std::string &arguments,
             const std::string &environment = "") {
    std::string command = environment + " '" DEJAVU_RUN "' " + arguments +
                          " > '" + fake.file("out") + "' 2> '" +
                          fake.file("err") + "'";
    int state = std::system(command.c_str());
    return {WIFEXITED(state) ? WEXITSTATUS(state) : -1,
            readFile(fake.file("out")), readFile(fake.file("err"))};
  }
  Result runOn(const Arrays &arrays, const std::string &options = "",
               const std::string &environment = "") {
    std::vector<TensorView> views;
    for (const auto &[name, array] : arrays)
      views.push_back(array.view());
    EXPECT_TRUE(writeNpz(fake.file("case.npz"), views).succeeded());
    return run("'" FAKE_EXECUTABLE "' --input '" + fake.file("case.npz") +
                   "' " + options,
               environment);
  }

  FakeModel fake;
};
} // namespace

TEST_F(RunToolTest, Passes) {
  Result result = runOn(golden());
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "out.logits: max abs diff 0, ok\n"
                        "out.present.0.key: max abs diff 0, ok\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(RunToolTest, Tolerance) {
  Arrays arrays = golden();
  float moved = 0.5f;
  std::memcpy(arrays["out.logits"].data.data(), &moved, sizeof(moved));
  Result result = runOn(arrays);
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.out.find("out.logits: max abs diff 0.5, 1 of 22 elements "
                            "differ, worst at [0, 0, 0]"),
            std::string::npos)
      << result.out;
  EXPECT_EQ(result.err, "error: " + fake.file("case.npz") +
                            ": 1 of 2 outputs are not as expected\n");
  EXPECT_EQ(runOn(arrays, "--atol 0.6").code, 0);
  EXPECT_EQ(runOn(arrays, "--rtol=1").code, 0);
  EXPECT_EQ(runOn(arrays, "--rtol 0.9 --atol 0").code, 1);
}

TEST_F(RunToolTest, WhatMustNotPass) {
  Arrays arrays = golden();
  put<float>(arrays, "out.other", DType::F32, {1}, {0});
  Result result = runOn(arrays);
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.out.find("out.other: not an output of the model, FAILED"),
            std::string::npos);

  arrays = golden();
  arrays["out.logits"].shape = {2, 1, kVocab};
  EXPECT_EQ(runOn(arrays).code, 1);

  arrays = golden();
  arrays.erase("out.logits");
  arrays.erase("out.present.0.key");
  result = runOn(arrays);
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.err.find("there is no out.NAME"), std::string::npos);

  arrays = golden();
  put<float>(arrays, "other", DType::F32, {1}, {0});
  EXPECT_NE(runOn(arrays).err.find("'other' is neither in.NAME nor out.NAME"),
            std::string::npos);

  arrays = golden();
  arrays.erase("in.position_ids");
  result = runOn(arrays);
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.err.find("input 'in.position_ids' is missing"),
            std::string::npos);
  EXPECT_EQ(result.err.find("error:", 1), std::string::npos) << "one error";
}

TEST_F(RunToolTest, ExecutablesThatMisbehave) {
  Result result = runOn(golden(), "--atol 1e9", "FAKE_MODEL=nan");
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.out.find("out.logits: NaN at [0, 0, 5]"), std::string::npos)
      << result.out;
  result = runOn(golden(), "", "FAKE_MODEL=crash");
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.err.find("killed by signal 9"), std::string::npos);
  result = runOn(golden(), "", "FAKE_MODEL=quiet");
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.err,
            "error: " FAKE_EXECUTABLE ": failed with exit code 3\n");
  result = runOn(golden(), "", "FAKE_MODEL=fail");
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.err.find("prefill failed with code 42"), std::string::npos);
}

TEST_F(RunToolTest, Output) {
  std::string path = fake.file("result.npz");
  ASSERT_EQ(runOn(golden(), "--output '" + path + "'").code, 0);
  ErrorOr<std::vector<Array>> arrays = readNpz(path);
  ASSERT_TRUE(arrays.succeeded()) << arrays.message();
  std::set<std::string> names;
  for (const Array &array : *arrays)
    names.insert(array.name);
  EXPECT_EQ(names, (std::set<std::string>{"out.logits", "out.present.0.key",
                                          "out.present.0.value"}));
}

TEST_F(RunToolTest, LeavesNothingBehind) {
  fs::create_directory(fake.file("tmp"));
  std::string environment = "TMPDIR='" + fake.file("tmp") + "'";
  EXPECT_EQ(runOn(golden(), "", environment).code, 0);
  EXPECT_EQ(runOn(golden(), "", environment + " FAKE_MODEL=crash").code, 1);
  EXPECT_TRUE(fs::is_empty(fake.file("tmp")));
}

TEST_F(RunToolTest, FullDisk) {
  runOn(golden());
  std::string command = "'" DEJAVU_RUN "' '" FAKE_EXECUTABLE "' --input '" +
                        fake.file("case.npz") + "' > /dev/full 2> '" +
                        fake.file("err") + "'";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
  EXPECT_EQ(readFile(fake.file("err")),
            "error: stdout: No space left on device\n");
}

TEST_F(RunToolTest, CommandLineErrors) {
  auto error = [&](const std::string &arguments) {
    Result result = run(arguments);
    EXPECT_EQ(result.code, 1);
    EXPECT_EQ(result.out, "");
    return result.err;
  };
  std::string file = fake.file("case.npz");
  EXPECT_EQ(error(""), "error: no executable is given\n");
  EXPECT_EQ(error("x"), "error: --input is missing\n");
  EXPECT_EQ(error("x --wrong"), "error: unknown flag '--wrong'\n");
  EXPECT_EQ(error("x y"), "error: unexpected argument 'y'\n");
  EXPECT_EQ(error("x --input"), "error: --input needs a value\n");
  EXPECT_EQ(error("x --input y --rtol -1"),
            "error: --rtol: expected a number of at least 0, found '-1'\n");
  EXPECT_EQ(error("x --input y --atol nan"),
            "error: --atol: expected a number of at least 0, found 'nan'\n");
  EXPECT_EQ(error("/nowhere/x --input y"),
            "error: /nowhere/x: No such file or directory\n");
  EXPECT_EQ(error("/tmp --input y"),
            "error: /tmp: not a regular file, expected an executable\n");
  writeFile(file, "no archive");
  EXPECT_EQ(error("'" + file + "' --input y"),
            "error: " + file + ": not executable\n");
  EXPECT_NE(error("'" FAKE_EXECUTABLE "' --input '" + file + "'")
                .find("error: " + file + ": "),
            std::string::npos);
  EXPECT_EQ(run("--help").out.rfind("usage: dejavu-run ", 0), 0u);
}

TEST(ChildTest, StartsNothingElse) {
  // `true` would be found by a search of PATH.
  EXPECT_EQ(checkExecutable("true").message(),
            "true: No such file or directory");
  ErrorOr<ChildResult> result =
      runChild(FAKE_EXECUTABLE, {"--prompt-ids", "1; exit 0", "--stream"});
  ASSERT_TRUE(result.succeeded());
  EXPECT_EQ(result->code, 1);
  EXPECT_TRUE(result->saidError);
}

/// main() of dejavu_rt_main with real symbols in place of handed-in ones.
TEST(ExecutableTest, MainGenerates) {
  std::FILE *pipe =
      popen("'" FAKE_EXECUTABLE "' --prompt-ids 3,5 --max-new-tokens 1", "r");
  char line[32] = "";
  EXPECT_TRUE(std::fgets(line, sizeof(line), pipe));
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_EQ(line, std::to_string(nextId({3, 5})) + "\n");
}
