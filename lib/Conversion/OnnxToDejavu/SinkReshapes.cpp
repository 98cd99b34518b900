//===- SinkReshapes.cpp - activations keep batch and tokens apart ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value [a * b, f] that comes from [a, b, f] has a *deep form*: itself,
// unfolded. The pass walks the function once, computes deep forms of what
// follows a flattening reshape, and replaces the unfolding reshapes by them.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "ActivationMatcher.h"

#include "dejavu/Analysis/SymbolicShapes.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_ONNXSINKRESHAPESPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// Ops that work element by element and so do not care for the rank.
static bool isRowwise(Operation *op) {
  return isElementwise(op) || isa<onnx::CastOp>(op);
}

namespace {
struct SinkReshapes : dejavu::impl::OnnxSinkReshapesPassBase<SinkReshapes> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return;
    deepForms.clear();
    SymbolicShapes shapes(function);
    IRRewriter rewriter(&getContext());
    for (Operation &op : llvm::make_early_inc_range(function.front())) {
      rewriter.setInsertionPointAfter(&op);
      if (auto reshape = dyn_cast<onnx::ReshapeOp>(op))
        visitReshape(rewriter, shapes, reshape);
      else if (auto gemm = dyn_cast<onnx::GemmOp>(op))
        visitGemm(rewriter, shapes, gemm);
      else if (auto matmul = dyn_cast<onnx::MatMulOp>(op))
        visitMatMul(rewriter, shapes, matmul);
      else if (auto layer = dyn_cast<onnx::LayerNormalizationOp>(op))
        visitNorm(rewriter, shapes, layer);
      else if (auto rms = dyn_cast<onnx::RMSNormalizationOp>(op))
        visitNorm(rewriter, shapes, rms);
      else if (auto rms = dyn_cast<onnx::SimplifiedLayerNormalizationOp>(op))
        visitNorm(rewriter, shapes, rms);
      else if (auto mean = dyn_cast<onnx::ReduceMeanOp>(op))
        visitMean(rewriter, shapes, mean);
      else if (isa<onnx::SplitOp, onnx::SliceOp>(op))
        visitCut(rewriter, shapes, &op);
      else if (isRowwise(&op))
        visitElementwise(rewriter, shapes, &op);
    }
    eraseDeadOps(function);
  }

private:
  void visitReshape(IRRewriter &rewriter, SymbolicShapes &shapes,
                    onnx::ReshapeOp reshape) {
    Value deep = deepForms.lookup(reshape.getData());
    if (deep && shapes.haveSameShape(deep, reshape)) {
      rewriter.replaceOp(reshape, deep);
      return;
    }
    const SymbolicShapes::Dims *dims = shapes.getShape(reshape.getData());
    if (!dims || dims->size() < 3)
      return;
    DimExpr features = 1;
    for (const DimExpr &dim : ArrayRef<DimExpr>(*dims).drop_front(2))
      features = features * dim;
    if (!shapes.hasShape(reshape, {(*dims)[0] * (*dims)[1], features}))
      return;
    if (dims->size() == 3) {
      deepForms[reshape] = reshape.getData();
      return;
    }
    // Heads are merged in the same step.
    std::optional<int64_t> size = features.getConstant();
    auto type = cast<RankedTensorType>(reshape.getData().getType());
    if (!size)
      return;
    auto shapeType = RankedTensorType::get({3}, rewriter.getI64Type());
    Value shape = track(
        shapes,
        onnx::ConstantOp::create(
            rewriter, reshape.getLoc(), shapeType,
            DenseElementsAttr::get(shapeType, ArrayRef<int64_t>{0, 0, *size})));
    deepForms[reshape] =
        track(shapes, onnx::ReshapeOp::create(
                          rewriter, reshape.getLoc(),
                          RankedTensorType::get(
                              {type.getDimSize(0), type.getDimSize(1), *size},
                              type.getElementType()),
                          reshape.getData(), shape));
  }

  /// Gemm with a matrix and a bias that are the same for all rows is a MatMul
  /// and an Add.
  void visitGemm(IRRewriter &rewriter, SymbolicShapes &shapes,
                 onnx::GemmOp gemm) {
    Value deep = deepForms.lookup(gemm.getA());
    Value bias = gemm.getC();
    bool plainBias =
        !bias || (gemm.getBeta().isExactlyValue(1.0) &&
                  (isVector(bias.getType()) || isRow(bias.getType())));
    if (!deep || gemm.getTransA() || !gemm.getAlpha().isExactlyValue(1.0) ||
        !plainBias)
      return;
    Value matrix = gemm.getB();
    auto matrixType = dyn_cast<RankedTensorType>(matrix.getType());
    if (!matrixType || !isMatrix(gemm.getType()))
      return;
    if (gemm.getTransB()) {
      auto transposed = RankedTensorType::get(
          {matrixType.getDimSize(1), matrixType.getDimSize(0)},
          matrixType.getElementType());
      matrix = track(shapes, onnx::TransposeOp::create(
                                 rewriter, gemm.getLoc(), transposed, matrix,
                                 rewriter.getDenseI64ArrayAttr({1, 0})));
    }
    Type type = getDeepType(deep, gemm.getType());
    Value result = track(shapes, onnx::MatMulOp::create(rewriter, gemm.getLoc(),
                                                        type, deep, matrix));
    if (bias)
      result = track(shapes, onnx::AddOp::create(rewriter, gemm.getLoc(), type,
                                                 result, bias));
    deepForms[gemm] = result;
  }

  /// A product with a matrix of its own.
  void visitMatMul(IRRewriter &rewriter, SymbolicShapes &shapes,
                   onnx::MatMulOp matmul) {
    Value deep = deepForms.lookup(matmul.getA());
    if (!deep || !isMatrix(matmul.getB().getType()) ||
        !isMatrix(matmul.getType()))
      return;
    deepForms[matmul] = track(
        shapes, onnx::MatMulOp::create(rewriter, matmul.getLoc(),
                                       getDeepType(deep, matmul.getType()),
                                       deep, matmul.getB()));
  }

  template <typename NormTy>
  void visitNorm(IRRewriter &rewriter, SymbolicShapes &shapes, NormTy norm) {
    Value deep = deepForms.lookup(norm.getX());
    if (!deep || (norm.getAxis() != -1 && norm.getAxis() != 1) ||
        norm->getNumResults() != 1 || !isMatrix(norm.getY().getType()))
      return;
    for (Value parameter : norm->getOperands().drop_front())
      if (!isVector(parameter.getType()))
        return;
    Operation *copy = rewriter.clone(*norm);
    copy->setOperand(0, deep);
    copy->getResult(0).setType(
        cast<RankedTensorType>(getDeepType(deep, norm.getY().getType())));
    cast<NormTy>(copy).setAxis(-1);
    deepForms[norm.getY()] = track(shapes, copy);
  }

  /// The mean over the features, which stay as a dimension of one.
  void visitMean(IRRewriter &rewriter, SymbolicShapes &shapes,
                 onnx::ReduceMeanOp mean) {
    Value deep = deepForms.lookup(mean.getData());
    std::optional<int64_t> axis =
        mean.getAxes() ? getConstantInt(mean.getAxes()) : std::nullopt;
    if (!deep || !axis || (*axis != -1 && *axis != 1) ||
        mean.getKeepdims() == 0 || !isMatrix(mean.getType()))
      return;
    auto axesType = cast<RankedTensorType>(mean.getAxes().getType());
    Value last =
        track(shapes, onnx::ConstantOp::create(
                          rewriter, mean.getLoc(), axesType,
                          DenseElementsAttr::get(axesType, int64_t(-1))));
    Operation *copy = rewriter.clone(*mean);
    copy->setOperands({deep, last});
    copy->getResult(0).setType(
        cast<RankedTensorType>(getDeepType(deep, mean.getType())));
    deepForms[mean] = track(shapes, copy);
  }

  /// Parts of the features.
  void visitCut(IRRewriter &rewriter, SymbolicShapes &shapes, Operation *op) {
    Value deep = deepForms.lookup(op->getOperand(0));
    if (!deep || !llvm::all_of(op->getResultTypes(), isMatrix))
      return;
    if (auto split = dyn_cast<onnx::SplitOp>(op)) {
      if (split.getAxis() != -1 && split.getAxis() != 1)
        return;
    } else {
      auto slice = cast<onnx::SliceOp>(op);
      std::optional<int64_t> axis =
          slice.getAxes() ? getConstantInt(slice.getAxes()) : std::nullopt;
      if (!axis || (*axis != -1 && *axis != 1))
        return;
    }
    Operation *copy = rewriter.clone(*op);
    copy->setOperand(0, deep);
    if (auto split = dyn_cast<onnx::SplitOp>(copy)) {
      split.setAxis(-1);
    } else {
      auto slice = cast<onnx::SliceOp>(copy);
      auto axesType = cast<RankedTensorType>(slice.getAxes().getType());
      auto last = DenseElementsAttr::get(
          axesType, APInt(axesType.getElementTypeBitWidth(), -1, true));
      rewriter.setInsertionPoint(copy);
      slice.getAxesMutable().assign(
          track(shapes, onnx::ConstantOp::create(rewriter, op->getLoc(),
                                                 axesType, last)));
      rewriter.setInsertionPointAfter(copy);
    }
    for (auto [from, to] :
         llvm::zip_equal(op->getResults(), copy->getResults())) {
      to.setType(cast<RankedTensorType>(getDeepType(deep, from.getType())));
      deepForms[from] = to;
    }
    shapes.update(copy);
  }

  /// Operands are deep, or broadcast along rows: at most vectors of features.
  void visitElementwise(IRRewriter &rewriter, SymbolicShapes &shapes,
                        Operation *op) {
    SmallVector<Value> operands;
    Value deepOperand;
    for (Value operand : op->getOperands()) {
      if (Value deep = deepForms.lookup(operand)) {
        if (deepOperand && !sameRows(shapes, deep, deepOperand))
          return;
        deepOperand = deep;
        operands.push_back(deep);
      } else if (isVector(operand.getType()) || isRow(operand.getType())) {
        operands.push_back(operand);
      } else {
        return;
      }
    }
    if (!deepOperand || !isMatrix(op->getResult(0).getType()))
      return;
    Operation *copy = rewriter.clone(*op);
    copy->setOperands(operands);
    copy->getResult(0).setType(cast<RankedTensorType>(
        getDeepType(deepOperand, op->getResult(0).getType())));
    deepForms[op->getResult(0)] = track(shapes, copy);
  }

  static bool sameRows(const SymbolicShapes &shapes, Value a, Value b) {
    const SymbolicShapes::Dims *x = shapes.getShape(a), *y = shapes.getShape(b);
    return x && y && x->size() == 3 && y->size() == 3 && (*x)[0] == (*y)[0] &&
           (*x)[1] == (*y)[1];
  }

  static bool isVector(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() <= 1;
  }

  /// A matrix of one row, which broadcasts along rows.
  static bool isRow(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == 2 && tensor.getDimSize(0) == 1;
  }

  static bool isMatrix(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == 2;
  }

  /// The type of the deep form of a value of type `flat`, with the rows of
  /// `deep`.
  static Type getDeepType(Value deep, Type flat) {
    auto rows = cast<RankedTensorType>(deep.getType());
    auto type = cast<RankedTensorType>(flat);
    return RankedTensorType::get(
        {rows.getDimSize(0), rows.getDimSize(1), type.getDimSize(1)},
        type.getElementType());
  }

  static Value track(SymbolicShapes &shapes, Operation *op) {
    shapes.update(op);
    return op->getResult(0);
  }

  llvm::DenseMap<Value, Value> deepForms;
};
} // namespace
