//===- ForwardTest.cpp - a model without a cache --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"
#include "Manifest.h"
#include "Program.h"
#include "Safetensors.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <map>

using namespace dejavu::rt;
using namespace dejavu::test;

//===----------------------------------------------------------------------===//
// A fake: sums = sum of the rows of x [n, 3], as I64 [n]; flag and its
// negation. x[0][0] of 100 looks up a row that isn't there, 101 stops, 102
// wants more memory than there is, 103 returns a code, 104 gives a shape that
// the manifest doesn't have.
//===----------------------------------------------------------------------===//

static int32_t fakeForward(dejavu_call *call) {
  const dejavu_tensor &x = call->inputs[0], &flag = call->inputs[1];
  const auto *rows = static_cast<const int32_t *>(x.data);
  int64_t count = x.dims[0];
  auto *sums = static_cast<int64_t *>(dejavu_rt_alloc(count * 8));
  if (reinterpret_cast<uintptr_t>(sums) % 64 != 0 ||
      reinterpret_cast<uintptr_t>(x.data) % 64 != 0)
    return 7;
  // Something that nobody frees, and something that is freed.
  dejavu_rt_alloc(100);
  dejavu_rt_free(dejavu_rt_alloc(0));
  for (int64_t i = 0; i < count; ++i)
    sums[i] =
        static_cast<int64_t>(rows[3 * i]) + rows[3 * i + 1] + rows[3 * i + 2];
  int32_t wish = count > 0 ? rows[0] : 0;
  if (wish == 100) {
    dejavu_rt_bad_index(1, -9, 5);
    dejavu_rt_bad_index(0, 8, 5);
  }
  if (wish == 101)
    dejavu_rt_stop("node 'b': sizes 2 and 3 do not agree");
  if (wish == 102)
    dejavu_rt_alloc(INT64_MAX);
  if (wish == 103)
    return 3;
  call->outputs[0].data = sums;
  call->outputs[0].dims[0] = count;
  auto *negation = static_cast<uint8_t *>(dejavu_rt_alloc(1));
  *negation = !*static_cast<const uint8_t *>(flag.data);
  call->outputs[1].data = negation;
  call->outputs[2].data = dejavu_rt_alloc(8 * count);
  call->outputs[2].dims[0] = wish == 104 ? 3 : 2;
  call->outputs[2].dims[1] = 0;
  return 0;
}

namespace {
struct Tensor {
  DType dtype;
  Shape shape;
  std::string bytes;
};
using Case = std::map<std::string, Tensor>;

template <typename T>
std::string bytesOf(const std::vector<T> &values) {
  return {reinterpret_cast<const char *>(values.data()),
          values.size() * sizeof(T)};
}

class ForwardTest : public testing::Test {
protected:
  ForwardTest() {
    std::string decoder = fakeManifest(writeFakeWeights(fake.weights()));
    size_t at = decoder.find("\"weights_digest\"");
    manifest = R"({"format": 1, "form": "forward", "compiler": "dejavu test",
      "model": {"name": "plain"}, "sparsity": "dense", "layers": [],
      "signature": {
        "inputs": [{"name": "x", "role": "plain", "dtype": "I32",
                    "shape": ["n", "3"]},
                   {"name": "flag", "role": "plain", "dtype": "BOOL",
                    "shape": []},
                   {"name": "y", "role": "plain", "dtype": "F16",
                    "shape": ["?", "n"]}],
        "outputs": [{"name": "sums", "role": "plain", "dtype": "I64",
                     "shape": ["n"]},
                    {"name": "not", "role": "plain", "dtype": "BOOL",
                     "shape": []},
                    {"name": "none", "role": "plain", "dtype": "F64",
                     "shape": ["2", "m"]}]},
      "bytes_per_run": 44, "nodes": ["a", "b"],
      "weights": [{"name": "bias", "dtype": "F32", "shape": [11]}],
      )" + decoder.substr(at, decoder.find(',', at) - at) +
               "}";
  }

  static Case good() {
    return {
        {"in.x", {DType::I32, {2, 3}, bytesOf<int32_t>({1, 2, 3, -4, 5, 6})}},
        {"in.flag", {DType::BOOL, {}, std::string(1, '\1')}},
        {"in.y", {DType::F16, {0, 2}, ""}}};
  }

  int run(const std::vector<std::string> &arguments) {
    std::FILE *out = std::tmpfile(), *err = std::tmpfile();
    std::vector<std::string> all = {"plain", "--weights", fake.weights()};
    if (arguments == std::vector<std::string>{"--info"})
      all.resize(1);
    all.insert(all.end(), arguments.begin(), arguments.end());
    dejavu_rt_model model = {manifest.data(),
                             static_cast<int64_t>(manifest.size()), nullptr,
                             nullptr, fakeForward};
    int code = runProgram(all, model, {stdin, out, err});
    error.clear();
    std::rewind(err);
    for (int c; (c = std::fgetc(err)) != EOF;)
      error.push_back(static_cast<char>(c));
    std::fclose(out);
    std::fclose(err);
    return code;
  }

  /// Runs a case; the error, without what stands in front and behind.
  std::string fails(const Case &tensors) {
    EXPECT_EQ(runCase(tensors), 1);
    std::string front = "error: " + fake.file("case") + ": ";
    EXPECT_EQ(error.rfind(front, 0), 0u) << error;
    return error.substr(front.size(), error.size() - front.size() - 1);
  }
  int runCase(const Case &tensors) {
    std::vector<TensorView> views;
    // The flag comes first and shifts the others away from any alignment.
    for (const auto &[name, tensor] : tensors)
      views.push_back({name, tensor.dtype, tensor.shape,
                       reinterpret_cast<const uint8_t *>(tensor.bytes.data()),
                       tensor.bytes.size()});
    EXPECT_TRUE(writeSafetensors(fake.file("case"), views).succeeded());
    return run(
        {"--run-case", fake.file("case"), "--output", fake.file("result")});
  }

  FakeModel fake;
  std::string manifest;
  std::string error;
};
} // namespace

TEST_F(ForwardTest, Run) {
  ASSERT_EQ(runCase(good()), 0) << error;
  ErrorOr<SafetensorsFile> file = SafetensorsFile::open(fake.file("result"));
  ASSERT_TRUE(file.succeeded());
  ASSERT_EQ(file->tensors().size(), 3u);
  const TensorView *sums = file->find("out.sums");
  EXPECT_EQ(toString(sums->dtype, sums->shape), "I64 [2]");
  EXPECT_EQ(std::memcmp(sums->data, bytesOf<int64_t>({6, 7}).data(), 16), 0);
  const TensorView *negation = file->find("out.not");
  EXPECT_EQ(toString(negation->dtype, negation->shape), "BOOL []");
  EXPECT_EQ(*negation->data, 0);
  const TensorView *none = file->find("out.none");
  EXPECT_EQ(toString(none->dtype, none->shape), "F64 [2, 0]");
}

TEST_F(ForwardTest, EmptyInput) {
  Case tensors = good();
  tensors["in.x"] = {DType::I32, {0, 3}, ""};
  tensors["in.y"] = {DType::F16, {0, 0}, ""};
  EXPECT_EQ(runCase(tensors), 0) << error;
}

TEST_F(ForwardTest, WrongInputs) {
  Case tensors = good();
  tensors.erase("in.flag");
  EXPECT_EQ(fails(tensors), "input 'in.flag' is missing");
  tensors = good();
  tensors["in.z"] = tensors["in.flag"];
  EXPECT_EQ(fails(tensors), "'in.z' is not an input of the model");
  tensors = good();
  tensors["in.x"].dtype = DType::F32;
  EXPECT_EQ(fails(tensors), "'in.x': expected I32 [n, 3], found F32 [2, 3]");
  tensors = good();
  tensors["in.x"].shape = {3, 2};
  EXPECT_EQ(fails(tensors), "'in.x': expected I32 [n, 3], found I32 [3, 2]");
  tensors = good();
  tensors["in.x"].shape = {6};
  EXPECT_EQ(fails(tensors), "'in.x': expected I32 [n, 3], found I32 [6]");
  tensors = good();
  tensors["in.flag"].shape = {1};
  EXPECT_EQ(fails(tensors), "'in.flag': expected BOOL [], found BOOL [1]");
  tensors = good();
  tensors["in.flag"].bytes = "\2";
  EXPECT_EQ(fails(tensors), "'in.flag': expected bools of 0 and 1, found 2");
  tensors = good();
  tensors["in.y"].shape = {0, 3};
  EXPECT_EQ(fails(tensors),
            "'in.y': expected n = 2 as in 'in.x', found [0, 3]");
}

TEST_F(ForwardTest, GeneratedCodeFails) {
  auto wish = [&](int32_t number) {
    Case tensors = good();
    tensors["in.x"].bytes = bytesOf<int32_t>({number, 0, 0, 0, 0, 0});
    return fails(tensors);
  };
  EXPECT_EQ(wish(100), "node 'b': index -9 is out of range for 5 rows");
  EXPECT_EQ(wish(101), "node 'b': sizes 2 and 3 do not agree");
  EXPECT_EQ(wish(102), "out of memory");
  EXPECT_EQ(wish(103), "forward failed with code 3");
  EXPECT_EQ(wish(104),
            "output 'none': expected F64 [2, m], found the shape [3, 0]");
  // The next call knows nothing of those.
  EXPECT_EQ(runCase(good()), 0) << error;
}

TEST_F(ForwardTest, OtherJobs) {
  EXPECT_EQ(run({"--info"}), 0) << error;
  EXPECT_EQ(run({"--verify"}), 0) << error;
  const char *rest = ": this model has no cache and generates no text; "
                     "dejavu-run runs it on inputs of its own\n";
  EXPECT_EQ(run({"--prompt-ids", "1,2"}), 1);
  EXPECT_EQ(error, std::string("error: --prompt-ids") + rest);
  EXPECT_EQ(run({"--bench"}), 1);
  EXPECT_EQ(error, std::string("error: --bench") + rest);
  EXPECT_EQ(run({"--eval-tokens", "f.npy"}), 1);
  EXPECT_EQ(error, std::string("error: --eval-tokens") + rest);
}

TEST_F(ForwardTest, NoSession) {
  dejavu_rt_model model = {manifest.data(),
                           static_cast<int64_t>(manifest.size()), nullptr,
                           nullptr, fakeForward};
  dejavu_rt_session *session = nullptr;
  EXPECT_EQ(dejavu_rt_load(&model, fake.weights().c_str(), nullptr, &session),
            DEJAVU_RT_ERROR);
  EXPECT_STREQ(dejavu_rt_error(), "the model has no cache, so there is no "
                                  "session of prefill and decode");
}

TEST_F(ForwardTest, BadManifests) {
  auto message = [&](const std::string &from, const std::string &to) {
    std::string text = manifest;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    return Manifest::parse(text).message();
  };
  EXPECT_EQ(message("\"forward\"", "\"sideways\""),
            "form: unknown form 'sideways'");
  EXPECT_EQ(message("\"plain\", \"dtype\"", "\"ids\", \"dtype\""),
            "signature.inputs[0].role: unknown role 'ids'");
  EXPECT_EQ(message("\"I32\"", "\"I31\""),
            "signature.inputs[0].dtype: unknown dtype 'I31'");
  EXPECT_EQ(message("[\"n\", \"3\"]", "[\"n\", 3]"),
            "signature.inputs[0].shape[1]: expected a string");
  EXPECT_EQ(message("\"flag\"", "\"x\""),
            "signature.inputs: the name 'x' appears twice");
  EXPECT_EQ(message("[\"n\", \"3\"]",
                    R"(["1", "1", "1", "1", "1", "1", "1", "1", "1"])"),
            "signature.inputs[0].shape: more dimensions than tensors can have");
}
