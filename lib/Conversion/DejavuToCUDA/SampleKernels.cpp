//===- SampleKernels.cpp - from logits to the next id ---------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block chooses the id of a row. Where that is not the likeliest one it does
// what lib/Runtime/Sampler.cpp does, with the arithmetic of
// dejavu-rt/sampling.h. Weights are whole numbers, so their sums are the same
// in any order, and atomic additions of them may come in any order.
//
// The likeliest ids that reach top-p: the last of them is found digit by digit,
// from above, in its rank (key, id). Each pass over the logits adds up the
// weights of what has the digits found so far, by the next digit. The random
// id: the sums of the warps' parts of the vocabulary say in whose part it is,
// and so on in that part, down to a few ids.
//
//===----------------------------------------------------------------------===//

#include "DeviceKernels.h"

#include "dejavu-rt/abi.h"
#include "dejavu-rt/sampling.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

/// Half of what a block can have, for more registers.
static constexpr int64_t kThreads = 512, kWarps = kThreads / kWarp;
/// Bits of a digit of a rank, and of the id in it.
static constexpr int64_t kDigit = 8, kIdBits = 24, kRankBits = 32 + kIdBits;
static_assert(DEJAVU_SAMPLING_MAX_VOCABULARY < int64_t(1) << kIdBits);
static constexpr int64_t kBins = 1 << kDigit;
/// Words of shared memory: sums by digit, sums of warps, twice, and what the
/// warps found the likeliest.
static_assert(kBins <= kThreads && kWarps <= kWarp);
static constexpr int64_t kSumsAt = kBins, kBestAt = kSumsAt + 2 * kWarps;
static constexpr int64_t kSharedWords = kBestAt + 2 * kWarps;

namespace {
/// The generator of a row's kernel.
struct SampleGenerator {
  DeviceBuilder &b;
  int64_t vocabulary;
  Value logits;           ///< of the row
  Value shared;           ///< i64 [kSharedWords]
  Value largest, scale{}; ///< f32, f64

  //===--- Numbers ------------------------------------------------------===//

  Value i64(uint64_t value) {
    return arith::ConstantOp::create(
        b, b.getI64IntegerAttr(static_cast<int64_t>(value)));
  }
  Value f64(double value) {
    return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
  }
  Value shiftRight(Value value, Value by) {
    return arith::ShRUIOp::create(b, value, by);
  }
  Value shiftLeft(Value value, int64_t by) {
    return arith::ShLIOp::create(b, value, i64(by));
  }
  Value isBelow(Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, lhs, rhs);
  }
  Value isFloat(arith::CmpFPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpFOp::create(b, predicate, lhs, rhs);
  }
  Value both(Value lhs, Value rhs) {
    return arith::AndIOp::create(b, lhs, rhs);
  }
  Value shuffle(Value value, int64_t by, gpu::ShuffleMode mode) {
    return gpu::ShuffleOp::create(b, value, static_cast<int32_t>(by), kWarp,
                                  mode)
        .getShuffleResult();
  }
  Value sumLanes(Value value) {
    return b.reduceLanes(value, kWarp,
                         [&](Value lhs, Value rhs) { return b.add(lhs, rhs); });
  }
  Value word(int64_t at) { return b.at(shared, b.getI64Type(), at); }
  Value word(int64_t at, Value index) {
    return b.at(word(at), b.getI64Type(), index);
  }

  //===--- The likeliest id ---------------------------------------------===//

  /// Some logits of a thread, and whose they are. What would be behind the last
  /// ids is some of them once more, and then `isNew` is false.
  struct Group {
    SmallVector<Value> ids, values, isNew;
  };

  int64_t getLanes() { return getLoadElements(b.getF32Type(), vocabulary); }
  /// Loads of a group, of 16 bytes each, of up to `loads`.
  int64_t getLoads(int64_t loads) {
    return std::min<int64_t>(
        loads, llvm::divideCeil(vocabulary, kThreads * getLanes()));
  }
  /// The group that begins with id `at`.
  Group loadGroup(Value at, int64_t loads) {
    Type f32 = b.getF32Type();
    int64_t lanes = getLanes();
    auto type = VectorType::get({lanes}, f32);
    Group group;
    SmallVector<Value> loaded, firsts;
    for (int64_t i = 0; i < loads; ++i) {
      Value place = b.add(at, i * kThreads * lanes);
      group.isNew.append(lanes, b.isLess(place, b.index(vocabulary)));
      firsts.push_back(b.min(place, b.index(vocabulary - lanes)));
      loaded.push_back(
          b.load(b.at(logits, f32, firsts.back()), type, lanes * 4));
    }
    for (int64_t i = 0; i < loads; ++i)
      for (int64_t lane = 0; lane < lanes; ++lane) {
        group.ids.push_back(b.add(firsts[i], lane));
        group.values.push_back(b.extract(loaded[i], lane));
      }
    return group;
  }
  /// Gets what is carried; returns what is carried next.
  using GroupFold =
      llvm::function_ref<SmallVector<Value>(const Group &, ValueRange)>;
  /// Goes over all logits, each thread in groups.
  SmallVector<Value> foldLogits(int64_t loads, ValueRange init,
                                GroupFold body) {
    return b.fold(b.mul(b.thread(), getLanes()), b.index(vocabulary),
                  b.index(loads * kThreads * getLanes()), init,
                  [&](Value at, ValueRange carried) {
                    return body(loadGroup(at, loads), carried);
                  });
  }

  /// What the block's threads have, put together. `at` is that of a word for
  /// each warp.
  Value reduceBlock(Value value, int64_t at,
                    llvm::function_ref<Value(Value, Value)> combine) {
    value = b.reduceLanes(value, kWarp, combine);
    b.when(b.isEqual(b.lane(), b.index(0)),
           [&] { b.store(value, word(at, b.warp())); });
    b.barrier();
    value = b.load(word(at, b.rem(b.lane(), kWarps)), value.getType());
    return b.reduceLanes(value, kWarp, combine);
  }

  /// The greatest logit, NaN if one is, and the first id that has it. The id is
  /// looked for when the logit is known, by the threads that have it.
  std::pair<Value, Value> findBest() {
    auto max = [&](Value lhs, Value rhs) { return b.fmax(lhs, rhs); };
    int64_t loads = getLoads(8);
    SmallVector<Value> best{b.f32(-std::numeric_limits<double>::infinity()),
                            b.mul(b.thread(), getLanes())};
    best = foldLogits(loads, best, [&](const Group &group, ValueRange carried) {
      Value own = group.values.front();
      for (Value value : ArrayRef(group.values).drop_front())
        own = max(own, value);
      Value isBetter = isFloat(arith::CmpFPredicate::OGT, own, carried[0]);
      return SmallVector<Value>{
          max(own, carried[0]),
          b.select(isBetter, group.ids.front(), carried[1])};
    });
    Value greatest = reduceBlock(best[0], kBestAt, max);
    Type type = b.getI64Type();
    auto none = [&] { return SmallVector<Value>{i64(vocabulary)}; };
    auto find = [&] {
      Group group = loadGroup(best[1], loads);
      Value first = none().front();
      for (auto [id, value] :
           llvm::reverse(llvm::zip_equal(group.ids, group.values)))
        first = b.select(isFloat(arith::CmpFPredicate::OEQ, value, greatest),
                         b.toI64(id), first);
      return SmallVector<Value>{first};
    };
    Value hasIt = isFloat(arith::CmpFPredicate::OEQ, best[0], greatest);
    Value id = b.choose(hasIt, type, find, none).front();
    id = reduceBlock(id, kBestAt + kWarps,
                     [&](Value lhs, Value rhs) { return b.min(lhs, rhs); });
    return {greatest, b.toIndex(id)};
  }

  //===--- Weights ------------------------------------------------------===//

  /// The key of a logit, i64, and whether it has a weight.
  std::pair<Value, Value> getKey(Value logit) {
    Value below =
        arith::ExtFOp::create(b, b.getF64Type(), b.fsub(largest, logit));
    Value key = b.fmul(below, scale);
    Value inside =
        isFloat(arith::CmpFPredicate::OLT, key, f64(DEJAVU_SAMPLING_KEYS));
    key = b.select(inside, key, f64(0));
    Value number = arith::FPToUIOp::create(b, b.getI32Type(), key);
    return {arith::ExtUIOp::create(b, b.getI64Type(), number), inside};
  }

  /// The weight of a key that has one.
  Value getWeight(Value key) {
    static constexpr uint32_t kPolynomial[] = DEJAVU_SAMPLING_POLYNOMIAL;
    auto i32 = [&](uint32_t value) -> Value {
      return arith::ConstantOp::create(
          b, b.getI32IntegerAttr(static_cast<int32_t>(value)));
    };
    // The bits of whole octaves are shifted out.
    Value fraction = arith::ShLIOp::create(
        b, arith::TruncIOp::create(b, b.getI32Type(), key),
        i32(32 - DEJAVU_SAMPLING_FRACTION_BITS));
    Value power = i32(kPolynomial[std::size(kPolynomial) - 1]);
    for (size_t i = std::size(kPolynomial) - 1; i-- > 0;)
      // By name, as LLVM would make a product of 64 bits of anything else.
      power =
          b.sub(i32(kPolynomial[i]),
                LLVM::CallIntrinsicOp::create(
                    b, b.getI32Type(), b.getStringAttr("llvm.nvvm.mulhi.ui"),
                    ValueRange{fraction, power})
                    .getResults());
    power = arith::ExtUIOp::create(b, b.getI64Type(), power);
    return shiftRight(shiftLeft(power, DEJAVU_SAMPLING_OCTAVES - 31),
                      shiftRight(key, i64(DEJAVU_SAMPLING_FRACTION_BITS)));
  }

  /// Where an id is among all, the likeliest first.
  Value getRank(Value key, Value id) {
    return arith::OrIOp::create(b, shiftLeft(key, kIdBits), b.toI64(id));
  }

  /// The sum of the weights of some ids, those from `end` on and those behind
  /// `last` left out.
  Value sumWeights(ArrayRef<Value> ids, Value end, Value last) {
    Type f32 = b.getF32Type();
    SmallVector<Value> keys, isKept;
    Value any;
    for (Value id : ids) {
      Value place = b.min(id, b.index(vocabulary - 1));
      auto [key, inside] = getKey(b.load(b.at(logits, f32, place), f32));
      Value isEarly = arith::CmpIOp::create(b, arith::CmpIPredicate::ule,
                                            getRank(key, id), last);
      keys.push_back(key);
      isKept.push_back(both(both(inside, isEarly), b.isLess(id, end)));
      any = any ? arith::OrIOp::create(b, any, isKept.back()).getResult()
                : isKept.back();
    }
    auto zero = [&] { return SmallVector<Value>{i64(0)}; };
    auto add = [&] {
      Value sum = i64(0);
      for (auto [key, kept] : llvm::zip(keys, isKept))
        sum = b.add(sum, b.select(kept, getWeight(key), i64(0)));
      return SmallVector<Value>{sum};
    };
    return b.choose(any, b.getI64Type(), add, zero).front();
  }

  //===--- Places in a list of sums -------------------------------------===//

  /// The element that brings the sum of a list to what is needed.
  struct Place {
    Value index;  ///< of the element
    Value sum;    ///< the element
    Value needed; ///< of it
  };
  /// Finds it in a list of 32 * `perLane`; `getNeeded` has it from the sum of
  /// all. Each warp does that for itself.
  Place locate(int64_t perLane, llvm::function_ref<Value(Value)> getElement,
               llvm::function_ref<Value(Value)> getNeeded) {
    Value first = b.mul(b.lane(), perLane), own = i64(0);
    SmallVector<Value> elements;
    for (int64_t i = 0; i < perLane; ++i) {
      elements.push_back(getElement(b.add(first, i)));
      own = b.add(own, elements[i]);
    }
    Value reached = own;
    for (int64_t offset = 1; offset < kWarp; offset *= 2) {
      Value other = shuffle(reached, offset, gpu::ShuffleMode::UP);
      reached = b.select(b.isLess(b.lane(), b.index(offset)), reached,
                         b.add(reached, other));
    }
    Value needed =
        getNeeded(shuffle(reached, kWarp - 1, gpu::ShuffleMode::IDX));
    Value before = b.sub(reached, own), none = i64(0);
    Value index = none, sum = none, left = none;
    for (int64_t i = 0; i < perLane; ++i) {
      Value after = b.add(before, elements[i]);
      Value isHere = both(
          isBelow(before, needed),
          arith::CmpIOp::create(b, arith::CmpIPredicate::ule, needed, after));
      index = b.select(isHere, b.toI64(b.add(first, i)), index);
      sum = b.select(isHere, elements[i], sum);
      left = b.select(isHere, b.sub(needed, before), left);
      before = after;
    }
    // One lane has it, the others have zeros.
    return {sumLanes(index), sumLanes(sum), sumLanes(left)};
  }

  //===--- The likeliest ids --------------------------------------------===//

  /// Adds to a word of shared memory, as other threads do. The halves have
  /// instructions of their own, which whole words have not: one half, and what
  /// it carries to the other.
  void addTo(Value word, Value number) {
    Type i32 = b.getI32Type();
    auto addHalf = [&](int64_t half, Value value) -> Value {
      return LLVM::AtomicRMWOp::create(
          b, LLVM::AtomicBinOp::add, b.at(word, i32, half), value,
          LLVM::AtomicOrdering::monotonic, "block");
    };
    Value low = arith::TruncIOp::create(b, i32, number);
    Value high = arith::TruncIOp::create(b, i32, shiftRight(number, i64(32)));
    Value before = addHalf(0, low);
    Value carry =
        arith::ExtUIOp::create(b, i32, isBelow(b.add(before, low), low));
    high = b.add(high, carry);
    Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
    b.when(isBelow(zero, high), [&] { addHalf(1, high); });
  }

  /// Adds up the weights of the ranks that begin with `prefix` by their next
  /// digit, whose lowest bit is bit `shift` of the rank.
  void tally(Value prefix, Value shift) {
    b.barrier(); // whoever still reads the sums before
    b.when(b.isLess(b.thread(), b.index(kBins)),
           [&] { b.store(i64(0), word(0, b.thread())); });
    b.barrier();
    Value above = b.add(shift, i64(kDigit));
    foldLogits(getLoads(2), {}, [&](const Group &group, ValueRange) {
      // All that has no branch first.
      SmallVector<Value> keys, ranks, isOne;
      for (auto [id, value, isNew] :
           llvm::zip(group.ids, group.values, group.isNew)) {
        auto [key, inside] = getKey(value);
        keys.push_back(key);
        ranks.push_back(getRank(key, id));
        Value begins = b.isEqual(shiftRight(ranks.back(), above), prefix);
        isOne.push_back(both(both(inside, isNew), begins));
      }
      for (size_t i = 0; i < keys.size(); ++i)
        b.when(isOne[i], [&] {
          Value digit = both(shiftRight(ranks[i], shift), i64(kBins - 1));
          addTo(word(0, b.toIndex(digit)), getWeight(keys[i]));
        });
      return SmallVector<Value>();
    });
    b.barrier();
  }

  /// The rank of the last of the likeliest ids that have `topP` of all weights
  /// together.
  Value findLast(Value topP) {
    Type i64Type = b.getI64Type();
    auto refine = [&](Value digit, Value prefix,
                      llvm::function_ref<Value(Value)> getNeeded) {
      Value shift =
          b.sub(i64(kRankBits - kDigit), b.mul(b.toI64(digit), i64(kDigit)));
      tally(prefix, shift);
      Place place = locate(
          kBins / kWarp, [&](Value at) { return b.load(word(0, at), i64Type); },
          getNeeded);
      Value longer =
          arith::OrIOp::create(b, shiftLeft(prefix, kDigit), place.index);
      return SmallVector<Value>{longer, place.needed, place.sum};
    };
    // Of all digits but the first it is known what is needed.
    SmallVector<Value> found =
        refine(b.index(0), i64(0), [&](Value total) -> Value {
          Value share =
              b.fmul(topP, arith::UIToFPOp::create(b, b.getF64Type(), total));
          Value needed = arith::FPToUIOp::create(b, i64Type, share);
          needed = arith::MaxUIOp::create(b, needed, i64(1));
          return arith::MinUIOp::create(b, needed, total);
        });
    auto refineAll = [&](Value from, Value to, ValueRange init) {
      return b.fold(
          from, to, b.index(1), init, [&](Value digit, ValueRange carried) {
            Value needed = carried[1];
            return refine(digit, carried[0], [&](Value) { return needed; });
          });
    };
    constexpr int64_t kKeyDigits = 32 / kDigit;
    found = refineAll(b.index(1), b.index(kKeyDigits), found);
    // Of ids with this key, the first few may be enough.
    Value key = found[0];
    Value isAll = isBelow(b.sub(found[2], getWeight(key)), found[1]);
    return b
        .choose(
            isAll, i64Type,
            [&] {
              Value ids = i64((int64_t(1) << kIdBits) - 1);
              return SmallVector<Value>{
                  arith::OrIOp::create(b, shiftLeft(key, kIdBits), ids)};
            },
            [&] {
              return SmallVector<Value>{refineAll(
                  b.index(kKeyDigits), b.index(kRankBits / kDigit), found)[0]};
            })
        .front();
  }

  //===--- The random id ------------------------------------------------===//

  /// Random number `count` of a seed.
  Value draw(Value seed, Value count) {
    Value z =
        b.add(seed, b.mul(b.add(count, i64(1)), i64(DEJAVU_SAMPLING_STEP)));
    auto fold = [&](int64_t by) -> Value {
      return arith::XOrIOp::create(b, z, shiftRight(z, i64(by)));
    };
    z = b.mul(fold(30), i64(DEJAVU_SAMPLING_MIX_1));
    z = b.mul(fold(27), i64(DEJAVU_SAMPLING_MIX_2));
    return fold(31);
  }

  /// Has each warp sum the weights of its part of the ids from `from` on, of
  /// `size` ids, and finds the part with what is needed.
  Place locatePart(Value from, Value end, int64_t size, int64_t sumsAt,
                   Value last, llvm::function_ref<Value(Value)> getNeeded) {
    Type i64Type = b.getI64Type();
    Value first = b.add(from, b.mul(b.warp(), size));
    Value behind = b.min(end, b.add(first, size));
    // A few at once where there are many.
    int64_t unroll = size >= 16 * kWarp ? 8 : 1;
    Value own =
        b.fold(b.add(first, b.lane()), behind, b.index(unroll * kWarp), i64(0),
               [&](Value at, ValueRange carried) {
                 SmallVector<Value> ids;
                 for (int64_t i = 0; i < unroll; ++i)
                   ids.push_back(b.add(at, i * kWarp));
                 return SmallVector<Value>{
                     b.add(carried[0], sumWeights(ids, behind, last))};
               })
            .front();
    own = sumLanes(own);
    b.when(b.isEqual(b.lane(), b.index(0)),
           [&] { b.store(own, word(sumsAt, b.warp())); });
    b.barrier();
    return locate(
        1,
        [&](Value at) {
          Value sum = b.load(word(sumsAt, b.rem(at, kWarps)), i64Type);
          return b.select(b.isLess(at, b.index(kWarps)), sum, i64(0));
        },
        getNeeded);
  }

  /// The id, in the order of ids up to rank `last`, whose running sum exceeds
  /// the part of the total that `random` is of 2^64.
  Value pick(Value random, Value last) {
    // Parts of parts, until there are few ids for each lane. What one level
    // reads the next but one overwrites, which is a barrier later.
    constexpr int64_t kFew = 2;
    SmallVector<int64_t> sizes;
    for (int64_t size = vocabulary; size > kFew * kWarp;)
      sizes.push_back(size =
                          llvm::alignTo(llvm::divideCeil(size, kWarps), kWarp));
    Value from = b.index(0), end = b.index(vocabulary), needed;
    auto getNeeded = [&](Value total) -> Value {
      if (needed)
        return needed;
      auto product = arith::MulUIExtendedOp::create(b, random, total);
      return b.add(product.getHigh(), i64(1));
    };
    for (auto [level, size] : llvm::enumerate(sizes)) {
      Place place = locatePart(from, end, size, kSumsAt + level % 2 * kWarps,
                               last, getNeeded);
      from = b.add(from, b.mul(b.toIndex(place.index), size));
      end = b.min(end, b.add(from, size));
      needed = place.needed;
    }
    int64_t few =
        llvm::divideCeil(sizes.empty() ? vocabulary : sizes.back(), kWarp);
    Place place = locate(
        few, [&](Value at) { return sumWeights(b.add(from, at), end, last); },
        getNeeded);
    return b.add(from, b.toIndex(place.index));
  }
};
} // namespace

int64_t cuda::getSampleKernel(DeviceLibrary &library, int64_t vocabulary) {
  Type pointer = library.getPointer();
  SmallVector<Type> types(6, pointer);
  types.push_back(library.getNumber());
  return library.get(
      ("sample_" + Twine(vocabulary)).str(), types,
      KernelShape{.threads = kThreads, .sharedBytes = 8 * kSharedWords},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type(), i64 = b.getI64Type(), f64 = b.getF64Type();
        Value row = b.block();
        SampleGenerator generator{b,
                                  vocabulary,
                                  b.at(args[5], f32, b.mul(row, vocabulary)),
                                  b.getShared(),
                                  {}};
        Value sampling =
            b.at(args[4], b.getI8Type(), b.mul(row, sizeof(dejavu_sampling)));
        auto field = [&](size_t offset) {
          return b.at(sampling, b.getI8Type(), static_cast<int64_t>(offset));
        };
        Value drawn = field(offsetof(dejavu_sampling, drawn));
        Value count = b.load(drawn, i64);
        generator.scale = b.load(field(offsetof(dejavu_sampling, scale)), f64);

        auto [largest, best] = generator.findBest();
        generator.largest = largest;
        Value isRandom = generator.isFloat(arith::CmpFPredicate::OGT,
                                           generator.scale, generator.f64(0));
        auto isInfinite = [&, largest = largest](double infinity) {
          return generator.isFloat(arith::CmpFPredicate::OEQ, largest,
                                   b.f32(infinity));
        };
        constexpr double kInfinity = std::numeric_limits<double>::infinity();
        Value isNaN =
            generator.isFloat(arith::CmpFPredicate::UNO, largest, largest);
        Value isBad = generator.both(
            isRandom, arith::OrIOp::create(b, isInfinite(kInfinity),
                                           isInfinite(-kInfinity)));
        // With NaN there is no best; some id goes on in any case.
        Value likeliest =
            b.select(b.isEqual(best, b.index(vocabulary)), b.index(0), best);
        Value isDrawn = b.select(
            arith::OrIOp::create(b, isNaN, isBad),
            arith::ConstantOp::create(b, b.getBoolAttr(false)), isRandom);
        Value id =
            b.choose(
                 isDrawn, b.getIndexType(),
                 [&] {
                   Value topP =
                       b.load(field(offsetof(dejavu_sampling, top_p)), f64);
                   Value isPart = generator.isFloat(arith::CmpFPredicate::OLT,
                                                    topP, generator.f64(1));
                   Value last = b.choose(
                                     isPart, i64,
                                     [&] {
                                       return SmallVector<Value>{
                                           generator.findLast(topP)};
                                     },
                                     [&] {
                                       return SmallVector<Value>{
                                           generator.i64(INT64_MAX)};
                                     })
                                    .front();
                   Value seed =
                       b.load(field(offsetof(dejavu_sampling, seed)), i64);
                   return SmallVector<Value>{
                       generator.pick(generator.draw(seed, count), last)};
                 },
                 [&] { return SmallVector<Value>{likeliest}; })
                .front();
        b.when(b.isEqual(b.thread(), b.index(0)), [&] {
          Value one = generator.i64(1), number = b.toI64(id);
          Value told = b.select(isBad, generator.i64(-3), number);
          told = b.select(isNaN, generator.i64(-2), told);
          b.store(number, b.at(args[0], i64, row));
          Value position = b.at(args[1], i64, row);
          b.store(b.add(b.load(position, i64), one), position);
          b.store(b.add(count, one), drawn);
          Value past = b.toIndex(b.load(args[2], i64));
          Value place = b.add(b.mul(past, args[6]), row);
          LLVM::StoreOp::create(b, told, b.at(args[3], i64, place),
                                /*alignment=*/8, /*isVolatile=*/true);
        });
      });
}

int64_t cuda::getAdvanceKernel(DeviceLibrary &library) {
  return library.get("advance", {library.getPointer()},
                     KernelShape{.threads = kWarp},
                     [&](DeviceBuilder &b, ValueRange args) {
                       Type i64 = b.getI64Type();
                       b.when(b.isEqual(b.thread(), b.index(0)), [&] {
                         Value past = b.toIndex(b.load(args[0], i64));
                         b.store(b.toI64(b.add(past, 1)), args[0]);
                       });
                     });
}
