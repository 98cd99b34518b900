//===- SelectKernels.cpp - scores to active sets --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sets are made without a branch on the data: an index is written wherever the
// next one belongs, and the place moves on if the element counts. The greatest
// k are found by the bits of the k-th greatest, from the highest on: 32 counts
// over the scores, which the vector units make in no time, and no order of
// elements that would depend on anything but their values and places.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

MemRefType cpu::getIndicesType(MLIRContext *context, int64_t extent) {
  return MemRefType::get({ShapedType::kDynamic, extent},
                         IntegerType::get(context, 32));
}

MemRefType cpu::getCountsType(MLIRContext *context) {
  return MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 32));
}

static Value toI32(KernelBuilder &b, Value index) {
  return arith::IndexCastUIOp::create(b, b.getI32Type(), index);
}

Value cpu::loadIndex(KernelBuilder &b, Value memref, ValueRange at) {
  Value loaded = memref::LoadOp::create(b, memref, at);
  return arith::IndexCastUIOp::create(b, b.getIndexType(), loaded);
}

/// Appends `index` to the set of `row` of which `count` are there, if `counts`.
/// Returns the new count.
static Value append(KernelBuilder &b, Value indices, Value row, Value count,
                    Value index, Value counts) {
  memref::StoreOp::create(b, toI32(b, index), indices, ValueRange{row, count});
  Value one = arith::IndexCastUIOp::create(b, b.getIndexType(), counts);
  return arith::AddIOp::create(b, count, one);
}

static void storeCount(KernelBuilder &b, Value count, Value counts, Value row) {
  memref::StoreOp::create(b, toI32(b, count), counts, ValueRange{row});
}

//===----------------------------------------------------------------------===//
// The greatest
//===----------------------------------------------------------------------===//

namespace {
/// Numbers as unsigned integers in the same order.
struct KeyBuilder {
  KernelBuilder &b;

  /// An i32 constant of the shape of `like`.
  Value constant(uint32_t value, Type like) {
    if (auto vector = dyn_cast<VectorType>(like))
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(
                 VectorType::get(vector.getShape(), b.getI32Type()),
                 APInt(32, value)));
    return arith::ConstantOp::create(
        b, b.getI32IntegerAttr(static_cast<int32_t>(value)));
  }

  /// Negative numbers have all bits inverted, others the sign bit.
  Value getKey(Value score) {
    Type type = score.getType(), bitsType = b.getI32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      bitsType = VectorType::get(vector.getShape(), bitsType);
    Value bits = arith::BitcastOp::create(b, bitsType, score);
    Value sign = arith::ShRSIOp::create(b, bits, constant(31, type));
    Value flip = arith::OrIOp::create(b, sign, constant(0x80000000u, type));
    return arith::XOrIOp::create(b, bits, flip);
  }

  /// How many of the `extent` scores of a row have a key that compares with
  /// `pivot`, as i32.
  Value count(Value scores, Value row, int64_t extent, Value pivot,
              arith::CmpIPredicate predicate) {
    int64_t lanes = b.getLanes();
    auto type = VectorType::get({lanes}, b.getI32Type());
    Value wide = b.broadcast(pivot, lanes);
    Value sum = b.foldVectors(
        extent, constant(0, type),
        [&](Value column, int64_t active, ValueRange carried) {
          Value key = getKey(b.loadVector(scores, {row, column}, active));
          Value matches = arith::CmpIOp::create(b, predicate, key, wide);
          if (active < lanes) {
            Value used = vector::ConstantMaskOp::create(
                b, VectorType::get({lanes}, b.getI1Type()),
                b.getDenseI64ArrayAttr({active}));
            matches = arith::AndIOp::create(b, matches, used);
          }
          Value ones = arith::ExtUIOp::create(b, type, matches);
          return SmallVector<Value>{
              arith::AddIOp::create(b, carried.front(), ones)};
        })[0];
    return vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum);
  }
};
} // namespace

/// The set of the k greatest of one row.
static void selectTopK(KernelBuilder &b, ValueRange args, int64_t extent,
                       Value row) {
  Value scores = args[0];
  KeyBuilder keys{b};
  Value k = toI32(b, args[4]), zero = keys.constant(0, b.getI32Type());
  // The key of the k-th greatest, bit by bit.
  Value pivot = b.fold(
      b.index(0), b.index(32), 1, zero, [&](Value at, ValueRange carried) {
        Value shift = toI32(b, arith::SubIOp::create(b, b.index(31), at));
        Value bit =
            arith::ShLIOp::create(b, keys.constant(1, b.getI32Type()), shift);
        Value tried = arith::OrIOp::create(b, carried.front(), bit);
        Value found =
            keys.count(scores, row, extent, tried, arith::CmpIPredicate::uge);
        Value enough =
            arith::CmpIOp::create(b, arith::CmpIPredicate::uge, found, k);
        return SmallVector<Value>{
            arith::SelectOp::create(b, enough, tried, carried.front())};
      })[0];
  Value greater =
      keys.count(scores, row, extent, pivot, arith::CmpIPredicate::ugt);
  // Of those that are equal to it the first ones.
  Value ties = arith::SubIOp::create(b, k, greater);
  SmallVector<Value> state = b.fold(
      b.index(0), b.index(extent), 1, {b.index(0), ties},
      [&](Value at, ValueRange carried) {
        Value key =
            keys.getKey(memref::LoadOp::create(b, scores, ValueRange{row, at}));
        auto compare = [&](arith::CmpIPredicate predicate, Value lhs,
                           Value rhs) -> Value {
          return arith::CmpIOp::create(b, predicate, lhs, rhs);
        };
        Value isTie = arith::AndIOp::create(
            b, compare(arith::CmpIPredicate::eq, key, pivot),
            compare(arith::CmpIPredicate::ne, carried[1], zero));
        Value counts = arith::OrIOp::create(
            b, compare(arith::CmpIPredicate::ugt, key, pivot), isTie);
        Value left = arith::SubIOp::create(
            b, carried[1], arith::ExtUIOp::create(b, b.getI32Type(), isTie));
        // No place is left when all k are there.
        Value last = arith::MinUIOp::create(b, carried[0], b.index(extent - 1));
        Value next = append(b, args[1], row, last, at, counts);
        Value full = compare(arith::CmpIPredicate::eq, last, carried[0]);
        next = arith::SelectOp::create(b, full, next, carried[0]);
        return SmallVector<Value>{next, left};
      });
  storeCount(b, state[0], args[2], row);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

func::FuncOp cpu::getSelectKernel(KernelLibrary &library, SelectKind kind,
                                  int64_t extent) {
  MLIRContext *context = library.getContext();
  SmallVector<Type> types{getRowsType(context, extent),
                          getIndicesType(context, extent),
                          getCountsType(context), IndexType::get(context)};
  if (kind == SelectKind::top_k)
    types.push_back(IndexType::get(context));
  else if (kind != SelectKind::exact)
    types.push_back(Float32Type::get(context));
  std::string name =
      ("select_" + stringifySelectKind(kind) + "_" + Twine(extent)).str();
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    b.loop(b.index(0), args[3], 1, [&](Value row) {
      if (kind == SelectKind::top_k)
        return selectTopK(b, args, extent, row);
      Value threshold = kind == SelectKind::exact ? b.f32(0) : args[4];
      Value count =
          b.fold(b.index(0), b.index(extent), 1, b.index(0),
                 [&](Value at, ValueRange carried) {
                   Value score =
                       memref::LoadOp::create(b, args[0], ValueRange{row, at});
                   if (kind == SelectKind::magnitude)
                     score = math::AbsFOp::create(b, score);
                   // Unordered: a NaN is selected.
                   Value counts = arith::CmpFOp::create(
                       b,
                       kind == SelectKind::exact ? arith::CmpFPredicate::UNE
                                                 : arith::CmpFPredicate::UGE,
                       score, threshold);
                   return SmallVector<Value>{
                       append(b, args[1], row, carried.front(), at, counts)};
                 })[0];
      storeCount(b, count, args[2], row);
    });
  });
}

func::FuncOp cpu::getFilterKernel(KernelLibrary &library, int64_t extent) {
  MLIRContext *context = library.getContext();
  Type indices = getIndicesType(context, extent);
  Type counts = getCountsType(context);
  return library.get(
      ("filter_" + Twine(extent)).str(),
      {getRowsType(context, extent), indices, counts, indices, counts,
       IndexType::get(context)},
      [&](KernelBuilder &b, ValueRange args) {
        Value zero = b.f32(0);
        b.loop(b.index(0), args[5], 1, [&](Value row) {
          Value count = b.fold(
              b.index(0), loadIndex(b, args[2], row), 1, b.index(0),
              [&](Value at, ValueRange carried) {
                Value unit = loadIndex(b, args[1], {row, at});
                Value value =
                    memref::LoadOp::create(b, args[0], ValueRange{row, unit});
                Value counts = arith::CmpFOp::create(
                    b, arith::CmpFPredicate::UNE, value, zero);
                return SmallVector<Value>{
                    append(b, args[3], row, carried.front(), unit, counts)};
              })[0];
          storeCount(b, count, args[4], row);
        });
      });
}

func::FuncOp cpu::getExpandKernel(KernelLibrary &library, int64_t extent,
                                  int64_t block) {
  MLIRContext *context = library.getContext();
  return library.get(
      ("expand_" + Twine(extent) + "x" + Twine(block)).str(),
      {getIndicesType(context, extent), getCountsType(context),
       getIndicesType(context, extent * block), getCountsType(context),
       IndexType::get(context)},
      [&](KernelBuilder &b, ValueRange args) {
        b.loop(b.index(0), args[4], 1, [&](Value row) {
          Value count = loadIndex(b, args[1], row), size = b.index(block);
          b.loop(b.index(0), count, 1, [&](Value at) {
            Value first = arith::MulIOp::create(
                b, loadIndex(b, args[0], {row, at}), size);
            Value place = arith::MulIOp::create(b, at, size);
            b.loop(b.index(0), size, 1, [&](Value i) {
              memref::StoreOp::create(
                  b, toI32(b, arith::AddIOp::create(b, first, i)), args[2],
                  ValueRange{row, arith::AddIOp::create(b, place, i)});
            });
          });
          storeCount(b, arith::MulIOp::create(b, count, size), args[3], row);
        });
      });
}

/// The signs of a row as bits: bit j of byte i is that of feature 8 * i + j.
static void packSigns(KernelBuilder &b, Value input, Value row, int64_t in,
                      Value bytes) {
  auto i8 = b.getIntegerType(8);
  auto pack = [&](Value first, int64_t size) -> Value {
    Value byte = arith::ConstantOp::create(b, b.getIntegerAttr(i8, 0));
    for (int64_t j = 0; j < size; ++j) {
      Value x =
          memref::LoadOp::create(b, input, ValueRange{row, b.offset(first, j)});
      Value isNegative =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, b.f32(0));
      Value bit = arith::ExtUIOp::create(b, i8, isNegative);
      Value shift = arith::ConstantOp::create(b, b.getIntegerAttr(i8, j));
      byte =
          arith::OrIOp::create(b, byte, arith::ShLIOp::create(b, bit, shift));
    }
    return byte;
  };
  int64_t full = in / 8;
  b.loop(b.index(0), b.index(full), 1, [&](Value at) {
    Value first = arith::MulIOp::create(b, at, b.index(8));
    memref::StoreOp::create(b, pack(first, 8), bytes, ValueRange{at});
  });
  if (in % 8 != 0)
    memref::StoreOp::create(b, pack(b.index(full * 8), in % 8), bytes,
                            ValueRange{b.index(full)});
}

func::FuncOp cpu::getSignBitKernel(KernelLibrary &library, int64_t in,
                                   int64_t units, bool hasBias) {
  MLIRContext *context = library.getContext();
  auto i8 = IntegerType::get(context, 8);
  int64_t numBytes = (in + 7) / 8;
  SmallVector<Type> types{getRowsType(context, in),
                          MemRefType::get({numBytes, units}, i8)};
  if (hasBias)
    types.push_back(MemRefType::get({units}, Float32Type::get(context)));
  types.append({getRowsType(context, units), IndexType::get(context)});
  std::string name =
      ("sign_bit_" + Twine(in) + "x" + Twine(units) + (hasBias ? "_bias" : ""))
          .str();
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    int64_t lanes = b.getLanes();
    auto bytesType = VectorType::get({lanes}, i8);
    auto sumType = VectorType::get({lanes}, b.getI32Type());
    Value bytes = memref::AllocaOp::create(b, MemRefType::get({numBytes}, i8));
    Value result = args[args.size() - 2];
    b.loop(b.index(0), args.back(), 1, [&](Value row) {
      packSigns(b, args[0], row, in, bytes);
      b.forEachVector(units, [&](Value column, int64_t active) {
        Value none = arith::ConstantOp::create(b, b.getZeroAttr(sumType));
        Value padding = arith::ConstantOp::create(b, b.getZeroAttr(bytesType));
        Value differ = b.fold(
            b.index(0), b.index(numBytes), 1, none,
            [&](Value at, ValueRange carried) {
              Value signs;
              if (active == lanes) {
                signs = vector::LoadOp::create(b, bytesType, args[1],
                                               ValueRange{at, column});
              } else {
                Value mask = vector::ConstantMaskOp::create(
                    b, VectorType::get({lanes}, b.getI1Type()),
                    b.getDenseI64ArrayAttr({active}));
                signs = vector::MaskedLoadOp::create(b, bytesType, args[1],
                                                     ValueRange{at, column},
                                                     mask, padding);
              }
              Value mine = b.broadcast(
                  memref::LoadOp::create(b, bytes, ValueRange{at}), lanes);
              Value bits = math::CtPopOp::create(
                  b, arith::XOrIOp::create(b, signs, mine));
              Value wide = arith::ExtUIOp::create(b, sumType, bits);
              return SmallVector<Value>{
                  arith::AddIOp::create(b, carried.front(), wide)};
            })[0];
        // features - 2 * differ, which is exact.
        Value number = arith::SIToFPOp::create(
            b, VectorType::get({lanes}, b.getF32Type()), differ);
        Value score = b.fma(number, b.splat(-2, lanes),
                            b.splat(static_cast<double>(in), lanes));
        if (hasBias)
          score = arith::AddFOp::create(b, score,
                                        b.loadVector(args[2], column, active));
        b.storeVector(score, result, {row, column}, active);
      });
    });
  });
}
