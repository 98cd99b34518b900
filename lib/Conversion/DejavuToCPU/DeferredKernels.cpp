//===- DeferredKernels.cpp - keys and values that are computed later ------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a head owes is a range of steps: from the first that its part of the
// cache lacks to the present one. So one number for each head says all. The
// inputs of the steps are in a ring; a head that would owe more than it holds
// is computed now. Rows of the weights are read once, whatever is owed: the
// steps go by in the inner loop.
//
//===----------------------------------------------------------------------===//

#include "DotGenerator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

MemRefType cpu::getKeptType(MLIRContext *context, const DeferredSpec &spec) {
  return MemRefType::get({ShapedType::kDynamic, spec.getWidth()},
                         Float32Type::get(context));
}

MemRefType cpu::getStepsType(MLIRContext *context, const DeferredSpec &spec) {
  return MemRefType::get({ShapedType::kDynamic, spec.cache.getHeads()},
                         IntegerType::get(context, 64));
}

std::string DeferredSpec::getName() const {
  std::string name =
      ("deferred_" + Twine(cache.getHeads()) + "x" + Twine(cache.getHeadDim()) +
       "_of" + Twine(in) + "_ring" + Twine(ring))
          .str();
  for (auto [type, hasBias] :
       {std::pair{key, hasKeyBias}, std::pair{value, hasValueBias}})
    name += "_" + nameElement(type.getElementType()) + (hasBias ? "bias" : "");
  if (rotated > 0)
    name += ("_rope" + Twine(rotated) + (isInterleaved ? "i" : "")).str();
  return name;
}

namespace {
/// Generates the parts of the kernel.
struct DeferredGenerator {
  KernelBuilder &b;
  const DeferredSpec &spec;
  Value past;         ///< the present step
  Value kept;         ///< [rows * ring, width]
  Value first;        ///< [rows, heads]: where what is computed now begins
  Value keys, values; ///< the cache

  /// The row of the ring that has step `step` of sequence `row`.
  Value getPlace(Value row, Value step) {
    Value ring = b.index(spec.ring);
    return arith::AddIOp::create(b, arith::MulIOp::create(b, row, ring),
                                 arith::RemUIOp::create(b, step, ring));
  }
  Value loadStep(Value memref, Value row, Value head) {
    Value loaded = memref::LoadOp::create(b, memref, ValueRange{row, head});
    return arith::IndexCastOp::create(b, b.getIndexType(), loaded);
  }
  void storeStep(Value step, Value memref, Value row, Value head) {
    memref::StoreOp::create(b,
                            arith::IndexCastOp::create(b, b.getI64Type(), step),
                            memref, ValueRange{row, head});
  }
  /// Calls `body` with each step that `head` of `row` computes now.
  void forEachStep(Value row, Value head,
                   llvm::function_ref<void(Value)> body) {
    b.loop(loadStep(first, row, head), b.offset(past, 1), 1, body);
  }

  /// Puts the row's input, and its angles, into the ring.
  void keep(Value row, Value input, Value table, Value tableRows);
  /// Decides from which step on each head is computed; returns how many heads
  /// are computed at all.
  Value plan(Value row, Value indices, Value counts, Value complete,
             Value flush);
  /// Features [feature, feature + size) of a head, all rows and steps.
  void multiply(DotGenerator &dots, Value memory, Value head, Value feature,
                int64_t size, Value rows);
  /// Rotates the keys that were computed.
  void rotate(Value row, Value head);
};
} // namespace

void DeferredGenerator::keep(Value row, Value input, Value table,
                             Value tableRows) {
  Value place = getPlace(row, past);
  b.forEachVector(spec.in, [&](Value column, int64_t active) {
    b.storeVector(b.loadVector(input, {row, column}, active), kept,
                  {place, column}, active);
  });
  if (!table)
    return;
  Value from = arith::RemUIOp::create(b, row, tableRows);
  b.forEachVector(spec.rotated, [&](Value column, int64_t active) {
    b.storeVector(b.loadVector(table, {from, column}, active), kept,
                  {place, b.offset(column, spec.in)}, active);
  });
}

Value DeferredGenerator::plan(Value row, Value indices, Value counts,
                              Value complete, Value flush) {
  int64_t heads = spec.cache.getHeads();
  Value next = b.offset(past, 1);
  Value mustAll =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, flush, b.index(0));
  b.loop(b.index(0), b.index(heads), 1, [&](Value head) {
    Value done = loadStep(complete, row, head);
    Value owed = arith::SubIOp::create(b, next, done);
    Value isFull = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, owed,
                                         b.index(spec.ring));
    Value now = arith::OrIOp::create(b, mustAll, isFull);
    storeStep(arith::SelectOp::create(b, now, done, next), first, row, head);
  });
  b.loop(b.index(0), loadIndex(b, counts, row), 1, [&](Value at) {
    Value head = loadIndex(b, indices, {row, at});
    storeStep(loadStep(complete, row, head), first, row, head);
  });
  return b.fold(
      b.index(0), b.index(heads), 1, b.index(0),
      [&](Value head, ValueRange carried) {
        Value computes = arith::CmpIOp::create(
            b, arith::CmpIPredicate::ult, loadStep(first, row, head), next);
        // What is computed below is complete then.
        Value done = loadStep(complete, row, head);
        storeStep(arith::SelectOp::create(b, computes, next, done), complete,
                  row, head);
        Value one = arith::IndexCastUIOp::create(b, b.getIndexType(), computes);
        return SmallVector<Value>{
            arith::AddIOp::create(b, carried.front(), one)};
      })[0];
}

void DeferredGenerator::multiply(DotGenerator &dots, Value memory, Value head,
                                 Value feature, int64_t size, Value rows) {
  Value out = arith::AddIOp::create(
      b, arith::MulIOp::create(b, head, b.index(spec.cache.getHeadDim())),
      feature);
  SmallVector<Value> outs;
  for (int64_t i = 0; i < size; ++i)
    outs.push_back(b.offset(out, i));
  auto type = VectorType::get({size}, b.getF32Type());
  b.loop(b.index(0), rows, 1, [&](Value row) {
    forEachStep(row, head, [&](Value step) {
      Value vector = vector::FromElementsOp::create(
          b, type, dots.sum(outs, getPlace(row, step)));
      if (dots.bias)
        vector = arith::AddFOp::create(
            b, vector,
            vector::LoadOp::create(b, type, dots.bias, ValueRange{out}));
      vector::StoreOp::create(b, vector, memory,
                              ValueRange{row, head, step, feature});
    });
  });
}

void DeferredGenerator::rotate(Value row, Value head) {
  int64_t half = spec.rotated / 2;
  forEachStep(row, head, [&](Value step) {
    Value place = getPlace(row, step);
    b.loop(b.index(0), b.index(half), 1, [&](Value i) {
      Value cos = memref::LoadOp::create(
          b, kept, ValueRange{place, b.offset(i, spec.in)});
      Value sin = memref::LoadOp::create(
          b, kept, ValueRange{place, b.offset(i, spec.in + half)});
      Value at = i, other = b.offset(i, half);
      if (spec.isInterleaved) {
        at = arith::MulIOp::create(b, i, b.index(2));
        other = b.offset(at, 1);
      }
      SmallVector<Value> low{row, head, step, at}, high{row, head, step, other};
      Value x = memref::LoadOp::create(b, keys, low);
      Value y = memref::LoadOp::create(b, keys, high);
      auto mul = [&](Value lhs, Value rhs) -> Value {
        return arith::MulFOp::create(b, lhs, rhs);
      };
      memref::StoreOp::create(
          b, arith::SubFOp::create(b, mul(x, cos), mul(y, sin)), keys, low);
      memref::StoreOp::create(
          b, arith::AddFOp::create(b, mul(y, cos), mul(x, sin)), keys, high);
    });
  });
}

func::FuncOp cpu::getDeferPlanKernel(KernelLibrary &library,
                                     const DeferredSpec &spec) {
  MLIRContext *context = library.getContext();
  Type steps = getStepsType(context, spec), index = IndexType::get(context);
  SmallVector<Type> types{getRowsType(context, spec.in),
                          getIndicesType(context, spec.cache.getHeads()),
                          getCountsType(context),
                          getKeptType(context, spec),
                          steps,
                          steps,
                          getCountsType(context),
                          index,
                          index,
                          index};
  if (spec.rotated > 0)
    types.append({getRowsType(context, spec.rotated), index});
  return library.get(
      spec.getName() + "_plan", types, [&](KernelBuilder &b, ValueRange args) {
        DeferredGenerator generator{b,       spec,    args[7], args[3],
                                    args[5], Value(), Value()};
        bool isRotated = spec.rotated > 0;
        b.loop(b.index(0), args[9], 1, [&](Value row) {
          generator.keep(row, args[0], isRotated ? args[10] : Value(),
                         isRotated ? args[11] : Value());
          Value number =
              generator.plan(row, args[1], args[2], args[4], args[8]);
          memref::StoreOp::create(
              b, arith::IndexCastUIOp::create(b, b.getI32Type(), number),
              args[6], ValueRange{row});
        });
      });
}

func::FuncOp cpu::getDeferredKernel(KernelLibrary &library,
                                    const DeferredSpec &spec) {
  MLIRContext *context = library.getContext();
  int64_t heads = spec.cache.getHeads(), headDim = spec.cache.getHeadDim();
  Type f32 = Float32Type::get(context), index = IndexType::get(context);
  auto bias = MemRefType::get({heads * headDim}, f32);
  Type cache = getCacheType(spec.cache);
  SmallVector<Type> types{getKeptType(context, spec),
                          getStepsType(context, spec),
                          cache,
                          cache,
                          index,
                          index,
                          getWeightType(spec.key)};
  if (spec.hasKeyBias)
    types.push_back(bias);
  types.push_back(getWeightType(spec.value));
  if (spec.hasValueBias)
    types.push_back(bias);
  return library.getShared(
      spec.getName(), types,
      [&](KernelBuilder &b, ValueRange args, const Team &team) {
        Value rows = args[5];
        DeferredGenerator generator{b,       spec,    args[4], args[0],
                                    args[1], args[2], args[3]};
        size_t next = 6;
        auto take = [&](bool hasBias) {
          Value weight = args[next++];
          Value bias = hasBias ? args[next++] : Value();
          return DotGenerator{b,       args[0], weight,     bias,
                              Value(), spec.in, Epilogue(), Value()};
        };
        DotGenerator key = take(spec.hasKeyBias);
        DotGenerator value = take(spec.hasValueBias);

        // Blocks of features are dealt out block by block, each to one thread
        // for some heads in a row, so that threads get equal shares whichever
        // heads are computed. A thread then takes head by head, whose blocks
        // are neighbours in memory.
        auto forHeads = [&](int64_t count, int64_t start, int64_t size) {
          if (count == 0)
            return;
          std::pair<Value, Value> share =
              b.getShare(b.index(heads * count), team);
          // The first block whose number, block * heads + head, is `at` or
          // more.
          auto getBlock = [&](Value at, Value head) -> Value {
            Value after =
                arith::SubIOp::create(b, b.offset(at, heads - 1), head);
            return arith::DivUIOp::create(b, after, b.index(heads));
          };
          auto multiply = [&](DotGenerator &dots, Value memory, Value head) {
            Value from = getBlock(share.first, head);
            b.loop(from, getBlock(share.second, head), 1, [&](Value block) {
              Value feature = b.offset(
                  arith::MulIOp::create(b, block, b.index(size)), start);
              generator.multiply(dots, memory, head, feature, size, rows);
            });
          };
          b.loop(b.index(0), b.index(heads), 1, [&](Value head) {
            multiply(key, generator.keys, head);
            multiply(value, generator.values, head);
          });
        };
        // A few features of a head at a time; what is left goes one by one.
        constexpr int64_t kFeatures = 4;
        int64_t blocks = headDim / kFeatures, rest = headDim % kFeatures;
        forHeads(blocks, 0, kFeatures);
        forHeads(rest, blocks * kFeatures, 1);
      });
}

func::FuncOp cpu::getDeferredRopeKernel(KernelLibrary &library,
                                        const DeferredSpec &spec) {
  MLIRContext *context = library.getContext();
  Type index = IndexType::get(context);
  return library.get(
      spec.getName() + "_rope",
      {getKeptType(context, spec), getStepsType(context, spec),
       getCacheType(spec.cache), index, index},
      [&](KernelBuilder &b, ValueRange args) {
        DeferredGenerator generator{b,       spec,    args[3], args[0],
                                    args[1], args[2], Value()};
        b.loop(b.index(0), args[4], 1, [&](Value row) {
          b.loop(b.index(0), b.index(spec.cache.getHeads()), 1,
                 [&](Value head) { generator.rotate(row, head); });
        });
      });
}
