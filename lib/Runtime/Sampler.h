//===- Sampler.h - from logits to the next id -------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Greedy: the largest logit, the lowest id among equals.
//
// Otherwise: softmax of logits / temperature; with top-p < 1 only the most
// probable ids (lowest id first among equals) whose sum first reaches p; then
// one random number and the first id, in the order of ids, whose running sum
// exceeds that part of the total. Every row draws numbers of its own, all
// seeded alike: a row of a batch gets the ids that it gets alone.
//
// Probabilities are whole numbers, with 2^40 for the largest logit, and the
// random numbers are a function of seed and count: a GPU that does the same
// (dejavu-rt/sampling.h) comes to the same id, in whatever order it adds.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_SAMPLER_H
#define DEJAVU_LIB_RUNTIME_SAMPLER_H

#include "Status.h"

#include <cstdint>
#include <vector>

namespace dejavu::rt {

struct SamplingOptions {
  bool greedy = true;
  double temperature = 1.0; ///< 0 is greedy, too
  double topP = 1.0;
  uint64_t seed = 0;

  bool isGreedy() const { return greedy || temperature == 0.0; }
  /// Of keys; 0 if greedy.
  double scale() const;
};

/// How far a logit is below the largest, in parts of an octave of probability;
/// UINT32_MAX if its weight is 0.
uint32_t sampleKey(float largest, float logit, double scale);
/// What the probability of an id with that key is proportional to.
uint64_t sampleWeight(uint32_t key);
/// Random number `count` of a seed.
uint64_t drawNumber(uint64_t seed, uint64_t count);

/// The largest of `count` logits, the lowest index among equals. An error if
/// one of them is NaN.
ErrorOr<int64_t> argmax(const float *logits, int64_t count);

class Sampler {
public:
  Sampler(const SamplingOptions &options, int64_t rows);

  /// The next id of a row.
  ErrorOr<int64_t> pick(int64_t row, const float *logits, int64_t count);

private:
  /// Where the likeliest ids end that reach `needed` together: the last of
  /// them, and their sum.
  std::pair<int64_t, uint64_t> findLast(uint64_t needed);

  SamplingOptions options;
  std::vector<uint64_t> drawn; ///< random numbers of each row so far
  std::vector<uint32_t> keys;
  std::vector<int64_t> order;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_SAMPLER_H
