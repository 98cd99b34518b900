//===- TapSites.h - where values of a program can be watched ----*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `dejavu diff` compares two programs value by value, and a kernel test
// compares a program with the reference interpreter. Both need the same number
// for the same value, whatever was made sparse. The rules are in
// docs/Internals.md, section 3.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_ANALYSIS_TAPSITES_H
#define DEJAVU_ANALYSIS_TAPSITES_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"

#include <string>
#include <vector>

namespace mlir::func {
class FuncOp;
} // namespace mlir::func

namespace mlir::dejavu {

/// One value that can be watched. Its number is its place in the list.
struct TapSite {
  Value value;      ///< the activation
  int64_t layer;    ///< index of the decoder layer it belongs to
  std::string op;   ///< mnemonic; `ffn` for what replaces one
  std::string name; ///< of the ONNX node, from the location; may be empty
  int64_t width;    ///< features
};

/// The sites of an entry point, in program order.
std::vector<TapSite> findTapSites(func::FuncOp function);

/// The sites of `function` under the numbers that they have in `reference`,
/// which is the same program before some of its values were left out: those
/// have a null value. Emits an error and fails if it has a site that the
/// reference has not.
FailureOr<std::vector<TapSite>> matchTapSites(func::FuncOp function,
                                              ArrayRef<TapSite> reference);

/// The hidden layer of an MLP, which calibration watches in `@prefill`. The
/// numbers follow those of the tap sites.
struct HiddenSite {
  FFNOp ffn;
  int64_t layer = 0, width = 0;
  int64_t hidden = -1; ///< what the down projection multiplies
  int64_t gate = -1;   ///< the activated gate; -1 if there is none
};

/// The hidden sites of an entry point; `first` is the first number.
std::vector<HiddenSite> findHiddenSites(func::FuncOp function, int64_t first);

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_TAPSITES_H
