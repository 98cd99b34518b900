//===- CudaMemory.h - memory of a GPU, and pinned memory --------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Owners of memory: of the GPU's, and of the host's that the GPU can read and
// write. A device must outlive its memory. Copies are enqueued on the device's
// stream.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CUDAMEMORY_H
#define DEJAVU_LIB_RUNTIME_CUDAMEMORY_H

#include "CudaDevice.h"

namespace dejavu::rt {

/// What tensors in GPU memory are aligned to.
inline constexpr uint64_t kCudaAlignment = 256;

class DeviceBuffer {
public:
  DeviceBuffer() = default;
  static ErrorOr<DeviceBuffer> allocate(const CudaDevice &device,
                                        uint64_t bytes);
  DeviceBuffer(DeviceBuffer &&other) noexcept { swap(other); }
  DeviceBuffer &operator=(DeviceBuffer &&other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceBuffer();

  uint64_t size() const { return bytes; }
  /// The GPU's address of the byte at `offset`. Not to be read here.
  template <typename T = void>
  T *at(uint64_t offset = 0) const {
    return reinterpret_cast<T *>(address + offset);
  }

private:
  void swap(DeviceBuffer &other) {
    std::swap(device, other.device);
    std::swap(address, other.address);
    std::swap(bytes, other.bytes);
  }

  const CudaDevice *device = nullptr;
  cuda::Address address = 0;
  uint64_t bytes = 0;
};

/// Memory of the host at one address for host and GPU.
class PinnedBuffer {
public:
  PinnedBuffer() = default;
  static ErrorOr<PinnedBuffer> allocate(const CudaDevice &device,
                                        uint64_t bytes);
  PinnedBuffer(PinnedBuffer &&other) noexcept { swap(other); }
  PinnedBuffer &operator=(PinnedBuffer &&other) noexcept {
    swap(other);
    return *this;
  }
  ~PinnedBuffer();

  uint64_t size() const { return bytes; }
  template <typename T>
  T *as() const {
    return static_cast<T *>(memory);
  }

private:
  void swap(PinnedBuffer &other) {
    std::swap(device, other.device);
    std::swap(memory, other.memory);
    std::swap(bytes, other.bytes);
  }

  const CudaDevice *device = nullptr;
  void *memory = nullptr;
  uint64_t bytes = 0;
};

/// Enqueues a copy to the GPU. Unless `from` is pinned it has been read when
/// this returns.
Status copyToDevice(const CudaDevice &device, void *to, const void *from,
                    uint64_t bytes);
/// Enqueues a copy from the GPU, which is done after synchronize().
Status copyToHost(const CudaDevice &device, void *to, const void *from,
                  uint64_t bytes);
/// Enqueues filling memory of the GPU with a byte.
Status fill(const CudaDevice &device, void *to, uint8_t value, uint64_t bytes);

/// What a session wants of a GPU's memory, in bytes.
struct MemoryPlan {
  uint64_t weights = 0;
  uint64_t cache = 0;
  uint64_t workspace = 0; ///< and logits, inputs

  uint64_t total() const { return weights + cache + workspace; }
};

/// An error unless the memory that is free, plus the `held` bytes that the
/// session already has, is enough for the plan.
Status checkMemory(const CudaDevice &device, const MemoryPlan &plan,
                   uint64_t held);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CUDAMEMORY_H
