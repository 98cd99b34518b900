//===- DecomposeFused.cpp - activations, norms, rotation, products --------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function is the formula of its operator's documentation.
//
//===----------------------------------------------------------------------===//

#include "GraphBuilder.h"

#include "llvm/ADT/Sequence.h"

using namespace mlir;
using namespace mlir::onnx;

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// x * sigmoid(alpha * x)
static Value swish(GraphBuilder &b, Value x, double alpha) {
  Value scaled = alpha == 1 ? x : b.mul(x, b.numberLike(alpha, x));
  return b.mul(x, b.sigmoid(scaled));
}

static Value gelu(GraphBuilder &b, Value x, GeluApproximation approximation) {
  return b.get<GeluOp>(
      {x}, {b.attr("approximate",
                   GeluApproximationAttr::get(x.getContext(), approximation))});
}

Results onnx::decompose(GraphBuilder &b, SwishOp op) {
  return {swish(b, op.getX(), op.getAlpha().convertToFloat())};
}

Results onnx::decompose(GraphBuilder &b, SwiGLUOp op) {
  return {
      b.mul(swish(b, op.getA(), op.getAlpha().convertToFloat()), op.getB())};
}

Results onnx::decompose(GraphBuilder &b, MsQuickGeluOp op) {
  return {swish(b, op.getX(), op.getAlpha().convertToFloat())};
}

Results onnx::decompose(GraphBuilder &b, MsGeluOp op) {
  return {gelu(b, op.getX(), GeluApproximation::None)};
}

Results onnx::decompose(GraphBuilder &b, MsFastGeluOp op) {
  Value x = op.getX();
  if (Value bias = op.getBias())
    x = b.add(x, bias);
  return {gelu(b, x, GeluApproximation::Tanh)};
}

Results onnx::decompose(GraphBuilder &b, MsBiasGeluOp op) {
  return {gelu(b, b.add(op.getA(), op.getB()), GeluApproximation::None)};
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

Results onnx::decompose(GraphBuilder &b, MsSkipLayerNormalizationOp op) {
  Value sum = b.add(op.getInput(), op.getSkip());
  if (Value bias = op.getBias())
    sum = b.add(sum, bias);
  SmallVector<Value> operands{sum, op.getGamma()};
  if (Value beta = op.getBeta())
    operands.push_back(beta);
  ResultRange rest = op.getRest();
  bool wantsStatistics = llvm::any_of(
      rest.take_front(2), [](Value value) { return !value.use_empty(); });
  Operation *norm = b.make<LayerNormalizationOp>(
      operands,
      {b.attr("axis", int64_t(-1)), b.attr("epsilon", op.getEpsilonAttr())},
      wantsStatistics ? 3 : 1);
  Results results{norm->getResult(0)};
  for (unsigned i = 0; i < std::min<size_t>(rest.size(), 2); ++i)
    results.push_back(wantsStatistics ? norm->getResult(i + 1) : Value());
  if (rest.size() == 3)
    results.push_back(sum);
  return results;
}

Results onnx::decompose(GraphBuilder &b,
                        MsSkipSimplifiedLayerNormalizationOp op) {
  Value sum = b.add(op.getInput(), op.getSkip());
  if (Value bias = op.getBias())
    sum = b.add(sum, bias);
  Value norm = b.get<RMSNormalizationOp>(
      {sum, op.getGamma()},
      {b.attr("axis", int64_t(-1)), b.attr("epsilon", op.getEpsilonAttr())});
  // The mean and the inverse of the deviation are for training.
  Results results{norm, Value(), Value(), sum};
  results.resize(op->getNumResults());
  return results;
}

Results onnx::decompose(GraphBuilder &b, MsEmbedLayerNormalizationOp op) {
  Value ids = op.getInputIds();
  Value positions = op.getPositionIds();
  if (!positions)
    positions = b.unsqueeze(b.range(b.length(ids, 1)), {0});
  Value sum = b.add(b.gather(op.getWordEmbedding(), ids, 0),
                    b.gather(op.getPositionEmbedding(), positions, 0));
  if (op.getSegmentIds() && op.getSegmentEmbedding())
    sum = b.add(sum, b.gather(op.getSegmentEmbedding(), op.getSegmentIds(), 0));
  Results results{b.get<LayerNormalizationOp>(
      {sum, op.getGamma(), op.getBeta()},
      {b.attr("axis", int64_t(-1)), b.attr("epsilon", op.getEpsilonAttr())})};
  Type i32 = b.getBuilder().getI32Type();
  if (op->getNumResults() > 1) {
    if (Value mask = op.getMask())
      results.push_back(
          b.cast(b.get<ReduceSumOp>({mask, b.ints({1})},
                                    {b.attr("keepdims", int64_t(0))}),
                 i32));
    else
      results.push_back(b.expand(b.number(0, i32), b.dim(ids, 0)));
  }
  if (op->getNumResults() > 2)
    results.push_back(sum);
  return results;
}

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

Value onnx::splitHeads(GraphBuilder &b, Value x, int64_t heads) {
  if (b.getRank(x, "heads that are split") == 4)
    return x;
  Value split = heads > 0 ? b.reshape(x, {0, 0, heads, -1}) : x;
  return b.transpose(split, {0, 2, 1, 3});
}

Value onnx::joinHeads(GraphBuilder &b, Value x) {
  return b.reshape(b.transpose(x, {0, 2, 1, 3}), {0, 0, -1});
}

Value onnx::rotate(GraphBuilder &b, Value x, int64_t headAxis, Value cosines,
                   Value sines, bool interleaved) {
  int64_t half = GraphBuilder::getSize(cosines, 2);
  if (ShapedType::isDynamic(half)) {
    b.fail("expected tables of cosines and sines with known columns");
    return x;
  }
  int64_t size = GraphBuilder::getSize(x, 3);
  Value cosine = b.unsqueeze(cosines, {headAxis});
  Value sine = b.unsqueeze(sines, {headAxis});
  bool isPartial = size != 2 * half;
  Value rotated = isPartial ? b.slice(x, 3, 0, 2 * half) : x;
  Value first, second;
  if (interleaved) {
    Value pairs = b.reshape(rotated, {0, 0, 0, half, 2});
    first = b.squeeze(b.slice(pairs, 4, 0, 1), {4});
    second = b.squeeze(b.slice(pairs, 4, 1, 2), {4});
  } else {
    first = b.slice(rotated, 3, 0, half);
    second = b.slice(rotated, 3, half, 2 * half);
  }
  Value a = b.sub(b.mul(first, cosine), b.mul(second, sine));
  Value c = b.add(b.mul(second, cosine), b.mul(first, sine));
  Value result =
      interleaved
          ? b.reshape(b.concat({b.unsqueeze(a, {4}), b.unsqueeze(c, {4})}, 4),
                      {0, 0, 0, 2 * half})
          : b.concat({a, c}, 3);
  if (!isPartial)
    return result;
  return b.concat({result, b.slice(x, 3, 2 * half, GraphBuilder::end)}, 3);
}

Results onnx::decompose(GraphBuilder &b, RotaryEmbeddingOp op) {
  Value x = op.getX(), cosines = op.getCosCache(), sines = op.getSinCache();
  if (Value positions = op.getPositionIds()) {
    cosines = b.gather(cosines, positions, 0);
    sines = b.gather(sines, positions, 0);
  }
  if (b.getRank(x, "X") == 4)
    return {rotate(b, x, 1, cosines, sines, op.getInterleaved())};
  Value heads = b.reshape(x, {0, 0, op.getNumHeads(), -1});
  return {b.reshape(rotate(b, heads, 2, cosines, sines, op.getInterleaved()),
                    {0, 0, -1})};
}

Results onnx::decompose(GraphBuilder &b, MsRotaryEmbeddingOp op) {
  Value x = op.getInput(), positions = op.getPositionIds();
  bool isSplit = b.getRank(x, "input") == 4;
  if (b.getRank(positions, "position_ids") == 1)
    // The position of the first step, for all sequences.
    positions = b.unsqueeze(
        b.add(positions, b.range(b.length(x, isSplit ? 2 : 1))), {0});
  Value cosines = b.gather(op.getCosCache(), positions, 0);
  Value sines = b.gather(op.getSinCache(), positions, 0);
  if (isSplit)
    return {rotate(b, x, 1, cosines, sines, op.getInterleaved())};
  int64_t half = GraphBuilder::getSize(op.getCosCache(), 1);
  if (op.getNumHeads() <= 0 && ShapedType::isDynamic(half))
    b.fail("expected num_heads, or a cos_cache with known columns");
  Value heads = op.getNumHeads() > 0
                    ? b.reshape(x, {0, 0, op.getNumHeads(), -1})
                    : b.reshape(x, {0, 0, -1, 2 * half});
  return {b.reshape(rotate(b, heads, 2, cosines, sines, op.getInterleaved()),
                    {0, 0, -1})};
}

//===----------------------------------------------------------------------===//
// Caches and states
//===----------------------------------------------------------------------===//

Value onnx::scatterSteps(GraphBuilder &b, Value past, Value update, Value at,
                         int64_t axis, bool circular) {
  int64_t rank = b.getRank(past, "past_cache");
  if (!b.getError().empty())
    return past;
  if (axis < 0)
    axis += rank;
  // For each step of the result, the step of the update that goes there.
  Value from = b.unsqueeze(b.range(b.length(past, axis)), {0});
  if (at)
    from = b.sub(from, b.unsqueeze(at, {1}));
  if (circular)
    from = b.get<ModOp>({from, b.length(past, axis)});
  Value count = b.length(update, axis), zero = b.integer(0);
  Value isNew = b.both(b.get<GreaterOrEqualOp>({from, zero}),
                       b.get<LessOp>({from, count}));
  Value known = b.where(isNew, from, zero);
  // [batch, steps] -> the shape of the result
  SmallVector<int64_t> others;
  for (int64_t i : llvm::seq<int64_t>(1, rank))
    if (i != axis)
      others.push_back(i);
  Value indices = b.expand(b.unsqueeze(known, others), b.shape(past));
  Value picked =
      b.get<GatherElementsOp>({update, indices}, {b.attr("axis", axis)});
  return b.where(b.unsqueeze(isNew, others), picked, past);
}

Results onnx::decompose(GraphBuilder &b, TensorScatterOp op) {
  return {scatterSteps(b, op.getPastCache(), op.getUpdate(),
                       op.getWriteIndices(), op.getAxis(),
                       op.getMode() == TensorScatterMode::Circular)};
}

Results onnx::decompose(GraphBuilder &b, CausalConvWithStateOp op) {
  Value x = op.getInput(), weight = op.getWeight();
  int64_t channels = GraphBuilder::getSize(weight, 0);
  int64_t width = GraphBuilder::getSize(weight, 2);
  if (ShapedType::isDynamic(channels) || ShapedType::isDynamic(width)) {
    b.fail("expected a weight of known shape");
    return {x, x};
  }
  Value past = op.getPastState();
  if (!past)
    past = b.expand(b.numberLike(0, x),
                    b.concat({b.dim(x, 0), b.ints({channels, width - 1})}, 0));
  Value all = b.concat({past, x}, 2);
  SmallVector<Value> operands{all, weight};
  if (Value bias = op.getBias())
    operands.push_back(bias);
  Value y = b.get<ConvOp>(operands, {b.attr("group", channels)});
  if (op.getActivation() != ConvActivation::None)
    y = swish(b, y, 1);
  Value present = width > 1 ? b.slice(all, 2, 1 - width, GraphBuilder::end)
                            : b.slice(all, 2, 0, 0);
  return {y, present};
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Results onnx::decompose(GraphBuilder &b, MsFusedMatMulOp op) {
  auto arrange = [&](Value x, bool transposed, bool batchTransposed,
                     StringRef name) {
    if (!transposed && !batchTransposed)
      return x;
    int64_t rank = b.getRank(x, name);
    if (rank < 2)
      return x;
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    if (batchTransposed)
      std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
    if (transposed)
      std::swap(order[rank - 2], order[rank - 1]);
    return b.transpose(x, order);
  };
  Value y =
      b.matmul(arrange(op.getA(), op.getTransA(), op.getTransBatchA(), "A"),
               arrange(op.getB(), op.getTransB(), op.getTransBatchB(), "B"));
  double alpha = op.getAlpha().convertToFloat();
  return {alpha == 1 ? y : b.mul(y, b.numberLike(alpha, y))};
}
