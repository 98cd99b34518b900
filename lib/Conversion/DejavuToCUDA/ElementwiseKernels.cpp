//===- ElementwiseKernels.cpp - rows in, rows out ---------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceKernels.h"

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

int64_t cuda::getNormKernel(DeviceLibrary &library, const NormSpec &spec) {
  bool isLayer = spec.kind == NormKind::layer;
  std::string name =
      ("norm_" + stringifyNormKind(spec.kind) + "_" + Twine(spec.features) +
       "_eps" + nameNumber(spec.epsilon) + (spec.hasScale ? "_scale" : "") +
       (spec.hasBias ? "_bias" : "") +
       (spec.weightOffset.isZero() ? ""
                                   : "_offset" + nameNumber(spec.weightOffset)))
          .str();
  SmallVector<Type> types(2 + spec.hasScale + spec.hasBias,
                          library.getPointer());
  // Short rows, such as those of heads, need no more than a warp or two.
  int64_t threads = spec.features <= 128    ? 32
                    : spec.features <= 1024 ? 256
                                            : 1024;
  return library.get(
      name, types, KernelShape{.threads = threads, .sharedBytes = 33 * 4},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value row = b.at(args[0], f32, b.mul(b.block(), spec.features));
        Value result = b.at(args.back(), f32, b.mul(b.block(), spec.features));
        Value scratch = b.getShared();
        Value zero = b.f32(0), size = b.f32(spec.features);
        auto sum = [&](llvm::function_ref<Value(Value)> map) {
          Value own =
              b.fold(b.thread(), b.index(spec.features), b.index(threads), zero,
                     [&](Value column, ValueRange carried) {
                       Value x = b.load(b.at(row, f32, column), f32);
                       return SmallVector<Value>{
                           b.fadd(carried.front(), map(x))};
                     })
                  .front();
          return b.sumBlock(own, scratch);
        };
        Value mean = zero;
        if (isLayer)
          mean = b.fdiv(sum([](Value x) { return x; }), size);
        auto center = [&](Value x) { return isLayer ? b.fsub(x, mean) : x; };
        Value square = b.fdiv(sum([&](Value x) {
                                Value centered = center(x);
                                return b.fmul(centered, centered);
                              }),
                              size);
        square = b.fadd(square, b.f32(spec.epsilon.convertToFloat()));
        Value factor = b.fdiv(b.f32(1), b.sqrt(square));
        forColumns(b, spec.features, [&](Value column) {
          Value x = center(b.load(b.at(row, f32, column), f32));
          x = b.fmul(x, factor);
          if (spec.hasScale) {
            Value scale = b.loadConstant(b.at(args[1], f32, column), f32);
            if (!spec.weightOffset.isZero())
              scale = b.fadd(scale, b.f32(spec.weightOffset.convertToFloat()));
            x = b.fmul(x, scale);
          }
          if (spec.hasBias)
            x = b.fadd(x, b.loadConstant(b.at(args[2], f32, column), f32));
          b.store(x, b.at(result, f32, column));
        });
      });
}
