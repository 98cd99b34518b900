//===- AttentionMatcher.h - attention in onnx ops ---------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognises attention over past and new steps around its core, a Softmax or
// an onnx.Attention. What the mask means is not its business.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_ATTENTIONMATCHER_H
#define DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_ATTENTIONMATCHER_H

#include "Utils.h"

#include "dejavu/Analysis/SymbolicShapes.h"

namespace mlir::dejavu {

/// How a mask takes keys away.
enum class MaskKind {
  /// Added to the scores.
  Added,
  /// False puts a number in the place of the score.
  Replaces,
  /// The operand of onnx.Attention, bool or added.
  OfOperator,
};

/// Keys or values: an argument joined with new steps.
struct CacheMatch {
  BlockArgument past;
  onnx::ConcatOp present;
  /// The new steps as an activation [batch, tokens, heads * headDim].
  Value fresh;
};

struct AttentionMatch {
  /// The Softmax or onnx.Attention.
  Operation *core = nullptr;
  /// Activations [batch, tokens, heads * headDim].
  Value query, output;
  CacheMatch key, value;
  Value mask;
  MaskKind maskKind = MaskKind::Added;
  /// For MaskKind::Replaces the number.
  double replacement = 0;
  /// True if NaN in the probabilities becomes zero.
  bool guardsNaN = false;
  double scale = 1;
  int64_t heads = 0, headDim = 0;
};

/// Fills `match` for the attention around `core`. Returns why it is none, and
/// the empty string if it is.
std::string matchAttention(Operation *core, const SymbolicShapes &shapes,
                           AttentionMatch &match);

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_ATTENTIONMATCHER_H
