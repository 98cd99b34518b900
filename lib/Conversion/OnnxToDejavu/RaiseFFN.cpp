//===- RaiseFFN.cpp - linear, activation, linear --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Starts from each linear layer and looks at what computes its input element
// by element. If that starts from one linear layer, or from two (or two parts
// of one), and is an activation that is known, or the product of one and the
// other, the layers make an MLP.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "ActivationMatcher.h"
#include "Lanes.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISEFFNPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// An op that makes an activation function what it is.
static bool isCore(Operation *op) {
  return isa<onnx::ReluOp, onnx::GeluOp, onnx::SigmoidOp, onnx::TanhOp,
             onnx::ErfOp, onnx::SwishOp, onnx::SoftplusOp, onnx::MishOp,
             onnx::HardSwishOp, onnx::EluOp, onnx::LeakyReluOp>(op);
}

namespace {
struct RaiseFFN : dejavu::impl::RaiseFFNPassBase<RaiseFFN> {
  void runOnOperation() override {
    func::FuncOp function = getMain(getOperation());
    if (!function)
      return;
    SymbolicShapes shapes(function);
    WeightTable weights(getOperation());
    IRRewriter rewriter(&getContext());
    LaneBuilder lanes(rewriter, shapes, weights);

    // Why the MLP that a core belongs to was not raised.
    llvm::DenseMap<Operation *, std::string> reasons;
    llvm::DenseSet<Operation *> raised;
    SmallVector<LinearOp> layers(function.front().getOps<LinearOp>());
    for (LinearOp down : layers) {
      auto slice = ElementwiseSlice::get(down.getInput());
      if (llvm::none_of(slice.ops, isCore))
        continue;
      std::string reason = raise(rewriter, lanes, weights, down, slice);
      for (Operation *op : slice.ops) {
        if (reason.empty())
          raised.insert(op);
        else
          reasons[op] = reason;
      }
    }
    for (Operation &op : function.front()) {
      // What has heads is no MLP but belongs to an attention.
      auto type = op.getNumResults() == 1
                      ? dyn_cast<RankedTensorType>(op.getResult(0).getType())
                      : RankedTensorType();
      if (!isCore(&op) || raised.contains(&op) || !type || type.getRank() > 3)
        continue;
      auto known = reasons.find(&op);
      std::string reason =
          known != reasons.end() ? known->second : explain(&op, lanes);
      if (!reason.empty())
        reportNotRaised(&op, "MLP", reason);
    }
    eraseDeadOps(function);
  }

private:
  /// Raises the MLP that ends in `down`, or says why not.
  std::string raise(IRRewriter &rewriter, LaneBuilder &lanes,
                    WeightTable &weights, LinearOp down,
                    const ElementwiseSlice &slice);

  /// Why a core that leads to no linear layer is no part of an MLP. Nothing
  /// if it leads to an output of the function, or is the tanh of a pooler.
  std::string explain(Operation *core, LaneBuilder &lanes);

  /// Why the leaves of a slice are not those of an MLP, or nothing.
  static std::string checkLeaves(LaneBuilder &lanes,
                                 const ElementwiseSlice &slice);
};
} // namespace

std::string RaiseFFN::checkLeaves(LaneBuilder &lanes,
                                  const ElementwiseSlice &slice) {
  for (Value leaf : slice.leaves) {
    Value source = lanes.getProvenance().getSource(leaf);
    auto linear = source.getDefiningOp<LinearOp>();
    if (!linear || linear.getActivation())
      return "the activation's input is not the result of a linear layer";
  }
  for (Value leaf : slice.leaves)
    for (Operation *user : leaf.getUsers())
      if (!slice.ops.contains(user))
        return "the up projection has another use";
  return "";
}

std::string RaiseFFN::raise(IRRewriter &rewriter, LaneBuilder &lanes,
                            WeightTable &weights, LinearOp down,
                            const ElementwiseSlice &slice) {
  if (std::string reason = checkLeaves(lanes, slice); !reason.empty())
    return reason;
  for (Operation *op : slice.ops)
    for (Operation *user : op->getUsers())
      if (user != down && !slice.ops.contains(user))
        return "the neurons have more than one use";
  if (!down.getInput().hasOneUse())
    return "the neurons have more than one use";

  Activation activation;
  unsigned gate = 0;
  bool isGated = slice.leaves.size() == 2;
  if (isGated) {
    auto match = matchGatedActivation(slice);
    if (!match)
      return "what is computed from both projections is no product with an "
             "activation that is known";
    std::tie(activation, gate) = *match;
  } else {
    std::optional<Activation> match = matchActivation(slice);
    if (!match) {
      Operation *core = *llvm::find_if(slice.ops, isCore);
      return (core->getName().getStringRef() +
              " is no activation that is known")
          .str();
    }
    activation = *match;
  }

  SmallVector<LinearOp, 2> projections;
  for (Value leaf : slice.leaves) {
    std::optional<LaneMap> map = lanes.getMap(leaf);
    Value projection;
    if (map && (*map)->getForm() == "btl")
      projection = lanes.getActivation(*map);
    auto linear =
        projection ? projection.getDefiningOp<LinearOp>() : LinearOp();
    if (!linear)
      return "the up projection is cut in a way that is not known";
    projections.push_back(linear);
  }
  LinearOp up = projections[isGated ? 1 - gate : 0];
  LinearOp gateLinear = isGated ? projections[gate] : LinearOp();
  if (isGated && gateLinear.getInput() != up.getInput())
    return "gate and up projection have different inputs";
  if (down.getType() != up.getInput().getType())
    return "input and result differ in features";

  rewriter.setInsertionPoint(down);
  Operation *core = *llvm::find_if(slice.ops, isCore);
  auto ffn = lanes.create<FFNOp>(
      core->getLoc(), down.getType(),
      ActivationAttr::get(&getContext(), activation), up.getInput(),
      isGated ? gateLinear.getWeightAttr() : FlatSymbolRefAttr(),
      isGated ? gateLinear.getBiasAttr() : FlatSymbolRefAttr(),
      up.getWeightAttr(), up.getBiasAttr(),
      weights.getTransposed(down.getWeightAttr()), down.getBiasAttr(),
      /*predicted=*/Value());
  // `down` stays, dead: others may look for it.
  rewriter.replaceAllUsesWith(down, ffn);
  remark::passed(ffn.getLoc(), getRemarkOptions(ffn))
      << ("MLP is raised: " + stringifyActivation(activation) +
          (isGated ? ", gated" : ""))
             .str();
  return "";
}

std::string RaiseFFN::explain(Operation *core, LaneBuilder &lanes) {
  auto slice = ElementwiseSlice::get(core->getResult(0));
  std::string reason = checkLeaves(lanes, slice);
  // Forward, as far as ops are elementwise.
  Value value = core->getResult(0);
  while (true) {
    if (value.use_empty())
      return "";
    Operation *user = *value.user_begin();
    bool isOne = llvm::all_of(value.getUsers(),
                              [&](Operation *other) { return other == user; });
    if (isOne && isElementwise(user)) {
      value = user->getResult(0);
      continue;
    }
    if (isOne && user->hasTrait<OpTrait::IsTerminator>())
      return "";
    if (!reason.empty())
      return isa<onnx::TanhOp>(core) ? "" : reason;
    if (!isOne)
      return "the neurons have more than one use";
    return ("the neurons go into " + user->getName().getStringRef() +
            " and not into a linear layer")
        .str();
  }
}
