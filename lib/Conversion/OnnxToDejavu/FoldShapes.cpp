//===- FoldShapes.cpp - evaluate arithmetic on shapes ---------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

#include "dejavu/Analysis/SymbolicShapes.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_ONNXFOLDSHAPESPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// The shape operand that makes `to` of `from` without naming a symbol: a
/// number, 0 for a dimension that stays in its place, and at most one -1.
static std::optional<SmallVector<int64_t>>
getConstantShape(ArrayRef<DimExpr> from, ArrayRef<DimExpr> to) {
  SmallVector<int64_t> shape;
  bool hasRest = false;
  for (auto [i, dim] : llvm::enumerate(to)) {
    std::optional<int64_t> number = dim.getConstant();
    if (number && *number > 0) {
      shape.push_back(*number);
    } else if (i < from.size() && from[i] == dim) {
      shape.push_back(0);
    } else if (!hasRest && !number) {
      hasRest = true;
      shape.push_back(-1);
    } else {
      return std::nullopt;
    }
  }
  return shape;
}

namespace {
struct FoldShapes : dejavu::impl::OnnxFoldShapesPassBase<FoldShapes> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return;
    SymbolicShapes shapes(function);
    IRRewriter rewriter(&getContext());
    for (Operation &op : llvm::make_early_inc_range(function.front())) {
      rewriter.setInsertionPoint(&op);
      if (foldContents(rewriter, shapes, &op) ||
          foldCopy(rewriter, shapes, &op))
        continue;
      if (auto reshape = dyn_cast<onnx::ReshapeOp>(op)) {
        if (foldKeyTranspose(rewriter, shapes, reshape))
          continue;
        foldReshape(rewriter, shapes, reshape);
      }
      refineTypes(shapes, &op);
    }
    eraseDeadOps(function);
  }

private:
  /// Integers that are known become a constant.
  bool foldContents(IRRewriter &rewriter, SymbolicShapes &shapes,
                    Operation *op) {
    if (isa<onnx::ConstantOp>(op) || op->getNumResults() != 1)
      return false;
    const SymbolicShapes::Dims *contents = shapes.getContents(op->getResult(0));
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!contents || !type)
      return false;
    unsigned width = type.getElementType().getIntOrFloatBitWidth();
    SmallVector<APInt> elements;
    for (const DimExpr &element : *contents) {
      std::optional<int64_t> number = element.getConstant();
      // A bool is 0 or 1, which one signed bit cannot hold.
      bool fits = number && (width == 1 ? llvm::isUIntN(1, *number)
                                        : llvm::isIntN(width, *number));
      if (!fits)
        return false;
      elements.push_back(APInt(width, *number, /*isSigned=*/true,
                               /*implicitTrunc=*/true));
    }
    SmallVector<int64_t> shape;
    if (type.getRank() == 1)
      shape.push_back(elements.size());
    auto exact = RankedTensorType::get(shape, type.getElementType());
    if (exact != type && !type.isDynamicDim(0))
      return false;
    Value constant = onnx::ConstantOp::create(
        rewriter, op->getLoc(), exact, DenseElementsAttr::get(exact, elements));
    shapes.update(constant.getDefiningOp());
    rewriter.replaceOp(op, constant);
    return true;
  }

  /// Dimensions that are numbers belong into the type. That of a result of the
  /// function stays as the file has it.
  void refineTypes(SymbolicShapes &shapes, Operation *op) {
    if (!isa<onnx::OnnxDialect>(op->getDialect()))
      return;
    for (Value result : op->getResults()) {
      const SymbolicShapes::Dims *dims = shapes.getShape(result);
      Operation *terminator = getOperation().front().getTerminator();
      if (!dims || llvm::is_contained(result.getUsers(), terminator))
        continue;
      auto type = cast<RankedTensorType>(result.getType());
      SmallVector<int64_t> sizes;
      for (auto [dim, size] : llvm::zip_equal(*dims, type.getShape()))
        sizes.push_back(dim.getConstant().value_or(size));
      result.setType(RankedTensorType::get(sizes, type.getElementType()));
    }
  }

  /// Ops that give another shape to the same elements.
  static bool isReshaping(Operation *op) {
    return isa_and_nonnull<onnx::ReshapeOp, onnx::UnsqueezeOp, onnx::SqueezeOp,
                           onnx::FlattenOp>(op);
  }

  /// Reshape and Expand to the shape that is there already, or was before other
  /// reshapes.
  bool foldCopy(IRRewriter &rewriter, SymbolicShapes &shapes, Operation *op) {
    if (!isReshaping(op) && !isa<onnx::ExpandOp>(op))
      return false;
    Value source = op->getOperand(0);
    while (isReshaping(op) && isReshaping(source.getDefiningOp()) &&
           !shapes.haveSameShape(source, op->getResult(0)))
      source = source.getDefiningOp()->getOperand(0);
    if (!shapes.haveSameShape(source, op->getResult(0)))
      return false;
    rewriter.replaceOp(op, source);
    return true;
  }

  /// [a, b, c, d] -> [a * b, c, d] -> transposed -> [a, b, d, c].
  bool foldKeyTranspose(IRRewriter &rewriter, SymbolicShapes &shapes,
                        onnx::ReshapeOp unfold) {
    auto transpose = unfold.getData().getDefiningOp<onnx::TransposeOp>();
    auto fold = transpose ? transpose.getData().getDefiningOp<onnx::ReshapeOp>()
                          : onnx::ReshapeOp();
    if (!fold || transpose.getPerm() != ArrayRef<int64_t>{0, 2, 1})
      return false;
    const SymbolicShapes::Dims *from = shapes.getShape(fold.getData());
    if (!from || from->size() != 4)
      return false;
    const SymbolicShapes::Dims &dims = *from;
    if (!shapes.hasShape(fold, {dims[0] * dims[1], dims[2], dims[3]}) ||
        !shapes.hasShape(unfold, {dims[0], dims[1], dims[3], dims[2]}))
      return false;
    auto merged = onnx::TransposeOp::create(
        rewriter, transpose.getLoc(), unfold.getType(), fold.getData(),
        rewriter.getDenseI64ArrayAttr({0, 1, 3, 2}));
    shapes.update(merged);
    rewriter.replaceOp(unfold, merged);
    return true;
  }

  /// A constant for the shape operand, where one says it all.
  void foldReshape(IRRewriter &rewriter, SymbolicShapes &shapes,
                   onnx::ReshapeOp reshape) {
    if (reshape.getShape().getDefiningOp<onnx::ConstantOp>())
      return;
    const SymbolicShapes::Dims *from = shapes.getShape(reshape.getData());
    const SymbolicShapes::Dims *to = shapes.getShape(reshape);
    if (!from || !to)
      return;
    std::optional<SmallVector<int64_t>> shape = getConstantShape(*from, *to);
    if (!shape)
      return;
    auto type = RankedTensorType::get({static_cast<int64_t>(shape->size())},
                                      rewriter.getI64Type());
    Value constant = onnx::ConstantOp::create(
        rewriter, reshape.getLoc(), type,
        DenseElementsAttr::get(type, ArrayRef<int64_t>(*shape)));
    shapes.update(constant.getDefiningOp());
    rewriter.modifyOpInPlace(reshape, [&] {
      reshape.getShapeMutable().assign(constant);
      reshape.setAllowzero(0);
    });
  }
};
} // namespace
