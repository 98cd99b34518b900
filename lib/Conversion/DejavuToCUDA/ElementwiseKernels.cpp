//===- ElementwiseKernels.cpp - rows in, rows out ---------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowNorm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

/// Calls `body` with each of the first `size` columns that is this thread's.
static void forColumns(DeviceBuilder &b, int64_t size,
                       DeviceBuilder::Body body) {
  b.loop(b.thread(), b.index(size), b.getThreads(), body);
}

/// A number at `pointer` as f32.
static Value loadFloat(DeviceBuilder &b, Value pointer, Type element) {
  Value number = b.loadConstant(pointer, element);
  if (element.isF32())
    return number;
  return arith::ExtFOp::create(b, b.getF32Type(), number);
}

int64_t cuda::getEmbedKernel(DeviceLibrary &library, RankedTensorType table,
                             int64_t offset, llvm::APFloat scale) {
  int64_t features = table.getDimSize(1);
  Type element = table.getElementType();
  std::string name = ("embed_" + Twine(features) + "_" + nameElement(element) +
                      "_from" + Twine(offset) + "_scale" + nameNumber(scale))
                         .str();
  Type pointer = library.getPointer();
  return library.get(
      name, {pointer, pointer, pointer}, KernelShape{},
      [&](DeviceBuilder &b, ValueRange args) {
        Value row = b.block();
        Value id = b.load(b.at(args[0], b.getI64Type(), row), b.getI64Type());
        Value from = b.mul(b.add(b.toIndex(id), offset), features);
        Value to = b.mul(row, features);
        forColumns(b, features, [&](Value column) {
          Value value = loadFloat(
              b, b.at(args[1], element, b.add(from, column)), element);
          if (!scale.isExactlyValue(1.0))
            value = b.fmul(value, b.f32(scale.convertToFloat()));
          b.store(value, b.at(args[2], b.getF32Type(), b.add(to, column)));
        });
      });
}

int64_t cuda::getAddKernel(DeviceLibrary &library, int64_t features) {
  Type pointer = library.getPointer();
  return library.get(
      ("add_" + Twine(features)).str(), {pointer, pointer, pointer},
      KernelShape{}, [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value row = b.mul(b.block(), features);
        forColumns(b, features, [&](Value column) {
          Value at = b.add(row, column);
          Value sum = b.fadd(b.load(b.at(args[0], f32, at), f32),
                             b.load(b.at(args[1], f32, at), f32));
          b.store(sum, b.at(args[2], f32, at));
        });
      });
}

std::string NormSpec::getName() const {
  return (stringifyNormKind(kind) + "_" + Twine(features) + "_eps" +
          nameNumber(epsilon) + (hasScale ? "_scale" : "") +
          (hasBias ? "_bias" : "") +
          (weightOffset.isZero() ? "" : "_offset" + nameNumber(weightOffset)))
      .str();
}

int64_t cuda::getNormKernel(DeviceLibrary &library, const NormSpec &spec) {
  SmallVector<Type> types(2 + spec.hasScale + spec.hasBias,
                          library.getPointer());
  // The row is in registers. Short rows, such as those of heads, need no more
  // than a warp or two.
  int64_t width =
      getLoadElements(Float32Type::get(library.getContext()), spec.features);
  int64_t threads = std::clamp<int64_t>(
      llvm::alignTo(llvm::divideCeil(spec.features, width), kWarp), kWarp,
      1024);
  return library.get(
      "norm_" + spec.getName(), types,
      KernelShape{.threads = threads, .sharedBytes = 33 * 4},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value start = b.mul(b.block(), spec.features);
        Value result = b.at(args.back(), f32, start);
        Value scratch = b.getShared();
        RowPieces pieces =
            RowPieces::makeColumns(b, spec.features, width, threads);
        pieces.load(b, b.at(args[0], f32, start));
        normalize(b, spec, pieces, args[1], args[1 + spec.hasScale],
                  [&](Value own) { return b.sumBlock(own, scratch); });
        for (auto [value, column, inside] :
             llvm::zip(pieces.values, pieces.columns, pieces.isInside)) {
          auto store = [&] {
            b.store(value, b.at(result, f32, column), 4 * width);
          };
          if (inside)
            b.when(inside, store);
          else
            store();
        }
      });
}

int64_t cuda::getGreedyKernel(DeviceLibrary &library, int64_t vocabulary) {
  Type pointer = library.getPointer();
  SmallVector<Type> types(5, pointer);
  types.push_back(library.getNumber());
  constexpr int64_t kThreads = 1024;
  return library.get(
      ("greedy_" + Twine(vocabulary)).str(), types,
      KernelShape{.threads = kThreads, .sharedBytes = 2 * 8 * kWarp},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type(), i64 = b.getI64Type();
        Value row = b.block();
        Value logits = b.at(args[4], f32, b.mul(row, vocabulary));
        Value none = b.index(vocabulary);
        Value least = b.f32(-std::numeric_limits<double>::infinity());
        // Whether the first pair is the better one: greater, or first of
        // equals. What is NaN is never chosen unless there is nothing else.
        auto better = [&](Value x, Value i, Value y, Value j) {
          Value greater =
              arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y);
          Value same =
              arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, y);
          Value first = arith::AndIOp::create(b, same, b.isLess(i, j));
          Value yes = arith::OrIOp::create(b, greater, first);
          return SmallVector<Value>{b.select(yes, x, y), b.select(yes, i, j)};
        };
        SmallVector<Value> best =
            b.fold(b.thread(), none, b.index(kThreads), {least, none},
                   [&](Value at, ValueRange carried) {
                     Value x = b.load(b.at(logits, f32, at), f32);
                     return better(x, at, carried[0], carried[1]);
                   });
        auto reduce = [&] {
          for (int32_t offset = kWarp / 2; offset > 0; offset /= 2) {
            auto other = [&](Value value) {
              return gpu::ShuffleOp::create(b, value, offset, kWarp,
                                            gpu::ShuffleMode::XOR)
                  .getShuffleResult();
            };
            Value x = other(best[0]);
            Value i = b.toIndex(other(b.toI64(best[1])));
            best = better(x, i, best[0], best[1]);
          }
        };
        reduce();
        Value values = b.getShared(), places = b.at(values, i64, kWarp);
        b.when(b.isEqual(b.lane(), b.index(0)), [&] {
          b.store(best[0], b.at(values, f32, b.warp()));
          b.store(b.toI64(best[1]), b.at(places, i64, b.warp()));
        });
        b.barrier();
        best[0] = b.load(b.at(values, f32, b.lane()), f32);
        best[1] = b.toIndex(b.load(b.at(places, i64, b.lane()), i64));
        reduce();
        b.when(b.isEqual(b.thread(), b.index(0)), [&] {
          // With nothing but NaN there is no best id. The host is told by -2,
          // and some id goes on.
          Value isNone = b.isEqual(best[1], none);
          Value id = b.toI64(b.select(isNone, b.index(0), best[1]));
          Value told = b.toI64(b.select(isNone, b.index(-2), best[1]));
          b.store(id, b.at(args[0], i64, row));
          Value positions = b.at(args[1], i64, row);
          b.store(arith::AddIOp::create(b, b.load(positions, i64),
                                        b.toI64(b.index(1))),
                  positions);
          Value past = b.toIndex(b.load(args[2], i64));
          Value place = b.add(b.mul(past, args[5]), row);
          LLVM::StoreOp::create(b, told, b.at(args[3], i64, place),
                                /*alignment=*/8, /*isVolatile=*/true);
        });
      });
}

int64_t cuda::getAdvanceKernel(DeviceLibrary &library) {
  return library.get("advance", {library.getPointer()},
                     KernelShape{.threads = kWarp},
                     [&](DeviceBuilder &b, ValueRange args) {
                       Type i64 = b.getI64Type();
                       b.when(b.isEqual(b.thread(), b.index(0)), [&] {
                         Value past = b.toIndex(b.load(args[0], i64));
                         b.store(b.toI64(b.add(past, 1)), args[0]);
                       });
                     });
}
