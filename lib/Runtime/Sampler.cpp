//===- Sampler.cpp - from logits to the next id ---------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace dejavu::rt;

ErrorOr<int64_t> dejavu::rt::argmax(const float *logits, int64_t count) {
  // Blocks whose maximum the compiler can vectorise; only a block that beats
  // the best so far is searched for where.
  static constexpr int64_t kBlock = 256;
  int64_t best = 0;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    int64_t end = std::min(begin + kBlock, count);
    float largest = logits[best];
    int better = 0, notNumbers = 0;
    for (int64_t i = begin; i < end; ++i) {
      better |= logits[i] > largest;
      notNumbers |= std::isnan(logits[i]);
    }
    if (!better && !notNumbers)
      continue;
    for (int64_t i = begin; i < end; ++i) {
      if (std::isnan(logits[i]))
        return makeError("the logit of id %lld is NaN",
                         static_cast<long long>(i));
      if (logits[i] > logits[best])
        best = i;
    }
  }
  return best;
}

Sampler::Sampler(const SamplingOptions &options, int64_t rows)
    : options(options) {
  for (int64_t row = 0; row < rows; ++row)
    generators.emplace_back(options.seed);
}

ErrorOr<int64_t> Sampler::pick(int64_t row, const float *logits,
                               int64_t count) {
  ErrorOr<int64_t> best = argmax(logits, count);
  if (best.failed() || options.greedy || options.temperature == 0.0)
    return best;
  double max = logits[*best];
  if (std::isinf(max))
    return makeError("the logit of id %lld is infinite",
                     static_cast<long long>(*best));

  weights.resize(count);
  double total = 0.0;
  for (int64_t i = 0; i < count; ++i) {
    weights[i] = std::exp((logits[i] - max) / options.temperature);
    total += weights[i];
  }
  double u = static_cast<double>(generators[row]() >> 11) * 0x1p-53;

  if (options.topP >= 1.0) {
    double sum = 0.0, target = u * total;
    for (int64_t i = 0; i < count; ++i) {
      sum += weights[i];
      if (sum > target)
        return i;
    }
    return best;
  }

  // A heap gives the most probable ids one after the other: a few of many.
  auto less = [&](int64_t a, int64_t b) {
    return weights[a] != weights[b] ? weights[a] < weights[b] : a > b;
  };
  order.resize(count);
  std::iota(order.begin(), order.end(), 0);
  std::make_heap(order.begin(), order.end(), less);
  double kept = 0.0;
  auto end = order.end();
  do {
    std::pop_heap(order.begin(), end, less);
    kept += weights[*--end];
  } while (kept < options.topP * total && end != order.begin());

  double sum = 0.0, target = u * kept;
  for (auto at = order.end(); at != end;) {
    sum += weights[*--at];
    if (sum > target)
      return *at;
  }
  return best;
}
