//===- BlockSumKernels.cpp - the sums that a fused MLP left ---------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block sums some columns of the partial rows; each of its warps takes every
// eighth row, and the warps' sums are added in their order. It is small enough
// to stay beside a block of a fused MLP, so that it is there when the MLP ends.
// What the MLP's blocks have counted is added up by a block of its own.
//
//===----------------------------------------------------------------------===//

#include "FusedFFN.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

static constexpr int64_t kWarps = 8;

namespace {
struct BlockSumGenerator {
  DeviceBuilder &b;
  Value rows;  ///< the column of this lane in the first row
  Value count; ///< of rows
  int64_t out;

  Value load(Value pointer) { return b.load(pointer, b.getF32Type()); }

  /// The rows of this warp. Those that a usual GPU leaves are on their way
  /// before it is known how many there are: there is memory for kMaxBlocks.
  Value addRows() {
    const TargetInfo &target = b.getTarget();
    int64_t usual =
        target.multiprocessors / getFFNCluster(out, /*isAtomic=*/false, target);
    int64_t atOnce = llvm::divideCeil(usual, kWarps);
    Type f32 = b.getF32Type();
    Value sum = b.f32(0);
    Value first = b.at(rows, f32, b.mul(b.warp(), out));
    SmallVector<Value> terms;
    for (int64_t i = 0; i + 1 < atOnce; ++i)
      terms.push_back(load(b.at(first, f32, i * kWarps * out)));
    // Of the last, some warps have none: they have loaded that of another.
    Value last = b.add(b.warp(), (atOnce - 1) * kWarps);
    Value isUsual = b.isLess(last, b.index(usual));
    Value place = b.min(last, b.index(usual - 1));
    terms.push_back(load(b.at(rows, f32, b.mul(place, out))));
    for (auto [i, term] : llvm::enumerate(terms)) {
      Value isThere = b.isLess(b.add(b.warp(), i * kWarps), count);
      if (i + 1 == terms.size())
        isThere = arith::AndIOp::create(b, isThere, isUsual);
      sum = b.fadd(sum, b.select(isThere, term, b.f32(0)));
    }
    Value next = b.select(isUsual, b.add(last, kWarps), last);
    return b
        .fold(next, count, b.index(kWarps), sum,
              [&](Value row, ValueRange sum) {
                return SmallVector<Value>{b.fadd(
                    sum.front(), load(b.at(rows, f32, b.mul(row, out))))};
              })
        .front();
  }

  /// The sum of the warps' sums, for the first warp.
  Value addWarps(Value sum) {
    Type f32 = b.getF32Type();
    Value shared = b.getShared();
    b.store(sum, b.at(shared, f32, b.thread()));
    b.barrier();
    Value own = b.at(shared, f32, b.lane()), total = load(own);
    for (int64_t warp = 1; warp < kWarps; ++warp)
      total = b.fadd(total, load(b.at(own, f32, warp * kWarp)));
    return total;
  }
};

/// Adds up the counts that an MLP's blocks left, in a block that is launched
/// for that.
void addCounts(DeviceBuilder &b, Value partial, Value target, int64_t out) {
  constexpr int64_t kLanes = 4;
  int64_t most =
      kMaxBlocks * getFFNCluster(out, /*isAtomic=*/false, b.getTarget());
  Type i32 = b.getI32Type();
  b.when(b.isLess(b.thread(), b.index(kWarp)), [&] {
    // There is memory for the most that can be: all are on their way before it
    // is known how many there are.
    auto type = VectorType::get({kLanes}, i32);
    Value counts = b.at(partial, b.getI8Type(), kPartialCounts);
    SmallVector<Value> places, vectors;
    for (int64_t at = 0; at < most; at += kLanes * kWarp) {
      places.push_back(b.add(b.mul(b.lane(), kLanes), at));
      vectors.push_back(b.load(b.at(counts, i32, places.back()), type, 16));
    }
    Value blocks =
        b.toIndex(b.load(b.at(partial, b.getI64Type(), 1), b.getI64Type(), 8));
    Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
    Value sum = zero;
    for (auto [place, vector] : llvm::zip(places, vectors))
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        Value isThere = b.isLess(b.add(place, lane), blocks);
        Value count = b.select(isThere, b.extract(vector, lane), zero);
        sum = arith::AddIOp::create(b, sum, count);
      }
    sum = b.reduceLanes(sum, kWarp, [&](Value lhs, Value rhs) -> Value {
      return arith::AddIOp::create(b, lhs, rhs);
    });
    b.when(b.isEqual(b.lane(), b.index(0)), [&] { b.store(sum, target); });
  });
}
} // namespace

int64_t cuda::getBlockSumBlocks(int64_t out, bool hasCounts) {
  return llvm::divideCeil(out, kWarp) + hasCounts;
}

int64_t cuda::getBlockSumKernel(DeviceLibrary &library, int64_t out,
                                const Epilogue &epilogue, bool hasCounts) {
  SmallVector<Type> types(2 + epilogue.hasBias + epilogue.hasResidual +
                              hasCounts,
                          library.getPointer());
  return library.get(
      ("block_sum_" + Twine(out) + epilogue.getName() +
       (hasCounts ? "_counts" : ""))
          .str(),
      types,
      KernelShape{.threads = kWarps * kWarp,
                  .sharedBytes = kWarps * kWarp * 4,
                  .waitsItself = true},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value column = b.add(b.mul(b.block(), kWarp), b.lane());
        Value place = b.min(column, b.index(out - 1));
        Value bias, residual;
        if (epilogue.hasBias)
          bias = b.loadConstant(b.at(args[1], f32, place), f32);
        b.waitForEarlier();
        auto addColumns = [&] {
          Value rows = b.at(args[0], b.getI8Type(), kPartialHeader);
          BlockSumGenerator generator{b, b.at(rows, f32, place), {}, out};
          generator.count = b.toIndex(b.load(args[0], b.getI64Type(), 8));
          if (epilogue.hasResidual)
            residual =
                b.loadHere(b.at(args[1 + epilogue.hasBias], f32, place), f32);
          Value total = generator.addWarps(generator.addRows());
          Value isOwn =
              arith::AndIOp::create(b, b.isLess(b.thread(), b.index(kWarp)),
                                    b.isLess(column, b.index(out)));
          b.when(isOwn, [&] {
            if (bias)
              total = b.fadd(total, bias);
            total = epilogue.apply(b, total);
            if (residual)
              total = b.fadd(total, residual);
            b.store(total, b.at(args.back(), f32, column));
          });
        };
        if (!hasCounts)
          return addColumns();
        Value columns = b.index(getBlockSumBlocks(out, /*hasCounts=*/false));
        b.when(b.isLess(b.block(), columns), addColumns);
        b.when(b.isEqual(b.block(), columns),
               [&] { addCounts(b, args[0], args[args.size() - 2], out); });
      });
}
