//===- Gather.cpp - rows of a weight, several at a time -------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
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

bool cpu::hasShortRows(MemRefType weight) {
  constexpr int64_t kShortBytes = 2048;
  return weight.getDimSize(1) * weight.getElementTypeBitWidth() / 8 <
         kShortBytes;
}

/// What is prefetched of a row, and the lines of a cache.
static constexpr int64_t kPrefetchBytes = 256, kLineBytes = 64;

void cpu::prefetchRow(KernelBuilder &b, Value weight, Value row, Value column) {
  auto type = cast<MemRefType>(weight.getType());
  if (hasShortRows(type))
    return;
  int64_t perLine = kLineBytes * 8 / type.getElementTypeBitWidth();
  for (int64_t at = 0; at < kPrefetchBytes / kLineBytes; ++at)
    memref::PrefetchOp::create(
        b, weight, ValueRange{row, b.offset(column, at * perLine)},
        /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
}

void cpu::clearColumns(KernelBuilder &b, Value memref, Value row, Value from,
                       Value to) {
  b.loop(from, to, 1, [&](Value column) {
    memref::StoreOp::create(b, b.f32(0), memref, ValueRange{row, column});
  });
}

void cpu::forGroups(KernelBuilder &b, Value first, Value last, int64_t size,
                    llvm::function_ref<void(ArrayRef<Value>)> body) {
  Value width = b.index(size);
  Value groups =
      arith::DivUIOp::create(b, arith::SubIOp::create(b, last, first), width);
  Value rest =
      arith::AddIOp::create(b, first, arith::MulIOp::create(b, groups, width));
  b.loop(first, rest, size, [&](Value at) {
    SmallVector<Value> numbers;
    for (int64_t i = 0; i < size; ++i)
      numbers.push_back(b.offset(at, i));
    body(numbers);
  });
  b.loop(rest, last, 1, [&](Value at) { body(at); });
}

Value ActiveRow::getCount() { return loadIndex(b, counts, row); }

Value ActiveRow::getIndex(Value place) {
  return loadIndex(b, indices, {row, place});
}

std::pair<Value, Value> ActiveRow::getShare(const Team &team, int64_t size) {
  Value count = getCount(), width = b.index(size);
  Value groups = arith::DivUIOp::create(b, b.offset(count, size - 1), width);
  auto [first, last] = b.getShare(groups, team);
  auto getPlace = [&](Value group) -> Value {
    Value place = arith::MulIOp::create(b, group, width);
    return arith::MinUIOp::create(b, place, count);
  };
  return {getPlace(first), getPlace(last)};
}

std::pair<Value, Value> ActiveRow::getUnits(Value first, Value last,
                                            const Team &team, int64_t extent) {
  Value count = getCount(), end = b.index(extent);
  // The unit at a place; the end if the set has no such place.
  auto getUnit = [&](Value place) -> Value {
    Value isThere =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, place, count);
    auto choice =
        scf::IfOp::create(b, b.getIndexType(), isThere, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    scf::YieldOp::create(b, getIndex(place));
    b.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(b, end);
    return choice.getResult(0);
  };
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        team.thread, b.index(0));
  Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                       b.offset(team.thread, 1), team.threads);
  return {arith::SelectOp::create(b, isFirst, b.index(0), getUnit(first)),
          arith::SelectOp::create(b, isLast, end, getUnit(last))};
}

void ActiveRow::forGroups(
    Value first, Value last, int64_t size,
    llvm::function_ref<void(ArrayRef<Value>, ArrayRef<Value>)> body) {
  cpu::forGroups(b, first, last, size, [&](ArrayRef<Value> places) {
    SmallVector<Value> units, next;
    for (Value place : places)
      units.push_back(getIndex(place));
    if (places.size() > 1) {
      Value end = arith::SubIOp::create(b, last, b.index(1));
      for (Value place : places)
        next.push_back(
            getIndex(arith::MinUIOp::create(b, b.offset(place, size), end)));
    }
    body(units, next);
  });
}
