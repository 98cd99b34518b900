//===- SyntheticFormula.cpp - what synthetic weights are made by ----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Dejavu/IR/SyntheticFormula.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;

static StringRef getName(SyntheticFormula::Kind kind) {
  return kind == SyntheticFormula::Kind::uniform ? "uniform" : "geometric";
}

std::optional<SyntheticFormula> SyntheticFormula::parse(StringRef text) {
  for (Kind kind : {Kind::uniform, Kind::geometric}) {
    StringRef rest = text;
    if (!rest.consume_front(getName(kind)) || !rest.consume_front("(") ||
        !rest.consume_back(")"))
      continue;
    auto [left, right] = rest.split(',');
    double values[2];
    if (!llvm::to_float(left.trim(), values[0]) ||
        !llvm::to_float(right.trim(), values[1]))
      return std::nullopt;
    SyntheticFormula formula{kind, values[0], values[1]};
    bool isGood = std::isfinite(static_cast<float>(formula.first)) &&
                  std::isfinite(static_cast<float>(formula.second)) &&
                  formula.second >= 0;
    if (kind == Kind::geometric)
      isGood &= formula.first > 0 && formula.second > 0;
    return isGood ? std::optional(formula) : std::nullopt;
  }
  return std::nullopt;
}

std::string SyntheticFormula::print() const {
  std::string text;
  llvm::raw_string_ostream(text)
      << getName(kind) << '(' << llvm::format("%.9g, %.9g)", first, second);
  return text;
}
