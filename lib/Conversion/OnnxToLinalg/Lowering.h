//===- Lowering.h - onnx ops to linalg on tensors ---------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One function for each op, registered by the op's class. It builds the op's
// results with the Lowering, which is a builder that knows for each value of
// the old function the tensor that stands for it, the dimensions of that tensor
// as far as they are known to be equal to others, and the elements of small
// integer tensors that are computed from dimensions.
//
// Tensors of the new function have signless element types; what an op does with
// the sign comes from the types of the old function. What may go wrong at run
// time (an index out of range, shapes that do not fit) is checked by cf.assert
// before anything depends on it.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_ONNXTOLINALG_LOWERING_H
#define DEJAVU_LIB_CONVERSION_ONNXTOLINALG_LOWERING_H

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringMap.h"

#include <functional>

namespace mlir::dejavu::dense {

/// A dimension: an index attribute or a value of index type.
using Dim = OpFoldResult;
using Dims = SmallVector<Dim>;

/// The type that stands for an element type: signless.
Type getSignless(Type element);

/// The type that stands for a tensor type; null unless it is ranked.
RankedTensorType getTensorType(Type type);

/// Whether integers of this type are unsigned (bool too).
bool isUnsigned(Type element);

/// The type in which a float type is computed: f32 for the smaller ones.
Type getComputeType(Type element);

class Lowering : public ImplicitLocOpBuilder {
public:
  using Body = llvm::function_ref<Value(ValueRange)>;

  explicit Lowering(OpBuilder &builder, Location location)
      : ImplicitLocOpBuilder(location, builder) {}

  //===--------------------------------------------------------------------===//
  // Values
  //===--------------------------------------------------------------------===//

  /// The tensor that stands for a value of the old function.
  Value get(Value old) const { return values.lookup(old); }

  /// Says what stands for a value of the old function. The tensor is cast to
  /// the type that the old value's type says.
  void set(Value old, Value tensor);

  /// The elements of a small integer tensor, if they are known as numbers or
  /// as results of arithmetic on dimensions.
  const Dims *getContents(Value old) const;
  void setContents(Value old, Dims elements);

  /// The elements of an integer constant of rank 0 or 1.
  std::optional<SmallVector<int64_t>> getConstant(Value old) const;

  /// The elements of an integer tensor of rank 0 or 1, which must have a known
  /// length, as dimensions; those that are not known are read. Null if the
  /// length is not known.
  std::optional<Dims> readElements(Value old);

  /// An error at the op that is being lowered.
  LogicalResult fail(const Twine &text);

  //===--------------------------------------------------------------------===//
  // Dimensions
  //===--------------------------------------------------------------------===//

  Dim getDim(Value tensor, int64_t axis);
  Dims getDims(Value tensor);
  /// Records the dimensions of a new tensor.
  Value recordDims(Value tensor, ArrayRef<Dim> dims);

  Dim number(int64_t value) { return getIndexAttr(value); }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(*this, value);
  }
  /// A dimension as a value of index type.
  Value value(Dim dim);
  static std::optional<int64_t> getNumber(Dim dim) {
    return getConstantIntValue(dim);
  }
  /// Whether two dimensions are known to be equal.
  static bool areSame(Dim a, Dim b);

  Dim add(Dim a, Dim b);
  Dim sub(Dim a, Dim b);
  Dim mul(Dim a, Dim b);
  /// Quotient rounded towards zero; `b` is not zero.
  Dim div(Dim a, Dim b);
  Dim min(Dim a, Dim b);
  Dim max(Dim a, Dim b);
  Dim product(ArrayRef<Dim> dims);
  /// `a` if it is not negative, else `a + b`.
  Dim wrapNegative(Dim a, Dim b);

  /// The type of a tensor with these dimensions.
  RankedTensorType getType(ArrayRef<Dim> dims, Type element);

  //===--------------------------------------------------------------------===//
  // Checks at run time
  //===--------------------------------------------------------------------===//

  /// Stops the program with a message unless `condition` (i1) holds.
  void check(Value condition, StringRef expected);
  void checkEqual(Dim a, Dim b, StringRef expected);
  void checkAtLeast(Dim a, int64_t least, StringRef expected);
  /// Stops unless `isGood` gives true for each element of `tensor`.
  void checkElements(Value tensor, llvm::function_ref<Value(Value)> isGood,
                     StringRef expected);
  /// Stops unless each element of an integer tensor lies in [-dim, dim).
  void checkIndices(Value tensor, Dim dim);
  /// Stops if dimensions that were computed from data are negative or make a
  /// tensor of more than 2^40 bytes.
  void checkSize(ArrayRef<Dim> dims);

  //===--------------------------------------------------------------------===//
  // Scalars
  //===--------------------------------------------------------------------===//

  Value zero(Type type) { return constant(type, 0); }
  /// An integer, float or index constant.
  Value constant(Type type, double value);
  Value integer(Type type, int64_t value);
  Value truth(bool value) {
    return arith::ConstantOp::create(*this, getBoolAttr(value));
  }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(*this, condition, a, b);
  }
  /// Any element type to a float type; `isUnsigned` is about integers.
  Value toFloat(Value scalar, Type type, bool isUnsigned);
  /// A float to another float type.
  Value castFloat(Value scalar, Type type);
  /// An integer scalar (signed) as an index.
  Value toIndex(Value scalar);
  Value fromIndex(Value index, Type type);
  /// The scalar as a float that can be computed with: f16 and bf16 become f32.
  Value widen(Value scalar) {
    return isa<FloatType>(scalar.getType())
               ? castFloat(scalar, getComputeType(scalar.getType()))
               : scalar;
  }
  /// The result of a computation in the element type of a tensor.
  Value narrow(Value scalar, Type element) {
    return isa<FloatType>(element) ? castFloat(scalar, element) : scalar;
  }
  /// An index that may be negative, brought into [0, dim).
  Value wrapIndex(Value index, Value dim);
  /// One of two scalars, of which only one is computed.
  Value choose(Value condition, llvm::function_ref<Value()> then,
               llvm::function_ref<Value()> otherwise);
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(*this, predicate, a, b);
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(*this, predicate, a, b);
  }

  //===--------------------------------------------------------------------===//
  // Tensors
  //===--------------------------------------------------------------------===//

  Value empty(ArrayRef<Dim> dims, Type element);
  Value extract(Value tensor, ValueRange indices);
  /// The only element of a tensor.
  Value extractScalar(Value tensor);
  /// A tensor of rank 0 or 1 of these scalars.
  Value fromScalars(RankedTensorType type, ValueRange scalars);

  /// The shape that tensors broadcast to, with checks where that needs it.
  std::optional<Dims> broadcast(ArrayRef<Value> tensors);
  std::optional<Dims> broadcastDims(ArrayRef<Dims> all);

  /// A tensor whose elements `body` computes from those of `inputs`, which are
  /// broadcast to `dims`.
  Value map(ArrayRef<Dim> dims, Type element, ValueRange inputs, Body body);

  /// A tensor whose elements `body` computes from their indices.
  Value generate(ArrayRef<Dim> dims, Type element, Body body);

  /// Folds the elements of `inputs` (of equal shape) along the axes that
  /// `reduced` marks with `body`, which gets the elements and then what was
  /// folded before. The axes become 1.
  Value reduce(ValueRange inputs, ArrayRef<bool> reduced, Value init,
               Body body);

  /// A tensor whose elements `body` computes from those that `maps` (the last
  /// is that of the result, the identity) name.
  Value mapWith(ArrayRef<Dim> dims, Type element, ValueRange inputs,
                ArrayRef<AffineMap> maps, Body body);
  Value transpose(Value tensor, ArrayRef<int64_t> permutation);
  /// Part of a tensor. Everything lies inside of it.
  Value slice(Value tensor, ArrayRef<Dim> offsets, ArrayRef<Dim> dims);
  Value insertSlice(Value part, Value into, ArrayRef<Dim> offsets);
  Value fill(ArrayRef<Dim> dims, Value scalar);

  /// A contraction. `maps` say which elements of the inputs and the result
  /// each point of `loops` uses; loops the result does not have are summed.
  Value contract(ValueRange inputs, ArrayRef<Dim> dims, Type element,
                 ArrayRef<AffineMap> maps, Body body);

  /// The elements of `tensor` in another shape of as many elements.
  Value reshape(Value tensor, ArrayRef<Dim> dims);

  /// Runs `body` for all indices below `dims` in order. It gets the indices and
  /// the carried values and returns the next ones.
  SmallVector<Value>
  loop(ArrayRef<Dim> dims, ValueRange carried,
       llvm::function_ref<SmallVector<Value>(ValueRange, ValueRange)> body);
  /// The same along one dimension.
  SmallVector<Value>
  loop(Dim count, ValueRange carried,
       llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body);
  /// What `body` makes of the carried values if `condition` holds, else these.
  SmallVector<Value> branch(Value condition, ValueRange carried,
                            llvm::function_ref<SmallVector<Value>()> body);
  Value insert(Value scalar, Value into, ValueRange indices);

  /// Lowers a block of ops, all but its terminator. Ops without a lowering are
  /// reported when all have been seen.
  LogicalResult lowerBlock(Block &block);
  /// Says what stands for an argument of an inner region.
  void bind(Value old, Value tensor);

  Operation *current = nullptr;

private:
  bool foldContents(Operation *op);

  llvm::DenseMap<Value, Value> values;
  llvm::DenseMap<Value, Dims> contents;
  llvm::DenseMap<Value, Dims> dimensions;
};

using Handler = std::function<LogicalResult(Operation *, Lowering &)>;

class LoweringTable {
public:
  static const LoweringTable &get();

  template <typename OpT>
  void add(LogicalResult (*function)(OpT, Lowering &)) {
    handlers[OpT::getOperationName()] = [function](Operation *op,
                                                   Lowering &lowering) {
      return function(llvm::cast<OpT>(op), lowering);
    };
  }
  const Handler *find(Operation *op) const;

private:
  LoweringTable();
  llvm::StringMap<Handler> handlers;
};

// One for each file of ops.
void addElementwise(LoweringTable &table);
void addActivations(LoweringTable &table);
void addCompare(LoweringTable &table);
void addControlFlow(LoweringTable &table);
void addConvolutions(LoweringTable &table);
void addReductions(LoweringTable &table);
void addProducts(LoweringTable &table);
void addQuantisation(LoweringTable &table);
void addMovement(LoweringTable &table);
void addIndexing(LoweringTable &table);
void addShapes(LoweringTable &table);
void addNorms(LoweringTable &table);

//===----------------------------------------------------------------------===//
// What files of ops share
//===----------------------------------------------------------------------===//

/// An axis from [-rank, rank) in [0, rank).
inline int64_t getAxis(int64_t axis, int64_t rank) {
  return axis < 0 ? axis + rank : axis;
}
inline int64_t getRank(Value old) {
  return cast<RankedTensorType>(old.getType()).getRank();
}
inline Type getElement(Value old) {
  return cast<ShapedType>(old.getType()).getElementType();
}
/// The signless element type that stands for that of a value.
inline Type getStored(Value old) { return getSignless(getElement(old)); }

/// For each of `rank` axes whether `axes`, a tensor of known length whose
/// elements are known only at run time, names it. Null if the length is not
/// known.
std::optional<SmallVector<Value>> getFlags(Lowering &b, Value axes,
                                           int64_t rank);
/// The `count` dimensions that `flags` does not mark, in order.
Dims getUnmarked(Lowering &b, ArrayRef<Dim> dims, ArrayRef<Value> flags,
                 int64_t count);
/// Checks that `to` has as many elements as `from`.
void checkSameSize(Lowering &b, ArrayRef<Dim> from, ArrayRef<Dim> to);

/// Conversion of one element, as Cast has it.
Value castElement(Lowering &b, Value scalar, Type from, Type to);
/// NaN-preserving extremes and their integer forms.
Value largest(Lowering &b, Value x, Value y, bool isUnsigned);
Value smallest(Lowering &b, Value x, Value y, bool isUnsigned);
/// The lowest or the highest number of a type, minus and plus infinity.
Value extremeOf(Lowering &b, Type type, bool isUnsigned, bool lowest);
/// The matrix product of two tensors, as numpy.matmul has it, with operands
/// given to `multiply` in the type of the result.
FailureOr<Value> matmul(Lowering &b, Value lhs, Value rhs, Type accumulator,
                        llvm::function_ref<Value(Value)> convertLhs,
                        llvm::function_ref<Value(Value)> convertRhs);

} // namespace mlir::dejavu::dense

#endif // DEJAVU_LIB_CONVERSION_ONNXTOLINALG_LOWERING_H
