//===- AttentionMatrices.cpp - attention by matrix products ---------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp takes 16 steps at once. Scores are products of 16 rows, twice the
// block's eight queries, and the keys of 8 steps; weighted values are products
// of 16 rows, twice the weights of the eight queries, and the values. Operands
// have 16 bits: the upper eight rows have what the numbers are rounded to, and
// the lower eight what is missing then, so that nothing is lost that f32 has
// but for its last bits. Sums are f32.
//
// Threads are called by their row (lane / 4) and their column (lane mod 4). A
// product does not mind in which order the elements of a sum come, nor which
// columns of the result are which: so each thread loads neighbouring elements
// of a key or value, as many as one load gets.
//
//===----------------------------------------------------------------------===//

#include "AttentionGenerator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

/// Of a matrix product: rows and columns of the result, and length of the sums.
static constexpr int64_t kRows = 8, kColumns = 8, kSum = 16;
/// Steps that a warp takes at once.
static constexpr int64_t kSteps = 16;
/// Elements of a head; more would not fit the registers.
static constexpr int64_t kMaxDim = 128;

namespace {
/// Elements of a head that a warp loads at once: `width` for each thread.
struct Chunk {
  int64_t from, width;
};

class MatrixAttention : public AttentionGenerator {
public:
  MatrixAttention(DeviceBuilder &b, const AttentionSpec &spec, ValueRange args)
      : AttentionGenerator(b, spec, args), keyChunks(cut(4, 4)),
        valueChunks(cut(kRows, 2)) {}

protected:
  int64_t getGrain() const override { return kSteps; }

  void placeThread() override {
    threadRow = b.div(b.lane(), 4);
    threadColumn = b.rem(b.lane(), 4);
    base = b.add(first, b.mul(b.warp(), kSteps));
    keys = getLine(args.keys);
    values = getLine(args.values);
  }

  void startLoads() override {
    keyPieces = load(base, keyChunks,
                     [&](Value base) { return loadKeys(base); }, 2, {});
    valuePieces = load(base, valueChunks,
                       [&](Value base) { return loadValues(base); }, 4, {});
  }

  void loadQueries() override {
    isQuery = b.isLess(threadRow, b.index(at.count));
    Value query = b.min(threadRow, b.index(at.count - 1));
    findBounds(query);
    Value line = b.at(getShared(at.queries), f32, b.mul(query, at.dim));
    for (const Chunk &chunk : keyChunks) {
      Value from = b.at(line, f32, getPlace(chunk, threadColumn));
      Value part = b.load(from, VectorType::get({chunk.width}, f32),
                          4 * std::min<int64_t>(chunk.width, 4));
      for (int64_t i = 0; i < chunk.width; i += 4) {
        SmallVector<Value> numbers;
        for (int64_t j = 0; j < 4; ++j)
          numbers.push_back(b.select(
              isQuery, b.clamp(b.extract(part, i + j), element), b.f32(0)));
        queries.push_back(makeRows(numbers));
      }
    }
    if (spec.slopes.empty())
      return;
    Value head = b.rem(query, at.group);
    slope = getSlope(0, isHidden);
    for (int64_t q = 1; q < at.group; ++q)
      slope =
          b.select(b.isEqual(head, b.index(q)), getSlope(q, isHidden), slope);
  }

  void takeSteps() override {
    // Greatest score and sum of this thread's steps; weighted values; pieces.
    SmallVector<Value> state{b.f32(kLowestScore), b.f32(0)};
    state.append(at.dim / kColumns * 4, b.f32(0));
    auto weights = static_cast<int64_t>(state.size());
    state.append(keyPieces);
    auto keysEnd = static_cast<int64_t>(state.size());
    state.append(valuePieces);
    Value stride = b.index(at.warps * kSteps);
    state = b.fold(base, last, stride, state, [&](Value base, ValueRange all) {
      Value following = b.add(base, stride);
      ValueRange keys = all.slice(weights, keysEnd - weights);
      ValueRange values = all.drop_front(keysEnd);
      SmallVector<Value> scores = getScores(base, keys);
      SmallVector<Value> nextKeys = load(
          following, keyChunks, [&](Value base) { return loadKeys(base); }, 2,
          keys);
      SmallVector<Value> next =
          addValues(all.take_front(weights), scores, values);
      next.append(nextKeys);
      next.append(load(
          following, valueChunks, [&](Value base) { return loadValues(base); },
          4, values));
      return next;
    });
    shareState(ValueRange(state).take_front(weights));
  }

private:
  /// What this row's query sees. With queries of several tokens that is less
  /// than all steps of the block.
  void findBounds(Value query) {
    rowTime = time;
    rowLast = last;
    isHidden = isMasked;
    if (at.count == at.group)
      return;
    rowTime = b.add(past, getToken(query));
    isHidden = b.isLess(rowTime, start);
    rowFirst = start;
    rowLast = b.add(rowTime, 1);
    if (spec.window)
      rowFirst = b.max(rowFirst, b.add(rowTime, 1 - *spec.window));
    if (spec.maskedRows == MaskedRows::uniform) {
      rowFirst = b.select(isHidden, b.index(0), rowFirst);
      rowLast = b.select(isHidden, last, rowLast);
    }
  }

  /// Cuts a head into chunks for `threads` side by side, of at least `least`
  /// elements each.
  SmallVector<Chunk> cut(int64_t threads, int64_t least) {
    SmallVector<Chunk> chunks;
    for (int64_t from = 0, width = 8; from < at.dim;) {
      while (from + threads * width > at.dim)
        width /= 2;
      assert(width >= least && "no head of this size");
      chunks.push_back({from, width});
      from += threads * width;
    }
    return chunks;
  }

  /// The first of a thread's elements of a chunk.
  Value getPlace(const Chunk &chunk, Value thread) {
    return b.add(b.mul(thread, chunk.width), chunk.from);
  }

  //===--- Loads ---------------------------------------------------------===//

  /// What `body` loads for the steps from `base` on, of each of `count` steps
  /// all chunks; where there are no such steps, `others`, or zeros.
  SmallVector<Value> load(Value base, ArrayRef<Chunk> chunks,
                          llvm::function_ref<SmallVector<Value>(Value)> body,
                          int64_t count, ValueRange others) {
    SmallVector<Type> types;
    for (int64_t i = 0; i < count; ++i)
      for (const Chunk &chunk : chunks)
        types.push_back(VectorType::get({chunk.width}, element));
    return b.choose(
        b.isLess(base, last), types, [&] { return body(base); },
        [&]() -> SmallVector<Value> {
          if (!others.empty())
            return llvm::to_vector(others);
          return llvm::map_to_vector(types, [&](Type type) -> Value {
            return arith::ConstantOp::create(b, b.getZeroAttr(type));
          });
        });
  }

  SmallVector<Value> loadStep(Value line, Value step, ArrayRef<Chunk> chunks,
                              Value thread) {
    step = b.min(step, b.add(last, -1));
    line = b.at(line, element, b.mul(step, at.dim));
    return llvm::map_to_vector(chunks, [&](const Chunk &chunk) {
      return loadElements(b.at(line, element, getPlace(chunk, thread)),
                          VectorType::get({chunk.width}, element));
    });
  }

  /// Each row of threads loads a step, and then the one 8 steps on.
  SmallVector<Value> loadKeys(Value base) {
    SmallVector<Value> pieces;
    for (int64_t i = 0; i < kSteps; i += kColumns)
      pieces.append(loadStep(keys, b.add(base, b.add(threadRow, i)), keyChunks,
                             threadColumn));
    return pieces;
  }

  /// Each column of threads loads the four steps whose weights it will have.
  SmallVector<Value> loadValues(Value base) {
    SmallVector<Value> pieces;
    for (int64_t i : {0, 1, 8, 9})
      pieces.append(loadStep(values, getStep(base, i), valueChunks, threadRow));
    return pieces;
  }

  Value getStep(Value base, int64_t i) {
    return b.add(b.add(base, b.mul(threadColumn, 2)), i);
  }

  //===--- Products ------------------------------------------------------===//

  /// Four numbers of a row of an operand, and of the row with what is missing.
  SmallVector<Value> makeRows(ArrayRef<Value> numbers) {
    SmallVector<Value> high, low;
    for (Value number : numbers) {
      Value rounded = arith::TruncFOp::create(b, element, number);
      Value rest =
          b.fsub(number, arith::ExtFOp::create(b, f32, rounded).getResult());
      high.push_back(rounded);
      low.push_back(arith::TruncFOp::create(b, element, rest));
    }
    auto pair = [&](ArrayRef<Value> values, int64_t i) {
      return b.pack(values.slice(i, 2));
    };
    return {pair(high, 0), pair(low, 0), pair(high, 2), pair(low, 2)};
  }

  /// Elements `i` and `i + 1` of a piece.
  Value getPair(Value piece, int64_t i) {
    return b.pack({b.extract(piece, i), b.extract(piece, i + 1)});
  }

  /// The scores of this row's query and the four steps of this column.
  SmallVector<Value> getScores(Value base, ValueRange pieces) {
    auto chunks = static_cast<int64_t>(keyChunks.size());
    SmallVector<Value> scores;
    for (int64_t tile = 0; tile < kSteps / kColumns; ++tile) {
      SmallVector<Value> sums(4, b.f32(0));
      auto *query = queries.begin();
      for (Value piece : pieces.slice(tile * chunks, chunks)) {
        int64_t width = cast<VectorType>(piece.getType()).getNumElements();
        for (int64_t i = 0; i < width; i += 4)
          sums = b.multiply(*query++,
                            {getPair(piece, i), getPair(piece, i + 2)}, sums);
      }
      for (int64_t i = 0; i < 2; ++i) {
        Value step = getStep(base, tile * kColumns + i);
        Value score = finishScore(b.fadd(sums[i], sums[2 + i]), slope,
                                  slope ? getDistance(step, rowTime) : Value());
        Value isSeen = b.isLess(step, rowLast);
        if (rowFirst)
          isSeen = arith::AndIOp::create(b, isSeen,
                                         b.isLess(b.add(rowFirst, -1), step));
        scores.push_back(b.select(
            isSeen, score, b.f32(-std::numeric_limits<double>::infinity())));
      }
    }
    return scores;
  }

  /// The state with the values of the steps that have these scores.
  SmallVector<Value> addValues(ValueRange state, ArrayRef<Value> scores,
                               ValueRange pieces) {
    Value best = state[0], sum = state[1], greatest = best;
    for (Value score : scores)
      greatest = b.fmax(greatest, score);
    greatest = b.reduceLanes(greatest, 4,
                             [&](Value x, Value y) { return b.fmax(x, y); });
    Value correction = b.exp2(b.fsub(best, greatest));
    sum = b.fmul(sum, correction);
    SmallVector<Value> weights;
    for (Value score : scores) {
      weights.push_back(b.exp2(b.fsub(score, greatest)));
      sum = b.fadd(sum, weights.back());
    }
    SmallVector<Value> rows = makeRows(weights);
    SmallVector<Value> next{greatest, sum};
    auto chunks = static_cast<int64_t>(valueChunks.size());
    for (auto [c, chunk] : llvm::enumerate(valueChunks))
      for (int64_t i = 0; i < chunk.width; ++i) {
        SmallVector<Value> four, sums;
        for (int64_t step = 0; step < 4; ++step)
          four.push_back(b.extract(pieces[step * chunks + c], i));
        for (Value old : state.slice(next.size(), 4))
          sums.push_back(b.fmul(old, correction));
        next.append(b.multiply(
            rows, {b.pack({four[0], four[1]}), b.pack({four[2], four[3]})},
            sums));
      }
    return next;
  }

  void shareState(ValueRange state) {
    Value sum = b.sumLanes(state[1], 4), query = threadRow;
    b.when(isQuery, [&] {
      b.when(b.isEqual(threadColumn, b.index(0)), [&] {
        Value stats = getStats(b.warp(), query);
        b.store(state[0], stats);
        b.store(sum, b.at(stats, f32, 1));
      });
      Value line = getWeighted(b.warp(), query);
      state = state.drop_front(2);
      for (const Chunk &chunk : valueChunks) {
        // Two columns of the results are a thread's, and each has the elements
        // that one thread has loaded.
        for (int64_t column = 0; column < 2; ++column) {
          Value thread = b.add(b.mul(threadColumn, 2), column);
          Value to = b.at(line, f32, getPlace(chunk, thread));
          int64_t width = std::min<int64_t>(chunk.width, 4);
          for (int64_t i = 0; i < chunk.width; i += width) {
            SmallVector<Value> numbers;
            for (int64_t j = 4 * i; j < 4 * (i + width); j += 4)
              numbers.push_back(
                  b.fadd(state[j + column], state[j + 2 + column]));
            b.store(b.pack(numbers), b.at(to, f32, i), 4 * width);
          }
        }
        state = state.drop_front(4 * chunk.width);
      }
    });
  }

  SmallVector<Chunk> keyChunks, valueChunks;
  Value threadRow, threadColumn, isQuery;
  Value base;         ///< the first step of the warp
  Value keys, values; ///< of step 0
  SmallVector<Value> keyPieces, valuePieces;
  SmallVector<SmallVector<Value>> queries; ///< operands
  /// Of this row's query; the first step is null if all see that of the block.
  Value rowFirst, rowLast, rowTime;
  Value isHidden; ///< whether it sees nothing
  Value slope;    ///< or null
};
} // namespace

bool cuda::hasMatrixAttention(const AttentionSpec &spec) {
  int64_t dim = spec.cache.getHeadDim();
  return spec.element.getIntOrFloatBitWidth() == 16 && dim % kSum == 0 &&
         dim <= kMaxDim;
}

void cuda::generateMatrixAttention(DeviceBuilder &b, const AttentionSpec &spec,
                                   ValueRange args) {
  MatrixAttention(b, spec, args).generate();
}
