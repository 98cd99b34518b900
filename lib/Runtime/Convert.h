//===- Convert.h - f32 and narrower floats ----------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversions between f32 and the elements of a cache: F32, F16, BF16. They
// round as a GPU's code does that appends to a cache: to the nearest, ties to
// even, and what is beyond the type's numbers to the greatest of them. NaN
// stays NaN.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CONVERT_H
#define DEJAVU_LIB_RUNTIME_CONVERT_H

#include "DType.h"

namespace dejavu::rt {

/// `count` elements of `type`, which need not be aligned.
void convertFromFloats(const float *from, uint64_t count, DType type, void *to);
void convertToFloats(const void *from, uint64_t count, DType type, float *to);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CONVERT_H
