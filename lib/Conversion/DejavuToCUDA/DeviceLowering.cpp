//===- DeviceLowering.cpp - arguments and memory of an entry point ------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceLowering.h"

#include "dejavu/Analysis/ReadCounters.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

DeviceLowering::DeviceLowering(
    ModuleOp module, func::FuncOp function, Entry entry, DeviceLibrary &library,
    const llvm::DenseMap<StringAttr, int64_t> &weightNumbers,
    Reduction reduction, Type cacheElement)
    : module(module), function(function), entry(entry), library(library),
      symbols(module), weightNumbers(weightNumbers), cacheElement(cacheElement),
      host(module, library, ("dejavu_" + stringifyEntry(entry)).str(),
           function.getLoc()),
      reduction(reduction) {}

LogicalResult DeviceLowering::checkArguments() {
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError() << "expected one block";
  unsigned fixed = entry == Entry::prefill ? 4 : 3;
  bool matches = function.getNumArguments() >= fixed;
  for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
    if (i < fixed) {
      matches &= !isa<KVCacheType>(argument.getType());
      continue;
    }
    matches &= isa<KVCacheType>(argument.getType());
    cacheNumbers[argument] = static_cast<int64_t>(i - fixed);
  }
  if (!matches)
    return function.emitError()
           << "expected the arguments ids, positions, starts"
           << (fixed == 4 ? ", logits_from" : "") << " and caches, found "
           << function.getFunctionType();
  return success();
}

RankedTensorType DeviceLowering::getType(FlatSymbolRefAttr weight) {
  return symbols.lookup<WeightOp>(weight.getAttr()).getTensorType();
}

Value DeviceLowering::getWeight(FlatSymbolRefAttr weight) {
  return host.getTablePointer(Field::weights,
                              weightNumbers.lookup(weight.getAttr()));
}

FailureOr<Value> DeviceLowering::getIds(Value ids, Operation *user) {
  auto argument = dyn_cast<BlockArgument>(ids);
  if (!argument || argument.getArgNumber() > 1)
    return user->emitOpError()
           << "has no kernel for CUDA: expected the ids or positions of the "
              "entry point, found some that are computed";
  return host.getPointer(argument.getArgNumber() == 0 ? Field::ids
                                                      : Field::positions);
}

Value DeviceLowering::allocateResult(Value result) {
  int64_t bytes = getFeatures(result.getType()) * sizeof(float);
  int64_t place = layout.allocate(bytes);
  places[result] = place;
  return memory[result] = host.getWorkspace(place);
}

Value DeviceLowering::allocateScratch(int64_t perRow, Operation *owner) {
  int64_t place = layout.allocate(perRow);
  transient[owner].push_back(place);
  return host.getWorkspace(place);
}

void DeviceLowering::releaseOperands(Operation *op) {
  for (int64_t place : transient.lookup(op))
    layout.release(place);
  auto release = [&](Value value) {
    auto place = places.find(value);
    if (place == places.end())
      return;
    layout.release(place->second);
    places.erase(place);
  };
  SmallVector<Operation *> readers{op};
  if (auto attention = dyn_cast<AttentionOp>(op))
    readers.append(getFusedOps(attention));
  for (Operation *reader : readers)
    for (Value operand : reader->getOperands())
      if (lastUses.lookup(operand) == op)
        release(operand);
  for (Value result : op->getResults())
    if (result.use_empty())
      release(result);
}

Value cuda::getOther(ResidualAddOp add, Value operand) {
  return add.getLhs() == operand ? add.getRhs() : add.getLhs();
}

ResidualAddOp DeviceLowering::getFusedAdd(Value result) {
  if (!result.hasOneUse())
    return {};
  auto add = dyn_cast<ResidualAddOp>(*result.user_begin());
  if (!add || add.getLhs() == add.getRhs())
    return {};
  return memory.contains(getOther(add, result)) ? add : ResidualAddOp();
}

std::pair<Value, Value> DeviceLowering::allocateFused(Value result) {
  ResidualAddOp add = getFusedAdd(result);
  if (!add)
    return {allocateResult(result), Value()};
  return {allocateResult(add), getMemory(getOther(add, result))};
}

Value DeviceLowering::reuseResidual(Value result, Operation *op) {
  ResidualAddOp add = getFusedAdd(result);
  if (!add)
    return {};
  Value other = getOther(add, result);
  bool isFree = llvm::all_of(other.getUsers(), [&](Operation *user) {
    // A norm may be part of a product further down.
    if (auto norm = dyn_cast<NormOp>(user))
      if (Operation *product = getProductBehind(norm))
        user = product;
    return user == add || user->isBeforeInBlock(op);
  });
  auto place = places.find(other);
  if (!isFree || place == places.end())
    return {};
  places[add] = place->second;
  places.erase(other);
  return memory[add] = getMemory(other);
}

LogicalResult DeviceLowering::lower(Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<EmbedOp, ResidualAddOp, NormOp, LinearOp, LMHeadOp, FFNOp,
            KVAppendOp, AttentionOp, RopeTableOp, RopeOp, SelectOp,
            GatherLinearOp, SparseLinearOp, func::ReturnOp>(
          [&](auto op) { return lower(op); })
      .Default([](Operation *op) {
        return op->emitOpError() << "has no kernel for CUDA";
      });
}

LogicalResult DeviceLowering::run() {
  if (failed(checkArguments()))
    return failure();
  function.walk([&](AttentionOp op) {
    for (Operation *each : getFusedOps(op))
      fused[each] = op;
  });
  // What is fused reads where the attention does.
  for (Operation &op : function.getBody().front()) {
    Operation *reader = isFused(&op) ? fused.lookup(&op) : &op;
    for (Value operand : op.getOperands()) {
      Operation *&last = lastUses[operand];
      if (!last || last->isBeforeInBlock(reader))
        last = reader;
    }
  }
  for (auto [number, counter] : llvm::enumerate(findReadCounters(function)))
    counters[counter.op] = static_cast<int64_t>(number);
  for (Operation &op : function.getBody().front()) {
    host.getBuilder().setLoc(op.getLoc());
    if (isa<RopeOp>(op) && isFused(&op))
      continue;
    if (failed(lower(&op)))
      return failure();
    releaseOperands(&op);
  }
  return success();
}
