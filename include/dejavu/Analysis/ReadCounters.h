//===- ReadCounters.h - what a program counts of its reads ------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a token reads depends on active sets, so generated code reports how many
// units of each were read. Code generation and the manifest need the same
// numbers for the same counters: they take them from here.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_ANALYSIS_READCOUNTERS_H
#define DEJAVU_ANALYSIS_READCOUNTERS_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"

#include <optional>
#include <vector>

namespace mlir::func {
class FuncOp;
} // namespace mlir::func

namespace mlir::dejavu {

/// One counter. Its number is its place in the list.
struct ReadCounter {
  /// The `select` whose set is counted; the `sparse_ffn` whose neurons turned
  /// out not to be zero; the `kv_append_deferred` whose heads were computed.
  Operation *op;
  int64_t layer;
  Unit unit;
  int64_t units;
  int64_t bytesPerUnit; ///< of weights that are read for a unit
  /// Whether it is the set that was chosen for the block: the others count
  /// bytes alone.
  bool isDensity;
  /// The share of the units that calibration found to be read; nothing if it
  /// does not say.
  std::optional<double> expectedShare;
};

/// The counters of an entry point, in program order.
std::vector<ReadCounter> findReadCounters(func::FuncOp function);

/// Whether an op ends an MLP: `ffn`, `sparse_ffn`, or a `sparse_linear` over
/// neurons.
bool isMLP(Operation *op);

/// Whether an op is the attention of a layer, over a cache.
inline bool isAttention(Operation *op) {
  return llvm::isa<AttentionOp, SparseAttentionOp>(op);
}

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_READCOUNTERS_H
