//===- Convert.cpp - f32 and narrower floats ------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Convert.h"

#include <algorithm>
#include <bit>
#include <cstring>

using namespace dejavu::rt;

static constexpr uint32_t kInfinity = 0x7f800000;

/// Drops `count` bits: to the nearest, ties to even.
static uint32_t dropBits(uint32_t bits, int count) {
  uint32_t half = uint32_t(1) << (count - 1);
  return (bits + half - 1 + (bits >> count & 1)) >> count;
}

static uint16_t toHalf(float number) {
  auto bits = std::bit_cast<uint32_t>(number);
  uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > kInfinity)
    return sign | 0x7e00;
  // 65504, and 2^-14, from which on numbers are normal.
  static constexpr uint32_t kGreatest = 0x477fe000, kNormal = 0x38800000;
  size = std::min(size, kGreatest);
  if (size >= kNormal) // the exponent's bias is 15, not 127
    return sign | dropBits(size - (uint32_t(127 - 15) << 23), 13);
  // In [0.5, 1] the last bit of an f32 is worth that of the others, 2^-24.
  float moved = std::bit_cast<float>(size) + 0.5f;
  return sign | (std::bit_cast<uint32_t>(moved) - 0x3f000000);
}

static float fromHalf(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16, size = half & 0x7fff;
  if (size >= 0x7c00) // infinities and NaN
    return std::bit_cast<float>(sign | kInfinity | (size & 0x3ff) << 13);
  // 2^112 makes up for the exponent's bias, and makes subnormal ones right.
  float number = std::bit_cast<float>(size << 13) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(number));
}

static uint16_t toBFloat(float number) {
  auto bits = std::bit_cast<uint32_t>(number);
  uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > kInfinity)
    return sign | 0x7fc0;
  return sign | dropBits(std::min<uint32_t>(size, 0x7f7f0000), 16);
}

static float fromBFloat(uint16_t half) {
  return std::bit_cast<float>(uint32_t(half) << 16);
}

void dejavu::rt::convertFromFloats(const float *from, uint64_t count,
                                   DType type, void *to) {
  if (type == DType::F32) {
    std::memcpy(to, from, count * sizeof(float));
    return;
  }
  auto *bytes = static_cast<char *>(to);
  for (uint64_t i = 0; i < count; ++i, bytes += sizeof(uint16_t)) {
    uint16_t half = type == DType::F16 ? toHalf(from[i]) : toBFloat(from[i]);
    std::memcpy(bytes, &half, sizeof(half));
  }
}

void dejavu::rt::convertToFloats(const void *from, uint64_t count, DType type,
                                 float *to) {
  if (type == DType::F32) {
    std::memcpy(to, from, count * sizeof(float));
    return;
  }
  const auto *bytes = static_cast<const char *>(from);
  for (uint64_t i = 0; i < count; ++i, bytes += sizeof(uint16_t)) {
    uint16_t half;
    std::memcpy(&half, bytes, sizeof(half));
    to[i] = type == DType::F16 ? fromHalf(half) : fromBFloat(half);
  }
}
