//===- AttentionGenerator.h - what attention kernels share ------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The steps that a query sees are cut into parts, one block for each part and
// head of the cache. A block has the queries of all heads that read this head
// of the cache, so that keys and values are read once. Each of its warps takes
// steps and computes the softmax online: the greatest score so far, the sum,
// the weighted values. Then the warps of a block are put together, and by the
// last block of a head the parts, always in the same order.
//
// Where the token's own key and value are not in the cache yet (`appends`), the
// last part writes them and counts them behind its warps. All else that the
// cache holds is older than the step, so loads begin before earlier kernels are
// done.
//
// Scores are logarithms to base 2.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_ATTENTIONGENERATOR_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_ATTENTIONGENERATOR_H

#include "DeviceKernels.h"

namespace mlir::dejavu::cuda {

/// Below every score, and still a number.
inline constexpr float kLowestScore = -1e30f;
/// Query heads of a block, at most.
inline constexpr int64_t kMaxAttentionGroup = 8;
/// Parts of a context, at most: each costs time in the end.
inline constexpr int64_t kMaxAttentionParts = 16;

/// Query heads of a block.
int64_t getAttentionGroup(const AttentionSpec &spec);

/// Sizes, and what lies where in shared memory.
struct AttentionLayout {
  int64_t threads = 128, warps = threads / kWarp;
  int64_t dim, heads;
  int64_t whole, group; ///< query heads for a head of the cache, and of a block
  int64_t
      count; ///< queries of a block: all its heads of one token, of the next
  int64_t vector; ///< f32 of a head that one thread puts together
  int64_t parts;  ///< at most
  /// In f32: queries; key and value of the token; weighted values of the warps;
  /// greatest scores and sums of the warps and of the token; whether this is
  /// the last block.
  int64_t queries = 0, key, value, weighted, stats, isLast, size;

  explicit AttentionLayout(const AttentionSpec &spec);

  /// f32 of the parts of a query: weighted values of all, then greatest score
  /// and sum of each.
  int64_t getPartialSize() const;
};

/// The arguments of a kernel; those that it has not are null.
struct AttentionArguments {
  Value query, queryTable, key, value, keyTable, keys, values, starts, pastAt,
      partial, result, tokens, capacity;

  AttentionArguments(const AttentionSpec &spec, ValueRange args);
};

/// Generates one kernel, but for what the warps do with steps.
class AttentionGenerator {
public:
  AttentionGenerator(DeviceBuilder &b, const AttentionSpec &spec,
                     ValueRange args)
      : b(b), spec(spec), at(spec), args(spec, args), f32(b.getF32Type()),
        element(spec.element) {}
  virtual ~AttentionGenerator() = default;

  void generate();

protected:
  /// Steps of which parts are multiples.
  virtual int64_t getGrain() const = 0;
  /// Makes what a thread needs to know of its place.
  virtual void placeThread() = 0;
  /// Begins to load the first steps.
  virtual void startLoads() = 0;
  /// Takes queries from shared memory.
  virtual void loadQueries() = 0;
  /// Goes through the steps from `first` to `last`, and leaves greatest score,
  /// sum and weighted values of each warp in shared memory.
  virtual void takeSteps() = 0;

  Value getShared(int64_t offset) { return b.at(b.getShared(), f32, offset); }
  /// Where a warp's weighted values of a query go, and its greatest score and
  /// sum.
  Value getWeighted(Value warp, Value query);
  Value getStats(Value warp, Value query);
  /// Where the keys or values of the block's head begin.
  Value getLine(Value cache);
  /// Elements of the cache.
  Value loadElements(Value from, VectorType type);
  /// A score from a product of query and key: capped, and with its slope.
  Value finishScore(Value product, Value slope, Value distance);
  /// The slope of head `q` of the block, 0 if the query sees nothing; null
  /// without slopes.
  Value getSlope(int64_t q, Value isMasked);
  /// The distance of a step from a token.
  Value getDistance(Value step, Value time);
  /// The token of a query of the block, the last one behind it.
  Value getToken(Value query);

  DeviceBuilder &b;
  const AttentionSpec &spec;
  const AttentionLayout at;
  const AttentionArguments args;
  Type f32, element;

  Value row, sequence, part, parts, head, firstQuery; ///< of the block
  Value firstToken;                                   ///< null if there is one
  Value past, start;                                  ///< of the sequence
  Value time;                                         ///< of the first token
  Value isMasked;    ///< whether that token sees nothing
  Value first, last; ///< steps of the block
  Value isOwner;     ///< whether the block has the token

private:
  void attend();
  void placeBlock();
  void findSteps();
  Value readHead(Value from, Value index, Value table,
                 const std::optional<Rotation> &rotation);
  void shareQueries();
  void shareToken();
  void shareTokenScores();
  void forEachVector(llvm::function_ref<void(Value, Value)> body);
  Value loadVector(Value line, Value place);
  void storeResult(Value query, Value place, Value vector);
  Value getPartial(Value query);
  Value getPartialStats(Value partial, Value part);
  Value divide(Value vector, Value sum);
  void combineWarps();
  void combineParts();
  SmallVector<Value> addParts(Value partial, Value place, Value from,
                              ValueRange state);
};

/// Whether there are matrix products for these shapes.
bool hasMatrixAttention(const AttentionSpec &spec);
/// Steps by matrix products of 16 bits.
void generateMatrixAttention(DeviceBuilder &b, const AttentionSpec &spec,
                             ValueRange args);
/// Steps by teams of lanes, for all shapes.
void generateLaneAttention(DeviceBuilder &b, const AttentionSpec &spec,
                           ValueRange args);

} // namespace mlir::dejavu::cuda

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_ATTENTIONGENERATOR_H
