//===- MaskClassifier.h - what a mask means ---------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters spell masks in many ways, so the spelling is not matched: the part
// of the graph that computes the mask is evaluated by the reference interpreter
// on witnesses, and compared with "causal, and not padding":
//
//   visible(b, q, k) = k <= past + q and attention_mask[b, k]
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

namespace mlir::dejavu {

class MaskClassifier {
public:
  struct Result {
    /// Why the mask is not causal and padding; empty if it is.
    std::string reason;
    /// For a mask of floats what hides a key.
    double hidden = 0;
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

  /// Classifies a mask of bools (true: visible) or floats (0: visible) that
  /// broadcasts to [batch, heads, queries, keys]. Each value is evaluated once.
  const Result &classify(Value mask);

private:
  struct Slice;
  struct Witness;

  Result evaluate(Value mask);
  std::string collectSlice(Value mask, Slice &slice);
  std::string evaluateOn(Value value, const Slice &slice,
                         const Witness &witness, reference::Tensor &result);
  std::string checkWitness(Value mask, const Slice &slice,
                           const Witness &witness,
                           std::optional<double> &hidden);

  func::FuncOp function;
  const SymbolicShapes &shapes;
  llvm::DenseMap<Value, Result> results;
};

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_MASKCLASSIFIER_H
