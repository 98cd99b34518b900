//===- Images.h - the code for GPUs in an executable ------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TARGET_CUDA_IMAGES_H
#define DEJAVU_TARGET_CUDA_IMAGES_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"

#include <string>
#include <vector>

namespace mlir::dejavu {

/// What an executable embeds for GPUs.
struct CUDAImages {
  struct File {
    std::string name, bytes;
  };
  std::string blob;            ///< all images, each at a multiple of 64
  llvm::json::Object manifest; ///< the key `cuda` of the manifest
  std::vector<File> files;     ///< <chip>.cubin and <chip>.ptx of each chip
};

/// Makes a cubin of each gpu.module @kernels_<chip>, and for the newest chip
/// keeps the PTX as well. `tool` is the path of this program. Emits an error
/// and fails if code cannot be made, or if the modules have different kernels.
FailureOr<CUDAImages> emitCUDAImages(ModuleOp module, llvm::StringRef tool);

} // namespace mlir::dejavu

#endif // DEJAVU_TARGET_CUDA_IMAGES_H
