//===- CpuBackend.h - a session on the CPU ----------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory comes from the system and grows with what is asked for. What generated
// code counts arrives through the callbacks of abi.h.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CPUBACKEND_H
#define DEJAVU_LIB_RUNTIME_CPUBACKEND_H

#include "Backend.h"
#include "Files.h"

#include <memory>

namespace dejavu::rt {

class CpuBackend : public Backend {
public:
  /// The model must outlive the backend.
  static ErrorOr<std::unique_ptr<CpuBackend>> create(const LoadedModel &model,
                                                     uint64_t cacheBytes);

  void *cacheMemory() const override { return cache.data(); }
  Status reserve(uint64_t workspaceBytes, uint64_t logitsBytes) override;
  Status call(bool isDecode, dejavu_step step) override;
  const float *logits() const override { return logitsBuffer.as<float>(); }
  Status write(void *to, const void *from, uint64_t bytes) override;
  Status read(void *to, const void *from, uint64_t bytes) override;

private:
  CpuBackend(const LoadedModel &model, Buffer cache)
      : model(model), cache(std::move(cache)) {}

  const LoadedModel &model;
  Buffer cache, logitsBuffer, workspace;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CPUBACKEND_H
