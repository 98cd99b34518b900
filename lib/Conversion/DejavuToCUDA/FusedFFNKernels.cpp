//===- FusedFFNKernels.cpp - an MLP in one launch -------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One block for each multiprocessor; block b of n takes the neurons b, b + n,
// ... of the set. A warp of its own copies a neuron's rows of all projections
// into a ring of stages in shared memory, as far ahead as the ring is long. The
// other threads each have some columns: they multiply theirs of the up row (and
// the gate's) with the input, which they keep in registers, add up over the
// block, and add theirs of the down row, times the activation, to sums in
// registers. Reading never stops between the projections.
//
// Without bulk copies, or with too little shared memory for a ring, threads
// load the rows of the next neuron to registers while they compute.
//
// A block ends with a row of partial sums; a second launch adds these rows in
// the order of the blocks. The result depends on the number of
// multiprocessors, and on nothing else but the data.
//
//===----------------------------------------------------------------------===//

#include "AsyncCopies.h"
#include "DeviceKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

/// Elements that a thread has in a row: 16 bytes of 16-bit numbers.
static constexpr int64_t kPiece = 8;
static constexpr int64_t kMaxStages = 12;

namespace {
/// How a kernel uses its block and its shared memory.
struct Plan {
  int64_t matrices; ///< rows of a neuron: up and down, perhaps gate
  int64_t rowBytes;
  int64_t workers; ///< threads that compute
  int64_t pieces;  ///< for each of them
  int64_t stages;

  // Places in shared memory, in bytes. A stage has the rows, then 16 bytes
  // with the bias of four neighbours for each projection with a bias, and the
  // indices of four.
  static constexpr int64_t kExtras = 3 * 16;
  int64_t getStageBytes() const { return matrices * rowBytes + kExtras; }
  int64_t getBarriers() const { return stages * getStageBytes(); }
  int64_t getScratch() const { return getBarriers() + 3 * 8 * stages; }
  int64_t getSharedBytes() const {
    int64_t warps = workers / kWarp;
    return llvm::alignTo(getScratch(), 16) + 2 * 2 * warps * 4 + 16;
  }
};
} // namespace

static Plan makePlan(const FusedFFNSpec &spec, const TargetInfo &target) {
  Plan plan;
  plan.matrices = spec.isGated ? 3 : 2;
  plan.rowBytes = spec.features * 2;
  // As few idle threads as can be, then as many threads.
  int64_t count = spec.features / kPiece, best = 0;
  for (int64_t workers = 128; workers <= 512; workers += kWarp) {
    int64_t pieces = llvm::divideCeil(count, workers);
    int64_t waste = pieces * workers - count;
    int64_t cost = waste * 1024 - workers;
    if (workers == 128 || cost < best) {
      best = cost;
      plan.workers = workers;
      plan.pieces = pieces;
    }
  }
  plan.stages = kMaxStages;
  while (plan.stages > 1 && plan.getSharedBytes() > target.sharedBytesPerBlock)
    --plan.stages;
  return plan;
}

bool cuda::hasFusedFFN(const FusedFFNSpec &spec) {
  // Copies are of 16 bytes, and so are the biases of four neighbours. A thread
  // has registers for so many pieces.
  constexpr int64_t kMaxFeatures = 4 * 512 * kPiece;
  return !spec.element.isF32() && spec.features % kPiece == 0 &&
         spec.features <= kMaxFeatures && spec.neurons % 4 == 0;
}

/// Whether rows go through a ring in shared memory.
static bool hasRing(const Plan &plan, const TargetInfo &target) {
  return target.hasBulkCopies && plan.stages >= 3 &&
         plan.getSharedBytes() <= target.sharedBytesPerBlock;
}

namespace {
/// Generates the two roles of a block.
struct FusedGenerator {
  DeviceBuilder &b;
  const FusedFFNSpec &spec;
  Plan plan;
  Value input = {}, gate = {}, gateBias = {}, up = {}, upBias = {}, down = {};
  Value indices = {}, partial = {};
  Value count = {}; ///< neurons of the set
  Value shared = {};

  Value takesPart() { return b.isLess(b.block(), b.index(kMaxBlocks)); }
  /// The blocks that take part: those beyond have nowhere to leave their sums.
  Value getBlocks() { return b.min(b.blocks(), b.index(kMaxBlocks)); }

  Value getStage(Value stage, int64_t byte) {
    return b.at(b.at(shared, b.getI8Type(), b.mul(stage, plan.getStageBytes())),
                b.getI8Type(), byte);
  }
  /// Barriers: rows of the first projections are there; the down row is; the
  /// stage may be filled again.
  Value getBarrier(int64_t which, Value stage) {
    Value first = b.at(shared, b.getI8Type(),
                       plan.getBarriers() + which * 8 * plan.stages);
    return b.at(first, b.getI64Type(), stage);
  }
  static constexpr int64_t kFirst = 0, kDown = 1, kEmpty = 2;

  int64_t getBiasPlace(int64_t which) {
    return plan.matrices * plan.rowBytes + 16 * which;
  }

  /// Calls `body` for each neuron of this block with its place in the set, the
  /// stage, its parity, and what is carried along.
  SmallVector<Value> forNeurons(
      ValueRange init,
      llvm::function_ref<SmallVector<Value>(Value, Value, Value, ValueRange)>
          body) {
    Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
    Value one = arith::ConstantOp::create(b, b.getI32IntegerAttr(1));
    SmallVector<Value> state{b.index(0), zero};
    llvm::append_range(state, init);
    SmallVector<Value> last = b.fold(
        b.block(), count, getBlocks(), state,
        [&](Value place, ValueRange carried) {
          Value stage = carried[0], parity = carried[1];
          SmallVector<Value> next =
              body(place, stage, parity, carried.drop_front(2));
          Value after = b.add(stage, 1);
          Value isEnd = b.isEqual(after, b.index(plan.stages));
          next.insert(
              next.begin(),
              {b.select(isEnd, b.index(0), after),
               b.select(isEnd,
                        arith::XOrIOp::create(b, parity, one).getResult(),
                        parity)});
          return next;
        });
    last.erase(last.begin(), last.begin() + 2);
    return last;
  }

  void produce() {
    Value one = arith::ConstantOp::create(b, b.getI32IntegerAttr(1));
    Value rowBytes = b.index(plan.rowBytes), sixteen = b.index(16);
    forNeurons({}, [&](Value place, Value stage, Value parity, ValueRange) {
      // In the first round nobody has to leave; a new barrier is in phase 0, so
      // that waiting for parity 1 ends at once.
      wait(b, getBarrier(kEmpty, stage), arith::XOrIOp::create(b, parity, one));
      Value neuron = place;
      if (indices)
        neuron = b.toIndex(
            b.load(b.at(indices, b.getI32Type(), place), b.getI32Type()));
      Value first = getBarrier(kFirst, stage);
      int64_t extras =
          (upBias != nullptr) + (gateBias != nullptr) + (indices != nullptr);
      arriveExpecting(
          b, first, b.index((plan.matrices - 1) * plan.rowBytes + 16 * extras));
      Value row = b.mul(neuron, spec.features);
      int64_t at = 0;
      for (Value matrix : {gate, up})
        if (matrix) {
          startCopy(b, getStage(stage, at), b.at(matrix, spec.element, row),
                    rowBytes, first);
          at += plan.rowBytes;
        }
      Value four = b.mul(b.div(neuron, 4), 4);
      for (auto [which, bias] :
           llvm::enumerate(ArrayRef<Value>{upBias, gateBias}))
        if (bias)
          startCopy(b, getStage(stage, getBiasPlace(which)),
                    b.at(bias, b.getF32Type(), four), sixteen, first);
      if (indices)
        startCopy(b, getStage(stage, getBiasPlace(2)),
                  b.at(indices, b.getI32Type(), b.mul(b.div(place, 4), 4)),
                  sixteen, first);
      Value second = getBarrier(kDown, stage);
      arriveExpecting(b, second, rowBytes);
      startCopy(b, getStage(stage, at), b.at(down, spec.element, row), rowBytes,
                second);
      return SmallVector<Value>();
    });
  }

  /// The columns of this thread's piece `i`; the last may be past the end.
  Value getColumn(int64_t i) {
    return b.mul(b.add(b.thread(), i * plan.workers), kPiece);
  }
  bool isWhole() const {
    return plan.pieces * plan.workers * kPiece == spec.features;
  }

  Value loadPiece(Value row, int64_t i) {
    Value column = getColumn(i);
    if (!isWhole())
      column = b.min(column, b.index(spec.features - kPiece));
    auto type = VectorType::get({kPiece}, spec.element);
    return b.toFloats(b.load(b.at(row, spec.element, column), type, 16));
  }

  /// The pieces of the input, as two halves each. Those past the end are zero:
  /// what is read for them counts nothing.
  SmallVector<Value> loadInput() {
    Type f32 = b.getF32Type();
    SmallVector<Value> x;
    for (int64_t i = 0; i < plan.pieces; ++i) {
      Value column = getColumn(i);
      Value inside = b.isLess(column, b.index(spec.features));
      Value place = b.min(column, b.index(spec.features - kPiece));
      for (int64_t half = 0; half < 2; ++half) {
        Value part = b.load(b.at(b.at(input, f32, place), f32, 4 * half),
                            VectorType::get({4}, f32), 16);
        x.push_back(b.select(inside, part, b.splat(0, 4)));
      }
    }
    return x;
  }

  /// This thread's part of a product with the input.
  Value multiply(ArrayRef<Value> pieces, ArrayRef<Value> x) {
    Value sum = b.f32(0);
    for (auto [i, piece] : llvm::enumerate(pieces))
      for (int64_t e = 0; e < kPiece; ++e)
        sum =
            b.fma(b.extract(piece, e), b.extract(x[2 * i + e / 4], e % 4), sum);
    return sum;
  }

  /// The sum of what the warps left at `own`.
  Value sumWarps(Value own) {
    Type f32 = b.getF32Type();
    Value sum = b.load(own, f32);
    for (int64_t warp = 1; warp < plan.workers / kWarp; ++warp)
      sum = b.fadd(sum, b.load(b.at(own, f32, warp), f32));
    return sum;
  }

  /// The activation of a neuron, of the sums of its projections.
  Value activate(ArrayRef<Value> sums) {
    if (spec.isGated)
      return b.fmul(b.activate(spec.activation, sums[0]), sums[1]);
    return b.activate(spec.activation, sums[0]);
  }

  void consume() {
    Type f32 = b.getF32Type();
    int64_t warps = plan.workers / kWarp;
    int64_t projections = spec.isGated ? 2 : 1;
    b.waitForEarlier();
    storeCount();
    SmallVector<Value> x = loadInput();
    Value scratch =
        b.at(shared, b.getI8Type(), llvm::alignTo(plan.getScratch(), 16));
    SmallVector<Value> init(plan.pieces, b.splat(0, kPiece));
    init.push_back(b.index(0)); // which half of the scratch
    SmallVector<Value> sums = forNeurons(
        init, [&](Value place, Value stage, Value parity, ValueRange carried) {
          Value half = carried.back();
          Value own = b.at(scratch, f32, b.mul(half, 2 * warps));
          wait(b, getBarrier(kFirst, stage), parity);
          for (int64_t p = 0; p < projections; ++p) {
            Value row = getStage(stage, p * plan.rowBytes);
            SmallVector<Value> pieces;
            for (int64_t i = 0; i < plan.pieces; ++i)
              pieces.push_back(loadPiece(row, i));
            Value sum = b.sumLanes(multiply(pieces, x));
            b.when(b.isEqual(b.lane(), b.index(0)), [&] {
              b.store(sum, b.at(b.at(own, f32, p * warps), f32, b.warp()));
            });
          }
          meet(b, 1, plan.workers);
          auto total = [&](int64_t p, Value bias, int64_t which) {
            Value sum = sumWarps(b.at(own, f32, p * warps));
            if (!bias)
              return sum;
            Value neuron = place;
            if (indices)
              neuron = b.toIndex(b.load(b.at(getStage(stage, getBiasPlace(2)),
                                             b.getI32Type(), b.rem(place, 4)),
                                        b.getI32Type()));
            Value four = getStage(stage, getBiasPlace(which));
            return b.fadd(sum, b.load(b.at(four, f32, b.rem(neuron, 4)), f32));
          };
          SmallVector<Value> totals;
          if (spec.isGated)
            totals.push_back(total(0, gateBias, 1));
          totals.push_back(total(totals.size(), upBias, 0));
          Value hidden = activate(totals);
          wait(b, getBarrier(kDown, stage), parity);
          Value row = getStage(stage, (plan.matrices - 1) * plan.rowBytes);
          Value factor = b.broadcast(hidden, kPiece);
          SmallVector<Value> next;
          for (int64_t i = 0; i < plan.pieces; ++i)
            next.push_back(b.fma(factor, loadPiece(row, i), carried[i]));
          b.when(b.isEqual(b.lane(), b.index(0)),
                 [&] { arrive(b, getBarrier(kEmpty, stage)); });
          next.push_back(b.sub(b.index(1), half));
          return next;
        });
    storeSums(sums);
  }

  void storeSums(ArrayRef<Value> sums) {
    Type f32 = b.getF32Type();
    Value row = b.at(b.at(partial, b.getI8Type(), kPartialHeader), f32,
                     b.mul(b.block(), spec.features));
    for (int64_t i = 0; i < plan.pieces; ++i) {
      Value column = getColumn(i);
      auto storePiece = [&] {
        for (int64_t half = 0; half < 2; ++half) {
          SmallVector<Value> numbers;
          for (int64_t e = 0; e < 4; ++e)
            numbers.push_back(b.extract(sums[i], 4 * half + e));
          b.store(b.pack(numbers), b.at(b.at(row, f32, column), f32, 4 * half),
                  16);
        }
      };
      Value inside = takesPart();
      if (!isWhole())
        inside = arith::AndIOp::create(
            b, inside, b.isLess(column, b.index(spec.features)));
      b.when(inside, storePiece);
    }
  }

  /// The neuron at a place of the set; some neuron if there is none.
  Value getNeuron(Value place) {
    if (!indices)
      return b.min(place, b.index(spec.neurons - 1));
    return b.choose(
        b.isLess(place, count), b.getIndexType(),
        [&] {
          return SmallVector<Value>{b.toIndex(
              b.load(b.at(indices, b.getI32Type(), place), b.getI32Type()))};
        },
        [&] { return SmallVector<Value>{b.index(0)}; })[0];
  }

  void runWithoutRing() {
    Type f32 = b.getF32Type();
    int64_t warps = plan.workers / kWarp, projections = spec.isGated ? 2 : 1;
    SmallVector<Value> x = loadInput();
    SmallVector<Value> matrices, biases{};
    if (gate)
      matrices.push_back(gate);
    matrices.append({up, down});
    if (gate)
      biases.push_back(gateBias);
    biases.push_back(upBias);
    // What one neuron needs: its pieces and its biases.
    auto load = [&](Value place) {
      Value neuron = getNeuron(place), row = b.mul(neuron, spec.features);
      SmallVector<Value> loaded;
      auto type = VectorType::get({kPiece}, spec.element);
      for (Value matrix : matrices)
        for (int64_t i = 0; i < plan.pieces; ++i) {
          Value column = b.min(getColumn(i), b.index(spec.features - kPiece));
          loaded.push_back(b.loadOnce(
              b.at(matrix, spec.element, b.add(row, column)), type, 16));
        }
      for (Value bias : biases)
        if (bias)
          loaded.push_back(b.loadConstant(b.at(bias, f32, neuron), f32));
      return loaded;
    };
    SmallVector<Value> init(plan.pieces, b.splat(0, kPiece));
    init.push_back(b.index(0)); // which half of the scratch
    llvm::append_range(init, load(b.block()));
    SmallVector<Value> sums = b.fold(
        b.block(), count, getBlocks(), init,
        [&](Value place, ValueRange carried) {
          SmallVector<Value> following = load(b.add(place, getBlocks()));
          Value half = carried[plan.pieces];
          ValueRange loaded = carried.drop_front(plan.pieces + 1);
          auto getPieces = [&](int64_t matrix) {
            SmallVector<Value> pieces;
            for (int64_t i = 0; i < plan.pieces; ++i)
              pieces.push_back(b.toFloats(loaded[matrix * plan.pieces + i]));
            return pieces;
          };
          Value own = b.at(shared, f32, b.mul(half, 2 * warps));
          for (int64_t p = 0; p < projections; ++p) {
            Value sum = b.sumLanes(multiply(getPieces(p), x));
            b.when(b.isEqual(b.lane(), b.index(0)), [&] {
              b.store(sum, b.at(b.at(own, f32, p * warps), f32, b.warp()));
            });
          }
          b.barrier();
          SmallVector<Value> totals;
          auto at = plan.matrices * plan.pieces;
          for (int64_t p = 0; p < projections; ++p) {
            Value sum = sumWarps(b.at(own, f32, p * warps));
            totals.push_back(biases[p] ? b.fadd(sum, loaded[at++]) : sum);
          }
          Value factor = b.broadcast(activate(totals), kPiece);
          SmallVector<Value> next;
          for (auto [i, piece] : llvm::enumerate(getPieces(projections)))
            next.push_back(b.fma(factor, piece, carried[i]));
          next.push_back(b.sub(b.index(1), half));
          llvm::append_range(next, following);
          return next;
        });
    storeSums(ArrayRef<Value>(sums).take_front(plan.pieces));
  }

  /// Says how many rows there are to sum.
  void storeCount() {
    Value isFirst = arith::AndIOp::create(b, b.isEqual(b.thread(), b.index(0)),
                                          b.isEqual(b.block(), b.index(0)));
    b.when(isFirst, [&] { b.store(b.toI64(getBlocks()), partial); });
  }

  void run() {
    shared = b.getShared();
    if (!hasRing(plan, b.getTarget())) {
      storeCount();
      return runWithoutRing();
    }
    Value isFirst = b.isEqual(b.thread(), b.index(0));
    b.when(isFirst, [&] {
      for (int64_t i = 0; i < plan.stages; ++i) {
        initBarrier(b, getBarrier(kFirst, b.index(i)), 1);
        initBarrier(b, getBarrier(kDown, b.index(i)), 1);
        initBarrier(b, getBarrier(kEmpty, b.index(i)), plan.workers / kWarp);
      }
      publishBarriers(b);
    });
    b.barrier();
    b.when(b.isEqual(b.thread(), b.index(plan.workers)), [&] { produce(); });
    b.when(b.isLess(b.thread(), b.index(plan.workers)), [&] { consume(); });
  }
};
} // namespace

int64_t cuda::getFusedFFNKernel(DeviceLibrary &library,
                                const FusedFFNSpec &spec) {
  std::string name =
      ("fused_ffn_" + Twine(spec.neurons) + "x" + Twine(spec.features) + "_" +
       nameElement(spec.element) + "_" + stringifyActivation(spec.activation) +
       (spec.isGated ? "_gated" : "") + (spec.hasGateBias ? "_bias" : "") +
       "_up" + (spec.hasUpBias ? "_bias" : "") + (spec.hasSet ? "_set" : ""))
          .str();
  SmallVector<Type> types(4 + spec.isGated + spec.hasGateBias + spec.hasUpBias +
                              2 * spec.hasSet,
                          library.getPointer());
  auto getShape = [&](const TargetInfo &target) {
    Plan plan = makePlan(spec, target);
    if (!hasRing(plan, target))
      return KernelShape{.threads = plan.workers,
                         .sharedBytes = 2 * 2 * (plan.workers / kWarp) * 4};
    return KernelShape{.threads = plan.workers + kWarp,
                       .sharedBytes = plan.getSharedBytes(),
                       .waitsItself = true};
  };
  return library.get(
      name, types, getShape, [&](DeviceBuilder &b, ValueRange args) {
        unsigned next = 0;
        auto take = [&](bool isThere) {
          return isThere ? args[next++] : Value();
        };
        FusedGenerator generator{b, spec, makePlan(spec, b.getTarget())};
        generator.input = take(true);
        generator.gate = take(spec.isGated);
        generator.gateBias = take(spec.hasGateBias);
        generator.up = take(true);
        generator.upBias = take(spec.hasUpBias);
        generator.down = take(true);
        generator.indices = take(spec.hasSet);
        Value count = take(spec.hasSet);
        generator.partial = take(true);
        // Weights may stream before what was launched before is done.
        generator.count = count ? b.toIndex(b.load(count, b.getI32Type()))
                                : b.index(spec.neurons);
        generator.count =
            b.select(generator.takesPart(), generator.count, b.index(0));
        generator.run();
      });
}

int64_t cuda::getBlockSumKernel(DeviceLibrary &library, int64_t out,
                                const Epilogue &epilogue) {
  constexpr int64_t kWarps = 8;
  SmallVector<Type> types(2 + epilogue.hasBias + epilogue.hasResidual,
                          library.getPointer());
  return library.get(
      ("block_sum_" + Twine(out) + epilogue.getName()).str(), types,
      KernelShape{.threads = kWarps * kWarp, .sharedBytes = kWarps * kWarp * 4},
      [&](DeviceBuilder &b, ValueRange args) {
        Type f32 = b.getF32Type();
        Value count = b.toIndex(b.load(args[0], b.getI64Type()));
        Value rows = b.at(args[0], b.getI8Type(), kPartialHeader);
        Value column = b.add(b.mul(b.block(), kWarp), b.lane());
        Value place = b.min(column, b.index(out - 1));
        // Each warp every eighth row, four at once.
        constexpr int64_t kUnroll = 4;
        Value zero = b.f32(0);
        Value sum = zero;
        SmallVector<Value> sums = b.fold(
            b.warp(), count, b.index(kWarps * kUnroll),
            SmallVector<Value>(kUnroll, zero),
            [&](Value row, ValueRange carried) {
              SmallVector<Value> next;
              for (int64_t i = 0; i < kUnroll; ++i) {
                Value own = b.add(row, i * kWarps);
                Value inside = b.isLess(own, count);
                Value line = b.mul(b.select(inside, own, row), out);
                Value x = b.load(b.at(rows, f32, b.add(line, place)), f32);
                next.push_back(b.fadd(carried[i], b.select(inside, x, zero)));
              }
              return next;
            });
        for (Value each : sums)
          sum = b.fadd(sum, each);
        Value shared = b.getShared();
        b.store(sum, b.at(shared, f32, b.thread()));
        b.barrier();
        Value isFirst = b.isLess(b.thread(), b.index(kWarp));
        Value isInside = b.isLess(column, b.index(out));
        b.when(arith::AndIOp::create(b, isFirst, isInside), [&] {
          Value total = zero;
          for (int64_t warp = 0; warp < kWarps; ++warp)
            total = b.fadd(total, b.load(b.at(b.at(shared, f32, b.lane()), f32,
                                              warp * kWarp),
                                         f32));
          if (epilogue.hasBias)
            total =
                b.fadd(total, b.loadConstant(b.at(args[1], f32, column), f32));
          total = epilogue.apply(b, total);
          if (epilogue.hasResidual)
            total = b.fadd(
                total,
                b.load(b.at(args[1 + epilogue.hasBias], f32, column), f32));
          b.store(total, b.at(args.back(), f32, column));
        });
      });
}
