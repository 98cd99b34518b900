//===- WorkspaceLayout.h - where activations lie ----------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_COMMON_WORKSPACELAYOUT_H
#define DEJAVU_LIB_CONVERSION_COMMON_WORKSPACELAYOUT_H

#include "llvm/ADT/STLExtras.h"

#include <cstdint>
#include <vector>

namespace mlir::dejavu {

/// Places in the workspace, in bytes for each row.
class WorkspaceLayout {
public:
  /// The lowest place of `bytes` that is free.
  int64_t allocate(int64_t bytes);
  void release(int64_t at) {
    llvm::erase_if(taken, [&](auto &range) { return range.first == at; });
  }
  int64_t getPeak() const { return peak; }

private:
  std::vector<std::pair<int64_t, int64_t>> taken; ///< [begin, end), ascending
  int64_t peak = 0;
};

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_CONVERSION_COMMON_WORKSPACELAYOUT_H
