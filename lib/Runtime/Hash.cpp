//===- Hash.cpp - the digest of weights -----------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Hash.h"

#include "Status.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace dejavu::rt;

std::string dejavu::rt::digestOf(std::span<const uint8_t> bytes) {
  return formatString(
      "xxh3:%016llx",
      static_cast<unsigned long long>(XXH3_64bits(bytes.data(), bytes.size())));
}
