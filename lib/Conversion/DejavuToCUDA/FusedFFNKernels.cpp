//===- FusedFFNKernels.cpp - an MLP in one launch -------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Block b of n takes the neurons b, b + n, ... of the set. All rows of a neuron
// go through the ring: up (and the gate's), whose products with the input are
// added over the block, then down, times the activation.
//
// Without a ring (no bulk copies, or too little shared memory), threads load
// the rows of the next neuron to registers while they compute.
//
// The result depends on the number of multiprocessors, and on nothing else but
// the data, unless sums are added to it in any order.
//
//===----------------------------------------------------------------------===//

#include "AsyncCopies.h"
#include "FusedFFN.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

namespace {
/// Generates the two roles of a block.
class FusedGenerator : FFNGenerator {
public:
  FusedGenerator(DeviceBuilder &b, const FusedFFNSpec &spec, ValueRange args)
      : FFNGenerator(b, spec, args) {
    if (gate)
      projections.push_back(gate);
    projections.push_back(up);
  }

  void run() {
    if (!hasRing())
      return runWithoutRing();
    initRing();
    b.barrier();
    b.when(b.isLess(b.thread(), b.index(plan.workers)), [&] { consume(); });
    b.when(b.isLess(b.index(plan.workers - 1), b.thread()), [&] { produce(); });
  }

private:
  void produce() {
    fillNeurons(
        getStart(), b.block(), count,
        [&](RingPlace at, const KnownNeuron &known, Value lane, int64_t size) {
          for (int64_t i = 0; i < size; ++i)
            at = fillProjections(at, known, b.add(lane, i), projections);
          for (int64_t i = 0; i < size; ++i) {
            Value neuron = b.toIndex(getFromLane(known.number, b.add(lane, i)));
            b.when(b.isEqual(b.lane(), b.index(0)),
                   [&] { fill(at, down, neuron, Value()); });
            at = getNext(at);
          }
          return at;
        });
  }

  /// The sums with `size` neurons more. The state is slot, parity, which half
  /// of the scratch, and the sums.
  SmallVector<Value> addGroup(int64_t size, ArrayRef<Value> x,
                              ValueRange state) {
    int64_t number = projections.size();
    RingPlace at{state[0], state[1]};
    SmallVector<Value> slots = waitForRows(at, size * number), parts;
    for (auto [i, slot] : llvm::enumerate(slots)) {
      Value bias = gate && i % 2 == 0 ? gateBias : upBias;
      parts.push_back(multiplyRow(slot, x, bias != nullptr));
    }
    // Leaving waits for reads that are on their way: once for all rows, unless
    // too many would be kept that long.
    if (gate) {
      leave(slots);
      slots.clear();
    }
    SmallVector<Value> totals = sumBlock(parts, state[2]);
    SmallVector<Value> factors, sums(state.drop_front(3));
    for (int64_t i = 0; i < size; ++i)
      factors.push_back(
          activate(ArrayRef<Value>(totals).slice(i * number, number)));
    SmallVector<Value> downSlots = waitForRows(at, size);
    SmallVector<SmallVector<Value>> rows;
    for (Value slot : downSlots)
      rows.push_back(loadPieces(getRow(slot)));
    addRows(sums, rows, factors);
    llvm::append_range(slots, downSlots);
    leave(slots);
    SmallVector<Value> next{at.slot, at.parity, b.sub(b.index(1), state[2])};
    llvm::append_range(next, sums);
    return next;
  }

  void consume() {
    SmallVector<Value> first = getFirstSums(), x = takeInput();
    SmallVector<Value> state{b.block(), b.index(0), i32(0), b.index(0)};
    llvm::append_range(state, first);
    auto addAll = [&](int64_t size) {
      Value blocks = getBlocks(), stride = b.mul(blocks, size);
      Value last = b.sub(count, b.mul(blocks, size - 1));
      state = b.fold(
          state[0], last, stride, state, [&](Value place, ValueRange state) {
            SmallVector<Value> next = addGroup(size, x, state.drop_front());
            next.insert(next.begin(), b.add(place, stride));
            return next;
          });
    };
    addAll(plan.group);
    if (plan.group > 1)
      addAll(1);
    storeSums(ArrayRef<Value>(state).drop_front(4));
  }

  /// What one neuron needs: its pieces and its biases.
  SmallVector<Value> loadNeuron(Value place) {
    KnownNeuron known = look(place, count);
    Value neuron = b.toIndex(known.number);
    SmallVector<Value> loaded;
    for (Value matrix : projections)
      llvm::append_range(loaded, loadPieces(matrix, neuron));
    llvm::append_range(loaded, loadPieces(down, neuron));
    llvm::append_range(loaded, known.biases);
    return loaded;
  }

  void runWithoutRing() {
    SmallVector<Value> init = getFirstSums(), x = takeInput();
    init.push_back(b.index(0)); // which half of the scratch
    llvm::append_range(init, loadNeuron(b.block()));
    SmallVector<Value> last = b.fold(
        b.block(), count, getBlocks(), init,
        [&](Value place, ValueRange state) {
          SmallVector<Value> following = loadNeuron(b.add(place, getBlocks()));
          Value half = state[plan.pieces];
          auto loaded = llvm::to_vector(state.drop_front(plan.pieces + 1));
          auto getRow = [&](int64_t matrix) {
            return SmallVector<Value>(ArrayRef<Value>(loaded).slice(
                matrix * plan.pieces, plan.pieces));
          };
          int64_t number = projections.size();
          ArrayRef<Value> biases =
              ArrayRef<Value>(loaded).drop_front((number + 1) * plan.pieces);
          SmallVector<Value> parts;
          for (int64_t i = 0; i < number; ++i)
            parts.push_back(multiply(getRow(i), x));
          SmallVector<Value> totals = sumBlock(parts, half);
          for (int64_t i = 0; i < number; ++i)
            if (projections[i] == gate ? gateBias : upBias) {
              totals[i] = b.fadd(totals[i], biases.front());
              biases = biases.drop_front();
            }
          SmallVector<Value> next(state.take_front(plan.pieces));
          addRows(next, {getRow(number)}, {activate(totals)});
          next.push_back(b.sub(b.index(1), half));
          llvm::append_range(next, following);
          return next;
        });
    storeSums(ArrayRef<Value>(last).take_front(plan.pieces));
  }

  SmallVector<Value> projections;
};
} // namespace

static std::string getName(const FusedFFNSpec &spec) {
  return ("fused_ffn_" + Twine(spec.neurons) + "x" + Twine(spec.features) +
          "_" + nameElement(spec.element) + "_" +
          stringifyActivation(spec.activation) +
          (spec.isGated ? "_gated" : "") + (spec.hasGateBias ? "_bias" : "") +
          "_up" + (spec.hasUpBias ? "_bias" : "") +
          (spec.hasDownBias ? "_down_bias" : "") + (spec.hasSet ? "_set" : "") +
          (spec.isExact ? "_exact" : "") + (spec.isCounted ? "_counted" : "") +
          (spec.isAtomic ? "_atomic" : "") +
          (spec.norm ? "_norm_" + spec.norm->getName() : ""))
      .str();
}

int64_t cuda::getFusedFFNKernel(DeviceLibrary &library,
                                const FusedFFNSpec &spec) {
  SmallVector<Type> types(4 + spec.isGated + spec.hasGateBias + spec.hasUpBias +
                              spec.hasDownBias + 2 * spec.hasSet +
                              spec.leavesActivations(),
                          library.getPointer());
  if (spec.norm)
    types.append(spec.norm->hasScale + spec.norm->hasBias,
                 library.getPointer());
  auto getShape = [&](const TargetInfo &target) {
    FFNPlan plan = FFNPlan::get(spec, target);
    int64_t shared = plan.getSharedBytes();
    // A row of sums, at the end.
    if (spec.isAtomic || plan.cluster > 1)
      shared = std::max(shared, spec.features * 4);
    return KernelShape{.threads = plan.workers + (plan.slots ? kWarp : 0),
                       .sharedBytes = shared,
                       .cluster = plan.cluster,
                       .registers = plan.registers,
                       .waitsItself = true};
  };
  return library.get(getName(spec), types, getShape,
                     [&](DeviceBuilder &b, ValueRange args) {
                       if (FFNPlan::get(spec, b.getTarget()).hasTeams())
                         generateSmallFFN(b, spec, args);
                       else if (spec.isExact)
                         generateExactFFN(b, spec, args);
                       else
                         FusedGenerator(b, spec, args).run();
                     });
}
