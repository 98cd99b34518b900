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

#include "mlir/IR/BuiltinAttributes.h"

#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
namespace func {
class FuncOp;
} // namespace func
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

/// Attribute of a dense function: the onnx ops that it was made of, as
/// describeLeftovers has it.
inline constexpr llvm::StringLiteral kLeftoversAttrName = "dejavu.leftovers";

/// The onnx ops of `function`: a dictionary for each kind, with its name `op`,
/// and for each op that was not raised for a `reason`.
ArrayAttr describeLeftovers(func::FuncOp function);

RaiseCoverage computeRaiseCoverage(ModuleOp module);

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_COVERAGE_H
