//===- DejavuToCPU.cpp - lower the entry points to kernels ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One op after the other becomes calls of kernels. Only linear ops that read
// the same input share one, in decode; the kernels between two products take no
// time to speak of. Memory is assigned on the way: an activation gets the first
// gap of the workspace that no living value overlaps. All sizes are per row (a
// row is one token of one sequence), so one layout serves every batch.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/DejavuToCPU/Passes.h"

#include "EntryPoint.h"
#include "Kernels.h"

#include "dejavu/Analysis/ModelSummary.h"
#include "dejavu/Analysis/TapSites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_CONVERTDEJAVUTOCPUPASS
#include "dejavu/Conversion/DejavuToCPU/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

/// Alignment of everything in the workspace.
static constexpr int64_t kAlignment = 64;

//===----------------------------------------------------------------------===//
// Workspace
//===----------------------------------------------------------------------===//

namespace {
/// Places in the workspace, in bytes for each row.
class WorkspaceLayout {
public:
  /// The lowest place of `bytes` that is free.
  int64_t allocate(int64_t bytes) {
    bytes = llvm::alignTo(bytes, kAlignment);
    int64_t at = 0;
    auto place = taken.begin();
    for (; place != taken.end() && place->first < at + bytes; ++place)
      at = place->second;
    taken.insert(place, {at, at + bytes});
    peak = std::max(peak, at + bytes);
    return at;
  }
  void release(int64_t at) {
    llvm::erase_if(taken, [&](auto &range) { return range.first == at; });
  }
  int64_t getPeak() const { return peak; }

private:
  std::vector<std::pair<int64_t, int64_t>> taken; ///< [begin, end), ascending
  int64_t peak = 0;
};

/// The indices and counts of an active set.
struct ActiveSet {
  Value indices, counts;
};

//===----------------------------------------------------------------------===//
// One entry point
//===----------------------------------------------------------------------===//

class EntryLowering {
public:
  EntryLowering(ModuleOp module, func::FuncOp function, Entry entry,
                KernelLibrary &library,
                const llvm::DenseMap<StringAttr, int64_t> &weightNumbers)
      : module(module), function(function), isPrefill(entry == Entry::prefill),
        library(library), symbols(module), weightNumbers(weightNumbers),
        point(library, module, ("dejavu_" + stringifyEntry(entry)).str(),
              function.getLoc()) {}

  LogicalResult run();
  int64_t getBytesFixed() const { return bytesFixed; }
  int64_t getBytesPerRow() const { return layout.getPeak(); }

private:
  // The ops.
  LogicalResult lower(Operation *op);
  LogicalResult lower(EmbedOp op);
  LogicalResult lower(ResidualAddOp op);
  LogicalResult lower(NormOp op);
  LogicalResult lower(LinearOp op);
  LogicalResult lower(LMHeadOp op);
  LogicalResult lower(FFNOp op);
  LogicalResult lower(KVAppendOp op);
  LogicalResult lower(AttentionOp op);
  LogicalResult lower(SelectOp op);
  LogicalResult lower(SparseLinearOp op);
  LogicalResult lower(func::ReturnOp op);

  LogicalResult checkArguments();
  void findLastUses();
  /// Frees what `op` is the last to use.
  void releaseOperands(Operation *op);

  // Memory.
  Value allocateRows(int64_t features, Operation *owner, Value value);
  Value allocateResult(Value value) {
    return allocateRows(getFeatures(value.getType()), value.getDefiningOp(),
                        value);
  }
  Value allocateBytes(int64_t perRow, MemRefType type, ValueRange sizes,
                      Operation *owner, Value value);
  Value getGemmScratch(RankedTensorType weight);

  // Weights.
  RankedTensorType getType(FlatSymbolRefAttr name) {
    return symbols.lookup<WeightOp>(name.getAttr()).getTensorType();
  }
  Value getWeight(FlatSymbolRefAttr name) {
    return point.getTableArray(Field::weights,
                               weightNumbers.lookup(name.getAttr()),
                               getWeightType(getType(name)), {});
  }
  // Parts that several ops share.
  void multiply(Value input, FlatSymbolRefAttr weight, bool transposed,
                Value result);
  void addBiasAndActivate(Value values, FlatSymbolRefAttr bias,
                          std::optional<Activation> activation);
  void lowerLinear(Value input, FlatSymbolRefAttr weight,
                   FlatSymbolRefAttr bias, std::optional<Activation> activation,
                   Value result);
  Value getCache(Field field, Value handle) {
    return point.getTableArray(
        field, cacheNumbers.lookup(handle),
        getCacheType(cast<KVCacheType>(handle.getType())),
        {point.get(Field::batch), point.get(Field::capacity)});
  }

  ModuleOp module;
  func::FuncOp function;
  bool isPrefill;
  KernelLibrary &library;
  SymbolTable symbols;
  const llvm::DenseMap<StringAttr, int64_t> &weightNumbers;
  EntryPoint point;

  WorkspaceLayout layout;
  int64_t bytesFixed = 0;
  int64_t numSelects = 0;
  llvm::DenseMap<Value, Value> memory; ///< activation -> rows
  llvm::DenseMap<Value, ActiveSet> activeSets;
  llvm::DenseMap<Value, int64_t> cacheNumbers; ///< handle -> layer
  llvm::DenseMap<Value, int64_t> sites;
  /// Places to free after an op, and those that a value owns until its last
  /// use.
  llvm::DenseMap<Operation *, SmallVector<int64_t>> transient;
  llvm::DenseMap<Value, SmallVector<int64_t>> places;
  llvm::DenseMap<Value, Operation *> lastUses;
};
} // namespace

LogicalResult EntryLowering::checkArguments() {
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
  bool matches = isIds(0, 2) && isIds(1, 2) && isIds(2, 1);
  next = 3;
  if (matches && isPrefill)
    matches = isa_and_present<IndexType>(type(next++));
  int64_t caches = 0;
  for (; matches && next < function.getNumArguments(); ++next) {
    matches = isa<KVCacheType>(type(next));
    cacheNumbers[function.getArgument(next)] = caches++;
  }
  if (!matches)
    return function.emitError()
           << "expected the arguments ids, positions, starts"
           << (isPrefill ? ", logits_from" : "") << " and caches, found "
           << function.getFunctionType();
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError() << "expected one block";
  return success();
}

void EntryLowering::findLastUses() {
  function.walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      lastUses[operand] = op;
  });
}

void EntryLowering::releaseOperands(Operation *op) {
  for (int64_t place : transient.lookup(op))
    layout.release(place);
  auto releaseIfDone = [&](Value value) {
    auto last = lastUses.find(value);
    if (last != lastUses.end() && last->second != op)
      return;
    for (int64_t place : places.lookup(value))
      layout.release(place);
    places.erase(value);
  };
  for (Value operand : op->getOperands())
    releaseIfDone(operand);
  for (Value result : op->getResults())
    if (result.use_empty())
      releaseIfDone(result);
}

Value EntryLowering::allocateBytes(int64_t perRow, MemRefType type,
                                   ValueRange sizes, Operation *owner,
                                   Value value) {
  int64_t place = layout.allocate(perRow);
  if (value)
    places[value].push_back(place);
  else
    transient[owner].push_back(place);
  return point.getWorkspace(bytesFixed, place, type, sizes);
}

Value EntryLowering::allocateRows(int64_t features, Operation *owner,
                                  Value value) {
  Value rows = allocateBytes(features * sizeof(float),
                             getRowsType(module.getContext(), features),
                             point.getRows(), owner, value);
  if (value)
    memory[value] = rows;
  return rows;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Value EntryLowering::getGemmScratch(RankedTensorType weight) {
  MemRefType type = getGemmScratchType(weight);
  return type ? point.getWorkspace(0, 0, type, {}) : Value();
}

void EntryLowering::multiply(Value input, FlatSymbolRefAttr weight,
                             bool transposed, Value result) {
  RankedTensorType type = getType(weight);
  Value zero = point.getBuilder().index(0);
  SmallVector<Value> arguments{input,  zero, getWeight(weight),
                               result, zero, point.getRows()};
  if (Value scratch = getGemmScratch(type))
    arguments.push_back(scratch);
  point.callChecked(getGemmKernel(library, type, transposed), arguments);
}

void EntryLowering::addBiasAndActivate(Value values, FlatSymbolRefAttr bias,
                                       std::optional<Activation> activation) {
  if (!bias && !activation)
    return;
  int64_t features = cast<MemRefType>(values.getType()).getDimSize(1);
  SmallVector<Value> arguments{values};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.push_back(point.getRows());
  point.call(getEpilogueKernel(library, features, bias != nullptr, activation),
             arguments);
}

void EntryLowering::lowerLinear(Value input, FlatSymbolRefAttr weight,
                                FlatSymbolRefAttr bias,
                                std::optional<Activation> activation,
                                Value result) {
  if (isPrefill) {
    multiply(input, weight, /*transposed=*/true, result);
    return addBiasAndActivate(result, bias, activation);
  }
  SmallVector<Value> arguments{input, getWeight(weight)};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({result, point.getRows()});
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
                allocateResult(op));
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
  arguments.push_back(point.getRows());
  point.call(getLinearKernel(library, specs), arguments);
  return success();
}

LogicalResult EntryLowering::lower(FFNOp op) {
  int64_t neurons = getType(op.getUpAttr()).getDimSize(0);
  Value hidden = allocateRows(neurons, op, Value());
  lowerLinear(memory.lookup(op.getInput()), op.getUpAttr(), op.getUpBiasAttr(),
              op.getActivation(), hidden);
  Value result = allocateResult(op);
  FlatSymbolRefAttr bias = op.getDownBiasAttr();
  if (isPrefill) {
    multiply(hidden, op.getDownAttr(), /*transposed=*/false, result);
    addBiasAndActivate(result, bias, std::nullopt);
    return success();
  }
  SmallVector<Value> arguments{hidden, getWeight(op.getDownAttr())};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({result, point.getRows()});
  point.call(
      getRowSumKernel(library, getType(op.getDownAttr()), bias != nullptr),
      arguments);
  return success();
}

LogicalResult EntryLowering::lower(LMHeadOp op) {
  auto user = op->hasOneUse() ? dyn_cast<func::ReturnOp>(*op->user_begin())
                              : func::ReturnOp();
  if (!user || user.getOperand(0) != op.getResult())
    return op.emitOpError() << "expected its result to be the first result of "
                               "the function and nothing else";
  KernelBuilder &b = point.getBuilder();
  Value input = memory.lookup(op.getInput()), batch = point.get(Field::batch);
  RankedTensorType weight = getType(op.getWeightAttr());
  MemRefType type = getRowsType(module.getContext(), getFeatures(op.getType()));
  if (!op.getFrom() || !isPrefill) {
    Value logits = point.getArray(Field::logits, type, point.getRows());
    memory[op] = logits;
    lowerLinear(input, op.getWeightAttr(), op.getBiasAttr(), std::nullopt,
                logits);
    return success();
  }
  // Of each sequence only the tokens from logits_from on.
  Value from = point.get(Field::logitsFrom), tokens = point.get(Field::tokens);
  Value count = arith::SubIOp::create(b, tokens, from);
  Value rows = arith::MulIOp::create(b, batch, count);
  Value logits = point.getArray(Field::logits, type, rows);
  memory[op] = logits;
  Value matrix = getWeight(op.getWeightAttr());
  Value scratch = getGemmScratch(weight);
  point.loopChecked(batch, [&](Value sequence) {
    Value first = arith::AddIOp::create(
        b, arith::MulIOp::create(b, sequence, tokens), from);
    SmallVector<Value> arguments{
        input, first, matrix, logits, arith::MulIOp::create(b, sequence, count),
        count};
    if (scratch)
      arguments.push_back(scratch);
    point.callChecked(getGemmKernel(library, weight, /*transposed=*/true),
                      arguments);
  });
  if (FlatSymbolRefAttr bias = op.getBiasAttr())
    point.call(
        getEpilogueKernel(library, weight.getDimSize(0), true, std::nullopt),
        {logits, getWeight(bias), rows});
  return success();
}

LogicalResult EntryLowering::lower(SparseLinearOp op) {
  ActiveSet set = activeSets.lookup(op.getActive());
  SmallVector<Value> arguments{memory.lookup(op.getInput()), set.indices,
                               set.counts, getWeight(op.getWeightAttr())};
  FlatSymbolRefAttr bias = op.getBiasAttr();
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({allocateResult(op), point.getRows()});
  point.call(getSparseRowSumKernel(library, getType(op.getWeightAttr()),
                                   bias != nullptr),
             arguments);
  return success();
}

//===----------------------------------------------------------------------===//
// Everything else
//===----------------------------------------------------------------------===//

LogicalResult EntryLowering::lower(EmbedOp op) {
  KernelBuilder &b = point.getBuilder();
  auto argument = dyn_cast<BlockArgument>(op.getIds());
  if (!argument || argument.getArgNumber() > 1)
    return op.emitOpError()
           << "expected the ids or the positions of the function as indices";
  auto type = MemRefType::get({ShapedType::kDynamic}, b.getI64Type());
  Value ids = point.getArray(argument.getArgNumber() == 0 ? Field::ids
                                                          : Field::positions,
                             type, point.getRows());
  RankedTensorType table = getType(op.getTableAttr());
  point.call(getEmbedKernel(library, table, isPrefill),
             {ids, getWeight(op.getTableAttr()), b.index(op.getOffset()),
              allocateResult(op), point.getRows()});
  return success();
}

LogicalResult EntryLowering::lower(ResidualAddOp op) {
  Value lhs = memory.lookup(op.getLhs()), rhs = memory.lookup(op.getRhs());
  point.call(getAddKernel(library, getFeatures(op.getType()), isPrefill),
             {lhs, rhs, allocateResult(op), point.getRows()});
  return success();
}

LogicalResult EntryLowering::lower(NormOp op) {
  FlatSymbolRefAttr bias = op.getBiasAttr();
  SmallVector<Value> arguments{memory.lookup(op.getInput()),
                               getWeight(op.getScaleAttr())};
  if (bias)
    arguments.push_back(getWeight(bias));
  arguments.append({allocateResult(op), point.getRows()});
  point.call(getNormKernel(library, op.getKind(), getFeatures(op.getType()),
                           bias != nullptr, op.getEpsilon(), isPrefill),
             arguments);
  return success();
}

LogicalResult EntryLowering::lower(KVAppendOp op) {
  KVCacheType cache = op.getCache().getType();
  point.call(getKVAppendKernel(library, cache, isPrefill),
             {memory.lookup(op.getKey()), memory.lookup(op.getValue()),
              getCache(Field::keys, op.getCache()),
              getCache(Field::values, op.getCache()), point.get(Field::past),
              point.get(Field::tokens), point.getRows()});
  cacheNumbers[op.getResult()] = cacheNumbers.lookup(op.getCache());
  return success();
}

LogicalResult EntryLowering::lower(AttentionOp op) {
  if (op.getStarts() != function.getArgument(2))
    return op.emitOpError() << "expected the starts of the function";
  KernelBuilder &b = point.getBuilder();
  KVCacheType cache = op.getCache().getType();
  Value starts = point.getArray(
      Field::starts, MemRefType::get({ShapedType::kDynamic}, b.getI64Type()),
      point.get(Field::batch));
  MemRefType scratchType = getAttentionScratchType(library, cache);
  Value scratch = allocateBytes(scratchType.getDimSize(1) *
                                    scratchType.getDimSize(2) * sizeof(float),
                                scratchType, point.getRows(), op, Value());
  Value query = memory.lookup(op.getQuery());
  point.call(getAttentionKernel(library, cache, getFeatures(op.getType(0)),
                                op.getScale(), op.getMaskedRows()),
             {query, getCache(Field::keys, op.getCache()),
              getCache(Field::values, op.getCache()), starts, scratch,
              allocateResult(op.getResult()), point.get(Field::past),
              point.get(Field::tokens), point.getRows()});
  cacheNumbers[op.getNewCache()] = cacheNumbers.lookup(op.getCache());
  return success();
}

LogicalResult EntryLowering::lower(SelectOp op) {
  MLIRContext *context = module.getContext();
  int64_t extent = op.getType().getExtent();
  Type i32 = IntegerType::get(context, 32);
  ActiveSet &set = activeSets[op.getResult()];
  set.indices =
      allocateBytes(extent * sizeof(int32_t),
                    MemRefType::get({ShapedType::kDynamic, extent}, i32),
                    point.getRows(), op, op.getResult());
  set.counts = allocateBytes(sizeof(int32_t),
                             MemRefType::get({ShapedType::kDynamic}, i32),
                             point.getRows(), op, op.getResult());
  point.call(getSelectKernel(library, extent),
             {memory.lookup(op.getScores()), set.indices, set.counts,
              point.getRows()});
  point.countActive(numSelects++, set.counts);
  return success();
}

LogicalResult EntryLowering::lower(func::ReturnOp op) {
  if (op.getNumOperands() == 0 || !op.getOperand(0).getDefiningOp<LMHeadOp>())
    return op.emitOpError()
           << "expected the result of a dejavu.lm_head as first operand";
  for (auto [index, operand] : llvm::enumerate(op.getOperands().drop_front()))
    if (!isa<KVCacheType>(operand.getType()) ||
        cacheNumbers.lookup(operand) != static_cast<int64_t>(index))
      return op.emitOpError() << "expected the caches in their order after "
                                 "the logits, found operand "
                              << index + 1 << " of type " << operand.getType();
  point.finish();
  return success();
}

LogicalResult EntryLowering::lower(Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<EmbedOp, ResidualAddOp, NormOp, LinearOp, LMHeadOp, FFNOp,
            KVAppendOp, AttentionOp, SelectOp, SparseLinearOp, func::ReturnOp>(
          [&](auto op) { return lower(op); })
      .Default([](Operation *op) {
        return op->emitOpError() << "has no lowering for the CPU";
      });
}

LogicalResult EntryLowering::run() {
  if (failed(checkArguments()))
    return failure();
  findLastUses();
  for (auto [number, site] : llvm::enumerate(findTapSites(function)))
    sites[site.value] = number;
  if (isPrefill)
    for (auto weight : module.getOps<WeightOp>())
      if (weight.getTensorType().getRank() == 2)
        if (MemRefType type = getGemmScratchType(weight.getTensorType()))
          bytesFixed = std::max<int64_t>(bytesFixed, type.getNumElements() * 4);
  bytesFixed = llvm::alignTo(bytesFixed, kAlignment);

  KernelBuilder &b = point.getBuilder();
  for (Operation &op : function.getBody().front()) {
    b.setLoc(op.getLoc());
    if (failed(lower(&op)))
      return failure();
    for (Value result : op.getResults()) {
      auto site = sites.find(result);
      if (site == sites.end())
        continue;
      Value rows = point.getRows();
      if (isa<LMHeadOp>(op))
        rows = memref::DimOp::create(b, memory.lookup(result), int64_t(0));
      point.tap(site->second, memory.lookup(result), rows);
    }
    releaseOperands(&op);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// The manifest's `taps`.
static Attribute getTapsAttr(Builder &b, ArrayRef<TapSite> sites) {
  SmallVector<Attribute> taps;
  for (auto [number, site] : llvm::enumerate(sites))
    taps.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("site", b.getI64IntegerAttr(number)),
         b.getNamedAttr("layer", b.getI64IntegerAttr(site.layer)),
         b.getNamedAttr("op", b.getStringAttr(site.op)),
         b.getNamedAttr("name", b.getStringAttr(site.name)),
         b.getNamedAttr("width", b.getI64IntegerAttr(site.width))}));
  return b.getArrayAttr(taps);
}

/// Erases the weights that no op uses, and numbers the others.
static llvm::DenseMap<StringAttr, int64_t> numberWeights(ModuleOp module) {
  llvm::DenseSet<StringAttr> used;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](Operation *op) {
      for (NamedAttribute attribute : op->getAttrs())
        if (auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute.getValue()))
          used.insert(symbol.getAttr());
    });
  llvm::DenseMap<StringAttr, int64_t> numbers;
  for (auto weight : llvm::make_early_inc_range(module.getOps<WeightOp>())) {
    if (used.contains(weight.getSymNameAttr()))
      numbers.try_emplace(weight.getSymNameAttr(), numbers.size());
    else
      weight.erase();
  }
  return numbers;
}

/// Checks that the kernels can read what is left of the weights.
static LogicalResult checkWeights(ModuleOp module) {
  for (auto weight : module.getOps<WeightOp>()) {
    RankedTensorType type = weight.getTensorType();
    Type element = type.getElementType();
    bool isKnown =
        type.getRank() == 1
            ? element.isF32()
            : type.getRank() == 2 &&
                  (element.isF32() || element.isF16() || element.isBF16());
    if (!isKnown)
      return weight.emitOpError() << "expected a vector of f32 or a matrix of "
                                     "f32, f16 or bf16, found "
                                  << type;
  }
  return success();
}

namespace {
struct ConvertDejavuToCPU
    : dejavu::impl::ConvertDejavuToCPUPassBase<ConvertDejavuToCPU> {
  using ConvertDejavuToCPUPassBase::ConvertDejavuToCPUPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (lanes != 4 && lanes != 8 && lanes != 16) {
      module.emitError() << "expected lanes to be 4, 8 or 16, found "
                         << lanes.getValue();
      return signalPassFailure();
    }
    auto prefill = module.lookupSymbol<func::FuncOp>("prefill");
    auto decode = module.lookupSymbol<func::FuncOp>("decode");
    if (!prefill || !decode) {
      module.emitError() << "expected the entry points @prefill and @decode";
      return signalPassFailure();
    }
    auto numbers = numberWeights(module);
    if (failed(checkWeights(module)))
      return signalPassFailure();
    FailureOr<ModelSummary> summary = ModelSummary::get(module);
    if (failed(summary))
      return signalPassFailure();

    std::vector<TapSite> taps = findTapSites(decode);
    if (taps.size() != findTapSites(prefill).size()) {
      prefill.emitError()
          << "expected the tap sites of @decode, of which there are "
          << static_cast<int64_t>(taps.size()) << ", found "
          << static_cast<int64_t>(findTapSites(prefill).size());
      return signalPassFailure();
    }
    Builder b(&getContext());
    NamedAttrList manifest(getManifestAttr(&getContext(), *summary));
    manifest.set("taps", getTapsAttr(b, taps));

    KernelLibrary library(module, CPUTarget{lanes});
    SmallVector<NamedAttribute> workspace;
    for (func::FuncOp function : {prefill, decode}) {
      auto entry = function == prefill ? Entry::prefill : Entry::decode;
      EntryLowering lowering(module, function, entry, library, numbers);
      if (failed(lowering.run()))
        return signalPassFailure();
      workspace.push_back(b.getNamedAttr(
          stringifyEntry(entry),
          b.getDictionaryAttr(
              {b.getNamedAttr("bytes_per_row",
                              b.getI64IntegerAttr(lowering.getBytesPerRow())),
               b.getNamedAttr("bytes_fixed", b.getI64IntegerAttr(
                                                 lowering.getBytesFixed()))})));
    }
    manifest.set("workspace", b.getDictionaryAttr(workspace));
    module->setAttr(kManifestAttrName, manifest.getDictionary(&getContext()));
    prefill.erase();
    decode.erase();
    internalizeKernels(module);
  }
};
} // namespace
