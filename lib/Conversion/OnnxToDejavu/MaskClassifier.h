//===- MaskClassifier.h - what a mask means ---------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters spell masks in many ways, so the spelling is not matched: the parts
// of the graph that compute what is done to the scores are evaluated by the
// reference interpreter on witnesses, and compared with "causal, not padding,
// and in the window":
//
//   visible(b, q, k) = k <= past + q and attention_mask[b, k]
//                      and past + q - k < window
//   added(b, h, q, k) = slope[h] * k + whatever(b, h, q)    where visible
//
// Witnesses are batches of several sizes with several lengths of past and new
// steps, and attention masks of ones, of left padding, and of no pattern, so
// that it is seen which element of the attention mask an element comes from.
// Lengths go beyond every integer constant in that part of the graph: a window
// of 8 steps looks causal up to a length of 8.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_MASKCLASSIFIER_H
#define DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_MASKCLASSIFIER_H

#include "Utils.h"

#include "dejavu/Analysis/SymbolicShapes.h"
#include "dejavu/Reference/Tensor.h"

#include <map>

namespace mlir::dejavu {

/// One thing that is done to the scores between the product and the softmax.
struct MaskTerm {
  enum class Kind {
    /// `scores + factor * value`.
    Added,
    /// `value ? scores : number`.
    Keeps,
    /// `value ? number : scores`.
    Hides,
  };
  Kind kind = Kind::Added;
  Value value;
  double factor = 1;
  double number = 0;
  /// True if `value` has batch and heads in one dimension.
  bool isFolded = false;
};

class MaskClassifier {
public:
  /// What the terms of an attention mean together.
  struct Result {
    /// Why they are no mask of a decoder; empty if they are one.
    std::string reason;
    /// What hides the keys of a query that sees none: 0 if no witness has one.
    double hidden = 0;
    /// True if that is several numbers, or one beside which scores count.
    bool isMixed = false;
    /// Keys that a query sees at most; 0 if there is no limit.
    int64_t window = 0;
    /// A slope for each head, if there is a bias that grows with the key.
    SmallVector<float> slopes;
  };

  MaskClassifier(func::FuncOp function, const SymbolicShapes &shapes)
      : function(function), shapes(shapes) {}

  struct Positions {
    /// Why the value is no position; empty if it is one.
    std::string reason;
    /// What is added to the position.
    int64_t offset = 0;
  };

  /// Classifies integers [batch, tokens] that are computed from the attention
  /// mask: are they the number of steps since the row's padding, plus a
  /// constant? What they are for padding itself does not count.
  Positions classifyPositions(Value value);

  /// Classifies the terms between product and softmax, innermost first, of an
  /// attention with `heads` heads. Equal terms are evaluated once.
  const Result &classify(ArrayRef<MaskTerm> terms, int64_t heads);

  /// Whether `guard`, which broadcasts to [batch, heads, queries, 1], or to
  /// [batch, queries, heads, 1] if `isSplit`, is true for the queries that see
  /// no key of a mask with this meaning, and for no others. Returns why not.
  std::string checkRowGuard(Value guard, bool isSplit, const Result &mask);

private:
  struct Slice;
  struct Witness;
  struct Scores;

  Result evaluate(ArrayRef<MaskTerm> terms, int64_t heads);
  void evaluate(ArrayRef<MaskTerm> terms, int64_t heads, Slice &slice,
                Result &result);
  std::string collectSlice(ArrayRef<Value> roots, Slice &slice);
  std::string evaluateOn(Value value, const Slice &slice,
                         const Witness &witness, reference::Tensor &result);
  std::string applyTerms(ArrayRef<MaskTerm> terms, int64_t heads, Slice &slice,
                         const Witness &witness, Scores &scores);
  std::string checkWitness(const Witness &witness, const Scores &scores,
                           Result &result);
  static void checkEmptyRow(ArrayRef<float> row, bool areReplaced,
                            Result &result);
  static bool checkBias(ArrayRef<float> row, int64_t head, int64_t heads,
                        Result &result);
  bool hasAttentionMask();

  func::FuncOp function;
  const SymbolicShapes &shapes;
  std::map<std::vector<uint64_t>, Result> results;
};

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_MASKCLASSIFIER_H
