//===- CudaUpload.cpp - weights to the GPU --------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaUpload.h"

#include <algorithm>
#include <cstring>
#include <numeric>

using namespace dejavu::rt;

static constexpr uint64_t kStagingBytes = 16 << 20;

static uint64_t alignUp(uint64_t bytes) {
  return (bytes + kCudaAlignment - 1) / kCudaAlignment * kCudaAlignment;
}

uint64_t DeviceWeights::byteSize(const Weights &weights) {
  // Cannot overflow: the tensors are parts of a file.
  uint64_t total = 0;
  for (const TensorView *tensor : weights.tensors())
    total += alignUp(tensor->bytes);
  return total;
}

namespace {
/// A pinned buffer, and an event behind the last copy from it.
class Staging {
public:
  static ErrorOr<Staging> create(const CudaDevice &device, uint64_t bytes) {
    Staging staging;
    ErrorOr<PinnedBuffer> memory = PinnedBuffer::allocate(device, bytes);
    if (memory.failed())
      return memory.status();
    if (Status status = device.driver().check(
            device.driver().eventCreate(&staging.event,
                                        cuda::kEventDisableTiming),
            "cuEventCreate");
        status.failed())
      return status;
    staging.memory = std::move(*memory);
    staging.device = &device;
    return staging;
  }
  Staging(Staging &&other) noexcept { swap(other); }
  Staging &operator=(Staging &&) = delete;
  ~Staging() {
    if (device)
      device->driver().eventDestroy(event);
  }

  /// Enqueues a copy of bytes that fit, when the buffer is free again.
  Status copy(void *to, const uint8_t *from, uint64_t bytes) {
    const CudaDriver &driver = device->driver();
    if (isInUse)
      if (Status status = driver.check(driver.eventSynchronize(event),
                                       "cuEventSynchronize");
          status.failed())
        return status;
    std::memcpy(memory.as<void>(), from, bytes);
    if (Status status = copyToDevice(*device, to, memory.as<void>(), bytes);
        status.failed())
      return status;
    isInUse = true;
    return driver.check(driver.eventRecord(event, device->stream()),
                        "cuEventRecord");
  }

private:
  Staging() = default;
  void swap(Staging &other) {
    std::swap(device, other.device);
    std::swap(memory, other.memory);
    std::swap(event, other.event);
    std::swap(isInUse, other.isInUse);
  }

  const CudaDevice *device = nullptr;
  PinnedBuffer memory;
  cuda::Event event = nullptr;
  bool isInUse = false;
};

/// Copies pieces through two buffers in turn.
class Pipeline {
public:
  explicit Pipeline(const CudaDevice &device) : device(device) {}
  /// The buffers are the GPU's to read until it has done so.
  ~Pipeline() { (void)device.synchronize(); }

  Status open(uint64_t bytes) {
    for (int i = 0; i < 2; ++i) {
      ErrorOr<Staging> staging = Staging::create(device, bytes);
      if (staging.failed())
        return staging.status();
      buffers.push_back(std::move(*staging));
    }
    return Status::success();
  }
  Status copy(void *to, const uint8_t *from, uint64_t bytes) {
    next = 1 - next;
    return buffers[next].copy(to, from, bytes);
  }

private:
  const CudaDevice &device;
  std::vector<Staging> buffers;
  size_t next = 0;
};
} // namespace

ErrorOr<DeviceWeights> DeviceWeights::allocate(const CudaDevice &device,
                                               const Weights &weights) {
  DeviceWeights result;
  ErrorOr<DeviceBuffer> memory =
      DeviceBuffer::allocate(device, byteSize(weights));
  if (memory.failed())
    return memory.status();
  result.memory = std::move(*memory);
  uint64_t offset = 0;
  for (const TensorView *tensor : weights.tensors()) {
    result.addresses.push_back(result.memory.at(offset));
    offset += alignUp(tensor->bytes);
  }
  return result;
}

ErrorOr<DeviceWeights> DeviceWeights::upload(const CudaDevice &device,
                                             const Weights &weights,
                                             const UploadProgress &progress) {
  ErrorOr<DeviceWeights> allocated = allocate(device, weights);
  if (allocated.failed())
    return allocated.status();
  DeviceWeights result = std::move(*allocated);
  uint64_t total = byteSize(weights);

  // The file is read from its beginning to its end.
  std::vector<size_t> order(weights.tensors().size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return weights.tensors()[a]->data < weights.tensors()[b]->data;
  });
  Pipeline pipeline(device);
  if (Status status =
          pipeline.open(std::min(std::max<uint64_t>(total, 1), kStagingBytes));
      status.failed())
    return status;
  uint64_t done = 0, wanted = 0;
  for (const TensorView *tensor : weights.tensors())
    wanted += tensor->bytes;
  for (size_t index : order) {
    const TensorView &tensor = *weights.tensors()[index];
    char *to = static_cast<char *>(const_cast<void *>(result.addresses[index]));
    for (uint64_t at = 0; at < tensor.bytes; at += kStagingBytes) {
      uint64_t bytes = std::min(kStagingBytes, tensor.bytes - at);
      if (Status status = pipeline.copy(to + at, tensor.data + at, bytes);
          status.failed())
        return status;
      done += bytes;
      if (progress)
        progress(done, wanted);
    }
  }
  if (Status status = device.synchronize(); status.failed())
    return status;
  return result;
}
