//===- DejavuAttentionOps.cpp - attention of the dejavu dialect -----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The cache, attention over it, attention without one, and rotary embedding.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::reference;

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// Turns scores, of which the hidden ones are minus infinity, into weights. A
/// query that sees nothing weighs all the same (`uniform`) or nothing.
static void softmax(std::vector<double> &scores, MaskedRows maskedRows) {
  double largest = -INFINITY, sum = 0;
  for (double score : scores)
    if (largest < score || std::isnan(score))
      largest = score;
  if (largest == -INFINITY) {
    bool isUniform = maskedRows == MaskedRows::uniform;
    std::fill(scores.begin(), scores.end(),
              isUniform ? 1.0 / static_cast<double>(scores.size()) : 0.0);
    return;
  }
  for (double &score : scores)
    sum += score = std::exp(score - largest);
  for (double &score : scores)
    score /= sum;
}

//===----------------------------------------------------------------------===//
// Over a cache
//===----------------------------------------------------------------------===//

FailureOr<Cache> mlir::dejavu::reference::appendToCache(Frame &frame,
                                                        const Cache &cache,
                                                        const Tensor &key,
                                                        const Tensor &value,
                                                        KVCacheType type) {
  int64_t heads = type.getHeads();
  int64_t features = heads * type.getHeadDim();
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
  return Cache{std::move(*keys), std::move(*values)};
}

static LogicalResult evaluateKVAppend(KVAppendOp op, Frame &frame) {
  FailureOr<Cache> cache = appendToCache(
      frame, frame.cache(op.getCache()), frame.tensor(op.getKey()),
      frame.tensor(op.getValue()), op.getType());
  if (failed(cache))
    return failure();
  return frame.set(0, std::move(*cache));
}

/// Attention of the heads for which `isActive(row, kvHead)`.
template <typename OpTy>
static LogicalResult
evaluateHeads(OpTy op, Frame &frame,
              function_ref<bool(int64_t, int64_t)> isActive) {
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
  double cap = op.getSoftcap().convertToFloat();
  std::optional<ArrayRef<float>> slopes = op.getAlibi();
  std::vector<double> weights(steps);
  for (int64_t i = 0; i < batch * tokens * heads; ++i) {
    int64_t head = i % heads, token = i / heads % tokens;
    int64_t b = i / heads / tokens, kvHead = head / (heads / kvHeads);
    if (!isActive(i / heads, kvHead))
      continue;
    // The place of the first step of this head in keys and values.
    int64_t base = (b * kvHeads + kvHead) * steps * size;
    int64_t now = steps - tokens + token;
    int64_t first = std::max<int64_t>(starts.getInt(b), 0);
    if (std::optional<uint64_t> window = op.getWindow())
      first = std::max<int64_t>(first, now - static_cast<int64_t>(*window) + 1);
    std::fill(weights.begin(), weights.end(), -INFINITY);
    for (int64_t step = first; step <= now; ++step) {
      double dot = 0;
      for (int64_t d = 0; d < size; ++d)
        dot += query.getFloat(i * size + d) *
               cache.keys.getFloat(base + step * size + d);
      weights[step] = softcap(scale * dot, cap);
      if (slopes)
        weights[step] += static_cast<double>((*slopes)[head]) * (step - now);
    }
    softmax(weights, op.getMaskedRows());
    for (int64_t d = 0; d < size; ++d) {
      double mixed = 0;
      // Also the steps that weigh nothing: the mean is over all.
      for (int64_t step = 0; step < steps; ++step)
        if (weights[step] != 0)
          mixed +=
              weights[step] * cache.values.getFloat(base + step * size + d);
      result.setFloat(i * size + d, mixed);
    }
  }
  (void)frame.set(1, cache);
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateAttention(AttentionOp op, Frame &frame) {
  return evaluateHeads(op, frame, [](int64_t, int64_t) { return true; });
}

static LogicalResult evaluateSparseAttention(SparseAttentionOp op,
                                             Frame &frame) {
  const ActiveSet &active = frame.active(op.getActive());
  const Tensor &query = frame.tensor(op.getQuery());
  if (static_cast<int64_t>(active.rows.size()) !=
      query.getDim(0) * query.getDim(1))
    return frame.fail("expected an active set for each row of " +
                      query.describe() + ", found " +
                      Twine(active.rows.size()));
  return evaluateHeads(op, frame, [&](int64_t row, int64_t head) {
    return llvm::binary_search(active.rows[row], head);
  });
}

//===----------------------------------------------------------------------===//
// Over given keys and values
//===----------------------------------------------------------------------===//

static LogicalResult evaluateSDPA(SDPAOp op, Frame &frame) {
  const Tensor &query = frame.tensor(op.getQuery());
  const Tensor &key = frame.tensor(op.getKey());
  const Tensor &value = frame.tensor(op.getValue());
  const Tensor *mask = frame.optional(op.getMask());
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  int64_t batch = query.getDim(0), queries = query.getDim(1);
  int64_t keys = key.getDim(1), size = query.getDim(2) / heads;
  int64_t valueSize = value.getDim(2) / kvHeads;
  if (key.getDim(0) != batch)
    return frame.fail("expected keys for " + Twine(batch) +
                      " sequences, found " + key.describe());
  if (failed(checkRows(frame, key, kvHeads * size)) ||
      failed(checkSameRows(frame, key, value)))
    return failure();
  // Where the mask's element for a score is.
  Shape scores{batch, heads, queries, keys};
  std::vector<int64_t> places;
  if (mask) {
    for (int64_t axis = 0; axis < 4; ++axis)
      if (mask->getDim(axis) != 1 && mask->getDim(axis) != scores[axis])
        return frame.fail("expected a mask for scores of " + describe(scores) +
                          ", found " + mask->describe());
    if (failed(countElements(scores)))
      return frame.fail("too many scores: " + describe(scores));
    places = getBroadcastSources(scores, mask->getShape());
  }
  FailureOr<Tensor> result =
      frame.allocate(Element::F32, {batch, queries, heads * valueSize});
  if (failed(result))
    return failure();
  double scale = op.getScale().convertToFloat();
  double cap = op.getSoftcap().convertToFloat();
  std::vector<double> weights(keys);
  for (int64_t i = 0; i < batch * heads * queries; ++i) {
    int64_t token = i % queries, head = i / queries % heads;
    int64_t b = i / queries / heads;
    int64_t kvHead = head / (heads / kvHeads);
    int64_t row = (b * queries + token) * heads + head;
    for (int64_t k = 0; k < keys; ++k) {
      weights[k] = -INFINITY;
      if (op.getCausal() && k > token + keys - queries)
        continue;
      if (mask && !mask->isFloat() && mask->getInt(places[i * keys + k]) == 0)
        continue;
      double dot = 0;
      for (int64_t d = 0; d < size; ++d)
        dot += query.getFloat(row * size + d) *
               key.getFloat(((b * keys + k) * kvHeads + kvHead) * size + d);
      weights[k] = softcap(scale * dot, cap);
      // In f32, where a large number drowns the score: a query that sees only
      // such numbers gives the mean.
      if (mask && mask->isFloat())
        weights[k] = static_cast<float>(weights[k]) +
                     static_cast<float>(mask->getFloat(places[i * keys + k]));
    }
    softmax(weights, op.getMaskedRows());
    for (int64_t d = 0; d < valueSize; ++d) {
      double mixed = 0;
      for (int64_t k = 0; k < keys; ++k)
        if (weights[k] != 0)
          mixed += weights[k] *
                   value.getFloat(
                       ((b * keys + k) * kvHeads + kvHead) * valueSize + d);
      result->setFloat(row * valueSize + d, mixed);
    }
  }
  return frame.set(0, std::move(*result));
}

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

static LogicalResult evaluateRopeTable(RopeTableOp op, Frame &frame) {
  const Tensor &positions = frame.tensor(op.getPositions());
  int64_t half = getFeatures(op.getType()) / 2;
  FailureOr<Tensor> frequencies = readVector(frame, op.getInvFreqAttr(), half);
  if (failed(frequencies))
    return failure();
  FailureOr<Tensor> result =
      frame.allocate({positions.getDim(0), positions.getDim(1), 2 * half});
  if (failed(result))
    return failure();
  double scale = op.getScale().convertToFloat();
  for (int64_t i = 0; i < positions.size(); ++i)
    for (int64_t k = 0; k < half; ++k) {
      // Angles are f32, as in the models: far positions feel the rounding.
      auto angle = static_cast<float>(
          static_cast<double>(static_cast<float>(positions.getInt(i))) *
          frequencies->getFloat(k));
      result->setFloat(2 * half * i + k, scale * std::cos(angle));
      result->setFloat(2 * half * i + half + k, scale * std::sin(angle));
    }
  return frame.set(0, std::move(*result));
}

FailureOr<Tensor> mlir::dejavu::reference::rotate(Frame &frame, const Tensor &x,
                                                  const Tensor &table,
                                                  int64_t heads,
                                                  bool isInterleaved) {
  int64_t rows = x.getDim(0) * x.getDim(1), rotated = table.getDim(2);
  int64_t size = x.getDim(2) / heads;
  bool isShared = table.getDim(0) == 1;
  if ((!isShared && table.getDim(0) != x.getDim(0)) ||
      table.getDim(1) != x.getDim(1))
    return frame.fail("expected a table for the tokens of " + x.describe() +
                      ", found " + table.describe());
  Tensor result = x;
  for (int64_t i = 0; i < rows * heads; ++i) {
    int64_t row = i / heads, tableRow = isShared ? row % x.getDim(1) : row;
    for (int64_t k = 0; k < rotated / 2; ++k) {
      double cos = table.getFloat(tableRow * rotated + k);
      double sin = table.getFloat(tableRow * rotated + rotated / 2 + k);
      int64_t a = i * size + (isInterleaved ? 2 * k : k);
      int64_t b = a + (isInterleaved ? 1 : rotated / 2);
      result.setFloat(a, x.getFloat(a) * cos - x.getFloat(b) * sin);
      result.setFloat(b, x.getFloat(b) * cos + x.getFloat(a) * sin);
    }
  }
  return result;
}

static LogicalResult evaluateRope(RopeOp op, Frame &frame) {
  return frame.result(rotate(frame, frame.tensor(op.getInput()),
                             frame.tensor(op.getTable()), op.getHeads(),
                             op.getInterleaved()));
}

void mlir::dejavu::reference::addDejavuAttentionOps(OpTable &table) {
  table.add(evaluateKVAppend);
  table.add(evaluateAttention);
  table.add(evaluateSparseAttention);
  table.add(evaluateSDPA);
  table.add(evaluateRopeTable);
  table.add(evaluateRope);
}
