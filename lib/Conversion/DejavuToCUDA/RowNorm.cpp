//===- RowNorm.cpp - the norm of a row that threads hold ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowNorm.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

RowPieces RowPieces::makeColumns(DeviceBuilder &b, int64_t size, int64_t width,
                                 int64_t threads) {
  RowPieces pieces;
  pieces.width = width;
  for (int64_t first = 0; first < size; first += width * threads) {
    Value column = b.add(b.mul(b.thread(), width), first);
    bool isWhole = first + width * threads <= size;
    pieces.columns.push_back(isWhole ? column
                                     : b.min(column, b.index(size - width)));
    pieces.isInside.push_back(isWhole ? Value()
                                      : b.isLess(column, b.index(size)));
  }
  return pieces;
}

void RowPieces::load(DeviceBuilder &b, Value row) {
  auto type = VectorType::get({width}, b.getF32Type());
  for (auto [column, inside] : llvm::zip(columns, isInside)) {
    Value value = b.load(b.at(row, b.getF32Type(), column), type, 4 * width);
    values.push_back(inside ? b.select(inside, value, b.splat(0, width))
                            : value);
  }
}

static VectorType getPieceType(DeviceBuilder &b, const RowPieces &pieces) {
  return VectorType::get({pieces.width}, b.getF32Type());
}
static Value getPlace(DeviceBuilder &b, const RowPieces &pieces, Value vector,
                      size_t i) {
  return b.at(vector, b.getF32Type(), pieces.columns[i]);
}

void NormWeights::loadFew(DeviceBuilder &b, const RowPieces &pieces) {
  // Registers that a thread can spare, for each of the two.
  constexpr int64_t kMost = 16;
  if (static_cast<int64_t>(pieces.columns.size()) * pieces.width > kMost)
    return;
  // Not as constants, which would be loaded where they are used.
  auto load = [&](Value vector, SmallVector<Value> &to) {
    for (size_t i = 0; vector && i < pieces.columns.size(); ++i)
      to.push_back(b.load(getPlace(b, pieces, vector, i),
                          getPieceType(b, pieces), 4 * pieces.width));
  };
  load(scale, scales);
  load(bias, biases);
}

void cuda::normalize(DeviceBuilder &b, const NormSpec &spec, RowPieces &pieces,
                     const NormWeights &weights, TeamSum sum) {
  int64_t width = pieces.width;
  Value zero = b.splat(0, width), size = b.f32(spec.features);
  auto sumOf = [&](llvm::function_ref<Value(Value)> map) {
    Value own = zero;
    for (Value value : pieces.values)
      own = b.fadd(own, map(value));
    return sum(b.sumElements(own));
  };
  if (spec.kind == NormKind::layer) {
    Value mean = b.fdiv(sumOf([](Value x) { return x; }), size);
    for (auto [value, inside] : llvm::zip(pieces.values, pieces.isInside)) {
      value = b.fsub(value, b.broadcast(mean, width));
      if (inside)
        value = b.select(inside, value, zero);
    }
  }
  Value square = b.fdiv(sumOf([&](Value x) { return b.fmul(x, x); }), size);
  square = b.fadd(square, b.f32(spec.epsilon.convertToFloat()));
  Value factor = b.broadcast(b.fdiv(b.f32(1), b.sqrt(square)), width);
  auto take = [&](Value vector, ArrayRef<Value> loaded, size_t i) {
    if (!loaded.empty())
      return loaded[i];
    return b.loadConstant(getPlace(b, pieces, vector, i),
                          getPieceType(b, pieces), 4 * width);
  };
  for (size_t i = 0; i < pieces.values.size(); ++i) {
    Value &value = pieces.values[i], inside = pieces.isInside[i];
    value = b.fmul(value, factor);
    if (spec.hasScale) {
      Value weight = take(weights.scale, weights.scales, i);
      if (!spec.weightOffset.isZero())
        weight =
            b.fadd(weight, b.splat(spec.weightOffset.convertToFloat(), width));
      value = b.fmul(value, weight);
    }
    if (spec.hasBias)
      value = b.fadd(value, take(weights.bias, weights.biases, i));
    if (inside)
      value = b.select(inside, value, zero);
  }
}
