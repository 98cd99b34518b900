//===- CudaKernels.h - code of a GPU, loaded --------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Picks the image that fits the GPU, loads it, and enqueues its kernels.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CUDAKERNELS_H
#define DEJAVU_LIB_RUNTIME_CUDAKERNELS_H

#include "CudaDevice.h"
#include "Manifest.h"

#include <vector>

namespace dejavu::rt {

/// The image for a GPU of that capability (10 * major + minor): machine code of
/// the same major capability with the highest minor one up to the GPU's; else
/// the newest text that is not newer than the GPU. `name` is the GPU's, for the
/// error.
ErrorOr<const CudaImage *> chooseImage(const CudaCode &code, int capability,
                                       const std::string &name);

class CudaKernels {
public:
  /// `code` are the bytes that the manifest's images are parts of. Manifest and
  /// device must outlive this object.
  static ErrorOr<std::unique_ptr<CudaKernels>> load(const CudaDevice &device,
                                                    const CudaCode &manifest,
                                                    const char *code,
                                                    int64_t codeSize);
  ~CudaKernels();
  CudaKernels(const CudaKernels &) = delete;

  const CudaImage &image() const { return *chosen; }

  /// dejavu_rt_launch.
  Status launch(int64_t kernel, const int64_t grid[3],
                void *const *arguments) const;

private:
  CudaKernels(const CudaDevice &device, const CudaCode &manifest,
              const CudaImage *image)
      : device(device), manifest(manifest), chosen(image) {}
  Status loadModule(const char *data);
  Status loadFunction(size_t number);

  const CudaDevice &device;
  const CudaCode &manifest;
  const CudaImage *chosen;
  cuda::Module module = nullptr;
  std::vector<cuda::Function> functions;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CUDAKERNELS_H
