//===- FakeCuda.h - a CUDA driver that records ------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GPU memory is the host's, so copies copy. Launches are recorded and done by a
// hook; while a stream captures they go into a graph, whose launch does them.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TEST_UNIT_RUNTIME_FAKECUDA_H
#define DEJAVU_TEST_UNIT_RUNTIME_FAKECUDA_H

#include "CudaDriver.h"

#include <functional>
#include <string>
#include <vector>

namespace dejavu::test {

struct FakeLaunch {
  std::string kernel;
  rt::cuda::LaunchConfig config;
  std::vector<rt::cuda::LaunchAttribute> attributes;
  uint64_t argument; ///< the first
};

struct FakeCuda {
  FakeCuda();
  ~FakeCuda();
  FakeCuda(const FakeCuda &) = delete;

  rt::CudaDriver driver;
  int capability = 90, processors = 132;
  size_t freeBytes = size_t(1) << 40;
  const void *image = nullptr;
  std::vector<FakeLaunch> launches;                    ///< done, in order
  std::vector<std::pair<std::string, int>> attributes; ///< kernel, value
  bool isCapturing = false;
  std::vector<std::function<void()>> captured;
  int captures = 0, graphLaunches = 0, allocations = 0;
  std::function<void(const FakeLaunch &)> hook;
};

} // namespace dejavu::test

#endif // DEJAVU_TEST_UNIT_RUNTIME_FAKECUDA_H
