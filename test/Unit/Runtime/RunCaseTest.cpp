//===- RunCaseTest.cpp - the model's original signature ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunCase.h"

#include "FakeModel.h"
#include "Safetensors.h"

#include <cstring>
#include <gtest/gtest.h>
#include <map>

using namespace dejavu::rt;
using namespace dejavu::test;

namespace {
struct Tensor {
  DType dtype;
  Shape shape;
  std::vector<uint8_t> bytes;
};

template <typename T>
Tensor tensor(DType dtype, Shape shape, const std::vector<T> &values) {
  Tensor result{dtype, std::move(shape), {}};
  result.bytes.resize(values.size() * sizeof(T));
  if (!values.empty())
    std::memcpy(result.bytes.data(), values.data(), result.bytes.size());
  return result;
}
Tensor ints(Shape shape, const std::vector<int64_t> &values) {
  return tensor(DType::I64, std::move(shape), values);
}
Tensor floats(Shape shape, const std::vector<float> &values) {
  return tensor(DType::F32, std::move(shape), values);
}

class RunCaseTest : public testing::Test {
protected:
  using Case = std::map<std::string, Tensor>;

  /// Two rows: a chunk of two tokens behind two steps, the second row padded.
  static Case chunk() {
    return {{"in.input_ids", ints({2, 2}, {3, 4, 5, 6})},
            {"in.attention_mask", ints({2, 4}, {1, 1, 1, 1, 0, 1, 1, 1})},
            {"in.position_ids", ints({2, 2}, {2, 3, 1, 2})},
            {"in.past.0.key", floats({2, 2, 2, 2}, past(1))},
            {"in.past.0.value", floats({2, 2, 2, 2}, past(0))}};
  }
  /// Keys (ids) or values (positions) of two steps: `scale` times the step.
  static std::vector<float> past(float scale) {
    std::vector<float> values;
    for (int row = 0; row < 2; ++row)
      for (int head = 0; head < 2; ++head)
        for (int step = 0; step < 2; ++step) {
          values.push_back(scale * (10 * row + step + 1));
          values.push_back(head);
        }
    return values;
  }

  FakeModel::Result run(const Case &inputs) {
    std::vector<TensorView> views;
    for (const auto &[name, value] : inputs)
      views.push_back({name, value.dtype, value.shape, value.bytes.data(),
                       value.bytes.size()});
    EXPECT_TRUE(writeSafetensors(fake.file("case"), views).succeeded());
    return fake.run(
        {"--run-case", fake.file("case"), "--output", fake.file("result")});
  }
  std::string error(const Case &inputs) {
    FakeModel::Result result = run(inputs);
    EXPECT_EQ(result.code, 1);
    EXPECT_EQ(result.out, "");
    std::string prefix = "error: " + fake.file("case") + ": ";
    EXPECT_EQ(result.err.rfind(prefix, 0), 0u) << result.err;
    return result.err.substr(prefix.size());
  }
  std::vector<float> output(const std::string &name, const Shape &shape) {
    ErrorOr<SafetensorsFile> file = SafetensorsFile::open(fake.file("result"));
    EXPECT_TRUE(file.succeeded()) << file.message();
    const TensorView *view = file->find(name);
    EXPECT_TRUE(view) << name;
    EXPECT_EQ(view->shape, shape);
    std::vector<float> values(view->bytes / sizeof(float));
    std::memcpy(values.data(), view->data, view->bytes);
    return values;
  }
  /// The id whose logit is the largest, for each [row, token].
  std::vector<int64_t> peaks(int64_t rows, int64_t tokens) {
    std::vector<float> logits = output("out.logits", {rows, tokens, kVocab});
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < rows * tokens; ++i)
      ids.push_back(
          std::max_element(&logits[i * kVocab], &logits[i * kVocab] + kVocab) -
          &logits[i * kVocab]);
    return ids;
  }

  FakeModel fake;
};
} // namespace

TEST(MaskTest, Starts) {
  std::vector<int64_t> mask = {1, 1, 1, 0, 0, 1, 0, 1, 1};
  EXPECT_EQ(*startsOfMask(mask, 3, 3), (std::vector<int64_t>{0, 2, 1}));
  auto error = [](std::vector<int64_t> mask) {
    return startsOfMask(mask, mask.size() / 3, 3).message();
  };
  std::string expected = "expected zeros, then ones, at least one of them";
  EXPECT_EQ(error({0, 0, 0}), "row 0: " + expected);
  EXPECT_EQ(error({1, 1, 1, 1, 1, 0}), "row 1: " + expected);
  EXPECT_EQ(error({1, 0, 1}), "row 0: " + expected);
  EXPECT_EQ(error({0, 2, 1}), "row 0: " + expected);
  EXPECT_EQ(error({-1, 1, 1}), "row 0: " + expected);
}

TEST_F(RunCaseTest, ChunkBehindAPast) {
  FakeModel::Result result = run(chunk());
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  // Row 0 sees past ids 1, 2; row 1 only the second, 12.
  EXPECT_EQ(peaks(2, 2),
            (std::vector<int64_t>{
                (1 + 2 + 3 + 3 * 2) % 11, (1 + 2 + 3 + 4 + 3 * (2 + 3)) % 11,
                (12 + 5 + 3 * 1) % 11, (12 + 5 + 6 + 3 * (1 + 2)) % 11}));
  // What was there stays, what is new stands behind it, in every head.
  std::vector<float> keys = output("out.present.0.key", {2, 2, 4, 2});
  EXPECT_EQ(keys, (std::vector<float>{1,  0, 2,  0, 3, 0, 4, 0, //
                                      1,  1, 2,  1, 3, 1, 4, 1, //
                                      11, 0, 12, 0, 5, 0, 6, 0, //
                                      11, 1, 12, 1, 5, 1, 6, 1}));
  EXPECT_EQ(output("out.present.0.value", {2, 2, 4, 2})[4], 2);
}

TEST_F(RunCaseTest, EmptyPastIsAPrefill) {
  Case inputs = {{"in.input_ids", ints({1, 3}, {3, 4, 5})},
                 {"in.attention_mask", ints({1, 3}, {1, 1, 1})},
                 {"in.position_ids", ints({1, 3}, {0, 1, 2})},
                 {"in.past.0.key", floats({1, 2, 0, 2}, {})},
                 {"in.past.0.value", floats({1, 2, 0, 2}, {})}};
  FakeModel::Result result = run(inputs);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(peaks(1, 3), (std::vector<int64_t>{nextId({3}), nextId({3, 4}),
                                               nextId({3, 4, 5})}));
}

TEST_F(RunCaseTest, OneTokenGoesThroughDecode) {
  Case inputs = chunk();
  inputs["in.input_ids"] = ints({2, 1}, {9, 8});
  inputs["in.attention_mask"] = ints({2, 3}, {1, 1, 1, 1, 1, 1});
  inputs["in.position_ids"] = ints({2, 1}, {2, 2});
  // The same file through a program that counts.
  ASSERT_EQ(run(inputs).code, 0);
  static int calls;
  calls = 0;
  auto model = fake.load();
  model->entryPoints.decode = [](dejavu_step *step) {
    ++calls;
    return fakeDecode(step);
  };
  ASSERT_TRUE(
      runCase(*model, fake.file("case"), fake.file("result")).succeeded());
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(peaks(2, 1)[0], (1 + 2 + 9 + 3 * 2) % 11);
  // Row 0 would defer the key and value of head 0.
  std::vector<float> keys = output("out.present.0.key", {2, 2, 3, 2});
  EXPECT_EQ(keys, (std::vector<float>{1,  0, 2,  0, 9, 0, //
                                      1,  1, 2,  1, 9, 1, //
                                      11, 0, 12, 0, 8, 0, //
                                      11, 1, 12, 1, 8, 1}));
  EXPECT_EQ(output("out.present.0.value", {2, 2, 3, 2})[4], 2);
}

TEST_F(RunCaseTest, NamesMustMatch) {
  Case inputs = chunk();
  inputs.erase("in.position_ids");
  EXPECT_EQ(error(inputs), "input 'in.position_ids' is missing\n");
  inputs = chunk();
  inputs["in.other"] = ints({1}, {1});
  EXPECT_EQ(error(inputs), "'in.other' is not an input of the model\n");
}

TEST_F(RunCaseTest, ShapesAndTypesMustMatch) {
  Case inputs = chunk();
  inputs["in.input_ids"] = ints({4}, {3, 4, 5, 6});
  EXPECT_EQ(error(inputs), "'in.input_ids': expected a shape of [batch, "
                           "tokens], found [4]\n");
  inputs = chunk();
  inputs["in.input_ids"] = floats({2, 2}, {3, 4, 5, 6});
  EXPECT_EQ(error(inputs),
            "'in.input_ids': expected I64 [2, 2], found F32 [2, 2]\n");
  inputs = chunk();
  inputs["in.attention_mask"] = ints({2, 2}, {1, 1, 1, 1});
  EXPECT_EQ(error(inputs),
            "'in.attention_mask': expected I64 [2, 4], found I64 [2, 2]\n");
  inputs = chunk();
  inputs["in.past.0.value"] = floats({2, 2, 1, 2}, std::vector<float>(8));
  EXPECT_EQ(error(inputs), "'in.past.0.value': expected F32 [2, 2, 2, 2], "
                           "found F32 [2, 2, 1, 2]\n");
  inputs = chunk();
  inputs["in.past.0.key"] = floats({2, 8}, past(1));
  EXPECT_EQ(error(inputs), "'in.past.0.key': expected a shape of [batch, "
                           "heads, past, head_dim], found [2, 8]\n");
}

TEST_F(RunCaseTest, ValuesMustBeInRange) {
  Case inputs = chunk();
  inputs["in.input_ids"] = ints({2, 2}, {3, 4, 11, 6});
  EXPECT_EQ(error(inputs),
            "row 1, token 0: id 11 is not in the vocabulary of 11\n");
  inputs = chunk();
  inputs["in.position_ids"] = ints({2, 2}, {2, 3, -1, 0});
  EXPECT_EQ(error(inputs),
            "row 1, token 0: position -1 is not one of 0 .. 19\n");
  inputs = chunk();
  inputs["in.attention_mask"] = ints({2, 4}, {1, 1, 1, 1, 1, 0, 1, 1});
  EXPECT_EQ(error(inputs), "'in.attention_mask': row 1: expected zeros, then "
                           "ones, at least one of them\n");
}

TEST_F(RunCaseTest, TheContextIsALimit) {
  Case inputs = {
      {"in.input_ids", ints({1, 17}, std::vector<int64_t>(17, 1))},
      {"in.attention_mask", ints({1, 17}, std::vector<int64_t>(17, 1))},
      {"in.position_ids", ints({1, 17}, std::vector<int64_t>(17, 1))},
      {"in.past.0.key", floats({1, 2, 0, 2}, {})},
      {"in.past.0.value", floats({1, 2, 0, 2}, {})}};
  EXPECT_EQ(error(inputs),
            "17 tokens behind 0 steps exceed the context of 16\n");
}
