//===- RopeKernels.cpp - rotary positions, and the cache's new steps ------===//
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

std::string Rotation::getName() const {
  return std::to_string(rotated) + (interleaved ? "_interleaved" : "");
}

Value Rotation::rotate(DeviceBuilder &b, Value head, Value table, Value at,
                       int64_t headDim) const {
  Type f32 = b.getF32Type();
  int64_t half = rotated / 2;
  Value isFirst, partner, pair;
  if (interleaved) {
    pair = b.div(at, 2);
    isFirst = b.isEqual(b.rem(at, 2), b.index(0));
    partner = b.select(isFirst, b.add(at, 1), b.add(at, -1));
  } else {
    isFirst = b.isLess(at, b.index(half));
    partner = b.select(isFirst, b.add(at, half), b.add(at, -half));
    pair = b.min(at, partner);
  }
  Value isRotated;
  if (rotated < headDim) {
    isRotated = b.isLess(at, b.index(rotated));
    partner = b.select(isRotated, partner, at);
    pair = b.select(isRotated, pair, b.index(0));
  }
  Value x = b.load(b.at(head, f32, at), f32);
  Value y = b.load(b.at(head, f32, partner), f32);
  Value cos = b.load(b.at(table, f32, pair), f32);
  Value sin = b.load(b.at(table, f32, b.add(pair, half)), f32);
  Value along = b.fmul(x, cos), across = b.fmul(y, sin);
  Value turned =
      b.select(isFirst, b.fsub(along, across), b.fadd(along, across));
  return isRotated ? b.select(isRotated, turned, x) : turned;
}

int64_t cuda::getRopeKernel(DeviceLibrary &library, int64_t features,
                            int64_t heads, const Rotation &rotation) {
  int64_t headDim = features / heads;
  Type pointer = library.getPointer();
  return library.get(
      ("rope_" + Twine(heads) + "x" + Twine(headDim) + "_" + rotation.getName())
          .str(),
      {pointer, pointer, pointer}, KernelShape{},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value row = b.block(), start = b.mul(row, features);
        Value table = b.at(args[1], f32, b.mul(row, rotation.rotated));
        b.loop(b.thread(), b.index(features), b.getThreads(), [&](Value each) {
          Value at = b.rem(each, headDim);
          Value head = b.at(args[0], f32, b.add(start, b.sub(each, at)));
          b.store(rotation.rotate(b, head, table, at, headDim),
                  b.at(args[2], f32, b.add(start, each)));
        });
      });
}

//===----------------------------------------------------------------------===//
// Keys and values of new tokens
//===----------------------------------------------------------------------===//

std::string AppendSpec::getName() const {
  std::string name = (Twine(cache.getHeads()) + "x" +
                      Twine(cache.getHeadDim()) + "_" + nameElement(element))
                         .str();
  if (key)
    name += "_key_rope" + key->getName();
  if (query)
    name += "_query" + std::to_string(queryHeads) + "_rope" + query->getName();
  return name;
}

int64_t cuda::getKVAppendKernel(DeviceLibrary &library,
                                const AppendSpec &spec) {
  int64_t heads = spec.cache.getHeads(), dim = spec.cache.getHeadDim();
  Type pointer = library.getPointer(), number = library.getNumber();
  SmallVector<Type> types(5 + spec.key.has_value() + 3 * spec.query.has_value(),
                          pointer);
  types.append({number, number});
  return library.get(
      "kv_append_" + spec.getName(), types, KernelShape{},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value row = b.block();
        auto take = [&] {
          Value first = args.front();
          args = args.drop_front();
          return first;
        };
        // Rows of an array, and the element `each` of one; rotated if there is
        // a table.
        auto getRow = [&](Value array, int64_t features) {
          return b.at(array, f32, b.mul(row, features));
        };
        auto read = [&](Value from, Value each, Value table,
                        const std::optional<Rotation> &rotation) -> Value {
          if (!rotation)
            return b.load(b.at(from, f32, each), f32);
          Value at = b.rem(each, dim);
          return rotation->rotate(b, b.at(from, f32, b.sub(each, at)), table,
                                  at, dim);
        };
        Value key = getRow(take(), heads * dim);
        Value value = getRow(take(), heads * dim);
        Value keyTable = spec.key ? getRow(take(), spec.key->rotated) : Value();
        if (spec.query) {
          int64_t features = spec.queryHeads * dim;
          Value query = getRow(take(), features);
          Value table = getRow(take(), spec.query->rotated);
          Value rotated = getRow(take(), features);
          b.loop(b.thread(), b.index(features), b.getThreads(),
                 [&](Value each) {
                   b.store(read(query, each, table, spec.query),
                           b.at(rotated, f32, each));
                 });
        }
        Value keys = take(), values = take(), pastAt = take();
        Value tokens = take(), capacity = take();
        Value sequence = arith::DivUIOp::create(b, row, tokens);
        Value token = arith::RemUIOp::create(b, row, tokens);
        Value past = b.toIndex(b.load(pastAt, b.getI64Type()));
        Value step = b.add(past, token);
        b.loop(b.thread(), b.index(heads * dim), b.getThreads(),
               [&](Value each) {
                 Value head = b.add(b.mul(sequence, heads), b.div(each, dim));
                 Value line = b.add(b.mul(head, capacity), step);
                 Value to = b.add(b.mul(line, dim), b.rem(each, dim));
                 for (auto [from, table, rotation, array] :
                      {std::tuple(key, keyTable, spec.key, keys),
                       std::tuple(value, Value(), std::optional<Rotation>(),
                                  values)})
                   b.store(b.toElement(read(from, each, table, rotation),
                                       spec.element),
                           b.at(array, spec.element, to));
               });
      });
}
