//===- AttentionKernels.cpp - attention over the cache ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The steps that a query sees are cut into parts, one block for each part and
// head of the cache. A few neighbouring lanes take a step: each has a piece of
// the key and of the value, and pieces of the queries of all heads that read
// this head of the cache, so that keys and values are read once. The softmax
// is computed online: the greatest score so far, the sum, the weighted values.
// A second kernel puts the parts together.
//
//===----------------------------------------------------------------------===//

#include "DeviceKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

static constexpr int64_t kThreads = 128;
/// Below every score, and still a number.
static constexpr float kLowest = -1e30f;
/// Query heads whose state fits the registers of a thread.
static constexpr int64_t kMaxGroup = 8;

std::string AttentionSpec::getName() const {
  std::string name =
      (Twine(features / cache.getHeadDim()) + "over" + Twine(cache.getHeads()) +
       "x" + Twine(cache.getHeadDim()) + "_scale" + nameNumber(scale) + "_" +
       stringifyMaskedRows(maskedRows))
          .str();
  if (!softcap.isZero())
    name += "_softcap" + nameNumber(softcap);
  if (window)
    name += "_window" + std::to_string(*window);
  for (float slope : slopes)
    name += "_" + nameNumber(slope);
  return name + "_parts" + std::to_string(parts);
}

int64_t cuda::getKVAppendKernel(DeviceLibrary &library, KVCacheType cache) {
  int64_t heads = cache.getHeads(), dim = cache.getHeadDim();
  Type pointer = library.getPointer(), number = library.getNumber();
  return library.get(
      ("kv_append_" + Twine(heads) + "x" + Twine(dim)).str(),
      {pointer, pointer, pointer, pointer, pointer, number, number},
      KernelShape{}, [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value tokens = args[5], capacity = args[6], row = b.block();
        Value sequence = arith::DivUIOp::create(b, row, tokens);
        Value token = arith::RemUIOp::create(b, row, tokens);
        Value past = b.toIndex(b.load(args[4], b.getI64Type()));
        Value step = b.add(past, token);
        b.loop(b.thread(), b.index(heads * dim), b.getThreads(), [&](Value at) {
          Value from = b.add(b.mul(row, heads * dim), at);
          Value head = b.add(b.mul(sequence, heads), b.div(at, dim));
          Value line = b.add(b.mul(head, capacity), step);
          Value to = b.add(b.mul(line, dim), b.rem(at, dim));
          for (int64_t which : {0, 1})
            b.store(b.load(b.at(args[which], f32, from), f32),
                    b.at(args[2 + which], f32, to));
        });
      });
}

int64_t cuda::getAttentionParts(const AttentionSpec &spec) {
  // Two blocks for each multiprocessor of a large GPU with one sequence.
  int64_t parts =
      llvm::PowerOf2Ceil(llvm::divideCeil(256, spec.cache.getHeads()));
  return std::clamp<int64_t>(parts, 4, 32);
}

/// f32 of a partial result: weighted values, greatest score, sum.
static int64_t getWidth(const AttentionSpec &spec) {
  return spec.cache.getHeadDim() + 2;
}

int64_t cuda::getAttentionScratch(const AttentionSpec &spec) {
  return spec.cache.getHeads() * spec.getGroup() * spec.parts * getWidth(spec);
}

/// Query heads of a block.
static int64_t getBlockGroup(const AttentionSpec &spec) {
  int64_t group = std::min(spec.getGroup(), kMaxGroup);
  while (spec.getGroup() % group != 0)
    --group;
  return group;
}

int64_t cuda::getAttentionBlocks(const AttentionSpec &spec) {
  return spec.cache.getHeads() * spec.getGroup() / getBlockGroup(spec);
}

namespace {
/// Generates the online softmax of one thread.
struct AttentionGenerator {
  DeviceBuilder &b;
  const AttentionSpec &spec;
  int64_t group;              ///< query heads
  int64_t elements;           ///< of a head, for each lane
  int64_t lanes;              ///< that share a step
  SmallVector<Value> queries; ///< pieces, scaled
  SmallVector<Value> slopes;  ///< or none
  Value keys, values;         ///< this lane's piece of step 0
  Value own;                  ///< the step of these lanes
  Value first, last;          ///< steps of the block
  Value time;                 ///< the step of the query
  Value isMasked;             ///< whether the query sees nothing

  int64_t getSteps() const { return kThreads / lanes; }

  Value loadPiece(Value from, Value step) {
    Type f32 = b.getF32Type();
    Value place = b.at(from, f32, b.mul(step, spec.cache.getHeadDim()));
    int64_t width = std::min<int64_t>(elements, 4);
    auto type = VectorType::get({width}, f32);
    SmallVector<Value> parts;
    for (int64_t i = 0; i < elements; i += width) {
      Value part = b.load(b.at(place, f32, i), type, 4 * width);
      for (int64_t j = 0; j < width; ++j)
        parts.push_back(b.extract(part, j));
    }
    return b.pack(parts);
  }

  /// The state of a query: greatest score, sum, weighted values.
  SmallVector<Value> getInit() {
    SmallVector<Value> init;
    for (int64_t i = 0; i < group; ++i)
      init.append({b.f32(kLowest), b.f32(0), b.splat(0, elements)});
    return init;
  }

  SmallVector<Value> step(Value base, int64_t unroll, ValueRange state) {
    SmallVector<Value> steps, keyPieces, valuePieces, next(state);
    for (int64_t i = 0; i < unroll; ++i) {
      steps.push_back(b.add(base, b.add(own, i * getSteps())));
      Value place = b.min(steps[i], b.add(last, -1));
      keyPieces.push_back(loadPiece(keys, place));
      valuePieces.push_back(loadPiece(values, place));
    }
    for (int64_t q = 0; q < group; ++q) {
      Value best = state[3 * q], sum = state[3 * q + 1];
      Value weighted = state[3 * q + 2];
      SmallVector<Value> scores;
      Value greatest = best;
      for (int64_t i = 0; i < unroll; ++i) {
        Value score =
            b.sumLanes(b.sumElements(b.fmul(queries[q], keyPieces[i])), lanes);
        score = b.softcap(spec.softcap.convertToFloat(), score);
        if (!slopes.empty()) {
          Value distance = arith::SIToFPOp::create(
              b, b.getF32Type(), b.toI64(b.sub(steps[i], time)));
          score = b.fma(slopes[q], distance, score);
        }
        score = b.select(isMasked, b.f32(0), score);
        Value inside = b.isLess(steps[i], last);
        scores.push_back(b.select(inside, score, b.f32(kLowest)));
        greatest = b.fmax(greatest, scores.back());
      }
      Value correction = b.exp(b.fsub(best, greatest));
      sum = b.fmul(sum, correction);
      weighted = b.fmul(weighted, b.broadcast(correction, elements));
      for (int64_t i = 0; i < unroll; ++i) {
        Value weight = b.select(b.isLess(steps[i], last),
                                b.exp(b.fsub(scores[i], greatest)), b.f32(0));
        sum = b.fadd(sum, weight);
        weighted =
            b.fma(b.broadcast(weight, elements), valuePieces[i], weighted);
      }
      next[3 * q] = greatest;
      next[3 * q + 1] = sum;
      next[3 * q + 2] = weighted;
    }
    return next;
  }
};
} // namespace

int64_t cuda::getAttentionKernel(DeviceLibrary &library,
                                 const AttentionSpec &spec) {
  int64_t heads = spec.cache.getHeads(), dim = spec.cache.getHeadDim();
  int64_t whole = spec.getGroup(), group = getBlockGroup(spec);
  int64_t elements =
      getLoadElements(Float32Type::get(library.getContext()), dim);
  while (llvm::divideCeil(dim, elements) > kWarp)
    elements *= 2;
  int64_t lanes = llvm::PowerOf2Ceil(llvm::divideCeil(dim, elements));
  int64_t parts = spec.parts, width = getWidth(spec);
  int64_t teams = kThreads / lanes;
  Type pointer = library.getPointer(), number = library.getNumber();
  return library.get(
      "attention_" + spec.getName(),
      {pointer, pointer, pointer, pointer, pointer, pointer, number, number},
      KernelShape{.threads = kThreads,
                  .sharedBytes = teams * group * width * 4},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type(), i64 = b.getI64Type();
        Value tokens = args[6], capacity = args[7];
        Value row = b.block(gpu::Dimension::z);
        Value part = b.block(gpu::Dimension::y);
        Value head = b.div(b.block(), whole / group);
        Value firstQuery = b.mul(b.block(), group);
        Value sequence = arith::DivUIOp::create(b, row, tokens);
        Value token = arith::RemUIOp::create(b, row, tokens);
        Value past = b.toIndex(b.load(args[4], i64));
        Value time = b.add(past, token);
        Value low = b.toIndex(b.load(b.at(args[3], i64, sequence), i64));
        if (spec.window)
          low = b.max(low, b.add(time, 1 - *spec.window));
        Value high = b.add(time, 1);
        Value isMasked =
            arith::CmpIOp::create(b, arith::CmpIPredicate::sge, low, high);
        if (spec.maskedRows == MaskedRows::uniform) {
          // The mean of all values: all scores are 0.
          low = b.select(isMasked, b.index(0), low);
          high = b.select(isMasked, b.add(past, tokens), high);
        } else {
          low = b.min(low, high);
        }
        // Parts are multiples of what a block takes at once.
        constexpr int64_t kUnroll = 4;
        Value size = b.ceilDiv(b.sub(high, low), parts * teams * kUnroll);
        size = b.mul(size, teams * kUnroll);
        Value first = b.min(b.add(low, b.mul(part, size)), high);
        Value last = b.min(b.add(first, size), high);

        // Lanes behind the head's end have a query of zeros.
        Value lane = b.rem(b.thread(), lanes);
        Value piece = b.mul(lane, elements);
        Value isPiece = b.isLess(piece, b.index(dim));
        Value place = b.min(piece, b.index(dim - elements));
        Value line =
            b.mul(b.mul(b.add(b.mul(sequence, heads), head), capacity), dim);
        AttentionGenerator generator{b,     spec, group, elements, lanes,
                                     {},    {},   {},    {},       {},
                                     first, last, time,  isMasked};
        generator.own = b.div(b.thread(), lanes);
        generator.keys = b.at(args[1], f32, b.add(line, place));
        generator.values = b.at(args[2], f32, b.add(line, place));
        Value scale = b.f32(spec.scale.convertToFloat());
        for (int64_t q = 0; q < group; ++q) {
          Value query =
              b.at(args[0], f32,
                   b.add(b.mul(row, spec.features),
                         b.add(b.mul(b.add(firstQuery, q), dim), place)));
          SmallVector<Value> numbers;
          for (int64_t i = 0; i < elements; ++i)
            numbers.push_back(b.select(
                isPiece, b.fmul(b.load(b.at(query, f32, i), f32), scale),
                b.f32(0)));
          generator.queries.push_back(b.pack(numbers));
        }
        if (!spec.slopes.empty()) {
          for (int64_t q = 0; q < group; ++q) {
            Value slope = b.f32(spec.slopes[q]);
            for (int64_t other = 1; other < heads * whole / group; ++other)
              slope = b.select(b.isEqual(firstQuery, b.index(other * group)),
                               b.f32(spec.slopes[other * group + q]), slope);
            generator.slopes.push_back(slope);
          }
        }
        SmallVector<Value> state =
            b.fold(first, last, b.index(teams * kUnroll), generator.getInit(),
                   [&](Value base, ValueRange carried) {
                     return generator.step(base, kUnroll, carried);
                   });

        // The teams of the block.
        Value shared = b.getShared();
        for (int64_t q = 0; q < group; ++q) {
          Value line = b.at(
              shared, f32, b.mul(b.add(b.mul(generator.own, group), q), width));
          b.when(isPiece, [&] {
            for (int64_t i = 0; i < elements; ++i)
              b.store(b.extract(state[3 * q + 2], i),
                      b.at(line, f32, b.add(piece, i)));
          });
          b.when(b.isEqual(lane, b.index(0)), [&] {
            b.store(state[3 * q], b.at(line, f32, dim));
            b.store(state[3 * q + 1], b.at(line, f32, dim + 1));
          });
        }
        b.barrier();
        b.loop(
            b.thread(), b.index(group * dim), b.getThreads(), [&](Value each) {
              Value q = b.div(each, dim), at = b.rem(each, dim);
              auto load = [&](int64_t team, Value column) {
                Value line = b.mul(b.add(q, team * group), width);
                return b.load(b.at(shared, f32, b.add(line, column)), f32);
              };
              Value greatest = b.f32(kLowest);
              for (int64_t team = 0; team < teams; ++team)
                greatest = b.fmax(greatest, load(team, b.index(dim)));
              Value sum = b.f32(0), weighted = b.f32(0);
              for (int64_t team = 0; team < teams; ++team) {
                Value factor =
                    b.exp(b.fsub(load(team, b.index(dim)), greatest));
                sum = b.fma(factor, load(team, b.index(dim + 1)), sum);
                weighted = b.fma(factor, load(team, at), weighted);
              }
              Value query =
                  b.add(b.mul(row, heads * whole), b.add(firstQuery, q));
              Value line = b.at(args[5], f32,
                                b.mul(b.add(b.mul(query, parts), part), width));
              b.store(weighted, b.at(line, f32, at));
              b.when(b.isEqual(at, b.index(0)), [&] {
                b.store(greatest, b.at(line, f32, dim));
                b.store(sum, b.at(line, f32, dim + 1));
              });
            });
      });
}

int64_t cuda::getAttentionCombineKernel(DeviceLibrary &library,
                                        const AttentionSpec &spec) {
  int64_t dim = spec.cache.getHeadDim(), width = getWidth(spec);
  int64_t parts = spec.parts, queries = spec.features / dim;
  Type pointer = library.getPointer();
  return library.get(
      ("attention_combine_" + Twine(queries) + "x" + Twine(dim) + "_" +
       Twine(parts))
          .str(),
      {pointer, pointer},
      KernelShape{.threads = int64_t(
                      llvm::alignTo(std::min<int64_t>(dim, 256), kWarp))},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value query =
            b.add(b.mul(b.block(gpu::Dimension::y), queries), b.block());
        Value line = b.at(args[0], f32, b.mul(query, parts * width));
        b.loop(b.thread(), b.index(dim), b.getThreads(), [&](Value at) {
          SmallVector<Value> scores;
          Value greatest = b.f32(kLowest);
          for (int64_t part = 0; part < parts; ++part) {
            scores.push_back(b.load(b.at(line, f32, part * width + dim), f32));
            greatest = b.fmax(greatest, scores.back());
          }
          Value sum = b.f32(0), weighted = b.f32(0);
          for (int64_t part = 0; part < parts; ++part) {
            Value factor = b.exp(b.fsub(scores[part], greatest));
            Value own = b.load(b.at(line, f32, part * width + dim + 1), f32);
            Value value = b.load(b.at(line, f32, b.add(at, part * width)), f32);
            sum = b.fma(factor, own, sum);
            weighted = b.fma(factor, value, weighted);
          }
          // Nothing was seen: zero.
          Value isNone = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                               sum, b.f32(0));
          Value result = b.select(isNone, b.f32(0), b.fdiv(weighted, sum));
          b.store(result, b.at(args[1], f32, b.add(b.mul(query, dim), at)));
        });
      });
}
