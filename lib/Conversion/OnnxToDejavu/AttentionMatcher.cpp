//===- AttentionMatcher.cpp - attention in onnx ops -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionMatcher.h"

using namespace mlir;
using namespace mlir::dejavu;

using Dims = SymbolicShapes::Dims;

/// Takes products with and quotients by constants off `value`.
static Value peelScale(Value value, double &scale) {
  while (Operation *op = value.getDefiningOp()) {
    std::optional<double> factor;
    Value rest;
    if (isa<onnx::MulOp>(op)) {
      for (Value operand : op->getOperands()) {
        if (std::optional<double> number = getConstantFloat(operand)) {
          factor = number;
          rest = getOtherOperand(op, operand);
        }
      }
    } else if (isa<onnx::DivOp>(op)) {
      if (std::optional<double> number = getConstantFloat(op->getOperand(1));
          number && *number != 0) {
        factor = 1 / *number;
        rest = op->getOperand(0);
      }
    }
    // A constant of higher rank would add dimensions.
    auto type = dyn_cast<RankedTensorType>(value.getType());
    auto restType = factor && rest ? dyn_cast<RankedTensorType>(rest.getType())
                                   : RankedTensorType();
    if (!type || !restType || type.getRank() != restType.getRank())
      break;
    scale *= *factor;
    value = rest;
  }
  return value;
}

/// The one user of `value`, if it is an `OpTy`.
template <typename OpTy>
static OpTy getOnlyUser(Value value) {
  return value.hasOneUse() ? dyn_cast<OpTy>(*value.user_begin()) : OpTy();
}

static bool isTranspose(onnx::TransposeOp op, ArrayRef<int64_t> perm) {
  return op && op.getPerm() == perm;
}

/// The activation [b, s, h * d] whose heads are split off in `value`
/// [b, h, s, d]. With `scale`, constant factors on the way are collected there.
static Value matchSplitHeads(Value value, const SymbolicShapes &shapes,
                             double *scale) {
  auto peel = [&](Value v) { return scale ? peelScale(v, *scale) : v; };
  auto transpose = peel(value).getDefiningOp<onnx::TransposeOp>();
  if (!isTranspose(transpose, {0, 2, 1, 3}))
    return {};
  auto reshape = peel(transpose.getData()).getDefiningOp<onnx::ReshapeOp>();
  if (!reshape)
    return {};
  const Dims *split = shapes.getShape(reshape);
  if (!split || split->size() != 4)
    return {};
  Value activation = peel(reshape.getData());
  const Dims &dims = *split;
  if (!isActivationType(activation.getType()) ||
      !shapes.hasShape(activation, {dims[0], dims[1], dims[2] * dims[3]}))
    return {};
  return activation;
}

/// The activation [b, s, h * d] that merges the heads of `context`
/// [b, h, s, d].
static Value matchMergedHeads(Value context, const SymbolicShapes &shapes) {
  auto transpose = getOnlyUser<onnx::TransposeOp>(context);
  if (!isTranspose(transpose, {0, 2, 1, 3}))
    return {};
  auto reshape = getOnlyUser<onnx::ReshapeOp>(transpose.getTransposed());
  const Dims *split = shapes.getShape(transpose);
  if (!reshape || !split || split->size() != 4)
    return {};
  const Dims &dims = *split;
  if (!isActivationType(reshape.getType()) ||
      !shapes.hasShape(reshape, {dims[0], dims[1], dims[2] * dims[3]}))
    return {};
  return reshape;
}

/// Matches `value` as Concat(past argument, new steps, axis 2).
static std::string matchCache(Value value, const SymbolicShapes &shapes,
                              StringRef what, CacheMatch &match) {
  auto concat = value.getDefiningOp<onnx::ConcatOp>();
  if (!concat || concat.getInputs().size() != 2 ||
      (concat.getAxis() != 2 && concat.getAxis() != -2))
    return ("the " + what + "s are not a past joined with new steps").str();
  auto past = dyn_cast<BlockArgument>(concat.getInputs()[0]);
  if (!past)
    return ("the past " + what + "s are not an input of the model").str();
  auto type = dyn_cast<RankedTensorType>(past.getType());
  if (!type || type.getRank() != 4)
    return ("the past " + what + "s are not of rank 4").str();
  Value fresh = matchSplitHeads(concat.getInputs()[1], shapes, nullptr);
  if (!fresh)
    return ("the new " + what +
            "s are not an activation with its heads split off")
        .str();
  match = {past, concat, fresh};
  return "";
}

/// Finds scores, mask and scale before the softmax.
static std::string matchScores(onnx::SoftmaxOp softmax,
                               const SymbolicShapes &shapes,
                               AttentionMatch &match) {
  Value scores = softmax.getInput();
  auto findProduct = [&](Value value) {
    double scale = 1;
    auto product = peelScale(value, scale).getDefiningOp<onnx::MatMulOp>();
    if (product)
      match.scale = scale;
    return product;
  };
  onnx::MatMulOp product;
  if (auto add = scores.getDefiningOp<onnx::AddOp>()) {
    for (Value operand : add->getOperands()) {
      product = findProduct(operand);
      if (product) {
        match.mask = getOtherOperand(add, operand);
        match.maskKind = MaskKind::Added;
        break;
      }
    }
  } else if (auto where = scores.getDefiningOp<onnx::WhereOp>()) {
    std::optional<double> number = getConstantFloat(where.getY());
    product = number ? findProduct(where.getX()) : onnx::MatMulOp();
    if (product) {
      match.mask = where.getCondition();
      match.maskKind = MaskKind::Replaces;
      match.replacement = *number;
    }
  } else if (findProduct(scores)) {
    return "the scores have no mask";
  }
  if (!product)
    return "the input of the softmax is not a product with a mask";

  match.query = matchSplitHeads(product.getA(), shapes, &match.scale);
  if (!match.query)
    return "the query is not an activation with its heads split off";
  auto transpose =
      peelScale(product.getB(), match.scale).getDefiningOp<onnx::TransposeOp>();
  if (!isTranspose(transpose, {0, 1, 3, 2}))
    return "the keys are not transposed as [batch, heads, head dim, steps]";
  return matchCache(peelScale(transpose.getData(), match.scale), shapes, "key",
                    match.key);
}

/// Finds values and output behind the softmax.
static std::string matchProbabilities(onnx::SoftmaxOp softmax,
                                      const SymbolicShapes &shapes,
                                      AttentionMatch &match) {
  Value probabilities = softmax;
  for (Operation *user : softmax->getUsers()) {
    auto isNaN = dyn_cast<onnx::IsNaNOp>(user);
    auto where = isNaN ? getOnlyUser<onnx::WhereOp>(isNaN) : onnx::WhereOp();
    if (!where || where.getCondition() != isNaN || where.getY() != softmax ||
        getConstantFloat(where.getX()) != 0.0)
      continue;
    match.guardsNaN = true;
    probabilities = where;
  }
  int64_t uses = std::distance(softmax->use_begin(), softmax->use_end());
  if (uses != (match.guardsNaN ? 2 : 1))
    return "the probabilities have more than one use";
  auto product = getOnlyUser<onnx::MatMulOp>(probabilities);
  if (!product || product.getA() != probabilities)
    return "the probabilities are not multiplied with values";
  std::string reason = matchCache(product.getB(), shapes, "value", match.value);
  if (!reason.empty())
    return reason;
  match.output = matchMergedHeads(product, shapes);
  return match.output ? "" : "the heads of the result are not merged";
}

static std::string matchOperator(onnx::AttentionOp op,
                                 const SymbolicShapes &shapes,
                                 AttentionMatch &match) {
  if (op.getPastKey() || op.getPastValue())
    return "onnx.Attention has a past of its own";
  if (op.getNonpadKvSeqlen())
    return "onnx.Attention has a number of keys for each row";
  if (op.getIsCausal())
    return "onnx.Attention is causal by itself, which without a past of its "
           "own counts from the first key";
  if (!op.getSoftcap().isZero())
    return "onnx.Attention has a soft cap";
  if (op.getSoftmaxPrecision() && !op.getSoftmaxPrecision()->isF32())
    return "onnx.Attention computes its softmax in another precision than f32";
  if (!llvm::all_of(op.getRest(), [](Value v) { return v.use_empty(); }))
    return "onnx.Attention has more than one result in use";
  if (!op.getAttnMask())
    return "onnx.Attention has no mask";
  match.mask = op.getAttnMask();
  match.maskKind = MaskKind::OfOperator;
  match.query = matchSplitHeads(op.getQ(), shapes, &match.scale);
  if (!match.query)
    return "the query is not an activation with its heads split off";
  std::string reason =
      matchCache(peelScale(op.getK(), match.scale), shapes, "key", match.key);
  if (reason.empty())
    reason = matchCache(op.getV(), shapes, "value", match.value);
  if (!reason.empty())
    return reason;
  match.output = matchMergedHeads(op.getY(), shapes);
  if (!match.output)
    return "the heads of the result are not merged";
  int64_t headDim =
      cast<RankedTensorType>(match.key.past.getType()).getDimSize(3);
  if (op.getScale())
    match.scale *= op.getScale()->convertToFloat();
  else
    match.scale /= std::sqrt(static_cast<double>(headDim));
  return "";
}

/// Checks that query, keys and values fit together.
static std::string checkShapes(const SymbolicShapes &shapes,
                               AttentionMatch &match) {
  auto key = cast<RankedTensorType>(match.key.past.getType());
  auto value = cast<RankedTensorType>(match.value.past.getType());
  match.heads = key.getDimSize(1);
  match.headDim = key.getDimSize(3);
  if (key.isDynamicDim(1) || key.isDynamicDim(3) ||
      !key.getElementType().isF32() || !value.getElementType().isF32())
    return "the caches are not f32 with known heads";
  if (value.getDimSize(1) != match.heads ||
      value.getDimSize(3) != match.headDim)
    return "keys and values differ in heads";
  const Dims *query = shapes.getShape(match.query);
  const Dims *past = shapes.getShape(match.key.past);
  if (!query || !past)
    return "shapes are not known";
  Dims fresh{(*query)[0], (*query)[1],
             DimExpr(match.heads) * DimExpr(match.headDim)};
  if (!shapes.hasShape(match.query, fresh))
    return "queries and keys differ in heads";
  if (!shapes.hasShape(match.key.fresh, fresh) ||
      !shapes.hasShape(match.value.fresh, fresh) ||
      !shapes.hasShape(match.output, fresh))
    return "queries, new keys and new values differ in shape";
  if (!shapes.haveSameShape(match.key.past, match.value.past) ||
      (*past)[0] != fresh[0])
    return "past keys and values differ in shape";
  return "";
}

std::string dejavu::matchAttention(Operation *core,
                                   const SymbolicShapes &shapes,
                                   AttentionMatch &match) {
  match = AttentionMatch();
  match.core = core;
  std::string reason;
  if (auto softmax = dyn_cast<onnx::SoftmaxOp>(core)) {
    auto type = dyn_cast<RankedTensorType>(softmax.getType());
    if (!type || type.getRank() != 4 ||
        (softmax.getAxis() != -1 && softmax.getAxis() != 3))
      return "the softmax is not over the keys of [batch, heads, queries, "
             "keys]";
    reason = matchScores(softmax, shapes, match);
    if (reason.empty())
      reason = matchProbabilities(softmax, shapes, match);
  } else {
    reason = matchOperator(cast<onnx::AttentionOp>(core), shapes, match);
  }
  return reason.empty() ? checkShapes(shapes, match) : reason;
}
