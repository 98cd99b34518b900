//===- SafetensorsTest.cpp - files that are and are not safetensors ------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Safetensors.h"

#include "FakeModel.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace dejavu::rt;
using namespace dejavu::test;

namespace {
class SafetensorsTest : public testing::Test {
protected:
  /// A file from a header text and bytes of data.
  static std::string bytesOf(const std::string &header,
                             const std::string &data = "") {
    std::string bytes(8, '\0');
    for (int i = 0; i < 8; ++i)
      bytes[i] = static_cast<char>(header.size() >> (8 * i));
    return bytes + header + data;
  }

  /// The message of the error that these bytes must give.
  std::string error(const std::string &bytes) {
    std::string path = fake.file("t.safetensors");
    writeFile(path, bytes);
    ErrorOr<SafetensorsFile> file = SafetensorsFile::open(path);
    EXPECT_TRUE(file.failed());
    EXPECT_EQ(file.message().rfind(path + ": ", 0), 0u) << file.message();
    return file.message().substr(path.size() + 2);
  }
  std::string headerError(const std::string &header,
                          const std::string &data = "") {
    return error(bytesOf(header, data));
  }
  /// The error for one tensor `t`.
  std::string tensorError(const std::string &dtype, const std::string &shape,
                          const std::string &offsets, const std::string &data) {
    return headerError("{\"t\":{\"dtype\":" + dtype + ",\"shape\":" + shape +
                           ",\"data_offsets\":" + offsets + "}}",
                       data);
  }

  FakeModel fake;
};
} // namespace

static bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

TEST_F(SafetensorsTest, RoundTrip) {
  std::vector<float> a = {1, 2, 3, 4, 5, 6};
  std::vector<int64_t> b = {7};
  std::string path = fake.file("t.safetensors");
  ASSERT_TRUE(writeSafetensors(path,
                               {{"b",
                                 DType::I64,
                                 {1},
                                 reinterpret_cast<const uint8_t *>(b.data()),
                                 8},
                                {"none", DType::F32, {2, 0, 3}, nullptr, 0},
                                {"a",
                                 DType::F32,
                                 {2, 3},
                                 reinterpret_cast<const uint8_t *>(a.data()),
                                 24}},
                               {{"key", "value"}})
                  .succeeded());
  ErrorOr<SafetensorsFile> file = SafetensorsFile::open(path);
  ASSERT_TRUE(file.succeeded()) << file.message();
  EXPECT_EQ(file->metadata().at("key"), "value");
  ASSERT_EQ(file->tensors().size(), 3u);
  EXPECT_EQ(file->tensors()[0].name, "b");
  EXPECT_EQ(file->tensors()[2].name, "a");
  const TensorView *view = file->find("a");
  ASSERT_TRUE(view);
  EXPECT_EQ(view->shape, (Shape{2, 3}));
  EXPECT_EQ(0, memcmp(view->data, a.data(), 24));
  EXPECT_EQ(file->find("none")->shape, (Shape{2, 0, 3}));
  EXPECT_EQ(file->find("c"), nullptr);
  // The data begins at a multiple of 64.
  EXPECT_EQ((file->tensors()[0].data - file->header().data() + 8) % 64, 0);
}

TEST_F(SafetensorsTest, WriterRefusesWrongSizesAndDuplicates) {
  uint8_t data[8] = {};
  std::string path = fake.file("t.safetensors");
  EXPECT_TRUE(
      writeSafetensors(path, {{"a", DType::F32, {3}, data, 8}}).failed());
  EXPECT_TRUE(writeSafetensors(path, {{"a", DType::F32, {2}, data, 8},
                                      {"a", DType::F32, {2}, data, 8}})
                  .failed());
  EXPECT_TRUE(SafetensorsFile::open(path).failed()) << "nothing was written";
}

TEST_F(SafetensorsTest, Length) {
  EXPECT_TRUE(contains(error(""), "0 bytes"));
  EXPECT_TRUE(contains(error("1234567"), "7 bytes"));
  EXPECT_TRUE(contains(error(std::string(8, '\0')), "JSON object"));
  EXPECT_TRUE(contains(error(std::string("\x09\0\0\0\0\0\0\0{}", 10)),
                       "truncated: header of 9 bytes in a file of 10"));
  // Lengths whose sum with 8 overflows, or that nobody should allocate.
  EXPECT_TRUE(contains(error(std::string(8, '\xff') + "{}"), "at most"));
  EXPECT_TRUE(contains(error(std::string("\0\xe1\xf5\x05\0\0\0\0{}", 10)),
                       "truncated"));
  EXPECT_TRUE(
      contains(error(std::string("\1\xe1\xf5\x05\0\0\0\0{}", 10)), "at most"));
}

TEST_F(SafetensorsTest, Header) {
  EXPECT_TRUE(contains(headerError("[]"), "JSON object"));
  EXPECT_TRUE(contains(headerError("{"), "not valid JSON"));
  EXPECT_TRUE(contains(headerError("{} x"), "not valid JSON"));
  EXPECT_TRUE(contains(headerError(R"({"a": 1})"), "tensor 'a'"));
  EXPECT_TRUE(contains(headerError(R"({"__metadata__": 1})"), "object"));
  EXPECT_TRUE(contains(headerError(R"({"__metadata__": {"a": 1}})"), "string"));
  EXPECT_TRUE(contains(headerError(R"({"a": {"dtype": "F32"}})"), "shape"));
  EXPECT_TRUE(contains(headerError("{\"a\":" + std::string(100, '[')), ""));
  std::string deep =
      "{\"a\":" + std::string(10000, '[') + std::string(10000, ']') + "}";
  EXPECT_TRUE(contains(headerError(deep), "nested"));
}

TEST_F(SafetensorsTest, DuplicateKeys) {
  std::string tensor = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_EQ(headerError("{\"a\":" + tensor + ",\"a\":" + tensor + "}", "x"),
            "header: duplicate key 'a'");
  EXPECT_EQ(headerError(R"({"a":{"dtype":"U8","dtype":"U8"}})"),
            "header: duplicate key 'dtype'");
}

TEST_F(SafetensorsTest, Tensors) {
  EXPECT_TRUE(contains(tensorError("\"F31\"", "[1]", "[0,4]", "1234"),
                       "unknown dtype 'F31'"));
  EXPECT_TRUE(contains(tensorError("7", "[1]", "[0,4]", "1234"), "dtype"));
  EXPECT_TRUE(
      contains(tensorError("\"F32\"", "[-1]", "[0,4]", "1234"), "dimension"));
  EXPECT_TRUE(
      contains(tensorError("\"F32\"", "[1.0]", "[0,4]", "1234"), "dimension"));
  EXPECT_TRUE(contains(tensorError("\"F32\"", "[2]", "[0,4]", "1234"),
                       "F32 [2] does not fill its 4 bytes"));
  EXPECT_TRUE(
      contains(tensorError("\"F32\"", "[1]", "[0,8]", "1234"), "outside"));
  EXPECT_TRUE(
      contains(tensorError("\"F32\"", "[1]", "[4,0]", "1234"), "outside"));
  EXPECT_TRUE(contains(tensorError("\"F32\"", "[1]", "[0]", "1234"), "two"));
  EXPECT_TRUE(contains(tensorError("\"F32\"", "[1]", "[-4,0]", "1234"), "two"));
  // Products that overflow to the right size.
  EXPECT_TRUE(
      contains(tensorError("\"F32\"", "[4611686018427387905]", "[0,4]", "1234"),
               "does not fill"));
  EXPECT_TRUE(
      contains(tensorError("\"U8\"", "[4294967296,4294967296,4]", "[0,0]", ""),
               "does not fill"));
}

TEST_F(SafetensorsTest, GapsAndOverlaps) {
  auto two = [](const std::string &a, const std::string &b) {
    return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + a +
           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b + "}}";
  };
  EXPECT_TRUE(
      contains(headerError(two("[0,2]", "[1,3]"), "abc"), "tensor 'b'"));
  EXPECT_TRUE(
      contains(headerError(two("[0,2]", "[3,5]"), "abcde"), "tensor 'b'"));
  EXPECT_TRUE(
      contains(headerError(two("[3,5]", "[1,3]"), "abcde"), "tensor 'b'"));
  EXPECT_TRUE(contains(headerError(two("[0,2]", "[2,4]"), "abcde"),
                       "5 bytes of data, but the tensors end at 4"));
}
