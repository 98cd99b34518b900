//===- RowSumKernels.cpp - sums of scaled rows of a weight ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// [in, out] weights, such as neuron-major down projections: the result is the
// sum of rows of the weight, each times an element of the input.
//
// A thread has columns of its own and goes over all rows, a few at a time: it
// reads as many streams as wide as its columns, and adds to sums that stay in
// the first cache. A tile of columns in registers would read a few cache lines
// of one row after the other, which no prefetcher follows: half as fast from
// memory. The sum of a column takes the rows in their order, however many
// threads there are and wherever groups begin. An active set only
// changes which rows go by.
//
//===----------------------------------------------------------------------===//

#include "Gather.h"
#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

/// Rows of the weight that are read at once: more of short ones, and more of
/// bytes, of which there are more for each sum that is loaded and stored.
static int64_t getRowsAtOnce(RankedTensorType weight) {
  if (weight.getElementTypeBitWidth() == 8)
    return 16;
  return hasShortRows(getWeightType(weight)) ? 8 : 4;
}

namespace {
/// Generates the sums of one thread's columns.
struct RowSumGenerator {
  KernelBuilder &b;
  Value input, weight, bias, result;
  int64_t out;
  /// The thread's columns that fill vectors, [first, last), and whether the
  /// rest, which fills none, is its, too.
  Value first, last, hasRest;

  RowSumGenerator(KernelBuilder &b, Value input, Value weight, Value bias,
                  Value result, int64_t out, const Team &team);
  /// Starts the sums of a row: with the bias.
  void start(Value row);
  /// Adds the rows `neurons` of the weight; `next` are those that come next.
  void add(Value row, ArrayRef<Value> neurons, ArrayRef<Value> next = {});
  /// Turns the sums into scale * sum + bias, where the bias may be null.
  void finish(Value row, Value scale, Value bias);

private:
  /// Calls `body` with the start of each vector and with its lanes in use.
  void forColumns(llvm::function_ref<void(Value, int64_t)> body);
};
} // namespace

RowSumGenerator::RowSumGenerator(KernelBuilder &b, Value input, Value weight,
                                 Value bias, Value result, int64_t out,
                                 const Team &team)
    : b(b), input(input), weight(weight), bias(bias), result(result), out(out) {
  int64_t lanes = b.getLanes();
  auto [firstVector, lastVector] = b.getShare(b.index(out / lanes), team);
  first = arith::MulIOp::create(b, firstVector, b.index(lanes));
  last = arith::MulIOp::create(b, lastVector, b.index(lanes));
  hasRest = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                  b.offset(team.thread, 1), team.threads);
}

void RowSumGenerator::forColumns(
    llvm::function_ref<void(Value, int64_t)> body) {
  int64_t lanes = b.getLanes(), rest = out % lanes;
  b.loop(first, last, lanes, [&](Value column) { body(column, lanes); });
  if (rest == 0)
    return;
  auto branch = scf::IfOp::create(b, hasRest, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body(b.index(out - rest), rest);
}

void RowSumGenerator::start(Value row) {
  forColumns([&](Value column, int64_t active) {
    Value value =
        bias ? b.loadVector(bias, column, active) : b.splat(0, b.getLanes());
    b.storeVector(value, result, {row, column}, active);
  });
}

void RowSumGenerator::add(Value row, ArrayRef<Value> neurons,
                          ArrayRef<Value> next) {
  for (Value neuron : next)
    prefetchRow(b, weight, neuron, first);
  SmallVector<Value> factors;
  for (Value neuron : neurons) {
    Value x = memref::LoadOp::create(b, input, ValueRange{row, neuron});
    factors.push_back(b.broadcast(x, b.getLanes()));
  }
  forColumns([&](Value column, int64_t active) {
    Value sum = b.loadVector(result, {row, column}, active);
    for (auto [neuron, factor] : llvm::zip_equal(neurons, factors))
      sum = b.fma(factor, b.loadVector(weight, {neuron, column}, active), sum);
    b.storeVector(sum, result, {row, column}, active);
  });
}

void RowSumGenerator::finish(Value row, Value scale, Value bias) {
  forColumns([&](Value column, int64_t active) {
    Value end =
        bias ? b.loadVector(bias, column, active) : b.splat(0, b.getLanes());
    Value sum = b.loadVector(result, {row, column}, active);
    sum = b.fma(sum, b.loadVector(scale, column, active), end);
    b.storeVector(sum, result, {row, column}, active);
  });
}

static std::string nameRowSum(StringRef stem, RankedTensorType weight,
                              bool hasBias) {
  return (stem + "_" + Twine(weight.getDimSize(0)) + "x" +
          Twine(weight.getDimSize(1)) + "_" +
          nameElement(weight.getElementType()) + (hasBias ? "_bias" : ""))
      .str();
}

func::FuncOp cpu::getRowSumKernel(KernelLibrary &library,
                                  RankedTensorType weight, bool hasBias,
                                  bool hasScale) {
  MLIRContext *context = library.getContext();
  int64_t in = weight.getDimSize(0), out = weight.getDimSize(1);
  SmallVector<Type> types{getRowsType(context, in), getWeightType(weight)};
  types.append(hasScale + hasBias,
               MemRefType::get({out}, Float32Type::get(context)));
  types.append({getRowsType(context, out), IndexType::get(context)});
  return library.getShared(
      nameRowSum(hasScale ? "scaled_row_sum" : "row_sum", weight, hasBias),
      types, [&](KernelBuilder &b, ValueRange args, const Team &team) {
        Value rows = args.back(), scale = hasScale ? args[2] : Value();
        Value bias = hasBias ? args[hasScale ? 3 : 2] : Value();
        // A bias behind a scale is added at the end.
        RowSumGenerator sums(b, args[0], args[1], hasScale ? Value() : bias,
                             args[args.size() - 2], out, team);
        auto forRows = [&](llvm::function_ref<void(Value)> body) {
          b.loop(b.index(0), rows, 1, body);
        };
        forRows([&](Value row) { sums.start(row); });
        // What is read for the first row of the batch the others find in a
        // cache.
        forGroups(b, b.index(0), b.index(in), getRowsAtOnce(weight),
                  [&](ArrayRef<Value> neurons) {
                    forRows([&](Value row) { sums.add(row, neurons); });
                  });
        if (hasScale)
          forRows([&](Value row) { sums.finish(row, scale, bias); });
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
  return library.getShared(
      nameRowSum("sparse_row_sum", weight, hasBias), types,
      [&](KernelBuilder &b, ValueRange args, const Team &team) {
        RowSumGenerator sums(b, args[0], args[3], hasBias ? args[4] : Value(),
                             args[args.size() - 2], out, team);
        b.loop(b.index(0), args.back(), 1, [&](Value row) {
          ActiveRow active{b, args[1], args[2], row};
          sums.start(row);
          active.forGroups(b.index(0), active.getCount(), getRowsAtOnce(weight),
                           [&](ArrayRef<Value> neurons, ArrayRef<Value> next) {
                             sums.add(row, neurons, next);
                           });
        });
      });
}
