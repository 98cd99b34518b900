//===- AsyncCopies.cpp - bulk copies and their barriers -------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AsyncCopies.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

/// The address space of shared memory of all blocks of a cluster.
static constexpr unsigned kSharedCluster = 7;

static Value makeInt(DeviceBuilder &b, int64_t value, unsigned bits) {
  return arith::ConstantOp::create(
      b, b.getIntegerAttr(b.getIntegerType(bits), value));
}

static Value toI32(DeviceBuilder &b, Value index) {
  return arith::IndexCastOp::create(b, b.getI32Type(), index);
}

static void call(DeviceBuilder &b, StringRef intrinsic, ValueRange operands) {
  LLVM::CallIntrinsicOp::create(b, b.getStringAttr(intrinsic), operands);
}

static Value call(DeviceBuilder &b, Type type, StringRef intrinsic,
                  ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(intrinsic),
                                       operands)
      .getResults();
}

void cuda::initBarrier(DeviceBuilder &b, Value barrier, int64_t arrivals) {
  call(b, "llvm.nvvm.mbarrier.init.shared",
       {barrier, makeInt(b, arrivals, 32)});
}

void cuda::publishBarriers(DeviceBuilder &b) {
  call(b, "llvm.nvvm.fence.mbarrier_init.release.cluster", {});
  call(b, "llvm.nvvm.fence.proxy.async.shared_cta", {});
}

void cuda::arriveExpecting(DeviceBuilder &b, Value barrier, Value bytes) {
  call(b, b.getI64Type(),
       "llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta",
       {barrier, toI32(b, bytes)});
}

void cuda::arrive(DeviceBuilder &b, Value barrier) {
  call(b, b.getI64Type(), "llvm.nvvm.mbarrier.arrive.scope.cta.space.cta",
       {barrier, makeInt(b, 1, 32)});
}

void cuda::wait(DeviceBuilder &b, Value barrier, Value parity) {
  auto loop = scf::WhileOp::create(b, TypeRange(), ValueRange());
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&loop.getBefore());
  Value done = call(b, b.getI1Type(),
                    "llvm.nvvm.mbarrier.try.wait.parity.scope.cta.space.cta",
                    {barrier, parity});
  Value again = arith::XOrIOp::create(b, done, makeInt(b, 1, 1));
  scf::ConditionOp::create(b, again, ValueRange());
  b.createBlock(&loop.getAfter());
  scf::YieldOp::create(b);
}

void cuda::startCopy(DeviceBuilder &b, Value to, Value from, Value bytes,
                     Value barrier) {
  Value place = LLVM::AddrSpaceCastOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext(), kSharedCluster), to);
  // The policy that createpolicy makes for evict_first of all of it.
  constexpr int64_t kEvictFirst = 0x12f0000000000000;
  call(b, "llvm.nvvm.cp.async.bulk.global.to.shared.cluster",
       {place, barrier, from, toI32(b, bytes), makeInt(b, 0, 16),
        makeInt(b, kEvictFirst, 64), makeInt(b, 0, 1), makeInt(b, 1, 1)});
}

void cuda::finishReads(DeviceBuilder &b) {
  call(b, "llvm.nvvm.fence.proxy.async.shared_cta", {});
}

void cuda::meetWarp(DeviceBuilder &b) {
  call(b, "llvm.nvvm.bar.warp.sync", {makeInt(b, -1, 32)});
}

void cuda::meet(DeviceBuilder &b, int64_t number, int64_t threads) {
  call(b, "llvm.nvvm.barrier.cta.sync.aligned.count",
       {makeInt(b, number, 32), makeInt(b, threads, 32)});
}

void cuda::meetCluster(DeviceBuilder &b) {
  call(b, "llvm.nvvm.barrier.cluster.arrive", {});
  call(b, "llvm.nvvm.barrier.cluster.wait", {});
}

Value cuda::getOfBlock(DeviceBuilder &b, Value shared, int64_t rank) {
  return call(b, LLVM::LLVMPointerType::get(b.getContext(), kSharedCluster),
              "llvm.nvvm.mapa.shared.cluster", {shared, makeInt(b, rank, 32)});
}
