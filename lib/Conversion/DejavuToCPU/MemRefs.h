//===- MemRefs.h - memrefs from pointers and back ---------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_MEMREFS_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_MEMREFS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::dejavu::cpu {

/// A memref of `type`, row-major and without an offset, at `pointer`; `sizes`
/// are its dynamic dimensions.
Value makeMemRef(ImplicitLocOpBuilder &builder, Value pointer, MemRefType type,
                 ValueRange sizes);

/// The address of the first element, as pointer.
Value getAddress(ImplicitLocOpBuilder &builder, Value memref);

} // namespace mlir::dejavu::cpu

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_MEMREFS_H
