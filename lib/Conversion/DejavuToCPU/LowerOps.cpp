//===- LowerOps.cpp - everything but products -----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

LogicalResult EntryLowering::lower(EmbedOp op) {
  KernelBuilder &b = point.getBuilder();
  auto type = MemRefType::get({ShapedType::kDynamic}, b.getI64Type());
  RankedTensorType table = getType(op.getTableAttr());
  Value offset = b.index(op.getOffset()), ids, rows;
  auto argument = dyn_cast<BlockArgument>(op.getIds());
  if (argument && entry != Entry::forward) {
    // The runtime has checked these.
    if (argument.getArgNumber() > 1)
      return op.emitOpError()
             << "expected the ids or the positions of the function as indices";
    rows = point.getRows();
    ids = point.getArray(argument.getArgNumber() == 0 ? Field::ids
                                                      : Field::positions,
                         type, rows);
    allocateResult(op, getExtent(Value()));
  } else {
    FailureOr<Value> given = getTensor(op.getIds(), op);
    if (failed(given))
      return failure();
    Extent extent = makeExtent(memref::DimOp::create(b, *given, int64_t(0)),
                               memref::DimOp::create(b, *given, int64_t(1)));
    rows = extent.rows;
    Value raw = memref::ReinterpretCastOp::create(
        b, type, *given, OpFoldResult(b.getIndexAttr(0)),
        ArrayRef<OpFoldResult>{rows},
        ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
    ids = allocateOwn(type, rows, op, Value());
    Value node =
        arith::ConstantOp::create(b, b.getI64IntegerAttr(getNodeNumber(op)));
    point.call(getIndicesKernel(library),
               {raw, ids, offset, b.index(table.getDimSize(0)), rows, node});
    offset = b.index(0);
    allocateResult(op, extent);
  }
  point.call(
      getEmbedKernel(library, table, isPrefill),
      {ids, getWeight(op.getTableAttr()), offset, memory.lookup(op), rows});
  return success();
}

LogicalResult EntryLowering::lower(ResidualAddOp op) {
  Value lhs = memory.lookup(op.getLhs()), rhs = memory.lookup(op.getRhs());
  point.call(getAddKernel(library, getFeatures(op.getType()), isPrefill),
             {lhs, rhs, allocateResult(op), getRows(op)});
  return success();
}

LogicalResult EntryLowering::lower(NormOp op) {
  FlatSymbolRefAttr bias = op.getBiasAttr();
  SmallVector<Value> arguments{memory.lookup(op.getInput()),
                               getWeight(op.getScaleAttr())};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({allocateResult(op), getRows(op)});
  point.call(getNormKernel(library, op.getKind(), getFeatures(op.getType()),
                           bias != nullptr, op.getEpsilon(), isPrefill),
             arguments);
  return success();
}

LogicalResult EntryLowering::lower(KVAppendOp op) {
  KVCacheType cache = op.getCache().getType();
  point.call(getKVAppendKernel(library, cache, isPrefill),
             {memory.lookup(op.getKey()), memory.lookup(op.getValue()),
              getCache(Field::keys, op.getCache()),
              getCache(Field::values, op.getCache()), point.get(Field::past),
              point.get(Field::tokens), point.getRows()});
  cacheNumbers[op.getResult()] = cacheNumbers.lookup(op.getCache());
  return success();
}

LogicalResult EntryLowering::lower(AttentionOp op) {
  if (op.getStarts() != function.getArgument(2))
    return op.emitOpError() << "expected the starts of the function";
  KernelBuilder &b = point.getBuilder();
  KVCacheType cache = op.getCache().getType();
  Value starts = point.getArray(
      Field::starts, MemRefType::get({ShapedType::kDynamic}, b.getI64Type()),
      point.get(Field::batch));
  MemRefType scratchType = getAttentionScratchType(library, cache);
  Value scratch = allocateBytes(
      scratchType.getDimSize(1) * scratchType.getDimSize(2) * sizeof(float),
      scratchType, point.getRows(), op, Value(), getExtent(Value()));
  Value query = memory.lookup(op.getQuery());
  point.call(getAttentionKernel(library, cache, getFeatures(op.getType(0)),
                                op.getScale(), op.getMaskedRows()),
             {query, getCache(Field::keys, op.getCache()),
              getCache(Field::values, op.getCache()), starts, scratch,
              allocateResult(op.getResult()), point.get(Field::past),
              point.get(Field::tokens), point.getRows()});
  cacheNumbers[op.getNewCache()] = cacheNumbers.lookup(op.getCache());
  return success();
}

LogicalResult EntryLowering::lower(SelectOp op) {
  MLIRContext *context = module.getContext();
  int64_t extent = op.getType().getExtent();
  Type i32 = IntegerType::get(context, 32);
  ActiveSet &set = activeSets[op.getResult()];
  Extent rows = getExtent(op.getScores());
  set.indices =
      allocateBytes(extent * sizeof(int32_t),
                    MemRefType::get({ShapedType::kDynamic, extent}, i32),
                    rows.rows, op, op.getResult(), rows);
  set.counts = allocateBytes(sizeof(int32_t),
                             MemRefType::get({ShapedType::kDynamic}, i32),
                             rows.rows, op, op.getResult(), rows);
  point.call(
      getSelectKernel(library, extent),
      {memory.lookup(op.getScores()), set.indices, set.counts, rows.rows});
  point.countActive(numSelects++, set.counts);
  return success();
}
