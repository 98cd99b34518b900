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
//
//===----------------------------------------------------------------------===//

#include "DeviceKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cstdlib>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

static constexpr int64_t kWarps = 8;

static int64_t knob(const char *name, int64_t standard) {
  const char *text = std::getenv(name);
  return text ? std::atoll(text) : standard;
}

namespace {
struct BlockSumGenerator {
  DeviceBuilder &b;
  Value rows;  ///< the columns of this lane in the first row
  Value count; ///< of rows
  int64_t out, lanes;

  Type getType() { return VectorType::get({lanes}, b.getF32Type()); }
  Value load(Value pointer) { return b.load(pointer, getType(), 4 * lanes); }

  /// The rows of this warp. Most loads are under way before it is known how
  /// many rows there are: there is memory for kMaxBlocks.
  Value addRows(int64_t atOnce) {
    Type f32 = b.getF32Type();
    Value zero = b.splat(0, lanes), sum = zero;
    Value first = b.at(rows, f32, b.mul(b.warp(), out));
    SmallVector<Value> terms;
    for (int64_t i = 0; i < atOnce; ++i)
      terms.push_back(load(b.at(first, f32, i * kWarps * out)));
    for (auto [i, term] : llvm::enumerate(terms)) {
      Value isThere = b.isLess(b.add(b.warp(), i * kWarps), count);
      sum = b.fadd(sum, b.select(isThere, term, zero));
    }
    return b
        .fold(b.add(b.warp(), atOnce * kWarps), count, b.index(kWarps), sum,
              [&](Value row, ValueRange sum) {
                return SmallVector<Value>{b.fadd(
                    sum.front(), load(b.at(rows, f32, b.mul(row, out))))};
              })
        .front();
  }

  /// The sum of the warps' sums, for the first warp.
  Value addWarps(Value sum) {
    Value shared = b.getShared();
    auto place = [&](Value warp) {
      return b.at(shared, b.getF32Type(),
                  b.mul(b.add(b.mul(warp, kWarp), b.lane()), lanes));
    };
    b.store(sum, place(b.warp()), 4 * lanes);
    b.barrier();
    Value total = load(place(b.index(0)));
    for (int64_t warp = 1; warp < kWarps; ++warp)
      total = b.fadd(total, load(place(b.index(warp))));
    return total;
  }
};
} // namespace

int64_t cuda::getBlockSumBlocks(int64_t out) {
  return llvm::divideCeil(out, kWarp * knob("FFN_SUMVEC", 1));
}

int64_t cuda::getBlockSumKernel(DeviceLibrary &library, int64_t out,
                                const Epilogue &epilogue) {
  SmallVector<Type> types(2 + epilogue.hasBias + epilogue.hasResidual,
                          library.getPointer());
  int64_t lanes = knob("FFN_SUMVEC", 1);
  return library.get(
      ("block_sum_" + Twine(out) + epilogue.getName()).str(), types,
      KernelShape{.threads = kWarps * kWarp,
                  .sharedBytes = kWarps * kWarp * 4 * lanes,
                  .waitsItself = true},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value column =
            b.mul(b.add(b.mul(b.block(), kWarp), b.lane()), lanes);
        Value place = b.min(column, b.index(out - lanes));
        Value rows = b.at(args[0], b.getI8Type(), kPartialHeader);
        BlockSumGenerator generator{
            b, b.at(rows, f32, place), {}, out, lanes};
        Value bias, residual;
        if (epilogue.hasBias)
          bias = generator.load(b.at(args[1], f32, place));
        b.waitForEarlier();
        generator.count = b.toIndex(b.load(args[0], b.getI64Type()));
        if (epilogue.hasResidual)
          residual =
              generator.load(b.at(args[1 + epilogue.hasBias], f32, place));
        Value sum = generator.addRows(knob("FFN_SUMROWS", 9));
        Value total = generator.addWarps(sum);
        Value isOwn = arith::AndIOp::create(
            b, b.isLess(b.thread(), b.index(kWarp)),
            b.isLess(column, b.index(out)));
        b.when(isOwn, [&] {
          if (bias)
            total = b.fadd(total, bias);
          SmallVector<Value> results;
          for (int64_t i = 0; i < lanes; ++i)
            results.push_back(epilogue.apply(b, b.extract(total, i)));
          total = b.pack(results);
          if (residual)
            total = b.fadd(total, residual);
          b.store(total, b.at(args.back(), f32, column), 4 * lanes);
        });
      });
}
