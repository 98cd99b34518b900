//===- Sampler.cpp - from logits to the next id ---------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sampler.h"

#include "dejavu-rt/sampling.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>
#include <tuple>

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

//===----------------------------------------------------------------------===//
// Arithmetic, which the kernel has, too
//===----------------------------------------------------------------------===//

double SamplingOptions::scale() const {
  if (isGreedy())
    return 0.0;
  static constexpr double kLog2E = 1.4426950408889634;
  // Neither 0, which is greedy, nor infinite, which times 0 is no number.
  return std::clamp(kLog2E * (1 << DEJAVU_SAMPLING_FRACTION_BITS) / temperature,
                    DBL_MIN, DBL_MAX);
}

uint32_t dejavu::rt::sampleKey(float largest, float logit, double scale) {
  double key = static_cast<double>(largest - logit) * scale;
  return key < DEJAVU_SAMPLING_KEYS ? static_cast<uint32_t>(key) : UINT32_MAX;
}

uint64_t dejavu::rt::sampleWeight(uint32_t key) {
  static constexpr uint32_t kPolynomial[] = DEJAVU_SAMPLING_POLYNOMIAL;
  if (key >= DEJAVU_SAMPLING_KEYS)
    return 0;
  uint64_t fraction = key << (32 - DEJAVU_SAMPLING_FRACTION_BITS);
  uint64_t power = kPolynomial[std::size(kPolynomial) - 1];
  for (size_t i = std::size(kPolynomial) - 1; i-- > 0;)
    power = kPolynomial[i] - (fraction * power >> 32);
  return power << (DEJAVU_SAMPLING_OCTAVES - 31) >>
         (key >> DEJAVU_SAMPLING_FRACTION_BITS);
}

uint64_t dejavu::rt::drawNumber(uint64_t seed, uint64_t count) {
  uint64_t z = seed + (count + 1) * DEJAVU_SAMPLING_STEP;
  z = (z ^ (z >> 30)) * DEJAVU_SAMPLING_MIX_1;
  z = (z ^ (z >> 27)) * DEJAVU_SAMPLING_MIX_2;
  return z ^ (z >> 31);
}

//===----------------------------------------------------------------------===//
// Sampler
//===----------------------------------------------------------------------===//

Sampler::Sampler(const SamplingOptions &options, int64_t rows)
    : options(options), drawn(rows, 0) {}

std::pair<int64_t, uint64_t> Sampler::findLast(uint64_t needed) {
  // A heap gives the most probable ids one after the other: a few of many.
  auto less = [&](int64_t a, int64_t b) {
    return keys[a] != keys[b] ? keys[a] > keys[b] : a > b;
  };
  order.resize(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::make_heap(order.begin(), order.end(), less);
  uint64_t kept = 0;
  auto end = order.end();
  do {
    std::pop_heap(order.begin(), end, less);
    kept += sampleWeight(keys[*--end]);
  } while (kept < needed);
  return {*end, kept};
}

ErrorOr<int64_t> Sampler::pick(int64_t row, const float *logits,
                               int64_t count) {
  ErrorOr<int64_t> best = argmax(logits, count);
  if (best.failed() || options.isGreedy())
    return best;
  float largest = logits[*best];
  if (std::isinf(largest))
    return makeError("the logit of id %lld is infinite",
                     static_cast<long long>(*best));
  if (count > DEJAVU_SAMPLING_MAX_VOCABULARY)
    return makeError("a vocabulary of %lld is too large to sample from",
                     static_cast<long long>(count));

  double scale = options.scale();
  keys.resize(count);
  uint64_t kept = 0;
  for (int64_t i = 0; i < count; ++i) {
    keys[i] = sampleKey(largest, logits[i], scale);
    kept += sampleWeight(keys[i]);
  }
  int64_t last = count - 1;
  uint32_t lastKey = UINT32_MAX;
  if (options.topP < 1.0) {
    // At least 1, as the largest logit has more than that.
    auto needed =
        static_cast<uint64_t>(options.topP * static_cast<double>(kept));
    std::tie(last, kept) = findLast(std::clamp<uint64_t>(needed, 1, kept));
    lastKey = keys[last];
  }

  // The upper half of the product: that part of the sum.
  unsigned __int128 product = drawNumber(options.seed, drawn[row]++);
  auto target = static_cast<uint64_t>(product * kept >> 64);
  uint64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (keys[i] > lastKey || (keys[i] == lastKey && i > last))
      continue;
    sum += sampleWeight(keys[i]);
    if (sum > target)
      return i;
  }
  return best;
}
