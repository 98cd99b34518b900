//===- RaiseLinear.cpp - products with a weight ---------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Lanes.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISELINEARPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

namespace {
struct RaiseLinear : dejavu::impl::RaiseLinearPassBase<RaiseLinear> {
  void runOnOperation() override {
    func::FuncOp function = getMain(getOperation());
    if (!function)
      return;
    SymbolicShapes shapes(function);
    WeightTable weights(getOperation());
    IRRewriter rewriter(&getContext());
    LaneBuilder lanes(rewriter, shapes, weights);
    SmallVector<Operation *> ops;
    for (Operation &op : function.front())
      if (isa<onnx::MatMulOp, onnx::AddOp>(op))
        ops.push_back(&op);
    for (Operation *op : ops)
      if (auto product = dyn_cast<onnx::MatMulOp>(op)) {
        refine(product);
        raise(rewriter, weights, lanes, product);
      }
    for (Operation *op : ops)
      if (auto add = dyn_cast<onnx::AddOp>(op); add && !add.use_empty())
        foldBias(rewriter, weights, lanes, add);
    eraseDeadOps(function);
  }

private:
  /// The features of an operand are the rows of the matrix, whatever inference
  /// found.
  static void refine(onnx::MatMulOp product) {
    auto type = dyn_cast<RankedTensorType>(product.getA().getType());
    auto matrix = dyn_cast<RankedTensorType>(product.getB().getType());
    Operation *op = product.getA().getDefiningOp();
    if (!type || type.getRank() != 3 || !type.isDynamicDim(2) || !matrix ||
        matrix.getRank() != 2 || matrix.isDynamicDim(0) || !op ||
        !isa<onnx::OnnxDialect>(op->getDialect()))
      return;
    product.getA().setType(RankedTensorType::get(
        {type.getDimSize(0), type.getDimSize(1), matrix.getDimSize(0)},
        type.getElementType()));
  }

  void raise(IRRewriter &rewriter, WeightTable &weights, LaneBuilder &lanes,
             onnx::MatMulOp product) {
    if (!isActivationType(product.getA().getType()) ||
        !isActivationType(product.getType()))
      return;
    // The weight as it is multiplied is [in, out]; linear wants [out, in].
    FlatSymbolRefAttr matrix = matchWeight(product.getB(), weights);
    if (!matrix)
      return;
    FlatSymbolRefAttr weight = weights.getTransposed(matrix);

    Operation *last = product;
    FlatSymbolRefAttr bias;
    if (product->hasOneUse()) {
      auto add = dyn_cast<onnx::AddOp>(*product->user_begin());
      if (add && add.getType() == product.getType())
        bias = matchVector(getOtherOperand(add, product),
                           getFeatures(product.getType()), weights);
      if (bias)
        last = add;
    }
    rewriter.setInsertionPoint(last);
    // The product's location: it names the layer in reports, where an Add is
    // one of many.
    Value linear =
        lanes.create<LinearOp>(product.getLoc(), product.getType(),
                               product.getA(), weight, bias, ActivationAttr());
    last->getResult(0).replaceAllUsesWith(linear);
    // What was raised is dead now, and eraseDeadOps finds it.
  }

  /// A bias that is added to a part of a packed layer, after it was cut off.
  void foldBias(IRRewriter &rewriter, WeightTable &weights, LaneBuilder &lanes,
                onnx::AddOp add) {
    auto type = dyn_cast<RankedTensorType>(add.getType());
    if (!type || !isActivationType(type))
      return;
    for (Value part : add->getOperands()) {
      // A layer with several uses keeps its own value.
      Value source = lanes.getProvenance().getSource(part);
      auto linear = source.getDefiningOp<LinearOp>();
      if (part == source || part.getType() != type || !part.hasOneUse() ||
          !linear || linear.getBias() || linear.getActivation())
        continue;
      FlatSymbolRefAttr bias =
          matchVector(getOtherOperand(add, part), getFeatures(type), weights);
      std::optional<LaneMap> map =
          bias ? lanes.getMap(part) : std::optional<LaneMap>();
      if (!map || (*map)->getForm() != "btl")
        continue;
      Value cut = lanes.getActivation(*map);
      auto layer = cut ? cut.getDefiningOp<LinearOp>() : LinearOp();
      if (!layer)
        continue;
      rewriter.setInsertionPoint(add);
      rewriter.replaceAllUsesWith(
          add.getResult(), lanes.create<LinearOp>(
                               layer.getLoc(), type, layer.getInput(),
                               layer.getWeightAttr(), bias, ActivationAttr()));
      return;
    }
  }
};
} // namespace
