//===- EntryPoint.cpp - from dejavu_step to buffers -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryPoint.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

static constexpr int kNumFields = static_cast<int>(Field::session) + 1;
static constexpr int kFirstPointer = static_cast<int>(Field::ids);

static func::FuncOp makeFunction(ModuleOp module, StringRef name,
                                 Location location) {
  OpBuilder builder(module.getContext());
  builder.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  auto function = func::FuncOp::create(
      builder, location, name,
      builder.getFunctionType(pointer, builder.getI32Type()));
  function.addEntryBlock();
  return function;
}

EntryPoint::EntryPoint(KernelLibrary &library, ModuleOp module, StringRef name,
                       Location location)
    : library(library),
      builder(location, OpBuilder(module.getContext()), library.getTarget()) {
  func::FuncOp function = makeFunction(module, name, location);
  builder.setInsertionPointToStart(&function.getBody().front());
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  for (int i = 0; i < kNumFields; ++i) {
    bool isPointer = i >= kFirstPointer;
    Value field = load(function.getArgument(0), i,
                       isPointer ? pointer : builder.getI64Type());
    if (!isPointer)
      field =
          arith::IndexCastOp::create(builder, builder.getIndexType(), field);
    fields.push_back(field);
  }
  rows = arith::MulIOp::create(builder, get(Field::batch), get(Field::tokens));
  status = arith::ConstantOp::create(builder, builder.getI32IntegerAttr(0));
}

Value EntryPoint::get(Field field) {
  assert(static_cast<int>(field) < kFirstPointer && "not a number");
  return fields[static_cast<int>(field)];
}

/// Element `index` of the array of eight-byte elements at `base`.
Value EntryPoint::load(Value base, int64_t index, Type type) {
  Value address =
      LLVM::GEPOp::create(builder, base.getType(), type, base,
                          ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
  return LLVM::LoadOp::create(builder, type, address);
}

/// A memref of `type` without an offset at `pointer`. A descriptor of rank 0 is
/// made by hand; memref.reinterpret_cast gives it the shape.
Value EntryPoint::makeMemRef(Value pointer, MemRefType type, ValueRange sizes) {
  auto scalar = MemRefType::get({}, type.getElementType());
  auto descriptor = LLVM::LLVMStructType::getLiteral(
      builder.getContext(),
      {pointer.getType(), pointer.getType(), builder.getI64Type()});
  Value parts = LLVM::UndefOp::create(builder, descriptor);
  Value zero = LLVM::ConstantOp::create(builder, builder.getI64Type(),
                                        builder.getI64IntegerAttr(0));
  parts = LLVM::InsertValueOp::create(builder, parts, pointer,
                                      ArrayRef<int64_t>{0});
  parts = LLVM::InsertValueOp::create(builder, parts, pointer,
                                      ArrayRef<int64_t>{1});
  parts =
      LLVM::InsertValueOp::create(builder, parts, zero, ArrayRef<int64_t>{2});
  Value base =
      UnrealizedConversionCastOp::create(builder, scalar, parts).getResult(0);

  SmallVector<OpFoldResult> shape, strides(type.getRank());
  for (int64_t size : type.getShape()) {
    if (ShapedType::isDynamic(size)) {
      shape.push_back(sizes.front());
      sizes = sizes.drop_front();
    } else {
      shape.push_back(builder.getIndexAttr(size));
    }
  }
  OpFoldResult stride = builder.getIndexAttr(1);
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    strides[dim] = stride;
    auto known = dyn_cast<Attribute>(stride);
    auto size = dyn_cast<Attribute>(shape[dim]);
    if (known && size) {
      stride = builder.getIndexAttr(cast<IntegerAttr>(known).getInt() *
                                    cast<IntegerAttr>(size).getInt());
      continue;
    }
    auto value = [&](OpFoldResult each) -> Value {
      if (auto attribute = dyn_cast<Attribute>(each))
        return builder.index(cast<IntegerAttr>(attribute).getInt());
      return cast<Value>(each);
    };
    stride = OpFoldResult(
        arith::MulIOp::create(builder, value(stride), value(shape[dim]))
            .getResult());
  }
  return memref::ReinterpretCastOp::create(
      builder, type, base, OpFoldResult(builder.getIndexAttr(0)), shape,
      strides);
}

Value EntryPoint::getArray(Field field, MemRefType type, ValueRange sizes) {
  return makeMemRef(getPointer(field), type, sizes);
}

Value EntryPoint::getTableArray(Field field, int64_t index, MemRefType type,
                                ValueRange sizes) {
  Value table = getPointer(field);
  return makeMemRef(load(table, index, table.getType()), type, sizes);
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
  return makeMemRef(pointer, type, sizes);
}

void EntryPoint::call(func::FuncOp kernel, ValueRange arguments) {
  func::CallOp::create(builder, kernel, arguments);
}

void EntryPoint::callChecked(func::FuncOp kernel, ValueRange arguments) {
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

Value EntryPoint::getAddress(Value memref) {
  Value address =
      memref::ExtractAlignedPointerAsIndexOp::create(builder, memref);
  address = arith::IndexCastOp::create(builder, builder.getI64Type(), address);
  return LLVM::IntToPtrOp::create(
      builder, LLVM::LLVMPointerType::get(builder.getContext()), address);
}

void EntryPoint::countActive(int64_t select, Value counts) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  func::FuncOp callee = library.declare("dejavu_rt_count_active",
                                        {pointer, i64, pointer, i64}, {});
  Value number =
      arith::ConstantOp::create(builder, builder.getI64IntegerAttr(select));
  Value count = arith::IndexCastOp::create(builder, i64, rows);
  call(callee, {getPointer(Field::session), number, getAddress(counts), count});
}

void EntryPoint::tap(int64_t site, Value values, Value rows) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  func::FuncOp callee =
      library.declare("dejavu_rt_tap", {pointer, i64, pointer, i64, i64}, {});
  int64_t width = cast<MemRefType>(values.getType()).getShape().back();
  Value watched = arith::CmpIOp::create(builder, arith::CmpIPredicate::ne,
                                        get(Field::taps), builder.index(0));
  auto branch = scf::IfOp::create(builder, watched, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(builder, builder.getI64IntegerAttr(value));
  };
  Value count = arith::IndexCastOp::create(builder, i64, rows);
  call(callee, {getPointer(Field::session), number(site), getAddress(values),
                count, number(width)});
}

void EntryPoint::finish() { func::ReturnOp::create(builder, status); }

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
