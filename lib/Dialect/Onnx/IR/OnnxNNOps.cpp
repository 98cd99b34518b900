//===- OnnxNNOps.cpp - type inference of products, norms, attention -------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceUtils.h"

using namespace mlir;
using namespace mlir::onnx;

//===----------------------------------------------------------------------===//
// Matrix products
//===----------------------------------------------------------------------===//

LogicalResult MatMulOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                         std::string &error) {
  if (failed(checkElements(getOperation()->getOperands(), error)))
    return failure();
  return inferMatMul(getA(), getB(), getElementTypeOrSelf(getA()), types,
                     error);
}

LogicalResult GemmOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  if (failed(checkElements(getOperation()->getOperands(), error)))
    return failure();
  int64_t rows = ShapedType::kDynamic, columns = ShapedType::kDynamic;
  int64_t inner = ShapedType::kDynamic, otherInner = ShapedType::kDynamic;
  auto read = [&](Value operand, bool transposed, int64_t &first,
                  int64_t &second) -> LogicalResult {
    auto type = cast<ShapedType>(operand.getType());
    if (!type.hasRank())
      return success();
    if (type.getRank() != 2) {
      error = "expected operands A and B of rank 2, found " + describe(type);
      return failure();
    }
    first = type.getDimSize(transposed);
    second = type.getDimSize(!transposed);
    return success();
  };
  if (failed(read(getA(), getTransA(), rows, inner)) ||
      failed(read(getB(), getTransB(), otherInner, columns)))
    return failure();
  if (!mayEqual(inner, otherInner)) {
    error = "expected equal inner dimensions, found " + std::to_string(inner) +
            " and " + std::to_string(otherInner);
    return failure();
  }
  int64_t shape[] = {rows, columns};
  if (Value bias = getC()) {
    auto type = cast<ShapedType>(bias.getType());
    if (type.hasRank() && !mayBroadcastTo(type.getShape(), shape)) {
      error = "expected C to broadcast to " + describe(shape) + ", found " +
              describe(type.getShape());
      return failure();
    }
  }
  types.push_back(RankedTensorType::get(shape, getElementTypeOrSelf(getA())));
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {
/// The sizes that an Attention op is about.
struct AttentionSizes {
  int64_t batch = ShapedType::kDynamic, queries = ShapedType::kDynamic,
          keys = ShapedType::kDynamic, heads = ShapedType::kDynamic,
          kvHeads = ShapedType::kDynamic, headSize = ShapedType::kDynamic,
          valueSize = ShapedType::kDynamic;
};
} // namespace

/// Reads [batch, heads, sequence, size] of one operand, whichever rank it has.
/// `numHeads` is the attribute that rank 3 needs.
static LogicalResult readHeads(StringRef name, RankedTensorType type,
                               std::optional<int64_t> numHeads, int64_t &heads,
                               int64_t &sequence, int64_t &size,
                               std::string &error) {
  if (type.getRank() == 4) {
    heads = type.getDimSize(1);
    sequence = type.getDimSize(2);
    size = type.getDimSize(3);
    if (numHeads && !mayEqual(heads, *numHeads)) {
      error = ("expected " + name + " to have " + Twine(*numHeads) +
               " heads as the attribute says, found " + Twine(heads))
                  .str();
      return failure();
    }
    return success();
  }
  sequence = type.getDimSize(1);
  int64_t width = type.getDimSize(2);
  if (!numHeads || *numHeads <= 0) {
    error = ("expected a number of heads for " + name + " of rank 3").str();
    return failure();
  }
  heads = *numHeads;
  if (ShapedType::isDynamic(width))
    return success();
  if (width % heads != 0) {
    error = ("expected " + Twine(heads) + " heads to divide the " +
             Twine(width) + " columns of " + name)
                .str();
    return failure();
  }
  size = width / heads;
  return success();
}

LogicalResult AttentionOp::inferResultTypes(Operands,
                                            SmallVectorImpl<Type> &types,
                                            std::string &error) {
  for (int64_t window : {getLeftWindowSize(), getRightWindowSize()})
    if (window < -1)
      return fail(error,
                  "expected windows of -1 or more, found " + Twine(window));
  if (!getPastKey() != !getPastValue()) {
    error = "expected past_key and past_value together, found one alone";
    return failure();
  }
  if (getRest().size() > 3) {
    error =
        "expected at most 4 results, found " + std::to_string(getNumResults());
    return failure();
  }
  Type element = getElementTypeOrSelf(getQ());
  Type valueElement = getElementTypeOrSelf(getV());
  if (getElementTypeOrSelf(getK()) != element) {
    error = "expected Q and K of one element type, found " + describe(element) +
            " and " + describe(getElementTypeOrSelf(getK()));
    return failure();
  }
  auto q = dyn_cast<RankedTensorType>(getQ().getType());
  auto k = dyn_cast<RankedTensorType>(getK().getType());
  auto v = dyn_cast<RankedTensorType>(getV().getType());
  if (!q || !k || !v) {
    for (unsigned i = 0; i < getNumResults(); ++i)
      types.push_back(UnrankedTensorType::get(i == 2 ? valueElement : element));
    return success();
  }
  if ((q.getRank() != 3 && q.getRank() != 4) || k.getRank() != q.getRank() ||
      v.getRank() != q.getRank()) {
    error = "expected Q, K and V all of rank 3 or all of rank 4, found ranks " +
            std::to_string(q.getRank()) + ", " + std::to_string(k.getRank()) +
            " and " + std::to_string(v.getRank());
    return failure();
  }

  AttentionSizes sizes;
  int64_t keySize = ShapedType::kDynamic, values = ShapedType::kDynamic,
          valueHeads = ShapedType::kDynamic;
  if (failed(readHeads("Q", q, getQNumHeads(), sizes.heads, sizes.queries,
                       sizes.headSize, error)) ||
      failed(readHeads("K", k, getKvNumHeads(), sizes.kvHeads, sizes.keys,
                       keySize, error)) ||
      failed(readHeads("V", v, getKvNumHeads(), valueHeads, values,
                       sizes.valueSize, error)))
    return failure();
  if (!mayEqual(sizes.headSize, keySize) || !mayEqual(sizes.keys, values) ||
      !mayEqual(sizes.kvHeads, valueHeads) ||
      !mayEqual(q.getDimSize(0), k.getDimSize(0)) ||
      !mayEqual(q.getDimSize(0), v.getDimSize(0))) {
    error = "expected Q, K and V that go together, found " + describe(q) +
            ", " + describe(k) + " and " + describe(v);
    return failure();
  }
  if (!ShapedType::isDynamic(sizes.heads) &&
      !ShapedType::isDynamic(sizes.kvHeads) &&
      (sizes.kvHeads == 0 || sizes.heads % sizes.kvHeads != 0)) {
    error = "expected the heads of Q to be a multiple of those of K, found " +
            std::to_string(sizes.heads) + " and " +
            std::to_string(sizes.kvHeads);
    return failure();
  }

  sizes.batch = q.getDimSize(0);
  int64_t total = sizes.keys;
  if (Value past = getPastKey()) {
    auto type = dyn_cast<RankedTensorType>(past.getType());
    if (type && type.getRank() != 4) {
      error = "expected past_key of rank 4, found " + describe(type);
      return failure();
    }
    int64_t pastKeys = type ? type.getDimSize(2) : ShapedType::kDynamic;
    if (ShapedType::isDynamic(total) || ShapedType::isDynamic(pastKeys) ||
        __builtin_add_overflow(total, pastKeys, &total))
      total = ShapedType::kDynamic;
  }
  if (q.getRank() == 4) {
    types.push_back(RankedTensorType::get(
        {sizes.batch, sizes.heads, sizes.queries, sizes.valueSize}, element));
  } else {
    int64_t width = ShapedType::isDynamic(sizes.valueSize)
                        ? ShapedType::kDynamic
                        : sizes.heads * sizes.valueSize;
    types.push_back(
        RankedTensorType::get({sizes.batch, sizes.queries, width}, element));
  }
  Type rest[] = {
      RankedTensorType::get({sizes.batch, sizes.kvHeads, total, sizes.headSize},
                            element),
      RankedTensorType::get(
          {sizes.batch, sizes.kvHeads, total, sizes.valueSize}, valueElement),
      RankedTensorType::get({sizes.batch, sizes.heads, sizes.queries, total},
                            element)};
  llvm::append_range(types, ArrayRef<Type>(rest).take_front(getRest().size()));
  return success();
}

LogicalResult RotaryEmbeddingOp::inferResultTypes(Operands,
                                                  SmallVectorImpl<Type> &types,
                                                  std::string &error) {
  Value floats[] = {getX(), getCosCache(), getSinCache()};
  if (failed(checkElements(floats, error)))
    return failure();
  for (Value cache : {getCosCache(), getSinCache()}) {
    auto type = dyn_cast<RankedTensorType>(cache.getType());
    int64_t rank = getPositionIds() ? 2 : 3;
    if (type && type.getRank() != rank) {
      error = "expected caches of rank " + std::to_string(rank) + ", found " +
              describe(type);
      return failure();
    }
  }
  types.push_back(getX().getType());
  auto type = dyn_cast<RankedTensorType>(getX().getType());
  if (!type)
    return success();
  if (type.getRank() != 3 && type.getRank() != 4) {
    error = "expected X of rank 3 or 4, found " + describe(type);
    return failure();
  }
  std::optional<int64_t> given;
  if (getNumHeads() != 0)
    given = getNumHeads();
  int64_t heads, sequence, size = ShapedType::kDynamic;
  if (failed(readHeads("X", type, given, heads, sequence, size, error)))
    return failure();
  int64_t rotated = getRotaryEmbeddingDim();
  if (rotated == 0)
    rotated = size;
  if (ShapedType::isDynamic(rotated))
    return success();
  if (rotated < 0 || rotated % 2 != 0 ||
      (!ShapedType::isDynamic(size) && rotated > size)) {
    error = "expected an even number of elements to rotate in heads of " +
            (ShapedType::isDynamic(size) ? std::string("unknown size")
                                         : std::to_string(size)) +
            ", found " + std::to_string(rotated);
    return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Normalisation and activations
//===----------------------------------------------------------------------===//

LogicalResult
LayerNormalizationOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  if (failed(checkElements(getOperation()->getOperands(), error)))
    return failure();
  if (getRest().size() > 2) {
    error =
        "expected at most 3 results, found " + std::to_string(getNumResults());
    return failure();
  }
  Type stash = getStashType().value_or(Float32Type::get(getContext()));
  if (!isa<FloatType>(stash)) {
    error = "expected stash_type to be a floating-point type, found " +
            describe(stash);
    return failure();
  }
  auto type = cast<ShapedType>(getX().getType());
  types.push_back(type);
  if (!type.hasRank()) {
    types.append(getRest().size(), UnrankedTensorType::get(stash));
    return success();
  }
  int64_t axis = getAxis();
  if (failed(normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  for (Value operand : getOperation()->getOperands().drop_front()) {
    auto other = cast<ShapedType>(operand.getType());
    if (other.hasRank() && !mayBroadcastTo(other.getShape(), type.getShape())) {
      error = "expected Scale and B to broadcast to " +
              describe(type.getShape()) + ", found " +
              describe(other.getShape());
      return failure();
    }
  }
  SmallVector<int64_t> shape(type.getShape());
  std::fill(shape.begin() + axis, shape.end(), 1);
  types.append(getRest().size(), RankedTensorType::get(shape, stash));
  return success();
}

LogicalResult RMSNormalizationOp::inferResultTypes(Operands,
                                                   SmallVectorImpl<Type> &types,
                                                   std::string &error) {
  Type stash = getStashType().value_or(Float32Type::get(getContext()));
  if (!isa<FloatType>(stash)) {
    error = "expected stash_type to be a floating-point type, found " +
            describe(stash);
    return failure();
  }
  // The result has the element type of scale.
  auto type = cast<ShapedType>(getX().getType());
  auto scale = cast<ShapedType>(getScale().getType());
  types.push_back(type.clone(scale.getElementType()));
  if (!type.hasRank())
    return success();
  int64_t axis = getAxis();
  if (failed(normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  if (scale.hasRank() && !mayBroadcastTo(scale.getShape(), type.getShape())) {
    error = "expected scale to broadcast to " + describe(type.getShape()) +
            ", found " + describe(scale.getShape());
    return failure();
  }
  return success();
}

LogicalResult SoftmaxOp::inferResultTypes(Operands,
                                          SmallVectorImpl<Type> &types,
                                          std::string &error) {
  auto type = cast<ShapedType>(getInput().getType());
  int64_t axis = getAxis();
  if (type.hasRank() &&
      failed(normalizeAxis(axis, type.getRank(), "axis", error)))
    return failure();
  types.push_back(type);
  return success();
}

LogicalResult GeluOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult CumSumOp::inferResultTypes(Operands operands,
                                         SmallVectorImpl<Type> &types,
                                         std::string &error) {
  auto type = cast<ShapedType>(getX().getType());
  auto axes = evaluateInts(getAxis(), operands);
  if (axes && axes->size() != 1) {
    error = "expected an axis of one element, found " +
            std::to_string(axes->size());
    return failure();
  }
  if (axes && !ShapedType::isDynamic(axes->front()) && type.hasRank() &&
      failed(normalizeAxis(axes->front(), type.getRank(), "axis", error)))
    return failure();
  types.push_back(type);
  return success();
}
