//===- Eval.h - perplexity and density of a text ----------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every token goes through @decode, teacher-forced, in windows of the context
// length, each of which begins with an empty cache that decode fills itself.
// In a window of n tokens, the first n - 1 predict the next one. Negative
// log-likelihoods are summed in double precision.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_EVAL_H
#define DEJAVU_LIB_RUNTIME_EVAL_H

#include "Generate.h"
#include "Traffic.h"

#include <algorithm>
#include <functional>
#include <string>

namespace dejavu::rt {

struct EvalResult {
  uint64_t tokens = 0;    ///< that went through @decode
  uint64_t predicted = 0; ///< whose likelihood was taken
  double nll = 0.0;       ///< sum over them
  Traffic traffic;

  double perplexity() const;
  /// The lines for people; contract of `dejavu eval`.
  std::string text(const Manifest &manifest) const;
  std::string json(const Manifest &manifest) const;
};

/// -log softmax(logits)[target] in double precision.
double negativeLogLikelihood(const float *logits, int64_t count,
                             int64_t target);

struct EvalOptions {
  size_t first = 0;            ///< tokens that are skipped
  std::optional<size_t> limit; ///< of the tokens behind them
  /// How many of `tokens` tokens are evaluated.
  size_t count(size_t tokens) const {
    size_t rest = tokens - std::min(first, tokens);
    return std::min(limit.value_or(rest), rest);
  }
  /// Called now and then with the tokens done, if set.
  std::function<void(size_t done, size_t total)> progress;
  /// Called with the logits [vocab] of each token, if set.
  std::function<Status(const float *logits)> onLogits;
};

/// Errors count tokens from the first of `tokens`, skipped or not.
ErrorOr<EvalResult> evaluate(const LoadedModel &model, const TokenIds &tokens,
                             const EvalOptions &options);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_EVAL_H
