//===- ConvertTest.cpp - f32 and narrower floats --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Convert.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace dejavu::rt;

static uint16_t bitsOf(float number, DType type) {
  uint16_t bits;
  convertFromFloats(&number, 1, type, &bits);
  return bits;
}

static float floatOf(uint16_t bits, DType type) {
  float number;
  convertToFloats(&bits, 1, type, &number);
  return number;
}

/// What a half is, by its definition.
static double valueOfHalf(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double size = exponent == 0 ? std::ldexp(fraction, -24)
                              : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -size : size;
}

TEST(ConvertTest, EveryHalf) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float number = floatOf(bits, DType::F16);
    if ((bits & 0x7c00) != 0x7c00) {
      ASSERT_EQ(number, valueOfHalf(bits)) << bits;
      ASSERT_EQ(bitsOf(number, DType::F16), bits);
    } else if (bits & 0x3ff) {
      ASSERT_TRUE(std::isnan(number)) << bits;
      ASSERT_TRUE(std::isnan(floatOf(bitsOf(number, DType::F16), DType::F16)));
    } else {
      ASSERT_TRUE(std::isinf(number)) << bits;
    }
  }
}

TEST(ConvertTest, NearestHalf) {
  // Between two neighbours: the nearer one, or the even one.
  for (uint16_t bits = 0; bits < 0x7bff; ++bits) {
    double low = valueOfHalf(bits), high = valueOfHalf(bits + 1);
    auto middle = static_cast<float>((low + high) / 2);
    ASSERT_EQ(bitsOf(middle, DType::F16), bits + (bits & 1)) << bits;
    ASSERT_EQ(bitsOf(std::nextafter(middle, 0.0f), DType::F16), bits);
    ASSERT_EQ(bitsOf(-std::nextafter(middle, 1e9f), DType::F16),
              (bits + 1) | 0x8000);
  }
}

TEST(ConvertTest, BeyondTheGreatest) {
  float infinity = std::numeric_limits<float>::infinity();
  for (float number : {65505.0f, 65536.0f, 3e38f, infinity}) {
    EXPECT_EQ(bitsOf(number, DType::F16), 0x7bff);
    EXPECT_EQ(bitsOf(-number, DType::F16), 0xfbff);
  }
  for (float number : {std::numeric_limits<float>::max(), infinity}) {
    EXPECT_EQ(bitsOf(number, DType::BF16), 0x7f7f);
    EXPECT_EQ(bitsOf(-number, DType::BF16), 0xff7f);
  }
}

TEST(ConvertTest, BFloat) {
  EXPECT_EQ(bitsOf(1.0f, DType::BF16), 0x3f80);
  EXPECT_EQ(bitsOf(1.00390625f, DType::BF16), 0x3f80); // a tie
  EXPECT_EQ(bitsOf(1.01171875f, DType::BF16), 0x3f82);
  EXPECT_EQ(bitsOf(-1.004f, DType::BF16), 0xbf81);
  EXPECT_EQ(floatOf(0xbf81, DType::BF16), -1.0078125f);
  EXPECT_TRUE(std::isnan(floatOf(bitsOf(NAN, DType::BF16), DType::BF16)));
}

TEST(ConvertTest, UnalignedRuns) {
  float numbers[] = {1.5f, -2.0f, 0.1f}, back[3];
  for (DType type : {DType::F32, DType::F16, DType::BF16}) {
    char bytes[13];
    convertFromFloats(numbers, 3, type, bytes + 1);
    convertToFloats(bytes + 1, 3, type, back);
    EXPECT_EQ(back[0], 1.5f);
    EXPECT_EQ(back[1], -2.0f);
    EXPECT_NEAR(back[2], 0.1f, type == DType::F32 ? 0 : 5e-4);
  }
}
