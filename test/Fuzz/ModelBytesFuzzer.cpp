//===- ModelBytesFuzzer.cpp - any bytes as a model ------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FuzzImport.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ::dejavu::fuzz::importModel(
      llvm::StringRef(reinterpret_cast<const char *>(data), size));
  return 0;
}
