//===- Simplify.cpp - remove what does nothing ----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_ONNXSIMPLIFYPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// True if `value` is a constant of one element that equals `number` as far as
/// f32 can tell.
static bool isNumber(Value value, double number) {
  std::optional<double> constant = getConstantFloat(value);
  return constant && std::abs(*constant - number) <= 1e-6 * std::abs(number);
}

/// The operand beside a constant near `number` in the product or sum `value`.
template <typename OpTy>
static Value matchWithNumber(Value value, double number) {
  auto op = value ? value.getDefiningOp<OpTy>() : OpTy();
  if (!op)
    return {};
  if (isNumber(op->getOperand(1), number))
    return op->getOperand(0);
  return isNumber(op->getOperand(0), number) ? op->getOperand(1) : Value();
}

namespace {
struct RemoveIdentity : OpRewritePattern<onnx::IdentityOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(onnx::IdentityOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
};

struct RemoveConcatOfOne : OpRewritePattern<onnx::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(onnx::ConcatOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getInputs().size() != 1)
      return rewriter.notifyMatchFailure(op, "joins several tensors");
    rewriter.replaceOp(op, op.getInputs().front());
    return success();
  }
};

struct RemoveCast : OpRewritePattern<onnx::CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(onnx::CastOp op,
                                PatternRewriter &rewriter) const override {
    if (getElementTypeOrSelf(op.getInput().getType()) != op.getTo())
      return rewriter.notifyMatchFailure(op, "changes the element type");
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
};

/// x * 1 and 1 * x, if the one has no dimensions that x has not.
struct RemoveMulByOne : OpRewritePattern<onnx::MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(onnx::MulOp op,
                                PatternRewriter &rewriter) const override {
    for (Value one : op->getOperands()) {
      Value other = getOtherOperand(op, one);
      auto oneType = dyn_cast<RankedTensorType>(one.getType());
      auto otherType = dyn_cast<RankedTensorType>(other.getType());
      if (getConstantFloat(one) != 1.0 || !oneType || !otherType ||
          oneType.getRank() > otherType.getRank())
        continue;
      rewriter.replaceOp(op, other);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand is one");
  }
};

/// Transposes in a row are one, and none if nothing moves.
struct MergeTransposes : OpRewritePattern<onnx::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(onnx::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    ArrayRef<int64_t> outer = op.getPerm();
    if (llvm::equal(outer, llvm::seq<int64_t>(0, outer.size()))) {
      rewriter.replaceOp(op, op.getData());
      return success();
    }
    auto before = op.getData().getDefiningOp<onnx::TransposeOp>();
    if (!before)
      return rewriter.notifyMatchFailure(op, "no transpose before it");
    SmallVector<int64_t> merged;
    for (int64_t from : outer)
      merged.push_back(before.getPerm()[from]);
    rewriter.replaceOpWithNewOp<onnx::TransposeOp>(
        op, op.getType(), before.getData(),
        rewriter.getDenseI64ArrayAttr(merged));
    return success();
  }
};

/// Gelu of exporters without the operator. The last product may associate in
/// several ways: (x * 0.5) * (1 + f), x * (0.5 * (1 + f)), 0.5 * (x * (1 + f)).
struct RaiseGelu : OpRewritePattern<onnx::MulOp> {
  using OpRewritePattern::OpRewritePattern;

  /// x if `value` is erf(x / sqrt(2)) or tanh(sqrt(2 / pi) (x + 0.044715 x^3)).
  static std::pair<Value, onnx::GeluApproximation> matchInner(Value value) {
    if (auto erf = value.getDefiningOp<onnx::ErfOp>()) {
      Value scaled = erf.getX();
      Value x = matchWithNumber<onnx::MulOp>(scaled, M_SQRT1_2);
      if (auto div = scaled.getDefiningOp<onnx::DivOp>())
        if (isNumber(div.getB(), M_SQRT2))
          x = div.getA();
      return {x, onnx::GeluApproximation::None};
    }
    auto tanh = value.getDefiningOp<onnx::TanhOp>();
    if (!tanh)
      return {};
    Value sum = matchWithNumber<onnx::MulOp>(tanh.getX(), std::sqrt(M_2_PI));
    auto add = sum ? sum.getDefiningOp<onnx::AddOp>() : onnx::AddOp();
    if (!add)
      return {};
    for (Value x : add->getOperands()) {
      Value cube =
          matchWithNumber<onnx::MulOp>(getOtherOperand(add, x), 0.044715);
      if (cube && isCube(cube, x))
        return {x, onnx::GeluApproximation::Tanh};
    }
    return {};
  }

  static bool isCube(Value value, Value x) {
    if (auto pow = value.getDefiningOp<onnx::PowOp>())
      return pow.getX() == x &&
             (isNumber(pow.getY(), 3.0) || getConstantInt(pow.getY()) == 3);
    auto mul = value.getDefiningOp<onnx::MulOp>();
    if (!mul)
      return false;
    for (Value factor : mul->getOperands()) {
      auto square = getOtherOperand(mul, factor).getDefiningOp<onnx::MulOp>();
      if (factor == x && square && square.getA() == x && square.getB() == x)
        return true;
    }
    return false;
  }

  LogicalResult matchAndRewrite(onnx::MulOp op,
                                PatternRewriter &rewriter) const override {
    // The factors, of which one is a half. Products are looked into only where
    // that leads to it.
    SmallVector<Value> factors(op->getOperands());
    auto isHalf = [](Value v) { return isNumber(v, 0.5); };
    for (size_t i = 0; i < 2 && factors.size() == 2; ++i) {
      auto inner = factors[i].getDefiningOp<onnx::MulOp>();
      if (inner && llvm::any_of(inner->getOperands(), isHalf)) {
        factors.erase(factors.begin() + i);
        llvm::append_range(factors, inner->getOperands());
      } else if (inner && isHalf(factors[1 - i])) {
        Value half = factors[1 - i];
        factors.assign(inner->getOperands().begin(),
                       inner->getOperands().end());
        factors.push_back(half);
      }
    }
    auto half = llvm::find_if(factors, isHalf);
    if (factors.size() != 3 || half == factors.end())
      return rewriter.notifyMatchFailure(op, "no product with a half");
    factors.erase(half);
    for (Value one : factors) {
      Value other = factors[one == factors[0] ? 1 : 0];
      Value inner = matchWithNumber<onnx::AddOp>(one, 1.0);
      if (!inner)
        continue;
      auto [x, approximation] = matchInner(inner);
      if (!x || x != other)
        continue;
      rewriter.replaceOpWithNewOp<onnx::GeluOp>(op, op.getType(), x,
                                                approximation);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no GELU");
  }
};

struct Simplify : dejavu::impl::OnnxSimplifyPassBase<Simplify> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RemoveIdentity, RemoveConcatOfOne, RemoveCast, RemoveMulByOne,
                 MergeTransposes, RaiseGelu>(&getContext());
    GreedyRewriteConfig config;
    config.enableConstantCSE(false);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
