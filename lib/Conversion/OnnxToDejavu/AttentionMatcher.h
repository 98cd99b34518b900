//===- AttentionMatcher.h - attention in onnx ops ---------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognises attention around its core, a Softmax between two products. Where
// queries, keys and values come from is expressed as a value with its
// dimensions in some order, which always exists; that they are the heads of an
// activation, or joined with a past, is asked later. What the masks mean is not
// the matcher's business.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_ATTENTIONMATCHER_H
#define DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_ATTENTIONMATCHER_H

#include "Lanes.h"
#include "MaskClassifier.h"

namespace mlir::dejavu {

/// A tensor [batch, heads, steps, features]: dimension i is dimension perm[i]
/// of `value`, which has rank 4.
struct Heads {
  Value value;
  SmallVector<int64_t, 4> perm;

  explicit operator bool() const { return static_cast<bool>(value); }
  /// True if the dimensions are in order.
  bool isInOrder() const;
  /// The dimensions in order; nothing if they are not known.
  std::optional<SymbolicShapes::Dims>
  getShape(const SymbolicShapes &shapes) const;
};

struct AttentionMatch {
  /// The Softmax.
  Operation *core = nullptr;
  Heads query, key, value;
  /// The result [batch, heads, steps, features].
  Value output;
  /// `Where(rowGuard, 0, output)`, if that is what is done to the result.
  Value rowGuard, guardedOutput;
  /// True if that has the dimensions [batch, queries, heads, features].
  bool isGuardSplit = false;
  /// What is done to the scores, innermost first.
  SmallVector<MaskTerm> terms;
  /// Scores are clamped to this from below, if there is a clamp.
  std::optional<double> clamp;
  /// True if NaN in the probabilities becomes zero.
  bool guardsNaN = false;
  double scale = 1, softcap = 0;
  int64_t heads = 0, kvHeads = 0, headDim = 0, valueDim = 0;
};

/// The softmaxes of `function` whose result is multiplied with something from
/// the left, in order: the cores of its attentions.
SmallVector<onnx::SoftmaxOp> findCores(func::FuncOp function);

/// Fills `match` for the attention around `core`. Returns why it is none, and
/// the empty string if it is.
std::string matchAttention(onnx::SoftmaxOp core, const SymbolicShapes &shapes,
                           AttentionMatch &match);

/// Keys or values: a past argument joined with new steps.
struct CacheMatch {
  BlockArgument past;
  onnx::ConcatOp present;
  Heads fresh;
};

/// Matches `heads` as Concat(past argument, new steps) along the steps. Returns
/// why it is none.
std::string matchCache(const Heads &heads, llvm::StringRef what,
                       CacheMatch &match);

/// The activation [batch, steps, heads * features] of `heads`: the one whose
/// heads were split off, lanes of the one that they were moved from, or else a
/// new Transpose and Reshape. With `scale`, constant factors are taken off and
/// multiplied to it.
Value mergeHeads(OpBuilder &builder, LaneBuilder &lanes, Location loc,
                 const Heads &heads, const SymbolicShapes &shapes,
                 double *scale = nullptr);

/// Replaces [batch, heads, steps, features], or [batch, steps, heads, features]
/// if `isSplit`, by an activation with its heads merged. Where that is what is
/// done to it, nothing is left to do.
void replaceWithMerged(OpBuilder &builder, Value output, Value activation,
                       int64_t heads, const SymbolicShapes &shapes,
                       bool isSplit = false);

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_ATTENTIONMATCHER_H
