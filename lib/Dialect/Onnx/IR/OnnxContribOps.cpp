//===- OnnxContribOps.cpp - type inference of com.microsoft --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceUtils.h"

using namespace mlir;
using namespace mlir::onnx;

/// A rank-3 or other shape of an operand, unknown where its type is.
static SmallVector<int64_t> getShape(Value value, int64_t rank) {
  RankedTensorType type = value ? getRanked(value) : RankedTensorType();
  return type ? SmallVector<int64_t>(type.getShape())
              : SmallVector<int64_t>(rank, unknownDim);
}

/// Cuts columns into parts of equal size.
static LogicalResult divide(int64_t columns, int64_t count, const Twine &what,
                            int64_t &size, std::string &error) {
  if (count < 1)
    return fail(error,
                "expected a positive number of heads, found " + Twine(count));
  size = unknownDim;
  if (!isKnown(columns))
    return success();
  if (columns % count != 0)
    return fail(error, "expected " + what + " to have a multiple of " +
                           Twine(count) + " columns, found " + Twine(columns));
  size = columns / count;
  return success();
}

static LogicalResult checkAtMost(size_t count, size_t most,
                                 std::string &error) {
  if (count <= most)
    return success();
  return fail(error, "expected at most " + Twine(most) + " results, found " +
                         Twine(count));
}

//===----------------------------------------------------------------------===//
// Activations and norms
//===----------------------------------------------------------------------===//

/// Inference of an activation of a sum with a bias.
static LogicalResult inferBiased(Value x, Value bias,
                                 SmallVectorImpl<Type> &types,
                                 std::string &error) {
  RankedTensorType type = getRanked(x);
  if (bias) {
    if (failed(checkElements({x, bias}, error)) ||
        failed(checkRank(x, 1, maxRank, "the first operand", error)) ||
        failed(checkLength(bias, type ? type.getShape().back() : unknownDim,
                           "the bias", error)))
      return failure();
  }
  types.push_back(x.getType());
  return success();
}

LogicalResult MsFastGeluOp::inferResultTypes(Operands,
                                             SmallVectorImpl<Type> &types,
                                             std::string &error) {
  return inferBiased(getX(), getBias(), types, error);
}

LogicalResult MsQuickGeluOp::inferResultTypes(Operands,
                                              SmallVectorImpl<Type> &types,
                                              std::string &error) {
  types.push_back(getX().getType());
  return success();
}

LogicalResult MsBiasGeluOp::inferResultTypes(Operands,
                                             SmallVectorImpl<Type> &types,
                                             std::string &error) {
  return inferBiased(getA(), getB(), types, error);
}

/// Inference of the norms of a sum. `parameters` have one element for each
/// column.
static LogicalResult inferSkipNorm(Operation *op, Value input, Value skip,
                                   ValueRange parameters,
                                   SmallVectorImpl<Type> &types,
                                   std::string &error) {
  unsigned results = op->getNumResults();
  if (failed(checkElements(op->getOperands(), error)) ||
      failed(checkAtMost(results, 4, error)) ||
      failed(checkRank(input, 2, 3, "input", error)))
    return failure();
  Type f32 = Float32Type::get(op->getContext());
  RankedTensorType type = getRanked(input), other = getRanked(skip);
  if (type && other && !mayBroadcastTo(other.getShape(), type.getShape()))
    return fail(error, "expected skip to broadcast to " +
                           describe(type.getShape()) + ", found " +
                           describe(other.getShape()));
  for (Value parameter : parameters)
    if (parameter && failed(checkLength(
                         parameter, type ? type.getShape().back() : unknownDim,
                         "operands after skip", error)))
      return failure();
  Type statistic = UnrankedTensorType::get(f32);
  if (type) {
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = 1;
    statistic = RankedTensorType::get(shape, f32);
  }
  Type all[] = {input.getType(), statistic, statistic, input.getType()};
  llvm::append_range(types, ArrayRef<Type>(all).take_front(results));
  return success();
}

LogicalResult MsSkipLayerNormalizationOp::inferResultTypes(
    Operands, SmallVectorImpl<Type> &types, std::string &error) {
  return inferSkipNorm(*this, getInput(), getSkip(),
                       {getGamma(), getBeta(), getBias()}, types, error);
}

LogicalResult MsSkipSimplifiedLayerNormalizationOp::inferResultTypes(
    Operands, SmallVectorImpl<Type> &types, std::string &error) {
  return inferSkipNorm(*this, getInput(), getSkip(), {getGamma(), getBias()},
                       types, error);
}

LogicalResult MsEmbedLayerNormalizationOp::inferResultTypes(
    Operands, SmallVectorImpl<Type> &types, std::string &error) {
  if (failed(checkTogether(getSegmentIds(), "segment_ids",
                           getSegmentEmbedding(), "segment_embedding",
                           error)) ||
      failed(checkAtMost(getNumResults(), 3, error)) ||
      failed(checkRank(getInputIds(), 2, 2, "input_ids", error)))
    return failure();
  if (getMaskIndexType() < 0 || getMaskIndexType() > 1)
    return fail(error, "expected mask_index_type of 0 or 1, found " +
                           Twine(getMaskIndexType()));
  SmallVector<int64_t> ids = getShape(getInputIds(), 2);
  int64_t columns = unknownDim;
  for (Value table :
       {getWordEmbedding(), getPositionEmbedding(), getSegmentEmbedding()}) {
    if (!table)
      continue;
    if (failed(checkElements({getWordEmbedding(), table}, error)) ||
        failed(checkShape(table, {unknownDim, columns}, "embeddings", error)))
      return failure();
    columns = meetDims(columns, getShape(table, 2)[1]);
  }
  if (failed(checkLength(getGamma(), columns, "gamma", error)) ||
      failed(checkLength(getBeta(), columns, "beta", error)) ||
      failed(checkShape(getSegmentIds(), ids, "segment_ids", error)) ||
      failed(checkShape(getMask(), ids, "mask", error)))
    return failure();
  if (Value positions = getPositionIds())
    if (RankedTensorType type = getRanked(positions);
        type && (type.getRank() != 2 || !mayBroadcastTo(type.getShape(), ids)))
      return fail(error, "expected position_ids to broadcast to " +
                             describe(ids) + ", found " +
                             describe(type.getShape()));
  Type sum = rankedLike({ids[0], ids[1], columns}, getWordEmbedding());
  Type all[] = {sum, rankedLike(ids[0], getInputIds()), sum};
  llvm::append_range(types, ArrayRef<Type>(all).take_front(getNumResults()));
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Checks the tables of a rotation, [positions, half], for heads of `size`
/// elements of which `rotated` are rotated (0: twice the columns).
static LogicalResult checkTables(Value cos, Value sin, int64_t size,
                                 int64_t rotated, std::string &error) {
  SmallVector<int64_t> table = getShape(cos, 2);
  if (failed(checkRank(cos, 2, 2, "cos_cache", error)) ||
      failed(checkShape(sin, table, "sin_cache", error)))
    return failure();
  if (rotated == 0)
    rotated = multiplyDims(table[1], 2);
  if (!isKnown(rotated))
    return success();
  if (rotated < 0 || rotated % 2 != 0 || (isKnown(size) && rotated > size) ||
      !mayEqual(table[1], rotated / 2))
    return fail(
        error,
        "expected an even number of elements to rotate, at most " +
            (isKnown(size) ? std::to_string(size) : std::string("a head has")) +
            " and twice the columns of the tables, found " + Twine(rotated) +
            " and " + describe(table));
  return success();
}

LogicalResult
MsRotaryEmbeddingOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                      std::string &error) {
  if (failed(
          checkElements({getInput(), getCosCache(), getSinCache()}, error)) ||
      failed(checkRank(getInput(), 3, 4, "input", error)) ||
      failed(checkRank(getPositionIds(), 0, 2, "position_ids", error)))
    return failure();
  types.push_back(getInput().getType());
  int64_t size = unknownDim, rotated = getRotaryEmbeddingDim();
  if (RankedTensorType type = getRanked(getInput())) {
    if (type.getRank() == 4) {
      size = type.getDimSize(3);
    } else if (getNumHeads() != 0) {
      if (failed(
              divide(type.getDimSize(2), getNumHeads(), "input", size, error)))
        return failure();
    } else if (rotated != 0) {
      return fail(error, "expected num_heads with rotary_embedding_dim");
    } else {
      size = multiplyDims(getShape(getCosCache(), 2).back(), 2);
      if (isKnown(size) && isKnown(type.getDimSize(2)) &&
          (size == 0 || type.getDimSize(2) % size != 0))
        return fail(error, "expected heads of " + Twine(size) +
                               " elements, found " + describe(type));
    }
  }
  return checkTables(getCosCache(), getSinCache(), size, rotated, error);
}

LogicalResult MsAttentionOp::inferResultTypes(Operands,
                                              SmallVectorImpl<Type> &types,
                                              std::string &error) {
  if (failed(checkRank(getInput(), 3, 3, "input", error)) ||
      failed(checkRank(getWeights(), 2, 2, "weights", error)) ||
      failed(checkRank(getPast(), 5, 5, "past", error)) ||
      failed(checkAtMost(getNumResults(), 2, error)))
    return failure();
  SmallVector<int64_t> input = getShape(getInput(), 3),
                       weights = getShape(getWeights(), 2);
  if (!mayEqual(input[2], weights[0]))
    return fail(error, "expected weights with " + Twine(input[2]) +
                           " rows, found " + describe(weights));
  if (failed(checkLength(getBias(), weights[1], "bias", error)))
    return failure();
  SmallVector<int64_t> sizes(3, unknownDim);
  if (auto given = getQkvHiddenSizes()) {
    sizes.assign(given->begin(), given->end());
    if (sizes.size() != 3 ||
        llvm::any_of(sizes,
                     [](int64_t size) {
                       return size <= 0 ||
                              size > std::numeric_limits<int32_t>::max();
                     }) ||
        sizes[0] != sizes[1] ||
        !mayEqual(weights[1], sizes[0] + sizes[1] + sizes[2]))
      return fail(error, "expected qkv_hidden_sizes of three positive numbers, "
                         "the first two equal, with the sum " +
                             describe(ArrayRef<int64_t>(weights[1])) +
                             ", found " + describe(*given));
  } else if (isKnown(weights[1])) {
    if (weights[1] % 3 != 0)
      return fail(error, "expected weights with a multiple of 3 columns, "
                         "found " +
                             Twine(weights[1]));
    sizes.assign(3, weights[1] / 3);
  }
  int64_t keySize, valueSize;
  if (failed(divide(sizes[1], getNumHeads(), "keys", keySize, error)) ||
      failed(divide(sizes[2], getNumHeads(), "values", valueSize, error)))
    return failure();
  // Keys and values are one tensor, so a past means that they are alike.
  SmallVector<int64_t> present = {2, input[0], getNumHeads(), unknownDim,
                                  keySize};
  if (failed(checkShape(getPast(), present, "past", error)))
    return failure();
  if (getPast())
    present[3] = addDims(getShape(getPast(), 5)[3], input[1]);
  else
    present[3] = input[1];
  if (getPastPresentShareBuffer() && getPast())
    present[3] = getShape(getPast(), 5)[3];
  types.push_back(rankedLike({input[0], input[1], sizes[2]}, getInput()));
  types.append(getRest().size(), rankedLike(present, getInput()));
  return success();
}

LogicalResult
MsMultiHeadAttentionOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                         std::string &error) {
  if (failed(checkTogether(getPastKey(), "past_key", getPastValue(),
                           "past_value", error)) ||
      failed(checkAtMost(getNumResults(), 4, error)))
    return failure();
  if (getValue() && !getKey())
    return fail(error, "expected key with value");
  bool isPacked = !getKey();
  if (failed(checkRank(getQuery(), isPacked ? 5 : 3, isPacked ? 5 : 3, "query",
                       error)))
    return failure();
  SmallVector<int64_t> query = getShape(getQuery(), isPacked ? 5 : 3);
  int64_t heads = getNumHeads(), size, valueSize, keys;
  int64_t batch = query[0], steps = query[1];
  if (heads < 1)
    return fail(error,
                "expected num_heads to be positive, found " + Twine(heads));
  if (isPacked) {
    size = valueSize = query[4];
    keys = steps;
    if (!mayEqual(query[2], heads) || !mayEqual(query[3], 3))
      return fail(error, "expected packed query [batch, steps, " +
                             Twine(heads) + ", 3, head size], found " +
                             describe(query));
  } else if (!getValue()) {
    if (failed(checkRank(getKey(), 5, 5, "key without value", error)) ||
        failed(divide(query[2], heads, "query", size, error)))
      return failure();
    if (failed(checkShape(getKey(), {batch, unknownDim, heads, 2, size}, "key",
                          error)))
      return failure();
    keys = getShape(getKey(), 5)[1];
    size = valueSize = meetDims(size, getShape(getKey(), 5)[4]);
  } else {
    if (failed(checkRank(getKey(), 3, 4, "key", error)) ||
        failed(checkRank(getValue(), 3, 4, "value", error)) ||
        failed(divide(query[2], heads, "query", size, error)))
      return failure();
    SmallVector<int64_t> key = getShape(getKey(), 3),
                         value = getShape(getValue(), 3);
    if (key.size() != value.size() && getRanked(getKey()) &&
        getRanked(getValue()))
      return fail(error, "expected key and value of one rank, found " +
                             describe(key) + " and " + describe(value));
    int64_t keySize;
    auto read = [&](ArrayRef<int64_t> shape, StringRef name, int64_t &count,
                    int64_t &headSize) -> LogicalResult {
      if (shape.size() == 3) {
        count = shape[1];
        return divide(shape[2], heads, name, headSize, error);
      }
      if (!mayEqual(shape[1], heads))
        return fail(error, "expected " + name + " of " + Twine(heads) +
                               " heads, found " + describe(shape));
      count = shape[2];
      headSize = shape[3];
      return success();
    };
    int64_t values;
    if (failed(read(key, "key", keys, keySize)) ||
        failed(read(value, "value", values, valueSize)))
      return failure();
    if (!mayEqual(size, keySize) || !mayEqual(keys, values) ||
        !mayEqual(batch, key[0]) || !mayEqual(batch, value[0]))
      return fail(error, "expected query, key and value that go together, "
                         "found shapes " +
                             describe(query) + ", " + describe(key) + " and " +
                             describe(value));
    size = meetDims(size, keySize);
    keys = meetDims(keys, values);
  }
  int64_t hidden = multiplyDims(heads, size),
          valueHidden = multiplyDims(heads, valueSize);
  if (failed(checkLength(getBias(),
                         addDims(multiplyDims(hidden, 2), valueHidden), "bias",
                         error)) ||
      failed(checkShape(getPastKey(), {batch, heads, unknownDim, size},
                        "past_key", error)) ||
      failed(checkShape(getPastValue(), {batch, heads, unknownDim, valueSize},
                        "past_value", error)) ||
      failed(checkRank(getAttentionBias(), 4, 4, "attention_bias", error)))
    return failure();
  int64_t total = keys;
  if (getPastKey())
    total = addDims(keys, getShape(getPastKey(), 4)[2]);
  // With a buffer of fixed size the past has room for the new steps.
  if (getPastSequenceLength())
    total = unknownDim;
  Type all[] = {
      rankedLike({batch, steps, valueHidden}, getQuery()),
      rankedLike({batch, heads, total, size}, getQuery()),
      rankedLike({batch, heads, total, valueSize}, getQuery()),
      rankedLike({batch, heads, steps, total}, getQuery()),
  };
  llvm::append_range(types, ArrayRef<Type>(all).take_front(getNumResults()));
  return success();
}

LogicalResult MsGroupQueryAttentionOp::inferResultTypes(
    Operands, SmallVectorImpl<Type> &types, std::string &error) {
  if (failed(checkTogether(getKey(), "key", getValue(), "value", error)) ||
      failed(checkTogether(getPastKey(), "past_key", getPastValue(),
                           "past_value", error)) ||
      failed(checkTogether(getCosCache(), "cos_cache", getSinCache(),
                           "sin_cache", error)) ||
      failed(checkRank(getQuery(), 3, 3, "query", error)) ||
      failed(checkOneElement(getTotalSequenceLength(), "total_sequence_length",
                             error)) ||
      failed(checkAtMost(getNumResults(), 4, error)))
    return failure();
  if (getKScale() || getVScale())
    return fail(error, "expected no k_scale and v_scale, which are of "
                       "quantised caches");
  if (getDoRotary() && !getCosCache())
    return fail(error, "expected cos_cache and sin_cache with do_rotary");
  int64_t heads = getNumHeads(), kvHeads = getKvNumHeads(), size;
  if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0 ||
      heads > std::numeric_limits<int32_t>::max())
    return fail(error, "expected num_heads to be a positive multiple of "
                       "kv_num_heads, found " +
                           Twine(heads) + " and " + Twine(kvHeads));
  SmallVector<int64_t> query = getShape(getQuery(), 3);
  int64_t packed = getKey() ? heads : heads + 2 * kvHeads;
  if (failed(divide(query[2], packed, "query", size, error)))
    return failure();
  for (Value operand : {getKey(), getValue()}) {
    if (!operand)
      continue;
    int64_t other;
    if (failed(checkShape(operand, {query[0], query[1], unknownDim},
                          "key and value", error)) ||
        failed(divide(getShape(operand, 3)[2], kvHeads, "key and value", other,
                      error)))
      return failure();
    if (!mayEqual(size, other))
      return fail(error, "expected heads of one size, found " + Twine(size) +
                             " and " + Twine(other));
    size = meetDims(size, other);
  }
  for (Value past : {getPastKey(), getPastValue()})
    if (failed(checkShape(past, {query[0], kvHeads, unknownDim, size},
                          "past_key and past_value", error)))
      return failure();
  if (getCosCache() &&
      failed(checkTables(getCosCache(), getSinCache(), size, 0, error)))
    return failure();
  if (failed(checkLength(getHeadSink(), heads, "head_sink", error)) ||
      failed(checkLength(getQNormWeight(), size, "q_norm_weight", error)) ||
      failed(checkLength(getKNormWeight(), size, "k_norm_weight", error)) ||
      failed(checkRank(getAttentionBias(), 4, 4, "attention_bias", error)))
    return failure();
  if (getLocalWindowSize() < -1 || getLocalWindowSize() == 0)
    return fail(error, "expected local_window_size of -1 or more than 0, "
                       "found " +
                           Twine(getLocalWindowSize()));
  // How long the caches are is what the lengths say, so it is not known, but
  // for a first call.
  int64_t total = getPastKey() ? unknownDim : query[1];
  Type cache = rankedLike({query[0], kvHeads, total, size},
                          getPastKey() ? getPastKey() : getQuery());
  Type all[] = {
      rankedLike({query[0], query[1], multiplyDims(heads, size)}, getQuery()),
      cache, cache,
      rankedLike({query[0], heads, query[1], unknownDim}, getQuery())};
  llvm::append_range(types, ArrayRef<Type>(all).take_front(getNumResults()));
  return success();
}

//===----------------------------------------------------------------------===//
// Matrix products
//===----------------------------------------------------------------------===//

/// The shape of an operand of FusedMatMul as it is multiplied.
static SmallVector<int64_t> transpose(ArrayRef<int64_t> shape, bool matrix,
                                      bool batch) {
  SmallVector<int64_t> result(shape);
  if (result.size() < 2)
    return result;
  // [first, ..., rows, columns] becomes [..., rows, first, columns].
  if (batch)
    std::rotate(result.begin(), result.begin() + 1, result.end() - 1);
  if (matrix)
    std::swap(result[result.size() - 2], result.back());
  return result;
}

LogicalResult MsFusedMatMulOp::inferResultTypes(Operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  if (failed(checkElements({getA(), getB()}, error)))
    return failure();
  RankedTensorType a = getRanked(getA()), b = getRanked(getB());
  if (!a || !b) {
    types.push_back(unrankedLike(getA()));
    return success();
  }
  if ((getTransBatchA() && a.getRank() < 3) ||
      (getTransBatchB() && b.getRank() < 3))
    return fail(error, "expected transBatch only of tensors of rank 3 or more, "
                       "found " +
                           describe(a) + " and " + describe(b));
  SmallVector<int64_t> shape;
  if (failed(
          multiplyShapes(transpose(a.getShape(), getTransA(), getTransBatchA()),
                         transpose(b.getShape(), getTransB(), getTransBatchB()),
                         shape, error)))
    return failure();
  types.push_back(rankedLike(shape, getA()));
  return success();
}

static LogicalResult checkQuantisation(int64_t bits, int64_t block,
                                       std::string &error) {
  if (bits != 2 && bits != 4 && bits != 8)
    return fail(error, "expected 2, 4 or 8 bits, found " + Twine(bits));
  if (block < 16 || (block & (block - 1)) != 0 || block > (int64_t(1) << 30))
    return fail(error, "expected a block_size that is a power of two and at "
                       "least 16, found " +
                           Twine(block));
  return success();
}

/// The number of parts of `size` that hold `count`.
static int64_t divideUp(int64_t count, int64_t size) {
  return count / size + (count % size != 0);
}

/// Checks the number of elements of an operand, whose shape exporters write in
/// several ways.
static LogicalResult checkCount(Value value, int64_t count, StringRef name,
                                std::string &error) {
  RankedTensorType type = value ? getRanked(value) : RankedTensorType();
  if (!type || !type.hasStaticShape() || type.getNumElements() == count)
    return success();
  return fail(error, "expected " + name + " of " + Twine(count) +
                         " elements, found " + describe(type));
}

LogicalResult MsMatMulNBitsOp::inferResultTypes(Operands,
                                                SmallVectorImpl<Type> &types,
                                                std::string &error) {
  int64_t rows = getK(), columns = getN(), block = getBlockSize();
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  if (rows < 1 || columns < 1 || rows > most || columns > most)
    return fail(error, "expected positive K and N of 32 bits, found " +
                           Twine(rows) + " and " + Twine(columns));
  if (failed(checkQuantisation(getBits(), block, error)) ||
      failed(checkRank(getA(), 1, maxRank, "A", error)))
    return failure();
  if (Type element = getElementTypeOrSelf(getB()); !element.isInteger(8))
    return fail(error, "expected B of bytes, found " + describe(element));
  int64_t blocks = divideUp(rows, block);
  int64_t bytes = divideUp(block * getBits(), 8);
  if (failed(checkCount(getB(), columns * blocks * bytes, "B", error)) ||
      failed(checkCount(getScales(), columns * blocks, "scales", error)) ||
      failed(checkLength(getGIdx(), unknownDim, "g_idx", error)) ||
      failed(checkLength(getBias(), columns, "bias", error)))
    return failure();
  if (RankedTensorType type =
          getGIdx() ? getRanked(getGIdx()) : RankedTensorType();
      type && isKnown(type.getDimSize(0)) && type.getDimSize(0) != rows &&
      type.getDimSize(0) != blocks * block)
    return fail(error, "expected g_idx of " + Twine(rows) +
                           " elements, found " + describe(type));
  if (Value zeroPoints = getZeroPoints()) {
    bool isPacked = getElementTypeOrSelf(zeroPoints).isInteger(8);
    int64_t count = isPacked ? divideUp(blocks * getBits(), 8) : blocks;
    if (!isPacked && !isa<FloatType>(getElementTypeOrSelf(zeroPoints)))
      return fail(error, "expected zero_points of bytes or floats, found " +
                             describe(zeroPoints.getType()));
    if (failed(checkCount(zeroPoints, columns * count, "zero_points", error)))
      return failure();
  }
  RankedTensorType a = getRanked(getA());
  if (!a) {
    types.push_back(getA().getType());
    return success();
  }
  SmallVector<int64_t> shape(a.getShape());
  if (!mayEqual(shape.back(), rows))
    return fail(error, "expected A with " + Twine(rows) + " columns, found " +
                           describe(a));
  shape.back() = columns;
  types.push_back(rankedLike(shape, getA()));
  return success();
}

LogicalResult MsGatherBlockQuantizedOp::inferResultTypes(
    Operands, SmallVectorImpl<Type> &types, std::string &error) {
  if (failed(checkQuantisation(getBits(), getBlockSize(), error)) ||
      failed(checkRank(getData(), 2, maxRank, "data", error)))
    return failure();
  RankedTensorType data = getRanked(getData()),
                   indices = getRanked(getIndices());
  if (getZeroPoints() &&
      failed(checkElements({getData(), getZeroPoints()}, error)))
    return failure();
  if (!data || !indices) {
    types.push_back(unrankedLike(getScales()));
    return success();
  }
  int64_t gather = getGatherAxis(), quantise = getQuantizeAxis();
  if (failed(normalizeAxis(gather, data.getRank(), "gather_axis", error)) ||
      failed(normalizeAxis(quantise, data.getRank(), "quantize_axis", error)))
    return failure();
  // Bytes hold several numbers, one after another in the last dimension.
  Type element = data.getElementType();
  bool isPacked = element.isUnsignedInteger(8) && getBits() < 8;
  if (!element.isInteger(getBits()) && !isPacked)
    return fail(error, "expected data of " + Twine(getBits()) +
                           " bits, found " + describe(data));
  if (gather == quantise || (isPacked && quantise != data.getRank() - 1))
    return fail(error, "expected quantize_axis to be the last and not "
                       "gather_axis, found " +
                           Twine(quantise) + " and " + Twine(gather));
  SmallVector<int64_t> numbers(data.getShape());
  if (isPacked)
    numbers.back() = multiplyDims(numbers.back(), 8 / getBits());
  SmallVector<int64_t> scales(numbers);
  if (isKnown(scales[quantise]))
    scales[quantise] = divideUp(scales[quantise], getBlockSize());
  if (failed(checkShape(getScales(), scales, "scales", error)))
    return failure();
  if (isPacked && isKnown(scales.back()))
    scales.back() = divideUp(scales.back(), 8 / getBits());
  if (failed(checkShape(getZeroPoints(), scales, "zero_points", error)))
    return failure();
  SmallVector<int64_t> shape(ArrayRef<int64_t>(numbers).take_front(gather));
  llvm::append_range(shape, indices.getShape());
  llvm::append_range(shape, ArrayRef<int64_t>(numbers).drop_front(gather + 1));
  types.push_back(rankedLike(shape, getScales()));
  return success();
}

//===----------------------------------------------------------------------===//
// Mixtures of experts
//===----------------------------------------------------------------------===//

/// What MoE and QMoE have in common. `parts` is how many numbers a byte of a
/// weight holds.
template <typename OpT>
static LogicalResult inferExperts(OpT op, int64_t parts,
                                  SmallVectorImpl<Type> &types,
                                  std::string &error) {
  types.push_back(op.getInput().getType());
  if (failed(checkRank(op.getInput(), 2, 3, "input", error)) ||
      failed(checkRank(op.getRouterProbs(), 2, 2, "router_probs", error)))
    return failure();
  if (op.getSwigluFusion() < 0 || op.getSwigluFusion() > 2)
    return fail(error, "expected swiglu_fusion of 0 to 2, found " +
                           Twine(op.getSwigluFusion()));
  bool isSwiglu = op.getActivationType() == MoeActivation::SwiGLU;
  if (isSwiglu && op.getSwigluFusion() == 0 && !op.getFc3ExpertsWeights())
    return fail(error, "expected swiglu_fusion or fc3_experts_weights with "
                       "activation 'swiglu'");
  int64_t experts = getShape(op.getRouterProbs(), 2)[1];
  int64_t columns = getRanked(op.getInput())
                        ? getRanked(op.getInput()).getShape().back()
                        : unknownDim;
  if (op.getK() < 1 || (isKnown(experts) && op.getK() > experts))
    return fail(error, "expected k of 1 to the number of experts, found " +
                           Twine(op.getK()));
  auto unpacked = [&](Value weight) {
    SmallVector<int64_t> shape = getShape(weight, 3);
    shape[2] = multiplyDims(shape[2], parts);
    return shape;
  };
  for (Value weight : {op.getFc1ExpertsWeights(), op.getFc2ExpertsWeights(),
                       op.getFc3ExpertsWeights()})
    if (failed(checkRank(weight, 3, 3, "weights of experts", error)))
      return failure();
  SmallVector<int64_t> fc1 = unpacked(op.getFc1ExpertsWeights()),
                       fc2 = unpacked(op.getFc2ExpertsWeights());
  int64_t width = fc1[1];
  if (isSwiglu && op.getSwigluFusion() != 0 && isKnown(width)) {
    if (width % 2 != 0)
      return fail(error, "expected an even number of rows of "
                         "fc1_experts_weights, found " +
                             Twine(width));
    width /= 2;
  }
  if (!mayEqual(fc1[0], experts) || !mayEqual(fc2[0], experts) ||
      !mayEqual(fc1[2], columns) || !mayEqual(fc2[1], columns) ||
      !mayEqual(fc2[2], width))
    return fail(error, "expected weights of experts that go together, found "
                       "shapes " +
                           describe(fc1) + " and " + describe(fc2) + " for " +
                           Twine(columns) + " columns and " + Twine(experts) +
                           " experts");
  if (op.getFc3ExpertsWeights()) {
    SmallVector<int64_t> fc3 = unpacked(op.getFc3ExpertsWeights());
    if (!mayEqualShapes(fc3, {experts, width, columns}))
      return fail(error, "expected fc3_experts_weights like "
                         "fc1_experts_weights, found shapes " +
                             describe(fc3) + " and " + describe(fc1));
  }
  if (failed(checkShape(op.getFc1ExpertsBias(), {experts, fc1[1]},
                        "fc1_experts_bias", error)) ||
      failed(checkShape(op.getFc2ExpertsBias(), {experts, columns},
                        "fc2_experts_bias", error)) ||
      failed(checkShape(op.getFc3ExpertsBias(), {experts, width},
                        "fc3_experts_bias", error)))
    return failure();
  return success();
}

LogicalResult MsMoEOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                        std::string &error) {
  return inferExperts(*this, 1, types, error);
}

LogicalResult MsQMoEOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                         std::string &error) {
  int64_t bits = getExpertWeightBits();
  // Without blocks a row has one scale.
  if (failed(checkQuantisation(bits, getBlockSize() ? getBlockSize() : 16,
                               error)) ||
      failed(inferExperts(*this, 8 / bits, types, error)))
    return failure();
  std::pair<Value, Value> pairs[] = {{getFc1ExpertsWeights(), getFc1Scales()},
                                     {getFc2ExpertsWeights(), getFc2Scales()},
                                     {getFc3ExpertsWeights(), getFc3Scales()}};
  for (auto [weight, scales] : pairs) {
    if (!weight)
      continue;
    if (!getElementTypeOrSelf(weight).isInteger(8))
      return fail(error, "expected weights of bytes, found " +
                             describe(weight.getType()));
    if (!scales)
      return fail(error, "expected scales for each of the weights");
    SmallVector<int64_t> shape = getShape(weight, 3);
    int64_t rowSize = multiplyDims(shape[2], 8 / bits);
    shape.pop_back();
    if (getBlockSize())
      shape.push_back(isKnown(rowSize) ? divideUp(rowSize, getBlockSize())
                                       : unknownDim);
    if (failed(checkShape(scales, shape, "scales", error)))
      return failure();
  }
  return success();
}
