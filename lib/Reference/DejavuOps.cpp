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

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

/// Checks that an operand is an activation with the given features.
static LogicalResult checkRows(Frame &frame, const Tensor &x,
                               int64_t features) {
  if (x.getRank() == 3 && x.getDim(2) == features)
    return success();
  return frame.fail("expected an activation with " + Twine(features) +
                    " features, found " + x.describe());
}

/// Checks that two activations or index tensors have the same batch and tokens.
static LogicalResult checkSameRows(Frame &frame, const Tensor &a,
                                   const Tensor &b) {
  if (a.getRank() >= 2 && b.getRank() >= 2 &&
      a.getShape().take_front(2) == b.getShape().take_front(2))
    return success();
  return frame.fail("expected equal batch and tokens, found " + a.describe() +
                    " and " + b.describe());
}

/// A weight that is a vector of `size`; zeros if there is none.
static FailureOr<Tensor> readVector(Frame &frame, FlatSymbolRefAttr symbol,
                                    int64_t size) {
  if (!symbol)
    return frame.allocate(Element::F32, {size});
  FailureOr<Tensor> vector = frame.weight(symbol);
  if (failed(vector))
    return failure();
  if (vector->getRank() != 1 || vector->getDim(0) != size)
    return frame.fail("expected weight '" + symbol.getValue() + "' with " +
                      Twine(size) + " elements, found " + vector->describe());
  return vector;
}

/// A weight that is a matrix; a negative number of rows or columns means any.
static FailureOr<Tensor> readMatrix(Frame &frame, FlatSymbolRefAttr symbol,
                                    int64_t rows, int64_t columns) {
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

/// `x * weight + bias` with a weight [in, out] of which row i is read only
/// where `reads(row, i)`.
static FailureOr<Tensor>
multiplyNeurons(Frame &frame, const Tensor &x, FlatSymbolRefAttr weightName,
                FlatSymbolRefAttr biasName,
                function_ref<bool(int64_t, int64_t)> reads) {
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
      result->setFloat(i * features + k, table->getFloat(row * features + k));
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
  int64_t features = x.getShape().back();
  FailureOr<Tensor> scale = readVector(frame, op.getScaleAttr(), features);
  FailureOr<Tensor> bias = readVector(frame, op.getBiasAttr(), features);
  if (failed(scale) || failed(bias))
    return failure();
  Tensor result(Element::F32, x.getShape());
  double epsilon = op.getEpsilon().convertToFloat();
  for (int64_t first = 0; first < x.size(); first += features) {
    double mean = 0, square = 0;
    if (op.getKind() == NormKind::layer)
      for (int64_t i = 0; i < features; ++i)
        mean += x.getFloat(first + i) / features;
    for (int64_t i = 0; i < features; ++i) {
      double centred = x.getFloat(first + i) - mean;
      square += centred * centred / features;
    }
    for (int64_t i = 0; i < features; ++i)
      result.setFloat(first + i, (x.getFloat(first + i) - mean) /
                                         std::sqrt(square + epsilon) *
                                         scale->getFloat(i) +
                                     bias->getFloat(i));
  }
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateLinear(LinearOp op, Frame &frame) {
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
  return frame.result(
      multiply(frame, *rows, op.getWeightAttr(), op.getBiasAttr()));
}

static LogicalResult evaluateFFN(FFNOp op, Frame &frame) {
  FailureOr<Tensor> hidden =
      multiply(frame, frame.tensor(op.getInput()), op.getUpAttr(),
               op.getUpBiasAttr(), op.getActivation());
  if (failed(hidden))
    return failure();
  return frame.result(multiplyNeurons(frame, *hidden, op.getDownAttr(),
                                      op.getDownBiasAttr(),
                                      [](int64_t, int64_t) { return true; }));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

static LogicalResult evaluateKVAppend(KVAppendOp op, Frame &frame) {
  const Cache &cache = frame.cache(op.getCache());
  const Tensor &key = frame.tensor(op.getKey());
  const Tensor &value = frame.tensor(op.getValue());
  int64_t heads = op.getType().getHeads();
  int64_t features = heads * op.getType().getHeadDim();
  if (failed(checkRows(frame, key, features)) ||
      failed(checkRows(frame, value, features)) ||
      failed(checkSameRows(frame, key, value)))
    return failure();
  FailureOr<Tensor> newKeys = splitHeads(frame, key, heads);
  FailureOr<Tensor> newValues = splitHeads(frame, value, heads);
  if (failed(newKeys) || failed(newValues))
    return failure();
  FailureOr<Tensor> keys = appendSteps(frame, cache.keys, *newKeys);
  FailureOr<Tensor> values = appendSteps(frame, cache.values, *newValues);
  if (failed(keys) || failed(values))
    return failure();
  return frame.set(0, Cache{std::move(*keys), std::move(*values)});
}

static LogicalResult evaluateAttention(AttentionOp op, Frame &frame) {
  const Tensor &query = frame.tensor(op.getQuery());
  const Cache &cache = frame.cache(op.getCache());
  const Tensor &starts = frame.tensor(op.getStarts());
  int64_t kvHeads = cache.keys.getDim(1), size = cache.keys.getDim(3);
  int64_t batch = query.getDim(0), tokens = query.getDim(1);
  int64_t steps = cache.keys.getDim(2), heads = query.getDim(2) / size;
  if (cache.keys.getDim(0) != batch || starts.size() != batch || tokens > steps)
    return frame.fail("expected a cache and starts for " + Twine(batch) +
                      " sequences and at least " + Twine(tokens) +
                      " steps, found " + cache.keys.describe() + " and " +
                      starts.describe());
  Tensor result(Element::F32, query.getShape());
  double scale = op.getScale().convertToFloat();
  std::vector<double> weights(steps);
  for (int64_t i = 0; i < batch * tokens * heads; ++i) {
    int64_t head = i % heads, token = i / heads % tokens;
    int64_t b = i / heads / tokens;
    // The place of the first step of this head in keys and values.
    int64_t base = (b * kvHeads + head / (heads / kvHeads)) * steps * size;
    int64_t start = std::max<int64_t>(starts.getInt(b), 0);
    int64_t end = steps - tokens + token + 1;
    std::fill(weights.begin(), weights.end(), 0.0);
    double largest = -INFINITY, sum = 0;
    for (int64_t step = start; step < end; ++step) {
      for (int64_t d = 0; d < size; ++d)
        weights[step] += query.getFloat(i * size + d) *
                         cache.keys.getFloat(base + step * size + d);
      weights[step] *= scale;
      largest = std::max(largest, weights[step]);
    }
    for (int64_t step = start; step < end; ++step)
      sum += weights[step] = std::exp(weights[step] - largest);
    if (start >= end) {
      // This token is padding itself.
      if (op.getMaskedRows() == MaskedRows::zero)
        continue;
      start = 0, end = sum = steps;
      std::fill(weights.begin(), weights.end(), 1.0);
    }
    for (int64_t d = 0; d < size; ++d) {
      double mixed = 0;
      for (int64_t step = start; step < end; ++step)
        mixed +=
            weights[step] / sum * cache.values.getFloat(base + step * size + d);
      result.setFloat(i * size + d, mixed);
    }
  }
  (void)frame.set(1, cache);
  return frame.set(0, std::move(result));
}

//===----------------------------------------------------------------------===//
// Sparsity
//===----------------------------------------------------------------------===//

static LogicalResult evaluateSelect(SelectOp op, Frame &frame) {
  const Tensor &scores = frame.tensor(op.getScores());
  int64_t extent = op.getType().getExtent();
  if (failed(checkRows(frame, scores, extent)))
    return failure();
  ActiveSet active;
  active.rows.resize(extent ? scores.size() / extent : 0);
  for (int64_t i = 0; i < scores.size(); ++i)
    if (scores.getFloat(i) != 0) // true for NaN
      active.rows[i / extent].push_back(i % extent);
  return frame.set(0, std::move(active));
}

static LogicalResult evaluateSparseLinear(SparseLinearOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  const ActiveSet &active = frame.active(op.getActive());
  int64_t in = x.getDim(2);
  if (static_cast<int64_t>(active.rows.size()) * in != x.size())
    return frame.fail("expected an active set for each row of " + x.describe() +
                      ", found " + Twine(active.rows.size()));
  return frame.result(
      multiplyNeurons(frame, x, op.getWeightAttr(), op.getBiasAttr(),
                      [&](int64_t row, int64_t i) {
                        return llvm::binary_search(active.rows[row], i);
                      }));
}

void mlir::dejavu::reference::addDejavuOps(OpTable &table) {
  table.add(evaluateLoadWeight);
  table.add(evaluateEmbed);
  table.add(evaluateResidualAdd);
  table.add(evaluateNorm);
  table.add(evaluateLinear);
  table.add(evaluateLMHead);
  table.add(evaluateFFN);
  table.add(evaluateKVAppend);
  table.add(evaluateAttention);
  table.add(evaluateSelect);
  table.add(evaluateSparseLinear);
}
