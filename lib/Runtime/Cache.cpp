//===- Cache.cpp - keys and values of past steps --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cache.h"

#include "Checked.h"

using namespace dejavu::rt;

ErrorOr<Cache> Cache::allocate(const Manifest &manifest, int64_t batch,
                               int64_t capacity) {
  // Every tensor begins at a multiple of 64 bytes.
  std::vector<uint64_t> offsets;
  uint64_t total = 0;
  for (const ManifestLayer &layer : manifest.layers) {
    std::optional<uint64_t> bytes =
        checkedProduct({batch, layer.kvHeads, capacity, layer.headDim,
                        static_cast<int64_t>(sizeof(float))});
    std::optional<uint64_t> padded =
        bytes ? checkedAdd(*bytes, 63) : std::nullopt;
    for (int tensor = 0; tensor < 2; ++tensor) {
      offsets.push_back(total);
      std::optional<uint64_t> sum =
          padded ? checkedAdd(total, *padded / 64 * 64) : std::nullopt;
      if (!sum)
        return makeError("a cache of %lld rows and %lld steps is too large",
                         static_cast<long long>(batch),
                         static_cast<long long>(capacity));
      total = *sum;
    }
  }
  ErrorOr<Buffer> buffer = Buffer::allocate(total, "cache");
  if (buffer.failed())
    return buffer.status();

  Cache cache;
  cache.steps = capacity;
  cache.buffer = std::move(*buffer);
  for (size_t i = 0; i < offsets.size(); i += 2) {
    char *base = cache.buffer.as<char>();
    cache.key_pointers.push_back(reinterpret_cast<float *>(base + offsets[i]));
    cache.value_pointers.push_back(
        reinterpret_cast<float *>(base + offsets[i + 1]));
  }
  return cache;
}
