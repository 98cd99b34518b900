//===- DecomposeQuantized.cpp - products and tables of packed numbers -----===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Numbers are unpacked, shifted, scaled, and then used as plain ones.
//
//===----------------------------------------------------------------------===//

#include "GraphBuilder.h"

#include "llvm/ADT/Sequence.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::onnx;

Value onnx::expandBlocks(GraphBuilder &b, Value scale, int64_t axis,
                         int64_t blockSize, int64_t count) {
  int64_t rank = b.getRank(scale, "scales");
  if (rank == 0)
    return scale;
  SmallVector<int64_t> repeats(rank + 1, 1), merged(rank, 0);
  repeats[axis + 1] = blockSize;
  merged[axis] = -1;
  Value each = b.expand(b.unsqueeze(scale, {axis + 1}), b.ints(repeats));
  return b.slice(b.reshape(each, merged), axis, 0, count);
}

Value onnx::unpackBits(GraphBuilder &b, Value bytes, int64_t bits) {
  Type i32 = b.getBuilder().getI32Type();
  Value numbers = b.cast(bytes, i32);
  if (bits == 8)
    return numbers;
  int64_t rank = b.getRank(bytes, "packed numbers");
  SmallVector<Value> parts;
  Value base = b.number(1 << bits, i32);
  for (int64_t shift = 0; shift < 8; shift += bits) {
    // Bytes are not negative, so division and remainder are shift and mask.
    Value high =
        shift == 0 ? numbers : b.div(numbers, b.number(1 << shift, i32));
    parts.push_back(b.unsqueeze(b.get<ModOp>({high, base}), {rank}));
  }
  SmallVector<int64_t> merged(rank, 0);
  merged.back() = -1;
  return b.reshape(b.concat(parts, rank), merged);
}

Results onnx::decompose(GraphBuilder &b, MsMatMulNBitsOp op) {
  int64_t k = op.getK(), n = op.getN(), bits = op.getBits();
  int64_t blockSize = op.getBlockSize();
  int64_t blocks = llvm::divideCeil(k, blockSize);
  Value a = op.getA();
  Type element = GraphBuilder::getElement(a);
  if (op.getWeightPrepacked() != 0)
    b.fail("expected weights that are not packed for one device");
  // [n, blocks * block size]
  Value numbers = b.cast(
      unpackBits(b, b.reshape(op.getB(), {n, blocks * blockSize * bits / 8}),
                 bits),
      element);
  Value scales = b.reshape(op.getScales(), {n, blocks});
  Value zeros;
  if (Value points = op.getZeroPoints()) {
    if (isa<FloatType>(GraphBuilder::getElement(points)))
      zeros = b.reshape(points, {n, blocks});
    else
      zeros = b.cast(
          b.slice(unpackBits(b,
                             b.reshape(points, {n, static_cast<int64_t>(
                                                       llvm::divideCeil(
                                                           blocks * bits, 8))}),
                             bits),
                  1, 0, blocks),
          element);
  } else {
    zeros = b.number(1 << (bits - 1), element);
  }
  Value weight;
  if (Value groups = op.getGIdx()) {
    // Each row says which block's scale it has.
    auto spread = [&](Value value) {
      return b.getRank(value, "zero_points") == 0 ? value
                                                  : b.gather(value, groups, 1);
    };
    weight =
        b.mul(b.sub(b.slice(numbers, 1, 0, k), spread(zeros)), spread(scales));
  } else {
    int64_t all = blocks * blockSize;
    weight = b.mul(b.sub(numbers, expandBlocks(b, zeros, 1, blockSize, all)),
                   expandBlocks(b, scales, 1, blockSize, all));
    if (all != k)
      weight = b.slice(weight, 1, 0, k);
  }
  Value y = b.matmul(a, b.transpose(weight, {1, 0}));
  if (Value bias = op.getBias())
    y = b.add(y, bias);
  return {y};
}

Results onnx::decompose(GraphBuilder &b, MsGatherBlockQuantizedOp op) {
  Value data = op.getData(), indices = op.getIndices();
  int64_t rank = b.getRank(data, "data");
  int64_t indexRank = b.getRank(indices, "indices");
  auto normalise = [&](int64_t axis) { return axis < 0 ? axis + rank : axis; };
  int64_t axis = normalise(op.getGatherAxis());
  int64_t blockAxis = normalise(op.getQuantizeAxis());
  Type stored = GraphBuilder::getElement(data);
  bool isPacked = stored.isInteger(8) && op.getBits() < 8;
  if (!b.getError().empty())
    return {data};
  if (isPacked && axis == rank - 1) {
    b.fail("expected packed numbers to be gathered along another axis than the "
           "last");
    return {data};
  }
  Type element = GraphBuilder::getElement(op.getScales());
  Type i32 = b.getBuilder().getI32Type();
  auto unpack = [&](Value value) {
    return b.cast(isPacked ? unpackBits(b, value, op.getBits())
                           : b.cast(value, i32),
                  element);
  };
  // Gather first, so that only what is looked up is unpacked.
  Value numbers = unpack(b.gather(data, indices, axis));
  Value scales = b.gather(op.getScales(), indices, axis);
  int64_t resultAxis = blockAxis > axis ? blockAxis + indexRank - 1 : blockAxis;
  int64_t count = GraphBuilder::getSize(numbers, resultAxis);
  if (ShapedType::isDynamic(count))
    count = GraphBuilder::end;
  Value zeros;
  if (Value points = op.getZeroPoints()) {
    Value found = unpack(b.gather(points, indices, axis));
    int64_t blocks = GraphBuilder::getSize(scales, resultAxis);
    if (isPacked && !ShapedType::isDynamic(blocks))
      found = b.slice(found, resultAxis, 0, blocks);
    zeros = expandBlocks(b, found, resultAxis, op.getBlockSize(), count);
  } else {
    zeros = b.number(stored.isUnsignedInteger(8) ? 1 << (op.getBits() - 1) : 0,
                     element);
  }
  return {b.mul(b.sub(numbers, zeros),
                expandBlocks(b, scales, resultAxis, op.getBlockSize(), count))};
}
