//===- OnnxAttentionOps.cpp - attention and rotary embedding --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention is computed row by row: the scores of one query of one head, the
// bias that the masks add to them, softmax, the sum of values. A bias of minus
// infinity is a key that is not seen.
//
// A query without any key gives zeros. ONNX Runtime counts a bias of the lowest
// finite f32 as "not seen" here, as exporters write it into masks of floats; so
// does this file.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include <cfloat>
#include <cmath>

using namespace mlir;
using namespace mlir::dejavu::reference;

FailureOr<Tensor>
mlir::dejavu::reference::splitHeads(Frame &frame, const Tensor &x,
                                    std::optional<int64_t> heads) {
  if (x.getRank() == 4)
    return x;
  if (x.getRank() != 3 || !heads || *heads <= 0 || x.getDim(2) % *heads != 0)
    return frame.fail("expected rank 4, or rank 3 and a number of heads that "
                      "divides the last dimension, found " +
                      x.describe());
  int64_t batch = x.getDim(0), length = x.getDim(1), width = x.getDim(2);
  int64_t size = width / *heads;
  int64_t shape[] = {batch, *heads, length, size};
  return pick(frame, x, shape,
              getSources(shape, {length * width, size, width, 1}));
}

/// The inverse of splitHeads for rank 3.
static FailureOr<Tensor> joinHeads(Frame &frame, const Tensor &x) {
  Shape own = getStrides(x.getShape());
  int64_t moved[] = {x.getDim(0), x.getDim(2), x.getDim(1), x.getDim(3)};
  FailureOr<Tensor> result = pick(
      frame, x, moved, getSources(moved, {own[0], own[2], own[1], own[3]}));
  if (failed(result))
    return failure();
  return result->reshaped({moved[0], moved[1], moved[2] * moved[3]});
}

FailureOr<Tensor> mlir::dejavu::reference::appendSteps(Frame &frame,
                                                       const Tensor &past,
                                                       const Tensor &steps) {
  ArrayRef<int64_t> a = past.getShape(), b = steps.getShape();
  if (a.size() != 4 || b.size() != 4 || a[0] != b[0] || a[1] != b[1] ||
      a[3] != b[3])
    return frame.fail("expected a past that differs in its length alone, "
                      "found " +
                      past.describe() + " and " + steps.describe());
  FailureOr<Tensor> result =
      frame.allocate(steps.getElement(), {a[0], a[1], a[2] + b[2], a[3]});
  if (failed(result))
    return failure();
  int64_t target = 0;
  for (int64_t i = 0; i < a[0] * a[1]; ++i) {
    for (int64_t j = 0, size = a[2] * a[3]; j < size; ++j)
      result->copy(target++, past, i * size + j);
    for (int64_t j = 0, size = b[2] * b[3]; j < size; ++j)
      result->copy(target++, steps, i * size + j);
  }
  return result;
}

/// What the masks add to the scores, [batch, heads, queries, keys].
static FailureOr<std::vector<double>> makeBias(onnx::AttentionOp op,
                                               Frame &frame,
                                               ArrayRef<int64_t> scores,
                                               int64_t past) {
  int64_t batch = scores[0], queries = scores[2], keys = scores[3];
  FailureOr<int64_t> count = countElements(scores);
  if (failed(count))
    return frame.fail("expected a possible number of scores, found " +
                      describe(scores));
  std::vector<double> bias(*count, 0.0);
  const Tensor *nonpad = frame.optional(op.getNonpadKvSeqlen());
  if (nonpad && nonpad->size() != batch)
    return frame.fail("expected one nonpad_kv_seqlen for each of " +
                      Twine(batch) + " sequences, found " + nonpad->describe());

  if (const Tensor *mask = frame.optional(op.getAttnMask())) {
    if (mask->getRank() < 1 || mask->getShape().back() > keys)
      return frame.fail("expected a mask of at most " + Twine(keys) +
                        " keys, found " + mask->describe());
    // The mask may be shorter than the keys, and is not repeated along them.
    Shape seen(scores);
    seen[3] = mask->getShape().back();
    FailureOr<Shape> shape = broadcastShapes(frame, {seen, mask->getShape()});
    if (failed(shape))
      return failure();
    if (*shape != seen)
      return frame.fail("expected a mask that broadcasts to " + describe(seen) +
                        ", found " + mask->describe());
    std::vector<int64_t> sources = getBroadcastSources(seen, mask->getShape());
    for (int64_t i = 0; i < *count; ++i) {
      if (i % keys >= seen[3]) {
        bias[i] = -INFINITY;
        continue;
      }
      int64_t source = sources[i / keys * seen[3] + i % keys];
      if (mask->getElement() != Element::Bool)
        bias[i] = mask->getFloat(source);
      else if (!mask->getInt(source))
        bias[i] = -INFINITY;
    }
  }
  for (int64_t i = 0; i < *count; ++i) {
    int64_t key = i % keys, query = i / keys % queries;
    int64_t b = i / (keys * queries * scores[1]);
    int64_t offset =
        nonpad && !op.getPastKey() ? nonpad->getInt(b) - queries : past;
    // How far the key lies after the place of the query.
    int64_t distance = key - query - offset;
    int64_t before = op.getLeftWindowSize(), after = op.getRightWindowSize();
    if ((op.getIsCausal() && distance > 0) ||
        (before >= 0 && distance < -before) ||
        (after >= 0 && distance > after) ||
        (nonpad && key >= nonpad->getInt(b)))
      bias[i] = -INFINITY;
  }
  return bias;
}

static LogicalResult evaluateAttention(onnx::AttentionOp op, Frame &frame) {
  FailureOr<Tensor> q =
      splitHeads(frame, frame.tensor(op.getQ()), op.getQNumHeads());
  FailureOr<Tensor> k =
      splitHeads(frame, frame.tensor(op.getK()), op.getKvNumHeads());
  FailureOr<Tensor> v =
      splitHeads(frame, frame.tensor(op.getV()), op.getKvNumHeads());
  if (failed(q) || failed(k) || failed(v))
    return failure();
  int64_t past = 0;
  if (op.getPastKey() && op.getPastValue()) {
    const Tensor &pastKey = frame.tensor(op.getPastKey());
    k = appendSteps(frame, pastKey, *k);
    v = appendSteps(frame, frame.tensor(op.getPastValue()), *v);
    if (failed(k) || failed(v))
      return failure();
    past = pastKey.getDim(2);
  }
  int64_t batch = q->getDim(0), heads = q->getDim(1), queries = q->getDim(2);
  int64_t size = q->getDim(3), kvHeads = k->getDim(1), keys = k->getDim(2);
  int64_t valueSize = v->getDim(3);
  if (k->getDim(0) != batch || v->getDim(0) != batch ||
      v->getDim(1) != kvHeads || v->getDim(2) != keys || k->getDim(3) != size ||
      kvHeads == 0 || heads % kvHeads != 0)
    return frame.fail("expected Q, K and V that go together, found " +
                      q->describe() + ", " + k->describe() + " and " +
                      v->describe());

  int64_t scoresShape[] = {batch, heads, queries, keys};
  FailureOr<std::vector<double>> bias = makeBias(op, frame, scoresShape, past);
  if (failed(bias))
    return failure();
  FailureOr<Tensor> result = frame.allocate({batch, heads, queries, valueSize});
  if (failed(result))
    return failure();
  Tensor details(q->getElement(), scoresShape);

  double scale = op.getScale() ? op.getScale()->convertToFloat()
                               : 1 / std::sqrt(static_cast<double>(size));
  double softcap = op.getSoftcap().convertToFloat();
  std::vector<double> row(keys);
  for (int64_t i = 0; i < batch * heads * queries; ++i) {
    int64_t head = i / queries % heads, b = i / queries / heads;
    int64_t kvHead = b * kvHeads + head / (heads / kvHeads);
    double mostBias = -INFINITY, largest = -INFINITY, sum = 0;
    for (int64_t key = 0; key < keys; ++key) {
      double score = 0;
      for (int64_t d = 0; d < size; ++d)
        score += q->getFloat(i * size + d) *
                 k->getFloat((kvHead * keys + key) * size + d);
      score *= scale;
      double capped = softcap ? softcap * std::tanh(score / softcap) : score;
      row[key] = capped + (*bias)[i * keys + key];
      mostBias = std::max(mostBias, (*bias)[i * keys + key]);
      largest = std::max(largest, row[key]);
      double stages[] = {score, capped, row[key]};
      if (op.getQkMatmulOutputMode() < 3)
        details.setFloat(i * keys + key, stages[op.getQkMatmulOutputMode()]);
    }
    bool seesNothing = mostBias <= -FLT_MAX;
    for (double &score : row)
      sum += score = seesNothing ? 0 : std::exp(score - largest);
    for (int64_t key = 0; key < keys; ++key) {
      row[key] = seesNothing ? 0 : row[key] / sum;
      if (op.getQkMatmulOutputMode() == 3)
        details.setFloat(i * keys + key, row[key]);
    }
    for (int64_t d = 0; d < valueSize; ++d) {
      double mixed = 0;
      for (int64_t key = 0; key < keys; ++key)
        mixed += row[key] * v->getFloat((kvHead * keys + key) * valueSize + d);
      result->setFloat(i * valueSize + d, mixed);
    }
  }

  RuntimeValue rest[] = {std::move(*k), std::move(*v), std::move(details)};
  for (unsigned i = 1; i < op->getNumResults(); ++i)
    (void)frame.set(i, std::move(rest[i - 1]));
  if (frame.tensor(op.getQ()).getRank() == 3)
    return frame.result(joinHeads(frame, *result));
  return frame.result(std::move(result));
}

static LogicalResult evaluateRotaryEmbedding(onnx::RotaryEmbeddingOp op,
                                             Frame &frame) {
  const Tensor &input = frame.tensor(op.getX());
  const Tensor &cosines = frame.tensor(op.getCosCache());
  const Tensor &sines = frame.tensor(op.getSinCache());
  const Tensor *positions = frame.optional(op.getPositionIds());
  std::optional<int64_t> heads;
  if (op.getNumHeads() > 0)
    heads = op.getNumHeads();
  FailureOr<Tensor> x = splitHeads(frame, input, heads);
  if (failed(x))
    return failure();
  int64_t batch = x->getDim(0), length = x->getDim(2), size = x->getDim(3);
  int64_t rotated =
      op.getRotaryEmbeddingDim() ? op.getRotaryEmbeddingDim() : size;
  int64_t half = rotated / 2;
  if (rotated < 0 || rotated > size || rotated % 2 != 0)
    return frame.fail("expected an even number of at most " + Twine(size) +
                      " elements to rotate, found " + Twine(rotated));
  Shape expected{batch, length, half};
  if (positions)
    expected = {cosines.getRank() ? cosines.getDim(0) : 0, half};
  int64_t positionsShape[] = {batch, length};
  if (cosines.getShape() != ArrayRef<int64_t>(expected) ||
      sines.getShape() != cosines.getShape() ||
      (positions && positions->getShape() != ArrayRef(positionsShape)))
    return frame.fail("expected caches and positions that fit " +
                      input.describe() + ", found " + cosines.describe() +
                      " and " + sines.describe());
  Tensor result(*x);
  for (int64_t i = 0, rows = size ? x->size() / size : 0; i < rows; ++i) {
    // The row of the caches for this element of the sequence.
    int64_t row = i / (x->getDim(1) * length) * length + i % length;
    if (positions) {
      int64_t position = positions->getInt(row);
      if (position < 0 || position >= cosines.getDim(0))
        return frame.fail("expected a position in [0, " +
                          Twine(cosines.getDim(0)) + "), found " +
                          Twine(position));
      row = position;
    }
    for (int64_t k = 0; k < half; ++k) {
      int64_t first = i * size + (op.getInterleaved() ? 2 * k : k);
      int64_t second = first + (op.getInterleaved() ? 1 : half);
      double x1 = x->getFloat(first), x2 = x->getFloat(second);
      double cosine = cosines.getFloat(row * half + k);
      double sine = sines.getFloat(row * half + k);
      result.setFloat(first, x1 * cosine - x2 * sine);
      result.setFloat(second, x1 * sine + x2 * cosine);
    }
  }
  if (input.getRank() == 3)
    return frame.result(joinHeads(frame, result));
  return frame.set(0, std::move(result));
}

void mlir::dejavu::reference::addOnnxAttentionOps(OpTable &table) {
  table.add(evaluateAttention);
  table.add(evaluateRotaryEmbedding);
}
