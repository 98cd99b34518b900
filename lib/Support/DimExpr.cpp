//===- DimExpr.cpp - polynomials over named dimensions --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Support/DimExpr.h"

#include <algorithm>
#include <cctype>

using namespace mlir::dejavu;

DimExpr::DimExpr(int64_t number) {
  if (number != 0)
    terms[{}] = number;
}

DimExpr DimExpr::symbol(std::string_view name) {
  DimExpr result;
  result.terms[{std::string(name)}] = 1;
  return result;
}

DimExpr DimExpr::invalid() {
  DimExpr result;
  result.valid = false;
  return result;
}

void DimExpr::add(const Monomial &monomial, int64_t coefficient) {
  auto [it, inserted] = terms.try_emplace(monomial, coefficient);
  if (!inserted &&
      __builtin_add_overflow(it->second, coefficient, &it->second)) {
    *this = invalid();
    return;
  }
  if (it->second == 0)
    terms.erase(it);
}

std::optional<int64_t> DimExpr::getConstant() const {
  if (!valid)
    return std::nullopt;
  if (terms.empty())
    return 0;
  if (terms.size() == 1 && terms.begin()->first.empty())
    return terms.begin()->second;
  return std::nullopt;
}

std::optional<std::string> DimExpr::getSymbol() const {
  if (!valid || terms.size() != 1 || terms.begin()->first.size() != 1 ||
      terms.begin()->second != 1)
    return std::nullopt;
  return terms.begin()->first.front();
}

bool DimExpr::isNonNegative() const {
  return valid && std::all_of(terms.begin(), terms.end(), [](const auto &term) {
           return term.second >= 0;
         });
}

DimExpr DimExpr::operator+(const DimExpr &other) const {
  if (!valid || !other.valid)
    return invalid();
  DimExpr result = *this;
  for (const auto &[monomial, coefficient] : other.terms) {
    result.add(monomial, coefficient);
    if (!result.valid)
      break;
  }
  return result;
}

DimExpr DimExpr::operator-(const DimExpr &other) const {
  return *this + other * DimExpr(-1);
}

DimExpr DimExpr::operator*(const DimExpr &other) const {
  if (!valid || !other.valid)
    return invalid();
  DimExpr result;
  for (const auto &[a, x] : terms) {
    for (const auto &[b, y] : other.terms) {
      int64_t coefficient;
      if (__builtin_mul_overflow(x, y, &coefficient))
        return invalid();
      Monomial product(a.size() + b.size());
      std::merge(a.begin(), a.end(), b.begin(), b.end(), product.begin());
      result.add(product, coefficient);
      if (!result.valid)
        return result;
    }
  }
  return result;
}

std::optional<DimExpr> DimExpr::divideExactly(const DimExpr &divisor) const {
  if (!valid || !divisor.valid || divisor.terms.empty())
    return std::nullopt;
  // Long division: the leading term of what is left must be a multiple of the
  // divisor's leading term, each time.
  const auto &[leading, factor] = *divisor.terms.begin();
  DimExpr quotient, rest = *this;
  while (!rest.terms.empty()) {
    const auto &[monomial, coefficient] = *rest.terms.begin();
    // INT64_MIN / -1 does not fit.
    if ((factor == -1 && coefficient == INT64_MIN) ||
        coefficient % factor != 0 ||
        !std::includes(monomial.begin(), monomial.end(), leading.begin(),
                       leading.end()))
      return std::nullopt;
    DimExpr term;
    Monomial left;
    std::set_difference(monomial.begin(), monomial.end(), leading.begin(),
                        leading.end(), std::back_inserter(left));
    term.terms[left] = coefficient / factor;
    quotient = quotient + term;
    rest = rest - term * divisor;
    if (!rest.valid || !quotient.valid)
      return std::nullopt;
  }
  return quotient;
}

std::optional<int64_t> DimExpr::evaluate(
    const std::function<std::optional<int64_t>(const std::string &)> &valueOf)
    const {
  if (!valid)
    return std::nullopt;
  int64_t sum = 0;
  for (const auto &[monomial, coefficient] : terms) {
    int64_t product = coefficient;
    for (const std::string &name : monomial) {
      std::optional<int64_t> value = valueOf(name);
      if (!value || __builtin_mul_overflow(product, *value, &product))
        return std::nullopt;
    }
    if (__builtin_add_overflow(sum, product, &sum))
      return std::nullopt;
  }
  return sum;
}

std::string DimExpr::str() const {
  if (!valid)
    return "<invalid>";
  if (terms.empty())
    return "0";
  std::string text;
  for (const auto &[monomial, coefficient] : terms) {
    bool negative = coefficient < 0;
    if (!text.empty())
      text += negative ? " - " : " + ";
    else if (negative)
      text += "-";
    // The magnitude as unsigned: that of INT64_MIN has no signed form.
    uint64_t magnitude = negative ? -static_cast<uint64_t>(coefficient)
                                  : static_cast<uint64_t>(coefficient);
    bool number = monomial.empty() || magnitude != 1;
    if (number)
      text += std::to_string(magnitude);
    for (const std::string &name : monomial) {
      if (number)
        text += "*";
      text += name;
      number = true;
    }
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Parser
//===----------------------------------------------------------------------===//

namespace {
/// Recursive descent over `sum = product (('+'|'-') product)*`, `product =
/// factor ('*' factor)*`, `factor = number | name | '-' factor | '(' sum ')'`.
class Parser {
public:
  explicit Parser(std::string_view text) : text(text) {}

  std::optional<DimExpr> parse() {
    std::optional<DimExpr> result = parseSum();
    skipBlanks();
    if (!result || !text.empty() || !result->isValid())
      return std::nullopt;
    return result;
  }

private:
  /// Nesting of parentheses and signs that is still read.
  static constexpr int maxDepth = 32;

  void skipBlanks() {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text[0])))
      text.remove_prefix(1);
  }
  bool consume(char c) {
    skipBlanks();
    if (text.empty() || text[0] != c)
      return false;
    text.remove_prefix(1);
    return true;
  }

  std::optional<DimExpr> parseSum() {
    std::optional<DimExpr> sum = parseProduct();
    while (sum) {
      bool plus = consume('+');
      if (!plus && !consume('-'))
        break;
      std::optional<DimExpr> next = parseProduct();
      if (!next)
        return std::nullopt;
      sum = plus ? *sum + *next : *sum - *next;
    }
    return sum;
  }

  std::optional<DimExpr> parseProduct() {
    std::optional<DimExpr> product = parseFactor();
    while (product && consume('*')) {
      std::optional<DimExpr> next = parseFactor();
      if (!next)
        return std::nullopt;
      product = *product * *next;
    }
    return product;
  }

  std::optional<DimExpr> parseFactor() {
    if (depth == maxDepth)
      return std::nullopt;
    if (consume('-')) {
      ++depth;
      std::optional<DimExpr> factor = parseFactor();
      --depth;
      if (factor)
        factor = DimExpr(0) - *factor;
      return factor;
    }
    if (consume('(')) {
      ++depth;
      std::optional<DimExpr> sum = parseSum();
      --depth;
      if (!sum || !consume(')'))
        return std::nullopt;
      return sum;
    }
    skipBlanks();
    size_t length = 0;
    auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    if (text.empty())
      return std::nullopt;
    if (std::isdigit(at(0))) {
      int64_t number = 0;
      for (; length < text.size() && std::isdigit(at(length)); ++length)
        if (__builtin_mul_overflow(number, int64_t(10), &number) ||
            __builtin_add_overflow(number, int64_t(at(length) - '0'), &number))
          return std::nullopt;
      text.remove_prefix(length);
      return DimExpr(number);
    }
    // Names: letters, digits and what exporters put between them.
    auto isNameCharacter = [&](size_t i) {
      return std::isalnum(at(i)) || text[i] == '_' || text[i] == '.' ||
             text[i] == ':' || text[i] == '/';
    };
    while (length < text.size() && isNameCharacter(length))
      ++length;
    if (length == 0)
      return std::nullopt;
    DimExpr name = DimExpr::symbol(text.substr(0, length));
    text.remove_prefix(length);
    return name;
  }

  std::string_view text;
  int depth = 0;
};
} // namespace

std::optional<DimExpr> DimExpr::parse(std::string_view text) {
  return Parser(text).parse();
}
