//===- FoldDequantize.cpp - quantised weights become recipes --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is quantised in the file is a plain matrix to every pass behind this
// one: its numbers, scales and zero points become weights of integers, and the
// matrix a weight whose recipe dequantises. The packer executes the recipe.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_ONNXFOLDDEQUANTIZEPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

namespace {
struct FoldDequantize
    : dejavu::impl::OnnxFoldDequantizePassBase<FoldDequantize> {
  void runOnOperation() override {
    SymbolTable table(getOperation());
    symbols = &table;
    views.clear();
    getOperation()->walk([&](Operation *op) {
      if (auto product = dyn_cast<onnx::MsMatMulNBitsOp>(op))
        fold(product);
      else if (auto gather = dyn_cast<onnx::MsGatherBlockQuantizedOp>(op))
        fold(gather);
      else if (auto dequantize = dyn_cast<onnx::DequantizeLinearOp>(op))
        fold(dequantize);
    });
  }

private:
  void fold(onnx::MsMatMulNBitsOp op);
  void fold(onnx::MsGatherBlockQuantizedOp op);
  void fold(onnx::DequantizeLinearOp op);

  /// The weight that `value` loads as it is in the file; null if it is none.
  WeightOp getStored(Value value) {
    auto load = value ? value.getDefiningOp<LoadWeightOp>() : LoadWeightOp();
    auto weight =
        load ? symbols->lookup<WeightOp>(load.getWeight()) : WeightOp();
    return weight && !weight.getRecipe() ? weight : WeightOp();
  }

  /// The bytes of `weight` as a tensor of another type of the same size; null
  /// if the sizes differ.
  FlatSymbolRefAttr view(WeightOp weight, ArrayRef<int64_t> shape,
                         Type element) {
    auto type = RankedTensorType::get(shape, element);
    if (weight.getTensorType() == type)
      return FlatSymbolRefAttr::get(weight.getSymNameAttr());
    int64_t bits = type.getNumElements() * element.getIntOrFloatBitWidth();
    if (bits != weight.getSource().getLength() * 8)
      return {};
    FlatSymbolRefAttr &known = views[{weight, type}];
    if (!known) {
      OpBuilder builder(weight->getContext());
      auto copy = cast<WeightOp>(weight->clone());
      copy.setType(type);
      copy.setSymName((weight.getSymName() + ".view").str());
      symbols->insert(copy, std::next(Block::iterator(weight)));
      known = FlatSymbolRefAttr::get(copy.getSymNameAttr());
    }
    return known;
  }

  /// A value that loads `numbers`, dequantised.
  Value load(OpBuilder &builder, Location loc, FlatSymbolRefAttr numbers,
             Attribute recipe) {
    auto weight = symbols->lookup<WeightOp>(numbers.getAttr());
    auto copy = cast<WeightOp>(weight->clone());
    copy.appendRecipeStep(recipe);
    copy.setSymName((weight.getSymName() + ".dequantized").str());
    symbols->insert(copy, std::next(Block::iterator(weight)));
    return LoadWeightOp::create(builder, loc, copy.getTensorType(),
                                FlatSymbolRefAttr::get(copy.getSymNameAttr()));
  }

  static void replace(Operation *op, Value value) {
    op->getResult(0).replaceAllUsesWith(value);
    op->erase();
  }

  SymbolTable *symbols = nullptr;
  llvm::DenseMap<std::pair<Operation *, Type>, FlatSymbolRefAttr> views;
};
} // namespace

/// The unsigned integers that numbers of `bits` bits are.
static Type getUnsigned(MLIRContext *context, int64_t bits) {
  return IntegerType::get(context, bits, IntegerType::Unsigned);
}

void FoldDequantize::fold(onnx::MsMatMulNBitsOp op) {
  WeightOp bytes = getStored(op.getB()), scales = getStored(op.getScales());
  WeightOp points = getStored(op.getZeroPoints());
  int64_t k = op.getK(), n = op.getN(), block = op.getBlockSize();
  if (!bytes || !scales || op.getGIdx() || k % block != 0 ||
      (op.getZeroPoints() && !points))
    return;
  Type element = getUnsigned(&getContext(), op.getBits());
  int64_t blocks = k / block;
  FlatSymbolRefAttr numbers = view(bytes, {n, k}, element);
  FlatSymbolRefAttr factors =
      view(scales, {n, blocks}, scales.getTensorType().getElementType());
  FlatSymbolRefAttr zeros;
  if (points) {
    Type kind = points.getTensorType().getElementType();
    zeros = view(points, {n, blocks}, isa<FloatType>(kind) ? kind : element);
    if (!zeros)
      return;
  }
  OpBuilder builder(op);
  // Other types than f32 stay with the decomposition.
  if (!numbers || !factors ||
      getElementTypeOrSelf(op.getA().getType()) != builder.getF32Type())
    return;
  Location loc = op.getLoc();
  Value matrix =
      load(builder, loc, numbers,
           DequantizeAttr::get(&getContext(), factors, zeros,
                               /*axis=*/1, block,
                               points ? 0 : 1 << (op.getBits() - 1)));
  Value transposed = onnx::TransposeOp::create(
      builder, loc, RankedTensorType::get({k, n}, builder.getF32Type()), matrix,
      builder.getDenseI64ArrayAttr({1, 0}));
  Value y =
      onnx::MatMulOp::create(builder, loc, op.getType(), op.getA(), transposed);
  if (Value bias = op.getBias())
    y = onnx::AddOp::create(builder, loc, op.getType(), y, bias);
  replace(op, y);
}

void FoldDequantize::fold(onnx::MsGatherBlockQuantizedOp op) {
  WeightOp bytes = getStored(op.getData()), scales = getStored(op.getScales());
  WeightOp points = getStored(op.getZeroPoints());
  if (!bytes || !scales || (op.getZeroPoints() && !points) ||
      !getElementTypeOrSelf(op.getType()).isF32())
    return;
  RankedTensorType stored = bytes.getTensorType();
  SmallVector<int64_t> shape(stored.getShape());
  Type element = stored.getElementType();
  bool isPacked = element.isUnsignedInteger(8) && op.getBits() < 8;
  if (isPacked) {
    shape.back() *= 8 / op.getBits();
    element = getUnsigned(&getContext(), op.getBits());
  }
  int64_t rank = stored.getRank(), block = op.getBlockSize();
  int64_t axis = op.getQuantizeAxis();
  if (axis < 0)
    axis += rank;
  if (axis >= rank || shape[axis] % block != 0)
    return;
  SmallVector<int64_t> blocks(shape);
  blocks[axis] /= block;
  FlatSymbolRefAttr numbers = view(bytes, shape, element);
  FlatSymbolRefAttr factors =
      view(scales, blocks, scales.getTensorType().getElementType());
  FlatSymbolRefAttr zeros = points ? view(points, blocks, element) : nullptr;
  if (!numbers || !factors || (points && !zeros))
    return;
  int64_t zero = points || !stored.getElementType().isUnsignedInteger(8)
                     ? 0
                     : 1 << (op.getBits() - 1);
  OpBuilder builder(op);
  Value table = load(
      builder, op.getLoc(), numbers,
      DequantizeAttr::get(&getContext(), factors, zeros, axis, block, zero));
  replace(op, onnx::GatherOp::create(
                  builder, op.getLoc(), op.getType(), table, op.getIndices(),
                  builder.getI64IntegerAttr(op.getGatherAxis())));
}

void FoldDequantize::fold(onnx::DequantizeLinearOp op) {
  WeightOp stored = getStored(op.getX()), scales = getStored(op.getXScale());
  WeightOp points = getStored(op.getXZeroPoint());
  if (!stored || !scales || (op.getXZeroPoint() && !points) ||
      !isa<IntegerType>(stored.getTensorType().getElementType()) ||
      !getElementTypeOrSelf(op.getType()).isF32())
    return;
  RankedTensorType type = stored.getTensorType();
  int64_t rank = type.getRank(), axis = op.getAxis();
  if (axis < 0)
    axis += rank;
  if (axis < 0 || axis >= rank)
    return;
  SmallVector<int64_t> shape(scales.getTensorType().getShape());
  int64_t block = op.getBlockSize();
  if (block == 0) {
    // A vector along the axis.
    if (shape.size() != 1 || shape[0] != type.getDimSize(axis))
      return;
    int64_t size = shape[0];
    shape.assign(rank, 1);
    shape[axis] = size;
    block = 1;
  }
  FlatSymbolRefAttr factors =
      view(scales, shape, scales.getTensorType().getElementType());
  FlatSymbolRefAttr zeros =
      points ? view(points, shape, points.getTensorType().getElementType())
             : nullptr;
  if (!factors || (points && !zeros))
    return;
  OpBuilder builder(op);
  replace(op, load(builder, op.getLoc(),
                   FlatSymbolRefAttr::get(stored.getSymNameAttr()),
                   DequantizeAttr::get(&getContext(), factors, zeros, axis,
                                       block, 0)));
}
