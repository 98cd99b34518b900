//===- DenseDeallocation.cpp - buffers freed after their last use ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every memref has a root: the allocation (or the argument, or the constant)
// whose memory it is in. Views have the root of what they view, a loop's
// results and arguments that of what the loop starts from. The result of an
// scf.if is a root of its own, which each branch allocates, unless both
// branches yield memory of one root.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToLinalg/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_DENSEDEALLOCATIONPASS
#include "dejavu/Conversion/OnnxToLinalg/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

static bool isMemRef(Value value) { return isa<MemRefType>(value.getType()); }

namespace {
/// The roots of the memrefs of one function.
class Roots {
public:
  Value get(Value value) {
    auto it = roots.find(value);
    if (it != roots.end())
      return it->second;
    // A loop's argument stands for itself while its yield is looked at.
    roots[value] = value;
    Value root = find(value);
    roots[value] = root;
    return root;
  }

private:
  Value find(Value value);
  llvm::DenseMap<Value, Value> roots;
};

struct DenseDeallocation
    : dejavu::impl::DenseDeallocationPassBase<DenseDeallocation> {
  void runOnOperation() override;

private:
  LogicalResult checkLoops();
  void giveAway(Operation *terminator);
  void release();

  Roots roots;
  /// Allocations whose memory leaves with a terminator.
  llvm::DenseSet<Value> given;
};
} // namespace

Value Roots::find(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (auto loop = dyn_cast<LoopLikeOpInterface>(parent))
      if (OpOperand *init = loop.getTiedLoopInit(argument))
        return get(init->get());
    if (auto loop = dyn_cast<scf::WhileOp>(parent)) {
      if (argument.getOwner() == loop.getBeforeBody())
        return get(loop.getInits()[argument.getArgNumber()]);
      return get(loop.getConditionOp().getArgs()[argument.getArgNumber()]);
    }
    return value;
  }
  Operation *op = value.getDefiningOp();
  unsigned number = cast<OpResult>(value).getResultNumber();
  if (auto view = dyn_cast<ViewLikeOpInterface>(op))
    return get(view.getViewSource());
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return get(loop.getInitArgs()[number]);
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return get(loop.getConditionOp().getArgs()[number]);
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    Value then = get(branch.thenYield().getOperand(number));
    if (then == get(branch.elseYield().getOperand(number)))
      return then;
  }
  return value;
}

/// Checks that loops carry on the memory they started with.
LogicalResult DenseDeallocation::checkLoops() {
  WalkResult walk = getOperation().walk([&](LoopLikeOpInterface loop) {
    for (auto [init, yielded] :
         llvm::zip(loop.getInits(), loop.getYieldedValues()))
      if (isMemRef(init) && roots.get(init) != roots.get(yielded)) {
        loop.emitOpError("carries buffers that it allocates");
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// Makes each memref that `terminator` hands on the only one of its memory, an
/// allocation of this block.
void DenseDeallocation::giveAway(Operation *terminator) {
  OpBuilder builder(terminator);
  for (OpOperand &operand : terminator->getOpOperands()) {
    Value value = operand.get();
    if (!isMemRef(value))
      continue;
    // Shared memory of both branches is not given.
    if (auto branch = dyn_cast<scf::IfOp>(terminator->getParentOp())) {
      Value result = branch.getResult(operand.getOperandNumber());
      if (roots.get(result) != result)
        continue;
    }
    Value root = roots.get(value);
    Operation *owner = root.getDefiningOp();
    if (isa_and_present<memref::AllocOp, scf::IfOp>(owner) &&
        owner->getBlock() == terminator->getBlock() &&
        given.insert(root).second)
      continue;
    auto type = cast<MemRefType>(value.getType());
    SmallVector<Value> sizes;
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (type.isDynamicDim(axis))
        sizes.push_back(
            memref::DimOp::create(builder, terminator->getLoc(), value, axis));
    Value copy =
        memref::AllocOp::create(builder, terminator->getLoc(), type, sizes);
    linalg::CopyOp::create(builder, terminator->getLoc(), value, copy);
    given.insert(copy);
    operand.set(copy);
  }
}

/// Frees what is not given away behind its last use.
void DenseDeallocation::release() {
  llvm::MapVector<Value, SmallVector<Value>> members;
  getOperation().walk([&](Operation *op) {
    auto add = [&](Value value) {
      if (!isMemRef(value))
        return;
      Value root = roots.get(value);
      if (isa_and_present<memref::AllocOp, scf::IfOp>(root.getDefiningOp()) &&
          !given.contains(root))
        members[root].push_back(value);
    };
    for (Value result : op->getResults())
      add(result);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          add(argument);
  });
  for (auto &[root, values] : members) {
    Block *block = root.getParentBlock();
    Operation *last = root.getDefiningOp();
    for (Value value : values)
      for (Operation *user : value.getUsers()) {
        Operation *ancestor = block->findAncestorOpInBlock(*user);
        if (ancestor && last->isBeforeInBlock(ancestor))
          last = ancestor;
      }
    OpBuilder builder(root.getContext());
    // A terminator that only looks at the memory (a yield of a view that is not
    // handed on) comes last all the same.
    if (last->hasTrait<OpTrait::IsTerminator>())
      builder.setInsertionPoint(last);
    else
      builder.setInsertionPointAfter(last);
    memref::DeallocOp::create(builder, root.getLoc(), root);
  }
}

void DenseDeallocation::runOnOperation() {
  roots = Roots();
  given.clear();
  if (failed(checkLoops()))
    return signalPassFailure();
  SmallVector<Operation *> terminators;
  getOperation().walk([&](Operation *op) {
    if (isa<func::ReturnOp>(op) ||
        (isa<scf::YieldOp>(op) && isa<scf::IfOp>(op->getParentOp())))
      terminators.push_back(op);
  });
  for (Operation *terminator : terminators)
    giveAway(terminator);
  release();
}
