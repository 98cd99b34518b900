//===- Counters.cpp - how many units generated code reads -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Counters.h"

#include <algorithm>

using namespace dejavu::rt;

void Counters::reset() {
  counterSums.assign(manifest.counters.size(), {});
  if (!hasStatistics)
    return;
  for (size_t i = 0; i < counterSums.size(); ++i) {
    const ManifestCounter &counter = manifest.counters[i];
    if (!counter.density)
      continue;
    if (counter.unit == Unit::Neuron)
      counterSums[i].histogram.assign(kDensityBins, 0);
    else
      counterSums[i].selected.assign(counter.units, 0);
  }
}

void Counters::keepStatistics() {
  hasStatistics = true;
  reset();
}

/// Whether they are ascending and in 0 .. units - 1.
static bool areUnits(const int32_t *indices, int32_t count, int64_t units) {
  int64_t last = -1;
  for (int32_t i = 0; i < count; ++i) {
    if (indices[i] <= last)
      return false;
    last = indices[i];
  }
  return last < units;
}

Status Counters::add(int64_t index, const int32_t *counts,
                     const int32_t *indices, int64_t rows) {
  long long number = index;
  if (index < 0 || index >= static_cast<int64_t>(counterSums.size()))
    return makeError("counter %lld is not in the manifest", number);
  if (rows < 0)
    return makeError("counter %lld: %lld rows", number,
                     static_cast<long long>(rows));
  int64_t units = manifest.counters[index].units;
  CounterSum &sum = counterSums[index];
  for (int64_t row = 0; row < rows; ++row) {
    if (counts[row] < 0 || counts[row] > units)
      return makeError("counter %lld: %d of %lld units", number, counts[row],
                       static_cast<long long>(units));
    sum.active += counts[row];
  }
  sum.rows += rows;
  if (!hasStatistics)
    return Status::success();

  if (!sum.histogram.empty())
    for (int64_t row = 0; row < rows; ++row)
      ++sum.histogram[std::min(counts[row] * kDensityBins / units,
                               kDensityBins - 1)];
  if (!indices)
    return Status::success();
  for (int64_t row = 0; row < rows; ++row) {
    const int32_t *chosen = indices + row * units;
    if (!areUnits(chosen, counts[row], units))
      return makeError("counter %lld: expected units of 0 .. %lld in ascending "
                       "order",
                       number, static_cast<long long>(units - 1));
    if (sum.selected.empty())
      continue;
    for (int32_t i = 0; i < counts[row]; ++i)
      ++sum.selected[chosen[i]];
    ++sum.listedRows;
  }
  return Status::success();
}
