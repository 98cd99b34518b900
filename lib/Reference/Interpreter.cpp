//===- Interpreter.cpp - evaluation of functions and of single values -----===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Reference/Interpreter.h"

#include "OpTable.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::dejavu::reference;

/// How a type is written.
static std::string describe(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// How the kind of a value is written.
static std::string describe(const RuntimeValue &value) {
  if (const auto *tensor = std::get_if<Tensor>(&value))
    return tensor->describe();
  if (const auto *cache = std::get_if<Cache>(&value))
    return "a cache of " + cache->keys.describe() + " and " +
           cache->values.describe();
  return "an active set";
}

LogicalResult Interpreter::fail(Location loc, const Twine &message) {
  error = Error{loc, message.str()};
  return failure();
}

LogicalResult Interpreter::checkType(Value value, const RuntimeValue &found) {
  Type type = value.getType();
  bool matches = false;
  if (auto cacheType = dyn_cast<KVCacheType>(type)) {
    const auto *cache = std::get_if<Cache>(&found);
    int64_t any = ShapedType::kDynamic;
    auto tensorType = RankedTensorType::get(
        {any, cacheType.getHeads(), any, cacheType.getHeadDim()},
        Float32Type::get(type.getContext()));
    matches = cache && cache->keys.hasType(tensorType) &&
              cache->values.getShape() == cache->keys.getShape() &&
              cache->values.hasType(tensorType);
  } else if (isa<ActiveType>(type)) {
    matches = std::holds_alternative<ActiveSet>(found);
  } else if (const auto *tensor = std::get_if<Tensor>(&found)) {
    matches = tensor->hasType(type);
  }
  if (matches)
    return success();
  return fail(value.getLoc(), "expected a value of type " + ::describe(type) +
                                  ", found " + ::describe(found));
}

/// The operands whose values `op` needs. The shape of a static tensor is known
/// without the tensor, which spares a slice whatever computes it.
static SmallVector<Value> getNeeded(Operation *op) {
  if (auto shape = dyn_cast<onnx::ShapeOp>(op))
    if (auto type = dyn_cast<RankedTensorType>(shape.getData().getType());
        type && type.hasStaticShape())
      return {};
  SmallVector<Value> needed(op->getOperands());
  // Regions may use values that are defined outside.
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  llvm::append_range(needed, captured);
  return needed;
}

LogicalResult Interpreter::execute(Operation *op, Bindings &values) {
  const Handler *handler = OpTable::get().find(op);
  if (!handler)
    return fail(op->getLoc(), "the interpreter has no op '" +
                                  op->getName().getStringRef() + "'");
  for (Value operand : getNeeded(op))
    if (!values.contains(operand))
      return fail(op->getLoc(), "an operand of '" +
                                    op->getName().getStringRef() +
                                    "' has no value");
  Frame frame(op, values, options);
  frame.runner = [&](Region &region, ArrayRef<RuntimeValue> arguments) {
    return runRegion(region, arguments, values);
  };
  if (failed((*handler)(op, frame)))
    // What failed in a region has been reported there.
    return error ? failure()
                 : fail(op->getLoc(), "'" + op->getName().getStringRef() +
                                          "': " + frame.message);
  for (auto [result, value] : llvm::zip(op->getResults(), frame.results))
    if (failed(checkType(result, value)))
      return failure();
  if (options.onOp)
    options.onOp(op, frame.results);
  for (auto [result, value] : llvm::zip(op->getResults(), frame.results))
    values.insert_or_assign(result, std::move(value));
  return success();
}

FailureOr<SmallVector<RuntimeValue>>
Interpreter::runRegion(Region &region, ArrayRef<RuntimeValue> arguments,
                       Bindings &values) {
  if (!region.hasOneBlock() || region.getNumArguments() != arguments.size())
    return fail(region.getLoc(), "expected a region of one block with " +
                                     Twine(arguments.size()) + " arguments");
  Block &block = region.front();
  for (auto [parameter, argument] :
       llvm::zip(block.getArguments(), arguments)) {
    if (failed(checkType(parameter, argument)))
      return failure();
    values.insert_or_assign(parameter, argument);
  }
  for (Operation &op : block.without_terminator())
    if (failed(execute(&op, values)))
      return failure();
  SmallVector<RuntimeValue> results;
  for (Value operand : block.getTerminator()->getOperands()) {
    auto it = values.find(operand);
    if (it == values.end())
      return fail(operand.getLoc(), "a result has no value");
    results.push_back(it->second);
  }
  // The next turn has values of its own.
  for (BlockArgument argument : block.getArguments())
    values.erase(argument);
  for (Operation &op : block)
    for (Value result : op.getResults())
      values.erase(result);
  return results;
}

FailureOr<RuntimeValue> Interpreter::evaluate(Value root, Bindings &bindings) {
  error.reset();
  for (auto &[value, bound] : bindings)
    if (failed(checkType(value, bound)))
      return failure();
  // Depth first with a stack of our own: graphs are deep. An op stays on the
  // stack until its operands have values.
  SmallVector<Value> stack{root};
  while (!stack.empty()) {
    Value value = stack.back();
    if (bindings.contains(value)) {
      stack.pop_back();
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (!op)
      return fail(value.getLoc(),
                  "an argument that has no value is needed, of type " +
                      ::describe(value.getType()));
    size_t before = stack.size();
    for (Value operand : getNeeded(op))
      if (!bindings.contains(operand))
        stack.push_back(operand);
    if (stack.size() == before && failed(execute(op, bindings)))
      return failure();
  }
  return bindings.find(root)->second;
}

FailureOr<Tensor> Interpreter::evaluateTensor(Value root, Bindings &bindings) {
  FailureOr<RuntimeValue> value = evaluate(root, bindings);
  if (failed(value))
    return failure();
  if (auto *tensor = std::get_if<Tensor>(&*value))
    return std::move(*tensor);
  return fail(root.getLoc(), "expected a tensor, found " + ::describe(*value));
}

FailureOr<SmallVector<RuntimeValue>>
Interpreter::run(func::FuncOp function, ArrayRef<RuntimeValue> arguments) {
  error.reset();
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return fail(function.getLoc(), "expected a function of one block");
  Block &block = function.getBody().front();
  if (arguments.size() != block.getNumArguments())
    return fail(function.getLoc(),
                "expected " + Twine(block.getNumArguments()) +
                    " arguments, found " + Twine(arguments.size()));
  Bindings values;
  for (auto [parameter, argument] :
       llvm::zip(block.getArguments(), arguments)) {
    if (failed(checkType(parameter, argument)))
      return failure();
    values.try_emplace(parameter, argument);
  }

  // A value is dropped after its last use, which keeps weights and the
  // activations of all layers from piling up.
  llvm::DenseMap<Value, int64_t> uses;
  for (Operation &op : block)
    op.walk([&](Operation *each) {
      for (Value operand : each->getOperands())
        ++uses[operand];
    });
  for (Operation &op : block.without_terminator()) {
    if (failed(execute(&op, values)))
      return failure();
    op.walk([&](Operation *each) {
      for (Value operand : each->getOperands())
        if (--uses[operand] == 0)
          values.erase(operand);
    });
  }

  SmallVector<RuntimeValue> results;
  for (Value operand : block.getTerminator()->getOperands()) {
    auto it = values.find(operand);
    if (it == values.end())
      return fail(operand.getLoc(), "a result has no value");
    results.push_back(it->second);
  }
  return results;
}
