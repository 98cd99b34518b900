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

#include "Utils.h"

#include "dejavu/Analysis/SymbolicShapes.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_ONNXSINKRESHAPESPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// Ops that work element by element and so do not care for the rank.
static bool isElementwise(Operation *op) {
  return isa<onnx::AddOp, onnx::SubOp, onnx::MulOp, onnx::DivOp, onnx::PowOp,
             onnx::MaxOp, onnx::MinOp, onnx::NegOp, onnx::SqrtOp, onnx::ErfOp,
             onnx::ReluOp, onnx::SigmoidOp, onnx::TanhOp, onnx::GeluOp,
             onnx::CastOp, onnx::IdentityOp>(op);
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
      else if (auto norm = dyn_cast<onnx::LayerNormalizationOp>(op))
        visitNorm(rewriter, shapes, norm);
      else if (isElementwise(&op))
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
    if (dims && dims->size() == 3 &&
        shapes.hasShape(reshape, {(*dims)[0] * (*dims)[1], (*dims)[2]}))
      deepForms[reshape] = reshape.getData();
  }

  /// Gemm with a matrix and a bias that are the same for all rows is a MatMul
  /// and an Add.
  void visitGemm(IRRewriter &rewriter, SymbolicShapes &shapes,
                 onnx::GemmOp gemm) {
    Value deep = deepForms.lookup(gemm.getA());
    Value bias = gemm.getC();
    bool plainBias = !bias || (gemm.getBeta().isExactlyValue(1.0) &&
                               isVector(bias.getType()));
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

  void visitNorm(IRRewriter &rewriter, SymbolicShapes &shapes,
                 onnx::LayerNormalizationOp norm) {
    Value deep = deepForms.lookup(norm.getX());
    if (!deep || (norm.getAxis() != -1 && norm.getAxis() != 1) ||
        norm->getNumResults() != 1 || !isMatrix(norm.getY().getType()) ||
        !isVector(norm.getScale().getType()) ||
        (norm.getB() && !isVector(norm.getB().getType())))
      return;
    Operation *copy = rewriter.clone(*norm);
    copy->setOperand(0, deep);
    copy->getResult(0).setType(
        cast<RankedTensorType>(getDeepType(deep, norm.getY().getType())));
    cast<onnx::LayerNormalizationOp>(copy).setAxis(-1);
    deepForms[norm.getY()] = track(shapes, copy);
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
      } else if (isVector(operand.getType())) {
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
