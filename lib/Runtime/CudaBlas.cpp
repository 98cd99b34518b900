//===- CudaBlas.cpp - functions of cuBLASLt -------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaBlas.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

using namespace dejavu::rt;

static const CudaBlas *replacement = nullptr;

/// What the loader finds, then where toolkits are.
static const char *const kFiles[] = {"libcublasLt.so.13", "libcublasLt.so.12",
                                     "/usr/local/cuda/lib64/libcublasLt.so.13",
                                     "/usr/local/cuda/lib64/libcublasLt.so.12"};

Status CudaBlas::check(blas::Result result, const char *function) const {
  return result == blas::kSuccess
             ? Status::success()
             : makeError("%s failed with error %d", function, result);
}

ErrorOr<CudaBlas> CudaBlas::load(const char *library) {
  void *handle = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return makeError("cannot be loaded: %s", ::dlerror());
  // Never closed, as the driver is not.
  CudaBlas blas;
#define DEJAVU_BLAS_LOAD(NAME, SYMBOL, PARAMETERS)                             \
  blas.NAME =                                                                  \
      reinterpret_cast<blas::Result(*) PARAMETERS>(::dlsym(handle, SYMBOL));   \
  if (!blas.NAME)                                                              \
    return makeError("%s: has no %s", library, SYMBOL);
  DEJAVU_BLAS_FUNCTIONS(DEJAVU_BLAS_LOAD)
#undef DEJAVU_BLAS_LOAD
  return blas;
}

static const char *getWish() {
  const char *wish = std::getenv("DEJAVU_CUBLASLT");
  return wish && *wish ? wish : nullptr;
}

bool CudaBlas::isUnwanted() {
  const char *wish = getWish();
  return wish && std::strcmp(wish, "none") == 0;
}

ErrorOr<const CudaBlas *> CudaBlas::get() {
  if (replacement)
    return replacement;
  if (isUnwanted())
    return nullptr;
  if (const char *named = getWish()) {
    static const ErrorOr<CudaBlas> wished = load(named);
    if (wished.failed())
      return wished.status().withPrefix("DEJAVU_CUBLASLT");
    return &*wished;
  }
  static const ErrorOr<CudaBlas> found = [] {
    for (const char *file : kFiles)
      if (ErrorOr<CudaBlas> blas = load(file); blas.succeeded())
        return blas;
    return ErrorOr<CudaBlas>(Status::error("not found"));
  }();
  return found.succeeded() ? &*found : nullptr;
}

void CudaBlas::replace(const CudaBlas *other) { replacement = other; }
