//===- OutlineDense.cpp - what raise left, in functions of its own --------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every op gets a level. An onnx op has the highest level of the onnx ops it
// uses, but comes one level after the other ops it uses; the other ops have the
// highest level of all they use. In order of levels, each level's onnx ops come
// before its other ops: so all onnx ops of a level can be one function.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToLinalg/Passes.h"

#include "dejavu/Analysis/Coverage.h"
#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_OUTLINEDENSEPASS
#include "dejavu/Conversion/OnnxToLinalg/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

static bool isOnnx(Operation *op) {
  return op && isa<onnx::OnnxDialect>(op->getDialect());
}

/// What an op uses, inside its regions too.
static void getUses(Operation *op, llvm::SmallSetVector<Value, 8> &uses) {
  uses.insert(op->operand_begin(), op->operand_end());
  llvm::SetVector<Value> above;
  getUsedValuesDefinedAbove(op->getRegions(), above);
  uses.insert(above.begin(), above.end());
}

namespace {
struct OutlineDense : dejavu::impl::OutlineDensePassBase<OutlineDense> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (function->hasAttr(DejavuDialect::kEntryAttrName) &&
          !function.isExternal())
        outline(function, symbols);
  }

private:
  void outline(func::FuncOp function, SymbolTable &symbols);
  void makeFunction(ArrayRef<Operation *> group, func::FuncOp function,
                    SymbolTable &symbols);
};
} // namespace

/// Moves a group of ops, in order, to a function, and calls it in front of the
/// first op after them.
void OutlineDense::makeFunction(ArrayRef<Operation *> group,
                                func::FuncOp function, SymbolTable &symbols) {
  llvm::SmallDenseSet<Operation *> inside(group.begin(), group.end());
  // Constants come along.
  llvm::SetVector<Operation *> constants;
  llvm::SetVector<Value> inputs, outputs;
  for (Operation *op : group) {
    llvm::SmallSetVector<Value, 8> uses;
    getUses(op, uses);
    for (Value value : uses) {
      Operation *producer = value.getDefiningOp();
      if (isa_and_present<onnx::ConstantOp>(producer))
        constants.insert(producer);
      else if (!inside.contains(producer))
        inputs.insert(value);
    }
    for (Value result : op->getResults())
      for (Operation *user : result.getUsers()) {
        Operation *ancestor =
            function.getBody().front().findAncestorOpInBlock(*user);
        if (!inside.contains(ancestor))
          outputs.insert(result);
      }
  }
  OpBuilder builder(function);
  SmallVector<Type> inputTypes, outputTypes;
  for (Value value : inputs)
    inputTypes.push_back(value.getType());
  for (Value value : outputs)
    outputTypes.push_back(value.getType());
  auto dense = func::FuncOp::create(
      builder, group.front()->getLoc(), (function.getName() + "_dense").str(),
      builder.getFunctionType(inputTypes, outputTypes));
  dense.setPrivate();
  dense->setAttr(kDenseAttrName, builder.getUnitAttr());
  symbols.insert(dense);

  Block *body = dense.addEntryBlock();
  IRMapping mapping;
  for (auto [value, argument] : llvm::zip_equal(inputs, body->getArguments()))
    mapping.map(value, argument);
  builder.setInsertionPointToStart(body);
  for (Operation *op : constants)
    builder.clone(*op, mapping);
  for (Operation *op : group)
    builder.clone(*op, mapping);
  SmallVector<Value> results;
  for (Value value : outputs)
    results.push_back(mapping.lookup(value));
  func::ReturnOp::create(builder, dense.getLoc(), results);
  dense->setAttr(kLeftoversAttrName, describeLeftovers(dense));

  builder.setInsertionPoint(group.back());
  auto call = func::CallOp::create(builder, dense.getLoc(), dense,
                                   inputs.getArrayRef());
  for (auto [value, result] :
       llvm::zip_equal(outputs.takeVector(), call.getResults()))
    value.replaceAllUsesWith(result);
  for (Operation *op : llvm::reverse(group))
    op->erase();
}

void OutlineDense::outline(func::FuncOp function, SymbolTable &symbols) {
  Block &block = function.getBody().front();
  // Weights inside of branches and loops are values from outside.
  function.walk([&](LoadWeightOp op) {
    if (op->getBlock() != &block)
      op->moveBefore(&block, block.begin());
  });
  llvm::DenseMap<Operation *, unsigned> levels;
  llvm::MapVector<unsigned, SmallVector<Operation *>> groups, others;
  unsigned highest = 0;
  // A constant that something else uses is a group's result.
  auto isLoose = [&](Operation *op) {
    return isa<onnx::ConstantOp>(op) &&
           llvm::all_of(op->getUsers(), [&](Operation *user) {
             return isOnnx(block.findAncestorOpInBlock(*user));
           });
  };
  for (Operation &op : block.without_terminator()) {
    if (isLoose(&op))
      continue;
    unsigned level = 0;
    llvm::SmallSetVector<Value, 8> uses;
    getUses(&op, uses);
    for (Value value : uses) {
      Operation *producer = value.getDefiningOp();
      auto it = levels.find(producer);
      if (!producer || it == levels.end())
        continue;
      bool waits = isOnnx(&op) && !isOnnx(producer);
      level = std::max(level, it->second + (waits ? 1 : 0));
    }
    // A weight can be loaded at any time.
    levels[&op] = level;
    if (isa<LoadWeightOp>(op))
      levels.erase(&op);
    highest = std::max(highest, level);
    (isOnnx(&op) ? groups : others)[level].push_back(&op);
  }
  if (groups.empty())
    return;
  // In order of levels: weights first, then groups and the others in turns.
  Operation *end = block.getTerminator();
  for (LoadWeightOp load : llvm::to_vector(block.getOps<LoadWeightOp>()))
    load->moveBefore(end);
  for (unsigned level = 0; level <= highest; ++level) {
    for (Operation *op : groups[level])
      op->moveBefore(end);
    for (Operation *op : others[level])
      if (!isa<LoadWeightOp>(op))
        op->moveBefore(end);
  }
  for (unsigned level = 0; level <= highest; ++level)
    if (!groups[level].empty())
      makeFunction(groups[level], function, symbols);
  for (Operation &op : llvm::make_early_inc_range(block.without_terminator()))
    if (isa<onnx::ConstantOp>(op) && op.use_empty())
      op.erase();
}
