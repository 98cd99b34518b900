//===- CudaMemory.cpp - memory of a GPU, and pinned memory ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaMemory.h"

#include <algorithm>

using namespace dejavu::rt;

static cuda::Address addressOf(const void *pointer) {
  return reinterpret_cast<cuda::Address>(pointer);
}

ErrorOr<DeviceBuffer> DeviceBuffer::allocate(const CudaDevice &device,
                                             uint64_t bytes) {
  DeviceBuffer buffer;
  // The driver refuses to allocate nothing.
  if (Status status = device.driver().check(
          device.driver().memAlloc(&buffer.address,
                                   std::max<uint64_t>(bytes, 1)),
          "cuMemAlloc");
      status.failed())
    return status;
  buffer.device = &device;
  buffer.bytes = bytes;
  return buffer;
}

DeviceBuffer::~DeviceBuffer() {
  if (device && device->makeCurrent().succeeded())
    device->driver().memFree(address);
}

ErrorOr<PinnedBuffer> PinnedBuffer::allocate(const CudaDevice &device,
                                             uint64_t bytes) {
  PinnedBuffer buffer;
  if (Status status = device.driver().check(
          device.driver().hostAlloc(&buffer.memory,
                                    std::max<uint64_t>(bytes, 1),
                                    cuda::kHostPortable | cuda::kHostMapped),
          "cuMemHostAlloc");
      status.failed())
    return status;
  buffer.device = &device;
  buffer.bytes = bytes;
  return buffer;
}

PinnedBuffer::~PinnedBuffer() {
  if (device && device->makeCurrent().succeeded())
    device->driver().hostFree(memory);
}

Status dejavu::rt::copyToDevice(const CudaDevice &device, void *to,
                                const void *from, uint64_t bytes) {
  if (bytes == 0)
    return Status::success();
  return device.driver().check(
      device.driver().copyToDevice(addressOf(to), from, bytes, device.stream()),
      "cuMemcpyHtoDAsync");
}

Status dejavu::rt::copyToHost(const CudaDevice &device, void *to,
                              const void *from, uint64_t bytes) {
  if (bytes == 0)
    return Status::success();
  return device.driver().check(
      device.driver().copyToHost(to, addressOf(from), bytes, device.stream()),
      "cuMemcpyDtoHAsync");
}

Status dejavu::rt::fill(const CudaDevice &device, void *to, uint8_t value,
                        uint64_t bytes) {
  if (bytes == 0)
    return Status::success();
  return device.driver().check(
      device.driver().fill(addressOf(to), value, bytes, device.stream()),
      "cuMemsetD8Async");
}

Status dejavu::rt::checkMemory(const CudaDevice &device, const MemoryPlan &plan,
                               uint64_t held) {
  ErrorOr<uint64_t> free = device.freeMemory();
  if (free.failed())
    return free.status();
  uint64_t available = *free + held;
  if (plan.total() <= available)
    return Status::success();
  auto mebibytes = [](uint64_t bytes) {
    return static_cast<unsigned long long>((bytes + (1 << 20) - 1) >> 20);
  };
  return makeError("out of GPU memory: needed %llu MiB (weights %llu, cache "
                   "%llu, workspace %llu), free %llu MiB on %s",
                   mebibytes(plan.total()), mebibytes(plan.weights),
                   mebibytes(plan.cache), mebibytes(plan.workspace),
                   static_cast<unsigned long long>(available >> 20),
                   device.name().c_str());
}
