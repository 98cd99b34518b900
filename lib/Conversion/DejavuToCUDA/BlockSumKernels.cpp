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
// What the MLP's blocks have counted is added up by a warp that would wait.
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

/// Adds up the counts that an MLP's blocks left.
struct CountGenerator {
  DeviceBuilder &b;
  Value partial, target;
  Value isOwn;  ///< whether this warp does it
  Value blocks; ///< that have counted
  SmallVector<Value> counts;

  CountGenerator(DeviceBuilder &b, Value partial, Value target)
      : b(b), partial(partial), target(target) {
    Value isWarp = b.isEqual(b.warp(), b.index(kWarps - 1));
    Value isBlock = b.isEqual(b.block(), b.index(0));
    Value null = LLVM::ZeroOp::create(b, target.getType());
    Value isWanted =
        LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, target, null);
    isOwn = arith::AndIOp::create(b, isWarp, isBlock);
    isOwn = arith::AndIOp::create(b, isOwn, isWanted);
  }

  Value getPlace(int64_t vector) {
    return b.add(b.mul(b.lane(), kLanes), vector * kLanes * kWarp);
  }

  /// Brings them on their way: there is memory for the most that can be.
  void load(int64_t most) {
    auto type = VectorType::get({kLanes}, b.getI32Type());
    int64_t vectors = llvm::divideCeil(most, kLanes * kWarp);
    SmallVector<Type> types(vectors, type);
    types.push_back(b.getI64Type());
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
    Value none = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
    Value all = b.at(partial, b.getI8Type(), kPartialCounts);
    counts = b.choose(
        isOwn, types,
        [&] {
          SmallVector<Value> loaded;
          for (int64_t i = 0; i < vectors; ++i)
            loaded.push_back(
                b.load(b.at(all, b.getI32Type(), getPlace(i)), type, 16));
          loaded.push_back(
              b.load(b.at(partial, b.getI64Type(), 1), b.getI64Type(), 8));
          return loaded;
        },
        [&] {
          SmallVector<Value> nothing(vectors, zero);
          nothing.push_back(none);
          return nothing;
        });
    blocks = b.toIndex(counts.pop_back_val());
  }

  void store() {
    b.when(isOwn, [&] {
      Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
      Value sum = zero;
      for (auto [i, vector] : llvm::enumerate(counts))
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          Value isThere = b.isLess(b.add(getPlace(i), lane), blocks);
          Value count = b.select(isThere, b.extract(vector, lane), zero);
          sum = arith::AddIOp::create(b, sum, count);
        }
      sum = b.reduceLanes(sum, kWarp, [&](Value lhs, Value rhs) -> Value {
        return arith::AddIOp::create(b, lhs, rhs);
      });
      b.when(b.isEqual(b.lane(), b.index(0)), [&] { b.store(sum, target); });
    });
  }

private:
  static constexpr int64_t kLanes = 4;
};
} // namespace

int64_t cuda::getBlockSumBlocks(int64_t out) {
  return llvm::divideCeil(out, kWarp);
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
        Value rows = b.at(args[0], b.getI8Type(), kPartialHeader);
        BlockSumGenerator generator{b, b.at(rows, f32, place), {}, out};
        Value bias, residual;
        if (epilogue.hasBias)
          bias = b.loadConstant(b.at(args[1], f32, place), f32);
        std::optional<CountGenerator> counter;
        if (hasCounts)
          counter.emplace(b, args[0], args[args.size() - 2]);
        b.waitForEarlier();
        if (counter)
          counter->load(kMaxBlocks *
                        getFFNCluster(out, /*isAtomic=*/false, b.getTarget()));
        generator.count = b.toIndex(b.load(args[0], b.getI64Type(), 8));
        if (epilogue.hasResidual)
          residual =
              generator.load(b.at(args[1 + epilogue.hasBias], f32, place));
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
        if (counter)
          counter->store();
      });
}
