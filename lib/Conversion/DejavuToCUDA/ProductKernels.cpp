//===- ProductKernels.cpp - what is around a library's products -----------===//
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

int64_t cuda::getConvertKernel(DeviceLibrary &library, int64_t features,
                               Type element) {
  SmallVector<Type> types(2, library.getPointer());
  types.append(3, library.getNumber());
  return library.get(
      ("convert_" + Twine(features) + "_" + nameElement(element)).str(), types,
      KernelShape{}, [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value part = args[2], tokens = args[3], from = args[4];
        Value row = b.block();
        Value sequence = arith::DivUIOp::create(b, row, part);
        Value token = arith::RemUIOp::create(b, row, part);
        Value source = b.add(b.add(b.mul(sequence, tokens), from), token);
        Value input = b.at(args[0], f32, b.mul(source, features));
        Value result = b.at(args[1], element, b.mul(row, features));
        int64_t lanes = getLoadElements(f32, features);
        int64_t bytes = lanes * element.getIntOrFloatBitWidth() / 8;
        b.loop(b.mul(b.thread(), lanes), b.index(features),
               b.getThreads() * lanes, [&](Value at) {
                 Value x = b.load(b.at(input, f32, at),
                                  VectorType::get({lanes}, f32), lanes * 4);
                 if (!element.isF32())
                   x = arith::TruncFOp::create(
                       b, VectorType::get({lanes}, element), x);
                 b.store(x, b.at(result, element, at), bytes);
               });
      });
}

int64_t cuda::getGateKernel(DeviceLibrary &library, const LinearSpec &spec) {
  int64_t out = spec.outs.front();
  const Epilogue &epilogue = spec.epilogue;
  std::string name = ("gate_" + Twine(out) + epilogue.getName() + "_gated" +
                      (spec.hasFactorBias ? "_bias" : ""))
                         .str();
  SmallVector<Type> types(2 + epilogue.hasBias + spec.hasFactorBias +
                              epilogue.hasResidual,
                          library.getPointer());
  return library.get(
      name, types, KernelShape{}, [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        unsigned next = 0;
        Value product = args[next++];
        Value bias = epilogue.hasBias ? args[next++] : Value();
        Value factor = args[next++];
        Value factorBias = spec.hasFactorBias ? args[next++] : Value();
        Value residual = epilogue.hasResidual ? args[next++] : Value();
        Value column = b.add(b.mul(b.block(), b.getThreads()), b.thread());
        b.when(b.isLess(column, b.index(out)), [&] {
          Value place = b.add(b.mul(b.block(gpu::Dimension::y), out), column);
          auto load = [&](Value values, Value offset) {
            Value x = b.load(b.at(values, f32, place), f32);
            return offset ? b.fadd(x, b.loadConstant(b.at(offset, f32, column),
                                                     f32))
                          : x;
          };
          Value x = epilogue.apply(b, load(product, bias));
          x = b.fmul(x, load(factor, factorBias));
          if (residual)
            x = b.fadd(x, b.load(b.at(residual, f32, place), f32));
          b.store(x, b.at(product, f32, place));
        });
      });
}
