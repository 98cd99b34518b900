//===- AttentionLanes.cpp - attention by teams of lanes --------------------
//===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A few neighbouring lanes, a team, take a step: each has a piece of the key
// and of the value, and pieces of the block's queries.
//
//===----------------------------------------------------------------------===//

#include "AttentionGenerator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

namespace {
class LaneAttention : public AttentionGenerator {
public:
  LaneAttention(DeviceBuilder &b, const AttentionSpec &spec, ValueRange args)
      : AttentionGenerator(b, spec, args),
        load(getLoadElements(element, at.dim)), elements(load) {
    // All pieces have one size.
    while (at.dim / elements > kWarp || at.dim % elements != 0)
      elements += load;
    lanes = llvm::PowerOf2Ceil(at.dim / elements);
    teams = at.threads / lanes;
    unroll = element == f32 || at.group > 4 ? 2 : 4;
  }

protected:
  int64_t getGrain() const override { return teams * unroll; }

  void placeThread() override {
    lane = b.rem(b.thread(), lanes);
    team = b.div(b.thread(), lanes);
    piece = b.mul(lane, elements);
    // Lanes behind the head's end have a query of zeros.
    isPiece = b.isLess(piece, b.index(at.dim));
    place = b.min(piece, b.index(at.dim - elements));
    keys = b.at(getLine(args.keys), element, place);
    values = b.at(getLine(args.values), element, place);
  }

  void startLoads() override { pieces = loadSteps(first); }

  void loadQueries() override {
    for (int64_t q = 0; q < at.group; ++q) {
      Value from = b.at(getShared(at.queries + q * at.dim), f32, place);
      auto type = VectorType::get({load}, f32);
      SmallVector<Value> &numbers = queries.emplace_back();
      for (int64_t i = 0; i < elements; i += load) {
        Value part = b.load(b.at(from, f32, i), type, 4 * load);
        for (int64_t j = 0; j < load; ++j)
          numbers.push_back(b.select(isPiece, b.extract(part, j), b.f32(0)));
      }
      slopes.push_back(getSlope(q, isMasked));
    }
  }

  void takeSteps() override {
    SmallVector<Value> state;
    for (int64_t q = 0; q < at.group; ++q)
      state.append({b.f32(kLowestScore), b.f32(0), b.splat(0, elements)});
    auto size = static_cast<int64_t>(state.size());
    state.append(pieces);
    state = b.fold(first, last, b.index(getGrain()), state,
                   [&](Value base, ValueRange carried) {
                     ValueRange here = carried.drop_front(size);
                     SmallVector<Value> pieces =
                         loadSteps(b.add(base, getGrain()), here);
                     SmallVector<Value> next =
                         takeSteps(base, carried.take_front(size), here);
                     next.append(pieces);
                     return next;
                   });
    shareState(ValueRange(state).take_front(size));
  }

private:
  /// Pieces of keys, then of values, as they are in the cache, of the steps
  /// from `base` on. Behind the last they are `others`, or zeros.
  SmallVector<Value> loadSteps(Value base, ValueRange others = {}) {
    auto type = VectorType::get({load}, element);
    int64_t count = 2 * unroll * elements / load;
    return b.choose(
        b.isLess(base, last), SmallVector<Type>(count, type),
        [&] {
          SmallVector<Value> pieces;
          for (Value from : {keys, values})
            for (int64_t i = 0; i < unroll; ++i) {
              Value step = b.min(getStep(base, i), b.add(last, -1));
              Value line = b.at(from, element, b.mul(step, at.dim));
              for (int64_t j = 0; j < elements; j += load)
                pieces.push_back(loadElements(b.at(line, element, j), type));
            }
          return pieces;
        },
        [&]() -> SmallVector<Value> {
          if (!others.empty())
            return llvm::to_vector(others);
          Value zeros =
              arith::ConstantOp::create(b, b.getZeroAttr(type)).getResult();
          return SmallVector<Value>(count, zeros);
        });
  }

  /// The step that this team takes as number `i` from `base` on.
  Value getStep(Value base, int64_t i) {
    return b.add(base, b.add(team, i * teams));
  }

  /// The f32 of key or value number `i` of loadSteps.
  SmallVector<Value> getFloats(ValueRange pieces, int64_t i) {
    int64_t each = elements / load;
    SmallVector<Value> numbers;
    for (Value piece : pieces.slice(i * each, each)) {
      Value floats = b.toFloats(piece);
      for (int64_t j = 0; j < load; ++j)
        numbers.push_back(b.extract(floats, j));
    }
    return numbers;
  }

  /// The score of a key; all lanes get it.
  Value getScore(int64_t q, ArrayRef<Value> key, Value distance) {
    Value sum = b.fmul(queries[q][0], key[0]);
    for (int64_t i = 1; i < elements; ++i)
      sum = b.fma(queries[q][i], key[i], sum);
    return finishScore(b.sumLanes(sum, lanes), slopes[q], distance);
  }

  /// The state behind the steps from `base` on: for each query the greatest
  /// score, the sum, the weighted values.
  SmallVector<Value> takeSteps(Value base, ValueRange state,
                               ValueRange pieces) {
    SmallVector<SmallVector<Value>> keys, values;
    SmallVector<Value> isInside, distances;
    for (int64_t i = 0; i < unroll; ++i) {
      Value step = getStep(base, i);
      isInside.push_back(b.isLess(step, last));
      distances.push_back(spec.slopes.empty() ? Value()
                                              : getDistance(step, time));
      keys.push_back(getFloats(pieces, i));
      values.push_back(getFloats(pieces, unroll + i));
    }
    Value outside = b.f32(-std::numeric_limits<double>::infinity());
    SmallVector<Value> next;
    for (int64_t q = 0; q < at.group; ++q) {
      Value best = state[3 * q], sum = state[3 * q + 1];
      Value weighted = state[3 * q + 2], greatest = best;
      SmallVector<Value> scores;
      for (int64_t i = 0; i < unroll; ++i) {
        scores.push_back(
            b.select(isInside[i], getScore(q, keys[i], distances[i]), outside));
        greatest = b.fmax(greatest, scores.back());
      }
      Value correction = b.exp2(b.fsub(best, greatest));
      sum = b.fmul(sum, correction);
      weighted = b.fmul(weighted, b.broadcast(correction, elements));
      for (int64_t i = 0; i < unroll; ++i) {
        Value weight = b.exp2(b.fsub(scores[i], greatest));
        sum = b.fadd(sum, weight);
        weighted =
            b.fma(b.broadcast(weight, elements), b.pack(values[i]), weighted);
      }
      next.append({greatest, sum, weighted});
    }
    return next;
  }

  /// Puts the teams of each warp together.
  void shareState(ValueRange state) {
    Value isStored =
        arith::AndIOp::create(b, isPiece, b.isLess(b.lane(), b.index(lanes)));
    for (int64_t q = 0; q < at.group; ++q) {
      Value best = state[3 * q], sum = state[3 * q + 1];
      Value weighted = state[3 * q + 2];
      if (lanes < kWarp) {
        Value greatest = b.reduceTeams(
            best, lanes, [&](Value x, Value y) { return b.fmax(x, y); });
        Value factor = b.exp2(b.fsub(best, greatest));
        auto add = [&](Value x, Value y) { return b.fadd(x, y); };
        sum = b.reduceTeams(b.fmul(sum, factor), lanes, add);
        SmallVector<Value> numbers;
        for (int64_t i = 0; i < elements; ++i)
          numbers.push_back(b.reduceTeams(
              b.fmul(b.extract(weighted, i), factor), lanes, add));
        best = greatest;
        weighted = b.pack(numbers);
      }
      b.when(isStored, [&] {
        Value to = b.at(getWeighted(b.warp(), b.index(q)), f32, piece);
        for (int64_t i = 0; i < elements; i += at.vector) {
          SmallVector<Value> numbers;
          for (int64_t j = 0; j < at.vector; ++j)
            numbers.push_back(b.extract(weighted, i + j));
          b.store(b.pack(numbers), b.at(to, f32, i), 4 * at.vector);
        }
        b.when(b.isEqual(lane, b.index(0)), [&] {
          Value stats = getStats(b.warp(), b.index(q));
          b.store(best, stats);
          b.store(sum, b.at(stats, f32, 1));
        });
      });
    }
  }

  int64_t load;     ///< elements that one load gets
  int64_t elements; ///< of a head, for each lane
  int64_t lanes;    ///< that share a step: a team
  int64_t teams;    ///< of a block
  int64_t unroll;   ///< steps that a team takes at once
  Value lane, team, piece, isPiece, place;
  Value keys, values;                      ///< this lane's piece of step 0
  SmallVector<Value> pieces;               ///< of the first steps
  SmallVector<SmallVector<Value>> queries; ///< pieces, scaled
  SmallVector<Value> slopes;               ///< or nulls
};
} // namespace

void cuda::generateLaneAttention(DeviceBuilder &b, const AttentionSpec &spec,
                                 ValueRange args) {
  LaneAttention(b, spec, args).generate();
}
