//===- CpuBackend.cpp - a session on the CPU ------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuBackend.h"

#include "Memory.h"

#include <cstring>

using namespace dejavu::rt;

ErrorOr<std::unique_ptr<CpuBackend>>
CpuBackend::create(const LoadedModel &model, uint64_t cacheBytes) {
  ErrorOr<Buffer> cache = Buffer::allocate(cacheBytes, "cache");
  if (cache.failed())
    return cache.status();
  return std::unique_ptr<CpuBackend>(new CpuBackend(model, std::move(*cache)));
}

/// Makes `buffer` hold at least `bytes`. Its content is lost if it grows.
static Status grow(Buffer &buffer, uint64_t bytes, const char *what) {
  if (buffer.size() >= bytes)
    return Status::success();
  ErrorOr<Buffer> larger = Buffer::allocate(bytes, what);
  if (larger.failed())
    return larger.status();
  buffer = std::move(*larger);
  return Status::success();
}

Status CpuBackend::reserve(uint64_t workspaceBytes, uint64_t logitsBytes) {
  if (Status status = grow(workspace, workspaceBytes, "workspace");
      status.failed())
    return status;
  return grow(logitsBuffer, logitsBytes, "logits");
}

Status CpuBackend::call(bool isDecode, dejavu_step step) {
  step.weights = model.weights.pointers().data();
  step.logits = logitsBuffer.as<float>();
  step.workspace = workspace.data();
  CallScope scope;
  return isDecode ? scope.call(model.entryPoints.decode, &step, model.manifest,
                               "decode")
                  : scope.call(model.entryPoints.prefill, &step, model.manifest,
                               "prefill");
}

Status CpuBackend::write(void *to, const void *from, uint64_t bytes) {
  std::memcpy(to, from, bytes);
  return Status::success();
}

Status CpuBackend::read(void *to, const void *from, uint64_t bytes) {
  std::memcpy(to, from, bytes);
  return Status::success();
}
