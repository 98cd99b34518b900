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

#include "DeviceKernels.h"

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
  return name + (hasResidual ? "_residual" : "");
}

Value Epilogue::apply(DeviceBuilder &b, Value x) const {
  if (scale != 1)
    x = b.fmul(x, b.f32(scale));
  return b.activate(activation, b.softcap(softcap, x));
}

/// Rows of a weight that a warp takes. With more, a row of the input is loaded
/// less often; with fewer, there are more warps to share the work.
static int64_t getOutBlock(const LinearSpec &spec, int64_t rowBlock) {
  int64_t out = spec.weight.getDimSize(0);
  if (rowBlock >= 4)
    return out >= 4096 ? 4 : 2;
  return out >= 16384 ? 4 : out >= 8192 ? 2 : 1;
}

int64_t cuda::getLinearBlocks(const LinearSpec &spec, int64_t rowBlock) {
  return llvm::divideCeil(spec.weight.getDimSize(0),
                          kWarps * getOutBlock(spec, rowBlock));
}

namespace {
/// Generates the sums of one warp.
struct DotGenerator {
  DeviceBuilder &b;
  Type element;
  int64_t lanes;              ///< elements of a load
  SmallVector<Value> weights; ///< rows of the weights
  SmallVector<Value> inputs;  ///< rows of the input

  Value loadInput(Value row, Value at) {
    Type f32 = b.getF32Type();
    int64_t width = std::min<int64_t>(lanes, 4);
    auto type = VectorType::get({width}, f32);
    SmallVector<Value> elements;
    for (int64_t i = 0; i < lanes; i += width) {
      Value part = b.load(b.at(b.at(row, f32, at), f32, i), type, width * 4);
      for (int64_t j = 0; j < width; ++j)
        elements.push_back(b.extract(part, j));
    }
    return b.pack(elements);
  }

  /// Adds the products of `steps` loads, from elements `at` on.
  SmallVector<Value> add(Value at, int64_t steps, ValueRange sums) {
    SmallVector<Value> next(sums);
    auto type = VectorType::get({lanes}, element);
    int64_t alignment = lanes * element.getIntOrFloatBitWidth() / 8;
    // All loads of weights come first: they take longest.
    SmallVector<Value> places, loaded;
    for (int64_t step = 0; step < steps; ++step) {
      places.push_back(b.add(at, step * kWarp * lanes));
      for (Value row : weights)
        loaded.push_back(
            b.loadOnce(b.at(row, element, places[step]), type, alignment));
    }
    for (int64_t step = 0; step < steps; ++step)
      for (auto [i, input] : llvm::enumerate(inputs)) {
        Value x = loadInput(input, places[step]);
        for (size_t row = 0; row < weights.size(); ++row) {
          Value w = b.toFloats(loaded[step * weights.size() + row]);
          Value &sum = next[row * inputs.size() + i];
          for (int64_t lane = 0; lane < lanes; ++lane)
            sum = b.fma(b.extract(w, lane), b.extract(x, lane), sum);
        }
      }
    return next;
  }

  /// The sums over rows of `size` elements, for each row of the weights and
  /// each of the input.
  SmallVector<Value> run(int64_t size) {
    SmallVector<Value> sums(weights.size() * inputs.size(), b.f32(0));
    int64_t steps = std::max<int64_t>(1, 8 / weights.size());
    int64_t stride = kWarp * lanes;
    Value start = b.mul(b.lane(), lanes);
    int64_t done = 0;
    for (int64_t unroll : {steps, int64_t(1)}) {
      int64_t whole = (size - done) / (unroll * stride) * (unroll * stride);
      if (whole > 0)
        sums = b.fold(b.add(start, done), b.add(start, done + whole),
                      b.index(unroll * stride), sums,
                      [&](Value at, ValueRange carried) {
                        return add(at, unroll, carried);
                      });
      done += whole;
    }
    if (done < size) {
      Value at = b.add(start, done);
      sums = b.choose(
          b.isLess(at, b.index(size)), ValueRange(sums).getTypes(),
          [&] { return add(at, 1, sums); }, [&] { return sums; });
    }
    for (Value &sum : sums)
      sum = b.sumLanes(sum);
    return sums;
  }
};
} // namespace

int64_t cuda::getLinearKernel(DeviceLibrary &library, const LinearSpec &spec,
                              int64_t rowBlock) {
  int64_t out = spec.weight.getDimSize(0), in = spec.weight.getDimSize(1);
  Type element = spec.weight.getElementType();
  const Epilogue &epilogue = spec.epilogue;
  std::string name =
      ("linear_" + Twine(out) + "x" + Twine(in) + "_" + nameElement(element) +
       epilogue.getName() + (spec.isGated ? "_gated" : "") +
       (spec.hasFactorBias ? "_bias" : "") + "_rows" + Twine(rowBlock))
          .str();
  SmallVector<Type> types(3 + epilogue.hasBias + spec.isGated +
                              spec.hasFactorBias + epilogue.hasResidual,
                          library.getPointer());
  types.append(4, library.getNumber());
  int64_t outBlock = getOutBlock(spec, rowBlock);
  return library.get(
      name, types, KernelShape{.threads = kWarps * kWarp},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        unsigned next = 0;
        Value input = args[next++], weight = args[next++];
        Value bias = epilogue.hasBias ? args[next++] : Value();
        Value factor = spec.isGated ? args[next++] : Value();
        Value factorBias = spec.hasFactorBias ? args[next++] : Value();
        Value residual = epilogue.hasResidual ? args[next++] : Value();
        Value result = args[next++], rows = args[next++];
        // Of each sequence's `tokens` rows those from `from` on.
        Value part = args[next++], tokens = args[next++], from = args[next++];

        Value first =
            b.mul(b.add(b.mul(b.block(), kWarps), b.warp()), outBlock);
        Value firstRow = b.mul(b.block(gpu::Dimension::y), rowBlock);
        // What is past the end is computed for the last and not stored.
        SmallVector<Value> outs, inputRows;
        DotGenerator dots{b, element, getLoadElements(element, in), {}, {}};
        for (int64_t i = 0; i < outBlock; ++i)
          outs.push_back(b.add(first, i));
        for (Value matrix : {weight, factor})
          for (int64_t i = 0; matrix && i < outBlock; ++i)
            dots.weights.push_back(b.at(
                matrix, element, b.mul(b.min(outs[i], b.index(out - 1)), in)));
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
            Value inside =
                arith::AndIOp::create(b, b.isLess(outs[i], b.index(out)),
                                      b.isLess(inputRows[row], rows));
            b.when(arith::AndIOp::create(b, mine, inside), [&] {
              Value x = sums[i * rowBlock + row];
              if (bias)
                x = b.fadd(x, b.loadConstant(b.at(bias, f32, outs[i]), f32));
              x = epilogue.apply(b, x);
              if (factor) {
                Value y = sums[(outBlock + i) * rowBlock + row];
                if (factorBias)
                  y = b.fadd(
                      y, b.loadConstant(b.at(factorBias, f32, outs[i]), f32));
                x = b.fmul(x, y);
              }
              Value place = b.add(b.mul(inputRows[row], out), outs[i]);
              if (residual)
                x = b.fadd(x, b.load(b.at(residual, f32, place), f32));
              b.store(x, b.at(result, f32, place));
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
