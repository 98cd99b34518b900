//===- DecodeKernels.cpp - products with few rows, read-bound -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// In decode every weight is read once and used for as many rows as the batch
// has: time is the bytes of the weights. Threads share the weight, never the
// sum of one result, so no thread waits for another and no order changes.
//
// [out, in] weights are dot products: four rows of the weight at a time, two
// accumulators each. A thread takes neighbouring rows, so it reads four streams
// of one part of the memory, which is what the hardware prefetches best. Those
// of an active set are gathered, four at a time as well.
//
// RowSumKernels.cpp has [in, out] weights.
//
//===----------------------------------------------------------------------===//

#include "DotGenerator.h"
#include "Gather.h"
#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

/// Weights below this size are not worth waking other threads for.
static constexpr int64_t kParallelBytes = 64 << 10;

bool cpu::isWorthThreads(RankedTensorType weight) {
  return weight.getNumElements() * weight.getElementTypeBitWidth() / 8 >=
         kParallelBytes;
}

/// `_256x1024_f32_bias_relu`.
static std::string nameProduct(RankedTensorType weight,
                               const Epilogue &epilogue) {
  return ("_" + Twine(weight.getDimSize(0)) + "x" +
          Twine(weight.getDimSize(1)) + "_" +
          nameElement(weight.getElementType()) + epilogue.getName())
      .str();
}

/// Calls `body` with groups of rows 0 .. rows - 1: as many groups of `size` as
/// there are, then single rows.
static void forRowGroups(KernelBuilder &b, Value rows, int64_t size,
                         llvm::function_ref<void(Value, int64_t)> body) {
  Value rest = b.index(0);
  if (size > 1) {
    Value groups = arith::DivUIOp::create(b, rows, b.index(size));
    rest = arith::MulIOp::create(b, groups, b.index(size));
    b.loop(b.index(0), rest, size, [&](Value row) { body(row, size); });
  }
  b.loop(rest, rows, 1, [&](Value row) { body(row, 1); });
}

//===----------------------------------------------------------------------===//
// Dot products
//===----------------------------------------------------------------------===//

void DotGenerator::step(SmallVectorImpl<Value> &sums, ArrayRef<Value> outs,
                        ArrayRef<Value> rows, Value column, int64_t active,
                        int64_t which) {
  SmallVector<Value> xs;
  for (Value row : rows)
    xs.push_back(b.loadVector(input, {row, column}, active));
  int64_t at = which;
  for (Value out : outs) {
    Value w = b.loadVector(weight, {out, column}, active);
    for (Value x : xs) {
      sums[at] = b.fma(w, x, sums[at]);
      at += kAccumulators;
    }
  }
}

SmallVector<Value> DotGenerator::sum(ArrayRef<Value> outs,
                                     ArrayRef<Value> rows) {
  int64_t lanes = b.getLanes(), stride = lanes * kAccumulators;
  int64_t numOuts = outs.size(), numRows = rows.size();
  SmallVector<Value> sums(numOuts * numRows * kAccumulators, b.splat(0, lanes));
  int64_t main = in / stride * stride;
  if (main > 0)
    sums = b.fold(b.index(0), b.index(main), stride, sums,
                  [&](Value column, ValueRange carried) {
                    SmallVector<Value> next(carried);
                    for (int64_t i = 0; i < kAccumulators; ++i)
                      step(next, outs, rows, b.offset(column, i * lanes), lanes,
                           i);
                    return next;
                  });
  for (int64_t at = main, i = 0; at < in; at += lanes, ++i)
    step(sums, outs, rows, b.index(at), std::min(lanes, in - at), i);

  SmallVector<Value> dots;
  for (int64_t r = 0; r < numRows; ++r)
    for (int64_t o = 0; o < numOuts; ++o) {
      int64_t at = (o * numRows + r) * kAccumulators;
      Value sum = sums[at];
      for (int64_t i = 1; i < kAccumulators; ++i)
        sum = arith::AddFOp::create(b, sum, sums[at + i]);
      dots.push_back(b.reduceAdd(sum));
    }
  return dots;
}

void DotGenerator::generate(Value out, int64_t numOuts, Value row,
                            int64_t numRows) {
  SmallVector<Value> outs, rows;
  for (int64_t i = 0; i < numOuts; ++i)
    outs.push_back(b.offset(out, i));
  for (int64_t i = 0; i < numRows; ++i)
    rows.push_back(b.offset(row, i));
  SmallVector<Value> dots = sum(outs, rows);
  auto type = VectorType::get({numOuts}, b.getF32Type());
  for (int64_t r = 0; r < numRows; ++r) {
    Value vector = vector::FromElementsOp::create(
        b, type, ArrayRef(dots).slice(r * numOuts, numOuts));
    if (bias)
      vector = arith::AddFOp::create(
          b, vector, vector::LoadOp::create(b, type, bias, ValueRange{out}));
    vector = epilogue.apply(b, vector);
    if (factor)
      vector = arith::MulFOp::create(
          b, vector,
          vector::LoadOp::create(b, type, factor, ValueRange{rows[r], out}));
    vector::StoreOp::create(b, vector, result, ValueRange{rows[r], out});
  }
}

void DotGenerator::gather(ArrayRef<Value> outs, Value row) {
  for (auto [out, dot] : llvm::zip_equal(outs, sum(outs, row))) {
    Value value = dot;
    if (bias)
      value = arith::AddFOp::create(
          b, value, memref::LoadOp::create(b, bias, ValueRange{out}));
    if (epilogue.activation) {
      Value vector = epilogue.apply(b, b.broadcast(value, 1));
      value = vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{0});
    }
    if (factor)
      value = arith::MulFOp::create(
          b, value, memref::LoadOp::create(b, factor, ValueRange{row, out}));
    memref::StoreOp::create(b, value, result, ValueRange{row, out});
  }
}

/// Outputs and rows of one block, so that its accumulators fit.
static constexpr int64_t kOuts = 4, kRows = 4;

/// Generates results [first, first + numOuts) of all rows.
static void generateBlock(DotGenerator &dots, Value first, int64_t numOuts,
                          Value rows) {
  KernelBuilder &b = dots.b;
  int64_t outsOfGroup =
      b.getTarget().getAccumulators() / (kRows * DotGenerator::kAccumulators);
  forRowGroups(b, rows, kRows, [&](Value row, int64_t numRows) {
    int64_t step = numRows == 1 ? numOuts : outsOfGroup;
    for (int64_t i = 0; i < numOuts; i += step)
      dots.generate(b.offset(first, i), std::min(step, numOuts - i), row,
                    numRows);
  });
}

namespace {
/// Results of a product that a loop goes over in blocks of `size`.
struct DotRange {
  DotGenerator *dots;
  int64_t first, size, blocks;
};
} // namespace

/// Adds the results 0 .. out - 1: in full blocks, then what is left as one.
static void addRanges(SmallVectorImpl<DotRange> &ranges, DotGenerator &dots,
                      int64_t out) {
  int64_t full = out / kOuts, rest = out % kOuts;
  if (full > 0)
    ranges.push_back({&dots, 0, kOuts, full});
  if (rest > 0)
    ranges.push_back({&dots, full * kOuts, rest, 1});
}

/// Generates `body(range, first result)` for block `at` of the blocks of all
/// ranges, one behind the other.
static void dispatch(KernelBuilder &b, Value at, ArrayRef<DotRange> ranges,
                     llvm::function_ref<void(const DotRange &, Value)> body) {
  OpBuilder::InsertionGuard guard(b);
  for (const DotRange &range : ranges) {
    bool isLast = &range == &ranges.back();
    Value blocks = b.index(range.blocks);
    scf::IfOp branch;
    if (!isLast) {
      Value isHere =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at, blocks);
      branch = scf::IfOp::create(b, isHere, /*withElseRegion=*/true);
      b.setInsertionPointToStart(branch.thenBlock());
    }
    Value first = arith::MulIOp::create(b, at, b.index(range.size));
    body(range, b.offset(first, range.first));
    if (!isLast) {
      b.setInsertionPointToStart(branch.elseBlock());
      at = arith::SubIOp::create(b, at, blocks);
    }
  }
}

/// Generates this thread's blocks of all ranges.
static void
shareRanges(KernelBuilder &b, ArrayRef<DotRange> ranges, const Team &team,
            llvm::function_ref<void(const DotRange &, Value)> body) {
  int64_t total = 0;
  for (const DotRange &range : ranges)
    total += range.blocks;
  b.forShare(b.index(total), team,
             [&](Value at) { dispatch(b, at, ranges, body); });
}

func::FuncOp cpu::getLinearKernel(KernelLibrary &library,
                                  ArrayRef<LinearSpec> specs) {
  MLIRContext *context = library.getContext();
  int64_t in = specs.front().weight.getDimSize(1);
  std::string name = "linear";
  SmallVector<Type> types{getRowsType(context, in)};
  for (const LinearSpec &spec : specs) {
    int64_t out = spec.weight.getDimSize(0);
    types.push_back(getWeightType(spec.weight));
    if (spec.epilogue.hasBias)
      types.push_back(MemRefType::get({out}, Float32Type::get(context)));
    types.push_back(getRowsType(context, out));
    name += nameProduct(spec.weight, spec.epilogue);
  }
  types.push_back(IndexType::get(context));
  return library.getShared(
      name, types, [&](KernelBuilder &b, ValueRange args, const Team &team) {
        Value rows = args.back();
        SmallVector<DotGenerator> products;
        products.reserve(specs.size());
        SmallVector<DotRange> ranges;
        size_t next = 1;
        for (const LinearSpec &spec : specs) {
          Value weight = args[next++];
          Value bias = spec.epilogue.hasBias ? args[next++] : Value();
          products.push_back({b, args[0], weight, bias, args[next++], in,
                              spec.epilogue, Value()});
          addRanges(ranges, products.back(), spec.weight.getDimSize(0));
        }
        shareRanges(b, ranges, team, [&](const DotRange &range, Value first) {
          generateBlock(*range.dots, first, range.size, rows);
        });
      });
}

func::FuncOp cpu::getGatedLinearKernel(KernelLibrary &library,
                                       const LinearSpec &gate,
                                       const LinearSpec &up) {
  MLIRContext *context = library.getContext();
  int64_t out = gate.weight.getDimSize(0), in = gate.weight.getDimSize(1);
  std::string name = "gated" + nameProduct(gate.weight, gate.epilogue) +
                     nameProduct(up.weight, up.epilogue);
  SmallVector<Type> types{getRowsType(context, in)};
  for (const LinearSpec *spec : {&gate, &up}) {
    types.push_back(getWeightType(spec->weight));
    if (spec->epilogue.hasBias)
      types.push_back(MemRefType::get({out}, Float32Type::get(context)));
  }
  types.append({getRowsType(context, out), IndexType::get(context)});
  return library.getShared(
      name, types, [&](KernelBuilder &b, ValueRange args, const Team &team) {
        Value rows = args.back(), result = args[args.size() - 2];
        size_t next = 1;
        auto take = [&](const LinearSpec &spec, Value factor) {
          Value weight = args[next++];
          Value bias = spec.epilogue.hasBias ? args[next++] : Value();
          return DotGenerator{b,      args[0], weight,        bias,
                              result, in,      spec.epilogue, factor};
        };
        DotGenerator first = take(gate, Value()), second = take(up, result);
        SmallVector<DotRange> ranges;
        addRanges(ranges, first, out);
        shareRanges(b, ranges, team, [&](const DotRange &range, Value at) {
          // What the gate made is multiplied by the thread that made it.
          generateBlock(first, at, range.size, rows);
          generateBlock(second, at, range.size, rows);
        });
      });
}

func::FuncOp cpu::getGatherLinearKernel(KernelLibrary &library,
                                        const GatherSpec &spec) {
  MLIRContext *context = library.getContext();
  RankedTensorType weight = spec.linear.weight;
  const Epilogue &epilogue = spec.linear.epilogue;
  int64_t out = weight.getDimSize(0), in = weight.getDimSize(1);
  Type rowsType = getRowsType(context, out);
  SmallVector<Type> types{getRowsType(context, in),
                          getIndicesType(context, out), getCountsType(context),
                          getWeightType(weight)};
  if (epilogue.hasBias)
    types.push_back(MemRefType::get({out}, Float32Type::get(context)));
  if (spec.hasFactor)
    types.push_back(rowsType);
  types.append({rowsType, IndexType::get(context)});
  std::string name = "gather_linear" + nameProduct(weight, epilogue) +
                     (spec.hasFactor ? "_times" : "") +
                     (spec.fills ? "" : "_only");
  return library.getShared(
      name, types, [&](KernelBuilder &b, ValueRange args, const Team &team) {
        Value rows = args.back(), result = args[args.size() - 2];
        DotGenerator dots{
            b,        args[0],
            args[3],  epilogue.hasBias ? args[4] : Value(),
            result,   in,
            epilogue, spec.hasFactor ? args[args.size() - 3] : Value()};
        b.loop(b.index(0), rows, 1, [&](Value row) {
          ActiveRow active{b, args[1], args[2], row};
          // Nobody else writes between what this thread computes.
          auto [first, last] = active.getShare(team, kOuts);
          if (spec.fills) {
            auto [from, to] = active.getUnits(first, last, team, out);
            clearColumns(b, result, row, from, to);
          }
          active.forGroups(first, last, kOuts,
                           [&](ArrayRef<Value> outs, ArrayRef<Value> next) {
                             for (Value out : next)
                               prefetchRow(b, args[3], out, b.index(0));
                             dots.gather(outs, row);
                           });
        });
      });
}
