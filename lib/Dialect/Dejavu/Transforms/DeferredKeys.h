//===- DeferredKeys.h - which keys and values may be deferred ---*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_DIALECT_DEJAVU_TRANSFORMS_DEFERREDKEYS_H
#define DEJAVU_LIB_DIALECT_DEJAVU_TRANSFORMS_DEFERREDKEYS_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"

#include <string>

namespace mlir::dejavu {

/// What appends the keys and values that an attention reads: two linear layers
/// of one input, and perhaps a rotation of the keys.
struct DeferredKeys {
  KVAppendOp append;
  RopeOp rope; ///< null without one
  LinearOp key, value;

  /// Fills the fields from the cache that an attention reads; says why it can't
  /// be deferred, or returns an empty text.
  std::string match(Value cache);
};

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_DIALECT_DEJAVU_TRANSFORMS_DEFERREDKEYS_H
