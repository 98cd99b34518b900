//===- EntryPoint.cpp - from the ABI's structs to buffers -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryPoint.h"
#include "MemRefs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

/// The fields of a struct of the ABI, in their order.
static ArrayRef<Field> getFields(Entry entry) {
  static constexpr Field kStep[] = {
      Field::batch,      Field::tokens,   Field::past,    Field::capacity,
      Field::logitsFrom, Field::taps,     Field::flush,   Field::ids,
      Field::positions,  Field::starts,   Field::keys,    Field::values,
      Field::kept,       Field::complete, Field::weights, Field::logits,
      Field::workspace,  Field::session};
  static constexpr Field kCall[] = {Field::inputs, Field::outputs,
                                    Field::weights, Field::session};
  if (entry == Entry::forward)
    return kCall;
  return kStep;
}

/// Whether a field is a number.
static bool isNumber(Field field) { return field <= Field::flush; }

/// Words of a dejavu_tensor: the pointer and the dimensions.
static constexpr int64_t kTensorWords = 1 + kMaxRank;

static func::FuncOp makeFunction(ModuleOp module, StringRef name,
                                 TypeRange arguments, TypeRange results,
                                 Location location) {
  OpBuilder builder(module.getContext());
  builder.setInsertionPointToEnd(module.getBody());
  auto function = func::FuncOp::create(
      builder, location, name, builder.getFunctionType(arguments, results));
  function.addEntryBlock();
  return function;
}

EntryPoint::EntryPoint(KernelLibrary &library, ModuleOp module, Entry entry,
                       Sharing sharing, Location location)
    : library(library),
      builder(location, OpBuilder(module.getContext()), library.getTarget()) {
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  func::FuncOp function =
      makeFunction(module, ("dejavu_" + stringifyEntry(entry)).str(), pointer,
                   builder.getI32Type(), location);
  builder.setInsertionPointToStart(&function.getBody().front());
  Value step = function.getArgument(0);
  if (sharing == Sharing::step)
    step = makeTeamFunction(module, function);
  fields.resize(static_cast<size_t>(Field::outputs) + 1);
  for (auto [place, field] : llvm::enumerate(getFields(entry))) {
    Value value =
        load(step, place, isNumber(field) ? builder.getI64Type() : pointer);
    if (isNumber(field))
      value =
          arith::IndexCastOp::create(builder, builder.getIndexType(), value);
    fields[static_cast<int>(field)] = value;
  }
  if (entry != Entry::forward)
    rows =
        arith::MulIOp::create(builder, get(Field::batch), get(Field::tokens));
  status = makeI32(0);
}

Value EntryPoint::makeI32(int64_t value) {
  return arith::ConstantOp::create(builder, builder.getI32IntegerAttr(value));
}

Value EntryPoint::get(Field field) {
  assert(isNumber(field) && "not a number");
  return fields[static_cast<int>(field)];
}

/// The address of element `index` of an array of eight-byte elements.
Value EntryPoint::getElementAddress(Value base, int64_t index) {
  return LLVM::GEPOp::create(
      builder, base.getType(), builder.getI64Type(), base,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
}

/// Element `index` of the array of eight-byte elements at `base`.
Value EntryPoint::load(Value base, int64_t index, Type type) {
  return LLVM::LoadOp::create(builder, type, getElementAddress(base, index));
}

Value EntryPoint::getArray(Field field, MemRefType type, ValueRange sizes) {
  return makeMemRef(builder, getPointer(field), type, sizes);
}

Value EntryPoint::getTableArray(Field field, int64_t index, MemRefType type,
                                ValueRange sizes) {
  Value table = getPointer(field);
  return makeMemRef(builder, load(table, index, table.getType()), type, sizes);
}

Value EntryPoint::getWorkspace(int64_t fixed, int64_t perRow, MemRefType type,
                               ValueRange sizes) {
  Value base = getPointer(Field::workspace);
  Value offset = arith::MulIOp::create(builder, rows, builder.index(perRow));
  offset = builder.offset(offset, fixed);
  offset = arith::IndexCastOp::create(builder, builder.getI64Type(), offset);
  Value pointer =
      LLVM::GEPOp::create(builder, base.getType(), builder.getI8Type(), base,
                          ArrayRef<LLVM::GEPArg>{offset});
  return makeMemRef(builder, pointer, type, sizes);
}

Value EntryPoint::getInput(int64_t index, MemRefType type) {
  Value inputs = getPointer(Field::inputs);
  int64_t first = index * kTensorWords;
  SmallVector<Value> sizes;
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    if (ShapedType::isDynamic(size))
      sizes.push_back(arith::IndexCastOp::create(
          builder, builder.getIndexType(),
          load(inputs, first + 1 + dim, builder.getI64Type())));
  return makeMemRef(builder, load(inputs, first, inputs.getType()), type,
                    sizes);
}

void EntryPoint::setOutput(int64_t index, Value memref) {
  Value outputs = getPointer(Field::outputs);
  int64_t first = index * kTensorWords;
  LLVM::StoreOp::create(builder, getAddress(builder, memref),
                        getElementAddress(outputs, first));
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  for (int64_t dim = 0; dim < rank; ++dim) {
    Value size = memref::DimOp::create(builder, memref, dim);
    size = arith::IndexCastOp::create(builder, builder.getI64Type(), size);
    LLVM::StoreOp::create(builder, size,
                          getElementAddress(outputs, first + 1 + dim));
  }
}

void EntryPoint::require(Value condition) {
  assert(!team.threads && "a shared step cannot fail");
  Value now =
      arith::SelectOp::create(builder, condition, makeI32(0), makeI32(1));
  status = arith::OrIOp::create(builder, status, now);
}

void EntryPoint::callChecked(func::FuncOp kernel, ValueRange arguments) {
  assert(!team.threads && "a shared step cannot fail");
  Value now = func::CallOp::create(builder, kernel, arguments).getResult(0);
  status = arith::OrIOp::create(builder, status, now);
}

void EntryPoint::loopChecked(Value count,
                             llvm::function_ref<void(Value)> body) {
  Value before = status;
  status = builder
               .fold(builder.index(0), count, 1, before,
                     [&](Value iteration, ValueRange carried) {
                       status = carried.front();
                       body(iteration);
                       return SmallVector<Value>{status};
                     })
               .front();
}

void EntryPoint::countActive(int64_t counter, Value counts, Value indices) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  func::FuncOp callee = library.declare(
      "dejavu_rt_count_active", {pointer, i64, pointer, pointer, i64}, {});
  Value number =
      arith::ConstantOp::create(builder, builder.getI64IntegerAttr(counter));
  Value count = arith::IndexCastOp::create(builder, i64, rows);
  Value list = indices ? getAddress(builder, indices)
                       : LLVM::ZeroOp::create(builder, pointer).getResult();
  call(callee, {getPointer(Field::session), number, getAddress(builder, counts),
                list, count});
}

void EntryPoint::tap(int64_t site, Value values, Value rows, int64_t bits) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  func::FuncOp callee =
      library.declare("dejavu_rt_tap", {pointer, i64, pointer, i64, i64}, {});
  int64_t width = cast<MemRefType>(values.getType()).getShape().back();
  Value wanted =
      arith::AndIOp::create(builder, get(Field::taps), builder.index(bits));
  Value watched = arith::CmpIOp::create(builder, arith::CmpIPredicate::ne,
                                        wanted, builder.index(0));
  if (serial)
    watched = arith::AndIOp::create(builder, watched, serial);
  auto branch = scf::IfOp::create(builder, watched, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  // Only who is watched meets for it.
  Value main;
  if (team.threads && !serial) {
    main = gather();
    auto alone = scf::IfOp::create(builder, main, /*withElseRegion=*/false);
    builder.setInsertionPointToStart(alone.thenBlock());
  }
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(builder, builder.getI64IntegerAttr(value));
  };
  Value count = arith::IndexCastOp::create(builder, i64, rows);
  func::CallOp::create(builder, callee,
                       ValueRange{getPointer(Field::session), number(site),
                                  getAddress(builder, values), count,
                                  number(width)});
  if (main) {
    builder.setInsertionPoint(branch.thenBlock()->getTerminator());
    release(main);
  }
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

/// Calls `body` with the number of this thread and how many there are, in a
/// region that all threads run.
static void makeParallel(KernelBuilder &b, KernelLibrary &library,
                         llvm::function_ref<void(const Team &)> body) {
  auto parallel = omp::ParallelOp::create(b, b.getLoc());
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&parallel.getRegion());
  auto ask = [&](StringRef name) -> Value {
    func::FuncOp callee = library.declare(name, {}, b.getI32Type());
    Value number = func::CallOp::create(b, callee, ValueRange()).getResult(0);
    return arith::IndexCastOp::create(b, b.getIndexType(), number);
  };
  Value thread = ask("omp_get_thread_num");
  body({thread, ask("omp_get_num_threads")});
  omp::TerminatorOp::create(b, b.getLoc());
}

Value EntryPoint::makeTeamFunction(ModuleOp module, func::FuncOp outer) {
  Value step = outer.getArgument(0);
  Type index = builder.getIndexType();
  func::FuncOp function =
      makeFunction(module, (outer.getName() + "_team").str(),
                   {step.getType(), index, index}, {}, outer.getLoc());
  function.setPrivate();
  makeParallel(builder, library, [&](const Team &team) {
    func::CallOp::create(builder, function,
                         ValueRange{step, team.thread, team.threads});
  });
  func::ReturnOp::create(builder, makeI32(0));

  builder.setInsertionPointToStart(&function.getBody().front());
  team = {function.getArgument(1), function.getArgument(2)};
  func::FuncOp callee = library.declare("__kmpc_global_thread_num",
                                        step.getType(), builder.getI32Type());
  Value location = LLVM::ZeroOp::create(builder, step.getType());
  globalThread = func::CallOp::create(builder, callee, location).getResult(0);
  return function.getArgument(0);
}

Value EntryPoint::gather() {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i32 = builder.getI32Type();
  func::FuncOp callee =
      library.declare("__kmpc_barrier_master", {pointer, i32}, i32);
  Value location = LLVM::ZeroOp::create(builder, pointer);
  Value main =
      func::CallOp::create(builder, callee, ValueRange{location, globalThread})
          .getResult(0);
  return arith::CmpIOp::create(builder, arith::CmpIPredicate::ne, main,
                               makeI32(0));
}

void EntryPoint::release(Value main) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  func::FuncOp callee = library.declare("__kmpc_end_barrier_master",
                                        {pointer, builder.getI32Type()}, {});
  auto branch = scf::IfOp::create(builder, main, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  Value location = LLVM::ZeroOp::create(builder, pointer);
  func::CallOp::create(builder, callee, ValueRange{location, globalThread});
}

void EntryPoint::call(func::FuncOp kernel, ValueRange arguments) {
  if (!team.threads) {
    func::CallOp::create(builder, kernel, arguments);
    return;
  }
  if (!serial)
    serial = gather();
  running = {};
  auto branch = scf::IfOp::create(builder, serial, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  func::CallOp::create(builder, kernel, arguments);
}

void EntryPoint::share(func::FuncOp kernel, ValueRange arguments, bool worth,
                       func::FuncOp own) {
  SmallVector<Value> all(arguments);
  auto callAs = [&](const Team &as) {
    all.append({as.thread, as.threads});
    func::CallOp::create(builder, kernel, all);
  };
  if (!worth) {
    all.append({builder.index(0), builder.index(1)});
    return call(kernel, all);
  }
  if (!team.threads)
    return makeParallel(builder, library, callAs);
  leaveSerial();
  if (running && running != own)
    omp::BarrierOp::create(builder);
  running = kernel;
  callAs(team);
}

void EntryPoint::leaveSerial() {
  if (serial)
    release(serial);
  serial = {};
}

void EntryPoint::finish() {
  if (!team.threads) {
    func::ReturnOp::create(builder, status);
    return;
  }
  leaveSerial();
  func::ReturnOp::create(builder);
}

void cpu::internalizeKernels(ModuleOp module) {
  auto internal =
      LLVM::LinkageAttr::get(module.getContext(), LLVM::Linkage::Internal);
  // Inlined, a kernel would not be shared.
  Builder builder(module.getContext());
  Attribute shared = builder.getStrArrayAttr({"noinline"});
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPrivate() || function.isDeclaration())
      continue;
    function->setAttr("llvm.linkage", internal);
    function->setAttr("passthrough", shared);
  }
}
