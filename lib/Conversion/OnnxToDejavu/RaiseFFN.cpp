//===- RaiseFFN.cpp - linear, activation, linear --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISEFFNPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

namespace {
/// An activation function in the graph.
struct ActivationMatch {
  Activation kind;
  Value input, output;
  /// How often the function itself uses its input.
  int64_t inputUses;
};
} // namespace

/// The product or power that squares `value`, its only user.
static Operation *findSquare(Value value) {
  if (value.use_empty())
    return nullptr;
  Operation *user = *value.user_begin();
  if (!llvm::all_of(value.getUsers(), [&](Operation *u) { return u == user; }))
    return nullptr;
  if (auto mul = dyn_cast<onnx::MulOp>(user))
    return mul.getA() == mul.getB() ? user : nullptr;
  auto pow = dyn_cast<onnx::PowOp>(user);
  bool squares =
      pow && pow.getX() == value &&
      (getConstantFloat(pow.getY()) == 2.0 || getConstantInt(pow.getY()) == 2);
  return squares ? user : nullptr;
}

/// The activation function whose core is `op`; nothing if `op` is none.
static std::optional<ActivationMatch> matchActivation(Operation *op) {
  if (auto relu = dyn_cast<onnx::ReluOp>(op)) {
    if (Operation *square = findSquare(relu))
      return ActivationMatch{Activation::relu2, relu.getX(),
                             square->getResult(0), 1};
    return ActivationMatch{Activation::relu, relu.getX(), relu, 1};
  }
  if (auto gelu = dyn_cast<onnx::GeluOp>(op)) {
    bool tanh = gelu.getApproximate() == onnx::GeluApproximation::Tanh;
    return ActivationMatch{tanh ? Activation::gelu_tanh : Activation::gelu,
                           gelu.getX(), gelu, 1};
  }
  auto sigmoid = dyn_cast<onnx::SigmoidOp>(op);
  if (!sigmoid || !sigmoid->hasOneUse())
    return std::nullopt;
  auto product = dyn_cast<onnx::MulOp>(*sigmoid->user_begin());
  if (!product || getOtherOperand(product, sigmoid) != sigmoid.getX())
    return std::nullopt;
  return ActivationMatch{Activation::silu, sigmoid.getX(), product, 2};
}

namespace {
struct RaiseFFN : dejavu::impl::RaiseFFNPassBase<RaiseFFN> {
  void runOnOperation() override {
    func::FuncOp function = getMain(getOperation());
    if (!function)
      return;
    WeightTable weights(getOperation());
    IRRewriter rewriter(&getContext());
    SmallVector<Operation *> cores;
    for (Operation &op : function.front()) {
      if (!isa<onnx::ReluOp, onnx::GeluOp, onnx::SigmoidOp, onnx::TanhOp,
               onnx::ErfOp>(op))
        continue;
      // What has heads is no MLP but belongs to an attention.
      auto type = dyn_cast<RankedTensorType>(op.getResult(0).getType());
      if (type && type.getRank() <= 3)
        cores.push_back(&op);
    }
    for (Operation *core : cores) {
      std::string reason = raise(rewriter, weights, core);
      if (!reason.empty())
        reportNotRaised(core, "MLP", reason);
    }
    eraseDeadOps(function);
  }

private:
  /// Raises the MLP around `core`, or says why not.
  std::string raise(IRRewriter &rewriter, WeightTable &weights,
                    Operation *core) {
    std::optional<ActivationMatch> match = matchActivation(core);
    if (!match)
      return (core->getName().getStringRef() +
              " is no activation that is known")
          .str();
    auto up = match->input.getDefiningOp<LinearOp>();
    if (!up || up.getActivation())
      return "the activation's input is not the result of a linear layer";
    if (std::distance(match->input.use_begin(), match->input.use_end()) !=
        match->inputUses)
      return "the up projection has another use";
    if (!match->output.hasOneUse())
      return "the neurons have more than one use";
    auto down = dyn_cast<LinearOp>(*match->output.user_begin());
    if (!down)
      return ("the neurons go into " +
              match->output.user_begin()->getName().getStringRef() +
              " and not into a linear layer")
          .str();
    if (down.getType() != up.getInput().getType())
      return "input and result differ in features";

    rewriter.setInsertionPoint(down);
    auto ffn = FFNOp::create(
        rewriter, core->getLoc(), down.getType(),
        ActivationAttr::get(&getContext(), match->kind), up.getInput(),
        /*gate=*/FlatSymbolRefAttr(), /*gate_bias=*/FlatSymbolRefAttr(),
        up.getWeightAttr(), up.getBiasAttr(),
        weights.getTransposed(down.getWeightAttr()), down.getBiasAttr());
    rewriter.replaceOp(down, ffn);
    remark::passed(ffn.getLoc(), getRemarkOptions(ffn))
        << ("MLP is raised: " + stringifyActivation(match->kind)).str();
    return "";
  }
};
} // namespace
