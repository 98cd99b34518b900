//===- ElementwiseKernels.cpp - rows in, rows out ---------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowNorm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

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
      KernelShape{
          .threads = threads, .sharedBytes = 33 * 4, .waitsItself = true},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value start = b.mul(b.block(), spec.features);
        Value result = b.at(args.back(), f32, start);
        Value scratch = b.getShared();
        RowPieces pieces =
            RowPieces::makeColumns(b, spec.features, width, threads);
        NormWeights weights{spec.hasScale ? args[1] : Value(),
                            spec.hasBias ? args[1 + spec.hasScale] : Value(),
                            {},
                            {}};
        weights.loadFew(b, pieces);
        b.waitForEarlier();
        pieces.load(b, b.at(args[0], f32, start));
        normalize(b, spec, pieces, weights,
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
