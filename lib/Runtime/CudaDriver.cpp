//===- CudaDriver.cpp - functions of the CUDA driver ----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"

#include <dlfcn.h>

using namespace dejavu::rt;

static const CudaDriver *replacement = nullptr;

Status CudaDriver::check(cuda::Result result, const char *function) const {
  if (result == cuda::kSuccess)
    return Status::success();
  const char *text = nullptr;
  if (getErrorString(result, &text) != cuda::kSuccess || !text)
    return makeError("%s failed with error %d", function, result);
  return makeError("%s failed: %s", function, text);
}

ErrorOr<CudaDriver> CudaDriver::load(const char *library) {
  void *handle = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    std::string reason = ::dlerror();
    // The reason begins with the library's name, as does this message.
    std::string prefix = std::string(library) + ": ";
    if (reason.rfind(prefix, 0) == 0)
      reason.erase(0, prefix.size());
    return makeError("%s: cannot be loaded: %s: this executable runs on an "
                     "NVIDIA GPU",
                     library, reason.c_str());
  }
  // Never closed: what it has started lives as long as the process.
  CudaDriver driver;
#define DEJAVU_CUDA_LOAD(NAME, SYMBOL, PARAMETERS)                             \
  driver.NAME =                                                                \
      reinterpret_cast<cuda::Result(*) PARAMETERS>(::dlsym(handle, SYMBOL));   \
  if (!driver.NAME)                                                            \
    return makeError("%s: has no %s: a newer driver is wanted", library,       \
                     SYMBOL);
  DEJAVU_CUDA_FUNCTIONS(DEJAVU_CUDA_LOAD)
#undef DEJAVU_CUDA_LOAD
  return driver;
}

ErrorOr<const CudaDriver *> CudaDriver::get() {
  if (replacement)
    return replacement;
  static const ErrorOr<CudaDriver> driver = load("libcuda.so.1");
  if (driver.failed())
    return driver.status();
  return &*driver;
}

void CudaDriver::replace(const CudaDriver *other) { replacement = other; }
