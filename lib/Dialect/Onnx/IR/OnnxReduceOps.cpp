//===- OnnxReduceOps.cpp - type inference of extremes, products ----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceUtils.h"

using namespace mlir;
using namespace mlir::onnx;

LogicalResult TopKOp::inferResultTypes(Operands operands,
                                       SmallVectorImpl<Type> &types,
                                       std::string &error) {
  if (failed(checkOneElement(getK(), "K", error)))
    return failure();
  Type i64 = IntegerType::get(getContext(), 64);
  auto count = evaluateInts(getK(), operands);
  int64_t k = count && count->size() == 1 ? count->front() : unknownDim;
  if (isKnown(k) && k < 0)
    return fail(error, "expected K not to be negative, found " + Twine(k));
  RankedTensorType type = getRanked(getX());
  if (!type) {
    types.append({getX().getType(), UnrankedTensorType::get(i64)});
    return success();
  }
  int64_t axis = getAxis();
  if (failed(normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  SmallVector<int64_t> shape(type.getShape());
  if (isKnown(k) && isKnown(shape[axis]) && k > shape[axis])
    return fail(error, "expected K of at most " + Twine(shape[axis]) +
                           ", found " + Twine(k));
  shape[axis] = k;
  types.push_back(rankedLike(shape, getX()));
  types.push_back(RankedTensorType::get(shape, i64));
  return success();
}

LogicalResult CumProdOp::inferResultTypes(Operands operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  if (failed(checkOneElement(getAxis(), "axis", error)))
    return failure();
  RankedTensorType type = getRanked(getX());
  auto axes = evaluateInts(getAxis(), operands);
  if (type && axes && axes->size() == 1 && isKnown(axes->front()) &&
      failed(normalizeAxis(axes->front(), type.getRank(), "axis", error)))
    return failure();
  types.push_back(getX().getType());
  return success();
}
