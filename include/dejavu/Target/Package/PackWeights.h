//===- PackWeights.h - weights as the executable reads them -----*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TARGET_PACKAGE_PACKWEIGHTS_H
#define DEJAVU_TARGET_PACKAGE_PACKWEIGHTS_H

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace llvm {
class raw_fd_ostream;
} // namespace llvm

namespace mlir::dejavu {

/// Writes the weights of `module` to `file` as safetensors (docs/Internals.md,
/// section 5), each streamed once through its recipe. Returns the digest. Emits
/// an error and fails if reading does; stops, silently, once `file` has an
/// error, which its owner sees.
FailureOr<std::string> packWeights(ModuleOp module, llvm::raw_fd_ostream &file);

} // namespace mlir::dejavu

#endif // DEJAVU_TARGET_PACKAGE_PACKWEIGHTS_H
