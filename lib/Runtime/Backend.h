//===- Backend.h - where a session computes ---------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A session checks what it is given and keeps count of steps; its backend owns
// the memory that generated code works in and calls it: on the CPU
// (CpuBackend.h) or on a GPU (CudaBackend.h).
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_BACKEND_H
#define DEJAVU_LIB_RUNTIME_BACKEND_H

#include "Manifest.h"
#include "Weights.h"

#include "dejavu-rt/runtime.h"

#include <functional>

namespace dejavu::rt {

/// A model whose manifest has been read and whose weights are mapped.
struct LoadedModel {
  dejavu_rt_model entryPoints;
  Manifest manifest;
  Weights weights;
  /// Called while weights are copied to a GPU, if set.
  std::function<void(uint64_t done, uint64_t total)> onUpload = {};
  /// Called with what a user should know, if set; else stderr has it.
  std::function<void(const std::string &)> onRemark = {};
};

class Backend {
public:
  virtual ~Backend() = default;

  /// Memory for the cache, zero at first, of the size that the backend was
  /// created with.
  virtual void *cacheMemory() const = 0;

  /// Makes room for what a call needs, in bytes.
  virtual Status reserve(uint64_t workspace, uint64_t logits) = 0;

  /// Calls dejavu_decode or dejavu_prefill, and returns when it is done. The
  /// caller has filled the sizes, the tables of the cache and the session, and
  /// the arrays of ids, positions and starts, which are the host's.
  virtual Status call(bool isDecode, dejavu_step step) = 0;

  /// The logits of the last call.
  virtual const float *logits() const = 0;

  /// Copies `bytes` to and from the cache.
  virtual Status write(void *to, const void *from, uint64_t bytes) = 0;
  virtual Status read(void *to, const void *from, uint64_t bytes) = 0;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_BACKEND_H
