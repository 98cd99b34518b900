//===- Traffic.h - what the counted active sets come to ---------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Densities and bytes per token from what `select` ops reported in a run,
// never from a formula.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_TRAFFIC_H
#define DEJAVU_LIB_RUNTIME_TRAFFIC_H

#include "Manifest.h"
#include "Session.h"

namespace dejavu::rt {

struct Traffic {
  /// The mean share of active neurons of each layer; 1 where all are read.
  std::vector<double> layerDensity;
  double bytesPerToken = 0.0;

  /// The mean over the layers from `first` on, or over all if there is no
  /// other.
  double meanDensity(size_t first) const;
};

/// `tokens` is the number of tokens that went through @decode, all rows
/// counted. Fails if a select did not report them all.
ErrorOr<Traffic> trafficOf(const Manifest &manifest, const ActiveCounts &counts,
                           uint64_t tokens);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_TRAFFIC_H
