//===- DecomposeExperts.cpp - mixtures of experts -------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every expert is computed for every row and weighted, with weight zero for the
// rows that did not choose it: right, and not fast.
//
//===----------------------------------------------------------------------===//

#include "GraphBuilder.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::onnx;

namespace {
/// The matrices of all experts, [experts, columns out, columns in].
struct Layer {
  Value weights, bias;
};
} // namespace

/// What the activation of `op` makes of the result of fc1, and of fc3 if there
/// is one.
template <typename OpTy>
static Value activate(GraphBuilder &b, OpTy op, Value x) {
  MLIRContext *context = x.getContext();
  switch (op.getActivationType()) {
  case MoeActivation::Relu:
    return b.get<ReluOp>({x});
  case MoeActivation::Gelu: // ONNX Runtime's is the approximation
    return b.get<GeluOp>(
        {x}, {b.attr("approximate", GeluApproximationAttr::get(
                                        context, GeluApproximation::Tanh))});
  case MoeActivation::Silu:
    return b.mul(x, b.sigmoid(x));
  case MoeActivation::Identity:
    return x;
  case MoeActivation::SwiGLU:
    break;
  }
  if (op.getSwigluLimitAfterActivation())
    b.fail("swiglu_limit_after_activation is not supported");
  int64_t wide = GraphBuilder::getSize(x, 1);
  Value gate, linear;
  if (ShapedType::isDynamic(wide) || wide % 2 != 0) {
    b.fail("expected fc1 to have an even, known number of columns");
    return x;
  }
  if (op.getSwigluFusion() == 1) {
    Value pairs = b.reshape(x, {-1, wide / 2, 2});
    gate = b.squeeze(b.slice(pairs, 2, 0, 1), {2});
    linear = b.squeeze(b.slice(pairs, 2, 1, 2), {2});
  } else if (op.getSwigluFusion() == 2) {
    gate = b.slice(x, 1, 0, wide / 2);
    linear = b.slice(x, 1, wide / 2, wide);
  } else {
    b.fail("expected swiglu_fusion to be 1 or 2");
    return x;
  }
  if (op.getSwigluLimit()) {
    double limit = op.getSwigluLimit()->convertToFloat();
    Value most = b.numberLike(limit, x);
    gate = b.get<MinOp>({gate, most});
    linear =
        b.get<MaxOp>({b.get<MinOp>({linear, most}), b.numberLike(-limit, x)});
  }
  Value scaled =
      b.mul(gate, b.numberLike(op.getActivationAlpha().convertToFloat(), x));
  Value offset =
      b.add(linear, b.numberLike(op.getActivationBeta().convertToFloat(), x));
  return b.mul(b.mul(gate, b.sigmoid(scaled)), offset);
}

/// The weight of each expert in each row's sum, [rows, experts].
template <typename OpTy>
static Value route(GraphBuilder &b, OpTy op, Value source) {
  if (op.getUseSparseMixer())
    b.fail("the sparse mixer is not supported");
  Value scores = op.getRouterProbs();
  Operation *top = b.make<TopKOp>({scores, b.ints({op.getK()})},
                                  {b.attr("axis", int64_t(-1)),
                                   b.attr("largest", int64_t(1)),
                                   b.attr("sorted", int64_t(1))},
                                  2);
  Value chosen = top->getResult(1);
  Value weights;
  if (source)
    weights = b.template get<GatherElementsOp>({source, chosen},
                                               {b.attr("axis", int64_t(1))});
  else if (op.getNormalizeRoutingWeights())
    weights = b.softmax(top->getResult(0));
  else
    weights = b.template get<GatherElementsOp>({b.softmax(scores), chosen},
                                               {b.attr("axis", int64_t(1))});
  Value none = b.expand(b.numberLike(0, weights), b.shape(scores));
  return b.template get<ScatterElementsOp>({none, chosen, weights},
                                           {b.attr("axis", int64_t(1))});
}

template <typename OpTy>
static Results mix(GraphBuilder &b, OpTy op, Layer fc1, Layer fc2, Layer fc3,
                   Value routerWeights) {
  int64_t experts = GraphBuilder::getSize(fc1.weights, 0);
  int64_t columns = GraphBuilder::getSize(
      op.getInput(), b.getRank(op.getInput(), "input") - 1);
  if (ShapedType::isDynamic(experts) || ShapedType::isDynamic(columns)) {
    b.fail("expected known numbers of experts and columns");
    return {op.getInput()};
  }
  Value x = b.reshape(op.getInput(), {-1, columns});
  Value weights = route(b, op, routerWeights);
  auto apply = [&](Value rows, Layer layer, int64_t expert) {
    Value matrix =
        b.squeeze(b.slice(layer.weights, 0, expert, expert + 1), {0});
    Value y = b.matmul(rows, b.transpose(matrix, {1, 0}));
    if (layer.bias)
      y = b.add(y, b.squeeze(b.slice(layer.bias, 0, expert, expert + 1), {0}));
    return y;
  };
  Value sum;
  for (int64_t expert = 0; expert < experts; ++expert) {
    Value hidden = activate(b, op, apply(x, fc1, expert));
    if (fc3.weights)
      hidden = b.mul(hidden, apply(x, fc3, expert));
    Value y = b.mul(apply(hidden, fc2, expert),
                    b.slice(weights, 1, expert, expert + 1));
    sum = sum ? b.add(sum, y) : y;
  }
  return {b.reshape(sum, b.shape(op.getInput()))};
}

Results onnx::decompose(GraphBuilder &b, MsMoEOp op) {
  return mix(b, op, {op.getFc1ExpertsWeights(), op.getFc1ExpertsBias()},
             {op.getFc2ExpertsWeights(), op.getFc2ExpertsBias()},
             {op.getFc3ExpertsWeights(), op.getFc3ExpertsBias()}, Value());
}

Results onnx::decompose(GraphBuilder &b, MsQMoEOp op) {
  int64_t bits = op.getExpertWeightBits(), blockSize = op.getBlockSize();
  Type element = GraphBuilder::getElement(op.getInput());
  auto dequantize = [&](Value packed, Value scales, Value points) -> Value {
    if (!packed)
      return {};
    if (!scales) {
      b.fail("expected scales beside quantised weights");
      return packed;
    }
    Value numbers = b.cast(unpackBits(b, packed, bits), element);
    int64_t columns = GraphBuilder::getSize(numbers, 2);
    if (ShapedType::isDynamic(columns)) {
      b.fail("expected weights of known shape");
      return numbers;
    }
    bool isBlocked = blockSize > 0;
    int64_t blocks = isBlocked ? llvm::divideCeil(columns, blockSize) : 1;
    Value zeros;
    if (!points)
      zeros = b.number(1 << (bits - 1), element);
    else if (isBlocked)
      zeros = expandBlocks(
          b,
          b.cast(b.slice(unpackBits(b, points, bits), 2, 0, blocks), element),
          2, blockSize, columns);
    else
      zeros = b.unsqueeze(b.cast(b.slice(unpackBits(b, points, bits), 1, 0,
                                         GraphBuilder::getSize(numbers, 1)),
                                 element),
                          {2});
    Value factors = b.cast(scales, element);
    factors = isBlocked ? expandBlocks(b, factors, 2, blockSize, columns)
                        : b.unsqueeze(factors, {2});
    return b.mul(b.sub(numbers, zeros), factors);
  };
  return mix(b, op,
             {dequantize(op.getFc1ExpertsWeights(), op.getFc1Scales(),
                         op.getFc1ZeroPoints()),
              op.getFc1ExpertsBias()},
             {dequantize(op.getFc2ExpertsWeights(), op.getFc2Scales(),
                         op.getFc2ZeroPoints()),
              op.getFc2ExpertsBias()},
             {dequantize(op.getFc3ExpertsWeights(), op.getFc3Scales(),
                         op.getFc3ZeroPoints()),
              op.getFc3ExpertsBias()},
             op.getRouterWeights());
}
