//===- Counters.h - how many units generated code reads ---------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums up what generated code reports with dejavu_rt_count_active, counter by
// counter. Statistics, which take longer, are for those who ask for them: the
// density of each token, and which units were selected.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_COUNTERS_H
#define DEJAVU_LIB_RUNTIME_COUNTERS_H

#include "Manifest.h"

#include <cstdint>
#include <vector>

namespace dejavu::rt {

/// Equal parts of [0, 1] in which histograms count densities. A bin has its
/// lower bound and not its upper, but for the last, which has both.
inline constexpr int64_t kDensityBins = 50;

/// What one counter has reported.
struct CounterSum {
  uint64_t active = 0; ///< units, over all rows
  uint64_t rows = 0;
  /// Statistics; empty if none are kept.
  std::vector<uint64_t> histogram; ///< [kDensityBins], rows of that density
  std::vector<uint64_t> selected;  ///< [units], rows that selected the unit
  uint64_t listedRows = 0;         ///< rows that `selected` is of
};

class Counters {
public:
  /// The manifest must outlive this object.
  explicit Counters(const Manifest &manifest) : manifest(manifest) { reset(); }

  /// Sets all sums to zero.
  void reset();

  /// Has statistics from now on: the densities of what counts chosen neurons,
  /// the units of what counts chosen key and value heads. Resets.
  void keepStatistics();

  /// `counts` is [rows], `indices`, which may be null, [rows, units]. Fails if
  /// a count is out of range; if there are statistics, too, if units are out
  /// of range or not in ascending order.
  Status add(int64_t counter, const int32_t *counts, const int32_t *indices,
             int64_t rows);

  /// In the order of the manifest.
  const std::vector<CounterSum> &sums() const { return counterSums; }

private:
  const Manifest &manifest;
  bool hasStatistics = false;
  std::vector<CounterSum> counterSums;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_COUNTERS_H
