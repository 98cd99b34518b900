//===- BindPositions.cpp - positions that are computed from the mask ------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Older exports of OPT have no input for positions but count the ones of the
// attention mask. Entry points always have positions, so the computation
// becomes an argument. As with masks its meaning is evaluated, not matched.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "MaskClassifier.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_ONNXBINDPOSITIONSPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// The indices of a lookup of rows of a weight that are computed, not an
/// argument; null for other ops. A Reshape or a constant that is added is
/// nothing computed.
static Value getComputedIndices(Operation &op) {
  auto gather = dyn_cast<onnx::GatherOp>(op);
  if (!gather || gather.getAxis() != 0 ||
      !gather.getData().getDefiningOp<LoadWeightOp>())
    return {};
  Value root = gather.getIndices();
  while (Operation *producer = root.getDefiningOp()) {
    if (isa<onnx::AddOp, onnx::SubOp>(producer)) {
      bool isLeft = getConstantInt(producer->getOperand(1)).has_value();
      root = producer->getOperand(isLeft ? 0 : 1);
      if (!isLeft && !getConstantInt(producer->getOperand(0)))
        break;
    } else if (isa<onnx::ReshapeOp, onnx::CastOp>(producer)) {
      root = producer->getOperand(0);
    } else {
      break;
    }
  }
  auto type = dyn_cast<RankedTensorType>(gather.getIndices().getType());
  return isa<BlockArgument>(root) || !type || type.getRank() != 2 ||
                 !type.getElementType().isInteger(64)
             ? Value()
             : gather.getIndices();
}

namespace {
struct BindPositions : dejavu::impl::OnnxBindPositionsPassBase<BindPositions> {
  void runOnOperation() override {
    func::FuncOp function = getMain(getOperation());
    if (!function)
      return;
    SmallVector<onnx::GatherOp> lookups;
    for (Operation &op : function.front())
      if (getComputedIndices(op))
        lookups.push_back(cast<onnx::GatherOp>(op));
    if (lookups.empty())
      return;
    SymbolicShapes shapes(function);
    MaskClassifier classifier(function, shapes);
    BlockArgument argument;
    for (onnx::GatherOp lookup : lookups) {
      MaskClassifier::Positions positions =
          classifier.classifyPositions(lookup.getIndices());
      if (!positions.reason.empty()) {
        remark::missed(lookup.getLoc(), getRemarkOptions(lookup))
            << "indices of a table are not raised to positions: " +
                   positions.reason;
        continue;
      }
      if (!argument)
        argument = addArgument(function);
      replace(lookup, argument, positions.offset);
      remark::passed(lookup.getLoc(), getRemarkOptions(lookup))
          << "positions that are counted in the attention mask are raised to "
             "an argument";
    }
    eraseDeadOps(function);
  }

private:
  /// Appends the argument for positions.
  BlockArgument addArgument(func::FuncOp function) {
    Builder builder(&getContext());
    auto type = RankedTensorType::get(
        {ShapedType::kDynamic, ShapedType::kDynamic}, builder.getI64Type());
    auto attrs = builder.getDictionaryAttr(
        {builder.getNamedAttr("onnx.dims",
                              builder.getStrArrayAttr({"batch", "tokens"})),
         builder.getNamedAttr(kPositionsAttrName, builder.getUnitAttr())});
    unsigned index = function.getNumArguments();
    (void)function.insertArgument(index, type, attrs, function.getLoc());
    return function.getArgument(index);
  }

  void replace(onnx::GatherOp lookup, Value positions, int64_t offset) {
    OpBuilder builder(lookup);
    Value indices = positions;
    if (offset != 0) {
      auto type = RankedTensorType::get({}, builder.getI64Type());
      Value constant = onnx::ConstantOp::create(
          builder, lookup.getLoc(), type,
          DenseElementsAttr::get(type, ArrayRef<int64_t>{offset}));
      indices = onnx::AddOp::create(builder, lookup.getLoc(),
                                    positions.getType(), positions, constant);
    }
    lookup.getIndicesMutable().assign(indices);
  }
};
} // namespace
