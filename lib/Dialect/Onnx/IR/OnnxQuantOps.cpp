//===- OnnxQuantOps.cpp - type inference of quantised numbers ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceUtils.h"

using namespace mlir;
using namespace mlir::onnx;

/// Checks that the scale `scale`, and the zero point if there is one, fit `x`:
/// one element, one for each place along `axis`, or one for each block of
/// `block` along it.
static LogicalResult checkScale(Value x, Value scale, Value zeroPoint,
                                int64_t axis, int64_t block, Operands operands,
                                std::string &error) {
  if (block < 0)
    return fail(error, "expected block_size not to be negative, found " +
                           Twine(block));
  DenseElementsAttr constant;
  if (auto op = scale.getDefiningOp<ConstantOp>();
      op && operands == Operands::Follow)
    constant = dyn_cast<DenseElementsAttr>(op.getValue());
  if (constant && llvm::any_of(constant.getValues<APFloat>(),
                               [](const APFloat &x) { return x.isZero(); }))
    return fail(error, "expected a scale that is not zero");
  RankedTensorType type = getRanked(x), scaleType = getRanked(scale);
  auto isOne = [](RankedTensorType type) {
    return type.hasStaticShape() && type.getNumElements() == 1;
  };
  // One element: axis and block have no meaning.
  bool isSingle = scaleType && (scaleType.getRank() == 0 ||
                                (block == 0 && isOne(scaleType)));
  if (zeroPoint && isSingle)
    return checkOneElement(zeroPoint, "the zero point", error);
  if (zeroPoint && scaleType &&
      failed(
          checkShape(zeroPoint, scaleType.getShape(), "the zero point", error)))
    return failure();
  if (!type || !scaleType || isSingle)
    return success();
  if (failed(normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  SmallVector<int64_t> shape(1, type.getDimSize(axis));
  if (block != 0) {
    shape.assign(type.getShape().begin(), type.getShape().end());
    if (isKnown(shape[axis]))
      shape[axis] = shape[axis] / block + (shape[axis] % block != 0);
  }
  return checkShape(scale, shape, "the scale", error);
}

LogicalResult QuantizeLinearOp::inferResultTypes(Operands operands,
                                                 SmallVectorImpl<Type> &types,
                                                 std::string &error) {
  if (failed(checkScale(getX(), getYScale(), getYZeroPoint(), getAxis(),
                        getBlockSize(), operands, error)))
    return failure();
  Type element = IntegerType::get(getContext(), 8, IntegerType::Unsigned);
  if (Value zeroPoint = getYZeroPoint()) {
    element = getElementTypeOrSelf(zeroPoint);
    if (getOutputDtype() && *getOutputDtype() != element)
      return fail(error,
                  "expected output_dtype to be that of the zero point, " +
                      describe(element) + ", found " +
                      describe(*getOutputDtype()));
  } else if (getOutputDtype()) {
    element = *getOutputDtype();
  }
  if (!element.isIntOrFloat())
    return fail(error, "expected an element type, found " + describe(element));
  types.push_back(withElement(getX().getType(), element));
  return success();
}

LogicalResult DequantizeLinearOp::inferResultTypes(Operands operands,
                                                   SmallVectorImpl<Type> &types,
                                                   std::string &error) {
  if (getXZeroPoint() &&
      failed(checkElements({getX(), getXZeroPoint()}, error)))
    return failure();
  if (failed(checkScale(getX(), getXScale(), getXZeroPoint(), getAxis(),
                        getBlockSize(), operands, error)))
    return failure();
  Type element = getOutputDtype().value_or(getElementTypeOrSelf(getXScale()));
  if (!isa<FloatType>(element))
    return fail(error,
                "expected a floating-point type, found " + describe(element));
  types.push_back(withElement(getX().getType(), element));
  return success();
}

LogicalResult DynamicQuantizeLinearOp::inferResultTypes(
    Operands, SmallVectorImpl<Type> &types, std::string &error) {
  Type byte = IntegerType::get(getContext(), 8, IntegerType::Unsigned);
  Type element = getElementTypeOrSelf(getX());
  types.append({withElement(getX().getType(), byte),
                RankedTensorType::get({}, element),
                RankedTensorType::get({}, byte)});
  return success();
}

/// Checks scale or zero point of a matrix: one element, one for each row
/// (`isRow`) or column, or these with the dimensions in front of them.
static LogicalResult checkMatrixParameter(Value matrix, Value parameter,
                                          bool isRow, StringRef name,
                                          std::string &error) {
  RankedTensorType type = getRanked(matrix);
  RankedTensorType found =
      parameter ? getRanked(parameter) : RankedTensorType();
  if (!type || !found || found.getRank() == 0 || type.getRank() < 2)
    return success();
  SmallVector<int64_t> whole(type.getShape());
  int64_t length = whole[whole.size() - (isRow ? 2 : 1)];
  whole[whole.size() - (isRow ? 1 : 2)] = 1;
  if (found.getRank() == 1 && (mayEqual(found.getDimSize(0), 1) ||
                               mayEqual(found.getDimSize(0), length)))
    return success();
  if (mayEqualShapes(found.getShape(), whole))
    return success();
  return fail(error, "expected " + name + " of one element or one for each " +
                         (isRow ? "row" : "column") + " of " + describe(type) +
                         ", found " + describe(found));
}

static bool isByte(Type type) { return type.isInteger(8); }

LogicalResult MatMulIntegerOp::inferResultTypes(Operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  std::pair<Value, Value> sides[] = {{getA(), getAZeroPoint()},
                                     {getB(), getBZeroPoint()}};
  for (auto [matrix, zeroPoint] : sides) {
    if (!isByte(getElementTypeOrSelf(matrix)))
      return fail(error, "expected integers of 8 bits, found " +
                             describe(matrix.getType()));
    if (zeroPoint && failed(checkElements({matrix, zeroPoint}, error)))
      return failure();
  }
  if (failed(checkMatrixParameter(getA(), getAZeroPoint(), true, "a_zero_point",
                                  error)) ||
      failed(checkMatrixParameter(getB(), getBZeroPoint(), false,
                                  "b_zero_point", error)))
    return failure();
  return inferMatMul(getA(), getB(), IntegerType::get(getContext(), 32), types,
                     error);
}

LogicalResult QLinearMatMulOp::inferResultTypes(Operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  if (failed(checkElements({getA(), getAZeroPoint()}, error)) ||
      failed(checkElements({getB(), getBZeroPoint()}, error)) ||
      failed(
          checkMatrixParameter(getA(), getAScale(), true, "a_scale", error)) ||
      failed(checkMatrixParameter(getA(), getAZeroPoint(), true, "a_zero_point",
                                  error)) ||
      failed(
          checkMatrixParameter(getB(), getBScale(), false, "b_scale", error)) ||
      failed(checkMatrixParameter(getB(), getBZeroPoint(), false,
                                  "b_zero_point", error)) ||
      failed(inferMatMul(getA(), getB(), getElementTypeOrSelf(getYZeroPoint()),
                         types, error)))
    return failure();
  return success();
}
