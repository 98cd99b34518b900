//===- WorkspaceLayout.cpp - where activations lie ------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WorkspaceLayout.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir::dejavu;

/// Alignment of everything in the workspace.
static constexpr int64_t kAlignment = 64;

int64_t WorkspaceLayout::allocate(int64_t bytes) {
  bytes = llvm::alignTo(bytes, kAlignment);
  int64_t at = 0;
  auto place = taken.begin();
  for (; place != taken.end() && place->first < at + bytes; ++place)
    at = place->second;
  taken.insert(place, {at, at + bytes});
  peak = std::max(peak, at + bytes);
  return at;
}
