//===- FillKernels.cpp - synthetic weights --------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An element depends on nothing but its index and the number of its weight, so
// the same executable always gets the same weights, on any GPU. The hash is the
// finalizer of SplitMix64.
//
//===----------------------------------------------------------------------===//

#include "DeviceKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

/// Elements that a block makes.
static constexpr int64_t kBlockElements = 4096;

int64_t cuda::getFillBlocks(int64_t count) {
  return llvm::divideCeil(count, kBlockElements);
}

/// A number that is passed by its bits.
static Value toFloat(DeviceBuilder &b, Value bits) {
  Value word = arith::IndexCastOp::create(b, b.getI32Type(), bits);
  return arith::BitcastOp::create(b, b.getF32Type(), word);
}

/// An odd multiple of 2^-16 in (-1, 1).
static Value hash(DeviceBuilder &b, Value number, Value at) {
  auto constant = [&](uint64_t value) -> Value {
    return arith::ConstantOp::create(
        b, b.getI64IntegerAttr(static_cast<int64_t>(value)));
  };
  auto mix = [&](Value x, int64_t shift) -> Value {
    return arith::XOrIOp::create(b, x,
                                 arith::ShRUIOp::create(b, x, constant(shift)));
  };
  auto multiply = [&](Value x, uint64_t factor) -> Value {
    return arith::MulIOp::create(b, x, constant(factor));
  };
  // No weight has 2^40 elements.
  Value x = arith::AddIOp::create(
      b, arith::ShLIOp::create(b, b.toI64(number), constant(40)), b.toI64(at));
  x = multiply(arith::AddIOp::create(b, x, constant(1)), 0x9e3779b97f4a7c15);
  x = multiply(mix(x, 30), 0xbf58476d1ce4e5b9);
  x = multiply(mix(x, 27), 0x94d049bb133111eb);
  // The upper 16 bits k become 2k + 1 - 2^16.
  x = arith::ShRUIOp::create(b, mix(x, 31), constant(48));
  x = arith::AddIOp::create(b, arith::AddIOp::create(b, x, x),
                            constant(1 - (1 << 16)));
  return b.fmul(arith::SIToFPOp::create(b, b.getF32Type(), x),
                b.f32(1.0 / (1 << 16)));
}

int64_t cuda::getFillKernel(DeviceLibrary &library, SyntheticFormula::Kind kind,
                            Type element) {
  bool isUniform = kind == SyntheticFormula::Kind::uniform;
  Type number = library.getNumber();
  std::string name =
      (isUniform ? "fill_uniform_" : "fill_geometric_") + nameElement(element);
  return library.get(
      name, {library.getPointer(), number, number, number, number},
      KernelShape{}, [&](DeviceBuilder &b, ValueRange args) {
        Value first = toFloat(b, args[3]), second = toFloat(b, args[4]);
        Value from = b.mul(b.block(), kBlockElements);
        Value to = b.min(b.add(from, kBlockElements), args[1]);
        b.loop(b.add(from, b.thread()), to, b.getThreads(), [&](Value at) {
          // Powers are for the few frequencies of a rotary embedding.
          Value value = isUniform ? b.fma(second, hash(b, args[2], at), first)
                                  : b.fold(b.index(0), at, b.index(1), first,
                                           [&](Value, ValueRange carried) {
                                             return SmallVector<Value>{b.fmul(
                                                 carried.front(), second)};
                                           })
                                        .front();
          if (!element.isF32())
            value = arith::TruncFOp::create(b, element, value);
          b.store(value, b.at(args[0], element, at));
        });
      });
}
