//===- InferenceUtils.h - what type inference shares -----------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Helpers of the inferResultTypes of several files, and of no one else.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_DIALECT_ONNX_IR_INFERENCEUTILS_H
#define DEJAVU_LIB_DIALECT_ONNX_IR_INFERENCEUTILS_H

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

namespace mlir::onnx {

inline constexpr int64_t unknownDim = ShapedType::kDynamic;

/// Sets the message, and fails.
LogicalResult fail(std::string &error, const Twine &message);

inline RankedTensorType getRanked(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}

/// `type` with another element type.
inline Type withElement(Type type, Type element) {
  return cast<ShapedType>(type).clone(element);
}

/// Sum and product of dimensions: unknown if one of them is or if they do not
/// fit.
int64_t addDims(int64_t a, int64_t b);
int64_t multiplyDims(int64_t a, int64_t b);

/// Merges what two descriptions of one dimension know. They must be equal if
/// both do.
inline int64_t meetDims(int64_t a, int64_t b) { return isKnown(a) ? a : b; }

/// Whether two shapes may be one.
bool mayEqualShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b);

/// A type that both have: of unknown rank or dimensions where they differ.
Type joinTypes(Type a, Type b);

/// Checks the rank of an operand called `name`, if it is known.
LogicalResult checkRank(Value value, int64_t least, int64_t most,
                        StringRef name, std::string &error);

/// Checks that an operand called `name`, which may be absent, has one element.
LogicalResult checkOneElement(Value value, StringRef name, std::string &error);

/// Checks that an operand called `name`, which may be absent, has rank 1 and
/// `size` elements.
LogicalResult checkLength(Value value, int64_t size, StringRef name,
                          std::string &error);

/// Checks that an operand called `name`, which may be absent, has shape
/// `shape`.
LogicalResult checkShape(Value value, ArrayRef<int64_t> shape, StringRef name,
                         std::string &error);

/// Checks that two optional operands come together.
LogicalResult checkTogether(Value a, StringRef nameA, Value b, StringRef nameB,
                            std::string &error);

/// The shape of the product of matrices, as numpy.matmul has it.
LogicalResult multiplyShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b,
                             SmallVectorImpl<int64_t> &shape,
                             std::string &error);

/// Inference of a matrix product with results of type `element`.
LogicalResult inferMatMul(Value a, Value b, Type element,
                          SmallVectorImpl<Type> &types, std::string &error);

} // namespace mlir::onnx

#endif // DEJAVU_LIB_DIALECT_ONNX_IR_INFERENCEUTILS_H
