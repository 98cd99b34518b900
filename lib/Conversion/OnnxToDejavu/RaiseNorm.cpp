//===- RaiseNorm.cpp - normalisation over the features --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A norm is an operator, or a mean of squares, what follows it up to the
// product with the weight, and the subtraction of a mean before it. Norms over
// the features of each head are found wherever the heads were split.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Lanes.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISENORMPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

namespace {
/// A norm over the last dimension, in onnx ops.
struct NormMatch {
  NormKind kind;
  Value input;
  double epsilon = 0;
  /// Tensors that the normed value is multiplied by and that are added to the
  /// product; null if there are none.
  Value scale, bias;
  double offset = 0;
  /// The normed value before and after scale and bias.
  Value bare, output;
  Location loc;
};

struct RaiseNorm : dejavu::impl::RaiseNormPassBase<RaiseNorm> {
  void runOnOperation() override;
};
} // namespace

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// What `value` is the mean of, over the last dimension, which stays.
static Value matchMean(Value value) {
  auto mean = value.getDefiningOp<onnx::ReduceMeanOp>();
  if (!mean || !mean.getAxes() || mean.getKeepdims() == 0)
    return {};
  auto type = dyn_cast<RankedTensorType>(mean.getData().getType());
  std::optional<int64_t> axis = getConstantInt(mean.getAxes());
  if (!type || !axis || (*axis != -1 && *axis != type.getRank() - 1))
    return {};
  return mean.getData();
}

/// What `value` is the square of.
static Value matchSquare(Value value) {
  if (auto mul = value.getDefiningOp<onnx::MulOp>())
    return mul.getA() == mul.getB() ? mul.getA() : Value();
  auto pow = value.getDefiningOp<onnx::PowOp>();
  bool squares = pow && (getConstantFloat(pow.getY()) == 2.0 ||
                         getConstantInt(pow.getY()) == 2);
  return squares ? pow.getX() : Value();
}

/// What `value` is, less its mean.
static Value matchCentered(Value value) {
  auto sub = value.getDefiningOp<onnx::SubOp>();
  return sub && matchMean(sub.getB()) == sub.getA() ? sub.getA() : Value();
}

/// The only user of `value`, of type OpTy.
template <typename OpTy>
static OpTy getOnlyUser(Value value) {
  return value.hasOneUse() ? dyn_cast<OpTy>(*value.user_begin()) : OpTy();
}

/// The product of `centered` (or what equals it) and 1 / sqrt(variance).
static Value matchQuotient(Value variance, Value centered, Value input) {
  auto isCentered = [&](Value value) {
    return value == centered ||
           (centered != input && matchCentered(value) == input);
  };
  Value inverse;
  if (auto sqrt = getOnlyUser<onnx::SqrtOp>(variance)) {
    if (auto reciprocal = getOnlyUser<onnx::ReciprocalOp>(sqrt))
      inverse = reciprocal;
    auto div = getOnlyUser<onnx::DivOp>(sqrt);
    if (div && div.getB() == sqrt && isCentered(div.getA()))
      return div;
    if (div && div.getB() == sqrt && getConstantFloat(div.getA()) == 1.0)
      inverse = div;
  } else if (auto pow = getOnlyUser<onnx::PowOp>(variance)) {
    std::optional<double> exponent = getConstantFloat(pow.getY());
    if (pow.getX() != variance)
      return {};
    if (exponent == -0.5)
      inverse = pow;
    auto div = getOnlyUser<onnx::DivOp>(pow);
    if (exponent == 0.5 && div && div.getB() == pow && isCentered(div.getA()))
      return div;
  }
  auto product = inverse ? getOnlyUser<onnx::MulOp>(inverse) : onnx::MulOp();
  if (!product || !isCentered(getOtherOperand(product, inverse)))
    return {};
  return product;
}

/// True if `value` holds constants, that is, it may be a scale or a bias.
static bool isParameter(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape() && type.getRank() > 0 &&
         (value.getDefiningOp() &&
          !isa<onnx::ConstantOp>(value.getDefiningOp()));
}

/// Extends `match` by the product with a scale and the sum with a bias.
static void matchScaleAndBias(NormMatch &match) {
  if (auto mul = getOnlyUser<onnx::MulOp>(match.output)) {
    Value scale = getOtherOperand(mul, match.output);
    double offset = 0;
    if (auto add = scale.getDefiningOp<onnx::AddOp>())
      for (Value operand : add->getOperands())
        if (std::optional<double> number = getConstantFloat(operand)) {
          offset = *number;
          scale = getOtherOperand(add, operand);
          break;
        }
    if (isParameter(scale) && mul.getType() == match.output.getType()) {
      match.scale = scale;
      match.offset = offset;
      match.output = mul;
    }
  }
  if (!match.scale || match.kind != NormKind::layer)
    return;
  auto add = getOnlyUser<onnx::AddOp>(match.output);
  if (!add || add.getType() != match.output.getType())
    return;
  Value bias = getOtherOperand(add, match.output);
  if (!isParameter(bias))
    return;
  match.bias = bias;
  match.output = add;
}

/// The norm whose variance is the mean `mean`.
static std::optional<NormMatch> matchDecomposed(onnx::ReduceMeanOp mean) {
  Value squared = matchMean(mean.getResult());
  Value centered = squared ? matchSquare(squared) : Value();
  if (!centered)
    return std::nullopt;
  NormMatch match{NormKind::rms, centered, 0, {}, {}, 0, {}, {}, mean.getLoc()};
  if (Value input = matchCentered(centered)) {
    match.kind = NormKind::layer;
    match.input = input;
  }
  Value variance = mean.getResult();
  if (auto add = getOnlyUser<onnx::AddOp>(variance)) {
    std::optional<double> epsilon =
        getConstantFloat(getOtherOperand(add, variance));
    if (!epsilon || *epsilon < 0)
      return std::nullopt;
    match.epsilon = *epsilon;
    variance = add;
  }
  match.output = matchQuotient(variance, centered, match.input);
  if (!match.output || match.output.getType() != match.input.getType())
    return std::nullopt;
  match.bare = match.output;
  matchScaleAndBias(match);
  return match;
}

/// The norm that an operator is.
static std::optional<NormMatch> matchOperator(Operation *op) {
  auto make = [&](auto norm, NormKind kind) -> std::optional<NormMatch> {
    auto type = dyn_cast<RankedTensorType>(norm.getX().getType());
    // Mean and deviation are not kept.
    bool hasRest = llvm::any_of(llvm::drop_begin(norm->getResults()),
                                [](Value rest) { return !rest.use_empty(); });
    if (!type || hasRest || norm->getResult(0).getType() != type ||
        (norm.getAxis() != -1 && norm.getAxis() != type.getRank() - 1) ||
        (norm.getStashType() && !norm.getStashType()->isF32()))
      return std::nullopt;
    return NormMatch{kind,
                     norm.getX(),
                     norm.getEpsilon().convertToDouble(),
                     norm.getScale(),
                     Value(),
                     0,
                     Value(),
                     norm->getResult(0),
                     norm.getLoc()};
  };
  if (auto layer = dyn_cast<onnx::LayerNormalizationOp>(op)) {
    std::optional<NormMatch> match = make(layer, NormKind::layer);
    if (match)
      match->bias = layer.getB();
    return match;
  }
  std::optional<NormMatch> match;
  if (auto rms = dyn_cast<onnx::RMSNormalizationOp>(op))
    match = make(rms, NormKind::rms);
  else if (auto rms = dyn_cast<onnx::SimplifiedLayerNormalizationOp>(op))
    match = make(rms, NormKind::rms);
  // Of what has a mean of zero it is a layer norm.
  if (match)
    if (Value input = matchCentered(match->input)) {
      match->kind = NormKind::layer;
      match->input = input;
    }
  return match;
}

//===----------------------------------------------------------------------===//
// Raising
//===----------------------------------------------------------------------===//

/// A scale of operators may be `weight + 1`, too.
static Value peelOffset(Value scale, double &offset) {
  auto add = scale ? scale.getDefiningOp<onnx::AddOp>() : onnx::AddOp();
  if (!add)
    return scale;
  for (Value operand : add->getOperands())
    if (std::optional<double> number = getConstantFloat(operand)) {
      offset = *number;
      return getOtherOperand(add, operand);
    }
  return scale;
}

/// Raises `match`; false if it is not over the features of an activation or
/// its parameters are not weights.
static bool raise(IRRewriter &rewriter, LaneBuilder &lanes,
                  WeightTable &weights, NormMatch match) {
  auto type = cast<RankedTensorType>(match.input.getType());
  int64_t size = type.getShape().back();
  if (ShapedType::isDynamic(size) || !type.getElementType().isF32() ||
      type.getRank() < 3 || match.epsilon < 0)
    return false;
  if (!match.offset)
    match.scale = peelOffset(match.scale, match.offset);

  // The activation, and where its lanes are in the normed value. Heads may be
  // split off into the tokens: [batch, tokens * heads, features].
  Value input = match.input;
  std::optional<LaneMap> map = lanes.getMap(match.input);
  int64_t groups = 1;
  if (isActivationType(type) &&
      (!map || map->source == match.input || (*map)->getLaneSizes().size() < 2))
    map.reset();
  else if (!map || (*map)->parts.empty() || (*map)->parts.back().row >= 0 ||
           (*map)->parts.back().axis != type.getRank() - 1 ||
           (*map)->parts.back().size != size)
    return false;
  if (map) {
    input = lanes.getActivation(*map);
    if (!input)
      return false;
    groups = getFeatures(input.getType()) / size;
  }

  FlatSymbolRefAttr scale = matchVector(match.scale, size, weights);
  FlatSymbolRefAttr bias = matchVector(match.bias, size, weights);
  // A scale with elements of its own for each head.
  FlatSymbolRefAttr wideScale;
  if (match.scale && !scale && groups > 1 && !match.offset && !match.bias &&
      (*map)->getForm() == "btll") {
    auto scaleType = cast<RankedTensorType>(match.scale.getType());
    int64_t heads = type.getDimSize(type.getRank() - 2);
    if (scaleType.getRank() >= 2 &&
        scaleType.getNumElements() == groups * size &&
        scaleType.getDimSize(scaleType.getRank() - 2) == heads)
      wideScale = matchReshapedWeight(match.scale, {groups * size}, weights);
  }
  if ((match.scale && !scale && !wideScale) || (match.bias && !bias)) {
    // The norm proper, if it is an op of its own.
    if (!match.bare)
      return false;
    match.output = match.bare;
    scale = bias = {};
    match.offset = 0;
  }

  rewriter.setInsertionPointAfterValue(match.output);
  FloatAttr offset = scale && match.offset
                         ? rewriter.getF32FloatAttr(match.offset)
                         : FloatAttr();
  Value norm = lanes.create<NormOp>(
      match.loc, input.getType(),
      NormKindAttr::get(rewriter.getContext(), match.kind), input, scale, bias,
      rewriter.getF32FloatAttr(match.epsilon), offset,
      groups > 1 ? rewriter.getI64IntegerAttr(groups) : IntegerAttr());
  if (wideScale) {
    Value factors = lanes.create<LoadWeightOp>(
        match.loc,
        RankedTensorType::get({groups * size}, rewriter.getF32Type()),
        wideScale);
    norm = lanes.create<onnx::MulOp>(match.loc, norm.getType(), norm, factors);
  }
  Value result = map ? lanes.arrange(norm, *map->table, type) : norm;
  if (!result)
    return false;
  rewriter.replaceAllUsesWith(match.output, result);
  return true;
}

void RaiseNorm::runOnOperation() {
  func::FuncOp function = getMain(getOperation());
  if (!function)
    return;
  SymbolicShapes shapes(function);
  WeightTable weights(getOperation());
  IRRewriter rewriter(&getContext());
  LaneBuilder lanes(rewriter, shapes, weights);
  SmallVector<Operation *> cores;
  for (Operation &op : function.front())
    if (isa<onnx::LayerNormalizationOp, onnx::RMSNormalizationOp,
            onnx::SimplifiedLayerNormalizationOp, onnx::ReduceMeanOp>(op))
      cores.push_back(&op);
  for (Operation *core : cores) {
    auto mean = dyn_cast<onnx::ReduceMeanOp>(core);
    std::optional<NormMatch> match =
        mean ? matchDecomposed(mean) : matchOperator(core);
    if (match)
      raise(rewriter, lanes, weights, *match);
  }
  eraseDeadOps(function);
}
