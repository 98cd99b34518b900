//===- Cache.h - keys and values of past steps ------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each layer, keys and values as f32 [batch, kv_heads, capacity,
// head_dim]. One allocation holds them all; pages that no step has reached
// are never touched.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CACHE_H
#define DEJAVU_LIB_RUNTIME_CACHE_H

#include "Files.h"
#include "Manifest.h"

namespace dejavu::rt {

class Cache {
public:
  static ErrorOr<Cache> allocate(const Manifest &manifest, int64_t batch,
                                 int64_t capacity);

  float *const *keys() const { return key_pointers.data(); }
  float *const *values() const { return value_pointers.data(); }
  int64_t capacity() const { return steps; }

private:
  Cache() = default;

  Buffer buffer;
  int64_t steps = 0;
  std::vector<float *> key_pointers;
  std::vector<float *> value_pointers;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CACHE_H
