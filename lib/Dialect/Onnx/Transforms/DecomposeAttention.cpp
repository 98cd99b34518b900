//===- DecomposeAttention.cpp - attention in plain ops --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The four operators differ in how queries, keys and masks arrive. Each brings
// them to one form, Core, and the product, the softmax and the sum are built
// once.
//
//===----------------------------------------------------------------------===//

#include "GraphBuilder.h"

#include <cmath>

using namespace mlir;
using namespace mlir::onnx;

namespace {
/// Attention on heads that are split.
struct Core {
  Value query;                    ///< [batch, heads, queries, size]
  Value key, value;               ///< [batch, kv heads, keys, size]
  int64_t heads = 0, kvHeads = 0; ///< 0: not known
  std::optional<double> scale;    ///< 1 / sqrt(size) if absent
  double softcap = 0;
  /// What broadcasts to the scores, [batch, heads, queries, keys]: added to
  /// them, and false for keys that are not seen.
  Value bias, condition;
  /// A query that sees no key gives zeros, not NaN.
  bool guard = false;
  Value sinks;    ///< [heads]: a further term of the sum below each fraction
  Type precision; ///< of the softmax, if it is another than that of the scores
  /// Scores, capped scores, with masks, and probabilities.
  Value stages[4];
};
} // namespace

/// [batch, kv heads, steps, size] with each head as often as queries share it.
static Value repeatHeads(GraphBuilder &b, Value x, const Core &core) {
  if (core.kvHeads == core.heads && core.heads > 0)
    return x;
  bool isKnown = core.kvHeads > 0 && core.heads > 0;
  Value heads = isKnown ? b.ints({core.heads}) : b.dim(core.query, 1);
  Value one = b.ints({1});
  Value each =
      isKnown ? b.ints({core.heads / core.kvHeads}) : b.div(heads, b.dim(x, 1));
  // [batch, kv heads, each, steps, size]
  Value repeated =
      b.expand(b.unsqueeze(x, {2}), b.concat({one, one, each, one, one}, 0));
  return b.reshape(repeated,
                   b.concat({b.dim(x, 0), heads, b.dim(x, 2), b.dim(x, 3)}, 0));
}

static Value attend(GraphBuilder &b, Core &core) {
  Type element = GraphBuilder::getElement(core.query);
  double infinity = std::numeric_limits<double>::infinity();
  Value key = repeatHeads(b, core.key, core);
  Value value = repeatHeads(b, core.value, core);
  Value scores = b.matmul(core.query, b.transpose(key, {0, 1, 3, 2}));
  Value scale;
  int64_t size = GraphBuilder::getSize(core.query, 3);
  if (core.scale)
    scale = b.number(*core.scale, element);
  else if (!ShapedType::isDynamic(size))
    scale = b.number(1 / std::sqrt(static_cast<double>(size)), element);
  else
    scale = b.get<ReciprocalOp>(
        {b.get<SqrtOp>({b.cast(b.length(core.query, 3), element)})});
  scores = core.stages[0] = b.mul(scores, scale);
  if (core.softcap != 0) {
    Value cap = b.number(core.softcap, element);
    scores = b.mul(b.get<TanhOp>({b.div(scores, cap)}), cap);
  }
  core.stages[1] = scores;
  if (core.bias)
    scores = b.add(scores, core.bias);
  if (core.condition)
    scores = b.where(core.condition, scores, b.number(-infinity, element));
  core.stages[2] = scores;
  if (core.precision)
    scores = b.cast(scores, core.precision);
  Value probabilities;
  if (core.sinks) {
    // One more key, with the sink as its score and no value.
    Value sink = b.reshape(b.cast(core.sinks, GraphBuilder::getElement(scores)),
                           {1, core.heads, 1, 1});
    Value shape = b.concat({b.dim(core.query, 0), b.ints({core.heads}),
                            b.dim(core.query, 2), b.ints({1})},
                           0);
    Value all = b.softmax(b.concat({scores, b.expand(sink, shape)}, 3));
    probabilities = b.slice(all, 3, 0, -1);
  } else {
    probabilities = b.softmax(scores);
  }
  probabilities = b.cast(probabilities, element);
  if (core.guard && (core.condition || core.bias))
    probabilities = b.where(b.get<IsNaNOp>({probabilities}),
                            b.number(0, element), probabilities);
  core.stages[3] = probabilities;
  return b.matmul(probabilities, value);
}

/// Whether key k, of `keys`, is seen by a query at position p, [.., queries,
/// 1]: k <= p + after and k >= p - before, where less than 0 means any.
static Value seesKeys(GraphBuilder &b, Value positions, Value keys,
                      int64_t before, int64_t after) {
  Value condition;
  if (after >= 0) {
    Value last = after ? b.add(positions, b.integer(after)) : positions;
    condition = b.get<LessOrEqualOp>({keys, last});
  }
  if (before >= 0) {
    Value first = before ? b.sub(positions, b.integer(before)) : positions;
    condition = b.both(condition, b.get<GreaterOrEqualOp>({keys, first}));
  }
  return condition;
}

//===----------------------------------------------------------------------===//
// ai.onnx
//===----------------------------------------------------------------------===//

/// `mask` with `filler` for the keys that it is too short for.
static Value extendMask(GraphBuilder &b, Value mask, Value key, Value filler) {
  int64_t last = b.getRank(mask, "attn_mask") - 1;
  if (last < 0)
    return mask;
  int64_t have = GraphBuilder::getSize(mask, last);
  int64_t want = GraphBuilder::getSize(key, 2);
  if (!ShapedType::isDynamic(have) && have == want)
    return mask;
  Value missing = b.sub(b.dim(key, 2), b.dim(mask, last));
  Value shape = missing;
  if (last > 0) {
    Value leading = b.get<ShapeOp>(
        {mask}, {b.attr("start", int64_t(0)), b.attr("end", last)},
        b.getBuilder().getI64Type());
    shape = b.concat({leading, missing}, 0);
  }
  return b.concat({mask, b.expand(filler, shape)}, last);
}

Results onnx::decompose(GraphBuilder &b, AttentionOp op) {
  Core core;
  bool isSplit = b.getRank(op.getQ(), "Q") == 4;
  auto countHeads = [&](Value x, std::optional<int64_t> attribute) -> int64_t {
    int64_t heads =
        isSplit ? GraphBuilder::getSize(x, 1) : attribute.value_or(0);
    if (!isSplit && heads <= 0)
      b.fail("expected q_num_heads and kv_num_heads for operands of rank 3");
    return ShapedType::isDynamic(heads) ? 0 : heads;
  };
  core.heads = countHeads(op.getQ(), op.getQNumHeads());
  core.kvHeads = countHeads(op.getK(), op.getKvNumHeads());
  core.query = splitHeads(b, op.getQ(), core.heads);
  core.key = splitHeads(b, op.getK(), core.kvHeads);
  core.value = splitHeads(b, op.getV(), core.kvHeads);
  if (op.getPastKey() && op.getPastValue()) {
    core.key = b.concat({op.getPastKey(), core.key}, 2);
    core.value = b.concat({op.getPastValue(), core.value}, 2);
  }
  if (op.getScale())
    core.scale = op.getScale()->convertToFloat();
  core.softcap = op.getSoftcap().convertToFloat();
  core.guard = true;
  if (op.getSoftmaxPrecision())
    core.precision = *op.getSoftmaxPrecision();

  Type element = GraphBuilder::getElement(core.query);
  if (Value mask = op.getAttnMask()) {
    if (GraphBuilder::getElement(mask).isInteger(1)) {
      core.condition = extendMask(b, mask, core.key,
                                  b.number(0, GraphBuilder::getElement(mask)));
    } else {
      double infinity = std::numeric_limits<double>::infinity();
      core.bias =
          b.cast(extendMask(b, mask, core.key, b.numberLike(-infinity, mask)),
                 element);
    }
  }
  Value nonpad = op.getNonpadKvSeqlen();
  int64_t before = op.getLeftWindowSize();
  int64_t after = op.getIsCausal() ? 0 : op.getRightWindowSize();
  if (nonpad || before >= 0 || after >= 0) {
    Value keys = b.range(b.length(core.key, 2));
    Value each = nonpad ? b.reshape(nonpad, {-1, 1, 1, 1}) : Value();
    if (each)
      core.condition = b.both(core.condition, b.get<LessOp>({keys, each}));
    if (before >= 0 || after >= 0) {
      Value count = b.length(core.query, 2);
      Value positions = b.unsqueeze(b.range(count), {1});
      if (op.getPastKey())
        positions = b.add(positions, b.length(op.getPastKey(), 2));
      else if (each)
        positions = b.add(positions, b.sub(each, count));
      core.condition =
          b.both(core.condition, seesKeys(b, positions, keys, before, after));
    }
  }
  Value y = attend(b, core);
  return {isSplit ? y : joinHeads(b, y), core.key, core.value,
          core.stages[op.getQkMatmulOutputMode()]};
}

//===----------------------------------------------------------------------===//
// com.microsoft
//===----------------------------------------------------------------------===//

Results onnx::decompose(GraphBuilder &b, MsGroupQueryAttentionOp op) {
  Core core;
  core.heads = op.getNumHeads();
  core.kvHeads = op.getKvNumHeads();
  if (op.getKScale() || op.getVScale())
    b.fail("quantised caches are not supported");
  if (op.getQuerySeqlens())
    b.fail("query_seqlens is not supported");
  if (op->getNumResults() > 3 && !op->getResult(3).use_empty())
    b.fail("the result output_qk is not supported");
  Value query = op.getQuery(), key = op.getKey(), value = op.getValue();
  if (!key || !value) {
    int64_t columns = GraphBuilder::getSize(query, 2);
    int64_t parts = core.heads + 2 * core.kvHeads;
    if (ShapedType::isDynamic(columns) || columns % parts != 0)
      b.fail("expected packed queries, keys and values with columns that the "
             "heads divide");
    int64_t size = columns / parts;
    key = b.slice(query, 2, core.heads * size,
                  (core.heads + core.kvHeads) * size);
    value = b.slice(query, 2, (core.heads + core.kvHeads) * size,
                    GraphBuilder::end);
    query = b.slice(query, 2, 0, core.heads * size);
  }
  core.query = splitHeads(b, query, core.heads);
  Value freshKey = splitHeads(b, key, core.kvHeads);
  Value freshValue = splitHeads(b, value, core.kvHeads);

  auto norm = [&](Value x, Value weight, std::optional<APFloat> epsilon) {
    return weight ? b.get<RMSNormalizationOp>(
                        {x, weight},
                        {b.attr("epsilon",
                                b.getBuilder().getF32FloatAttr(
                                    epsilon.value_or(op.getQkNormEpsilon())
                                        .convertToFloat()))})
                  : x;
  };
  core.query = norm(core.query, op.getQNormWeight(), op.getQNormEpsilon());
  freshKey = norm(freshKey, op.getKNormWeight(), op.getKNormEpsilon());

  // How many steps each sequence had before: [batch].
  Type i64 = b.getBuilder().getI64Type();
  Value count = b.length(core.query, 2);
  Value valid =
      b.add(b.reshape(b.cast(op.getSeqlensK(), i64), {-1}), b.integer(1));
  Value before = b.get<MaxOp>({b.sub(valid, count), b.integer(0)});
  // [batch, steps]
  Value positions =
      b.add(b.unsqueeze(before, {1}), b.unsqueeze(b.range(count), {0}));
  if (op.getDoRotary()) {
    Value rows = op.getPositionIds() ? op.getPositionIds() : positions;
    Value cosines = b.gather(op.getCosCache(), rows, 0);
    Value sines = b.gather(op.getSinCache(), rows, 0);
    bool interleaved = op.getRotaryInterleaved();
    core.query = rotate(b, core.query, 1, cosines, sines, interleaved);
    freshKey = rotate(b, freshKey, 1, cosines, sines, interleaved);
  }
  // The past may be as long as what was computed, or a buffer of more.
  auto append = [&](Value past, Value fresh) {
    if (!past)
      return fresh;
    Value total = b.cast(b.reshape(op.getTotalSequenceLength(), {1}), i64);
    Value all = b.slice(b.concat({past, fresh}, 2), 2, b.ints({0}),
                        b.get<MaxOp>({b.dim(past, 2), total}));
    return scatterSteps(b, all, fresh, before, 2, /*circular=*/false);
  };
  core.key = append(op.getPastKey(), freshKey);
  core.value = append(op.getPastValue(), freshValue);

  Value keys = b.range(b.length(core.key, 2));
  int64_t window = op.getLocalWindowSize();
  core.condition =
      seesKeys(b, b.unsqueeze(positions, {1, 3}), keys,
               window > 0 ? window - 1 : -1, op.getCausal() ? 0 : -1);
  core.condition = b.both(
      core.condition, b.get<LessOp>({keys, b.reshape(valid, {-1, 1, 1, 1})}));
  core.bias = op.getAttentionBias();
  if (op.getScale() && !op.getScale()->isZero())
    core.scale = op.getScale()->convertToFloat();
  core.softcap = op.getSoftcap().convertToFloat();
  core.guard = true;
  core.sinks = op.getHeadSink();
  if (!core.sinks && op.getSmoothSoftmax() == 1)
    core.sinks = b.expand(b.numberLike(0, core.query), b.ints({core.heads}));
  Value y = attend(b, core);
  Results results{joinHeads(b, y), core.key, core.value, Value()};
  results.resize(op->getNumResults());
  return results;
}

/// What `mask` adds to the scores, where it has 1, or a number of keys, for
/// what is seen: see the documentation of com.microsoft.Attention.
static Value makePaddingBias(GraphBuilder &b, Value mask, Core &core,
                             double filter) {
  Type i64 = b.getBuilder().getI64Type();
  Value seen = b.cast(mask, i64);
  Value condition;
  switch (b.getRank(mask, "mask")) {
  case 1: {
    Value keys = b.range(b.length(core.key, 2));
    Value batch = b.dim(core.query, 0);
    Value ends = b.slice(seen, 0, b.ints({0}), batch);
    condition = b.get<LessOp>({keys, b.reshape(ends, {-1, 1, 1, 1})});
    // Lengths alone, or lengths and starts: the latter are empty in the first
    // case, which only a known shape can tell.
    int64_t elements = GraphBuilder::getSize(mask, 0);
    int64_t rows = GraphBuilder::getSize(core.query, 0);
    if (ShapedType::isDynamic(elements) || ShapedType::isDynamic(rows)) {
      if (ShapedType::isDynamic(elements) != ShapedType::isDynamic(rows))
        b.fail("expected a mask of rank 1 whose length, against the batch, is "
               "known");
      break;
    }
    if (elements == 2 * rows)
      condition =
          b.both(condition,
                 b.get<GreaterOrEqualOp>(
                     {keys, b.reshape(b.slice(seen, 0, rows, GraphBuilder::end),
                                      {-1, 1, 1, 1})}));
    else if (elements != rows)
      b.fail("expected a mask of [batch] or [2 * batch]");
    break;
  }
  case 2:
    condition = b.cast(b.unsqueeze(seen, {1, 2}), b.getBuilder().getI1Type());
    break;
  case 3:
    condition = b.cast(b.unsqueeze(seen, {1}), b.getBuilder().getI1Type());
    break;
  default:
    b.fail("expected a mask of rank 1, 2 or 3");
    return {};
  }
  Type element = GraphBuilder::getElement(core.query);
  return b.where(condition, b.number(0, element), b.number(filter, element));
}

/// Query i of S sees the keys up to its own, the last S of all being new.
static Value makeCausal(GraphBuilder &b, Core &core) {
  Value count = b.length(core.query, 2), all = b.length(core.key, 2);
  Value positions = b.add(b.unsqueeze(b.range(count), {1}), b.sub(all, count));
  return seesKeys(b, positions, b.range(all), -1, 0);
}

static double getFilter(std::optional<APFloat> value) {
  return value ? value->convertToFloat() : -10000.0;
}

static Value addBiases(GraphBuilder &b, Value a, Value c) {
  if (!a || !c)
    return a ? a : c;
  return b.add(a, c);
}

Results onnx::decompose(GraphBuilder &b, MsMultiHeadAttentionOp op) {
  Core core;
  core.heads = core.kvHeads = op.getNumHeads();
  if (op.getCacheIndirection() || op.getPastSequenceLength())
    b.fail("beam search and shared buffers are not supported");
  Value query = op.getQuery(), key = op.getKey(), value = op.getValue();
  auto pick = [&](Value packed, int64_t part) {
    // [batch, steps, heads, parts, size]
    return b.reshape(b.slice(packed, 3, part, part + 1), {0, 0, -1});
  };
  if (!key) {
    value = pick(query, 2);
    key = pick(query, 1);
    query = pick(query, 0);
  } else if (!value) {
    value = pick(key, 1);
    key = pick(key, 0);
  }
  if (Value bias = op.getBias()) {
    if (b.getRank(key, "key") != 3) {
      b.fail("expected no bias beside keys that are split in heads");
      return {query};
    }
    int64_t columns = GraphBuilder::getSize(query, 2);
    if (ShapedType::isDynamic(columns))
      b.fail("expected a known number of columns");
    query = b.add(query, b.slice(bias, 0, 0, columns));
    key = b.add(key, b.slice(bias, 0, columns, 2 * columns));
    value = b.add(value, b.slice(bias, 0, 2 * columns, GraphBuilder::end));
  }
  core.query = splitHeads(b, query, core.heads);
  core.key = splitHeads(b, key, core.heads);
  core.value = splitHeads(b, value, core.heads);
  if (op.getPastKey() && op.getPastValue()) {
    core.key = b.concat({op.getPastKey(), core.key}, 2);
    core.value = b.concat({op.getPastValue(), core.value}, 2);
  }
  core.bias = op.getAttentionBias();
  if (Value mask = op.getKeyPaddingMask())
    core.bias = addBiases(
        b, core.bias,
        makePaddingBias(b, mask, core, getFilter(op.getMaskFilterValue())));
  if (op.getUnidirectional())
    core.condition = makeCausal(b, core);
  if (op.getScale() && !op.getScale()->isZero())
    core.scale = op.getScale()->convertToFloat();
  Value y = attend(b, core);
  Results results{joinHeads(b, y), core.key, core.value, core.stages[0]};
  results.resize(op->getNumResults());
  return results;
}

Results onnx::decompose(GraphBuilder &b, MsAttentionOp op) {
  Core core;
  core.heads = core.kvHeads = op.getNumHeads();
  if (op.getDoRotary())
    b.fail("do_rotary is not supported");
  if (op.getPastPresentShareBuffer() || op.getPastSequenceLength())
    b.fail("shared buffers are not supported");
  int64_t columns = GraphBuilder::getSize(op.getWeights(), 1);
  SmallVector<int64_t> sizes;
  if (std::optional<ArrayRef<int64_t>> given = op.getQkvHiddenSizes())
    sizes.append(given->begin(), given->end());
  else if (!ShapedType::isDynamic(columns))
    sizes.assign(3, columns / 3);
  if (sizes.size() != 3) {
    b.fail("expected known sizes of queries, keys and values");
    return {op.getInput()};
  }
  Value packed = b.matmul(op.getInput(), op.getWeights());
  if (Value bias = op.getBias())
    packed = b.add(packed, bias);
  int64_t at = 0;
  Value *parts[] = {&core.query, &core.key, &core.value};
  for (auto [part, size] : llvm::zip(parts, sizes)) {
    *part = splitHeads(b, b.slice(packed, 2, at, at + size), core.heads);
    at += size;
  }
  Value present;
  if (Value past = op.getPast()) {
    auto join = [&](Value fresh, int64_t index) {
      Value before = b.squeeze(b.slice(past, 0, index, index + 1), {0});
      return b.concat({before, fresh}, 2);
    };
    core.key = join(core.key, 0);
    core.value = join(core.value, 1);
  }
  if (op->getNumResults() > 1 && !op->getResult(1).use_empty())
    present =
        b.concat({b.unsqueeze(core.key, {0}), b.unsqueeze(core.value, {0})}, 0);
  core.bias = op.getAttentionBias();
  if (Value mask = op.getMaskIndex())
    core.bias = addBiases(
        b, core.bias,
        makePaddingBias(b, mask, core, getFilter(op.getMaskFilterValue())));
  if (op.getUnidirectional())
    core.condition = makeCausal(b, core);
  if (op.getScale() && !op.getScale()->isZero())
    core.scale = op.getScale()->convertToFloat();
  Value y = attend(b, core);
  Results results{joinHeads(b, y), present};
  results.resize(op->getNumResults());
  return results;
}
