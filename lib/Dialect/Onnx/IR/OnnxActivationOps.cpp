//===- OnnxActivationOps.cpp - type inference of activations -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceUtils.h"

using namespace mlir;
using namespace mlir::onnx;

LogicalResult SwishOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                        std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult HardSigmoidOp::inferResultTypes(Operands,
                                              SmallVectorImpl<Type> &types,
                                              std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult EluOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                      std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult SeluOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult CeluOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult LeakyReluOp::inferResultTypes(Operands,
                                            SmallVectorImpl<Type> &types,
                                            std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult ThresholdedReluOp::inferResultTypes(Operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult ShrinkOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                         std::string &error) {
  types.push_back(getInput().getType());
  return success();
}

LogicalResult PReluOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                        std::string &error) {
  if (failed(checkElements(getOperation()->getOperands(), error)))
    return failure();
  RankedTensorType x = getRanked(getX()), slope = getRanked(getSlope());
  if (x && slope && !mayBroadcastTo(slope.getShape(), x.getShape()))
    return fail(error, "expected slope to broadcast to " +
                           describe(x.getShape()) + ", found " +
                           describe(slope.getShape()));
  types.push_back(getX().getType());
  return success();
}

LogicalResult SwiGLUOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                         std::string &error) {
  if (failed(checkElements(getOperation()->getOperands(), error)))
    return failure();
  RankedTensorType a = getRanked(getA()), b = getRanked(getB());
  if (!a || !b) {
    types.push_back(a ? getA().getType() : getB().getType());
    return success();
  }
  if (!mayEqualShapes(a.getShape(), b.getShape()))
    return fail(error, "expected A and B of one shape, found " +
                           describe(a.getShape()) + " and " +
                           describe(b.getShape()));
  SmallVector<int64_t> shape;
  for (auto [first, second] : llvm::zip(a.getShape(), b.getShape()))
    shape.push_back(meetDims(first, second));
  types.push_back(rankedLike(shape, getA()));
  return success();
}

/// The type of `input`, if `axis` is one of its axes.
static LogicalResult inferAlongAxis(Value input, int64_t axis,
                                    SmallVectorImpl<Type> &types,
                                    std::string &error) {
  RankedTensorType type = getRanked(input);
  if (type && failed(normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  types.push_back(input.getType());
  return success();
}

LogicalResult LogSoftmaxOp::inferResultTypes(Operands,
                                             SmallVectorImpl<Type> &types,
                                             std::string &error) {
  return inferAlongAxis(getInput(), getAxis(), types, error);
}

LogicalResult HardmaxOp::inferResultTypes(Operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  return inferAlongAxis(getInput(), getAxis(), types, error);
}

LogicalResult LpNormalizationOp::inferResultTypes(Operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  return inferAlongAxis(getInput(), getAxis(), types, error);
}

LogicalResult DropoutOp::inferResultTypes(Operands operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  if (failed(checkOneElement(getRatio(), "ratio", error)) ||
      failed(checkOneElement(getTrainingMode(), "training_mode", error)))
    return failure();
  if (Value training = getTrainingMode())
    if (auto value = evaluateInts(training, operands);
        value && value->size() == 1 && isKnown(value->front()) &&
        value->front() != 0)
      return fail(error, "expected training_mode to be false, found true");
  if (getRest().size() > 1)
    return fail(error,
                "expected at most 2 results, found " + Twine(getNumResults()));
  types.push_back(getData().getType());
  types.append(
      getRest().size(),
      withElement(getData().getType(), IntegerType::get(getContext(), 1)));
  return success();
}
