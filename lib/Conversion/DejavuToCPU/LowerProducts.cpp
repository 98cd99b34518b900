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

void EntryLowering::applyEpilogue(Value values, FlatSymbolRefAttr bias,
                                  const Epilogue &epilogue, Value rows) {
  if (epilogue.isNothing())
    return;
  int64_t features = cast<MemRefType>(values.getType()).getDimSize(1);
  SmallVector<Value> arguments{values};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.push_back(rows);
  point.call(getEpilogueKernel(library, features, epilogue), arguments);
}

void EntryLowering::lowerLinear(Value input, FlatSymbolRefAttr weight,
                                FlatSymbolRefAttr bias,
                                const Epilogue &epilogue, Value result,
                                Value rows) {
  if (isPrefill) {
    multiply(input, weight, /*transposed=*/true, result, rows);
    return applyEpilogue(result, bias, epilogue, rows);
  }
  SmallVector<Value> arguments{input, getWeight(weight)};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({result, rows});
  LinearSpec spec{getType(weight), epilogue};
  point.share(getLinearKernel(library, spec), arguments,
              isWorthThreads(spec.weight));
}

/// `first` and the linear ops that follow it at once and read the same input:
/// the query, key and value projections of a block.
static SmallVector<LinearOp> getLinearGroup(LinearOp first) {
  SmallVector<LinearOp> group{first};
  while (auto next =
             dyn_cast_if_present<LinearOp>(group.back()->getNextNode())) {
    if (next.getInput() != first.getInput() || next.getInMajor())
      break;
    group.push_back(next);
  }
  return group;
}

/// A product whose weight has a row for each feature of the input.
LogicalResult EntryLowering::lowerInMajor(LinearOp op) {
  Value input = memory.lookup(op.getInput()), rows = getRows(op);
  Value result = allocateResult(op);
  FlatSymbolRefAttr bias = op.getBiasAttr();
  Epilogue epilogue{bias != nullptr, op.getActivation()};
  if (isPrefill) {
    multiply(input, op.getWeightAttr(), /*transposed=*/false, result, rows);
    applyEpilogue(result, bias, epilogue, rows);
    return success();
  }
  SmallVector<Value> arguments{input, getWeight(op.getWeightAttr())};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({result, rows});
  RankedTensorType weight = getType(op.getWeightAttr());
  point.share(getRowSumKernel(library, weight, bias != nullptr), arguments,
              isWorthThreads(weight));
  applyEpilogue(result, FlatSymbolRefAttr(),
                Epilogue{false, op.getActivation()}, rows);
  return success();
}

LogicalResult EntryLowering::lower(LinearOp op) {
  if (memory.contains(op)) // with the first of its group
    return success();
  Value input = memory.lookup(op.getInput());
  if (op.getInMajor())
    return lowerInMajor(op);
  if (isPrefill) {
    Epilogue epilogue{op.getBias().has_value(), op.getActivation()};
    lowerLinear(input, op.getWeightAttr(), op.getBiasAttr(), epilogue,
                allocateResult(op), getRows(op));
    return success();
  }
  // In decode the threads meet after each kernel, so fewer are better.
  SmallVector<LinearSpec> specs;
  bool isWorth = false;
  SmallVector<Value> arguments{input};
  for (LinearOp each : getLinearGroup(op)) {
    FlatSymbolRefAttr bias = each.getBiasAttr();
    specs.push_back({getType(each.getWeightAttr()),
                     Epilogue{bias != nullptr, each.getActivation()}});
    isWorth |= isWorthThreads(specs.back().weight);
    arguments.push_back(getWeight(each.getWeightAttr()));
    if (bias)
      arguments.push_back(getWeight(bias));
    arguments.push_back(allocateResult(each));
  }
  arguments.push_back(getRows(op));
  point.share(getLinearKernel(library, specs), arguments, isWorth);
  return success();
}

/// Shows a hidden layer to whoever calibrates; nothing if there is no site.
void EntryLowering::tapHidden(int64_t site, Value values, Value rows) {
  if (site >= 0)
    point.tap(site, values, rows, kTapHidden);
}

void EntryLowering::lowerHidden(FFNOp op, Value hidden, Value rows) {
  Value input = memory.lookup(op.getInput());
  FlatSymbolRefAttr gate = op.getGateAttr(), up = op.getUpAttr();
  FlatSymbolRefAttr gateBias = op.getGateBiasAttr(),
                    upBias = op.getUpBiasAttr();
  Activation activation = op.getActivation();
  if (!gate)
    return lowerLinear(input, up, upBias,
                       Epilogue{upBias != nullptr, activation}, hidden, rows);
  if (isPrefill) {
    int64_t neurons = getType(up).getDimSize(0);
    Value factors = allocateScratch(neurons, op, op.getInput());
    multiply(input, gate, /*transposed=*/true, hidden, rows);
    multiply(input, up, /*transposed=*/true, factors, rows);
    applyEpilogue(hidden, gateBias, Epilogue{gateBias != nullptr, activation},
                  rows);
    tapHidden(hiddenSites.lookup(op).gate, hidden, rows);
    SmallVector<Value> arguments{hidden, factors};
    if (upBias)
      arguments.push_back(getWeight(upBias));
    arguments.push_back(rows);
    point.call(getGateKernel(library, neurons, upBias != nullptr), arguments);
    return;
  }
  SmallVector<Value> arguments{input, getWeight(gate)};
  if (gateBias)
    arguments.push_back(getWeight(gateBias));
  arguments.push_back(getWeight(up));
  if (upBias)
    arguments.push_back(getWeight(upBias));
  arguments.append({hidden, rows});
  LinearSpec gateSpec{getType(gate), Epilogue{gateBias != nullptr, activation}};
  LinearSpec upSpec{getType(up), Epilogue{upBias != nullptr, std::nullopt}};
  point.share(getGatedLinearKernel(library, gateSpec, upSpec), arguments,
              isWorthThreads(gateSpec.weight));
}

LogicalResult EntryLowering::lower(FFNOp op) {
  int64_t neurons = getType(op.getUpAttr()).getDimSize(0);
  Value hidden = allocateScratch(neurons, op, op.getInput());
  Value rows = getRows(op.getInput());
  lowerHidden(op, hidden, rows);
  if (hiddenSites.contains(op))
    tapHidden(hiddenSites.lookup(op).hidden, hidden, rows);
  Value result = allocateResult(op);
  FlatSymbolRefAttr bias = op.getDownBiasAttr();
  if (isPrefill) {
    multiply(hidden, op.getDownAttr(), /*transposed=*/false, result, rows);
    applyEpilogue(result, bias, Epilogue{bias != nullptr, std::nullopt}, rows);
    return success();
  }
  RankedTensorType down = getType(op.getDownAttr());
  SmallVector<Value> arguments{hidden, getWeight(op.getDownAttr())};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({result, rows});
  point.share(getRowSumKernel(library, down, bias != nullptr), arguments,
              isWorthThreads(down));
  return success();
}

LogicalResult EntryLowering::lower(LMHeadOp op) {
  Value input = memory.lookup(op.getInput());
  bool isDirect = ownsLogits(op);
  Epilogue epilogue{op.getBias().has_value(), std::nullopt,
                    op.getScale().convertToFloat(),
                    op.getSoftcap().convertToFloat()};
  MemRefType type = getRowsType(module.getContext(), getFeatures(op.getType()));
  if (!op.getFrom() || entry != Entry::prefill) {
    Value logits = isDirect
                       ? point.getArray(Field::logits, type, point.getRows())
                       : allocateResult(op);
    memory[op] = logits;
    lowerLinear(input, op.getWeightAttr(), op.getBiasAttr(), epilogue, logits,
                getRows(op.getInput()));
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
  applyEpilogue(logits, op.getBiasAttr(), epilogue, part.rows);
  return success();
}
