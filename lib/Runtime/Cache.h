//===- Cache.h - keys and values of past steps ------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each layer, keys and values as [batch, kv_heads, capacity, head_dim] of
// the manifest's type. Where they are deferred, also what those that are yet to
// be made are made of, f32 [batch, ring, width], and how many steps each head
// has, i64 [batch, kv_heads] (abi.h). One piece of memory, the caller's, holds
// all but the last; it may be a GPU's. Pages that no step has reached are never
// touched.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CACHE_H
#define DEJAVU_LIB_RUNTIME_CACHE_H

#include "Manifest.h"

#include <vector>

namespace dejavu::rt {

class Cache {
public:
  /// Bytes that all but the numbers of steps takes.
  static ErrorOr<uint64_t> byteSize(const Manifest &manifest, int64_t batch,
                                    int64_t capacity);
  /// A cache in `memory`, which has that many bytes, all of them zero.
  static Cache place(const Manifest &manifest, int64_t batch, int64_t capacity,
                     void *memory);

  void *const *keys() const { return keyPointers.data(); }
  void *const *values() const { return valuePointers.data(); }
  int64_t capacity() const { return steps; }

  /// Null pointers for layers that defer nothing, here and below.
  float *const *kept() const { return keptPointers.data(); }
  int64_t *const *complete() const { return completePointers.data(); }
  /// Whether there is a layer that defers.
  bool isDeferred() const { return !completeSteps.empty(); }

  /// Whether every head has the keys and values of that many steps.
  bool isComplete(int64_t past) const;
  /// Declares that it has.
  void setComplete(int64_t past);
  /// Declares that no head has more.
  void limitComplete(int64_t past);

private:
  Cache() = default;

  int64_t steps = 0;
  std::vector<void *> keyPointers, valuePointers;
  std::vector<float *> keptPointers;
  std::vector<int64_t> completeSteps; ///< of the layers that defer
  std::vector<int64_t *> completePointers;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CACHE_H
