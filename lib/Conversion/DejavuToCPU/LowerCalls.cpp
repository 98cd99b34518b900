//===- LowerCalls.cpp - dense functions and results -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A dense function takes memrefs of its operands, in whatever memory they lie,
// and returns memrefs of its own, which are the caller's from then on.
//
//===----------------------------------------------------------------------===//

#include "EntryLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

LogicalResult EntryLowering::lower(LoadWeightOp op) {
  setTensor(op.getResult(), getWeight(op.getWeightAttr()));
  return success();
}

LogicalResult EntryLowering::lower(bufferization::ToBufferOp op) {
  FailureOr<Value> memref = getTensor(op.getTensor(), op);
  if (failed(memref))
    return failure();
  tensors[op.getBuffer()] = *memref;
  return success();
}

LogicalResult EntryLowering::lower(bufferization::ToTensorOp op) {
  Value memref = tensors.lookup(op.getBuffer());
  if (!memref)
    return op.emitOpError() << "expected the result of a dense function";
  setTensor(op.getResult(), memref);
  // The memory lives as long as the tensor.
  SmallVector<Value> memrefs = owned.lookup(op.getBuffer());
  owned.erase(op.getBuffer());
  owned[op.getResult()] = memrefs;
  return success();
}

LogicalResult EntryLowering::lower(tensor::BitcastOp op) {
  FailureOr<Value> memref = getTensor(op.getSource(), op);
  if (failed(memref))
    return failure();
  setTensor(op.getDest(), *memref);
  return success();
}

LogicalResult EntryLowering::lower(func::CallOp op) {
  KernelBuilder &b = point.getBuilder();
  SmallVector<Value> arguments;
  for (Value operand : op.getOperands()) {
    auto argument = dyn_cast<BlockArgument>(operand);
    if (argument && isa<IndexType>(operand.getType()) &&
        entry == Entry::prefill && argument.getArgNumber() == 3) {
      arguments.push_back(point.get(Field::logitsFrom));
      continue;
    }
    Value memref = tensors.lookup(operand);
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (!memref || !type)
      return op.emitOpError()
             << "expected a dense function of buffers, found an operand of "
             << operand.getType();
    if (memref.getType() != type)
      memref = memref::CastOp::create(b, type, memref);
    arguments.push_back(memref);
  }
  auto call =
      func::CallOp::create(b, op.getCallee(), op.getResultTypes(), arguments);
  for (auto [result, memref] : llvm::zip(op.getResults(), call.getResults())) {
    if (!isa<MemRefType>(memref.getType()))
      return op.emitOpError()
             << "expected a dense function that returns buffers, found "
             << memref.getType();
    tensors[result] = memref;
    owned[result].push_back(memref);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

bool EntryLowering::ownsLogits(LMHeadOp op) {
  if (entry == Entry::forward || !op->hasOneUse())
    return false;
  auto user = dyn_cast<func::ReturnOp>(*op->user_begin());
  return user && user.getOperand(0) == op.getResult();
}

LogicalResult EntryLowering::returnLogits(func::ReturnOp op) {
  if (op.getNumOperands() == 0 || !isActivationType(op.getOperand(0).getType()))
    return op.emitOpError() << "expected logits as first operand";
  for (auto [index, operand] : llvm::enumerate(op.getOperands().drop_front()))
    if (!isa<KVCacheType>(operand.getType()) ||
        cacheNumbers.lookup(operand) != static_cast<int64_t>(index))
      return op.emitOpError() << "expected the caches in their order after "
                                 "the logits, found operand "
                              << index + 1 << " of type " << operand.getType();
  Value logits = op.getOperand(0);
  auto head = logits.getDefiningOp<LMHeadOp>();
  if (head && ownsLogits(head))
    return success();

  // Something was done to them: copy them to where the runtime reads them.
  KernelBuilder &b = point.getBuilder();
  Value count = point.get(Field::tokens);
  if (entry == Entry::prefill)
    count = arith::SubIOp::create(b, count, point.get(Field::logitsFrom));
  Value rows = arith::MulIOp::create(b, point.get(Field::batch), count);
  Value fits =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, rows, getRows(logits));
  point.require(fits);
  Value to = point.getArray(
      Field::logits,
      getRowsType(module.getContext(), getFeatures(logits.getType())), rows);
  auto branch = scf::IfOp::create(b, fits, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  memref::CopyOp::create(b, getMemory(logits), to);
  return success();
}

LogicalResult EntryLowering::returnTensors(func::ReturnOp op) {
  KernelBuilder &b = point.getBuilder();
  for (auto [index, operand] : llvm::enumerate(op.getOperands())) {
    FailureOr<Value> memref = getTensor(operand, op);
    if (failed(memref))
      return failure();
    // The runtime gets memory of its own, which is the value's if nobody else
    // needs it.
    if (!owned.lookup(operand).empty()) {
      owned.erase(operand);
      point.setOutput(index, *memref);
      continue;
    }
    auto type = cast<MemRefType>(memref->getType());
    SmallVector<Value> sizes;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(dim))
        sizes.push_back(memref::DimOp::create(b, *memref, dim));
    Value copy = memref::AllocOp::create(b, type, sizes);
    memref::CopyOp::create(b, *memref, copy);
    point.setOutput(index, copy);
  }
  return success();
}

LogicalResult EntryLowering::lower(func::ReturnOp op) {
  if (failed(entry == Entry::forward ? returnTensors(op) : returnLogits(op)))
    return failure();
  releaseOperands(op);
  point.finish();
  return success();
}
