//===- Hash.h - the digest of weights ---------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// XXH3-64 spelled as in manifests and packed weights: `xxh3:` and 16 hex
// digits. It notices accidents, not malice.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_HASH_H
#define DEJAVU_LIB_RUNTIME_HASH_H

#include <cstdint>
#include <span>
#include <string>

namespace dejavu::rt {

std::string digestOf(std::span<const uint8_t> bytes);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_HASH_H
