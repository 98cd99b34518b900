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
// * [out, in] weights are dot products: four rows of the weight at a time, two
//   accumulators each.
// * [in, out] weights (neuron-major down projections) are scaled rows: a tile
// of
//   columns stays in registers while the neurons go by. An active set only
//   changes which neurons go by.
//
//===----------------------------------------------------------------------===//

#include "DotGenerator.h"
#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

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
static std::string nameProduct(RankedTensorType weight, bool hasBias) {
  return nameProduct(weight, Epilogue{hasBias, std::nullopt});
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

/// Generates `body(i)` for the part of 0 .. count - 1 that iteration `at` of a
/// loop over several such ranges, one behind the other, falls into.
static void dispatch(KernelBuilder &b, Value at, ArrayRef<int64_t> counts,
                     llvm::function_ref<void(size_t, Value)> body) {
  size_t which = 0;
  OpBuilder::InsertionGuard guard(b);
  for (; which + 1 < counts.size(); ++which) {
    Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at,
                                         b.index(counts[which]));
    auto branch = scf::IfOp::create(b, isHere, /*withElseRegion=*/true);
    b.setInsertionPointToStart(branch.thenBlock());
    body(which, at);
    b.setInsertionPointToStart(branch.elseBlock());
    at = arith::SubIOp::create(b, at, b.index(counts[which]));
  }
  body(which, at);
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

func::FuncOp cpu::getLinearKernel(KernelLibrary &library,
                                  ArrayRef<LinearSpec> specs) {
  MLIRContext *context = library.getContext();
  int64_t in = specs.front().weight.getDimSize(1);
  std::string name = "linear";
  SmallVector<Type> types{getRowsType(context, in)};
  bool isParallel = false;
  for (const LinearSpec &spec : specs) {
    int64_t out = spec.weight.getDimSize(0);
    types.push_back(getWeightType(spec.weight));
    if (spec.epilogue.hasBias)
      types.push_back(MemRefType::get({out}, Float32Type::get(context)));
    types.push_back(getRowsType(context, out));
    name += nameProduct(spec.weight, spec.epilogue);
    isParallel |= isWorthThreads(spec.weight);
  }
  types.push_back(IndexType::get(context));
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    Value rows = args.back();
    SmallVector<DotGenerator> products;
    SmallVector<int64_t> blocks;
    size_t next = 1;
    for (const LinearSpec &spec : specs) {
      Value weight = args[next++];
      Value bias = spec.epilogue.hasBias ? args[next++] : Value();
      products.push_back(
          {b, args[0], weight, bias, args[next++], in, spec.epilogue, Value()});
      blocks.push_back(spec.weight.getDimSize(0) / kOuts);
    }
    if (int64_t total = std::accumulate(blocks.begin(), blocks.end(), 0LL))
      b.forAll(b.index(total), isParallel, [&](Value at) {
        dispatch(b, at, blocks, [&](size_t which, Value i) {
          // A range without blocks is never reached.
          generateBlock(products[which],
                        arith::MulIOp::create(b, i, b.index(kOuts)),
                        blocks[which] > 0 ? kOuts : 1, rows);
        });
      });
    for (auto [spec, dots, count] : llvm::zip_equal(specs, products, blocks))
      for (int64_t rest = count * kOuts; rest < spec.weight.getDimSize(0);
           ++rest)
        generateBlock(dots, b.index(rest), 1, rows);
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
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    Value rows = args.back(), result = args[args.size() - 2];
    size_t next = 1;
    auto take = [&](const LinearSpec &spec, Value factor) {
      Value weight = args[next++];
      Value bias = spec.epilogue.hasBias ? args[next++] : Value();
      return DotGenerator{b,      args[0], weight,        bias,
                          result, in,      spec.epilogue, factor};
    };
    // What the gate made is multiplied by the thread that has just made it.
    DotGenerator first = take(gate, Value()), second = take(up, result);
    auto generate = [&](Value at, int64_t numOuts) {
      generateBlock(first, at, numOuts, rows);
      generateBlock(second, at, numOuts, rows);
    };
    if (int64_t blocks = out / kOuts)
      b.forAll(b.index(blocks), isWorthThreads(gate.weight), [&](Value i) {
        generate(arith::MulIOp::create(b, i, b.index(kOuts)), kOuts);
      });
    for (int64_t rest = out / kOuts * kOuts; rest < out; ++rest)
      generate(b.index(rest), 1);
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
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    Value rows = args.back(), result = args[args.size() - 2];
    DotGenerator dots{
        b,        args[0],
        args[3],  epilogue.hasBias ? args[4] : Value(),
        result,   in,
        epilogue, spec.hasFactor ? args[args.size() - 3] : Value()};
    SmallVector<Value> most = b.fold(
        b.index(0), rows, 1, b.index(0), [&](Value row, ValueRange carried) {
          if (spec.fills)
            b.forEachVector(out, [&](Value column, int64_t active) {
              b.storeVector(b.splat(0, b.getLanes()), result, {row, column},
                            active);
            });
          return SmallVector<Value>{arith::MaxUIOp::create(
              b, carried.front(), loadIndex(b, args[2], row))};
        });
    // Blocks of each row's set, the same numbers at once: rows have sets of
    // their own, and some have fewer blocks.
    Value blocks = arith::DivUIOp::create(b, b.offset(most.front(), kOuts - 1),
                                          b.index(kOuts));
    b.forAll(blocks, isWorthThreads(weight), [&](Value block) {
      Value first = arith::MulIOp::create(b, block, b.index(kOuts));
      b.loop(b.index(0), rows, 1, [&](Value row) {
        Value count = loadIndex(b, args[2], row), end = b.offset(first, kOuts);
        Value isFull =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ule, end, count);
        auto choice = scf::IfOp::create(b, isFull, /*withElseRegion=*/true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(choice.thenBlock());
        SmallVector<Value> outs;
        for (int64_t i = 0; i < kOuts; ++i)
          outs.push_back(loadIndex(b, args[1], {row, b.offset(first, i)}));
        dots.gather(outs, row);
        b.setInsertionPointToStart(choice.elseBlock());
        b.loop(first, count, 1, [&](Value at) {
          dots.gather(loadIndex(b, args[1], {row, at}), row);
        });
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// Sums of scaled rows
//===----------------------------------------------------------------------===//

namespace {
/// Generates column tiles of sums of scaled rows.
struct RowSumGenerator {
  KernelBuilder &b;
  Value input, weight, bias, result;
  /// The active set; null if all neurons are.
  Value indices, counts;
  int64_t neurons;

  /// Columns [column, column + width) of rows [row, row + numRows).
  void generate(Value column, int64_t width, Value row, int64_t numRows);
};
} // namespace

void RowSumGenerator::generate(Value column, int64_t width, Value row,
                               int64_t numRows) {
  assert((!indices || numRows == 1) && "every row has its own active set");
  int64_t lanes = b.getLanes(), vectors = llvm::divideCeil(width, lanes);
  SmallVector<Value> rows, columns;
  for (int64_t i = 0; i < numRows; ++i)
    rows.push_back(b.offset(row, i));
  for (int64_t i = 0; i < vectors; ++i)
    columns.push_back(b.offset(column, i * lanes));
  auto active = [&](int64_t i) { return std::min(lanes, width - i * lanes); };

  Value count = b.index(neurons);
  if (counts) {
    Value loaded = memref::LoadOp::create(b, counts, ValueRange{row});
    count = arith::IndexCastUIOp::create(b, b.getIndexType(), loaded);
  }
  SmallVector<Value> sums(numRows * vectors, b.splat(0, lanes));
  sums = b.fold(b.index(0), count, 1, sums, [&](Value at, ValueRange carried) {
    Value neuron = at;
    if (indices) {
      Value loaded = memref::LoadOp::create(b, indices, ValueRange{row, at});
      neuron = arith::IndexCastUIOp::create(b, b.getIndexType(), loaded);
    }
    SmallVector<Value> factors, next(carried);
    for (Value each : rows) {
      Value x = memref::LoadOp::create(b, input, ValueRange{each, neuron});
      factors.push_back(b.broadcast(x, lanes));
    }
    for (int64_t v = 0; v < vectors; ++v) {
      Value w = b.loadVector(weight, {neuron, columns[v]}, active(v));
      for (int64_t r = 0; r < numRows; ++r) {
        Value &sum = next[r * vectors + v];
        sum = b.fma(factors[r], w, sum);
      }
    }
    return next;
  });
  for (int64_t r = 0; r < numRows; ++r)
    for (int64_t v = 0; v < vectors; ++v) {
      Value sum = sums[r * vectors + v];
      if (bias)
        sum = arith::AddFOp::create(b, sum,
                                    b.loadVector(bias, columns[v], active(v)));
      b.storeVector(sum, result, {rows[r], columns[v]}, active(v));
    }
}

/// Generates the tiles of all columns.
static void generateTiles(RowSumGenerator &tiles, Value rows, int64_t columns,
                          bool parallel) {
  KernelBuilder &b = tiles.b;
  constexpr int64_t kVectors = 4;
  int64_t width = kVectors * b.getLanes();
  int64_t group =
      tiles.indices ? 1 : b.getTarget().getAccumulators() / kVectors;
  auto tile = [&](Value column, int64_t width) {
    forRowGroups(b, rows, group, [&](Value row, int64_t numRows) {
      tiles.generate(column, width, row, numRows);
    });
  };
  int64_t full = columns / width;
  if (full > 0)
    b.forAll(b.index(full), parallel, [&](Value i) {
      tile(arith::MulIOp::create(b, i, b.index(width)), width);
    });
  if (full * width < columns)
    tile(b.index(full * width), columns - full * width);
}

func::FuncOp cpu::getRowSumKernel(KernelLibrary &library,
                                  RankedTensorType weight, bool hasBias) {
  MLIRContext *context = library.getContext();
  int64_t in = weight.getDimSize(0), out = weight.getDimSize(1);
  SmallVector<Type> types{getRowsType(context, in), getWeightType(weight)};
  if (hasBias)
    types.push_back(MemRefType::get({out}, Float32Type::get(context)));
  types.append({getRowsType(context, out), IndexType::get(context)});
  return library.get("row_sum" + nameProduct(weight, hasBias), types,
                     [&](KernelBuilder &b, ValueRange args) {
                       RowSumGenerator tiles{b,
                                             args[0],
                                             args[1],
                                             hasBias ? args[2] : Value(),
                                             args[args.size() - 2],
                                             Value(),
                                             Value(),
                                             in};
                       generateTiles(tiles, args.back(), out,
                                     isWorthThreads(weight));
                     });
}

func::FuncOp cpu::getSparseRowSumKernel(KernelLibrary &library,
                                        RankedTensorType weight, bool hasBias) {
  MLIRContext *context = library.getContext();
  int64_t in = weight.getDimSize(0), out = weight.getDimSize(1);
  Type i32 = IntegerType::get(context, 32);
  SmallVector<Type> types{getRowsType(context, in),
                          MemRefType::get({ShapedType::kDynamic, in}, i32),
                          MemRefType::get({ShapedType::kDynamic}, i32),
                          getWeightType(weight)};
  if (hasBias)
    types.push_back(MemRefType::get({out}, Float32Type::get(context)));
  types.append({getRowsType(context, out), IndexType::get(context)});
  return library.get("sparse_row_sum" + nameProduct(weight, hasBias), types,
                     [&](KernelBuilder &b, ValueRange args) {
                       RowSumGenerator tiles{b,
                                             args[0],
                                             args[3],
                                             hasBias ? args[4] : Value(),
                                             args[args.size() - 2],
                                             args[1],
                                             args[2],
                                             in};
                       generateTiles(tiles, args.back(), out,
                                     isWorthThreads(weight));
                     });
}
