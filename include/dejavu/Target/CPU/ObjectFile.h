//===- ObjectFile.h - machine code for the host CPU -------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last steps of a compilation for the CPU: llvm dialect -> LLVM IR -> O3 ->
// object file, in this process.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TARGET_CPU_OBJECTFILE_H
#define DEJAVU_TARGET_CPU_OBJECTFILE_H

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::dejavu {

/// The processor that code is made for.
struct CPUInfo {
  std::string name;                  ///< as LLVM calls it, `znver5`
  std::vector<std::string> features; ///< that are present, sorted
  /// f32 lanes of its vector registers.
  int64_t getLanes() const;

  /// What every x86-64 processor has, for host code that only launches kernels.
  static CPUInfo getBaseline();
  /// The processor that this program runs on.
  static CPUInfo getHost();
};

/// Registers what emitObject needs.
void registerObjectFileTranslations(DialectRegistry &registry);

/// Bytes that an object file holds as `symbol`, with their number as
/// `symbol`_size.
struct EmbeddedBytes {
  StringRef symbol, bytes;
};

/// Makes an object file of `module`, which holds functions of the llvm dialect
/// and may hold symbols of the dejavu dialect and gpu.modules besides.
/// `manifest` becomes dejavu_manifest. Emits an error and fails if LLVM does.
FailureOr<std::string> emitObject(ModuleOp module, const CPUInfo &cpu,
                                  StringRef manifest,
                                  ArrayRef<EmbeddedBytes> embedded = {});

} // namespace mlir::dejavu

#endif // DEJAVU_TARGET_CPU_OBJECTFILE_H
