//===- RaiseDecoder.cpp - @prefill and @decode of @main -------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

#include "mlir/IR/AttrTypeSubElements.h"
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
  /// The linear layer of the logits.
  LinearOp logits;
  SmallVector<Value> newCaches;
  /// The ops of the body in an order that only data flow decides.
  SmallVector<Operation *> order;
};

struct RaiseDecoder : dejavu::impl::RaiseDecoderPassBase<RaiseDecoder> {
  void runOnOperation() override;

private:
  LogicalResult checkLeftovers(func::FuncOp main);
  LogicalResult analyse(Decoder &decoder);
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

/// One error that names what is left, with how often and where first.
LogicalResult RaiseDecoder::checkLeftovers(func::FuncOp main) {
  llvm::MapVector<StringRef, SmallVector<Operation *>> leftovers;
  for (Operation &op : main.front()) {
    if (isa<DejavuDialect>(op.getDialect()) && !isa<LoadWeightOp>(op))
      continue;
    if (&op == main.front().getTerminator() || isa<onnx::ConstantOp>(op) ||
        isa<LoadWeightOp>(op))
      continue;
    leftovers[op.getName().getStringRef()].push_back(&op);
  }
  if (leftovers.empty())
    return success();
  std::string names;
  for (auto &[name, ops] : leftovers)
    names += (names.empty() ? "" : ", ") + name.str() + " (" +
             std::to_string(ops.size()) + ")";
  InFlightDiagnostic diag = main.emitError()
                            << "the model cannot be compiled yet: there is no "
                               "dense lowering for what was not raised: "
                            << names;
  // A note for each reason, at its first op, or for each kind of op if nobody
  // gave reasons.
  llvm::MapVector<std::pair<StringRef, StringRef>, SmallVector<Operation *>>
      reasons;
  for (auto &[name, ops] : leftovers)
    for (Operation *op : ops)
      if (auto reason = op->getAttrOfType<StringAttr>(kNotRaisedAttrName))
        reasons[{name, reason.getValue()}].push_back(op);
  for (auto &[key, ops] : reasons) {
    Diagnostic &note = diag.attachNote(ops.front()->getLoc());
    note << key.first << describeName(ops.front());
    if (ops.size() > 1)
      note << " and " << static_cast<unsigned>(ops.size() - 1) << " more";
    note << ": " << key.second;
  }
  if (reasons.empty())
    for (auto &[name, ops] : leftovers)
      diag.attachNote(ops.front()->getLoc())
          << "the first " << name << describeName(ops.front());
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
    else if (!argument.use_empty())
      return main.emitError() << "input '" << getSignatureName(main, argument)
                              << "' has a use that is not raised";
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
    auto linear = value.getDefiningOp<LinearOp>();
    if (!linear || linear.getActivation() || !linear->hasOneUse())
      return emitError(value.getLoc())
             << "output '" << getResultName(main, i)
             << "' is not the result of a linear layer";
    decoder.logits = linear;
  }
  if (!decoder.logits)
    return main.emitError() << "expected an output for the logits";
  SmallVector<Value> roots{decoder.logits};
  llvm::append_range(roots, decoder.newCaches);
  sortByDataFlow(roots, decoder.order);
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
static void makeEntry(Decoder &decoder, Entry entry) {
  func::FuncOp main = decoder.main;
  MLIRContext *context = main.getContext();
  OpBuilder builder(main);
  bool isPrefill = entry == Entry::prefill;
  int64_t tokens = isPrefill ? ShapedType::kDynamic : 1;
  // Batch is dynamic whatever the file has; tokens are those of the entry.
  auto convert = [&](Type type) -> Type {
    if (!isActivationType(type))
      return type;
    return RankedTensorType::get(
        {ShapedType::kDynamic, tokens, getFeatures(type)},
        builder.getF32Type());
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
  results.push_back(convert(decoder.logits.getType()));
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
    if (op == decoder.logits) {
      LinearOp linear = decoder.logits;
      Value head = LMHeadOp::create(
          builder, op->getLoc(), convert(linear.getType()),
          mapping.lookup(linear.getInput()), linear.getWeightAttr(),
          linear.getBiasAttr(), logitsFrom, /*scale=*/FloatAttr(),
          /*softcap=*/FloatAttr());
      mapping.map(linear.getResult(), head);
      continue;
    }
    Operation *copy = builder.clone(*op, mapping);
    for (Value result : copy->getResults())
      result.setType(convert(result.getType()));
  }
  SmallVector<Value> operands{mapping.lookup(decoder.logits.getResult())};
  for (Value cache : decoder.newCaches)
    operands.push_back(mapping.lookup(cache));
  func::ReturnOp::create(builder, main.getLoc(), operands);
}

/// Erases weights that nobody uses, orders the others by their first use, and
/// gives a transposed copy its original's name where that is free.
static void cleanUpWeights(ModuleOp module) {
  llvm::SetVector<StringAttr> used;
  module.walk([&](Operation *op) {
    if (isa<WeightOp>(op))
      return;
    for (NamedAttribute attr : op->getAttrs())
      if (auto name = dyn_cast<FlatSymbolRefAttr>(attr.getValue()))
        used.insert(name.getAttr());
  });
  llvm::DenseMap<StringAttr, WeightOp> weights;
  for (WeightOp weight :
       llvm::make_early_inc_range(module.getOps<WeightOp>())) {
    if (used.contains(weight.getSymNameAttr()))
      weights[weight.getSymNameAttr()] = weight;
    else
      weight.erase();
  }
  llvm::DenseMap<StringAttr, StringAttr> renamed;
  Operation *last = nullptr;
  for (StringAttr name : used) {
    WeightOp weight = weights.lookup(name);
    if (!weight)
      continue;
    if (last)
      weight->moveAfter(last);
    else
      weight->moveBefore(module.getBody(), module.getBody()->begin());
    last = weight;
    auto original =
        dyn_cast_or_null<StringAttr>(weight->removeAttr(kCopyOfAttrName));
    if (original && !weights.count(original)) {
      renamed[name] = original;
      weight.setSymNameAttr(original);
    }
  }
  AttrTypeReplacer replacer;
  replacer.addReplacement(
      [&](FlatSymbolRefAttr name) -> std::optional<Attribute> {
        StringAttr fresh = renamed.lookup(name.getAttr());
        return fresh ? std::optional<Attribute>(FlatSymbolRefAttr::get(fresh))
                     : std::nullopt;
      });
  for (auto function : module.getOps<func::FuncOp>())
    replacer.recursivelyReplaceElementsIn(function);
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
  if (failed(checkLeftovers(decoder.main)) || failed(analyse(decoder)))
    return signalPassFailure();
  makeEntry(decoder, Entry::prefill);
  makeEntry(decoder, Entry::decode);
  decoder.main.erase();
  cleanUpWeights(module);
}
