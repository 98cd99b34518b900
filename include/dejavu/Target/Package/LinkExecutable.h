//===- LinkExecutable.h - from an object file to an executable --*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TARGET_PACKAGE_LINKEXECUTABLE_H
#define DEJAVU_TARGET_PACKAGE_LINKEXECUTABLE_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace mlir::dejavu {

/// Links the object file `object` with the runtime and returns the bytes of the
/// executable. One for the CPU gets OpenMP and oneDNN as well. `tool` is the
/// path of this program: the runtime's libraries lie in ../lib from there.
/// Fails with a message in `error`.
FailureOr<std::string> linkExecutable(llvm::StringRef object,
                                      llvm::StringRef tool, bool forCPU,
                                      std::string &error);

} // namespace mlir::dejavu

#endif // DEJAVU_TARGET_PACKAGE_LINKEXECUTABLE_H
