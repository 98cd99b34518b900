//===- LaneEvaluation.h - evaluation of lanes -------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of a function between a value and its source, and what it does to
// lanes for given sizes. Internal to LaneProvenance.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_ANALYSIS_LANEEVALUATION_H
#define DEJAVU_LIB_ANALYSIS_LANEEVALUATION_H

#include "dejavu/Analysis/LaneProvenance.h"

namespace mlir::dejavu {

/// What computes a value from a source.
struct LaneSlice {
  Value value, source;
  SmallVector<int64_t> rowAxes;
  ArrayRef<Value> leaves;
  bool isArithmetic = false;

  /// Operands before users.
  SmallVector<Operation *> ops;
  /// Symbols of shapes and contents, in order.
  std::vector<std::string> symbols;
  /// What the result depends on, and whether that is all of it.
  std::string key;
  bool isShared = true;

  bool isLeaf(Value v) const {
    return v == source || llvm::is_contained(leaves, v);
  }

  /// Fills in the rest; returns why that is not possible.
  std::string collect(const SymbolicShapes &shapes);

  /// The value of `dim` in one of the two evaluations.
  std::optional<int64_t> getSize(unsigned witness, const DimExpr &dim) const;
};

/// A constant of floating-point numbers that stands in a formula.
bool isFactor(Value value);

/// Makes the table of `slice` for one of two sets of sizes; returns why there
/// is none.
std::string evaluateLanes(const SymbolicShapes &shapes, const LaneSlice &slice,
                          unsigned witness, LaneTable &table);

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_ANALYSIS_LANEEVALUATION_H
