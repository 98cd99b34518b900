//===- Traffic.cpp - what the counted active sets come to -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Traffic.h"

#include <algorithm>

using namespace dejavu::rt;

static double mean(const std::vector<LayerTraffic> &layers, size_t first,
                   double LayerTraffic::*density) {
  if (layers.size() <= first)
    first = 0;
  double sum = 0.0;
  for (size_t i = first; i < layers.size(); ++i)
    sum += layers[i].*density;
  return layers.empty() ? 1.0 : sum / (layers.size() - first);
}

double Traffic::meanMlpDensity(size_t first) const {
  return mean(layers, first, &LayerTraffic::mlpDensity);
}

double Traffic::meanHeadDensity() const {
  return mean(layers, /*first=*/0, &LayerTraffic::headDensity);
}

namespace {
/// Sums over the counters of chosen sets of one layer.
struct LayerSums {
  struct Share {
    double active = 0.0, units = 0.0;
    double orElse(double otherwise) const {
      return units > 0.0 ? active / units : otherwise;
    }
  };
  Share neurons, heads;
  std::vector<uint64_t> histogram;
  std::vector<uint64_t> selected;
  uint64_t listedRows = 0;
};
} // namespace

static void accumulate(std::vector<uint64_t> &sums,
                       const std::vector<uint64_t> &terms) {
  sums.resize(std::max(sums.size(), terms.size()));
  for (size_t i = 0; i < terms.size(); ++i)
    sums[i] += terms[i];
}

ErrorOr<Traffic> dejavu::rt::trafficOf(const Manifest &manifest,
                                       const Counters &counters,
                                       uint64_t tokens) {
  Traffic traffic;
  if (manifest.alwaysParts)
    for (const auto &[part, bytes] : *manifest.alwaysParts)
      traffic.bytesByPart[part] = bytes;
  traffic.bytesPerToken = manifest.alwaysBytes;

  std::vector<LayerSums> sums(manifest.layers.size());
  for (size_t i = 0; i < manifest.counters.size(); ++i) {
    const ManifestCounter &counter = manifest.counters[i];
    const CounterSum &count = counters.sums()[i];
    bool isNeuron = counter.unit == Unit::Neuron;
    double bytes =
        static_cast<double>(count.active) * counter.bytesPerUnit / tokens;
    traffic.bytesPerToken += bytes;
    if (manifest.alwaysParts)
      traffic.bytesByPart[isNeuron ? "mlp" : "attention"] += bytes;
    // The others are not called at every token.
    if (!counter.density)
      continue;
    if (count.rows != tokens)
      return makeError("counter %zu reported %llu of %llu tokens", i,
                       static_cast<unsigned long long>(count.rows),
                       static_cast<unsigned long long>(tokens));
    LayerSums &sum = sums[counter.layer];
    LayerSums::Share &share = isNeuron ? sum.neurons : sum.heads;
    share.active += count.active;
    share.units += static_cast<double>(counter.units) * tokens;
    accumulate(sum.histogram, count.histogram);
    accumulate(sum.selected, count.selected);
    sum.listedRows += count.listedRows;
  }

  for (LayerSums &sum : sums) {
    LayerTraffic layer;
    layer.mlpDensity = sum.neurons.orElse(1.0);
    layer.headDensity = sum.heads.orElse(1.0);
    layer.densityHistogram = std::move(sum.histogram);
    if (sum.listedRows > 0)
      for (uint64_t rows : sum.selected)
        layer.headUsage.push_back(static_cast<double>(rows) / sum.listedRows);
    traffic.layers.push_back(std::move(layer));
  }
  return traffic;
}
