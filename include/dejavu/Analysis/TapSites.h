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

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_TAPSITES_H
