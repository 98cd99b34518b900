//===- StreamedLinearKernels.cpp - products of one row --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One block for each multiprocessor; its warps take rows of the weights in
// turn. Each warp has a ring of its own in shared memory, which it fills with
// chunks of its rows by bulk copies, as far ahead as the ring is long, and from
// before the input exists. What is added to a row's sum is loaded a row ahead.
// The input is in shared memory, and may be normalized on its way there. A
// lane's sum goes through its elements in order; the lanes' sums meet in a
// tree. The result does not depend on the number of multiprocessors.
//
// Without bulk copies, or with too little shared memory for rings, lanes load
// the weights to registers.
//
//===----------------------------------------------------------------------===//

#include "AsyncCopies.h"
#include "DotProducts.h"
#include "RowNorm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

/// Bytes that the lanes of a warp read at once.
static constexpr int64_t kGranule = kWarp * kLoadBytes;
/// Granules of a chunk at most, and chunks of a ring.
static constexpr int64_t kMaxGranules = 8, kMaxStages = 12;
static constexpr int64_t kWarps = 8;
static constexpr int64_t kScratchBytes = 33 * 4;

namespace {
/// How a kernel uses its block and its shared memory.
struct Plan {
  int64_t width;    ///< elements of a load
  int64_t rowBytes; ///< of the weights
  int64_t granules; ///< of a row, the last perhaps in part
  int64_t chunks;   ///< of a row
  int64_t chunkGranules;
  int64_t stages = 0; ///< of each ring; none without rings

  int64_t getChunkBytes() const { return chunkGranules * kGranule; }
  /// Bytes of the last chunk of a row.
  int64_t getLastBytes() const {
    return rowBytes - (chunks - 1) * getChunkBytes();
  }

  // Places in shared memory, in bytes: the rings, the input, the barriers, and
  // what sums over the block need.
  int64_t getInput() const { return kWarps * stages * getChunkBytes(); }
  int64_t getInputBytes() const { return granules * kWarp * width * 4; }
  int64_t getBarriers() const { return getInput() + getInputBytes(); }
  int64_t getScratch() const { return getBarriers() + 8 * kWarps * stages; }
  int64_t getSharedBytes() const { return getScratch() + kScratchBytes; }
};
} // namespace

static Plan makePlan(const LinearSpec &spec, const TargetInfo &target) {
  Plan plan;
  plan.width = kLoadBytes * 8 / spec.element.getIntOrFloatBitWidth();
  plan.rowBytes = spec.in * spec.element.getIntOrFloatBitWidth() / 8;
  plan.granules = llvm::divideCeil(plan.rowBytes, kGranule);
  plan.chunks = llvm::divideCeil(plan.granules, kMaxGranules);
  plan.chunkGranules = llvm::divideCeil(plan.granules, plan.chunks);
  // Rounding up may have left chunks without a granule.
  plan.chunks = llvm::divideCeil(plan.granules, plan.chunkGranules);
  // No more than there are chunks for a warp: rings of what is launched next
  // may fit beside these.
  int64_t rows = llvm::divideCeil(llvm::sum_of(spec.outs),
                                  kWarps * target.multiprocessors);
  plan.stages = std::clamp<int64_t>(rows * plan.chunks, 2, kMaxStages);
  while (plan.stages > 0 && plan.getSharedBytes() > target.sharedBytesPerBlock)
    --plan.stages;
  if (!target.hasBulkCopies || plan.stages < 2)
    plan.stages = 0;
  return plan;
}

bool cuda::hasStreamedLinear(const LinearSpec &spec) {
  // Of shorter rows some lanes would have nothing. The input must fit the
  // shared memory of any chip.
  constexpr int64_t kLeastRow = kGranule, kMostInput = 16384;
  int64_t bits = spec.in * spec.element.getIntOrFloatBitWidth();
  return !spec.isGated && bits % (8 * kLoadBytes) == 0 &&
         bits >= 8 * kLeastRow && spec.in <= kMostInput;
}

namespace {
/// Generates the work of one warp.
struct StreamGenerator {
  DeviceBuilder &b;
  const StreamedLinearSpec &spec;
  Plan plan;
  Value input, scale, bias; ///< of the input and its norm
  ArrayRef<LinearArguments> products;
  Value shared = b.getShared();

  Value getPlace(int64_t bytes) { return b.at(shared, b.getI8Type(), bytes); }
  /// The first row of this warp, and how far apart its rows are.
  Value getFirstRow() { return b.add(b.block(), b.mul(b.warp(), b.blocks())); }
  Value getStride() { return b.mul(b.blocks(), kWarps); }
  Value getRows() { return b.index(llvm::sum_of(spec.linear.outs)); }

  Value getStage(Value stage) {
    Value number = b.add(b.mul(b.warp(), plan.stages), stage);
    return b.at(shared, b.getI8Type(), b.mul(number, plan.getChunkBytes()));
  }
  Value getBarrier(Value stage) {
    Value number = b.add(b.mul(b.warp(), plan.stages), stage);
    return b.at(getPlace(plan.getBarriers()), b.getI64Type(), number);
  }

  /// Where the input has four elements, number `part` of the loads' elements,
  /// of lane-sized piece `piece`. The halves of pieces of eight are apart, so
  /// that neighbouring lanes read neighbouring banks.
  Value getInputPlace(Value piece, int64_t part) {
    Value place =
        getPlace(plan.getInput() + part * plan.granules * kWarp * kLoadBytes);
    return b.at(place, b.getF32Type(), b.mul(piece, 4));
  }

  /// Waits for the input, and brings it to shared memory, normalized if that is
  /// asked for. Calls `afterWait` once there is what was computed before.
  void placeInput(llvm::function_ref<void()> afterWait = [] {}) {
    RowPieces pieces =
        RowPieces::makeColumns(b, spec.linear.in, 4, kWarps * kWarp);
    NormWeights weights{scale, bias, {}, {}};
    if (spec.norm)
      weights.loadFew(b, pieces);
    b.waitForEarlier();
    afterWait();
    pieces.load(b, input);
    if (spec.norm)
      normalize(b, *spec.norm, pieces, weights, [&](Value own) {
        return b.sumBlock(own, getPlace(plan.getScratch()));
      });
    int64_t parts = plan.stages ? plan.width / 4 : 1;
    for (auto [value, column, inside] :
         llvm::zip(pieces.values, pieces.columns, pieces.isInside)) {
      auto store = [&, value = value, column = column] {
        Value four = b.div(column, 4);
        Value place = getInputPlace(b.div(four, parts), 0);
        if (parts == 2)
          place = b.at(place, b.getF32Type(),
                       b.mul(b.rem(four, 2), plan.granules * kWarp * 4));
        b.store(value, place, kLoadBytes);
      };
      if (inside)
        b.when(inside, store);
      else
        store();
    }
    b.barrier();
  }

  /// Starts to copy chunk `chunk` of row `row`, if there is such a row. One
  /// lane does.
  void fetch(Value row, Value chunk, Value stage) {
    Value isThere = arith::AndIOp::create(b, b.isEqual(b.lane(), b.index(0)),
                                          b.isLess(row, getRows()));
    b.when(isThere, [&] {
      auto [own, at] = chooseProduct(b, products, spec.linear.outs, row);
      Value from =
          b.at(own.weight, spec.linear.element, b.mul(at, spec.linear.in));
      from = b.at(from, b.getI8Type(), b.mul(chunk, plan.getChunkBytes()));
      Value bytes = b.index(plan.getChunkBytes());
      if (plan.getLastBytes() != plan.getChunkBytes())
        bytes = b.select(b.isEqual(chunk, b.index(plan.chunks - 1)),
                         b.index(plan.getLastBytes()), bytes);
      Value barrier = getBarrier(stage);
      arriveExpecting(b, barrier, bytes);
      startCopy(b, getStage(stage), from, bytes, barrier);
    });
  }

  /// What a ring is like: the stage that is read next and its parity, and the
  /// row and chunk that are fetched next.
  struct Ring {
    Value stage, parity, row, chunk;
    SmallVector<Value> pack() const { return {stage, parity, row, chunk}; }
    static Ring unpack(ValueRange values) {
      return {values[0], values[1], values[2], values[3]};
    }
  };

  Ring startRing() {
    b.when(b.isEqual(b.lane(), b.index(0)), [&] {
      for (int64_t i = 0; i < plan.stages; ++i)
        initBarrier(b, getBarrier(b.index(i)), 1);
      publishBarriers(b);
    });
    meetWarp(b);
    auto getRow = [&](int64_t i) {
      return b.add(getFirstRow(), b.mul(getStride(), i / plan.chunks));
    };
    for (int64_t i = 0; i < plan.stages; ++i)
      fetch(getRow(i), b.index(i % plan.chunks), b.index(i));
    Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
    return {b.index(0), zero, getRow(plan.stages),
            b.index(plan.stages % plan.chunks)};
  }

  /// Adds chunk `chunk`, of which `bytes` count, to a lane's sum.
  Value addChunk(Value chunk, int64_t bytes, Value stage, Value sum) {
    auto type = VectorType::get({plan.width}, spec.linear.element);
    Value lanePlace =
        b.at(getStage(stage), b.getI8Type(), b.mul(b.lane(), kLoadBytes));
    Value piece = b.add(b.mul(chunk, plan.chunkGranules * kWarp), b.lane());
    for (int64_t at = 0; at < bytes; at += kGranule) {
      auto add = [&](Value sum) {
        Value w = b.toFloats(
            b.load(b.at(lanePlace, b.getI8Type(), at), type, kLoadBytes));
        Value own = b.add(piece, at / kLoadBytes);
        for (int64_t part = 0; part < plan.width / 4; ++part) {
          Value x = b.load(getInputPlace(own, part),
                           VectorType::get({4}, b.getF32Type()), kLoadBytes);
          for (int64_t i = 0; i < 4; ++i)
            sum = b.fma(b.extract(w, 4 * part + i), b.extract(x, i), sum);
        }
        return sum;
      };
      int64_t left = (bytes - at) / kLoadBytes;
      if (left >= kWarp)
        sum = add(sum);
      else
        sum = b.choose(
            b.isLess(b.lane(), b.index(left)), b.getF32Type(),
            [&] { return SmallVector<Value>{add(sum)}; },
            [&] { return SmallVector<Value>{sum}; })[0];
    }
    return sum;
  }

  /// Takes one chunk out of the ring and fetches another in its place.
  std::pair<Ring, Value> takeChunk(Ring ring, Value chunk, int64_t bytes,
                                   Value sum) {
    wait(b, getBarrier(ring.stage), ring.parity);
    sum = addChunk(chunk, bytes, ring.stage, sum);
    // Nobody may still read what is overwritten.
    finishReads(b);
    meetWarp(b);
    fetch(ring.row, ring.chunk, ring.stage);
    Ring next;
    Value after = b.add(ring.stage, 1);
    Value isEnd = b.isEqual(after, b.index(plan.stages));
    next.stage = b.select(isEnd, b.index(0), after);
    Value one = arith::ConstantOp::create(b, b.getI32IntegerAttr(1));
    Value flipped = arith::XOrIOp::create(b, ring.parity, one);
    next.parity = b.select(isEnd, flipped, ring.parity);
    after = b.add(ring.chunk, 1);
    isEnd = b.isEqual(after, b.index(plan.chunks));
    next.chunk = b.select(isEnd, b.index(0), after);
    next.row = b.select(isEnd, b.add(ring.row, getStride()), ring.row);
    return {next, sum};
  }

  /// What is added to the sum of a row, or of the last if it is past the end.
  Value loadBias(Value row) { return load(row, &LinearArguments::bias); }
  Value loadResidual(Value row) {
    return load(row, &LinearArguments::residual);
  }
  Value load(Value row, Value LinearArguments::*vector) {
    if (!(products.front().*vector))
      return {};
    Value inside = b.min(row, b.add(getRows(), -1));
    auto [own, at] = chooseProduct(b, products, spec.linear.outs, inside);
    return b.loadHere(b.at(own.*vector, b.getF32Type(), at), b.getF32Type());
  }

  void finish(Value row, Value sum, const Addends &addends) {
    sum = b.sumLanes(sum);
    b.when(b.isEqual(b.lane(), b.index(0)), [&] {
      auto [own, at] = chooseProduct(b, products, spec.linear.outs, row);
      own.finish(b, spec.linear.epilogue, sum, addends, b.index(0), at);
    });
  }

  void runWithRings() {
    SmallVector<Value> state = startRing().pack();
    size_t ringSize = state.size();
    auto append = [&](SmallVector<Value> &state, const Addends &addends) {
      for (Value value : {addends.bias, addends.residual})
        if (value)
          state.push_back(value);
    };
    Addends first{loadBias(getFirstRow()), {}};
    placeInput([&] { first.residual = loadResidual(getFirstRow()); });
    append(state, first);
    b.fold(getFirstRow(), getRows(), getStride(), state,
           [&](Value row, ValueRange carried) {
             SmallVector<Value> state(carried.take_front(ringSize));
             ValueRange loaded = carried.drop_front(ringSize);
             Addends addends;
             if (first.bias)
               addends.bias = loaded.front();
             if (first.residual)
               addends.residual = loaded.back();
             Value after = b.add(row, getStride());
             Addends next{loadBias(after), loadResidual(after)};
             state.push_back(b.f32(0));
             auto take = [&](Value chunk, int64_t bytes, ValueRange state) {
               auto [ring, sum] =
                   takeChunk(Ring::unpack(state), chunk, bytes, state.back());
               SmallVector<Value> next = ring.pack();
               next.push_back(sum);
               return next;
             };
             if (plan.chunks > 1)
               state = b.fold(b.index(0), b.index(plan.chunks - 1), b.index(1),
                              state, [&](Value chunk, ValueRange state) {
                                return take(chunk, plan.getChunkBytes(), state);
                              });
             state = take(b.index(plan.chunks - 1), plan.getLastBytes(), state);
             finish(row, state.back(), addends);
             state.pop_back();
             append(state, next);
             return state;
           });
  }

  void runWithoutRings() {
    placeInput();
    b.loop(getFirstRow(), getRows(), getStride(), [&](Value row) {
      auto [own, at] = chooseProduct(b, products, spec.linear.outs, row);
      DotGenerator dots{
          b,
          spec.linear.element,
          plan.width,
          {b.at(own.weight, spec.linear.element, b.mul(at, spec.linear.in))},
          {getPlace(plan.getInput())}};
      Value sum = dots.run(spec.linear.in).front();
      b.when(b.isEqual(b.lane(), b.index(0)), [&, own = own, at = at] {
        own.finish(b, spec.linear.epilogue, sum, Value(), b.index(0), at);
      });
    });
  }
};
} // namespace

int64_t cuda::getStreamedLinearKernel(DeviceLibrary &library,
                                      const StreamedLinearSpec &spec) {
  std::string name = "streamed_linear_" + spec.linear.getName();
  SmallVector<Type> types{library.getPointer()};
  if (spec.norm) {
    name += "_norm_" + spec.norm->getName();
    types.append(spec.norm->hasScale + spec.norm->hasBias,
                 library.getPointer());
  }
  appendLinearTypes(library, spec.linear, types);
  auto getShape = [&](const TargetInfo &target) {
    Plan plan = makePlan(spec.linear, target);
    return KernelShape{.threads = kWarps * kWarp,
                       .sharedBytes = plan.getSharedBytes(),
                       .waitsItself = true};
  };
  return library.get(
      name, types, getShape, [&](DeviceBuilder &b, ValueRange args) {
        auto take = [&](bool isThere) {
          if (!isThere)
            return Value();
          Value first = args.front();
          args = args.drop_front();
          return first;
        };
        Value input = take(true);
        Value scale = take(spec.norm && spec.norm->hasScale);
        Value bias = take(spec.norm && spec.norm->hasBias);
        auto [products, numbers] = takeLinearArguments(b, spec.linear, args);
        Value from = b.mul(numbers[3], spec.linear.in);
        StreamGenerator generator{b,
                                  spec,
                                  makePlan(spec.linear, b.getTarget()),
                                  b.at(input, b.getF32Type(), from),
                                  scale,
                                  bias,
                                  products};
        if (generator.plan.stages)
          generator.runWithRings();
        else
          generator.runWithoutRings();
      });
}
