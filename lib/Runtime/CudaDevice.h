//===- CudaDevice.h - an NVIDIA GPU -----------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first GPU that the driver shows (CUDA_VISIBLE_DEVICES, which the driver
// reads, chooses), with its primary context and one stream. Everything else
// that has to do with a GPU holds one of these by reference.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CUDADEVICE_H
#define DEJAVU_LIB_RUNTIME_CUDADEVICE_H

#include "CudaDriver.h"

#include <memory>
#include <string>

namespace dejavu::rt {

class CudaDevice {
public:
  static ErrorOr<std::unique_ptr<CudaDevice>> open();
  ~CudaDevice();
  CudaDevice(const CudaDevice &) = delete;

  const CudaDriver &driver() const { return table; }
  const std::string &name() const { return deviceName; }
  /// 10 * major + minor: 90 for 9.0.
  int capability() const { return 10 * major + minor; }
  int multiprocessors() const { return processors; }
  cuda::Stream stream() const { return mainStream; }
  /// Bytes per second that its memory can deliver, from clock and width; 0 if
  /// the driver doesn't tell.
  double peakBandwidth() const { return bandwidth; }

  /// Makes the context that of the calling thread. Comes before all else that
  /// a thread does with this GPU.
  Status makeCurrent() const;
  /// Waits for what has been enqueued.
  Status synchronize() const;
  /// Bytes of memory that are free.
  ErrorOr<uint64_t> freeMemory() const;

private:
  explicit CudaDevice(const CudaDriver &driver) : table(driver) {}
  Status initialize();
  Status read(cuda::DeviceAttribute attribute, int &value) const;

  const CudaDriver &table;
  cuda::Device device = 0;
  cuda::Context context = nullptr;
  cuda::Stream mainStream = nullptr;
  std::string deviceName;
  int major = 0, minor = 0, processors = 0;
  double bandwidth = 0.0;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CUDADEVICE_H
