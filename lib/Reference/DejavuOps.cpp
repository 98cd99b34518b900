//===- DejavuOps.cpp - the dejavu dialect ---------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Activations are [batch, tokens, features]; a row is one token of one
// sequence. Sums are accumulated in double precision, and the result of each
// matrix product is rounded to f32 once.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::reference;

double mlir::dejavu::reference::activate(Activation activation, double x) {
  // Comparisons are written so that NaN stays NaN.
  double positive = x < 0 ? 0 : x;
  switch (activation) {
  case Activation::relu:
    return positive;
  case Activation::relu2:
    return positive * positive;
  case Activation::gelu:
    return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
  case Activation::gelu_tanh:
    return x / 2 *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  case Activation::silu:
    return x / (1 + std::exp(-x));
  case Activation::quick_gelu:
    return x / (1 + std::exp(-1.702 * x));
  }
  return x;
}

double mlir::dejavu::reference::softcap(double x, double cap) {
  return cap == 0 ? x : cap * std::tanh(x / cap);
}

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

FailureOr<Tensor> mlir::dejavu::reference::readMatrix(Frame &frame,
                                                      FlatSymbolRefAttr symbol,
                                                      int64_t rows,
                                                      int64_t columns) {
  FailureOr<Tensor> matrix = frame.weight(symbol);
  if (failed(matrix))
    return failure();
  if (matrix->getRank() != 2 || (rows >= 0 && matrix->getDim(0) != rows) ||
      (columns >= 0 && matrix->getDim(1) != columns))
    return frame.fail("weight '" + symbol.getValue() +
                      "' does not fit, found " + matrix->describe());
  return matrix;
}

/// `activation(x * weight^T + bias)` of the rows of a tensor [.., in], with a
/// weight [out, in].
static FailureOr<Tensor> multiply(Frame &frame, const Tensor &x,
                                  FlatSymbolRefAttr weightName,
                                  FlatSymbolRefAttr biasName,
                                  std::optional<Activation> activation = {}) {
  FailureOr<Tensor> weight =
      readMatrix(frame, weightName, -1, x.getShape().back());
  if (failed(weight))
    return failure();
  int64_t in = weight->getDim(1), out = weight->getDim(0);
  FailureOr<Tensor> bias = readVector(frame, biasName, out);
  if (failed(bias))
    return failure();
  Shape shape(x.getShape());
  shape.back() = out;
  FailureOr<Tensor> result = frame.allocate(Element::F32, shape);
  if (failed(result))
    return failure();
  for (int64_t i = 0; i < result->size(); ++i) {
    double sum = bias->getFloat(i % out);
    for (int64_t k = 0; k < in; ++k)
      sum += x.getFloat(i / out * in + k) * weight->getFloat(i % out * in + k);
    result->setFloat(i, activation ? activate(*activation, sum) : sum);
  }
  return result;
}

FailureOr<Tensor> mlir::dejavu::reference::multiplyElements(Frame &frame,
                                                            const Tensor &lhs,
                                                            const Tensor &rhs) {
  if (lhs.getShape() != rhs.getShape())
    return frame.fail("expected factors of one shape, found " + lhs.describe() +
                      " and " + rhs.describe());
  Tensor result(Element::F32, lhs.getShape());
  for (int64_t i = 0; i < result.size(); ++i)
    result.setFloat(i, lhs.getFloat(i) * rhs.getFloat(i));
  return result;
}

FailureOr<Tensor> mlir::dejavu::reference::multiplyNeurons(
    Frame &frame, const Tensor &x, FlatSymbolRefAttr weightName,
    FlatSymbolRefAttr biasName, function_ref<bool(int64_t, int64_t)> reads) {
  int64_t in = x.getShape().back();
  FailureOr<Tensor> weight = readMatrix(frame, weightName, in, -1);
  if (failed(weight))
    return failure();
  int64_t out = weight->getDim(1);
  FailureOr<Tensor> bias = readVector(frame, biasName, out);
  if (failed(bias))
    return failure();
  Shape shape(x.getShape());
  shape.back() = out;
  FailureOr<Tensor> result = frame.allocate(Element::F32, shape);
  if (failed(result))
    return failure();
  std::vector<double> sums;
  for (int64_t row = 0, rows = in ? x.size() / in : 0; row < rows; ++row) {
    sums.assign(out, 0.0);
    for (int64_t i = 0; i < in; ++i) {
      if (!reads(row, i))
        continue;
      for (int64_t k = 0; k < out; ++k)
        sums[k] += x.getFloat(row * in + i) * weight->getFloat(i * out + k);
    }
    for (int64_t k = 0; k < out; ++k)
      result->setFloat(row * out + k, sums[k] + bias->getFloat(k));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// The dense frame
//===----------------------------------------------------------------------===//

static LogicalResult evaluateLoadWeight(LoadWeightOp op, Frame &frame) {
  return frame.result(frame.weight(op.getWeightAttr()));
}

static LogicalResult evaluateEmbed(EmbedOp op, Frame &frame) {
  const Tensor &ids = frame.tensor(op.getIds());
  FailureOr<Tensor> table =
      readMatrix(frame, op.getTableAttr(), -1, getFeatures(op.getType()));
  if (failed(table))
    return failure();
  int64_t features = table->getDim(1);
  double scale = op.getScale().convertToFloat();
  FailureOr<Tensor> result =
      frame.allocate({ids.getDim(0), ids.getDim(1), features});
  if (failed(result))
    return failure();
  for (int64_t i = 0; i < ids.size(); ++i) {
    int64_t id = ids.getInt(i), offset = op.getOffset(), row;
    if (__builtin_add_overflow(id, offset, &row) || row < 0 ||
        row >= table->getDim(0))
      return frame.fail("expected an index below " + Twine(table->getDim(0)) +
                        " with the offset " + Twine(offset) + ", found " +
                        Twine(id));
    for (int64_t k = 0; k < features; ++k)
      result->setFloat(i * features + k,
                       scale * table->getFloat(row * features + k));
  }
  return frame.result(std::move(result));
}

static LogicalResult evaluateResidualAdd(ResidualAddOp op, Frame &frame) {
  const Tensor &lhs = frame.tensor(op.getLhs()),
               &rhs = frame.tensor(op.getRhs());
  if (failed(checkSameRows(frame, lhs, rhs)))
    return failure();
  Tensor result(Element::F32, lhs.getShape());
  for (int64_t i = 0; i < result.size(); ++i)
    result.setFloat(i, lhs.getFloat(i) + rhs.getFloat(i));
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateNorm(NormOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  // A group has statistics of its own, like a row.
  int64_t features = x.getShape().back() / op.getGroups();
  FailureOr<Tensor> scale = readVector(frame, op.getScaleAttr(), features);
  FailureOr<Tensor> bias = readVector(frame, op.getBiasAttr(), features);
  if (failed(scale) || failed(bias))
    return failure();
  Tensor result(Element::F32, x.getShape());
  double epsilon = op.getEpsilon().convertToFloat();
  double offset = op.getWeightOffset().convertToFloat();
  for (int64_t first = 0; first < x.size(); first += features) {
    double mean = 0, square = 0;
    if (op.getKind() == NormKind::layer)
      for (int64_t i = 0; i < features; ++i)
        mean += x.getFloat(first + i) / features;
    for (int64_t i = 0; i < features; ++i) {
      double centred = x.getFloat(first + i) - mean;
      square += centred * centred / features;
    }
    double root = std::sqrt(square + epsilon);
    for (int64_t i = 0; i < features; ++i) {
      double factor = op.getScale() ? scale->getFloat(i) + offset : 1;
      result.setFloat(first + i,
                      (x.getFloat(first + i) - mean) / root * factor +
                          bias->getFloat(i));
    }
  }
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateLinear(LinearOp op, Frame &frame) {
  if (op.getInMajor()) {
    FailureOr<Tensor> result = multiplyNeurons(
        frame, frame.tensor(op.getInput()), op.getWeightAttr(),
        op.getBiasAttr(), [](int64_t, int64_t) { return true; });
    if (std::optional<Activation> activation = op.getActivation();
        activation && succeeded(result))
      for (int64_t i = 0; i < result->size(); ++i)
        result->setFloat(i, activate(*activation, result->getFloat(i)));
    return frame.result(std::move(result));
  }
  return frame.result(multiply(frame, frame.tensor(op.getInput()),
                               op.getWeightAttr(), op.getBiasAttr(),
                               op.getActivation()));
}

static LogicalResult evaluateLMHead(LMHeadOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  int64_t from = op.getFrom() ? frame.tensor(op.getFrom()).getInt(0) : 0;
  int64_t batch = x.getDim(0), tokens = x.getDim(1), features = x.getDim(2);
  if (from < 0 || from > tokens)
    return frame.fail("expected a first token in [0, " + Twine(tokens) +
                      "], found " + Twine(from));
  int64_t shape[] = {batch, tokens - from, features};
  FailureOr<Tensor> rows =
      pick(frame, x, shape,
           getSources(shape, getStrides(x.getShape()), from * features));
  if (failed(rows))
    return failure();
  FailureOr<Tensor> logits =
      multiply(frame, *rows, op.getWeightAttr(), op.getBiasAttr());
  if (failed(logits))
    return failure();
  double scale = op.getScale().convertToFloat();
  double cap = op.getSoftcap().convertToFloat();
  for (int64_t i = 0; i < logits->size(); ++i)
    logits->setFloat(i, softcap(scale * logits->getFloat(i), cap));
  return frame.set(0, std::move(*logits));
}

static LogicalResult evaluateFFN(FFNOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  bool isGated = op.getGate().has_value();
  FailureOr<Tensor> hidden = multiply(
      frame, x, isGated ? op.getGateAttr() : op.getUpAttr(),
      isGated ? op.getGateBiasAttr() : op.getUpBiasAttr(), op.getActivation());
  if (isGated && succeeded(hidden)) {
    FailureOr<Tensor> up =
        multiply(frame, x, op.getUpAttr(), op.getUpBiasAttr());
    if (failed(up))
      return failure();
    hidden = multiplyElements(frame, *hidden, *up);
  }
  if (failed(hidden))
    return failure();
  return frame.result(multiplyNeurons(frame, *hidden, op.getDownAttr(),
                                      op.getDownBiasAttr(),
                                      [](int64_t, int64_t) { return true; }));
}

void mlir::dejavu::reference::addDejavuOps(OpTable &table) {
  table.add(evaluateLoadWeight);
  table.add(evaluateEmbed);
  table.add(evaluateResidualAdd);
  table.add(evaluateNorm);
  table.add(evaluateLinear);
  table.add(evaluateLMHead);
  table.add(evaluateFFN);
}
