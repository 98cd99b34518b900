//===- AttentionGenerator.cpp - what attention kernels share --------------
//===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionGenerator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

static constexpr float kLog2E = 1.4426950408889634f;
/// Steps that are worth a part.
static constexpr int64_t kLeastPart = 64;
/// Parts that are loaded at once in the end.
static constexpr int64_t kPartsAtOnce = 8;

AttentionLayout::AttentionLayout(const AttentionSpec &spec)
    : dim(spec.cache.getHeadDim()), heads(spec.cache.getHeads()),
      whole(spec.getGroup()), group(getAttentionGroup(spec)),
      count(group * getAttentionTokens(spec)),
      vector(getLoadElements(Float32Type::get(spec.element.getContext()), dim)),
      parts(getAttentionParts(spec)) {
  key = count * dim;
  value = key + dim;
  weighted = value + dim;
  stats = weighted + warps * count * dim;
  isLast = stats + (warps + 1) * count * 2;
  size = isLast + 1;
}

int64_t AttentionLayout::getPartialSize() const {
  // Whole vectors.
  return llvm::alignTo(parts * (dim + 2), 4);
}

AttentionArguments::AttentionArguments(const AttentionSpec &spec,
                                       ValueRange args) {
  SmallVector<Value *> places{&query};
  if (spec.query)
    places.push_back(&queryTable);
  if (spec.appends)
    places.append({&key, &value});
  if (spec.key)
    places.push_back(&keyTable);
  places.append({&keys, &values, &starts, &pastAt});
  if (spec.appends)
    places.push_back(&partial);
  places.push_back(&result);
  if (!spec.appends)
    places.push_back(&tokens);
  places.push_back(&capacity);
  assert(places.size() == args.size() && "not the arguments of this kernel");
  for (auto [place, argument] : llvm::zip(places, args))
    *place = argument;
}

void AttentionGenerator::generate() {
  placeBlock();
  findSteps();
  placeThread();
  startLoads();
  if (spec.appends)
    b.waitForEarlier();
  if (at.parts == 1)
    return attend();
  // A short context has fewer parts than there are blocks.
  b.when(b.isLess(part, parts), [&] { attend(); });
}

void AttentionGenerator::attend() {
  shareQueries();
  if (spec.appends)
    b.when(isOwner, [&] { shareToken(); });
  b.barrier();
  loadQueries();
  if (spec.appends)
    shareTokenScores();
  takeSteps();
  b.barrier();
  combineWarps();
  if (at.parts > 1)
    b.when(b.isLess(b.index(1), parts), [&] { combineParts(); });
}

/// The row, the heads and the part of the block.
void AttentionGenerator::placeBlock() {
  row = b.block(gpu::Dimension::z);
  part = b.block(gpu::Dimension::y);
  parts = b.blocks(gpu::Dimension::y);
  head = b.div(b.block(), at.whole / at.group);
  firstQuery = b.mul(b.block(), at.group);
  sequence = row;
  past = b.toIndex(b.load(args.pastAt, b.getI64Type(), 8));
  time = past;
  if (spec.appends)
    return;
  int64_t tokens = getAttentionTokens(spec);
  Value blocks = b.ceilDiv(args.tokens, tokens);
  sequence = arith::DivUIOp::create(b, row, blocks);
  firstToken =
      b.mul(arith::RemUIOp::create(b, row, blocks).getResult(), tokens);
  row = b.add(b.mul(sequence, args.tokens), firstToken);
  time = b.add(past, firstToken);
}

Value AttentionGenerator::getToken(Value query) {
  Value token = b.add(firstToken, b.div(query, at.group));
  return b.min(token, b.add(args.tokens, -1));
}

/// The steps in the cache that the block reads.
void AttentionGenerator::findSteps() {
  Type i64 = b.getI64Type();
  start = b.toIndex(b.load(b.at(args.starts, i64, sequence), i64, 8));
  isMasked = b.isLess(time, start);
  Value low = start, high = past;
  if (spec.window)
    low = b.max(low, b.add(time, 1 - *spec.window));
  if (!spec.appends)
    high =
        b.min(b.add(time, getAttentionTokens(spec)), b.add(past, args.tokens));
  if (spec.maskedRows == MaskedRows::uniform) {
    // The mean of all values: all scores are 0.
    low = b.select(isMasked, b.index(0), low);
    if (!spec.appends)
      high = b.select(isMasked, b.add(past, args.tokens), high);
  }
  low = b.min(low, high);
  Value steps = b.sub(high, low);
  parts = b.min(parts, b.max(b.ceilDiv(steps, kLeastPart), b.index(1)));
  isOwner = b.isEqual(part, b.add(parts, -1));
  Value grains = b.ceilDiv(steps, getGrain());
  // A division of 64 bits would take much longer.
  auto toI32 = [&](Value index) -> Value {
    return arith::IndexCastOp::create(b, b.getI32Type(), index);
  };
  Value size = arith::DivUIOp::create(b, toI32(b.add(grains, b.add(parts, -1))),
                                      toI32(parts));
  size = b.mul(b.toIndex(size), getGrain());
  first = b.min(b.add(low, b.mul(part, size)), high);
  last = b.min(b.add(first, size), high);
}

/// Element `index` of a head, rotated if there is a table.
Value AttentionGenerator::readHead(Value from, Value index, Value table,
                                   const std::optional<Rotation> &rotation) {
  if (!rotation)
    return b.load(b.at(from, f32, index), f32);
  table = b.at(table, f32, b.mul(row, rotation->rotated));
  return rotation->rotate(b, from, table, index, at.dim);
}

/// Puts the block's queries to shared memory, scaled.
void AttentionGenerator::shareQueries() {
  float scale = spec.scale.convertToFloat();
  if (spec.softcap.isZero())
    scale *= kLog2E;
  b.loop(b.thread(), b.index(at.count * at.dim), at.threads, [&](Value each) {
    Value query = b.div(each, at.dim), queryRow = row, isHidden = isMasked;
    if (at.count > at.group) {
      Value token = getToken(query);
      queryRow = b.add(b.mul(sequence, args.tokens), token);
      isHidden = b.isLess(b.add(past, token), start);
    }
    Value head = b.add(firstQuery, b.rem(query, at.group));
    Value from = b.add(b.mul(queryRow, spec.features), b.mul(head, at.dim));
    Value number = readHead(b.at(args.query, f32, from), b.rem(each, at.dim),
                            args.queryTable, spec.query);
    number = b.select(isHidden, b.f32(0), b.fmul(number, b.f32(scale)));
    b.store(number, b.at(getShared(at.queries), f32, each));
  });
}

/// Puts key and value of the token to shared memory, as the cache will have
/// them; one block of each head writes them there.
void AttentionGenerator::shareToken() {
  Value isWriter = b.isEqual(b.rem(b.block(), at.whole / at.group), b.index(0));
  Value line = b.add(b.mul(sequence, at.heads), head);
  Value from = b.mul(line, at.dim);
  Value to = b.mul(b.add(b.mul(line, args.capacity), past), at.dim);
  b.loop(b.thread(), b.index(at.dim), at.threads, [&](Value each) {
    Value key =
        readHead(b.at(args.key, f32, from), each, args.keyTable, spec.key);
    Value value = readHead(b.at(args.value, f32, from), each, Value(), {});
    for (auto [number, array, offset] :
         {std::tuple(key, args.keys, at.key),
          std::tuple(value, args.values, at.value)}) {
      Value rounded = b.toElement(number, element);
      Value place = b.at(array, element, b.add(to, each));
      b.when(isWriter, [&, rounded = rounded] { b.store(rounded, place); });
      if (rounded.getType() != f32)
        rounded = arith::ExtFOp::create(b, f32, rounded);
      b.store(rounded, b.at(getShared(offset), f32, each));
    }
  });
}

/// Puts the token's scores to shared memory, behind those of the warps.
void AttentionGenerator::shareTokenScores() {
  Value isSeen = isOwner;
  if (spec.maskedRows == MaskedRows::zero)
    isSeen = b.select(
        isMasked, arith::ConstantOp::create(b, b.getBoolAttr(false)), isOwner);
  // No distance, so no slope.
  b.loop(b.warp(), b.index(at.count), at.warps, [&](Value query) {
    Value line = b.mul(query, at.dim), product = b.f32(0);
    for (int64_t from = 0; from < at.dim; from += kWarp) {
      Value place = b.add(b.lane(), from);
      Value isInside = b.isLess(place, b.index(at.dim));
      place = b.min(place, b.index(at.dim - 1));
      Value x =
          b.load(b.at(getShared(at.queries), f32, b.add(line, place)), f32);
      Value y = b.load(b.at(getShared(at.key), f32, place), f32);
      product = b.select(isInside, b.fma(x, y, product), product);
    }
    Value score = finishScore(b.sumLanes(product), Value(), Value());
    Value stats = getStats(b.index(at.warps), query);
    b.when(b.isEqual(b.lane(), b.index(0)), [&] {
      b.store(b.select(isSeen, score, b.f32(kLowestScore)), stats);
      b.store(b.select(isSeen, b.f32(1), b.f32(0)), b.at(stats, f32, 1));
    });
  });
}

Value AttentionGenerator::getWeighted(Value warp, Value query) {
  Value line = b.add(b.mul(warp, at.count), query);
  return b.at(getShared(at.weighted), f32, b.mul(line, at.dim));
}

Value AttentionGenerator::getStats(Value warp, Value query) {
  Value line = b.add(b.mul(warp, at.count), query);
  return b.at(getShared(at.stats), f32, b.mul(line, 2));
}

Value AttentionGenerator::getLine(Value cache) {
  Value line = b.add(b.mul(sequence, at.heads), head);
  return b.at(cache, element, b.mul(b.mul(line, args.capacity), at.dim));
}

Value AttentionGenerator::loadElements(Value from, VectorType type) {
  int64_t bytes = type.getNumElements() * element.getIntOrFloatBitWidth() / 8;
  return spec.appends ? b.loadOnce(from, type, bytes)
                      : b.load(from, type, bytes);
}

Value AttentionGenerator::finishScore(Value product, Value slope,
                                      Value distance) {
  if (!spec.softcap.isZero())
    product = b.fmul(b.softcap(spec.softcap.convertToFloat(), product),
                     b.f32(kLog2E));
  return slope ? b.fma(slope, distance, product) : product;
}

Value AttentionGenerator::getSlope(int64_t q, Value isMasked) {
  if (spec.slopes.empty())
    return {};
  auto get = [&](int64_t query) { return b.f32(spec.slopes[query] * kLog2E); };
  Value slope = get(q);
  for (int64_t other = 1; other < getAttentionBlocks(spec); ++other)
    slope = b.select(b.isEqual(b.block(), b.index(other)),
                     get(other * at.group + q), slope);
  return b.select(isMasked, b.f32(0), slope);
}

Value AttentionGenerator::getDistance(Value step, Value time) {
  return arith::SIToFPOp::create(b, f32, b.toI64(b.sub(step, time)));
}

/// Calls `body(query, place)` for the vectors of all queries, each by one
/// thread.
void AttentionGenerator::forEachVector(
    llvm::function_ref<void(Value, Value)> body) {
  int64_t count = at.dim / at.vector;
  b.loop(b.thread(), b.index(at.count * count), at.threads, [&](Value each) {
    body(b.div(each, count), b.mul(b.rem(each, count), at.vector));
  });
}

Value AttentionGenerator::loadVector(Value line, Value place) {
  return b.load(b.at(line, f32, place), VectorType::get({at.vector}, f32),
                4 * at.vector);
}

void AttentionGenerator::storeResult(Value query, Value place, Value vector) {
  auto storeRow = [&](Value row) {
    Value head = b.add(firstQuery, b.rem(query, at.group));
    Value to = b.add(b.mul(row, spec.features), b.mul(head, at.dim));
    b.store(vector, b.at(args.result, f32, b.add(to, place)), 4 * at.vector);
  };
  if (at.count == at.group)
    return storeRow(row);
  Value token = b.add(firstToken, b.div(query, at.group));
  b.when(b.isLess(token, args.tokens),
         [&] { storeRow(b.add(b.mul(sequence, args.tokens), token)); });
}

/// The parts of a query: weighted values, and behind those of all parts the
/// greatest scores and sums.
Value AttentionGenerator::getPartial(Value query) {
  Value line =
      b.add(b.mul(row, spec.features / at.dim), b.add(firstQuery, query));
  return b.at(args.partial, f32, b.mul(line, at.getPartialSize()));
}
Value AttentionGenerator::getPartialStats(Value partial, Value part) {
  return b.at(b.at(partial, f32, at.parts * at.dim), f32, b.mul(part, 2));
}

Value AttentionGenerator::divide(Value vector, Value sum) {
  // Nothing was seen: zero.
  Value isNone =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, sum, b.f32(0));
  Value inverse = b.select(isNone, b.f32(0), b.fdiv(b.f32(1), sum));
  return b.fmul(vector, b.broadcast(inverse, at.vector));
}

/// Puts the warps together: the result if there is one part.
void AttentionGenerator::combineWarps() {
  forEachVector([&](Value query, Value place) {
    // The token stands behind the warps.
    int64_t count = at.warps + spec.appends;
    SmallVector<Value> scores, sums;
    Value greatest = b.f32(kLowestScore);
    for (int64_t i = 0; i < count; ++i) {
      Value stats = getStats(b.index(i), query);
      scores.push_back(b.load(stats, f32));
      sums.push_back(b.load(b.at(stats, f32, 1), f32));
      greatest = b.fmax(greatest, scores.back());
    }
    Value sum = b.f32(0), weighted = b.splat(0, at.vector);
    for (int64_t i = 0; i < count; ++i) {
      Value factor = b.exp2(b.fsub(scores[i], greatest));
      sum = b.fma(factor, sums[i], sum);
      Value vector =
          i < at.warps
              ? loadVector(getWeighted(b.index(i), query), place)
              : b.select(isOwner, loadVector(getShared(at.value), place),
                         b.splat(0, at.vector));
      weighted = b.fma(b.broadcast(factor, at.vector), vector, weighted);
    }
    if (at.parts == 1) {
      storeResult(query, place, divide(weighted, sum));
      return;
    }
    b.when(b.isEqual(parts, b.index(1)),
           [&] { storeResult(query, place, divide(weighted, sum)); });
    b.when(b.isLess(b.index(1), parts), [&] {
      Value partial = getPartial(query);
      Value to = b.add(b.mul(part, at.dim), place);
      b.store(weighted, b.at(partial, f32, to), 4 * at.vector);
      b.when(b.isEqual(place, b.index(0)), [&] {
        Value stats = getPartialStats(partial, part);
        b.store(greatest, stats);
        b.store(sum, b.at(stats, f32, 1));
      });
    });
  });
}

/// The last block of a head puts the parts together.
void AttentionGenerator::combineParts() {
  Type i1 = b.getI1Type();
  b.barrier();
  b.when(b.isEqual(b.thread(), b.index(0)), [&] {
    Value counter = b.add(b.mul(row, getAttentionBlocks(spec)), b.block());
    b.store(b.arriveLast(counter, parts), getShared(at.isLast));
  });
  b.barrier();
  b.when(b.load(getShared(at.isLast), i1), [&] {
    forEachVector([&](Value query, Value place) {
      SmallVector<Value> state{b.f32(kLowestScore), b.f32(0),
                               b.splat(0, at.vector)};
      state = b.fold(b.index(0), parts, b.index(kPartsAtOnce), state,
                     [&](Value from, ValueRange state) {
                       return addParts(getPartial(query), place, from, state);
                     });
      storeResult(query, place, divide(state[2], state[1]));
    });
  });
}

/// Greatest score, sum and weighted values with the parts from `from` on, whose
/// loads are all under way at once.
SmallVector<Value> AttentionGenerator::addParts(Value partial, Value place,
                                                Value from, ValueRange state) {
  SmallVector<Value> scores, sums, vectors;
  Value greatest = state[0];
  for (int64_t i = 0; i < kPartsAtOnce; ++i) {
    Value part = b.min(b.add(from, i), b.add(parts, -1));
    Value stats = getPartialStats(partial, part);
    scores.push_back(b.load(stats, f32));
    sums.push_back(b.load(b.at(stats, f32, 1), f32));
    vectors.push_back(loadVector(partial, b.add(b.mul(part, at.dim), place)));
  }
  for (int64_t i = 0; i < kPartsAtOnce; ++i) {
    scores[i] = b.select(b.isLess(b.add(from, i), parts), scores[i],
                         b.f32(-std::numeric_limits<double>::infinity()));
    greatest = b.fmax(greatest, scores[i]);
  }
  Value factor = b.exp2(b.fsub(state[0], greatest));
  Value sum = b.fmul(state[1], factor);
  Value weighted = b.fmul(state[2], b.broadcast(factor, at.vector));
  for (int64_t i = 0; i < kPartsAtOnce; ++i) {
    factor = b.exp2(b.fsub(scores[i], greatest));
    sum = b.fma(factor, sums[i], sum);
    weighted = b.fma(b.broadcast(factor, at.vector), vectors[i], weighted);
  }
  return {greatest, sum, weighted};
}
