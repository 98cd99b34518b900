//===- DejavuSparsityOps.cpp - predict, select, gather --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is not in an active set is not read: a NaN there changes nothing.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::reference;

/// Checks that there is an active set of indices below `extent` for each row of
/// `x`.
static LogicalResult checkActive(Frame &frame, const ActiveSet &active,
                                 const Tensor &x, int64_t extent) {
  int64_t rows = x.getDim(0) * x.getDim(1);
  if (static_cast<int64_t>(active.rows.size()) != rows)
    return frame.fail("expected an active set for each row of " + x.describe() +
                      ", found " + Twine(active.rows.size()));
  for (const std::vector<int64_t> &set : active.rows)
    for (int64_t i : set)
      if (i < 0 || i >= extent)
        return frame.fail("expected an active set below " + Twine(extent) +
                          ", found " + Twine(i));
  return success();
}

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

/// Rows of `x` with mean 0 and variance 1. Not rounded.
static std::vector<double> normalize(const Tensor &x, double epsilon) {
  int64_t features = x.getShape().back();
  std::vector<double> result(x.size());
  for (int64_t first = 0; first < x.size(); first += features) {
    double mean = 0, square = 0;
    for (int64_t i = 0; i < features; ++i)
      mean += x.getFloat(first + i);
    mean /= static_cast<double>(features);
    for (int64_t i = 0; i < features; ++i) {
      double centred = x.getFloat(first + i) - mean;
      square += centred * centred / features;
    }
    double root = std::sqrt(square + epsilon);
    for (int64_t i = 0; i < features; ++i)
      result[first + i] = (x.getFloat(first + i) - mean) / root;
  }
  return result;
}

static LogicalResult evaluatePredict(PredictOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  int64_t in = x.getDim(2), units = getFeatures(op.getType());
  FailureOr<Tensor> bias = readVector(frame, op.getBiasAttr(), units);
  FailureOr<Tensor> result = frame.allocate({x.getDim(0), x.getDim(1), units});
  if (failed(bias) || failed(result))
    return failure();
  std::vector<double> n = normalize(x, op.getEpsilon().convertToFloat());
  int64_t rows = x.getDim(0) * x.getDim(1);
  if (op.getKind() == PredictorKind::sign_bit) {
    FailureOr<Tensor> signs = readMatrix(
        frame, op.getFirstAttr(), static_cast<int64_t>((in + 7) / 8), units);
    if (failed(signs))
      return failure();
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = 0; i < units; ++i) {
        int64_t differ = 0;
        for (int64_t k = 0; k < in; ++k) {
          bool isNegative = n[row * in + k] < 0;
          bool sign = signs->getInt(k / 8 * units + i) >> (k % 8) & 1;
          differ += isNegative != sign;
        }
        result->setFloat(row * units + i, static_cast<double>(in - 2 * differ) +
                                              bias->getFloat(i));
      }
    return frame.result(std::move(result));
  }
  FailureOr<Tensor> first = readMatrix(frame, op.getFirstAttr(), -1, in);
  if (failed(first))
    return failure();
  int64_t rank = first->getDim(0);
  FailureOr<Tensor> second = readMatrix(frame, op.getSecondAttr(), rank, units);
  if (failed(second))
    return failure();
  FailureOr<Tensor> scale;
  if (op.getScale() &&
      failed(scale = readVector(frame, op.getScaleAttr(), units)))
    return failure();
  std::vector<double> inner(rank), scores(units);
  for (int64_t row = 0; row < rows; ++row) {
    scores.assign(units, 0);
    for (int64_t r = 0; r < rank; ++r) {
      double sum = 0;
      for (int64_t k = 0; k < in; ++k)
        sum += n[row * in + k] * first->getFloat(r * in + k);
      for (int64_t i = 0; i < units; ++i)
        scores[i] += sum * second->getFloat(r * units + i);
    }
    for (int64_t i = 0; i < units; ++i)
      result->setFloat(row * units + i,
                       scores[i] * (op.getScale() ? scale->getFloat(i) : 1) +
                           bias->getFloat(i));
  }
  return frame.result(std::move(result));
}

/// The indices of the `k` greatest of `extent` elements from `first` on, by
/// the order of their bits: -NaN, negative numbers, -0, +0, positive numbers,
/// NaN.
static std::vector<int64_t> findGreatest(const Tensor &scores, int64_t first,
                                         int64_t extent, int64_t k) {
  auto getKey = [&](int64_t i) {
    auto bits = static_cast<uint32_t>(scores.getBits(first + i));
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  };
  std::vector<int64_t> order(extent);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    uint32_t lhs = getKey(a), rhs = getKey(b);
    return lhs != rhs ? lhs > rhs : a < b;
  });
  order.resize(k);
  std::sort(order.begin(), order.end());
  return order;
}

static LogicalResult evaluateSelect(SelectOp op, Frame &frame) {
  const Tensor &scores = frame.tensor(op.getScores());
  int64_t extent = op.getType().getExtent();
  if (failed(checkRows(frame, scores, extent)))
    return failure();
  ActiveSet active;
  active.rows.resize(extent ? scores.size() / extent : 0);
  double threshold =
      op.getThreshold() ? op.getThreshold()->convertToFloat() : 0;
  // Comparisons are written so that a NaN is selected.
  auto isSelected = [&](double score) {
    switch (op.getKind()) {
    case SelectKind::exact:
      return score != 0;
    case SelectKind::magnitude:
      return !(std::fabs(score) < threshold);
    case SelectKind::threshold:
      return !(score < threshold);
    case SelectKind::top_k:
      break;
    }
    return false;
  };
  for (auto [row, set] : llvm::enumerate(active.rows)) {
    int64_t first = static_cast<int64_t>(row) * extent;
    if (op.getKind() == SelectKind::top_k) {
      set =
          findGreatest(scores, first, extent, static_cast<int64_t>(*op.getK()));
      continue;
    }
    for (int64_t i = 0; i < extent; ++i)
      if (isSelected(scores.getFloat(first + i)))
        set.push_back(i);
  }
  return frame.set(0, std::move(active));
}

//===----------------------------------------------------------------------===//
// Products that gather
//===----------------------------------------------------------------------===//

/// `activation(x * weight^T + bias)` of the features of the units of a set, 0
/// for the others.
static FailureOr<Tensor> gather(Frame &frame, const Tensor &x,
                                const ActiveSet &active, int64_t extent,
                                int64_t out, FlatSymbolRefAttr weightName,
                                FlatSymbolRefAttr biasName,
                                std::optional<Activation> activation = {}) {
  int64_t in = x.getDim(2), block = out / extent;
  if (failed(checkActive(frame, active, x, extent)))
    return failure();
  FailureOr<Tensor> weight = readMatrix(frame, weightName, out, in);
  FailureOr<Tensor> bias = readVector(frame, biasName, out);
  FailureOr<Tensor> result =
      frame.allocate(Element::F32, {x.getDim(0), x.getDim(1), out});
  if (failed(weight) || failed(bias) || failed(result))
    return failure();
  for (auto [row, set] : llvm::enumerate(active.rows))
    for (int64_t unit : set)
      for (int64_t i = unit * block; i < (unit + 1) * block; ++i) {
        double sum = bias->getFloat(i);
        for (int64_t k = 0; k < in; ++k)
          sum += x.getFloat(row * in + k) * weight->getFloat(i * in + k);
        result->setFloat(static_cast<int64_t>(row) * out + i,
                         activation ? activate(*activation, sum) : sum);
      }
  return result;
}

static LogicalResult evaluateGatherLinear(GatherLinearOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  const Tensor *factor = frame.optional(op.getFactor());
  if (factor && failed(checkSameRows(frame, x, *factor)))
    return failure();
  FailureOr<Tensor> result =
      gather(frame, x, frame.active(op.getActive()),
             op.getActive().getType().getExtent(), getFeatures(op.getType()),
             op.getWeightAttr(), op.getBiasAttr());
  if (failed(result) || !factor)
    return frame.result(std::move(result));
  // What is not in the set stays 0, whatever the factor is.
  int64_t out = result->getDim(2),
          extent = op.getActive().getType().getExtent();
  for (auto [row, set] : llvm::enumerate(frame.active(op.getActive()).rows))
    for (int64_t unit : set)
      for (int64_t i = 0, block = out / extent; i < block; ++i) {
        int64_t at = static_cast<int64_t>(row) * out + unit * block + i;
        result->setFloat(at, result->getFloat(at) * factor->getFloat(at));
      }
  return frame.result(std::move(result));
}

static LogicalResult evaluateSparseLinear(SparseLinearOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  const ActiveSet &active = frame.active(op.getActive());
  int64_t extent = op.getActive().getType().getExtent();
  if (failed(checkActive(frame, active, x, extent)))
    return failure();
  int64_t block = x.getDim(2) / extent;
  return frame.result(
      multiplyNeurons(frame, x, op.getWeightAttr(), op.getBiasAttr(),
                      [&](int64_t row, int64_t i) {
                        return llvm::binary_search(active.rows[row], i / block);
                      }));
}

static LogicalResult evaluateSparseFFN(SparseFFNOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  const ActiveSet &active = frame.active(op.getActive());
  int64_t neurons = op.getActive().getType().getExtent();
  bool isGated = op.getGate().has_value();
  FailureOr<Tensor> hidden = gather(
      frame, x, active, neurons, neurons,
      isGated ? op.getGateAttr() : op.getUpAttr(),
      isGated ? op.getGateBiasAttr() : op.getUpBiasAttr(), op.getActivation());
  if (failed(hidden))
    return failure();
  // The neurons that are left: of an exactly sparse activation those that are
  // not zero.
  ActiveSet used = active;
  if (isExactlySparse(op.getActivation()))
    for (auto [row, set] : llvm::enumerate(used.rows))
      llvm::erase_if(set, [&, row = row](int64_t i) {
        return hidden->getFloat(static_cast<int64_t>(row) * neurons + i) == 0;
      });
  if (isGated) {
    FailureOr<Tensor> up = gather(frame, x, used, neurons, neurons,
                                  op.getUpAttr(), op.getUpBiasAttr());
    if (failed(up))
      return failure();
    hidden = multiplyElements(frame, *hidden, *up);
    if (failed(hidden))
      return failure();
  }
  return frame.result(
      multiplyNeurons(frame, *hidden, op.getDownAttr(), op.getDownBiasAttr(),
                      [&](int64_t row, int64_t i) {
                        return llvm::binary_search(used.rows[row], i);
                      }));
}

//===----------------------------------------------------------------------===//
// The cache
//===----------------------------------------------------------------------===//

/// Computes all keys and values at once: when it is done cannot be seen.
static LogicalResult evaluateKVAppendDeferred(KVAppendDeferredOp op,
                                              Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  int64_t heads = op.getType().getHeads();
  int64_t features = heads * op.getType().getHeadDim();
  ActiveSet all;
  all.rows.assign(x.getDim(0) * x.getDim(1), std::vector<int64_t>(heads));
  for (std::vector<int64_t> &set : all.rows)
    std::iota(set.begin(), set.end(), 0);
  FailureOr<Tensor> keys = gather(frame, x, all, heads, features,
                                  op.getKeyAttr(), op.getKeyBiasAttr());
  FailureOr<Tensor> values = gather(frame, x, all, heads, features,
                                    op.getValueAttr(), op.getValueBiasAttr());
  if (failed(keys) || failed(values))
    return failure();
  if (const Tensor *table = frame.optional(op.getTable()))
    keys = rotate(frame, *keys, *table, heads, op.getInterleaved());
  if (failed(keys))
    return failure();
  FailureOr<Cache> cache = appendToCache(frame, frame.cache(op.getCache()),
                                         *keys, *values, op.getType());
  if (failed(cache))
    return failure();
  return frame.set(0, std::move(*cache));
}

void mlir::dejavu::reference::addDejavuSparsityOps(OpTable &table) {
  table.add(evaluatePredict);
  table.add(evaluateSelect);
  table.add(evaluateGatherLinear);
  table.add(evaluateSparseLinear);
  table.add(evaluateSparseFFN);
  table.add(evaluateKVAppendDeferred);
}
