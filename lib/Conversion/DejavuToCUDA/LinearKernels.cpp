//===- LinearKernels.cpp - rows of a weight as dot products -----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A warp takes a few rows of the weight, whose elements its lanes load 16 bytes
// at a time, and a few rows of the input, which stay in the first-level cache.
// A lane's sum goes through its elements in order; the lanes' sums meet in a
// tree.
//
//===----------------------------------------------------------------------===//

#include "DotProducts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

static constexpr int64_t kWarps = 8;

std::string Epilogue::getName() const {
  std::string name = hasBias ? "_bias" : "";
  if (activation)
    name += ("_" + stringifyActivation(*activation)).str();
  if (scale != 1)
    name += "_scale" + nameNumber(scale);
  if (softcap != 0)
    name += "_softcap" + nameNumber(softcap);
  return name + (hasResidual ? "_residual" : "") + (hasCopy ? "_copy" : "");
}

Value Epilogue::apply(DeviceBuilder &b, Value x) const {
  if (scale != 1)
    x = b.fmul(x, b.f32(scale));
  return b.activate(activation, b.softcap(softcap, x));
}

/// Rows of a weight that a warp takes. With more, a row of the input is loaded
/// less often; with fewer, there are more warps to share the work.
static int64_t getOutBlock(const LinearSpec &spec, int64_t rowBlock) {
  int64_t out = llvm::sum_of(spec.outs);
  if (rowBlock >= 4)
    return out >= 4096 ? 4 : 2;
  return out >= 16384 ? 4 : out >= 8192 ? 2 : 1;
}

/// Blocks of each product, one behind the other.
static SmallVector<int64_t> getProductBlocks(const LinearSpec &spec,
                                             int64_t rowBlock) {
  int64_t size = kWarps * getOutBlock(spec, rowBlock);
  return llvm::map_to_vector(spec.outs, [&](int64_t out) {
    return static_cast<int64_t>(llvm::divideCeil(out, size));
  });
}

int64_t cuda::getLinearBlocks(const LinearSpec &spec, int64_t rowBlock) {
  return llvm::sum_of(getProductBlocks(spec, rowBlock));
}

int64_t cuda::getLinearKernel(DeviceLibrary &library, const LinearSpec &spec,
                              int64_t rowBlock) {
  int64_t in = spec.in;
  Type element = spec.element;
  const Epilogue &epilogue = spec.epilogue;
  std::string name =
      ("linear_" + spec.getName() + "_rows" + Twine(rowBlock)).str();
  SmallVector<Type> types{library.getPointer()};
  appendLinearTypes(library, spec, types);
  int64_t outBlock = getOutBlock(spec, rowBlock);
  return library.get(
      name, types, KernelShape{.threads = kWarps * kWarp},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value input = args[0];
        auto [products, numbers] =
            takeLinearArguments(b, spec, args.drop_front());
        // Of each sequence's `tokens` rows those from `from` on.
        Value rows = numbers[0], part = numbers[1], tokens = numbers[2];
        Value from = numbers[3];

        auto [own, block] = chooseProduct(
            b, products, getProductBlocks(spec, rowBlock), b.block());
        Value first = b.mul(b.add(b.mul(block, kWarps), b.warp()), outBlock);
        Value firstRow = b.mul(b.block(gpu::Dimension::y), rowBlock);
        // What is past the end is computed for the last and not stored.
        SmallVector<Value> outs, inputRows;
        DotGenerator dots{b, element, getLoadElements(element, in), {}, {}};
        for (int64_t i = 0; i < outBlock; ++i)
          outs.push_back(b.add(first, i));
        for (Value matrix : {own.weight, own.factor})
          for (int64_t i = 0; matrix && i < outBlock; ++i)
            dots.weights.push_back(
                b.at(matrix, element,
                     b.mul(b.min(outs[i], b.add(own.out, -1)), in)));
        for (int64_t i = 0; i < rowBlock; ++i) {
          inputRows.push_back(b.add(firstRow, i));
          Value row = b.min(inputRows[i], b.add(rows, -1));
          Value sequence = arith::DivUIOp::create(b, row, part);
          Value token = arith::RemUIOp::create(b, row, part);
          row = b.add(b.add(b.mul(sequence, tokens), from), token);
          dots.inputs.push_back(b.at(input, f32, b.mul(row, in)));
        }
        SmallVector<Value> sums = dots.run(in);
        // Each lane writes one of the results.
        for (int64_t i = 0; i < outBlock; ++i)
          for (int64_t row = 0; row < rowBlock; ++row) {
            Value mine =
                b.isEqual(b.lane(), b.index((i * rowBlock + row) % kWarp));
            Value inside = arith::AndIOp::create(
                b, b.isLess(outs[i], own.out), b.isLess(inputRows[row], rows));
            b.when(arith::AndIOp::create(b, mine, inside), [&] {
              Value factorSum =
                  own.factor ? sums[(outBlock + i) * rowBlock + row] : Value();
              own.finish(b, epilogue, sums[i * rowBlock + row], factorSum,
                         inputRows[row], outs[i]);
            });
          }
      });
}

int64_t cuda::getGatherLinearBlocks(const GatherSpec &spec) {
  return llvm::divideCeil(spec.weight.getDimSize(0), kWarps);
}

int64_t cuda::getGatherLinearKernel(DeviceLibrary &library,
                                    const GatherSpec &spec, int64_t rowBlock) {
  int64_t out = spec.weight.getDimSize(0), in = spec.weight.getDimSize(1);
  Type element = spec.weight.getElementType();
  std::string name = ("gather_linear_" + Twine(out) + "x" + Twine(in) + "_" +
                      nameElement(element) + (spec.hasBias ? "_bias" : "") +
                      "_rows" + Twine(rowBlock))
                         .str();
  SmallVector<Type> types(4 + spec.hasBias, library.getPointer());
  types.push_back(library.getNumber());
  return library.get(
      name, types, KernelShape{.threads = kWarps * kWarp},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value bias = spec.hasBias ? args[2] : Value();
        Value factor = args[2 + spec.hasBias], result = args[3 + spec.hasBias];
        Value rows = args.back();
        Value own = b.add(b.mul(b.block(), kWarps), b.warp());
        Value unit = b.min(own, b.index(out - 1));
        Value firstRow = b.mul(b.block(gpu::Dimension::y), rowBlock);
        DotGenerator dots{b,
                          element,
                          getLoadElements(element, in),
                          {b.at(args[1], element, b.mul(unit, in))},
                          {}};
        SmallVector<Value> inputRows, factors;
        Value any;
        for (int64_t i = 0; i < rowBlock; ++i) {
          inputRows.push_back(b.add(firstRow, i));
          Value row = b.min(inputRows[i], b.add(rows, -1));
          dots.inputs.push_back(b.at(args[0], f32, b.mul(row, in)));
          factors.push_back(
              b.load(b.at(factor, f32, b.add(b.mul(row, out), unit)), f32));
          // NaN is not zero.
          Value isActive = arith::CmpFOp::create(b, arith::CmpFPredicate::UNE,
                                                 factors[i], b.f32(0));
          any = any ? arith::OrIOp::create(b, any, isActive).getResult()
                    : isActive;
        }
        SmallVector<Value> zeros(rowBlock, b.f32(0));
        SmallVector<Value> sums = b.choose(
            any, ValueRange(zeros).getTypes(), [&] { return dots.run(in); },
            [&] { return zeros; });
        for (int64_t i = 0; i < rowBlock; ++i) {
          Value inside = arith::AndIOp::create(b, b.isLess(own, b.index(out)),
                                               b.isLess(inputRows[i], rows));
          Value mine = b.isEqual(b.lane(), b.index(i));
          b.when(arith::AndIOp::create(b, mine, inside), [&] {
            Value x = sums[i];
            if (bias)
              x = b.fadd(x, b.loadConstant(b.at(bias, f32, own), f32));
            Value place = b.add(b.mul(inputRows[i], out), own);
            b.store(b.fmul(x, factors[i]), b.at(result, f32, place));
          });
        }
      });
}
