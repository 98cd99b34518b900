//===- RopeKernels.cpp - rotary positions -----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

int64_t cuda::getRopeTableKernel(DeviceLibrary &library, int64_t features,
                                 llvm::APFloat scale) {
  int64_t half = features / 2;
  Type pointer = library.getPointer();
  return library.get(
      ("rope_table_" + Twine(features) + "_scale" + nameNumber(scale)).str(),
      {pointer, pointer, pointer}, KernelShape{.threads = 64},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type(), f64 = b.getF64Type(), i64 = b.getI64Type();
        Value row = b.block();
        Value position = arith::SIToFPOp::create(
            b, f32, b.load(b.at(args[0], i64, row), i64));
        Value result = b.at(args[2], f32, b.mul(row, features));
        auto constant = [&](double value) -> Value {
          return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
        };
        b.loop(b.thread(), b.index(half), b.getThreads(), [&](Value at) {
          Value angle =
              b.fmul(position, b.loadConstant(b.at(args[1], f32, at), f32));
          // The approximations are good around 0 alone. Whole turns are taken
          // away in f64, which keeps all bits of any angle in f32.
          Value exact = arith::ExtFOp::create(b, f64, angle);
          Value turns = b.round(b.fmul(exact, constant(0.15915494309189535)));
          exact = b.fma(turns, constant(-6.283185307179586), exact);
          Value rest = arith::TruncFOp::create(b, f32, exact);
          for (bool isSin : {false, true}) {
            Value value = isSin ? b.sin(rest) : b.cos(rest);
            if (!scale.isExactlyValue(1.0))
              value = b.fmul(value, b.f32(scale.convertToFloat()));
            b.store(value, b.at(result, f32, b.add(at, isSin ? half : 0)));
          }
        });
      });
}

int64_t cuda::getRopeKernel(DeviceLibrary &library, int64_t features,
                            int64_t heads, int64_t rotated, bool interleaved) {
  int64_t headDim = features / heads, half = rotated / 2;
  std::string name = ("rope_" + Twine(heads) + "x" + Twine(headDim) + "_" +
                      Twine(rotated) + (interleaved ? "_interleaved" : ""))
                         .str();
  Type pointer = library.getPointer();
  return library.get(
      name, {pointer, pointer, pointer}, KernelShape{},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value row = b.block(), start = b.mul(row, features);
        Value input = b.at(args[0], f32, start);
        Value result = b.at(args[2], f32, start);
        Value table = b.at(args[1], f32, b.mul(row, rotated));
        b.loop(b.thread(), b.index(heads * half), b.getThreads(),
               [&](Value pair) {
                 Value first = b.mul(b.div(pair, half), headDim);
                 Value at = b.rem(pair, half);
                 Value low = b.add(first, interleaved ? b.mul(at, 2) : at);
                 Value high = b.add(low, interleaved ? 1 : half);
                 Value cos = b.load(b.at(table, f32, at), f32);
                 Value sin = b.load(b.at(table, f32, b.add(at, half)), f32);
                 Value x = b.load(b.at(input, f32, low), f32);
                 Value y = b.load(b.at(input, f32, high), f32);
                 b.store(b.fsub(b.fmul(x, cos), b.fmul(y, sin)),
                         b.at(result, f32, low));
                 b.store(b.fadd(b.fmul(y, cos), b.fmul(x, sin)),
                         b.at(result, f32, high));
               });
        int64_t rest = headDim - rotated;
        if (rest == 0)
          return;
        b.loop(
            b.thread(), b.index(heads * rest), b.getThreads(), [&](Value each) {
              Value at = b.add(b.mul(b.div(each, rest), headDim),
                               b.add(b.rem(each, rest), rotated));
              b.store(b.load(b.at(input, f32, at), f32), b.at(result, f32, at));
            });
      });
}
