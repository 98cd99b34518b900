//===- Bench.h - how fast the model decodes ---------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prefill of a prompt, then greedy decode steps, several times over; the
// median of the repeats counts. Bytes come from the active sets of the timed
// steps, the bandwidth they are held against from the same process. On a GPU
// the timed steps count nothing: one more round, of the same steps, does; and
// the bandwidth is what its memory can deliver by clock and width.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_BENCH_H
#define DEJAVU_LIB_RUNTIME_BENCH_H

#include "Generate.h"
#include "Traffic.h"

#include <string>

namespace dejavu::rt {

struct BenchOptions {
  TokenIds prompt;
  int64_t newTokens = 64;
  int64_t repeats = 5;
};

struct BenchResult {
  int64_t promptLength = 0;
  int64_t newTokens = 0;
  int64_t repeats = 0;
  int64_t threads = 0;
  std::string gpu;              ///< its name; empty on the CPU
  double prefillSeconds = 0.0;  ///< median
  double secondsPerToken = 0.0; ///< median
  Traffic traffic;
  double bytesPerSecond = 0.0; ///< that memory can deliver

  double bandwidthShare() const {
    // A GPU may not tell.
    return bytesPerSecond > 0
               ? traffic.bytesPerToken / secondsPerToken / bytesPerSecond
               : 0.0;
  }
  std::string text(const Manifest &manifest) const;
  std::string json(const Manifest &manifest) const;
};

/// Ids that look random and are the same every time.
TokenIds syntheticPrompt(int64_t length, int64_t vocab);

ErrorOr<BenchResult> bench(const LoadedModel &model,
                           const BenchOptions &options);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_BENCH_H
