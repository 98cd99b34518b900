//===- OpTable.h - how the interpreter finds what an op does ----*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One function for each op, registered by the op's class. A function gets the
// values of the operands through a Frame, sets all results or returns an error,
// and checks whatever the types do not say: dimensions may be dynamic, so two
// operands may disagree only now.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_REFERENCE_OPTABLE_H
#define DEJAVU_LIB_REFERENCE_OPTABLE_H

#include "dejavu/Reference/Interpreter.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::dejavu::reference {

/// What the function of an op may see and do.
class Frame {
public:
  Frame(Operation *op, const Bindings &values, const Options &options)
      : op(op), values(values), options(options), results(op->getNumResults()) {
  }

  /// The value of an operand. The interpreter has checked that it is there and
  /// that it has the kind and element type that the operand's type says.
  const Tensor &tensor(Value operand) const {
    return std::get<Tensor>(values.find(operand)->second);
  }
  const Cache &cache(Value operand) const {
    return std::get<Cache>(values.find(operand)->second);
  }
  const ActiveSet &active(Value operand) const {
    return std::get<ActiveSet>(values.find(operand)->second);
  }
  /// The value of an operand that may be absent.
  const Tensor *optional(Value operand) const {
    return operand ? &tensor(operand) : nullptr;
  }

  /// The weight that `symbol` names.
  FailureOr<Tensor> weight(FlatSymbolRefAttr symbol);

  /// Zeros of the element kind that result `index` of the op has, if the shape
  /// is a possible one.
  FailureOr<Tensor> allocate(llvm::ArrayRef<int64_t> shape, unsigned index = 0);
  FailureOr<Tensor> allocate(Element element, llvm::ArrayRef<int64_t> shape);

  LogicalResult set(unsigned index, RuntimeValue value) {
    results[index] = std::move(value);
    return success();
  }

  /// Sets the first result. Fails if `value` did.
  LogicalResult result(FailureOr<Tensor> value) {
    return failed(value) ? failure() : set(0, std::move(*value));
  }

  /// Runs a region of the op on values of its arguments, and gives what it
  /// yields. References to values of operands are not valid after it.
  FailureOr<llvm::SmallVector<RuntimeValue>>
  runRegion(Region &region, llvm::ArrayRef<RuntimeValue> arguments) {
    return runner(region, arguments);
  }

  /// Ends with an error at the op.
  LogicalResult fail(const llvm::Twine &text) {
    message = text.str();
    return failure();
  }

  std::string message;

private:
  friend class reference::Interpreter;
  Operation *op;
  const Bindings &values;
  const Options &options;
  llvm::SmallVector<RuntimeValue, 1> results;
  std::function<FailureOr<llvm::SmallVector<RuntimeValue>>(
      Region &, llvm::ArrayRef<RuntimeValue>)>
      runner;
};

using Handler = std::function<LogicalResult(Operation *, Frame &)>;

class OpTable {
public:
  /// The table of all ops.
  static const OpTable &get();

  template <typename OpT>
  void add(LogicalResult (*function)(OpT, Frame &)) {
    handlers[OpT::getOperationName()] = [function](Operation *op,
                                                   Frame &frame) {
      return function(llvm::cast<OpT>(op), frame);
    };
  }

  /// Null if the op is not known.
  const Handler *find(Operation *op) const;

private:
  OpTable();
  llvm::StringMap<Handler> handlers;
};

// One for each file of ops.
void addBuiltinOps(OpTable &table);
void addOnnxMathOps(OpTable &table);
void addOnnxShapeOps(OpTable &table);
void addOnnxDataOps(OpTable &table);
void addOnnxNNOps(OpTable &table);
void addOnnxAttentionOps(OpTable &table);
void addOnnxElementwiseOps(OpTable &table);
void addOnnxActivationOps(OpTable &table);
void addOnnxReduceOps(OpTable &table);
void addOnnxIndexOps(OpTable &table);
void addOnnxConvOps(OpTable &table);
void addOnnxQuantOps(OpTable &table);
void addOnnxControlFlowOps(OpTable &table);
void addDejavuOps(OpTable &table);
void addDejavuAttentionOps(OpTable &table);
void addDejavuSparsityOps(OpTable &table);

//===----------------------------------------------------------------------===//
// What ops share
//===----------------------------------------------------------------------===//

/// The shape that operands broadcast to, as in NumPy.
FailureOr<Shape> broadcastShapes(Frame &frame,
                                 llvm::ArrayRef<llvm::ArrayRef<int64_t>> all);

/// `[2, 3]`
std::string describe(llvm::ArrayRef<int64_t> shape);

/// Maps an axis from [-rank, rank) to [0, rank).
FailureOr<int64_t> normalizeAxis(Frame &frame, int64_t axis, int64_t rank);

/// The elements of `from` at `sources`, in the given shape.
FailureOr<Tensor> pick(Frame &frame, const Tensor &from,
                       llvm::ArrayRef<int64_t> shape,
                       llvm::ArrayRef<int64_t> sources);

/// Compares two elements of tensors of the same kind: less (-1), equal, greater
/// (1), or nothing if one is NaN.
std::optional<int> compareElements(const Tensor &a, int64_t i, const Tensor &b,
                                   int64_t j);

/// Stores a number as a Cast does. With `saturate` what lies beyond the range
/// of a float of 8 bits gives its largest number.
void setConverted(Tensor &tensor, int64_t index, double value, bool saturate);

/// Converts all elements to the kind of the op's first result.
LogicalResult convert(Frame &frame, const Tensor &x, bool saturate);

/// The product of matrices, as numpy.matmul has it, with elements of `element`.
FailureOr<Tensor> multiply(Frame &frame, const Tensor &a, const Tensor &b,
                           Element element);

/// A tensor [batch, sequence, heads * size] as [batch, heads, sequence, size];
/// one of rank 4 as it is.
FailureOr<Tensor> splitHeads(Frame &frame, const Tensor &x,
                             std::optional<int64_t> heads);

/// Joins two tensors [batch, heads, sequence, size] along the sequence.
FailureOr<Tensor> appendSteps(Frame &frame, const Tensor &past,
                              const Tensor &steps);

/// An activation function.
double activate(Activation activation, double x);

/// `cap * tanh(x / cap)`, or `x` if `cap` is 0.
double softcap(double x, double cap);

/// Checks that an operand is an activation with the given features.
LogicalResult checkRows(Frame &frame, const Tensor &x, int64_t features);

/// Checks that two activations or index tensors have the same batch and tokens.
LogicalResult checkSameRows(Frame &frame, const Tensor &a, const Tensor &b);

/// A weight that is a vector of `size`; zeros if there is none.
FailureOr<Tensor> readVector(Frame &frame, FlatSymbolRefAttr symbol,
                             int64_t size);

/// A weight that is a matrix; a negative number of rows or columns means any.
FailureOr<Tensor> readMatrix(Frame &frame, FlatSymbolRefAttr symbol,
                             int64_t rows, int64_t columns);

/// `lhs . rhs`, elementwise.
FailureOr<Tensor> multiplyElements(Frame &frame, const Tensor &lhs,
                                   const Tensor &rhs);

/// `x * weight + bias` with a weight [in, out] of which row i is read for row r
/// of x only where `reads(r, i)`.
FailureOr<Tensor>
multiplyNeurons(Frame &frame, const Tensor &x, FlatSymbolRefAttr weight,
                FlatSymbolRefAttr bias,
                llvm::function_ref<bool(int64_t row, int64_t i)> reads);

/// Rotates pairs of the features of each head, as `rope` says.
FailureOr<Tensor> rotate(Frame &frame, const Tensor &x, const Tensor &table,
                         int64_t heads, bool isInterleaved);

/// Adds steps to a cache: keys and values [batch, tokens, heads * size].
FailureOr<Cache> appendToCache(Frame &frame, const Cache &cache,
                               const Tensor &keys, const Tensor &values,
                               KVCacheType type);

} // namespace mlir::dejavu::reference

#endif // DEJAVU_LIB_REFERENCE_OPTABLE_H
