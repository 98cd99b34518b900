//===- SyntheticFormula.h - what synthetic weights are made by --*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// In place of a file name, the source of a synthetic weight has one of
//
//   uniform(CENTER, WIDTH)   pseudo-random numbers: CENTER + WIDTH * u, where u
//                            is one of the 65536 odd multiples of 2^-16 in
//                            (-1, 1), so never 0
//   geometric(FIRST, RATIO)  FIRST * RATIO^i for element i, FIRST and RATIO
//                            above 0
//
// They are computed in f32. Which u an element gets depends on the number of
// its weight and on its own (lib/Conversion/DejavuToCUDA/FillKernels.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_DEJAVU_IR_SYNTHETICFORMULA_H
#define DEJAVU_DIALECT_DEJAVU_IR_SYNTHETICFORMULA_H

#include "mlir/Support/LLVM.h"

#include <optional>
#include <string>

namespace mlir::dejavu {

struct SyntheticFormula {
  enum class Kind { uniform, geometric };

  Kind kind;
  double first;  ///< center, or first element
  double second; ///< width, or ratio

  /// Nothing if `text` is no formula of finite numbers.
  static std::optional<SyntheticFormula> parse(StringRef text);
  std::string print() const;
};

} // namespace mlir::dejavu

#endif // DEJAVU_DIALECT_DEJAVU_IR_SYNTHETICFORMULA_H
