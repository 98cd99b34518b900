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

void cuda::normalize(DeviceBuilder &b, const NormSpec &spec, RowPieces &pieces,
                     Value scale, Value bias, TeamSum sum) {
  int64_t width = pieces.width;
  auto type = VectorType::get({width}, b.getF32Type());
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
  auto load = [&](Value vector, Value column) {
    return b.loadConstant(b.at(vector, b.getF32Type(), column), type,
                          4 * width);
  };
  for (auto [value, column, inside] :
       llvm::zip(pieces.values, pieces.columns, pieces.isInside)) {
    value = b.fmul(value, factor);
    if (spec.hasScale) {
      Value weight = load(scale, column);
      if (!spec.weightOffset.isZero())
        weight =
            b.fadd(weight, b.splat(spec.weightOffset.convertToFloat(), width));
      value = b.fmul(value, weight);
    }
    if (spec.hasBias)
      value = b.fadd(value, load(bias, column));
    if (inside)
      value = b.select(inside, value, zero);
  }
}
