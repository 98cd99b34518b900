//===- Gather.h - rows of a weight, several at a time -----------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is not read one row behind the other is read four rows at a time: that
// keeps about as many misses in flight as a core can have, and the hardware
// follows each row once it has seen its first lines. Of the next four rows
// these are prefetched while four are read: a fifth more from memory for sets
// of 5 to 10 %. Fetching more of a row ahead, or taking eight, makes it slower.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_GATHER_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_GATHER_H

#include "KernelBuilder.h"

namespace mlir::dejavu::cpu {

/// Whether rows of this type of weight are so short that a core has several of
/// them on the way by itself. Prefetching is a waste then.
bool hasShortRows(MemRefType weight);

/// Prefetches the first lines of row `row` of a weight from `column` on, unless
/// rows are short.
void prefetchRow(KernelBuilder &b, Value weight, Value row, Value column);

/// Sets columns [from, to) of `row` to 0.
void clearColumns(KernelBuilder &b, Value memref, Value row, Value from,
                  Value to);

/// Calls `body` with `size` numbers of [first, last) at a time, then with the
/// rest, one by one.
void forGroups(KernelBuilder &b, Value first, Value last, int64_t size,
               llvm::function_ref<void(ArrayRef<Value>)> body);

/// The active set of a row: its first `count` indices, which ascend.
struct ActiveRow {
  KernelBuilder &b;
  Value indices; ///< memref<? x extent x i32>
  Value counts;  ///< memref<? x i32>
  Value row;

  Value getCount();
  /// The unit at `place` of the set.
  Value getIndex(Value place);
  /// The part [first, last) of the places that a thread takes, in groups of
  /// `size`.
  std::pair<Value, Value> getShare(const Team &team, int64_t size);
  /// The units between which only those at places [first, last), a thread's
  /// share, are active: those of all threads are the `extent` units.
  std::pair<Value, Value> getUnits(Value first, Value last, const Team &team,
                                   int64_t extent);
  /// Calls `body` with the units at places [first, last), `size` at a time, and
  /// with the units after those, to be prefetched. What is left comes one by
  /// one, with none.
  void
  forGroups(Value first, Value last, int64_t size,
            llvm::function_ref<void(ArrayRef<Value>, ArrayRef<Value>)> body);
};

} // namespace mlir::dejavu::cpu

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_GATHER_H
