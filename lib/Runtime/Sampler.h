//===- Sampler.h - from logits to the next id -------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Greedy: the largest logit, the lowest id among equals.
//
// Otherwise: softmax of logits / temperature in double precision; with
// top-p < 1 only the most probable ids (lowest id first among equals) whose
// sum first reaches p; then one draw u in [0, 1) and the first id, in the
// order of ids (of probability with top-p), whose running sum exceeds u times
// the total. u is the upper 53 bits of one output of std::mt19937_64, whose
// sequence the C++ standard fixes. Every row has a generator of its own, all
// seeded alike: a row of a batch gets the ids that it gets alone.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_SAMPLER_H
#define DEJAVU_LIB_RUNTIME_SAMPLER_H

#include "Status.h"

#include <cstdint>
#include <random>
#include <vector>

namespace dejavu::rt {

struct SamplingOptions {
  bool greedy = true;
  double temperature = 1.0; ///< 0 is greedy, too
  double topP = 1.0;
  uint64_t seed = 0;

  bool isGreedy() const { return greedy || temperature == 0.0; }
};

/// The largest of `count` logits, the lowest index among equals. An error if
/// one of them is NaN.
ErrorOr<int64_t> argmax(const float *logits, int64_t count);

class Sampler {
public:
  Sampler(const SamplingOptions &options, int64_t rows);

  /// The next id of a row.
  ErrorOr<int64_t> pick(int64_t row, const float *logits, int64_t count);

private:
  SamplingOptions options;
  std::vector<std::mt19937_64> generators;
  std::vector<double> weights;
  std::vector<int64_t> order;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_SAMPLER_H
