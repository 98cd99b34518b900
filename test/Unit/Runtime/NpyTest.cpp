//===- NpyTest.cpp - NumPy headers and token files -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Npy.h"

#include "FakeModel.h"

#include <gtest/gtest.h>

using namespace dejavu::rt;
using namespace dejavu::test;

/// A version 1.0 file.
static std::string npy(const std::string &dict, const std::string &data = "") {
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(dict.size() & 0xff);
  text += static_cast<char>(dict.size() >> 8);
  return text + dict + data;
}

static ErrorOr<NpyHeader> parse(const std::string &bytes) {
  return parseNpyHeader(
      {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()});
}

TEST(NpyTest, HeadersThatNumPyWrites) {
  ErrorOr<NpyHeader> header = parse(npy(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      \n"));
  ASSERT_TRUE(header.succeeded()) << header.message();
  EXPECT_EQ(header->dtype, DType::F32);
  EXPECT_EQ(header->shape, (Shape{2, 3}));
  EXPECT_FALSE(header->fortranOrder);
  EXPECT_EQ(header->dataBytes, 24u);
  header =
      parse(npy("{'descr': '<i8', 'fortran_order': True, 'shape': (7,), }\n"));
  EXPECT_EQ(header->shape, (Shape{7}));
  EXPECT_TRUE(header->fortranOrder);
  header = parse(npy("{'shape': (), 'fortran_order': False, 'descr': '|b1'}"));
  EXPECT_EQ(header->shape, Shape{});
  EXPECT_EQ(header->dataBytes, 1u);
}

TEST(NpyTest, OwnHeadersReadBack) {
  for (const Shape &shape : {Shape{}, Shape{5}, Shape{2, 0, 3}}) {
    ErrorOr<std::string> text = makeNpyHeader(DType::I64, shape);
    ASSERT_TRUE(text.succeeded());
    EXPECT_EQ(text->size() % 64, 0u);
    ErrorOr<NpyHeader> header = parse(*text);
    ASSERT_TRUE(header.succeeded()) << header.message();
    EXPECT_EQ(header->shape, shape);
    EXPECT_EQ(header->dataOffset, text->size());
  }
  EXPECT_TRUE(makeNpyHeader(DType::BF16, {1}).failed());
}

TEST(NpyTest, Version2) {
  std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}";
  std::string text("\x93NUMPY\x02\x00", 8);
  text += static_cast<char>(dict.size());
  text += std::string(3, '\0') + dict;
  EXPECT_EQ(parse(text)->dataOffset, 12 + dict.size());
}

TEST(NpyTest, Errors) {
  EXPECT_TRUE(parse("").failed());
  EXPECT_TRUE(parse("no numpy file").failed());
  EXPECT_TRUE(parse(std::string("\x93NUMPY\x09\0\0\0\0\0", 12)).failed());
  EXPECT_TRUE(parse(std::string("\x93NUMPY\x01\0\xff\xff{", 11)).failed());
  for (const char *dict : {
           "",
           "{",
           "{}",
           "{'descr': '<f4'}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
           "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,)}",
           "{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}",
           "{'descr': '|O', 'fortran_order': False, 'shape': (2,)}",
           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, "
           "'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x",
           "{'descr': '<f4', 'fortran_order': False, 'x': 1, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': False, "
           "'shape': (99999999999999999999,)}",
           "{'descr': '<f4', 'fortran_order': False, "
           "'shape': (4294967296, 4294967296)}",
       })
    EXPECT_TRUE(parse(npy(dict)).failed()) << dict;
}

TEST(NpyTest, Tokens) {
  FakeModel fake;
  std::string path = fake.file("t.npy");
  auto read = [&](const std::string &descr, const std::string &shape,
                  const std::string &data) {
    writeFile(path,
              npy("{'descr': '" + descr +
                      "', 'fortran_order': False, 'shape': " + shape + "}",
                  data));
    return readTokens(path);
  };
  EXPECT_EQ(*read("<u2", "(2,)", std::string("\x01\x00\xff\xff", 4)),
            (std::vector<int64_t>{1, 65535}));
  EXPECT_EQ(*read("<i4", "(1,)", std::string("\xff\xff\xff\xff", 4)),
            (std::vector<int64_t>{-1}));
  EXPECT_EQ(*read("<u4", "(1,)", std::string("\xff\xff\xff\xff", 4)),
            (std::vector<int64_t>{4294967295}));
  EXPECT_EQ(*read("<i8", "(1,)", std::string("\x05\0\0\0\0\0\0\0", 8)),
            (std::vector<int64_t>{5}));
  EXPECT_EQ(read("<f4", "(1,)", "1234").message(),
            path + ": expected token ids of type U16, U32, I32 or I64, found "
                   "F32");
  EXPECT_EQ(read("<u2", "(1, 1)", "12").message(),
            path + ": expected one dimension, found [1, 1]");
  EXPECT_EQ(read("<u2", "(2,)", "123").message(),
            path + ": expected 4 bytes of elements, found 3");
  EXPECT_TRUE(readTokens(fake.file("missing.npy")).failed());
}
