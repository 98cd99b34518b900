//===- ExactFFNKernels.cpp - an MLP that skips what is zero ---------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Block b of n takes the neurons b, b + n, ..., in rounds of as many as its list
// has room for. First their rows of the projection that is activated go through
// the ring, and those of neurons that are not zero are listed. Their other rows
// follow: when the copying warp is done with the first ones, the workers are
// behind by the length of the ring, and much of the list is there.
//
// Without a ring, threads load rows to registers, some at once.
//
//===----------------------------------------------------------------------===//

#include "AsyncCopies.h"
#include "FusedFFN.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

namespace {
class ExactGenerator : FFNGenerator {
public:
  ExactGenerator(DeviceBuilder &b, const FusedFFNSpec &spec, ValueRange args)
      : FFNGenerator(b, spec, args), first(gate ? gate : up),
        firstBias(gate ? gateBias : upBias),
        list(b.at(shared, b.getI8Type(), plan.getList())) {}

  void run() {
    b.when(b.isEqual(b.thread(), b.index(0)), [&] {
      b.store(i32(0), getListed());
      b.store(i32(0), getRounds());
    });
    if (hasRing())
      initRing();
    else
      b.waitForEarlier();
    b.barrier();
    if (!hasRing())
      return work();
    b.when(b.isLess(b.thread(), b.index(plan.workers)), [&] {
      b.waitForEarlier();
      work();
    });
    b.when(b.isLess(b.index(plan.workers - 1), b.thread()),
           [&] { produce(); });
  }

private:
  //===--- The list ------------------------------------------------------===//

  /// How many neurons were listed so far, in all rounds, and how many rounds
  /// have listed theirs.
  Value getListed() { return list; }
  Value getRounds() { return b.at(list, b.getI32Type(), 1); }
  /// Entry `at` of a round: its neuron and its activation.
  Value getNeuron(Value at) {
    return b.at(b.at(list, b.getI32Type(), 2), b.getI32Type(), b.mul(at, 2));
  }
  Value getActivation(Value at) { return b.at(getNeuron(at), b.getI32Type(), 1); }

  Value loadNeuron(Value at) {
    return b.toIndex(b.load(getNeuron(at), b.getI32Type()));
  }
  Value loadActivation(Value at) {
    return b.load(getActivation(at), b.getF32Type());
  }

  /// Calls `body` for each round with its number, its first neuron and its end.
  SmallVector<Value> forRounds(
      ValueRange init,
      llvm::function_ref<SmallVector<Value>(Value, Value, Value, ValueRange)>
          body) {
    Value stride = b.mul(getBlocks(), plan.listed);
    SmallVector<Value> state{b.index(0)};
    llvm::append_range(state, init);
    state = b.fold(b.block(), count, stride, state,
                   [&](Value from, ValueRange state) {
                     Value end = b.min(b.add(from, stride), count);
                     SmallVector<Value> next =
                         body(state[0], from, end, state.drop_front());
                     next.insert(next.begin(), b.add(state[0], 1));
                     return next;
                   });
    state.erase(state.begin());
    return state;
  }

  //===--- The copying warp ----------------------------------------------===//

  /// Waits until neuron `at` of all rounds is listed, or all of this round are;
  /// whether it is there.
  Value waitForListed(Value at, Value round) {
    auto loop = scf::WhileOp::create(b, TypeRange{b.getI1Type()}, ValueRange());
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&loop.getBefore());
    // In this order: when a round is over, the number is its last.
    Value rounds = b.toIndex(b.loadAcquired(getRounds(), b.getI32Type()));
    Value listed = b.toIndex(b.loadAcquired(getListed(), b.getI32Type()));
    Value isThere = b.isLess(at, listed), isOver = b.isLess(round, rounds);
    Value isKnown = arith::OrIOp::create(b, isThere, isOver);
    Value one = arith::ConstantOp::create(b, b.getBoolAttr(true));
    scf::ConditionOp::create(b, arith::XOrIOp::create(b, isKnown, one),
                             ValueRange{isThere});
    b.createBlock(&loop.getAfter(), {}, TypeRange{b.getI1Type()},
                  {b.getLoc()});
    scf::YieldOp::create(b);
    return loop.getResult(0);
  }

  /// Copies what listed neurons still need. The state is slot, parity, and how
  /// many neurons were copied so far; the last round began with `base`.
  SmallVector<Value> fillListed(Value round, Value base, RingPlace at) {
    Type index = b.getIndexType();
    Value zero = b.index(0);
    auto loop = scf::WhileOp::create(
        b, TypeRange{index, b.getI32Type(), index},
        ValueRange{at.slot, at.parity, base});
    OpBuilder::InsertionGuard guard(b);
    SmallVector<Type> types(loop.getResultTypes());
    SmallVector<Location> places(types.size(), b.getLoc());
    Block *before = b.createBlock(&loop.getBefore(), {}, types, places);
    // One lane looks, so that all go the same way.
    Value isThere = b.choose(
        b.isEqual(b.lane(), zero), b.getI32Type(),
        [&] {
          return SmallVector<Value>{arith::ExtUIOp::create(
              b, b.getI32Type(), waitForListed(before->getArgument(2), round))};
        },
        [&] { return SmallVector<Value>{i32(0)}; })[0];
    Value goesOn = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                         getFromLane(isThere, zero), i32(0));
    scf::ConditionOp::create(b, goesOn, before->getArguments());
    Block *after = b.createBlock(&loop.getAfter(), {}, types, places);
    RingPlace place{after->getArgument(0), after->getArgument(1)};
    Value number = after->getArgument(2);
    Value neuron = loadNeuron(b.sub(number, base));
    for (Value matrix : {gate ? up : Value(), down})
      if (matrix) {
        b.when(b.isEqual(b.lane(), zero),
               [&] { fill(place, matrix, neuron, Value()); });
        place = getNext(place);
      }
    scf::YieldOp::create(
        b, ValueRange{place.slot, place.parity, b.add(number, 1)});
    return llvm::to_vector_of<Value>(loop.getResults());
  }

  void produce() {
    RingPlace start = getStart();
    forRounds({start.slot, start.parity, b.index(0)},
              [&](Value round, Value from, Value end, ValueRange state) {
                RingPlace at = fillNeurons(
                    {state[0], state[1]}, from, end,
                    [&](RingPlace at, const KnownNeuron &known, Value lane,
                        int64_t size) {
                      for (int64_t i = 0; i < size; ++i)
                        at = fillProjections(at, known, b.add(lane, i),
                                             {first});
                      return at;
                    });
                return fillListed(round, state[2], at);
              });
  }

  //===--- The workers ---------------------------------------------------===//

  /// What workers carry along. Without a ring its place is not used.
  struct State {
    RingPlace at;
    Value half;   ///< of the scratch
    Value listed; ///< neurons so far, in all rounds
    SmallVector<Value> sums;

    SmallVector<Value> pack() const {
      SmallVector<Value> all{at.slot, at.parity, half, listed};
      llvm::append_range(all, sums);
      return all;
    }
    static State unpack(ValueRange all) {
      return {{all[0], all[1]},
              all[2],
              all[3],
              llvm::to_vector(all.drop_front(4))};
    }
  };
  void toggle(State &state) { state.half = b.sub(b.index(1), state.half); }

  /// Keeps the activations of neurons from `place` on, in steps of the number
  /// of blocks, and lists those that are not zero. One thread writes.
  void keep(State &state, Value base, Value place, ArrayRef<Value> hidden) {
    Type i32Type = b.getI32Type();
    Value isWriter = b.isEqual(b.thread(), b.index(0));
    for (auto [i, value] : llvm::enumerate(hidden)) {
      Value neuron = b.add(place, b.mul(getBlocks(), i));
      // NaN is not zero.
      Value isActive = arith::CmpFOp::create(b, arith::CmpFPredicate::UNE,
                                             value, b.f32(0));
      b.when(isWriter, [&] {
        b.store(value, b.at(activations, b.getF32Type(), neuron));
        b.when(isActive, [&] {
          Value at = b.sub(state.listed, base);
          b.store(arith::IndexCastOp::create(b, i32Type, neuron),
                  getNeuron(at));
          b.store(value, getActivation(at));
        });
      });
      state.listed = b.add(state.listed,
                           b.select(isActive, b.index(1), b.index(0)));
    }
    b.when(isWriter, [&] {
      b.storeReleased(arith::IndexCastOp::create(b, i32Type, state.listed),
                      getListed());
    });
  }

  Value finish(Value sum, Value bias) {
    return activate({bias ? b.fadd(sum, bias) : sum});
  }

  /// Activations of the neurons of a round, through the ring.
  void listFromRing(State &state, ArrayRef<Value> x, Value from, Value end) {
    Value base = state.listed, blocks = getBlocks();
    SmallVector<Value> carried{from};
    llvm::append_range(carried, state.pack());
    auto listAll = [&](int64_t size) {
      Value stride = b.mul(blocks, size);
      Value last = b.sub(end, b.mul(blocks, size - 1));
      carried = b.fold(
          carried[0], last, stride, carried,
          [&](Value place, ValueRange carried) {
            State state = State::unpack(carried.drop_front());
            SmallVector<Value> slots = waitForRows(state.at, size), parts;
            SmallVector<Value> biases(size);
            for (auto [slot, bias] : llvm::zip(slots, biases)) {
              if (firstBias)
                bias = b.load(getBias(slot), b.getF32Type());
              parts.push_back(multiply(loadPieces(getRow(slot)), x));
            }
            SmallVector<Value> hidden =
                sumBlock(parts, state.half, [&] { leave(slots); });
            for (auto [value, bias] : llvm::zip(hidden, biases))
              value = finish(value, bias);
            keep(state, base, place, hidden);
            toggle(state);
            SmallVector<Value> next{b.add(place, stride)};
            llvm::append_range(next, state.pack());
            return next;
          });
    };
    listAll(plan.group);
    if (plan.group > 1)
      listAll(1);
    state = State::unpack(ValueRange(carried).drop_front());
  }

  /// The same with the next neuron's row loaded to registers meanwhile.
  void listFromMemory(State &state, ArrayRef<Value> x, Value from, Value end) {
    Value base = state.listed;
    auto load = [&](Value place) {
      KnownNeuron known = look(place, end);
      SmallVector<Value> loaded =
          loadPieces(first, b.toIndex(known.number));
      llvm::append_range(loaded, known.biases);
      return loaded;
    };
    SmallVector<Value> init = state.pack();
    size_t size = init.size();
    llvm::append_range(init, load(from));
    SmallVector<Value> last = b.fold(
        from, end, getBlocks(), init, [&](Value place, ValueRange carried) {
          SmallVector<Value> following = load(b.add(place, getBlocks()));
          State state = State::unpack(carried.take_front(size));
          auto loaded = llvm::to_vector(carried.drop_front(size));
          Value bias = firstBias ? loaded.pop_back_val() : Value();
          Value sum = sumBlock({multiply(loaded, x)}, state.half, [] {})[0];
          keep(state, base, place, {finish(sum, bias)});
          toggle(state);
          SmallVector<Value> next = state.pack();
          llvm::append_range(next, following);
          return next;
        });
    state = State::unpack(ValueRange(last).take_front(size));
  }

  /// Calls `body` for entries of the list from `from` to `to` in steps.
  void forListed(State &state, Value from, Value to, int64_t step,
                 llvm::function_ref<void(Value, State &)> body) {
    state = State::unpack(b.fold(from, to, b.index(step), state.pack(),
                                 [&](Value at, ValueRange carried) {
                                   State state = State::unpack(carried);
                                   body(at, state);
                                   return state.pack();
                                 }));
  }

  /// Adds the other rows of the `size` neurons that a round has listed.
  void addFromRing(State &state, ArrayRef<Value> x, Value size) {
    forListed(state, b.index(0), size, 1, [&](Value at, State &state) {
      Value factor = loadActivation(at);
      if (gate) {
        SmallVector<Value> slots = waitForRows(state.at, 1);
        Value part = multiply(loadPieces(getRow(slots[0])), x);
        Value sum = sumBlock({part}, state.half, [&] { leave(slots); })[0];
        factor = b.fmul(factor, sum);
        toggle(state);
      }
      SmallVector<Value> slots = waitForRows(state.at, 1);
      addRows(state.sums, {loadPieces(getRow(slots[0]))}, {factor});
      leave(slots);
    });
  }

  void addFromMemory(State &state, ArrayRef<Value> x, Value size) {
    // Gates are summed over the block one after the other.
    int64_t unroll = gate ? 1 : 4;
    auto add = [&](int64_t unroll) {
      return [&, unroll](Value at, State &state) {
        SmallVector<Value> factors, neurons;
        SmallVector<SmallVector<Value>> rows;
        for (int64_t i = 0; i < unroll; ++i)
          neurons.push_back(loadNeuron(b.add(at, i)));
        SmallVector<Value> upRow;
        if (gate)
          upRow = loadPieces(up, neurons[0]);
        for (int64_t i = 0; i < unroll; ++i) {
          rows.push_back(loadPieces(down, neurons[i]));
          factors.push_back(loadActivation(b.add(at, i)));
        }
        if (gate) {
          Value sum = sumBlock({multiply(upRow, x)}, state.half, [] {})[0];
          factors[0] = b.fmul(factors[0], sum);
          toggle(state);
        }
        addRows(state.sums, rows, factors);
      };
    };
    Value whole = b.mul(b.div(size, unroll), unroll);
    forListed(state, b.index(0), whole, unroll, add(unroll));
    if (unroll > 1)
      forListed(state, whole, size, 1, add(1));
  }

  void work() {
    storeCount();
    SmallVector<Value> x = loadInput();
    State init{getStart(), b.index(0), b.index(0),
               SmallVector<Value>(plan.pieces, b.splat(0, kPiece))};
    SmallVector<Value> last = forRounds(
        init.pack(), [&](Value round, Value from, Value end, ValueRange all) {
          State state = State::unpack(all);
          Value base = state.listed;
          hasRing() ? listFromRing(state, x, from, end)
                    : listFromMemory(state, x, from, end);
          Value isWriter = b.isEqual(b.thread(), b.index(0));
          b.when(isWriter, [&] {
            Value rounds = b.add(round, 1);
            b.storeReleased(
                arith::IndexCastOp::create(b, b.getI32Type(), rounds),
                getRounds());
          });
          // Until all see the list.
          meet(b, 1, plan.workers);
          Value size = b.sub(state.listed, base);
          hasRing() ? addFromRing(state, x, size)
                    : addFromMemory(state, x, size);
          // The list is free for the next round.
          meet(b, 1, plan.workers);
          return state.pack();
        });
    storeSums(State::unpack(last).sums);
  }

  Value first, firstBias; ///< the projection that is activated
  Value list;
};
} // namespace

void cuda::generateExactFFN(DeviceBuilder &b, const FusedFFNSpec &spec,
                            ValueRange args) {
  ExactGenerator(b, spec, args).run();
}
