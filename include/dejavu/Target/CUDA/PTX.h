//===- PTX.h - from kernels to PTX ------------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels are functions of the llvm dialect in a gpu.module, marked
// nvvm.kernel, as buildEmitCUDAPipeline leaves them. LLVM makes PTX of them, in
// this process.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TARGET_CUDA_PTX_H
#define DEJAVU_TARGET_CUDA_PTX_H

#include "dejavu/Target/CUDA/TargetInfo.h"
#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mlir {
class DialectRegistry;
namespace gpu {
class GPUModuleOp;
} // namespace gpu
} // namespace mlir

namespace mlir::dejavu {

/// Attributes of kernels, an i64, an i64 and a bool: bytes of dynamic shared
/// memory (none if absent), blocks in a cluster (1), and whether the launch may
/// be early (no).
inline constexpr llvm::StringLiteral kSharedBytesAttrName =
    "dejavu.shared_bytes";
inline constexpr llvm::StringLiteral kClusterAttrName = "dejavu.cluster";
inline constexpr llvm::StringLiteral kEarlyAttrName = "dejavu.early";

/// What it takes to launch a kernel.
struct KernelLaunch {
  std::string name;
  int64_t threads = 0;     ///< of a block
  int64_t sharedBytes = 0; ///< dynamic shared memory of a block
  int64_t cluster = 1;     ///< blocks
  bool early = false;
};

/// Registers what emitPTX needs.
void registerPTXTranslations(DialectRegistry &registry);

/// The chip of `@kernels_<chip>`. Emits an error and fails if the name is
/// another one or the chip is not known.
FailureOr<TargetInfo> getKernelTarget(gpu::GPUModuleOp kernels);

/// The kernels of a module, in order. Emits an error and fails if one cannot be
/// launched: its block size is not known, an argument is not of 8 bytes, or
/// `target` has no clusters or too little shared memory.
FailureOr<SmallVector<KernelLaunch>>
getKernelLaunches(gpu::GPUModuleOp kernels, const TargetInfo &target);

/// Makes PTX for `target`. Emits an error and fails if LLVM does, or if a
/// function is left that is defined nowhere.
FailureOr<std::string> emitPTX(gpu::GPUModuleOp kernels,
                               const TargetInfo &target);

} // namespace mlir::dejavu

#endif // DEJAVU_TARGET_CUDA_PTX_H
