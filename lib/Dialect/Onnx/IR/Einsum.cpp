//===- Einsum.cpp - the equation of an Einsum -----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Einsum.h"

#include "InferenceUtils.h"

#include "llvm/ADT/StringExtras.h"

#include <map>

using namespace mlir;
using namespace mlir::onnx;

namespace {
/// A term of an equation: letters, and where among them an ellipsis is.
struct Term {
  SmallVector<char> letters;
  std::optional<size_t> ellipsis;
};
} // namespace

static LogicalResult parseTerm(StringRef text, Term &term, std::string &error) {
  while (!text.empty()) {
    if (text.consume_front("...")) {
      if (term.ellipsis)
        return fail(error, "expected one ellipsis in a term of the equation");
      term.ellipsis = term.letters.size();
      continue;
    }
    if (!llvm::isAlpha(text.front()))
      return fail(error, "expected letters in the equation, found '" +
                             llvm::toHex(text.take_front()) + "' (hex)");
    term.letters.push_back(text.front());
    text = text.drop_front();
  }
  return success();
}

LogicalResult mlir::onnx::parseEinsum(StringRef text, ArrayRef<int64_t> ranks,
                                      EinsumEquation &equation,
                                      std::string &error) {
  std::string packed;
  for (char letter : text)
    if (letter != ' ')
      packed.push_back(letter);
  // Dimensions have at most 8 names in each operand, so this is generous.
  if (packed.size() > 4096)
    return fail(error, "expected an equation of at most 4096 characters, "
                       "found " +
                           Twine(packed.size()));
  StringRef all(packed);
  bool hasResult = all.contains("->");
  auto [left, right] = all.split("->");
  SmallVector<StringRef> parts;
  left.split(parts, ',');
  if (parts.size() != ranks.size())
    return fail(error, "expected an equation with " + Twine(ranks.size()) +
                           " terms, found " + Twine(parts.size()));

  // Ellipses of different lengths are aligned at their ends.
  SmallVector<Term> terms(parts.size());
  int64_t longest = 0;
  bool hasEllipsis = false;
  for (auto [part, term, rank] : llvm::zip(parts, terms, ranks)) {
    if (failed(parseTerm(part, term, error)))
      return failure();
    int64_t rest = rank - static_cast<int64_t>(term.letters.size());
    if (rest < 0 || (rest > 0 && !term.ellipsis))
      return fail(error, "expected a term for " + Twine(rank) +
                             " dimensions, found '" + part + "'");
    hasEllipsis |= term.ellipsis.has_value();
    longest = std::max(longest, rest);
  }
  equation.ellipsis = equation.count = longest;

  std::map<char, unsigned> numbers, occurrences;
  auto expand = [&](const Term &term, int64_t rest,
                    SmallVectorImpl<unsigned> &dims) {
    for (size_t i = 0; i <= term.letters.size(); ++i) {
      if (term.ellipsis == i)
        for (int64_t k = longest - rest; k < longest; ++k)
          dims.push_back(k);
      if (i < term.letters.size())
        dims.push_back(numbers[term.letters[i]]);
    }
  };
  for (auto [term, rank] : llvm::zip(terms, ranks)) {
    for (char letter : term.letters) {
      if (numbers.try_emplace(letter, equation.count).second)
        ++equation.count;
      ++occurrences[letter];
    }
    expand(term, rank - static_cast<int64_t>(term.letters.size()),
           equation.operands.emplace_back());
  }

  Term result;
  if (hasResult) {
    if (failed(parseTerm(right, result, error)))
      return failure();
    if (result.ellipsis && !hasEllipsis)
      return fail(error, "expected no ellipsis in the result, since no term "
                         "has one");
    for (auto [index, letter] : llvm::enumerate(result.letters)) {
      bool isTwice = llvm::is_contained(
          ArrayRef<char>(result.letters).take_front(index), letter);
      if (isTwice || !numbers.contains(letter))
        return fail(error, "expected letters of terms, each once, in the "
                           "result of the equation, found '" +
                               Twine(letter) + "'");
    }
  } else {
    if (hasEllipsis)
      result.ellipsis = 0;
    for (auto [letter, count] : occurrences)
      if (count == 1)
        result.letters.push_back(letter);
  }
  expand(result, longest, equation.result);
  return success();
}
