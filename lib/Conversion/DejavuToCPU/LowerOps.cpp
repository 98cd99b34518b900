//===- LowerOps.cpp - everything but products -----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

/// The ids or positions of the function, which the runtime has checked; null
/// for any other tensor.
Value EntryLowering::getCheckedIds(Value ids) {
  auto argument = dyn_cast<BlockArgument>(ids);
  if (!argument || entry == Entry::forward || argument.getArgNumber() > 1)
    return {};
  auto type = MemRefType::get({ShapedType::kDynamic},
                              IntegerType::get(module.getContext(), 64));
  return point.getArray(argument.getArgNumber() == 0 ? Field::ids
                                                     : Field::positions,
                        type, point.getRows());
}

FailureOr<Value> EntryLowering::getIds(Value ids, Operation *user,
                                       Extent &extent) {
  KernelBuilder &b = point.getBuilder();
  extent = getExtent(Value());
  if (Value checked = getCheckedIds(ids))
    return checked;
  FailureOr<Value> given = getTensor(ids, user);
  if (failed(given))
    return failure();
  extent = makeExtent(memref::DimOp::create(b, *given, int64_t(0)),
                      memref::DimOp::create(b, *given, int64_t(1)));
  Value flat = memref::ReinterpretCastOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, b.getI64Type()), *given,
      OpFoldResult(b.getIndexAttr(0)), ArrayRef<OpFoldResult>{extent.rows},
      ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
  return flat;
}

LogicalResult EntryLowering::lower(EmbedOp op) {
  KernelBuilder &b = point.getBuilder();
  RankedTensorType table = getType(op.getTableAttr());
  Value offset = b.index(op.getOffset());
  Extent extent;
  FailureOr<Value> ids = getIds(op.getIds(), op, extent);
  if (failed(ids))
    return failure();
  if (!getCheckedIds(op.getIds())) {
    auto type = MemRefType::get({ShapedType::kDynamic}, b.getI64Type());
    Value raw = *ids;
    ids = allocateOwn(type, extent.rows, op, Value());
    Value node =
        arith::ConstantOp::create(b, b.getI64IntegerAttr(getNodeNumber(op)));
    point.call(
        getIndicesKernel(library),
        {raw, *ids, offset, b.index(table.getDimSize(0)), extent.rows, node});
    offset = b.index(0);
  }
  Value result = allocateResult(op, extent);
  point.call(getEmbedKernel(library, table, op.getScale(), isPrefill),
             {*ids, getWeight(op.getTableAttr()), offset, result, extent.rows});
  return success();
}

LogicalResult EntryLowering::lower(ResidualAddOp op) {
  Value lhs = memory.lookup(op.getLhs()), rhs = memory.lookup(op.getRhs());
  point.call(getAddKernel(library, getFeatures(op.getType()), isPrefill),
             {lhs, rhs, allocateResult(op), getRows(op)});
  return success();
}

/// Rows of which each is cut into `parts` rows.
static Value splitRows(KernelBuilder &b, Value memref, Value rows,
                       int64_t parts) {
  if (parts == 1)
    return memref;
  int64_t features = cast<MemRefType>(memref.getType()).getDimSize(1) / parts;
  return memref::ReinterpretCastOp::create(
      b, getRowsType(b.getContext(), features), memref,
      OpFoldResult(b.getIndexAttr(0)),
      ArrayRef<OpFoldResult>{rows, b.getIndexAttr(features)},
      ArrayRef<OpFoldResult>{b.getIndexAttr(features), b.getIndexAttr(1)});
}

LogicalResult EntryLowering::lower(NormOp op) {
  KernelBuilder &b = point.getBuilder();
  FlatSymbolRefAttr scale = op.getScaleAttr(), bias = op.getBiasAttr();
  int64_t groups = op.getGroups();
  Value result = allocateResult(op), rows = getRows(op);
  if (groups > 1)
    rows = arith::MulIOp::create(b, rows, b.index(groups));
  SmallVector<Value> arguments{
      splitRows(b, memory.lookup(op.getInput()), rows, groups)};
  for (FlatSymbolRefAttr weight : {scale, bias})
    if (weight)
      arguments.push_back(getWeight(weight));
  arguments.append({splitRows(b, result, rows, groups), rows});
  NormSpec spec{op.getKind(),     getFeatures(op.getType()) / groups,
                scale != nullptr, bias != nullptr,
                op.getEpsilon(),  op.getWeightOffset()};
  point.call(getNormKernel(library, spec, isPrefill), arguments);
  return success();
}

LogicalResult EntryLowering::lower(RopeTableOp op) {
  Extent extent;
  FailureOr<Value> positions = getIds(op.getPositions(), op, extent);
  if (failed(positions))
    return failure();
  point.call(
      getRopeTableKernel(library, getFeatures(op.getType()), op.getScale()),
      {*positions, getWeight(op.getInvFreqAttr()), allocateResult(op, extent),
       extent.rows});
  return success();
}

LogicalResult EntryLowering::lower(RopeOp op) {
  auto table = cast<RankedTensorType>(op.getTable().getType());
  Extent angles = getExtent(op.getTable());
  Value result = allocateResult(op);
  point.call(getRopeKernel(library, getFeatures(op.getType()), op.getHeads(),
                           getFeatures(table), op.getInterleaved(), isPrefill),
             {memory.lookup(op.getInput()), memory.lookup(op.getTable()),
              angles.rows, result, getRows(op)});
  return success();
}

LogicalResult EntryLowering::lower(KVAppendOp op) {
  KVCacheType cache = op.getCache().getType();
  func::FuncOp kernel = getKVAppendKernel(library, cache, isPrefill);
  Value arguments[] = {memory.lookup(op.getKey()),
                       memory.lookup(op.getValue()),
                       getCache(Field::keys, op.getCache()),
                       getCache(Field::values, op.getCache()),
                       point.get(Field::past),
                       point.get(Field::tokens),
                       point.getRows()};
  if (isPrefill)
    point.call(kernel, arguments);
  else
    point.share(kernel, arguments, /*worth=*/sharing == Sharing::step);
  cacheNumbers[op.getResult()] = cacheNumbers.lookup(op.getCache());
  return success();
}

template <typename OpTy>
AttentionSpec EntryLowering::getAttentionSpec(OpTy op) {
  std::optional<int64_t> window;
  if (op.getWindow())
    window = static_cast<int64_t>(*op.getWindow());
  return {op.getCache().getType(),
          getFeatures(op.getQuery().getType()),
          op.getScale(),
          op.getSoftcap(),
          op.getMaskedRows(),
          window,
          op.getAlibi().has_value()};
}

template <typename OpTy>
FailureOr<SmallVector<Value>> EntryLowering::getAttentionArguments(OpTy op) {
  if (op.getStarts() != function.getArgument(2))
    return op.emitOpError() << "expected the starts of the function";
  KernelBuilder &b = point.getBuilder();
  Value starts = point.getArray(
      Field::starts, MemRefType::get({ShapedType::kDynamic}, b.getI64Type()),
      point.get(Field::batch));
  SmallVector<Value> arguments{memory.lookup(op.getQuery()),
                               getCache(Field::keys, op.getCache()),
                               getCache(Field::values, op.getCache()),
                               starts,
                               allocateResult(op.getResult()),
                               point.get(Field::past),
                               point.get(Field::tokens),
                               point.getRows()};
  if (std::optional<ArrayRef<float>> slopes = op.getAlibi())
    arguments.push_back(getConstants(*slopes));
  cacheNumbers[op.getNewCache()] = cacheNumbers.lookup(op.getCache());
  return arguments;
}

LogicalResult EntryLowering::lower(AttentionOp op) {
  FailureOr<SmallVector<Value>> arguments = getAttentionArguments(op);
  if (failed(arguments))
    return failure();
  bool isParallel = sharing != Sharing::step;
  func::FuncOp kernel =
      getAttentionKernel(library, getAttentionSpec(op), isParallel);
  if (isParallel)
    point.call(kernel, *arguments);
  else // each thread has appended the heads that it attends to
    point.share(kernel, *arguments, /*worth=*/true,
                getKVAppendKernel(library, op.getCache().getType(), isPrefill));
  return success();
}

LogicalResult EntryLowering::lower(SparseAttentionOp op) {
  FailureOr<SmallVector<Value>> arguments = getAttentionArguments(op);
  if (failed(arguments))
    return failure();
  ActiveSet set = activeSets.lookup(op.getActive());
  arguments->append({set.indices, set.counts});
  point.share(getSparseAttentionKernel(library, getAttentionSpec(op)),
              *arguments, /*worth=*/sharing == Sharing::step);
  return success();
}

/// Constants in the object file; equal ones are the same.
Value EntryLowering::getConstants(ArrayRef<float> values) {
  KernelBuilder &b = point.getBuilder();
  auto size = static_cast<int64_t>(values.size());
  auto data = DenseElementsAttr::get(
      RankedTensorType::get({size}, b.getF32Type()), values);
  auto type = MemRefType::get({size}, b.getF32Type());
  StringAttr name;
  int64_t number = 0;
  for (auto global : module.getOps<memref::GlobalOp>()) {
    if (global.getInitialValueAttr() == data)
      name = global.getSymNameAttr();
    ++number;
  }
  if (!name) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(module.getBody());
    name = b.getStringAttr("dejavu_constants_" + Twine(number));
    memref::GlobalOp::create(b, name, b.getStringAttr("private"), type, data,
                             /*constant=*/true, /*alignment=*/IntegerAttr());
  }
  return memref::GetGlobalOp::create(b, type, name.getValue());
}

LogicalResult EntryLowering::lower(SDPAOp op) {
  KernelBuilder &b = point.getBuilder();
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  Extent queries = getExtent(op.getQuery()), keys = getExtent(op.getKey());
  Extent values = getExtent(op.getValue());
  auto isEqual = [&](Value lhs, Value rhs) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lhs, rhs);
  };
  auto both = [&](Value lhs, Value rhs) -> Value {
    return arith::AndIOp::create(b, lhs, rhs);
  };
  Value fits = both(isEqual(queries.batch, keys.batch),
                    both(isEqual(keys.batch, values.batch),
                         isEqual(keys.tokens, values.tokens)));
  SmallVector<Value> arguments{memory.lookup(op.getQuery()),
                               memory.lookup(op.getKey()),
                               memory.lookup(op.getValue()),
                               allocateResult(op, queries),
                               queries.batch,
                               queries.tokens,
                               keys.tokens};
  MemRefType maskType;
  if (op.getMask()) {
    FailureOr<Value> mask = getTensor(op.getMask(), op);
    if (failed(mask))
      return failure();
    maskType = cast<MemRefType>(mask->getType());
    arguments.push_back(*mask);
    Value sizes[] = {queries.batch, b.index(heads), queries.tokens,
                     keys.tokens};
    for (int64_t dim = 0; dim < 4; ++dim) {
      Value size = memref::DimOp::create(b, *mask, dim);
      fits = both(fits, arith::OrIOp::create(b, isEqual(size, b.index(1)),
                                             isEqual(size, sizes[dim])));
    }
  }
  SDPASpec spec{heads,
                kvHeads,
                getFeatures(op.getQuery().getType()) / heads,
                getFeatures(op.getValue().getType()) / kvHeads,
                op.getScale(),
                op.getSoftcap(),
                op.getMaskedRows(),
                op.getCausal(),
                maskType};
  func::FuncOp kernel = getSDPAKernel(library, spec);
  point.require(fits);
  auto branch = scf::IfOp::create(b, fits, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  point.call(kernel, arguments);
  return success();
}
