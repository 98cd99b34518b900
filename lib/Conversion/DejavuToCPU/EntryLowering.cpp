//===- EntryLowering.cpp - memory of an entry point -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryLowering.h"

#include "dejavu/Analysis/ReadCounters.h"
#include "dejavu/Conversion/DejavuToCPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

/// Alignment of everything in the workspace.
static constexpr int64_t kAlignment = 64;

/// All threads run a decode step together unless it has calls of dense
/// functions: then nothing but kernels is left.
static Sharing getSharing(func::FuncOp function, Entry entry) {
  if (entry != Entry::decode)
    return Sharing::kernels;
  WalkResult result = function.walk([&](Operation *op) {
    if (auto embed = dyn_cast<EmbedOp>(op))
      return isa<BlockArgument>(embed.getIds()) ? WalkResult::advance()
                                                : WalkResult::interrupt();
    if (auto table = dyn_cast<RopeTableOp>(op))
      return isa<BlockArgument>(table.getPositions()) ? WalkResult::advance()
                                                      : WalkResult::interrupt();
    return isa<func::FuncOp, func::ReturnOp, ResidualAddOp, NormOp, LinearOp,
               LMHeadOp, FFNOp, KVAppendOp, AttentionOp, RopeOp, PredictOp,
               SelectOp, GatherLinearOp, SparseLinearOp, SparseFFNOp,
               SparseAttentionOp, KVAppendDeferredOp>(op)
               ? WalkResult::advance()
               : WalkResult::interrupt();
  });
  return result.wasInterrupted() ? Sharing::kernels : Sharing::step;
}

EntryLowering::EntryLowering(
    ModuleOp module, func::FuncOp function, Entry entry, KernelLibrary &library,
    const llvm::DenseMap<StringAttr, int64_t> &weightNumbers,
    const EntrySites &entrySites)
    : module(module), function(function), entry(entry),
      isPrefill(entry != Entry::decode), library(library), symbols(module),
      weightNumbers(weightNumbers), sharing(getSharing(function, entry)),
      point(library, module, entry, sharing, function.getLoc()) {
  for (auto [number, site] : llvm::enumerate(entrySites.values))
    if (site.value)
      sites[site.value] = static_cast<int64_t>(number);
  for (const HiddenSite &site : entrySites.hidden)
    hiddenSites[site.ffn] = site;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

LogicalResult EntryLowering::checkArguments() {
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError() << "expected one block";
  if (entry == Entry::forward)
    return makeForwardArguments();
  unsigned next = 0;
  auto type = [&](unsigned at) -> Type {
    return at < function.getNumArguments() ? function.getArgument(at).getType()
                                           : Type();
  };
  auto isIds = [&](unsigned at, int64_t rank) {
    auto tensor = dyn_cast_if_present<RankedTensorType>(type(at));
    return tensor && tensor.getRank() == rank &&
           tensor.getElementType().isInteger(64);
  };
  bool isWithFrom = entry == Entry::prefill;
  bool matches = isIds(0, 2) && isIds(1, 2) && isIds(2, 1);
  next = 3;
  if (matches && isWithFrom)
    matches = isa_and_present<IndexType>(type(next++));
  int64_t caches = 0;
  for (; matches && next < function.getNumArguments(); ++next) {
    matches = isa<KVCacheType>(type(next));
    cacheNumbers[function.getArgument(next)] = caches++;
  }
  if (!matches)
    return function.emitError()
           << "expected the arguments ids, positions, starts"
           << (isWithFrom ? ", logits_from" : "") << " and caches, found "
           << function.getFunctionType();
  return success();
}

LogicalResult EntryLowering::makeForwardArguments() {
  for (TypeRange types : {TypeRange(function.getArgumentTypes()),
                          TypeRange(function.getResultTypes())})
    for (Type type : types) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor || tensor.getRank() > kMaxRank ||
          !tensor.getElementType().isIntOrFloat())
        return function.emitError()
               << "expected tensors of numbers with at most " << kMaxRank
               << " dimensions as inputs and outputs, found " << type;
    }
  for (BlockArgument argument : function.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    if (!argument.use_empty())
      setTensor(argument,
                point.getInput(argument.getArgNumber(), getWeightType(type)));
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Lifetimes
//===----------------------------------------------------------------------===//

/// What `value` shares its memory with: itself, and the tensors that it is
/// another view of.
static SmallVector<Value> getAliases(Value value) {
  SmallVector<Value> aliases;
  while (value) {
    aliases.push_back(value);
    Operation *op = value.getDefiningOp();
    value = isa_and_present<bufferization::ToBufferOp, tensor::BitcastOp>(op)
                ? op->getOperand(0)
                : Value();
  }
  return aliases;
}

void EntryLowering::findLastUses() {
  function.walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      for (Value alias : getAliases(operand))
        lastUses[alias] = op;
  });
}

void EntryLowering::releaseOperands(Operation *op) {
  KernelBuilder &b = point.getBuilder();
  for (int64_t place : transient.lookup(op))
    layout.release(place);
  for (Value memref : transientMemory.lookup(op))
    memref::DeallocOp::create(b, memref);
  auto releaseIfDone = [&](Value value) {
    auto last = lastUses.find(value);
    if (last != lastUses.end() && last->second != op)
      return;
    for (int64_t place : places.lookup(value))
      layout.release(place);
    places.erase(value);
    for (Value memref : owned.lookup(value))
      memref::DeallocOp::create(b, memref);
    owned.erase(value);
  };
  for (Value operand : op->getOperands())
    for (Value alias : getAliases(operand))
      releaseIfDone(alias);
  for (Value result : op->getResults())
    if (result.use_empty())
      releaseIfDone(result);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Extent EntryLowering::makeExtent(Value batch, Value tokens) {
  return {batch, tokens,
          arith::MulIOp::create(point.getBuilder(), batch, tokens)};
}

Extent EntryLowering::getExtent(Value activation) {
  auto known = extents.find(activation);
  if (known != extents.end())
    return known->second;
  return {point.get(Field::batch), point.get(Field::tokens), point.getRows()};
}

Value EntryLowering::allocateOwn(MemRefType type, ValueRange sizes,
                                 Operation *owner, Value value) {
  KernelBuilder &b = point.getBuilder();
  SmallVector<Value> dynamic(sizes.take_front(type.getNumDynamicDims()));
  Value memref = memref::AllocOp::create(b, type, dynamic);
  if (value)
    owned[value].push_back(memref);
  else
    transientMemory[owner].push_back(memref);
  return memref;
}

Value EntryLowering::allocateBytes(int64_t perRow, MemRefType type,
                                   ValueRange sizes, Operation *owner,
                                   Value value, const Extent &extent) {
  if (entry == Entry::forward || extent.rows != point.getRows())
    return allocateOwn(type, sizes, owner, value);
  int64_t place = layout.allocate(perRow);
  if (value)
    places[value].push_back(place);
  else
    transient[owner].push_back(place);
  return point.getWorkspace(bytesFixed, place, type, sizes);
}

Value EntryLowering::allocateResult(Value result, const Extent &extent) {
  int64_t features = getFeatures(result.getType());
  Value rows = allocateBytes(
      features * sizeof(float), getRowsType(module.getContext(), features),
      extent.rows, result.getDefiningOp(), result, extent);
  memory[result] = rows;
  if (extent.rows != point.getRows())
    extents[result] = extent;
  return rows;
}

Value EntryLowering::allocateResult(Value result, Value like) {
  if (!like)
    for (Value operand : result.getDefiningOp()->getOperands())
      if (!like && isActivationType(operand.getType()))
        like = operand;
  return allocateResult(result, getExtent(like));
}

Value EntryLowering::allocateScratch(int64_t features, Operation *owner,
                                     Value like) {
  Extent extent = getExtent(like);
  return allocateBytes(features * sizeof(float),
                       getRowsType(module.getContext(), features), extent.rows,
                       owner, Value(), extent);
}

Value EntryLowering::getGemmScratch(RankedTensorType weight) {
  MemRefType type = getGemmScratchType(weight);
  if (!type)
    return {};
  if (entry != Entry::forward)
    return point.getWorkspace(0, 0, type, {});
  KernelBuilder &b = point.getBuilder();
  SmallVector<OpFoldResult> sizes, strides;
  int64_t stride = type.getNumElements();
  for (int64_t size : type.getShape()) {
    stride /= size;
    sizes.push_back(b.getIndexAttr(size));
    strides.push_back(b.getIndexAttr(stride));
  }
  return memref::ReinterpretCastOp::create(
      b, type, fixedScratch, OpFoldResult(b.getIndexAttr(0)), sizes, strides);
}

/// `memref` as one of `type`, which differs in what is known statically.
static Value castMemRef(KernelBuilder &b, Value memref, MemRefType type) {
  if (memref.getType() == type)
    return memref;
  if (!memref::CastOp::areCastCompatible(memref.getType(), type))
    return {};
  return memref::CastOp::create(b, type, memref);
}

FailureOr<Value> EntryLowering::getTensor(Value value, Operation *user) {
  if (Value known = tensors.lookup(value))
    return known;
  KernelBuilder &b = point.getBuilder();
  auto shaped = dyn_cast<RankedTensorType>(value.getType());
  if (!shaped)
    return user->emitOpError()
           << "expected tensors as operands, found " << value.getType();
  MemRefType type = getWeightType(shaped);
  auto argument = dyn_cast<BlockArgument>(value);
  if (argument && entry != Entry::forward && argument.getArgNumber() < 3) {
    Field fields[] = {Field::ids, Field::positions, Field::starts};
    SmallVector<Value> sizes;
    Value all[] = {point.get(Field::batch), point.get(Field::tokens)};
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      if (ShapedType::isDynamic(size))
        sizes.push_back(all[dim]);
    return tensors[value] =
               point.getArray(fields[argument.getArgNumber()], type, sizes);
  }
  Value rows = memory.lookup(value);
  if (!rows)
    return user->emitOpError()
           << "expected an operand that is a tensor in memory, found "
           << value.getType();
  Extent extent = getExtent(value);
  int64_t features = getFeatures(shaped);
  Value all[] = {extent.batch, extent.tokens};
  SmallVector<OpFoldResult> sizes, strides;
  for (int64_t dim : {0, 1})
    sizes.push_back(type.isDynamicDim(dim)
                        ? OpFoldResult(all[dim])
                        : OpFoldResult(b.getIndexAttr(type.getDimSize(dim))));
  sizes.push_back(b.getIndexAttr(features));
  if (type.isDynamicDim(1))
    strides.push_back(
        arith::MulIOp::create(b, extent.tokens, b.index(features)).getResult());
  else
    strides.push_back(b.getIndexAttr(type.getDimSize(1) * features));
  strides.push_back(b.getIndexAttr(features));
  strides.push_back(b.getIndexAttr(1));
  Value memref = memref::ReinterpretCastOp::create(
      b, type, rows, OpFoldResult(b.getIndexAttr(0)), sizes, strides);
  return tensors[value] = memref;
}

void EntryLowering::setTensor(Value value, Value memref) {
  KernelBuilder &b = point.getBuilder();
  auto shaped = cast<RankedTensorType>(value.getType());
  MemRefType type = getWeightType(shaped);
  if (Value exact = castMemRef(b, memref, type))
    memref = exact;
  tensors[value] = memref;
  if (!isActivationType(shaped))
    return;
  Extent extent = makeExtent(memref::DimOp::create(b, memref, int64_t(0)),
                             memref::DimOp::create(b, memref, int64_t(1)));
  extents[value] = extent;
  int64_t features = getFeatures(shaped);
  memory[value] = memref::ReinterpretCastOp::create(
      b, getRowsType(module.getContext(), features), memref,
      OpFoldResult(b.getIndexAttr(0)),
      ArrayRef<OpFoldResult>{extent.rows, b.getIndexAttr(features)},
      ArrayRef<OpFoldResult>{b.getIndexAttr(features), b.getIndexAttr(1)});
}

int64_t EntryLowering::getNodeNumber(Operation *op) {
  auto name = op->getLoc()->findInstanceOf<NameLoc>();
  if (!name)
    return -1;
  SmallVector<Attribute> names;
  if (auto known = module->getAttrOfType<ArrayAttr>(kNodesAttrName))
    llvm::append_range(names, known);
  Attribute text = name.getName();
  auto at = llvm::find(names, text);
  int64_t number = at - names.begin();
  if (at == names.end()) {
    names.push_back(text);
    module->setAttr(kNodesAttrName, ArrayAttr::get(module.getContext(), names));
  }
  return number;
}

//===----------------------------------------------------------------------===//
// The body
//===----------------------------------------------------------------------===//

LogicalResult EntryLowering::lower(Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<EmbedOp, ResidualAddOp, NormOp, LinearOp, LMHeadOp, FFNOp,
            KVAppendOp, AttentionOp, SDPAOp, RopeTableOp, RopeOp, PredictOp,
            SelectOp, GatherLinearOp, SparseLinearOp, SparseFFNOp,
            SparseAttentionOp, KVAppendDeferredOp, LoadWeightOp,
            bufferization::ToBufferOp, bufferization::ToTensorOp,
            tensor::BitcastOp, func::CallOp, func::ReturnOp>(
          [&](auto op) { return lower(op); })
      .Default([](Operation *op) {
        return op->emitOpError() << "has no lowering for the CPU";
      });
}

LogicalResult EntryLowering::run() {
  if (failed(checkArguments()))
    return failure();
  findLastUses();
  bool isForward = entry == Entry::forward;
  if (!isForward)
    for (auto [number, counter] : llvm::enumerate(findReadCounters(function)))
      counters[counter.op] = static_cast<int64_t>(number);
  if (isPrefill)
    for (auto weight : module.getOps<WeightOp>())
      if (weight.getTensorType().getRank() == 2 && !weight.isPrivate())
        if (MemRefType type = getGemmScratchType(weight.getTensorType()))
          bytesFixed = std::max<int64_t>(bytesFixed, type.getNumElements() * 4);
  bytesFixed = llvm::alignTo(bytesFixed, kAlignment);

  SmallVector<Operation *> appends;
  KernelBuilder &b = point.getBuilder();
  if (isForward && bytesFixed > 0)
    fixedScratch =
        allocateOwn(MemRefType::get({bytesFixed / 4}, b.getF32Type()), {},
                    function.getBody().front().getTerminator(), Value());
  for (Operation &op : function.getBody().front()) {
    b.setLoc(op.getLoc());
    if (failed(lower(&op)))
      return failure();
    if (isa<func::ReturnOp>(op))
      break;
    for (Value result : op.getResults()) {
      auto site = sites.find(result);
      if (site == sites.end())
        continue;
      Value rows = getRows(result);
      if (isa<LMHeadOp>(op))
        rows = memref::DimOp::create(b, memory.lookup(result), int64_t(0));
      point.tap(site->second, memory.lookup(result), rows, kTapSites);
    }
    // Threads may still append what others attend to: see AttentionOp.
    if (isa<KVAppendOp>(op)) {
      appends.push_back(&op);
      continue;
    }
    releaseOperands(&op);
    if (isAttention(&op)) {
      for (Operation *append : appends)
        releaseOperands(append);
      appends.clear();
    }
  }
  return success();
}
