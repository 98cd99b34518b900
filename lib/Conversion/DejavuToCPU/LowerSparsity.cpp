//===- LowerSparsity.cpp - predict, select, gather ------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

//===----------------------------------------------------------------------===//
// Sets
//===----------------------------------------------------------------------===//

ActiveSet EntryLowering::allocateSet(int64_t extent, Operation *owner,
                                     Value value, const Extent &rows) {
  MLIRContext *context = module.getContext();
  ActiveSet set;
  set.indices =
      allocateBytes(extent * sizeof(int32_t), getIndicesType(context, extent),
                    rows.rows, owner, value, rows);
  set.counts = allocateBytes(sizeof(int32_t), getCountsType(context), rows.rows,
                             owner, value, rows);
  return set;
}

ActiveSet EntryLowering::expand(Value active, int64_t features) {
  int64_t units = cast<ActiveType>(active.getType()).getExtent();
  ActiveSet set = activeSets.lookup(active);
  if (features == units)
    return set;
  auto [known, isNew] = expandedSets.try_emplace({active, features / units});
  if (!isNew)
    return known->second;
  Extent rows = getExtent(Value());
  // As long as the set itself: others may want it.
  ActiveSet expanded = allocateSet(features, nullptr, active, rows);
  point.call(
      getExpandKernel(library, units, features / units),
      {set.indices, set.counts, expanded.indices, expanded.counts, rows.rows});
  return expandedSets[{active, features / units}] = expanded;
}

void EntryLowering::count(Operation *op, const ActiveSet &set) {
  auto counter = counters.find(op);
  if (counter != counters.end())
    point.countActive(counter->second, set.counts, set.indices);
}

LogicalResult EntryLowering::lower(SelectOp op) {
  KernelBuilder &b = point.getBuilder();
  int64_t extent = op.getType().getExtent();
  Extent rows = getExtent(op.getScores());
  ActiveSet set = allocateSet(extent, op, op.getResult(), rows);
  activeSets[op.getResult()] = set;
  SmallVector<Value> arguments{memory.lookup(op.getScores()), set.indices,
                               set.counts, rows.rows};
  if (op.getThreshold())
    arguments.push_back(arith::ConstantOp::create(b, op.getThresholdAttr()));
  if (op.getK())
    arguments.push_back(b.index(static_cast<int64_t>(*op.getK())));
  point.call(getSelectKernel(library, op.getKind(), extent), arguments);
  count(op, set);
  return success();
}

LogicalResult EntryLowering::lower(PredictOp op) {
  Value input = memory.lookup(op.getInput()), rows = getRows(op.getInput());
  int64_t in = getFeatures(op.getInput().getType());
  int64_t units = getFeatures(op.getType());
  FlatSymbolRefAttr bias = op.getBiasAttr();
  Value normalized = allocateScratch(in, op, op.getInput());
  NormSpec norm{NormKind::layer,    in,
                /*hasScale=*/false, /*hasBias=*/false,
                op.getEpsilon(),    APFloat(0.0f)};
  point.call(getNormKernel(library, norm, isPrefill),
             {input, normalized, rows});
  Value weights = normalized;
  if (op.getKind() == PredictorKind::low_rank) {
    RankedTensorType first = getType(op.getFirstAttr());
    weights = allocateScratch(first.getDimSize(0), op, op.getInput());
    lowerLinear(normalized, op.getFirstAttr(), FlatSymbolRefAttr(), Epilogue(),
                weights, rows);
  }
  SmallVector<Value> arguments{
      weights,
      getWeight(op.getSecond() ? op.getSecondAttr() : op.getFirstAttr())};
  if (op.getScale())
    arguments.push_back(getWeight(op.getScaleAttr()));
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({allocateResult(op), rows});
  if (op.getKind() == PredictorKind::sign_bit) {
    point.call(getSignBitKernel(library, in, units, bias != nullptr),
               arguments);
    return success();
  }
  RankedTensorType second = getType(op.getSecondAttr());
  point.share(getRowSumKernel(library, second, bias != nullptr,
                              op.getScale().has_value()),
              arguments, isWorthThreads(second));
  return success();
}

//===----------------------------------------------------------------------===//
// Products that gather
//===----------------------------------------------------------------------===//

void EntryLowering::gather(Value input, const ActiveSet &set,
                           FlatSymbolRefAttr weight, FlatSymbolRefAttr bias,
                           const GatherOptions &options, Value result,
                           Value rows) {
  SmallVector<Value> arguments{input, set.indices, set.counts,
                               getWeight(weight)};
  if (bias)
    arguments.push_back(getWeight(bias));
  if (options.factor)
    arguments.push_back(options.factor);
  arguments.append({result, rows});
  GatherSpec spec{
      {getType(weight), Epilogue{bias != nullptr, options.activation}},
      options.factor != nullptr,
      options.fills};
  point.share(getGatherLinearKernel(library, spec), arguments,
              isWorthThreads(spec.linear.weight));
}

void EntryLowering::sumRows(Value input, const ActiveSet &set,
                            FlatSymbolRefAttr weight, FlatSymbolRefAttr bias,
                            Value result, Value rows) {
  SmallVector<Value> arguments{input, set.indices, set.counts,
                               getWeight(weight)};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({result, rows});
  point.share(getSparseRowSumKernel(library, getType(weight), bias != nullptr),
              arguments, isWorthThreads(getType(weight)));
}

LogicalResult EntryLowering::lower(GatherLinearOp op) {
  GatherOptions options;
  if (op.getFactor())
    options.factor = memory.lookup(op.getFactor());
  ActiveSet set = expand(op.getActive(), getFeatures(op.getType()));
  gather(memory.lookup(op.getInput()), set, op.getWeightAttr(),
         op.getBiasAttr(), options, allocateResult(op), getRows(op.getInput()));
  return success();
}

LogicalResult EntryLowering::lower(SparseLinearOp op) {
  ActiveSet set = expand(op.getActive(), getFeatures(op.getInput().getType()));
  sumRows(memory.lookup(op.getInput()), set, op.getWeightAttr(),
          op.getBiasAttr(), allocateResult(op), getRows(op.getInput()));
  return success();
}

LogicalResult EntryLowering::lower(SparseFFNOp op) {
  Value input = memory.lookup(op.getInput()), rows = getRows(op.getInput());
  int64_t neurons = op.getActive().getType().getExtent();
  ActiveSet set = activeSets.lookup(op.getActive());
  Value hidden = allocateScratch(neurons, op, op.getInput());
  bool isGated = op.getGate().has_value();
  // Only what is in the set is read below, so nothing needs to be cleared.
  GatherOptions options;
  options.fills = false;
  options.activation = op.getActivation();
  gather(input, set, isGated ? op.getGateAttr() : op.getUpAttr(),
         isGated ? op.getGateBiasAttr() : op.getUpBiasAttr(), options, hidden,
         rows);
  if (isExactlySparse(op.getActivation())) {
    ActiveSet used =
        allocateSet(neurons, op, Value(), getExtent(op.getInput()));
    point.call(
        getFilterKernel(library, neurons),
        {hidden, set.indices, set.counts, used.indices, used.counts, rows});
    set = used;
    count(op, set);
  }
  if (isGated) {
    GatherOptions times;
    times.fills = false;
    times.factor = hidden;
    gather(input, set, op.getUpAttr(), op.getUpBiasAttr(), times, hidden, rows);
  }
  sumRows(hidden, set, op.getDownAttr(), op.getDownBiasAttr(),
          allocateResult(op), rows);
  return success();
}

//===----------------------------------------------------------------------===//
// Keys and values
//===----------------------------------------------------------------------===//

LogicalResult EntryLowering::lower(KVAppendDeferredOp op) {
  if (entry != Entry::decode)
    return op.emitOpError() << "has a lowering in @decode only";
  KernelBuilder &b = point.getBuilder();
  MLIRContext *context = module.getContext();
  KVCacheType cache = op.getCache().getType();
  DeferredSpec spec{cache,
                    getFeatures(op.getInput().getType()),
                    static_cast<int64_t>(op.getRing()),
                    getType(op.getKeyAttr()),
                    getType(op.getValueAttr()),
                    op.getKeyBias().has_value(),
                    op.getValueBias().has_value()};
  if (op.getTable()) {
    spec.rotated = getFeatures(op.getTable().getType());
    spec.isInterleaved = op.getInterleaved();
  }
  int64_t layer = cacheNumbers.lookup(op.getCache());
  Value rows = point.getRows();
  Value keptRows = arith::MulIOp::create(b, rows, b.index(spec.ring));
  MemRefType stepsType = getStepsType(context, spec);
  Extent extent = getExtent(Value());
  Value first = allocateBytes(cache.getHeads() * sizeof(int64_t), stepsType,
                              rows, op, Value(), extent);
  ActiveSet computed;
  computed.counts = allocateBytes(sizeof(int32_t), getCountsType(context), rows,
                                  op, Value(), extent);
  ActiveSet set = activeSets.lookup(op.getActive());
  Value kept = point.getTableArray(Field::kept, layer,
                                   getKeptType(context, spec), keptRows);
  Value past = point.get(Field::past);
  Value keys = getCache(Field::keys, op.getCache());
  Value values = getCache(Field::values, op.getCache());
  SmallVector<Value> plan{
      memory.lookup(op.getInput()),
      set.indices,
      set.counts,
      kept,
      point.getTableArray(Field::complete, layer, stepsType, rows),
      first,
      computed.counts,
      past,
      point.get(Field::flush),
      rows};
  if (op.getTable())
    plan.append({memory.lookup(op.getTable()), getRows(op.getTable())});
  point.call(getDeferPlanKernel(library, spec), plan);
  SmallVector<Value> product{
      kept, first, keys, values, past, rows, getWeight(op.getKeyAttr())};
  if (spec.hasKeyBias)
    product.push_back(getWeight(op.getKeyBiasAttr()));
  product.push_back(getWeight(op.getValueAttr()));
  if (spec.hasValueBias)
    product.push_back(getWeight(op.getValueBiasAttr()));
  point.share(getDeferredKernel(library, spec), product,
              isWorthThreads(spec.key));
  if (op.getTable())
    point.call(getDeferredRopeKernel(library, spec),
               {kept, first, keys, past, rows});
  count(op, computed);
  cacheNumbers[op.getResult()] = layer;
  return success();
}
