//===- OnnxInference.h - result types of onnx ops -----------------*- C++
//-*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the ops' inferResultTypes share. Shapes are as static as can be; a
// dimension that is not known is ShapedType::kDynamic, and a tensor of unknown
// rank is unranked.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXINFERENCE_H
#define DEJAVU_DIALECT_ONNX_IR_ONNXINFERENCE_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ValueRange.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/LogicalResult.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mlir {
class Operation;

namespace onnx {

/// The largest rank that inference lets a result have.
inline constexpr int64_t maxRank = 8;

/// What inference may look at: the types of operands alone (verifiers), or
/// their producers as well, for operands that hold shapes, axes and the like.
enum class Operands { TypesOnly, Follow };

/// Infers the types of the results of `op`, which is an op of the dialect, and
/// sets them. On failure `error` says what is wrong with the op.
llvm::LogicalResult refineResultTypes(Operation *op, std::string &error);

/// The elements of an integer tensor of rank 0 or 1, where `value` comes from
/// constants, shapes and simple operations on them. Elements that are not known
/// are ShapedType::kDynamic. Nothing if not even their number is known.
std::optional<llvm::SmallVector<int64_t>> evaluateInts(Value value);

/// For the operands of ops: as above or, if `operands` is TypesOnly, as many
/// unknown elements as the type says.
std::optional<llvm::SmallVector<int64_t>> evaluateInts(Value value,
                                                       Operands operands);

/// The same for the starts and ends of a Slice, where the smallest integer is a
/// known element too: it is given as the next one, which clamps alike.
std::optional<llvm::SmallVector<int64_t>> evaluateBounds(Value value,
                                                         Operands operands);

/// Merges `other` into `shape` as broadcasting does. Fails if they clash.
llvm::LogicalResult broadcast(llvm::SmallVectorImpl<int64_t> &shape,
                              llvm::ArrayRef<int64_t> other);

/// Maps `axis` from [-rank, rank) to [0, rank), or fails with a message that
/// names `what`.
llvm::LogicalResult normalizeAxis(int64_t &axis, int64_t rank,
                                  llvm::StringRef what, std::string &error);

/// Inference of ops whose operands all have one element type and broadcast. The
/// result has the element type `element` or, if that is null, the operands'.
llvm::LogicalResult inferBroadcast(ValueRange operands, Type element,
                                   llvm::SmallVectorImpl<Type> &types,
                                   std::string &error);

/// The same of operands that may have other element types.
llvm::LogicalResult inferMixedBroadcast(ValueRange operands, Type element,
                                        llvm::SmallVectorImpl<Type> &types,
                                        std::string &error);

/// Inference of reductions along `axes`, which may be absent.
llvm::LogicalResult inferReduce(Value data, Value axes, bool keepDims,
                                bool noopWithEmptyAxes, Operands operands,
                                llvm::SmallVectorImpl<Type> &types,
                                std::string &error);

/// Inference of ArgMax and ArgMin.
llvm::LogicalResult inferArg(Value data, int64_t axis, bool keepDims,
                             llvm::SmallVectorImpl<Type> &types,
                             std::string &error);

/// Whether a dimension is known, and whether two may be equal.
inline bool isKnown(int64_t dim) { return !ShapedType::isDynamic(dim); }
inline bool mayEqual(int64_t a, int64_t b) {
  return a == b || !isKnown(a) || !isKnown(b);
}

/// Whether a tensor of shape `from` broadcasts to `to` without changing it.
bool mayBroadcastTo(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to);

/// Types with the element type of `like`.
Type rankedLike(llvm::ArrayRef<int64_t> shape, Value like);
Type unrankedLike(Value like);

/// Checks that all operands have one element type.
llvm::LogicalResult checkElements(ValueRange operands, std::string &error);

/// Checks that `value`, an operand called `name`, has rank 1 if it has a rank.
llvm::LogicalResult checkVector(Value value, llvm::StringRef name,
                                std::string &error);

/// Normalises known axes and checks that none occurs twice.
llvm::LogicalResult checkAxes(llvm::SmallVectorImpl<int64_t> &axes,
                              int64_t rank, std::string &error);

/// The verifier of the OnnxShapeInference interface.
llvm::LogicalResult verifyInferredTypes(Operation *op);

/// How a type is written, for messages.
std::string describe(Type type);

/// How a shape is written, for messages: [2, ?, 4].
std::string describe(llvm::ArrayRef<int64_t> shape);

} // namespace onnx
} // namespace mlir

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXINFERENCE_H
