//===- SymbolicShapes.h - dimensions as polynomials -------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each value of a function its dimensions as polynomials over the symbols
// of the function's arguments (their `onnx.dims`), and for small integer
// tensors their elements, as far as those are arithmetic on dimensions. That
// two reshapes cancel, or that a shape is a constant, can then be proved.
//
// Symbols stand for positive numbers. A dimension of which nothing is known has
// a symbol of its own, which starts with '?'.
//
// The analysis reads the function once, in order, and costs time in proportion
// to its size. Values made later can be added with `update`.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_ANALYSIS_SYMBOLICSHAPES_H
#define DEJAVU_ANALYSIS_SYMBOLICSHAPES_H

#include "dejavu/Support/DimExpr.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir {
class Operation;
namespace func {
class FuncOp;
} // namespace func
} // namespace mlir

namespace mlir::dejavu {

class SymbolicShapes {
public:
  using Dims = SmallVector<DimExpr>;

  explicit SymbolicShapes(func::FuncOp function);

  /// The dimensions of a ranked tensor; null for other values.
  const Dims *getShape(Value value) const;

  /// The elements of an integer tensor of rank 0 or 1; null if one of them is
  /// not known.
  const Dims *getContents(Value value) const;

  /// True if both are ranked tensors of provably equal shape.
  bool haveSameShape(Value a, Value b) const;

  /// True if the shape of `value` is provably `dims`.
  bool hasShape(Value value, llvm::ArrayRef<DimExpr> dims) const;

  /// Computes what is known of the results of `op`, whose operands are known
  /// already.
  void update(Operation *op);

private:
  DimExpr fresh();
  Dims freshShape(Type type);
  Dims broadcast(llvm::ArrayRef<Dims> shapes);
  std::optional<Dims> inferShape(Operation *op);
  std::optional<Dims> inferContents(Operation *op);
  std::optional<Dims> inferReshape(Operation *op);
  std::optional<Dims> inferSlice(Operation *op);
  std::optional<Dims> inferSymbolicSlice(Operation *op);
  std::optional<Dims> inferReduce(Operation *op);
  void updateSplit(Operation *op);

  llvm::DenseMap<Value, Dims> shapes, contents;
  int64_t freshSymbols = 0;
};

/// The elements of an integer or bool `onnx.Constant` of rank 0 or 1; nothing
/// for another value.
std::optional<SmallVector<int64_t>> getConstantInts(Value value);

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_SYMBOLICSHAPES_H
