//===- RowSumKernels.cpp - rows of a weight, scaled and summed --------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The rows of the weight are cut into parts. A block sums some columns of the
// rows of one part, each of its warps every eighth row; the warps' sums are
// added in their order, and those of the parts by a second kernel. Rows whose
// factor is zero are not read where the kernel is sparse: a warp looks at the
// factors of 32 rows at once.
//
//===----------------------------------------------------------------------===//

#include "DeviceKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

static constexpr int64_t kWarps = 8;

/// Columns of a block.
static int64_t getTile(RankedTensorType weight) {
  return kWarp * getLoadElements(weight.getElementType(), weight.getDimSize(1));
}

int64_t cuda::getRowSumBlocks(RankedTensorType weight) {
  return llvm::divideCeil(weight.getDimSize(1), getTile(weight));
}

int64_t cuda::getRowSumParts(RankedTensorType weight) {
  // About four blocks for each multiprocessor of a large GPU.
  constexpr int64_t kBlocks = 512;
  return std::clamp<int64_t>(kBlocks / getRowSumBlocks(weight), 1,
                             llvm::divideCeil(weight.getDimSize(0), kWarp));
}

namespace {
/// Generates the sums of one warp.
struct SumGenerator {
  DeviceBuilder &b;
  RankedTensorType weight;
  int64_t lanes, rowBlock;
  Value matrix;              ///< column 0 of this lane
  SmallVector<Value> inputs; ///< rows of the input

  Value loadRow(Value row) {
    Type element = weight.getElementType();
    Value place = b.mul(row, weight.getDimSize(1));
    return b.loadOnce(b.at(matrix, element, place),
                      VectorType::get({lanes}, element),
                      lanes * element.getIntOrFloatBitWidth() / 8);
  }

  /// Adds `vector`, a row of the weight, for each row of the input.
  void add(SmallVector<Value> &sums, Value vector, Value row) {
    Value floats = b.toFloats(vector);
    for (int64_t i = 0; i < rowBlock; ++i) {
      Value x = b.load(b.at(inputs[i], b.getF32Type(), row), b.getF32Type());
      sums[i] = b.fma(b.broadcast(x, lanes), floats, sums[i]);
    }
  }

  /// Every eighth row of [first, last), from this warp's on.
  SmallVector<Value> sumAll(Value first, Value last, ValueRange init) {
    constexpr int64_t kUnroll = 4;
    auto step = [&](int64_t unroll) {
      return [&, unroll](Value at, ValueRange carried) {
        SmallVector<Value> sums(carried), vectors;
        for (int64_t i = 0; i < unroll; ++i)
          vectors.push_back(loadRow(b.add(at, i * kWarps)));
        for (int64_t i = 0; i < unroll; ++i)
          add(sums, vectors[i], b.add(at, i * kWarps));
        return sums;
      };
    };
    int64_t stride = kUnroll * kWarps;
    Value whole = b.mul(b.div(b.sub(last, first), stride), stride);
    Value from = b.add(first, b.warp());
    SmallVector<Value> sums =
        b.fold(from, b.add(first, whole), b.index(stride), init, step(kUnroll));
    return b.fold(b.add(from, whole), last, b.index(kWarps), sums, step(1));
  }

  /// The same for rows with a factor that is not zero; each warp takes 32 in a
  /// row, whose factors its lanes look at.
  SmallVector<Value> sumSparse(Value first, Value last, ValueRange init) {
    Type i32 = b.getI32Type();
    Value from = b.add(first, b.mul(b.warp(), kWarp));
    return b.fold(
        from, last, b.index(kWarps * kWarp), init,
        [&](Value at, ValueRange carried) {
          Value own = b.add(at, b.lane());
          Value inside = b.isLess(own, last);
          Value place = b.select(inside, own, at);
          Value any;
          for (Value input : inputs) {
            Value x =
                b.load(b.at(input, b.getF32Type(), place), b.getF32Type());
            // NaN is not zero.
            Value isActive = arith::CmpFOp::create(b, arith::CmpFPredicate::UNE,
                                                   x, b.f32(0));
            any = any ? arith::OrIOp::create(b, any, isActive).getResult()
                      : isActive;
          }
          any = arith::AndIOp::create(b, any, inside);
          Value all = arith::ConstantOp::create(b, b.getI32IntegerAttr(-1));
          Value mask =
              LLVM::CallIntrinsicOp::create(
                  b, i32, b.getStringAttr("llvm.nvvm.vote.ballot.sync"),
                  ValueRange{all, any})
                  .getResults();
          Value count = b.toIndex(math::CtPopOp::create(b, mask));
          SmallVector<Value> state(carried);
          state.push_back(mask);
          SmallVector<Value> next =
              b.fold(b.index(0), count, b.index(1), state,
                     [&](Value, ValueRange carried) {
                       SmallVector<Value> sums(carried.drop_back());
                       Value bits = carried.back();
                       Value row = b.add(
                           at, b.toIndex(LLVM::CountTrailingZerosOp::create(
                                   b, i32, bits, /*is_zero_poison=*/true)));
                       add(sums, loadRow(row), row);
                       Value one =
                           arith::ConstantOp::create(b, b.getI32IntegerAttr(1));
                       sums.push_back(arith::AndIOp::create(
                           b, bits, arith::SubIOp::create(b, bits, one)));
                       return sums;
                     });
          next.pop_back();
          return next;
        });
  }
};
} // namespace

int64_t cuda::getRowSumKernel(DeviceLibrary &library, RankedTensorType weight,
                              int64_t parts, int64_t rowBlock, bool isSparse) {
  int64_t in = weight.getDimSize(0), out = weight.getDimSize(1);
  Type element = weight.getElementType();
  int64_t lanes = getLoadElements(element, out), tile = getTile(weight);
  int64_t size = llvm::alignTo(llvm::divideCeil(in, parts), kWarp);
  std::string name = ("row_sum_" + Twine(in) + "x" + Twine(out) + "_" +
                      nameElement(element) + (isSparse ? "_sparse" : "") +
                      "_parts" + Twine(parts) + "_rows" + Twine(rowBlock))
                         .str();
  Type pointer = library.getPointer();
  return library.get(
      name, {pointer, pointer, pointer, library.getNumber()},
      KernelShape{.threads = kWarps * kWarp, .sharedBytes = kWarps * tile * 4},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value rows = args[3];
        Value column = b.mul(b.block(), tile);
        Value own = b.add(column, b.mul(b.lane(), lanes));
        Value part = b.block(gpu::Dimension::y);
        Value firstRow = b.mul(b.block(gpu::Dimension::z), rowBlock);
        // Lanes past the end read what their neighbours read.
        Value place = b.min(own, b.index(out - lanes));
        SumGenerator generator{
            b, weight, lanes, rowBlock, b.at(args[1], element, place), {}};
        for (int64_t i = 0; i < rowBlock; ++i) {
          Value row = b.min(b.add(firstRow, i), b.add(rows, -1));
          generator.inputs.push_back(b.at(args[0], f32, b.mul(row, in)));
        }
        Value first = b.min(b.mul(part, size), b.index(in));
        Value last = b.min(b.add(first, size), b.index(in));
        SmallVector<Value> init(rowBlock, b.splat(0, lanes));
        SmallVector<Value> sums = isSparse
                                      ? generator.sumSparse(first, last, init)
                                      : generator.sumAll(first, last, init);

        Value shared = b.getShared();
        Value mine = b.at(shared, f32,
                          b.add(b.mul(b.warp(), tile), b.mul(b.lane(), lanes)));
        for (int64_t i = 0; i < rowBlock; ++i) {
          if (i > 0)
            b.barrier();
          for (int64_t lane = 0; lane < lanes; ++lane)
            b.store(b.extract(sums[i], lane), b.at(mine, f32, lane));
          b.barrier();
          Value row = b.add(firstRow, i);
          b.loop(b.thread(), b.index(tile), b.getThreads(), [&](Value at) {
            Value sum = b.load(b.at(shared, f32, at), f32);
            for (int64_t warp = 1; warp < kWarps; ++warp)
              sum = b.fadd(
                  sum, b.load(b.at(shared, f32, b.add(at, warp * tile)), f32));
            Value to = b.add(column, at);
            Value inside = arith::AndIOp::create(b, b.isLess(row, rows),
                                                 b.isLess(to, b.index(out)));
            b.when(inside, [&] {
              Value line = b.add(b.mul(part, rows), row);
              b.store(sum, b.at(args[2], f32, b.add(b.mul(line, out), to)));
            });
          });
        }
      });
}

int64_t cuda::getPartialSumKernel(DeviceLibrary &library, int64_t parts,
                                  int64_t out, const Epilogue &epilogue) {
  std::string name =
      ("partial_sum_" + Twine(parts) + "x" + Twine(out) + epilogue.getName())
          .str();
  SmallVector<Type> types(2 + epilogue.hasBias + epilogue.hasResidual,
                          library.getPointer());
  types.push_back(library.getNumber());
  return library.get(
      name, types, KernelShape{}, [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value rows = args.back(), result = args[args.size() - 2];
        Value column = b.add(b.mul(b.block(), b.getThreads()), b.thread());
        b.when(b.isLess(column, b.index(out)), [&] {
          Value place = b.add(b.mul(b.block(gpu::Dimension::y), out), column);
          // All loads can be under way at once.
          SmallVector<Value> terms;
          Value stride = b.mul(rows, out);
          for (int64_t part = 0; part < parts; ++part)
            terms.push_back(b.load(
                b.at(args[0], f32, b.add(place, b.mul(stride, part))), f32));
          Value sum = terms.front();
          for (Value term : ArrayRef<Value>(terms).drop_front())
            sum = b.fadd(sum, term);
          if (epilogue.hasBias)
            sum = b.fadd(sum, b.loadConstant(b.at(args[1], f32, column), f32));
          sum = epilogue.apply(b, sum);
          if (epilogue.hasResidual)
            sum = b.fadd(
                sum, b.load(b.at(args[1 + epilogue.hasBias], f32, place), f32));
          b.store(sum, b.at(result, f32, place));
        });
      });
}

int64_t cuda::getCountKernel(DeviceLibrary &library, int64_t extent) {
  Type pointer = library.getPointer();
  return library.get(
      ("count_" + Twine(extent)).str(), {pointer, pointer},
      KernelShape{.threads = 256, .sharedBytes = 33 * 4},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value row = b.at(args[0], f32, b.mul(b.block(), extent));
        // Counts are below 2^24, which f32 has exactly.
        Value own = b.fold(b.thread(), b.index(extent), b.index(b.getThreads()),
                           b.f32(0),
                           [&](Value at, ValueRange carried) {
                             Value x = b.load(b.at(row, f32, at), f32);
                             Value isActive = arith::CmpFOp::create(
                                 b, arith::CmpFPredicate::UNE, x, b.f32(0));
                             return SmallVector<Value>{b.fadd(
                                 carried.front(),
                                 b.select(isActive, b.f32(1), b.f32(0)))};
                           })
                        .front();
        Value sum = b.sumBlock(own, b.getShared());
        b.when(b.isEqual(b.thread(), b.index(0)), [&] {
          Value count = arith::FPToSIOp::create(b, b.getI32Type(), sum);
          b.store(count, b.at(args[1], b.getI32Type(), b.block()));
        });
      });
}
