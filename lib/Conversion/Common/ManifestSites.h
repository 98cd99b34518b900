//===- ManifestSites.h - what can be watched, for the manifest --*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_COMMON_MANIFESTSITES_H
#define DEJAVU_LIB_CONVERSION_COMMON_MANIFESTSITES_H

#include "dejavu/Analysis/TapSites.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace mlir::dejavu {

/// What can be watched in an entry point.
struct EntrySites {
  std::vector<TapSite> values;    ///< null where the entry point has none
  std::vector<HiddenSite> hidden; ///< hidden layers of its MLPs
};

/// Adds what docs/Predictors.md says of a decoder's manifest: `taps`,
/// `hidden_taps`, `look_ahead`, and of each layer `weights` and `predictors`.
void addSitesToManifest(NamedAttrList &manifest, func::FuncOp prefill,
                        func::FuncOp decode, const EntrySites &prefillSites,
                        const EntrySites &decodeSites);

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_CONVERSION_COMMON_MANIFESTSITES_H
