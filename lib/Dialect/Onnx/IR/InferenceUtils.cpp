//===- InferenceUtils.cpp - what type inference shares --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceUtils.h"

using namespace mlir;
using namespace mlir::onnx;

LogicalResult mlir::onnx::fail(std::string &error, const Twine &message) {
  error = message.str();
  return failure();
}

int64_t mlir::onnx::addDims(int64_t a, int64_t b) {
  int64_t result;
  if (!isKnown(a) || !isKnown(b) || __builtin_add_overflow(a, b, &result))
    return unknownDim;
  return result;
}

int64_t mlir::onnx::multiplyDims(int64_t a, int64_t b) {
  int64_t result;
  if (!isKnown(a) || !isKnown(b) || __builtin_mul_overflow(a, b, &result))
    return unknownDim;
  return result;
}

bool mlir::onnx::mayEqualShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) {
           return mayEqual(std::get<0>(pair), std::get<1>(pair));
         });
}

Type mlir::onnx::joinTypes(Type a, Type b) {
  auto first = dyn_cast<RankedTensorType>(a);
  auto second = dyn_cast<RankedTensorType>(b);
  Type element = getElementTypeOrSelf(a);
  if (!first || !second || first.getRank() != second.getRank())
    return UnrankedTensorType::get(element);
  SmallVector<int64_t> shape(first.getShape());
  for (auto [mine, theirs] : llvm::zip(shape, second.getShape()))
    if (mine != theirs)
      mine = unknownDim;
  return RankedTensorType::get(shape, element);
}

LogicalResult mlir::onnx::checkRank(Value value, int64_t least, int64_t most,
                                    StringRef name, std::string &error) {
  RankedTensorType type = value ? getRanked(value) : RankedTensorType();
  if (!type || (type.getRank() >= least && type.getRank() <= most))
    return success();
  std::string wanted = std::to_string(least);
  if (most == maxRank && least != most)
    wanted = "at least " + wanted;
  else if (least != most)
    wanted += " to " + std::to_string(most);
  return fail(error, "expected " + name + " of rank " + wanted + ", found " +
                         describe(type));
}

LogicalResult mlir::onnx::checkOneElement(Value value, StringRef name,
                                          std::string &error) {
  RankedTensorType type = value ? getRanked(value) : RankedTensorType();
  if (!type || !type.hasStaticShape() || type.getNumElements() == 1)
    return success();
  return fail(error,
              "expected " + name + " of one element, found " + describe(type));
}

LogicalResult mlir::onnx::checkShape(Value value, ArrayRef<int64_t> shape,
                                     StringRef name, std::string &error) {
  RankedTensorType type = value ? getRanked(value) : RankedTensorType();
  if (!type || mayEqualShapes(type.getShape(), shape))
    return success();
  return fail(error, "expected " + name + " of shape " + describe(shape) +
                         ", found " + describe(type));
}

LogicalResult mlir::onnx::checkLength(Value value, int64_t size, StringRef name,
                                      std::string &error) {
  return checkShape(value, size, name, error);
}

LogicalResult mlir::onnx::checkTogether(Value a, StringRef nameA, Value b,
                                        StringRef nameB, std::string &error) {
  if (!a == !b)
    return success();
  return fail(error, "expected " + nameA + " and " + nameB +
                         " together, found only " + (a ? nameA : nameB));
}

LogicalResult mlir::onnx::multiplyShapes(ArrayRef<int64_t> a,
                                         ArrayRef<int64_t> b,
                                         SmallVectorImpl<int64_t> &shape,
                                         std::string &error) {
  if (a.empty() || b.empty())
    return fail(error, "expected operands of rank 1 or more, found shapes " +
                           describe(a) + " and " + describe(b));
  SmallVector<int64_t> lhs(a), rhs(b);
  if (lhs.size() == 1)
    lhs.insert(lhs.begin(), 1);
  if (rhs.size() == 1)
    rhs.push_back(1);
  int64_t rows = lhs[lhs.size() - 2], columns = rhs.back();
  shape.assign(lhs.begin(), lhs.end() - 2);
  if (!mayEqual(lhs.back(), rhs[rhs.size() - 2]) ||
      failed(broadcast(shape, ArrayRef<int64_t>(rhs).drop_back(2))))
    return fail(error, "expected shapes that can be multiplied, found " +
                           describe(a) + " and " + describe(b));
  if (a.size() > 1)
    shape.push_back(rows);
  if (b.size() > 1)
    shape.push_back(columns);
  return success();
}

LogicalResult mlir::onnx::inferMatMul(Value a, Value b, Type element,
                                      SmallVectorImpl<Type> &types,
                                      std::string &error) {
  RankedTensorType lhs = getRanked(a), rhs = getRanked(b);
  if (!lhs || !rhs) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  SmallVector<int64_t> shape;
  if (failed(multiplyShapes(lhs.getShape(), rhs.getShape(), shape, error)))
    return failure();
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}
