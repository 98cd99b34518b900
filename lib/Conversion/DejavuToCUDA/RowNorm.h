//===- RowNorm.h - the norm of a row that threads hold ----------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel that reads a row can normalize it on the way, in registers. The
// threads of a team have pieces of the row, f32 vectors of neighbours, in no
// particular order; the team sums over its threads in a fixed one.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_ROWNORM_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_ROWNORM_H

#include "DeviceKernels.h"

namespace mlir::dejavu::cuda {

/// The pieces of a row of f32 that one thread has: those of `width` elements
/// from `columns` on.
struct RowPieces {
  int64_t width;
  SmallVector<Value> columns;  ///< within the row: those past its end are not
  SmallVector<Value> isInside; ///< null where a piece is never past the end
  SmallVector<Value> values;   ///< zero past the end

  /// Piece i of thread t begins at `width * (t + i * threads)`.
  static RowPieces makeColumns(DeviceBuilder &b, int64_t size, int64_t width,
                               int64_t threads);
  /// Loads the values.
  void load(DeviceBuilder &b, Value row);
};

/// Adds an f32 over the threads of a team; all get the sum.
using TeamSum = llvm::function_ref<Value(Value)>;

/// What a norm multiplies and adds to the pieces of one thread.
struct NormWeights {
  Value scale, bias;                 ///< addresses, as a NormSpec says
  SmallVector<Value> scales, biases; ///< for each piece, once loaded

  /// Loads them if they are few; else `normalize` does where it needs them. The
  /// row need not be there yet: only columns count.
  void loadFew(DeviceBuilder &b, const RowPieces &pieces);
};

/// Normalizes a row of `spec.features`.
void normalize(DeviceBuilder &b, const NormSpec &spec, RowPieces &pieces,
               const NormWeights &weights, TeamSum sum);

} // namespace mlir::dejavu::cuda

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_ROWNORM_H
