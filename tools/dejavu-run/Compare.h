//===- Compare.h - outputs against expectations -----------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An output of floating-point numbers passes if |got - want| <= atol + rtol *
// |want| for every element. NaN never passes, on either side. Integers and
// bools must be equal, and of the same type.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TOOLS_DEJAVU_RUN_COMPARE_H
#define DEJAVU_TOOLS_DEJAVU_RUN_COMPARE_H

#include "Safetensors.h"

#include <string>

namespace dejavu::run {

struct Tolerance {
  double relative = 1e-4;
  double absolute = 1e-4;
};

struct Comparison {
  bool passed = false;
  /// `max abs diff 1.2e-06, ok`, or what is wrong.
  std::string text;
};

Comparison compare(const rt::TensorView &got, const rt::TensorView &want,
                   const Tolerance &tolerance);

} // namespace dejavu::run

#endif // DEJAVU_TOOLS_DEJAVU_RUN_COMPARE_H
