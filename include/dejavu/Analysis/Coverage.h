//===- Coverage.h - what was raised and what was not ------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The coverage report of the raise phase, read off the IR behind it, whether
// it succeeded or not.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_ANALYSIS_COVERAGE_H
#define DEJAVU_ANALYSIS_COVERAGE_H

#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace mlir::dejavu {

struct RaiseCoverage {
  struct Layer {
    /// "raised", or why not; "none" if the layer has none.
    std::string attention, ffn;
  };
  /// The n-th attention and the n-th MLP of the model, in the order of data
  /// flow.
  std::vector<Layer> layers;
  /// Names of the ops that are left, each once, sorted.
  std::vector<std::string> rest;
};

RaiseCoverage computeRaiseCoverage(ModuleOp module);

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_COVERAGE_H
