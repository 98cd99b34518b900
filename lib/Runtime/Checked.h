//===- Checked.h - arithmetic that notices overflow -------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes come from files and command lines. Every product or sum of them goes
// through these, which say nullopt where the result does not fit.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CHECKED_H
#define DEJAVU_LIB_RUNTIME_CHECKED_H

#include <cstdint>
#include <initializer_list>
#include <optional>

namespace dejavu::rt {

inline std::optional<uint64_t> checkedAdd(uint64_t a, uint64_t b) {
  uint64_t sum;
  if (__builtin_add_overflow(a, b, &sum))
    return std::nullopt;
  return sum;
}

/// The product of non-negative factors.
template <typename Range>
std::optional<uint64_t> checkedProduct(const Range &factors) {
  uint64_t product = 1;
  for (auto factor : factors) {
    if (factor < 0 || __builtin_mul_overflow(
                          product, static_cast<uint64_t>(factor), &product))
      return std::nullopt;
  }
  return product;
}

inline std::optional<uint64_t>
checkedProduct(std::initializer_list<int64_t> factors) {
  return checkedProduct<std::initializer_list<int64_t>>(factors);
}

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CHECKED_H
