//===- WeightBytes.h - how many bytes a weight has --------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_ANALYSIS_WEIGHTBYTES_H
#define DEJAVU_ANALYSIS_WEIGHTBYTES_H

#include "mlir/IR/BuiltinTypes.h"

namespace mlir::dejavu {

/// Bytes of what one index of dimension 0 holds.
inline int64_t getRowBytes(RankedTensorType type) {
  if (type.getNumElements() == 0)
    return 0;
  return type.getNumElements() / type.getDimSize(0) *
         ((type.getElementTypeBitWidth() + 7) / 8);
}

inline int64_t getAllBytes(RankedTensorType type) {
  return getRowBytes(type) * type.getDimSize(0);
}

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_WEIGHTBYTES_H
