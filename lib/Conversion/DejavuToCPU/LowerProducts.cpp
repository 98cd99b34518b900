//===- LowerProducts.cpp - linear layers and MLPs -------------------------===//
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

void EntryLowering::multiply(Value input, FlatSymbolRefAttr weight,
                             bool transposed, Value result, Value rows) {
  RankedTensorType type = getType(weight);
  Value zero = point.getBuilder().index(0);
  SmallVector<Value> arguments{input,  zero, getWeight(weight),
                               result, zero, rows};
  if (Value scratch = getGemmScratch(type))
    arguments.push_back(scratch);
  point.callChecked(getGemmKernel(library, type, transposed), arguments);
}

void EntryLowering::addBiasAndActivate(Value values, FlatSymbolRefAttr bias,
                                       std::optional<Activation> activation,
                                       Value rows) {
  if (!bias && !activation)
    return;
  int64_t features = cast<MemRefType>(values.getType()).getDimSize(1);
  SmallVector<Value> arguments{values};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.push_back(rows);
  point.call(getEpilogueKernel(library, features, bias != nullptr, activation),
             arguments);
}

void EntryLowering::lowerLinear(Value input, FlatSymbolRefAttr weight,
                                FlatSymbolRefAttr bias,
                                std::optional<Activation> activation,
                                Value result, Value rows) {
  if (isPrefill) {
    multiply(input, weight, /*transposed=*/true, result, rows);
    return addBiasAndActivate(result, bias, activation, rows);
  }
  SmallVector<Value> arguments{input, getWeight(weight)};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({result, rows});
  LinearSpec spec{getType(weight), bias != nullptr, activation};
  point.call(getLinearKernel(library, spec), arguments);
}

/// `first` and the linear ops that follow it at once and read the same input:
/// the query, key and value projections of a block.
static SmallVector<LinearOp> getLinearGroup(LinearOp first) {
  SmallVector<LinearOp> group{first};
  while (auto next =
             dyn_cast_if_present<LinearOp>(group.back()->getNextNode())) {
    if (next.getInput() != first.getInput())
      break;
    group.push_back(next);
  }
  return group;
}

LogicalResult EntryLowering::lower(LinearOp op) {
  if (memory.contains(op)) // with the first of its group
    return success();
  Value input = memory.lookup(op.getInput());
  if (isPrefill) {
    lowerLinear(input, op.getWeightAttr(), op.getBiasAttr(), op.getActivation(),
                allocateResult(op), getRows(op));
    return success();
  }
  // In decode the threads meet after each kernel, so fewer are better.
  SmallVector<LinearSpec> specs;
  SmallVector<Value> arguments{input};
  for (LinearOp each : getLinearGroup(op)) {
    FlatSymbolRefAttr bias = each.getBiasAttr();
    specs.push_back(
        {getType(each.getWeightAttr()), bias != nullptr, each.getActivation()});
    arguments.push_back(getWeight(each.getWeightAttr()));
    if (bias)
      arguments.push_back(getWeight(bias));
    arguments.push_back(allocateResult(each));
  }
  arguments.push_back(getRows(op));
  point.call(getLinearKernel(library, specs), arguments);
  return success();
}

LogicalResult EntryLowering::lower(FFNOp op) {
  int64_t neurons = getType(op.getUpAttr()).getDimSize(0);
  Value hidden = allocateScratch(neurons, op, op.getInput());
  Value rows = getRows(op.getInput());
  lowerLinear(memory.lookup(op.getInput()), op.getUpAttr(), op.getUpBiasAttr(),
              op.getActivation(), hidden, rows);
  Value result = allocateResult(op);
  FlatSymbolRefAttr bias = op.getDownBiasAttr();
  if (isPrefill) {
    multiply(hidden, op.getDownAttr(), /*transposed=*/false, result, rows);
    addBiasAndActivate(result, bias, std::nullopt, rows);
    return success();
  }
  SmallVector<Value> arguments{hidden, getWeight(op.getDownAttr())};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({result, rows});
  point.call(
      getRowSumKernel(library, getType(op.getDownAttr()), bias != nullptr),
      arguments);
  return success();
}

LogicalResult EntryLowering::lower(LMHeadOp op) {
  Value input = memory.lookup(op.getInput());
  bool isDirect = ownsLogits(op);
  MemRefType type = getRowsType(module.getContext(), getFeatures(op.getType()));
  if (!op.getFrom() || entry != Entry::prefill) {
    Value logits = isDirect
                       ? point.getArray(Field::logits, type, point.getRows())
                       : allocateResult(op);
    memory[op] = logits;
    lowerLinear(input, op.getWeightAttr(), op.getBiasAttr(), std::nullopt,
                logits, getRows(op.getInput()));
    return success();
  }
  // Of each sequence only the tokens from logits_from on.
  KernelBuilder &b = point.getBuilder();
  RankedTensorType weight = getType(op.getWeightAttr());
  Extent whole = getExtent(op.getInput());
  Value from = point.get(Field::logitsFrom);
  Extent part =
      makeExtent(whole.batch, arith::SubIOp::create(b, whole.tokens, from));
  Value logits = isDirect ? point.getArray(Field::logits, type, part.rows)
                          : allocateResult(op, part);
  memory[op] = logits;
  extents[op] = part;
  Value matrix = getWeight(op.getWeightAttr());
  Value scratch = getGemmScratch(weight);
  point.loopChecked(whole.batch, [&](Value sequence) {
    Value first = arith::AddIOp::create(
        b, arith::MulIOp::create(b, sequence, whole.tokens), from);
    SmallVector<Value> arguments{
        input,
        first,
        matrix,
        logits,
        arith::MulIOp::create(b, sequence, part.tokens),
        part.tokens};
    if (scratch)
      arguments.push_back(scratch);
    point.callChecked(getGemmKernel(library, weight, /*transposed=*/true),
                      arguments);
  });
  if (FlatSymbolRefAttr bias = op.getBiasAttr())
    point.call(
        getEpilogueKernel(library, weight.getDimSize(0), true, std::nullopt),
        {logits, getWeight(bias), part.rows});
  return success();
}

LogicalResult EntryLowering::lower(SparseLinearOp op) {
  ActiveSet set = activeSets.lookup(op.getActive());
  SmallVector<Value> arguments{memory.lookup(op.getInput()), set.indices,
                               set.counts, getWeight(op.getWeightAttr())};
  FlatSymbolRefAttr bias = op.getBiasAttr();
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({allocateResult(op), getRows(op.getInput())});
  point.call(getSparseRowSumKernel(library, getType(op.getWeightAttr()),
                                   bias != nullptr),
             arguments);
  return success();
}
