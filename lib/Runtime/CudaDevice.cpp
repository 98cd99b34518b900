//===- CudaDevice.cpp - an NVIDIA GPU -------------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaDevice.h"

using namespace dejavu::rt;

ErrorOr<std::unique_ptr<CudaDevice>> CudaDevice::open() {
  ErrorOr<const CudaDriver *> driver = CudaDriver::get();
  if (driver.failed())
    return driver.status();
  std::unique_ptr<CudaDevice> device(new CudaDevice(**driver));
  if (Status status = device->initialize(); status.failed())
    return status;
  return device;
}

CudaDevice::~CudaDevice() {
  if (mainStream && makeCurrent().succeeded())
    table.streamDestroy(mainStream);
  if (context)
    table.contextRelease(device);
}

Status CudaDevice::read(cuda::DeviceAttribute attribute, int &value) const {
  return table.check(table.deviceGetAttribute(&value, attribute, device),
                     "cuDeviceGetAttribute");
}

Status CudaDevice::initialize() {
  int count = 0;
  cuda::Result started = table.init(0);
  if (started == cuda::kSuccess)
    if (Status status =
            table.check(table.deviceGetCount(&count), "cuDeviceGetCount");
        status.failed())
      return status;
  if (started == cuda::kErrorNoDevice ||
      (started == cuda::kSuccess && count == 0))
    return Status::error("the driver shows no GPU: this executable runs on an "
                         "NVIDIA GPU (CUDA_VISIBLE_DEVICES may hide it)");
  if (Status status = table.check(started, "cuInit"); status.failed())
    return status;
  if (Status status = table.check(table.deviceGet(&device, 0), "cuDeviceGet");
      status.failed())
    return status;
  char text[256] = {};
  if (Status status =
          table.check(table.deviceGetName(text, sizeof(text) - 1, device),
                      "cuDeviceGetName");
      status.failed())
    return status;
  deviceName = text;

  int clockKHz = 0, busBits = 0;
  struct {
    cuda::DeviceAttribute attribute;
    int &value;
  } wanted[] = {{cuda::DeviceAttribute::capabilityMajor, major},
                {cuda::DeviceAttribute::capabilityMinor, minor},
                {cuda::DeviceAttribute::multiprocessors, processors}};
  for (auto &[attribute, value] : wanted)
    if (Status status = read(attribute, value); status.failed())
      return status;
  // Two transfers a clock.
  if (read(cuda::DeviceAttribute::memoryClockKHz, clockKHz).succeeded() &&
      read(cuda::DeviceAttribute::memoryBusBits, busBits).succeeded())
    bandwidth = 2.0 * clockKHz * 1e3 * busBits / 8;

  if (Status status = table.check(table.contextRetain(&context, device),
                                  "cuDevicePrimaryCtxRetain");
      status.failed())
    return status.withPrefix(deviceName);
  if (Status status = makeCurrent(); status.failed())
    return status;
  return table.check(table.streamCreate(&mainStream, cuda::kStreamNonBlocking),
                     "cuStreamCreate");
}

Status CudaDevice::makeCurrent() const {
  return table.check(table.contextSetCurrent(context), "cuCtxSetCurrent");
}

Status CudaDevice::synchronize() const {
  return table.check(table.streamSynchronize(mainStream),
                     "cuStreamSynchronize");
}

ErrorOr<uint64_t> CudaDevice::freeMemory() const {
  size_t free = 0, total = 0;
  if (Status status =
          table.check(table.memGetInfo(&free, &total), "cuMemGetInfo");
      status.failed())
    return status;
  return free;
}
