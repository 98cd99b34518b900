//===- ActivationMatcher.h - activations by their values --------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An activation function is spelled in too many ways to list them. What stands
// between the projections of an MLP is evaluated on numbers instead, in double
// precision, and compared with the functions that are known.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_ACTIVATIONMATCHER_H
#define DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_ACTIVATIONMATCHER_H

#include "Utils.h"

#include "llvm/ADT/SetVector.h"

namespace mlir::dejavu {

/// The ops that compute a value element by element.
struct ElementwiseSlice {
  Value result;
  /// The ops, operands before users.
  llvm::SetVector<Operation *> ops;
  /// What they start from, but for constants, in the order of first use.
  llvm::SetVector<Value> leaves;

  /// The slice behind `value`: as far back as ops are elementwise.
  static ElementwiseSlice get(Value value);

  /// The value of the result where the leaves have `numbers`; nothing if an
  /// op is not known or a constant is no single number.
  std::optional<double> evaluate(ArrayRef<double> numbers) const;
};

/// True for an op that works element by element, with one result.
bool isElementwise(Operation *op);

/// The function that a slice with one leaf is.
std::optional<Activation> matchActivation(const ElementwiseSlice &slice);

/// For a slice with two leaves g and u that is activation(g) * u: the function
/// and the index of g among the leaves.
std::optional<std::pair<Activation, unsigned>>
matchGatedActivation(const ElementwiseSlice &slice);

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_ACTIVATIONMATCHER_H
