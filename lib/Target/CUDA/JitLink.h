//===- JitLink.h - libnvJitLink, loaded -------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of NVIDIA's library that are needed here, declared by hand:
// nothing of a CUDA toolkit is needed to build dejavu. Results are 0 if all is
// well.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_TARGET_CUDA_JITLINK_H
#define DEJAVU_LIB_TARGET_CUDA_JITLINK_H

#include "llvm/ADT/StringRef.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace mlir::dejavu {

struct JitLink {
  using Handle = void *;
  enum Input { ptx = 2 };

  int (*create)(Handle *handle, uint32_t count, const char **options);
  int (*destroy)(Handle *handle);
  int (*addData)(Handle handle, int kind, const void *data, size_t size,
                 const char *name);
  int (*complete)(Handle handle);
  int (*getCubinSize)(Handle handle, size_t *size);
  int (*getCubin)(Handle handle, void *bytes);
  int (*getErrorLogSize)(Handle handle, size_t *size);
  int (*getErrorLog)(Handle handle, char *text);
  int (*getInfoLogSize)(Handle handle, size_t *size);
  int (*getInfoLog)(Handle handle, char *text);

  /// The library, which stays loaded. Null, with a message in `error`, if there
  /// is none.
  static const JitLink *get(llvm::StringRef tool, std::string &error);
};

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_TARGET_CUDA_JITLINK_H
