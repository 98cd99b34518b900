//===- Cubin.h - from PTX to the code of a GPU ------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// NVIDIA's assembler for PTX, in this process: libnvJitLink, which is loaded
// when it is first needed. It needs neither a GPU nor a driver.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TARGET_CUDA_CUBIN_H
#define DEJAVU_TARGET_CUDA_CUBIN_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>

namespace mlir::dejavu {

/// What a kernel takes of a multiprocessor, as its assembler says.
struct KernelResources {
  int64_t registers = 0;    ///< of each thread
  int64_t localBytes = 0;   ///< of each thread: stack frame and spills
  int64_t sharedStatic = 0; ///< of each block, besides dynamic shared memory
};

/// Code for one chip.
struct Cubin {
  std::string bytes;                          ///< an ELF file
  llvm::StringMap<KernelResources> resources; ///< by the name of the kernel
};

/// Assembles `ptx` for `chip`. `tool` is the path of this program: the wheel
/// with libnvJitLink may lie in the `.venv` beside its build folder. Fails with
/// a message in `error`.
FailureOr<Cubin> assembleCubin(llvm::StringRef ptx, llvm::StringRef chip,
                               llvm::StringRef tool, std::string &error);

} // namespace mlir::dejavu

#endif // DEJAVU_TARGET_CUDA_CUBIN_H
