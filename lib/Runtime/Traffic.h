//===- Traffic.h - what the counted active sets come to ---------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Densities and bytes per token from what generated code reported in a run,
// never from a formula.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_TRAFFIC_H
#define DEJAVU_LIB_RUNTIME_TRAFFIC_H

#include "Counters.h"

namespace dejavu::rt {

/// Where several counters count chosen units of one kind in a layer, shares are
/// of all their units, and each of them adds an entry for each token to the
/// histogram.
struct LayerTraffic {
  double mlpDensity = 1.0;  ///< mean share of the neurons that is read
  double headDensity = 1.0; ///< likewise of the key and value heads
  /// With statistics, and if neurons are chosen here: [kDensityBins], tokens of
  /// that density.
  std::vector<uint64_t> densityHistogram;
  /// With statistics, and if heads are chosen here: [kv_heads], share of the
  /// tokens that selected the head.
  std::vector<double> headUsage;
};

struct Traffic {
  std::vector<LayerTraffic> layers;
  double bytesPerToken = 0.0;
  /// What `bytesPerToken` is made of. Empty if the manifest has no parts.
  std::map<std::string, double> bytesByPart;

  /// The mean over the layers from `first` on, or over all if there is no
  /// other.
  double meanMlpDensity(size_t first) const;
  /// The mean over all layers.
  double meanHeadDensity() const;
};

/// `tokens` is the number of tokens that went through @decode, all rows
/// counted. Fails if a counter of a chosen set did not report them all.
ErrorOr<Traffic> trafficOf(const Manifest &manifest, const Counters &counters,
                           uint64_t tokens);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_TRAFFIC_H
