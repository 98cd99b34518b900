//===- NpzTest.cpp - NumPy archives and comparisons ----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Npz.h"

#include "Compare.h"
#include "FakeModel.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace dejavu::rt;
using namespace dejavu::run;
using namespace dejavu::test;

template <typename T>
static TensorView view(const std::string &name, DType dtype, Shape shape,
                       const std::vector<T> &data) {
  return {name, dtype, std::move(shape),
          reinterpret_cast<const uint8_t *>(data.data()),
          data.size() * sizeof(T)};
}

/// What numpy.savez_compressed(a=arange(6, f4).reshape(2, 3),
/// t=arange(6, i8).reshape(2, 3).T) wrote: deflated, `t` in Fortran order.
static const unsigned char kDeflated[] = {
    0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00,
    0x21, 0x00, 0x4f, 0xe9, 0x00, 0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0x05, 0x00, 0x14, 0x00, 0x61, 0x2e, 0x6e, 0x70, 0x79, 0x01,
    0x00, 0x10, 0x00, 0x98, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x55,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b,
    0x10, 0xc9, 0xc8, 0x50, 0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c,
    0xa4, 0x6e, 0xa5, 0xa0, 0x6e, 0x93, 0x66, 0xa2, 0xae, 0xa3, 0xa0, 0x9e,
    0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a,
    0x12, 0x77, 0x4b, 0xcc, 0x29, 0x4e, 0x05, 0x8a, 0x17, 0x67, 0x24, 0x16,
    0xa4, 0x02, 0xf9, 0x1a, 0x46, 0x3a, 0x0a, 0xc6, 0x9a, 0x3a, 0x0a, 0xb5,
    0x0a, 0x64, 0x03, 0x2e, 0x06, 0x30, 0x68, 0xb0, 0x07, 0x12, 0x0e, 0x40,
    0x04, 0xc4, 0x0d, 0x40, 0xbc, 0xc0, 0x01, 0x00, 0x50, 0x4b, 0x03, 0x04,
    0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0xf1, 0xfc,
    0xd9, 0x8d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05, 0x00,
    0x14, 0x00, 0x74, 0x2e, 0x6e, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0xb0,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x55, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b, 0x10, 0xc9, 0xc8, 0x50,
    0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5, 0xa0,
    0x6e, 0x93, 0x69, 0xa1, 0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52,
    0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a, 0x12, 0x0f, 0x29, 0x2a,
    0x4d, 0x05, 0x0a, 0x17, 0x67, 0x24, 0x16, 0xa4, 0x02, 0xb9, 0x1a, 0xc6,
    0x3a, 0x0a, 0x46, 0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0xe4, 0x03, 0x2e, 0x06,
    0x28, 0x60, 0x84, 0xd2, 0x4c, 0x50, 0x9a, 0x19, 0x4a, 0xb3, 0x40, 0x69,
    0x56, 0x28, 0x0d, 0x00, 0x50, 0x4b, 0x01, 0x02, 0x2d, 0x03, 0x2d, 0x00,
    0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x4f, 0xe9, 0x00, 0x2a,
    0x55, 0x00, 0x00, 0x00, 0x98, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00,
    0x00, 0x00, 0x61, 0x2e, 0x6e, 0x70, 0x79, 0x50, 0x4b, 0x01, 0x02, 0x2d,
    0x03, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0xf1,
    0xfc, 0xd9, 0x8d, 0x55, 0x00, 0x00, 0x00, 0xb0, 0x00, 0x00, 0x00, 0x05,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80,
    0x01, 0x8c, 0x00, 0x00, 0x00, 0x74, 0x2e, 0x6e, 0x70, 0x79, 0x50, 0x4b,
    0x05, 0x06, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x02, 0x00, 0x66, 0x00,
    0x00, 0x00, 0x18, 0x01, 0x00, 0x00, 0x00, 0x00};

TEST(NpzTest, ReadsWhatNumPyDeflated) {
  FakeModel fake;
  std::string path = fake.file("a.npz");
  writeFile(path, std::string(reinterpret_cast<const char *>(kDeflated),
                              sizeof(kDeflated)));
  ErrorOr<std::vector<Array>> arrays = readNpz(path);
  ASSERT_TRUE(arrays.succeeded()) << arrays.message();
  ASSERT_EQ(arrays->size(), 2u);
  EXPECT_EQ((*arrays)[0].name, "a");
  EXPECT_EQ((*arrays)[0].shape, (Shape{2, 3}));
  float a[6];
  std::memcpy(a, (*arrays)[0].data.data(), sizeof(a));
  EXPECT_EQ(a[5], 5.0f);
  // Row-major elements of the transpose.
  EXPECT_EQ((*arrays)[1].dtype, DType::I64);
  EXPECT_EQ((*arrays)[1].shape, (Shape{3, 2}));
  int64_t t[6];
  std::memcpy(t, (*arrays)[1].data.data(), sizeof(t));
  EXPECT_EQ(std::vector<int64_t>(t, t + 6),
            (std::vector<int64_t>{0, 3, 1, 4, 2, 5}));
}

TEST(NpzTest, RoundTrip) {
  FakeModel fake;
  std::string path = fake.file("a.npz");
  std::vector<float> a = {1, 2, 3};
  ASSERT_TRUE(writeNpz(path, {view("out.a", DType::F32, {1, 3}, a),
                              view<float>("out.b", DType::F32, {0, 2}, {})})
                  .succeeded());
  ErrorOr<std::vector<Array>> arrays = readNpz(path);
  ASSERT_TRUE(arrays.succeeded()) << arrays.message();
  ASSERT_EQ(arrays->size(), 2u);
  EXPECT_EQ((*arrays)[0].name, "out.a");
  EXPECT_EQ((*arrays)[0].shape, (Shape{1, 3}));
  EXPECT_EQ(0, std::memcmp((*arrays)[0].data.data(), a.data(), 12));
  EXPECT_EQ((*arrays)[1].shape, (Shape{0, 2}));
}

TEST(NpzTest, DamagedArchives) {
  FakeModel fake;
  std::string path = fake.file("a.npz");
  std::string whole(reinterpret_cast<const char *>(kDeflated),
                    sizeof(kDeflated));
  auto expectError = [&](const std::string &bytes) {
    writeFile(path, bytes);
    ErrorOr<std::vector<Array>> arrays = readNpz(path);
    EXPECT_TRUE(arrays.failed());
    EXPECT_EQ(arrays.message().rfind(path + ": ", 0), 0u) << arrays.message();
  };
  EXPECT_TRUE(readNpz(fake.file("missing.npz")).failed());
  expectError("");
  expectError("PK\x03\x04 this is no archive");
  for (size_t size : {size_t(10), size_t(100), whole.size() - 1})
    expectError(whole.substr(0, size));
  // A byte of the deflated data: the checksum tells.
  std::string flipped = whole;
  flipped[80] ^= 0x55;
  expectError(flipped);
}

TEST(NpzTest, MembersThatAreNoArrays) {
  FakeModel fake;
  std::string path = fake.file("a.npz");
  std::vector<float> a = {1, 2, 3};
  ASSERT_TRUE(writeNpz(path, {view("x", DType::F32, {3}, a)}).succeeded());
  std::string bytes = readFile(path);
  // The name stands in the local and in the central header.
  for (size_t at; (at = bytes.find("x.npy")) != std::string::npos;)
    bytes.replace(at, 5, "x.txt");
  writeFile(path, bytes);
  EXPECT_EQ(readNpz(path).message(),
            path + ": 'x.txt': expected a name that ends in .npy");
}

//===----------------------------------------------------------------------===//
// Compare
//===----------------------------------------------------------------------===//

static Comparison compareValues(std::vector<float> got, std::vector<float> want,
                                Tolerance tolerance = {}) {
  int64_t a = got.size(), b = want.size();
  return compare(view("o", DType::F32, {1, a}, got),
                 view("o", DType::F32, {1, b}, want), tolerance);
}

TEST(CompareTest, TheBound) {
  EXPECT_EQ(compareValues({1, 2}, {1, 2}).text, "max abs diff 0, ok");
  EXPECT_TRUE(compareValues({1.00015f}, {1}).passed);
  EXPECT_FALSE(compareValues({1.00025f}, {1}).passed);
  EXPECT_TRUE(compareValues({1.5f}, {1}, {0.5, 0}).passed);
  EXPECT_FALSE(compareValues({1}, {1.5f}, {0.3, 0}).passed);
  EXPECT_TRUE(compareValues({1}, {1.5f}, {0, 0.5}).passed);
  // The largest difference need not be the one that fails.
  Comparison comparison = compareValues({1000.05f, 0.01f}, {1000, 0});
  EXPECT_FALSE(comparison.passed);
  EXPECT_NE(comparison.text.find("1 of 2 elements differ, worst at [0, 1]"),
            std::string::npos)
      << comparison.text;
}

TEST(CompareTest, NaNNeverPasses) {
  EXPECT_FALSE(compareValues({NAN}, {1}, {1e9, 1e9}).passed);
  EXPECT_FALSE(compareValues({1}, {NAN}, {1e9, 1e9}).passed);
  EXPECT_FALSE(compareValues({NAN}, {NAN}, {1e9, 1e9}).passed);
}

TEST(CompareTest, Infinities) {
  EXPECT_TRUE(compareValues({-INFINITY}, {-INFINITY}).passed);
  EXPECT_FALSE(compareValues({INFINITY}, {-INFINITY}).passed);
  EXPECT_FALSE(compareValues({INFINITY}, {1}).passed);
  EXPECT_FALSE(compareValues({1}, {INFINITY}).passed);
}

TEST(CompareTest, ShapesAndTypes) {
  EXPECT_EQ(compareValues({1}, {1, 1}).text,
            "shape [1, 1], expected [1, 2], FAILED");
  std::vector<float> one = {1};
  std::vector<double> wide = {1};
  std::vector<uint16_t> half = {0x3c00};
  std::vector<int64_t> integer = {1};
  TensorView got = view("o", DType::F32, {1}, one);
  EXPECT_TRUE(compare(got, view("o", DType::F64, {1}, wide), {}).passed);
  EXPECT_TRUE(compare(got, view("o", DType::F16, {1}, half), {}).passed);
  EXPECT_FALSE(compare(got, view("o", DType::I64, {1}, integer), {}).passed);
}
