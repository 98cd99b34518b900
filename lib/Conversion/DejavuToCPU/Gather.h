//===- Gather.h - rows of a weight, several at a time -----------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is not read one row behind the other is read several rows at a time:
// that keeps as many misses in flight as a core can have, and the hardware
// follows each row by itself. Prefetching the next rows in software has been
// measured on top of that, and brings nothing.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_GATHER_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_GATHER_H

#include "KernelBuilder.h"

namespace mlir::dejavu::cpu {

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
  /// Calls `body` with the units at places [first, last), `size` at a time.
  void forGroups(Value first, Value last, int64_t size,
                 llvm::function_ref<void(ArrayRef<Value>)> body);
};

} // namespace mlir::dejavu::cpu

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_GATHER_H
