//===- RaiseDecoder.cpp - @prefill and @decode of @main -------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

#include "dejavu/Analysis/SymbolicShapes.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISEDECODERPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

namespace {
/// What was found out about @main.
struct Decoder {
  func::FuncOp main;
  Operation *terminator = nullptr;
  BlockArgument ids, positions, starts;
  SmallVector<BlockArgument> caches;
  /// The linear layer of the logits, and what follows it: a factor, and a cap
  /// unless it is 0.
  LinearOp head;
  double scale = 1, softcap = 0;
  Value logits;
  SmallVector<Value> newCaches;
  /// The ops of the body in an order that only data flow decides.
  SmallVector<Operation *> order;
};

struct RaiseDecoder : dejavu::impl::RaiseDecoderPassBase<RaiseDecoder> {
  void runOnOperation() override;

private:
  LogicalResult checkCores(func::FuncOp main);
  LogicalResult analyse(Decoder &decoder);
  LogicalResult bindSizes(Decoder &decoder, const SymbolicShapes &shapes);
};
} // namespace

/// The binding of an argument or result, from its attributes.
static BindingAttr getBinding(DictionaryAttr attrs) {
  return attrs ? attrs.getAs<BindingAttr>(kBindingAttrName) : BindingAttr();
}

/// True for keys and values of the original model.
static bool isCacheRole(BindingAttr binding) {
  return binding &&
         (binding.getRole() == Role::key || binding.getRole() == Role::value);
}

/// The name of the node that `op` was imported from, quoted, after a blank.
static std::string describeName(Operation *op) {
  auto name = op->getLoc()->findInstanceOf<NameLoc>();
  return name ? (" '" + name.getName().getValue() + "'").str() : "";
}

/// An error for the attentions that were not raised: what goes in and out of
/// the model as their cache has no place in the entry points.
LogicalResult RaiseDecoder::checkCores(func::FuncOp main) {
  SmallVector<onnx::SoftmaxOp> cores;
  for (auto core : main.getOps<onnx::SoftmaxOp>())
    if (core->hasAttr(kNotRaisedAttrName))
      cores.push_back(core);
  if (cores.empty())
    return success();
  InFlightDiagnostic diag = main.emitError()
                            << "expected all attention to be raised: "
                            << static_cast<unsigned>(cores.size()) << " is not";
  // A note for each reason, at its first op.
  llvm::MapVector<StringRef, SmallVector<Operation *>> reasons;
  for (Operation *op : cores)
    reasons[op->getAttrOfType<StringAttr>(kNotRaisedAttrName).getValue()]
        .push_back(op);
  for (auto &[reason, ops] : reasons) {
    Diagnostic &note = diag.attachNote(ops.front()->getLoc());
    note << ops.front()->getName() << describeName(ops.front());
    if (ops.size() > 1)
      note << " and " << static_cast<unsigned>(ops.size() - 1) << " more";
    note << ": " << reason;
  }
  return diag;
}

/// Orders the ops that lead to `roots`, operands before users, each op as late
/// as its first user allows: a walk in depth from the roots.
static void sortByDataFlow(ArrayRef<Value> roots,
                           SmallVectorImpl<Operation *> &order) {
  llvm::DenseSet<Operation *> done, open;
  SmallVector<std::pair<Operation *, unsigned>> stack;
  auto enter = [&](Value value) {
    Operation *op = value.getDefiningOp();
    if (op && open.insert(op).second)
      stack.push_back({op, 0});
  };
  for (Value root : roots) {
    enter(root);
    while (!stack.empty()) {
      auto &[op, next] = stack.back();
      if (next < op->getNumOperands()) {
        enter(op->getOperand(next++));
        continue;
      }
      if (done.insert(op).second)
        order.push_back(op);
      stack.pop_back();
    }
  }
}

/// Drops the present keys and values of the original model from the results:
/// the caches stand for them.
static void dropPresents(func::FuncOp main) {
  Operation *terminator = main.front().getTerminator();
  llvm::BitVector dropped(main.getNumResults());
  for (unsigned i = 0, e = main.getNumResults(); i < e; ++i)
    if (isCacheRole(getBinding(main.getResultAttrDict(i))))
      dropped.set(i);
  terminator->eraseOperands(dropped);
  (void)main.eraseResults(dropped);
}

/// Matches `softcap * tanh(scale * linear / softcap)` and `scale * linear`.
static bool matchHead(Value value, Decoder &decoder) {
  decoder.scale = 1;
  decoder.softcap = 0;
  while (Operation *op = value.getDefiningOp()) {
    if (auto linear = dyn_cast<LinearOp>(op)) {
      decoder.head = linear;
      return !linear.getActivation() && linear->hasOneUse();
    }
    if (!op->hasOneUse())
      return false;
    if (auto tanh = dyn_cast<onnx::TanhOp>(op)) {
      // What was multiplied with so far is the cap: c tanh(x), where x is
      // s linear = (s c) linear / c.
      if (decoder.softcap != 0)
        return false;
      decoder.softcap = decoder.scale;
      value = tanh.getX();
      continue;
    }
    std::optional<double> number;
    if (isa<onnx::MulOp>(op)) {
      for (Value operand : op->getOperands()) {
        if (std::optional<double> factor = getConstantFloat(operand)) {
          number = factor;
          value = getOtherOperand(op, operand);
        }
      }
    } else if (isa<onnx::DivOp>(op)) {
      number = getConstantFloat(op->getOperand(1));
      if (number && *number != 0) {
        number = 1 / *number;
        value = op->getOperand(0);
      } else {
        return false;
      }
    }
    if (!number)
      return false;
    decoder.scale *= *number;
  }
  return false;
}

LogicalResult RaiseDecoder::analyse(Decoder &decoder) {
  func::FuncOp main = decoder.main;
  decoder.terminator = main.front().getTerminator();
  for (BlockArgument argument : main.getArguments()) {
    BindingAttr binding =
        getBinding(main.getArgAttrDict(argument.getArgNumber()));
    auto tensor = dyn_cast<RankedTensorType>(argument.getType());
    if (isa<KVCacheType>(argument.getType()))
      decoder.caches.push_back(argument);
    else if (!binding && !decoder.starts && tensor && tensor.getRank() == 1)
      decoder.starts = argument;
    else if (!decoder.ids && binding && binding.getRole() == Role::ids)
      decoder.ids = argument;
    else if (!decoder.positions &&
             (main.getArgAttr(argument.getArgNumber(), kPositionsAttrName) ||
              (binding && binding.getRole() == Role::positions)))
      decoder.positions = argument;
  }
  if (!decoder.ids)
    return main.emitError() << "expected an input that is bound as ids";
  if (decoder.caches.empty())
    return main.emitError() << "expected at least one attention";

  for (auto [i, value] : llvm::enumerate(decoder.terminator->getOperands())) {
    if (isa<KVCacheType>(value.getType())) {
      decoder.newCaches.push_back(value);
      continue;
    }
    if (!matchHead(value, decoder))
      return emitError(value.getLoc())
             << "output '" << getResultName(main, i)
             << "' is not the result of a linear layer";
    decoder.logits = value;
  }
  if (!decoder.logits)
    return main.emitError() << "expected an output for the logits";
  SymbolicShapes shapes(main);
  const SymbolicShapes::Dims *ids = shapes.getShape(decoder.ids);
  const SymbolicShapes::Dims *logits = shapes.getShape(decoder.logits);
  const SymbolicShapes::Dims *input = shapes.getShape(decoder.head.getInput());
  if (!ids || !logits || !input || (*logits)[1] != (*input)[1] ||
      ((*logits)[1].getConstant() && !(*ids)[1].getConstant()))
    return emitError(decoder.logits.getLoc())
           << "expected logits for each token, found "
           << onnx::describe(decoder.logits.getType());
  if (failed(bindSizes(decoder, shapes)))
    return failure();
  SmallVector<Value> roots{decoder.logits};
  llvm::append_range(roots, decoder.newCaches);
  sortByDataFlow(roots, decoder.order);
  return success();
}

/// The only symbol of a dimension of `value` whose type is dynamic.
static std::optional<std::string> getSymbol(const SymbolicShapes &shapes,
                                            Value value, unsigned axis) {
  const SymbolicShapes::Dims *dims = shapes.getShape(value);
  return dims && axis < dims->size() ? (*dims)[axis].getSymbol() : std::nullopt;
}

/// Entry points have no arguments for the attention mask and for the past keys
/// and values of the model. What remains of their uses must ask for batch and
/// tokens, which the ids have too.
LogicalResult RaiseDecoder::bindSizes(Decoder &decoder,
                                      const SymbolicShapes &shapes) {
  func::FuncOp main = decoder.main;
  std::optional<std::string> symbols[] = {getSymbol(shapes, decoder.ids, 0),
                                          getSymbol(shapes, decoder.ids, 1)};
  OpBuilder builder(main.getContext());
  auto makeInts = [&](Location loc, ArrayRef<int64_t> numbers) -> Value {
    auto type = RankedTensorType::get({static_cast<int64_t>(numbers.size())},
                                      builder.getI64Type());
    return onnx::ConstantOp::create(builder, loc, type,
                                    DenseElementsAttr::get(type, numbers));
  };
  // One element [1], as a number, or as a multiple of a size of the ids.
  auto makeElement = [&](Location loc, const DimExpr &element) -> Value {
    if (std::optional<int64_t> number = element.getConstant())
      return makeInts(loc, {*number});
    for (auto [axis, symbol] : llvm::enumerate(symbols)) {
      std::optional<DimExpr> factor =
          symbol ? element.divideExactly(DimExpr::symbol(*symbol))
                 : std::nullopt;
      std::optional<int64_t> number =
          factor ? factor->getConstant() : std::nullopt;
      if (!number)
        continue;
      auto type = RankedTensorType::get({1}, builder.getI64Type());
      int64_t start = axis;
      Value size = onnx::ShapeOp::create(builder, loc, type, decoder.ids,
                                         builder.getI64IntegerAttr(start + 1),
                                         builder.getI64IntegerAttr(start));
      if (*number == 1)
        return size;
      return onnx::MulOp::create(builder, loc, type, size,
                                 makeInts(loc, {*number}));
    }
    return {};
  };
  auto rewrite = [&](Value value) -> bool {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    const SymbolicShapes::Dims *contents = shapes.getContents(value);
    if (!type || !contents || contents->empty() ||
        !type.getElementType().isInteger(64) || type.getRank() > 1)
      return false;
    builder.setInsertionPointAfterValue(value);
    SmallVector<Value> elements;
    for (const DimExpr &element : *contents) {
      Value made = makeElement(value.getLoc(), element);
      if (!made)
        return false;
      elements.push_back(made);
    }
    auto all = RankedTensorType::get({static_cast<int64_t>(elements.size())},
                                     builder.getI64Type());
    Value result = elements.size() == 1
                       ? elements.front()
                       : onnx::ConcatOp::create(builder, value.getLoc(), all,
                                                elements, /*axis=*/0)
                             .getResult();
    if (type.getRank() == 0)
      result = onnx::SqueezeOp::create(builder, value.getLoc(), type, result,
                                       makeInts(value.getLoc(), {0}));
    value.replaceAllUsesWith(result);
    return true;
  };
  for (BlockArgument argument : main.getArguments()) {
    bool isDropped = argument != decoder.ids && argument != decoder.positions &&
                     argument != decoder.starts &&
                     !isa<KVCacheType>(argument.getType());
    if (!isDropped)
      continue;
    // From the argument up to where only sizes are left.
    SmallVector<Value> worklist{argument};
    while (!worklist.empty()) {
      Value value = worklist.pop_back_val();
      for (Operation *user : llvm::make_early_inc_range(value.getUsers())) {
        if (user == decoder.terminator)
          return main.emitError()
                 << "input '" << getSignatureName(main, argument)
                 << "' is an output too";
        for (Value result : user->getResults())
          if (!result.use_empty() && !rewrite(result)) {
            // Joined with others it may be a size yet.
            if (!shapes.getContents(result))
              return main.emitError()
                     << "input '" << getSignatureName(main, argument)
                     << "' has a use that is not raised: " << user->getName()
                     << describeName(user);
            worklist.push_back(result);
          }
      }
    }
  }
  eraseDeadOps(main);
  for (BlockArgument argument : main.getArguments())
    if (argument != decoder.ids && argument != decoder.positions &&
        argument != decoder.starts && !isa<KVCacheType>(argument.getType()) &&
        !argument.use_empty())
      return main.emitError() << "input '" << getSignatureName(main, argument)
                              << "' has a use that is not raised";
  return success();
}

/// Inputs and outputs as the file has them, before results are dropped.
static void writeSignature(ModuleOp module, func::FuncOp main) {
  auto collect = [&](unsigned count, auto getAttrs) {
    SmallVector<Attribute> bindings;
    for (unsigned i = 0; i < count; ++i)
      if (BindingAttr binding = getBinding(getAttrs(i)))
        bindings.push_back(binding);
    return ArrayAttr::get(module.getContext(), bindings);
  };
  OpBuilder builder(main);
  SignatureOp::create(
      builder, main.getLoc(),
      collect(main.getNumArguments(),
              [&](unsigned i) { return main.getArgAttrDict(i); }),
      collect(main.getNumResults(),
              [&](unsigned i) { return main.getResultAttrDict(i); }));
}

/// Builds the function of `entry` before @main.
static void makeEntry(Decoder &decoder, const SymbolicShapes &shapes,
                      Entry entry) {
  func::FuncOp main = decoder.main;
  MLIRContext *context = main.getContext();
  OpBuilder builder(main);
  bool isPrefill = entry == Entry::prefill;
  int64_t tokens = isPrefill ? ShapedType::kDynamic : 1;
  // Batch is dynamic whatever the file has; tokens are those of the entry.
  DimExpr batchSize = (*shapes.getShape(decoder.ids))[0];
  DimExpr tokenCount = (*shapes.getShape(decoder.ids))[1];
  auto convert = [&](Value value) -> Type {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    Operation *op = value.getDefiningOp();
    const SymbolicShapes::Dims *dims = shapes.getShape(value);
    if (!type || !op || isa<onnx::ConstantOp, LoadWeightOp>(op))
      return value.getType();
    // What was raised is [batch, tokens, features]; of what was not the
    // dimensions say it.
    if (isa<DejavuDialect>(op->getDialect()) && isActivationType(type))
      return RankedTensorType::get(
          {ShapedType::kDynamic, tokens, getFeatures(type)},
          type.getElementType());
    if (!dims)
      return type;
    SmallVector<int64_t> sizes(type.getShape());
    for (auto [size, dim] : llvm::zip_equal(sizes, *dims)) {
      if (dim == tokenCount)
        size = tokens;
      else if (dim == batchSize)
        size = ShapedType::kDynamic;
    }
    return RankedTensorType::get(sizes, type.getElementType());
  };
  auto idsType = RankedTensorType::get({ShapedType::kDynamic, tokens},
                                       builder.getI64Type());
  auto startsType =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI64Type());

  SmallVector<Type> inputs{idsType, idsType, startsType}, results;
  SmallVector<Location> locs(3, main.getLoc());
  locs[0] = decoder.ids.getLoc();
  if (decoder.positions)
    locs[1] = decoder.positions.getLoc();
  if (isPrefill) {
    inputs.push_back(builder.getIndexType());
    locs.push_back(main.getLoc());
  }
  results.push_back(convert(decoder.head));
  for (BlockArgument cache : decoder.caches) {
    inputs.push_back(cache.getType());
    locs.push_back(cache.getLoc());
    results.push_back(cache.getType());
  }
  auto function =
      func::FuncOp::create(builder, main.getLoc(), stringifyEntry(entry),
                           builder.getFunctionType(inputs, results));
  function->setAttr(DejavuDialect::kEntryAttrName,
                    EntryAttr::get(context, entry));
  Block *body = builder.createBlock(&function.getBody(), {}, inputs, locs);

  IRMapping mapping;
  mapping.map(decoder.ids, body->getArgument(0));
  if (decoder.positions)
    mapping.map(decoder.positions, body->getArgument(1));
  if (decoder.starts)
    mapping.map(decoder.starts, body->getArgument(2));
  Value logitsFrom = isPrefill ? body->getArgument(3) : Value();
  for (auto [i, cache] : llvm::enumerate(decoder.caches))
    mapping.map(cache, body->getArgument((isPrefill ? 4 : 3) + i));

  for (Operation *op : decoder.order) {
    if (op == decoder.head) {
      LinearOp linear = decoder.head;
      Value head =
          LMHeadOp::create(builder, op->getLoc(), convert(linear),
                           mapping.lookup(linear.getInput()),
                           linear.getWeightAttr(), linear.getBiasAttr(),
                           logitsFrom, builder.getF32FloatAttr(decoder.scale),
                           builder.getF32FloatAttr(decoder.softcap));
      mapping.map(decoder.logits, head);
      continue;
    }
    // What follows the head is part of it.
    if (llvm::any_of(op->getOperands(),
                     [&](Value v) { return !mapping.contains(v); }) ||
        mapping.contains(op->getResult(0)))
      continue;
    Operation *copy = builder.clone(*op, mapping);
    for (auto [result, original] :
         llvm::zip_equal(copy->getResults(), op->getResults()))
      result.setType(convert(original));
  }
  SmallVector<Value> operands{mapping.lookup(decoder.logits)};
  for (Value cache : decoder.newCaches)
    operands.push_back(mapping.lookup(cache));
  func::ReturnOp::create(builder, main.getLoc(), operands);
  eraseDeadOps(function);
}

void RaiseDecoder::runOnOperation() {
  ModuleOp module = getOperation();
  Decoder decoder;
  decoder.main = getMain(module);
  if (!decoder.main) {
    module.emitError() << "expected a function @main of one block";
    return signalPassFailure();
  }
  writeSignature(module, decoder.main);
  dropPresents(decoder.main);
  eraseDeadOps(decoder.main);
  if (failed(checkCores(decoder.main)) || failed(analyse(decoder)))
    return signalPassFailure();
  SymbolicShapes shapes(decoder.main);
  makeEntry(decoder, shapes, Entry::prefill);
  makeEntry(decoder, shapes, Entry::decode);
  decoder.main.erase();
  cleanUpWeights(module);
}
