//===- ExactFFNKernels.cpp - an MLP that skips what is zero ---------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Block b of n takes the neurons b, b + n, ..., in rounds of as many as it can
// keep the activations of. First their rows of the projection that is activated
// go through the ring. Then follow the other rows of those that are not zero:
// when the copying warp is done with the first rows, the workers are behind by
// the length of the ring, and most activations are there, 32 by 32.
//
// Without a ring, threads load rows to registers, some at once.
//
//===----------------------------------------------------------------------===//

#include "AsyncCopies.h"
#include "FusedFFN.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

namespace {
class ExactGenerator : FFNGenerator {
public:
  ExactGenerator(DeviceBuilder &b, const FusedFFNSpec &spec, ValueRange args)
      : FFNGenerator(b, spec, args), first(gate ? gate : up),
        firstBias(gate ? gateBias : upBias) {}

  void run() {
    if (!hasRing())
      return work();
    initRing();
    b.when(b.isLess(b.thread(), b.index(plan.kept / kWarp)), [&] {
      initBarrier(b, getKeptBarrier(b.thread()), 1);
      publishBarriers(b);
    });
    b.barrier();
    b.when(b.isLess(b.thread(), b.index(plan.workers)), [&] { work(); });
    b.when(b.isLess(b.index(plan.workers - 1), b.thread()), [&] { produce(); });
  }

private:
  //===--- Activations ---------------------------------------------------===//

  /// The activation of neuron `at` of a round.
  Value getKept(Value at) {
    return b.at(b.at(shared, b.getI8Type(), plan.getKept()), b.getF32Type(),
                at);
  }
  /// Which says that the neurons [32 * part, 32 * part + 32) are there.
  Value getKeptBarrier(Value part) {
    return b.at(b.at(shared, b.getI8Type(), plan.getKeptBarriers()),
                b.getI64Type(), part);
  }

  /// Calls `body` for each round with its parity, its first neuron, its end.
  SmallVector<Value> forRounds(
      ValueRange init,
      llvm::function_ref<SmallVector<Value>(Value, Value, Value, ValueRange)>
          body) {
    Value stride = b.mul(getBlocks(), plan.kept);
    SmallVector<Value> state{i32(0)};
    llvm::append_range(state, init);
    state = b.fold(
        b.block(), count, stride, state, [&](Value from, ValueRange state) {
          Value end = b.min(b.add(from, stride), count);
          SmallVector<Value> next =
              body(state[0], from, end, state.drop_front());
          next.insert(next.begin(), arith::XOrIOp::create(b, state[0], i32(1)));
          return next;
        });
    state.erase(state.begin());
    return state;
  }

  /// Neurons of a round that are not zero, as seen by a warp.
  struct Active {
    Value at;     ///< in the round
    Value neuron; ///< of all
  };
  using WithActive =
      llvm::function_ref<SmallVector<Value>(ArrayRef<Active>, ValueRange)>;
  /// Calls `body` for neurons that are not zero, `atOnce` as long as 32 have so
  /// many, then one by one. `wait` is called with each 32 before, `see` with
  /// the neuron of this lane, its activation, and whether there is one.
  SmallVector<Value>
  forActive(Value from, Value end, ValueRange init, int64_t atOnce,
            llvm::function_ref<void(Value)> wait,
            llvm::function_ref<void(Value, Value, Value)> see,
            WithActive body) {
    Value blocks = getBlocks();
    SmallVector<Value> state{b.index(0)};
    llvm::append_range(state, init);
    state = b.fold(
        from, end, b.mul(blocks, kWarp), state,
        [&](Value base, ValueRange state) {
          Value part = state[0], start = b.mul(part, kWarp);
          wait(part);
          Value own = b.add(base, b.mul(b.lane(), blocks));
          Value inside = b.isLess(own, end);
          Value value = b.load(getKept(b.add(start, b.lane())), b.getF32Type());
          see(own, value, inside);
          // NaN is not zero.
          Value isActive = arith::CmpFOp::create(b, arith::CmpFPredicate::UNE,
                                                 value, b.f32(0));
          Value mask =
              vote(arith::AndIOp::create(b, isActive, inside).getResult());
          Value number = b.toIndex(math::CtPopOp::create(b, mask));
          SmallVector<Value> next{b.index(0), mask};
          llvm::append_range(next, state.drop_front());
          auto callAll = [&](int64_t size) {
            next = b.fold(
                next[0], b.add(number, 1 - size), b.index(size), next,
                [&](Value place, ValueRange state) {
                  Value bits = state[1];
                  SmallVector<Active> active;
                  for (int64_t i = 0; i < size; ++i) {
                    Value lane = b.toIndex(LLVM::CountTrailingZerosOp::create(
                        b, b.getI32Type(), bits, /*is_zero_poison=*/true));
                    active.push_back(
                        {b.add(start, lane), b.add(base, b.mul(lane, blocks))});
                    Value less = arith::SubIOp::create(b, bits, i32(1));
                    bits = arith::AndIOp::create(b, bits, less);
                  }
                  SmallVector<Value> next = body(active, state.drop_front(2));
                  next.insert(next.begin(), {b.add(place, size), bits});
                  return next;
                });
          };
          callAll(atOnce);
          if (atOnce > 1)
            callAll(1);
          next.erase(next.begin(), next.begin() + 2);
          next.insert(next.begin(), b.add(part, 1));
          return next;
        });
    state.erase(state.begin());
    return state;
  }

  //===--- The copying warp ----------------------------------------------===//

  void produce() {
    RingPlace start = getStart();
    forRounds({start.slot, start.parity}, [&](Value parity, Value from,
                                              Value end, ValueRange state) {
      RingPlace at = fillNeurons({state[0], state[1]}, from, end,
                                 [&](RingPlace at, const KnownNeuron &known,
                                     Value lane, int64_t size) {
                                   for (int64_t i = 0; i < size; ++i)
                                     at = fillProjections(
                                         at, known, b.add(lane, i), {first});
                                   return at;
                                 });
      return forActive(
          from, end, {at.slot, at.parity}, 1,
          [&](Value part) { wait(b, getKeptBarrier(part), parity); },
          [](Value, Value, Value) {},
          [&](ArrayRef<Active> active, ValueRange state) {
            RingPlace at{state[0], state[1]};
            for (Value matrix : {gate ? up : Value(), down})
              if (matrix) {
                b.when(b.isEqual(b.lane(), b.index(0)),
                       [&] { fill(at, matrix, active[0].neuron, Value()); });
                at = getNext(at);
              }
            return SmallVector<Value>{at.slot, at.parity};
          });
    });
  }

  //===--- The workers ---------------------------------------------------===//

  /// What workers carry along. Without a ring its place is not used.
  struct State {
    RingPlace at;
    Value half;   ///< of the scratch
    Value active; ///< neurons so far
    SmallVector<Value> sums;

    SmallVector<Value> pack() const {
      SmallVector<Value> all{at.slot, at.parity, half, active};
      llvm::append_range(all, sums);
      return all;
    }
    static State unpack(ValueRange all) {
      return {
          {all[0], all[1]}, all[2], all[3], llvm::to_vector(all.drop_front(4))};
    }
  };
  void toggle(State &state) { state.half = b.sub(b.index(1), state.half); }

  /// One thread keeps the activations of neurons from `at` of a round on, and
  /// says so when 32 are there.
  void keep(Value at, ArrayRef<Value> hidden) {
    b.when(b.isEqual(b.thread(), b.index(0)), [&] {
      for (auto [i, value] : llvm::enumerate(hidden))
        b.store(value, getKept(b.add(at, i)));
      if (!hasRing())
        return;
      Value last = b.add(at, hidden.size());
      b.when(b.isEqual(b.rem(last, kWarp), b.index(0)),
             [&] { arrive(b, getKeptBarrier(b.add(b.div(last, kWarp), -1))); });
    });
  }
  void keepLast(Value size) {
    Value isOdd = b.isLess(b.index(0), b.rem(size, kWarp));
    Value isWriter = b.isEqual(b.thread(), b.index(0));
    b.when(arith::AndIOp::create(b, isOdd, isWriter),
           [&] { arrive(b, getKeptBarrier(b.div(size, kWarp))); });
  }

  Value finish(Value sum, Value bias) {
    return activate({bias ? b.fadd(sum, bias) : sum});
  }

  /// Activations of the neurons of a round, through the ring.
  void keepFromRing(State &state, ArrayRef<Value> x, Value from, Value end) {
    Value blocks = getBlocks();
    SmallVector<Value> carried{from, b.index(0)};
    llvm::append_range(carried, state.pack());
    auto keepAll = [&](int64_t size) {
      Value stride = b.mul(blocks, size);
      Value last = b.sub(end, b.mul(blocks, size - 1));
      carried = b.fold(
          carried[0], last, stride, carried,
          [&](Value place, ValueRange carried) {
            State state = State::unpack(carried.drop_front(2));
            SmallVector<Value> slots = waitForRows(state.at, size), parts;
            for (Value slot : slots)
              parts.push_back(multiplyRow(slot, x, firstBias != nullptr));
            SmallVector<Value> hidden = sumBlock(parts, state.half);
            leave(slots);
            for (Value &value : hidden)
              value = finish(value, Value());
            keep(carried[1], hidden);
            toggle(state);
            SmallVector<Value> next{b.add(place, stride),
                                    b.add(carried[1], size)};
            llvm::append_range(next, state.pack());
            return next;
          });
    };
    keepAll(plan.group);
    if (plan.group > 1)
      keepAll(1);
    keepLast(carried[1]);
    state = State::unpack(ValueRange(carried).drop_front(2));
  }

  /// The same with the next neuron's row loaded to registers meanwhile.
  void keepFromMemory(State &state, ArrayRef<Value> x, Value from, Value end) {
    auto load = [&](Value place) {
      KnownNeuron known = look(place, end);
      SmallVector<Value> loaded = loadPieces(first, b.toIndex(known.number));
      llvm::append_range(loaded, known.biases);
      return loaded;
    };
    SmallVector<Value> init{b.index(0)};
    llvm::append_range(init, state.pack());
    size_t size = init.size();
    llvm::append_range(init, load(from));
    SmallVector<Value> last = b.fold(
        from, end, getBlocks(), init, [&](Value place, ValueRange carried) {
          SmallVector<Value> following = load(b.add(place, getBlocks()));
          State state = State::unpack(carried.take_front(size).drop_front());
          auto loaded = llvm::to_vector(carried.drop_front(size));
          Value bias = firstBias ? loaded.pop_back_val() : Value();
          Value sum = sumBlock({multiply(loaded, x)}, state.half)[0];
          keep(carried[0], {finish(sum, bias)});
          toggle(state);
          SmallVector<Value> next{b.add(carried[0], 1)};
          llvm::append_range(next, state.pack());
          llvm::append_range(next, following);
          return next;
        });
    state = State::unpack(ValueRange(last).take_front(size).drop_front());
  }

  /// Adds the other rows of neurons that are not zero.
  void add(State &state, ArrayRef<Active> active, ArrayRef<Value> x) {
    SmallVector<Value> factors, slots;
    SmallVector<SmallVector<Value>> rows, upRows;
    for (const Active &each : active) {
      factors.push_back(b.load(getKept(each.at), b.getF32Type()));
      if (hasRing()) {
        llvm::append_range(slots, waitForRows(state.at, gate ? 2 : 1));
        continue;
      }
      if (gate)
        upRows.push_back(loadPieces(up, each.neuron));
      rows.push_back(loadPieces(down, each.neuron));
    }
    SmallVector<Value> upSlots, downSlots;
    for (auto [i, slot] : llvm::enumerate(slots)) {
      bool isUp = gate && i % 2 == 0;
      (isUp ? upSlots : downSlots).push_back(slot);
      (isUp ? upRows : rows).push_back(loadPieces(getRow(slot)));
    }
    if (gate) {
      SmallVector<Value> parts;
      for (ArrayRef<Value> row : upRows)
        parts.push_back(multiply(row, x));
      SmallVector<Value> sums = sumBlock(parts, state.half);
      for (auto [factor, sum] : llvm::zip(factors, sums))
        factor = b.fmul(factor, sum);
      toggle(state);
    }
    addRows(state.sums, rows, factors);
    state.active = b.add(state.active, active.size());
    if (hasRing())
      leave(slots);
  }

  void work() {
    SmallVector<Value> sums = getFirstSums(), x = takeInput();
    State init{getStart(), b.index(0), b.index(0), sums};
    int64_t atOnce = gate ? kGatedAtOnce : 4;
    if (hasRing())
      atOnce = std::min<int64_t>(atOnce, kGatedAtOnce);
    SmallVector<Value> last = forRounds(
        init.pack(), [&](Value, Value from, Value end, ValueRange all) {
          State state = State::unpack(all);
          hasRing() ? keepFromRing(state, x, from, end)
                    : keepFromMemory(state, x, from, end);
          // Until all see the activations.
          meet(b, 1, plan.workers);
          SmallVector<Value> next = forActive(
              from, end, state.pack(), atOnce, [](Value) {},
              [&](Value neuron, Value value, Value inside) {
                if (!activations)
                  return;
                Value isWriter = arith::AndIOp::create(
                    b, inside, b.isLess(b.thread(), b.index(kWarp)));
                b.when(isWriter, [&] {
                  b.store(value, b.at(activations, b.getF32Type(), neuron));
                });
              },
              [&](ArrayRef<Active> active, ValueRange carried) {
                State state = State::unpack(carried);
                add(state, active, x);
                return state.pack();
              });
          // They make room for those of the next round.
          meet(b, 1, plan.workers);
          return next;
        });
    State state = State::unpack(last);
    storeCount(state.active, /*thread=*/0);
    storeSums(state.sums);
  }

  Value first, firstBias; ///< the projection that is activated
};
} // namespace

void cuda::generateExactFFN(DeviceBuilder &b, const FusedFFNSpec &spec,
                            ValueRange args) {
  ExactGenerator(b, spec, args).run();
}
