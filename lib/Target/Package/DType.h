//===- DType.h - names of element types -------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_TARGET_PACKAGE_DTYPE_H
#define DEJAVU_LIB_TARGET_PACKAGE_DTYPE_H

#include "mlir/IR/BuiltinTypes.h"

namespace mlir::dejavu {

/// The name that safetensors and the manifest use for an element type.
inline std::string nameDType(Type type) {
  if (type.isBF16())
    return "BF16";
  std::string width = std::to_string(type.getIntOrFloatBitWidth());
  if (isa<FloatType>(type))
    return "F" + width;
  if (type.isInteger(1))
    return "BOOL";
  return (type.isUnsignedInteger() ? "U" : "I") + width;
}

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_TARGET_PACKAGE_DTYPE_H
