//===- CudaUpload.h - weights to the GPU ------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies the mapped weights into one allocation on the GPU. Two pinned buffers
// take turns: while one is read by the GPU, the other is filled from the file,
// in the file's order.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CUDAUPLOAD_H
#define DEJAVU_LIB_RUNTIME_CUDAUPLOAD_H

#include "CudaMemory.h"
#include "Weights.h"

#include <functional>

namespace dejavu::rt {

/// Called now and then with the bytes done.
using UploadProgress = std::function<void(uint64_t done, uint64_t total)>;

class DeviceWeights {
public:
  /// Bytes that the weights take on a GPU.
  static uint64_t byteSize(const Weights &weights);
  /// Memory for them, with nothing in it.
  static ErrorOr<DeviceWeights> allocate(const CudaDevice &device,
                                         const Weights &weights);
  /// `progress` may be empty.
  static ErrorOr<DeviceWeights> upload(const CudaDevice &device,
                                       const Weights &weights,
                                       const UploadProgress &progress);

  DeviceWeights() = default;
  /// Addresses of the GPU in the order of the manifest, each a multiple of
  /// kCudaAlignment.
  const std::vector<const void *> &pointers() const { return addresses; }

private:
  DeviceBuffer memory;
  std::vector<const void *> addresses;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CUDAUPLOAD_H
