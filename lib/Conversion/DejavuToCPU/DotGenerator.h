//===- DotGenerator.h - dot products with rows of weights -------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all kernels of the kind "rows of a weight times an input" are made of.
// The order of a sum depends on its length alone.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_DOTGENERATOR_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_DOTGENERATOR_H

#include "Kernels.h"

namespace mlir::dejavu::cpu {

/// Generates the dot products of one linear kernel.
struct DotGenerator {
  KernelBuilder &b;
  Value input, weight, bias, result;
  int64_t in;
  Epilogue epilogue;
  /// Rows that multiply the result, or null. May be the result's.
  Value factor;

  /// Accumulators of one dot product. It fixes the order of the sum.
  static constexpr int64_t kAccumulators = 2;

  /// Results [row, row + numRows) x [out, out + numOuts).
  void generate(Value out, int64_t numOuts, Value row, int64_t numRows);
  /// Results `outs` of one row, which need not be neighbours.
  void gather(ArrayRef<Value> outs, Value row);

  /// The sums for all pairs: those of a row are neighbours.
  SmallVector<Value> sum(ArrayRef<Value> outs, ArrayRef<Value> rows);

private:
  /// Adds lanes [column, column + active) to accumulator `which` of all dot
  /// products.
  void step(SmallVectorImpl<Value> &sums, ArrayRef<Value> outs,
            ArrayRef<Value> rows, Value column, int64_t active, int64_t which);
};

} // namespace mlir::dejavu::cpu

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_DOTGENERATOR_H
