//===- Cache.cpp - keys and values of past steps --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cache.h"

#include "Checked.h"

#include <algorithm>

using namespace dejavu::rt;

namespace {
/// Places in one allocation, one behind the other.
class Layout {
public:
  /// The offset of a tensor, a multiple of 64 bytes.
  uint64_t add(DType type, const Shape &shape) {
    uint64_t offset = total.value_or(0);
    std::optional<uint64_t> bytes = byteSize(type, shape);
    bytes = bytes ? checkedAdd(*bytes, 63) : bytes;
    total =
        total && bytes ? checkedAdd(offset, *bytes / 64 * 64) : std::nullopt;
    return offset;
  }
  /// Nullopt if it is too large.
  std::optional<uint64_t> size() const { return total; }

private:
  std::optional<uint64_t> total = 0;
};

/// Where the tensors of a layer are.
struct LayerOffsets {
  uint64_t keys = 0, values = 0, kept = 0;
};
} // namespace

/// Where everything is, and the layout that came to it.
static std::vector<LayerOffsets> placeLayers(const Manifest &manifest,
                                             int64_t batch, int64_t capacity,
                                             Layout &layout) {
  std::vector<LayerOffsets> offsets;
  for (const ManifestLayer &layer : manifest.layers) {
    LayerOffsets &at = offsets.emplace_back();
    Shape shape = {batch, layer.kvHeads, capacity, layer.headDim};
    at.keys = layout.add(manifest.cacheType, shape);
    at.values = layout.add(manifest.cacheType, shape);
    if (layer.deferred)
      at.kept = layout.add(
          DType::F32, {batch, layer.deferred->ring, layer.deferred->width});
  }
  return offsets;
}

ErrorOr<uint64_t> Cache::byteSize(const Manifest &manifest, int64_t batch,
                                  int64_t capacity) {
  Layout layout;
  placeLayers(manifest, batch, capacity, layout);
  if (!layout.size())
    return makeError("a cache of %lld rows and %lld steps is too large",
                     static_cast<long long>(batch),
                     static_cast<long long>(capacity));
  return *layout.size();
}

Cache Cache::place(const Manifest &manifest, int64_t batch, int64_t capacity,
                   void *memory) {
  Layout layout;
  std::vector<LayerOffsets> offsets =
      placeLayers(manifest, batch, capacity, layout);
  Cache cache;
  cache.steps = capacity;
  auto pointer = [&](uint64_t offset) {
    return static_cast<char *>(memory) + offset;
  };
  size_t numComplete = 0;
  for (size_t i = 0; i < offsets.size(); ++i) {
    const ManifestLayer &layer = manifest.layers[i];
    cache.keyPointers.push_back(pointer(offsets[i].keys));
    cache.valuePointers.push_back(pointer(offsets[i].values));
    cache.keptPointers.push_back(
        layer.deferred ? reinterpret_cast<float *>(pointer(offsets[i].kept))
                       : nullptr);
    if (layer.deferred)
      numComplete += batch * layer.kvHeads;
  }
  cache.completeSteps.assign(numComplete, 0);
  int64_t *next = cache.completeSteps.data();
  for (const ManifestLayer &layer : manifest.layers) {
    cache.completePointers.push_back(layer.deferred ? next : nullptr);
    if (layer.deferred)
      next += batch * layer.kvHeads;
  }
  return cache;
}

bool Cache::isComplete(int64_t past) const {
  return std::all_of(completeSteps.begin(), completeSteps.end(),
                     [&](int64_t steps) { return steps >= past; });
}

void Cache::setComplete(int64_t past) {
  std::fill(completeSteps.begin(), completeSteps.end(), past);
}

void Cache::limitComplete(int64_t past) {
  for (int64_t &steps : completeSteps)
    steps = std::min(steps, past);
}
