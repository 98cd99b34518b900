//===- DimExpr.h - polynomials over named dimensions ------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A dimension of a tensor as a polynomial with 64-bit coefficients over named
// symbols: `batch`, `past + tokens`, `4 * batch`. Two dimensions are provably
// equal if their polynomials are, which is what shape analysis asks. Nothing
// here knows of MLIR.
//
// Arithmetic that overflows gives an invalid expression, which equals nothing,
// itself included, and stays invalid.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_SUPPORT_DIMEXPR_H
#define DEJAVU_SUPPORT_DIMEXPR_H

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlir::dejavu {

class DimExpr {
public:
  /// Zero.
  DimExpr() = default;
  /// A number.
  DimExpr(int64_t number);

  static DimExpr symbol(std::string_view name);

  /// Reads what exporters write: numbers, names, `+`, `-`, `*`, and
  /// parentheses. Nothing if `text` is anything else.
  static std::optional<DimExpr> parse(std::string_view text);

  bool isValid() const { return valid; }

  /// The number, if no symbol occurs.
  std::optional<int64_t> getConstant() const;

  /// The name, if this is one symbol and nothing else.
  std::optional<std::string> getSymbol() const;

  /// True if the value is not negative for whatever symbols >= 0: no
  /// coefficient is negative. False means unknown.
  bool isNonNegative() const;

  DimExpr operator+(const DimExpr &other) const;
  DimExpr operator-(const DimExpr &other) const;
  DimExpr operator*(const DimExpr &other) const;
  bool operator==(const DimExpr &other) const {
    return valid && other.valid && terms == other.terms;
  }
  bool operator!=(const DimExpr &other) const { return !(*this == other); }

  /// The polynomial q with `*this == q * divisor`, if there is one.
  std::optional<DimExpr> divideExactly(const DimExpr &divisor) const;

  /// The value for given symbols; nothing if `valueOf` does not know one or
  /// the result overflows.
  std::optional<int64_t> evaluate(
      const std::function<std::optional<int64_t>(const std::string &)> &valueOf)
      const;

  /// For messages: `2*batch*tokens + 1`.
  std::string str() const;

private:
  /// A product of symbols, sorted; a power is a repetition.
  using Monomial = std::vector<std::string>;

  /// Higher degrees first, then alphabetical: an order that multiplication
  /// keeps, as long division needs.
  struct Order {
    bool operator()(const Monomial &a, const Monomial &b) const {
      return a.size() != b.size() ? a.size() > b.size() : a < b;
    }
  };

  static DimExpr invalid();
  void add(const Monomial &monomial, int64_t coefficient);

  std::map<Monomial, int64_t, Order> terms;
  bool valid = true;
};

} // namespace mlir::dejavu

#endif // DEJAVU_SUPPORT_DIMEXPR_H
