//===- HostEntry.cpp - the host code of an entry point ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostEntry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dejavu::cuda;

static constexpr llvm::StringLiteral kLaunch = "dejavu_rt_launch",
                                     kMultiply = "dejavu_rt_matmul",
                                     kHasLibrary = "dejavu_rt_has_matmul";

HostEntry::HostEntry(ModuleOp module, const DeviceLibrary &library,
                     StringRef name, Location location)
    : module(module), library(library), builder(location, module.getContext()) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i32 = builder.getI32Type();
  builder.setInsertionPointToEnd(module.getBody());
  auto function = func::FuncOp::create(builder, name,
                                       builder.getFunctionType(pointer, i32));
  step = function.addEntryBlock()->getArgument(0);
  builder.setInsertionPointToStart(&function.getBody().front());
  // Zero as long as all launches succeed. In memory, since launches may be in
  // branches.
  status = allocate(1);
  LLVM::StoreOp::create(
      builder, arith::ConstantOp::create(builder, builder.getI32IntegerAttr(0)),
      status);
  rows = mul(getNumber(Field::batch), getNumber(Field::tokens));
}

Value HostEntry::allocate(int64_t count) {
  OpBuilder::InsertionGuard guard(builder);
  auto function =
      builder.getInsertionBlock()->getParent()->getParentOfType<func::FuncOp>();
  if (!function)
    function = cast<func::FuncOp>(builder.getInsertionBlock()->getParentOp());
  builder.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AllocaOp::create(
      builder, LLVM::LLVMPointerType::get(builder.getContext()),
      builder.getI64Type(), number(count));
}

Value HostEntry::number(int64_t value) {
  return arith::ConstantOp::create(builder, builder.getI64IntegerAttr(value));
}

static Value getElement(ImplicitLocOpBuilder &b, Value base, int64_t index) {
  return LLVM::GEPOp::create(
      b, base.getType(), b.getI64Type(), base,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
}

Value HostEntry::getNumber(Field field) {
  return LLVM::LoadOp::create(
      builder, builder.getI64Type(),
      getElement(builder, step, static_cast<int64_t>(field)));
}

Value HostEntry::getPointer(Field field) {
  return LLVM::LoadOp::create(
      builder, step.getType(),
      getElement(builder, step, static_cast<int64_t>(field)));
}

Value HostEntry::getTablePointer(Field field, int64_t index) {
  return LLVM::LoadOp::create(builder, step.getType(),
                              getElement(builder, getPointer(field), index));
}

Value HostEntry::getAddress(Value pointer, Value count, int64_t bytes) {
  Value offset = mul(count, number(bytes));
  return LLVM::GEPOp::create(builder, pointer.getType(), builder.getI8Type(),
                             pointer, ArrayRef<LLVM::GEPArg>{offset});
}

Value HostEntry::getWorkspace(int64_t perRow) {
  return getAddress(getPointer(Field::workspace), rows, perRow);
}

Value HostEntry::add(Value lhs, Value rhs) {
  return arith::AddIOp::create(builder, lhs, rhs);
}
Value HostEntry::sub(Value lhs, Value rhs) {
  return arith::SubIOp::create(builder, lhs, rhs);
}
Value HostEntry::mul(Value lhs, Value rhs) {
  return arith::MulIOp::create(builder, lhs, rhs);
}
Value HostEntry::ceilDiv(Value lhs, int64_t rhs) {
  return arith::DivUIOp::create(builder, add(lhs, number(rhs - 1)),
                                number(rhs));
}

void HostEntry::launch(Value kernel, ArrayRef<int64_t> kernels,
                       ArrayRef<Value> blocks, ValueRange arguments) {
  Value grid = allocate(3);
  for (int64_t i = 0; i < 3; ++i)
    LLVM::StoreOp::create(builder,
                          i < static_cast<int64_t>(blocks.size()) ? blocks[i]
                                                                  : number(1),
                          getElement(builder, grid, i));
  auto count = static_cast<int64_t>(arguments.size());
  Value values = allocate(count), pointers = allocate(count);
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    Value place = getElement(builder, values, i);
    LLVM::StoreOp::create(builder, argument, place);
    LLVM::StoreOp::create(builder, place, getElement(builder, pointers, i));
  }
  Value failed = callRuntime(
      kLaunch, {getPointer(Field::session), kernel, grid, pointers});
  auto names = llvm::map_to_vector(kernels, [&](int64_t each) -> Attribute {
    return builder.getStringAttr(library.getName(each));
  });
  failed.getDefiningOp()->setAttr(
      kKernelAttr,
      names.size() == 1 ? names.front() : builder.getArrayAttr(names));
  noteStatus(failed);
}

Value HostEntry::callRuntime(StringRef name, ValueRange arguments) {
  Type i32 = builder.getI32Type();
  if (!module.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(builder);
    // Before the function that calls it, which is the last.
    builder.setInsertionPoint(&module.getBody()->back());
    func::FuncOp::create(builder, name,
                         builder.getFunctionType(arguments.getTypes(), i32))
        .setPrivate();
  }
  return func::CallOp::create(builder, name, i32, arguments).getResult(0);
}

void HostEntry::noteStatus(Value failed) {
  Value before = LLVM::LoadOp::create(builder, builder.getI32Type(), status);
  LLVM::StoreOp::create(builder, arith::OrIOp::create(builder, before, failed),
                        status);
}

void HostEntry::multiply(const Product &product) {
  Value fields[] = {number(product.type), number(product.isInMajor),
                    product.rows,         number(product.in),
                    number(product.out),  product.weight,
                    product.input,        product.result};
  Value values = allocate(std::size(fields));
  for (auto [i, field] : llvm::enumerate(fields))
    LLVM::StoreOp::create(builder, field, getElement(builder, values, i));
  noteStatus(callRuntime(kMultiply, {getPointer(Field::session), values}));
}

Value HostEntry::isMore(Value lhs, int64_t rhs) {
  return arith::CmpIOp::create(builder, arith::CmpIPredicate::sgt, lhs,
                               number(rhs));
}

Value HostEntry::hasLibrary(int64_t count) {
  Type i1 = builder.getI1Type();
  auto branch = scf::IfOp::create(builder, i1, isMore(rows, count),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  auto zero = [&](Type type) {
    return arith::ConstantOp::create(builder, builder.getIntegerAttr(type, 0));
  };
  Value answer = callRuntime(kHasLibrary, getPointer(Field::session));
  Value isThere = arith::CmpIOp::create(builder, arith::CmpIPredicate::ne,
                                        answer, zero(builder.getI32Type()));
  scf::YieldOp::create(builder, isThere);
  builder.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(builder, zero(i1).getResult());
  return branch.getResult(0);
}

void HostEntry::launchRows(ArrayRef<Variant> variants, Value count, Value y,
                           ValueRange arguments) {
  const Variant &last = variants.back();
  Value kernel = number(last.kernel), x = number(last.blocks);
  Value rowBlocks = ceilDiv(count, last.rows);
  for (const Variant &variant : llvm::reverse(variants.drop_back())) {
    Value fits = arith::CmpIOp::create(builder, arith::CmpIPredicate::sle,
                                       count, number(variant.rows));
    auto choose = [&](int64_t value, Value other) -> Value {
      return arith::SelectOp::create(builder, fits, number(value), other);
    };
    kernel = choose(variant.kernel, kernel);
    x = choose(variant.blocks, x);
    rowBlocks = choose(1, rowBlocks);
  }
  auto kernels = llvm::map_to_vector(
      variants, [](const Variant &variant) { return variant.kernel; });
  if (y)
    launch(kernel, kernels, {x, y, rowBlocks}, arguments);
  else
    launch(kernel, kernels, {x, rowBlocks}, arguments);
}

void HostEntry::when(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(builder, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  body();
}

void HostEntry::choose(Value condition, llvm::function_ref<void()> yes,
                       llvm::function_ref<void()> no) {
  auto branch = scf::IfOp::create(builder, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  yes();
  builder.setInsertionPointToStart(branch.elseBlock());
  no();
}

Value HostEntry::isNotNull(Value pointer) {
  Value null = LLVM::ZeroOp::create(builder, pointer.getType());
  return LLVM::ICmpOp::create(builder, LLVM::ICmpPredicate::ne, pointer, null);
}

Value HostEntry::ifNotNull(Value pointer, Value other) {
  Value null = LLVM::ZeroOp::create(builder, pointer.getType());
  return LLVM::SelectOp::create(builder, isNotNull(pointer), other, null);
}

void HostEntry::finish() {
  Value result = LLVM::LoadOp::create(builder, builder.getI32Type(), status);
  func::ReturnOp::create(builder, result);
}
