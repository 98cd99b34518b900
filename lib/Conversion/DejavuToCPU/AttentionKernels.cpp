//===- AttentionKernels.cpp - the cache and attention over it -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention takes the keys in blocks of as many as a vector has lanes and keeps
// a running maximum and sum (online softmax), so that it needs no memory that
// grows with the context. Blocks start at the row's first step that is not
// padding: a row gives the same bits however far it is padded.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

MemRefType cpu::getCacheType(KVCacheType cache) {
  return MemRefType::get({ShapedType::kDynamic, cache.getHeads(),
                          ShapedType::kDynamic, cache.getHeadDim()},
                         Float32Type::get(cache.getContext()));
}

func::FuncOp cpu::getKVAppendKernel(KernelLibrary &library, KVCacheType cache,
                                    bool parallel) {
  MLIRContext *context = library.getContext();
  int64_t heads = cache.getHeads(), headDim = cache.getHeadDim();
  std::string name = ("kv_append_" + Twine(heads) + "x" + Twine(headDim) +
                      (parallel ? "_prefill" : "_decode"))
                         .str();
  Type rows = getRowsType(context, heads * headDim);
  Type memory = getCacheType(cache), index = IndexType::get(context);
  return library.get(
      name, {rows, rows, memory, memory, index, index, index},
      [&](KernelBuilder &b, ValueRange args) {
        Value past = args[4], tokens = args[5];
        b.forAll(args[6], parallel, [&](Value row) {
          Value batch = arith::DivUIOp::create(b, row, tokens);
          Value token = arith::RemUIOp::create(b, row, tokens);
          Value time = arith::AddIOp::create(b, past, token);
          for (int64_t which = 0; which < 2; ++which)
            b.loop(b.index(0), b.index(heads), 1, [&](Value head) {
              Value first = arith::MulIOp::create(b, head, b.index(headDim));
              b.forEachVector(headDim, [&](Value at, int64_t active) {
                Value column = arith::AddIOp::create(b, first, at);
                Value value = b.loadVector(args[which], {row, column}, active);
                b.storeVector(value, args[2 + which], {batch, head, time, at},
                              active);
              });
            });
        });
      });
}

MemRefType cpu::getAttentionScratchType(KernelLibrary &library,
                                        KVCacheType cache) {
  return MemRefType::get(
      {ShapedType::kDynamic, cache.getHeads(), library.getTarget().lanes},
      Float32Type::get(cache.getContext()));
}

/// Products of elements (of keys) from which threads share the heads.
static constexpr int64_t kParallelWork = 32 << 10;

namespace {
/// Generates the attention of one query head of one row.
struct HeadGenerator {
  KernelBuilder &b;
  Value query, keys, values, scratch, result;
  int64_t headDim;
  llvm::APFloat scale;
  // Of the row and the head at hand.
  Value row, batch, kvHead, queryColumn;

  int64_t getVectors() const { return llvm::divideCeil(headDim, b.getLanes()); }
  int64_t getActive(int64_t vector) const {
    return std::min(b.getLanes(), headDim - vector * b.getLanes());
  }
  Value at(int64_t vector) { return b.index(vector * b.getLanes()); }

  /// The vectors of `cache` at step `time`.
  SmallVector<Value> loadStep(Value cache, Value time) {
    SmallVector<Value> loaded;
    for (int64_t v = 0; v < getVectors(); ++v)
      loaded.push_back(
          b.loadVector(cache, {batch, kvHead, time, at(v)}, getActive(v)));
    return loaded;
  }
  void storeResult(ValueRange vectors) {
    for (int64_t v = 0; v < getVectors(); ++v)
      b.storeVector(vectors[v], result,
                    {row, b.offset(queryColumn, v * b.getLanes())},
                    getActive(v));
  }

  /// softmax over steps [first, last), which are not empty.
  void attend(Value first, Value last);
  /// The mean of the values of steps [0, count).
  void average(Value count);
  void clear() {
    storeResult(SmallVector<Value>(getVectors(), b.splat(0, b.getLanes())));
  }

private:
  /// The block of keys at `first`, `count` of them.
  SmallVector<Value> block(ArrayRef<Value> q, Value first, Value count,
                           ValueRange carried);
};
} // namespace

SmallVector<Value> HeadGenerator::block(ArrayRef<Value> q, Value first,
                                        Value count, ValueRange carried) {
  int64_t lanes = b.getLanes();
  Value maximum = carried[0], sum = carried[1];
  Value factor =
      arith::ConstantOp::create(b, FloatAttr::get(b.getF32Type(), scale));
  Value zero = b.index(0);
  // Lanes without a key weigh nothing.
  b.storeVector(b.splat(-std::numeric_limits<double>::infinity(), lanes),
                scratch, {row, kvHead, zero}, lanes);
  b.loop(zero, count, 1, [&](Value i) {
    SmallVector<Value> k = loadStep(keys, arith::AddIOp::create(b, first, i));
    Value dot = arith::MulFOp::create(b, q[0], k[0]);
    for (size_t v = 1; v < q.size(); ++v)
      dot = b.fma(q[v], k[v], dot);
    Value score = arith::MulFOp::create(b, b.reduceAdd(dot), factor);
    memref::StoreOp::create(b, score, scratch, ValueRange{row, kvHead, i});
  });
  Value scores = b.loadVector(scratch, {row, kvHead, zero}, lanes);
  Value next = arith::MaximumFOp::create(
      b, maximum, b.broadcast(b.reduceMax(scores), lanes));
  Value weights =
      math::ExpOp::create(b, arith::SubFOp::create(b, scores, next));
  Value decay = math::ExpOp::create(b, arith::SubFOp::create(b, maximum, next));
  b.storeVector(weights, scratch, {row, kvHead, zero}, lanes);
  SmallVector<Value> results{next, b.fma(sum, decay, weights)};
  SmallVector<Value> sums;
  for (Value each : carried.drop_front(2))
    sums.push_back(arith::MulFOp::create(b, each, decay));
  sums = b.fold(zero, count, 1, sums, [&](Value i, ValueRange carried) {
    Value weight =
        memref::LoadOp::create(b, scratch, ValueRange{row, kvHead, i});
    Value wide = b.broadcast(weight, lanes);
    SmallVector<Value> v = loadStep(values, arith::AddIOp::create(b, first, i));
    SmallVector<Value> next;
    for (auto [value, sum] : llvm::zip_equal(v, carried))
      next.push_back(b.fma(wide, value, sum));
    return next;
  });
  llvm::append_range(results, sums);
  return results;
}

void HeadGenerator::attend(Value first, Value last) {
  int64_t lanes = b.getLanes();
  SmallVector<Value> q;
  for (int64_t v = 0; v < getVectors(); ++v)
    q.push_back(b.loadVector(query, {row, b.offset(queryColumn, v * lanes)},
                             getActive(v)));
  SmallVector<Value> state{
      b.splat(-std::numeric_limits<double>::infinity(), lanes),
      b.splat(0, lanes)};
  state.append(getVectors(), b.splat(0, lanes));
  state =
      b.fold(first, last, lanes, state, [&](Value start, ValueRange carried) {
        Value left = arith::SubIOp::create(b, last, start);
        Value count = arith::MinUIOp::create(b, left, b.index(lanes));
        return block(q, start, count, carried);
      });
  Value total = b.broadcast(b.reduceAdd(state[1]), lanes);
  SmallVector<Value> out;
  for (Value sum : ArrayRef(state).drop_front(2))
    out.push_back(arith::DivFOp::create(b, sum, total));
  storeResult(out);
}

void HeadGenerator::average(Value count) {
  SmallVector<Value> sums(getVectors(), b.splat(0, b.getLanes()));
  sums =
      b.fold(b.index(0), count, 1, sums, [&](Value time, ValueRange carried) {
        SmallVector<Value> next;
        for (auto [value, sum] :
             llvm::zip_equal(loadStep(values, time), carried))
          next.push_back(arith::AddFOp::create(b, sum, value));
        return next;
      });
  Value number = arith::IndexCastUIOp::create(b, b.getI64Type(), count);
  Value divisor = b.broadcast(
      arith::UIToFPOp::create(b, b.getF32Type(), number), b.getLanes());
  for (Value &sum : sums)
    sum = arith::DivFOp::create(b, sum, divisor);
  storeResult(sums);
}

func::FuncOp cpu::getAttentionKernel(KernelLibrary &library, KVCacheType cache,
                                     int64_t features, llvm::APFloat scale,
                                     MaskedRows maskedRows) {
  MLIRContext *context = library.getContext();
  int64_t heads = cache.getHeads(), headDim = cache.getHeadDim();
  int64_t group = features / (heads * headDim);
  SmallString<16> digits;
  scale.bitcastToAPInt().toStringUnsigned(digits, 16);
  std::string name = ("attention_" + Twine(heads * group) + "of" +
                      Twine(heads) + "x" + Twine(headDim) + "_scale" + digits +
                      "_" + stringifyMaskedRows(maskedRows))
                         .str();
  Type rowsType = getRowsType(context, features);
  Type memory = getCacheType(cache), index = IndexType::get(context);
  auto starts =
      MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 64));
  SmallVector<Type> types{
      rowsType, memory, memory, starts, getAttentionScratchType(library, cache),
      rowsType, index,  index,  index};
  // One key and value head of one row, a function of its own because two loops
  // call it: with few keys, waking other threads takes longer than the work.
  SmallVector<Type> headTypes(types);
  headTypes.push_back(index);
  func::FuncOp head = library.get(
      name + "_head", headTypes, [&](KernelBuilder &b, ValueRange args) {
        Value past = args[6], tokens = args[7], at = args[9];
        Value token = arith::RemUIOp::create(b, at, tokens);
        Value rest = arith::DivUIOp::create(b, at, tokens);
        Value head = arith::RemUIOp::create(b, rest, b.index(heads));
        Value batch = arith::DivUIOp::create(b, rest, b.index(heads));
        Value row = arith::AddIOp::create(
            b, arith::MulIOp::create(b, batch, tokens), token);
        Value start = arith::IndexCastOp::create(
            b, b.getIndexType(),
            memref::LoadOp::create(b, args[3], ValueRange{batch}));
        Value last = b.offset(arith::AddIOp::create(b, past, token), 1);
        Value sees =
            arith::CmpIOp::create(b, arith::CmpIPredicate::slt, start, last);
        Value first = arith::MaxSIOp::create(b, start, b.index(0));
        Value column = arith::MulIOp::create(b, head, b.index(group * headDim));
        b.loop(b.index(0), b.index(group), 1, [&](Value member) {
          Value queryColumn = arith::AddIOp::create(
              b, column, arith::MulIOp::create(b, member, b.index(headDim)));
          HeadGenerator generator{b,       args[0], args[1], args[2],
                                  args[4], args[5], headDim, scale,
                                  row,     batch,   head,    queryColumn};
          auto choice = scf::IfOp::create(b, sees, /*withElseRegion=*/true);
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(choice.thenBlock());
          generator.attend(first, last);
          b.setInsertionPointToStart(choice.elseBlock());
          if (maskedRows == MaskedRows::uniform)
            generator.average(arith::AddIOp::create(b, past, tokens));
          else
            generator.clear();
        });
      });
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    // Neighbouring iterations share a head of a sequence, and so a thread
    // finds its keys in its cache.
    Value count = arith::MulIOp::create(b, args[8], b.index(heads));
    Value steps = arith::AddIOp::create(b, args[6], args[7]);
    Value work = arith::MulIOp::create(
        b, arith::MulIOp::create(b, count, steps), b.index(group * headDim));
    Value isMuch = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, work,
                                         b.index(kParallelWork));
    auto choice = scf::IfOp::create(b, isMuch, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    for (bool parallel : {true, false}) {
      b.setInsertionPointToStart(parallel ? choice.thenBlock()
                                          : choice.elseBlock());
      b.forAll(count, parallel, [&](Value at) {
        SmallVector<Value> arguments(args);
        arguments.push_back(at);
        func::CallOp::create(b, head, arguments);
      });
    }
    b.setInsertionPointAfter(choice);
  });
}
