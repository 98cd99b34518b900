//===- Traffic.cpp - what the counted active sets come to -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Traffic.h"

using namespace dejavu::rt;

double Traffic::meanDensity(size_t first) const {
  if (layerDensity.size() <= first)
    first = 0;
  double sum = 0.0;
  for (size_t i = first; i < layerDensity.size(); ++i)
    sum += layerDensity[i];
  return layerDensity.empty() ? 1.0 : sum / (layerDensity.size() - first);
}

ErrorOr<Traffic> dejavu::rt::trafficOf(const Manifest &manifest,
                                       const ActiveCounts &counts,
                                       uint64_t tokens) {
  size_t numLayers = manifest.layers.size();
  std::vector<double> active(numLayers, 0.0), neurons(numLayers, 0.0);
  double bytes = 0.0;
  for (size_t i = 0; i < manifest.selects.size(); ++i) {
    const ManifestSelect &select = manifest.selects[i];
    const ActiveCounts::Select &count = counts.selects[i];
    if (count.rows != tokens)
      return makeError("select %zu reported %llu of %llu tokens", i,
                       static_cast<unsigned long long>(count.rows),
                       static_cast<unsigned long long>(tokens));
    active[select.layer] += count.active;
    neurons[select.layer] += static_cast<double>(select.neurons) * tokens;
    bytes += static_cast<double>(count.active) * select.bytesPerNeuron;
  }
  Traffic traffic;
  for (size_t layer = 0; layer < numLayers; ++layer)
    traffic.layerDensity.push_back(
        neurons[layer] > 0.0 ? active[layer] / neurons[layer] : 1.0);
  traffic.bytesPerToken = manifest.alwaysBytes + bytes / tokens;
  return traffic;
}
