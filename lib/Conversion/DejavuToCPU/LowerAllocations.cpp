//===- LowerAllocations.cpp - memory from the runtime ---------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generated code allocates where sizes are known only when it runs. All such
// memory is the runtime's: it knows what is left when a call fails, and it
// frees the outputs.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/DejavuToCPU/Passes.h"

#include "MemRefs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_LOWERALLOCATIONSPASS
#include "dejavu/Conversion/DejavuToCPU/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// What dejavu_rt_alloc promises.
static constexpr uint64_t kAlignment = 64;

namespace {
struct LowerAllocations
    : dejavu::impl::LowerAllocationsPassBase<LowerAllocations> {
  void runOnOperation() override {
    WalkResult walk = getOperation()->walk([&](Operation *op) {
      if (auto alloc = dyn_cast<memref::AllocOp>(op))
        return WalkResult(lower(alloc));
      if (auto dealloc = dyn_cast<memref::DeallocOp>(op))
        lower(dealloc);
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      signalPassFailure();
  }

private:
  func::FuncOp declare(StringRef name, Type argument, TypeRange results) {
    if (auto known = getOperation().lookupSymbol<func::FuncOp>(name))
      return known;
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    auto function =
        func::FuncOp::create(builder, getOperation().getLoc(), name,
                             builder.getFunctionType(argument, results));
    function.setPrivate();
    return function;
  }

  LogicalResult lower(memref::AllocOp op);
  void lower(memref::DeallocOp op);
};
} // namespace

LogicalResult LowerAllocations::lower(memref::AllocOp op) {
  MemRefType type = op.getType();
  if (!type.getLayout().isIdentity() || type.getMemorySpace() ||
      op.getAlignment().value_or(1) > kAlignment)
    return op.emitOpError() << "expected a buffer without layout and memory "
                               "space, aligned to at most "
                            << kAlignment << " bytes, found " << type;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  int64_t fixed = type.getElementType().isIndex()
                      ? sizeof(int64_t)
                      : llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t size : type.getShape())
    if (!ShapedType::isDynamic(size))
      fixed *= size;
  Value bytes = arith::ConstantIndexOp::create(b, fixed);
  for (Value size : op.getDynamicSizes())
    bytes = arith::MulIOp::create(b, bytes, size);
  bytes = arith::IndexCastOp::create(b, b.getI64Type(), bytes);
  auto call =
      func::CallOp::create(b,
                           declare("dejavu_rt_alloc", b.getI64Type(),
                                   LLVM::LLVMPointerType::get(&getContext())),
                           bytes);
  op.replaceAllUsesWith(
      cpu::makeMemRef(b, call.getResult(0), type, op.getDynamicSizes()));
  op.erase();
  return success();
}

void LowerAllocations::lower(memref::DeallocOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value address = cpu::getAddress(b, op.getMemref());
  func::CallOp::create(b, declare("dejavu_rt_free", address.getType(), {}),
                       address);
  op.erase();
}
