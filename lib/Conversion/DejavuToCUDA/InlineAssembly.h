//===- InlineAssembly.h - what NVVM has no intrinsic for --------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only place with text of PTX. Each function is a gap of LLVM's NVPTX
// backend, and goes when that has an intrinsic or an instruction for it.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_INLINEASSEMBLY_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_INLINEASSEMBLY_H

#include "DeviceBuilder.h"

namespace mlir::dejavu::cuda {

/// Adds four f32 to global memory at a multiple of 16 bytes, each by itself, in
/// any order with others (TargetInfo::hasVectorReductions). LLVM 22 has no
/// code for an atomicrmw of vectors.
void addFour(DeviceBuilder &b, Value vector, Value pointer);

} // namespace mlir::dejavu::cuda

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_INLINEASSEMBLY_H
