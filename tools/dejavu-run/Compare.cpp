//===- Compare.cpp - outputs against expectations -------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compare.h"

#include <bit>
#include <cmath>
#include <cstring>

using namespace dejavu::rt;
using namespace dejavu::run;

static double halfToDouble(uint16_t bits) {
  int exponent = bits >> 10 & 0x1f;
  double fraction = bits & 0x3ff;
  double value = exponent == 0    ? std::ldexp(fraction, -24)
                 : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                  : std::ldexp(fraction + 1024, exponent - 25);
  return bits & 0x8000 ? -value : value;
}

template <typename T>
static T loadElement(const TensorView &tensor, uint64_t index) {
  T value;
  std::memcpy(&value, tensor.data + index * sizeof(T), sizeof(T));
  return value;
}

static bool isFloat(DType type) {
  return type == DType::F16 || type == DType::BF16 || type == DType::F32 ||
         type == DType::F64;
}

static double element(const TensorView &tensor, uint64_t index) {
  if (tensor.dtype == DType::F64)
    return loadElement<double>(tensor, index);
  if (tensor.dtype == DType::F32)
    return loadElement<float>(tensor, index);
  auto bits = loadElement<uint16_t>(tensor, index);
  if (tensor.dtype == DType::BF16)
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  return halfToDouble(bits);
}

/// An element that is no floating-point number.
static std::string exactText(const TensorView &tensor, uint64_t index) {
  switch (tensor.dtype) {
  case DType::BOOL:
    return loadElement<uint8_t>(tensor, index) ? "true" : "false";
  case DType::I8:
    return std::to_string(loadElement<int8_t>(tensor, index));
  case DType::U8:
    return std::to_string(loadElement<uint8_t>(tensor, index));
  case DType::I16:
    return std::to_string(loadElement<int16_t>(tensor, index));
  case DType::U16:
    return std::to_string(loadElement<uint16_t>(tensor, index));
  case DType::I32:
    return std::to_string(loadElement<int32_t>(tensor, index));
  case DType::U32:
    return std::to_string(loadElement<uint32_t>(tensor, index));
  case DType::I64:
    return std::to_string(loadElement<int64_t>(tensor, index));
  case DType::U64:
    return std::to_string(loadElement<uint64_t>(tensor, index));
  default:
    return formatString("bits 0x%02x", loadElement<uint8_t>(tensor, index));
  }
}

/// `[0, 3, 17]` for the element with that flat index.
static std::string indexText(const Shape &shape, uint64_t flat) {
  Shape index(shape.size());
  for (size_t dim = shape.size(); dim-- > 0;) {
    index[dim] = flat % shape[dim];
    flat /= shape[dim];
  }
  return toString(index);
}

/// Integers and bools are equal or not.
static Comparison compareExactly(const TensorView &got,
                                 const TensorView &want) {
  int64_t width = sizeOf(got.dtype);
  uint64_t bad = 0, numBad = 0, count = got.bytes / width;
  for (uint64_t i = 0; i < count; ++i)
    if (std::memcmp(got.data + i * width, want.data + i * width, width) != 0 &&
        numBad++ == 0)
      bad = i;
  if (numBad == 0)
    return {true, "equal, ok"};
  return {false, formatString("%llu of %llu elements differ, the first at %s: "
                              "got %s, want %s, FAILED",
                              static_cast<unsigned long long>(numBad),
                              static_cast<unsigned long long>(count),
                              indexText(got.shape, bad).c_str(),
                              exactText(got, bad).c_str(),
                              exactText(want, bad).c_str())};
}

Comparison dejavu::run::compare(const TensorView &got, const TensorView &want,
                                const Tolerance &tolerance) {
  bool areFloats = isFloat(got.dtype) && isFloat(want.dtype);
  if (!areFloats && got.dtype != want.dtype)
    return {false, formatString("type %s, expected %s, FAILED",
                                nameOf(got.dtype), nameOf(want.dtype))};
  if (got.shape != want.shape)
    return {false, "shape " + toString(got.shape) + ", expected " +
                       toString(want.shape) + ", FAILED"};
  if (!areFloats)
    return compareExactly(got, want);
  double largest = 0.0;
  uint64_t bad = 0, numBad = 0, count = got.bytes / sizeOf(got.dtype);
  double worstExcess = 0.0;
  for (uint64_t i = 0; i < count; ++i) {
    double a = element(got, i), b = element(want, i);
    if (std::isnan(a) || std::isnan(b))
      return {false, formatString("NaN at %s: got %g, want %g, FAILED",
                                  indexText(got.shape, i).c_str(), a, b)};
    double difference = a == b ? 0.0 : std::fabs(a - b);
    largest = std::max(largest, difference);
    // Equal infinities pass; otherwise the bound must not become infinite.
    double excess =
        difference - tolerance.absolute - tolerance.relative * std::fabs(b);
    bool passes = a == b || (std::isfinite(difference) && excess <= 0.0);
    if (!passes && (numBad++ == 0 || excess > worstExcess)) {
      bad = i;
      worstExcess = excess;
    }
  }
  std::string text = formatString("max abs diff %.3g, ", largest);
  if (numBad == 0)
    return {true, text + "ok"};
  return {false,
          text + formatString("%llu of %llu elements differ, worst at %s: got "
                              "%.9g, want %.9g, FAILED",
                              static_cast<unsigned long long>(numBad),
                              static_cast<unsigned long long>(count),
                              indexText(got.shape, bad).c_str(),
                              element(got, bad), element(want, bad))};
}
