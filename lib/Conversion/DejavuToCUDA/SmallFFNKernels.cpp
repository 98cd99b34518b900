//===- SmallFFNKernels.cpp - an MLP of few neurons for each block ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Block b of n takes the neurons b, b + n, ..., of which warp w of m takes
// every m-th. A warp has whole rows: it needs no other one to multiply them
// with the input, nor to normalize that. The rows of a usual GPU are on their
// way to registers before the input exists; with exact sparsity those of the
// projection that is activated, and the others as soon as a warp knows that its
// neuron is not zero. The warps' sums are added in their order at the end, when
// they meet for the first time.
//
//===----------------------------------------------------------------------===//

#include "FusedFFN.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

namespace {
class SmallGenerator : FFNGenerator {
public:
  SmallGenerator(DeviceBuilder &b, const FusedFFNSpec &spec, ValueRange args)
      : FFNGenerator(b, spec, args) {
    for (Value matrix : {gate, up, down})
      if (matrix)
        (spec.isExact && !early.empty() ? late : early).push_back(matrix);
  }

  void run() {
    Value from = b.add(b.block(), b.mul(b.warp(), getBlocks()));
    SmallVector<Value> state = load(from);
    size_t loads = state.size();
    SmallVector<Value> first = getFirstSums(), x = takeInput();
    llvm::append_range(state, first);
    state.push_back(i32(0));
    // One round, or several where there are fewer multiprocessors than usual:
    // then their loads wait for the round before, whose registers they take.
    Value round = b.mul(getStride(), plan.atOnce);
    Value end = b.max(count, b.add(from, 1));
    state = b.fold(from, end, round, state, [&](Value place, ValueRange all) {
      SmallVector<Neuron> neurons = unpack(place, all.take_front(loads));
      SmallVector<Value> sums = add(neurons, x, all.drop_front(loads));
      Value after = b.add(place, round);
      SmallVector<Value> next = b.choose(
          b.isLess(after, count), all.take_front(loads).getTypes(),
          [&] { return load(after); },
          [&] {
            SmallVector<Value> nothing;
            for (Type type : all.take_front(loads).getTypes())
              nothing.push_back(
                  arith::ConstantOp::create(b, b.getZeroAttr(type)));
            return nothing;
          });
      llvm::append_range(next, sums);
      return next;
    });
    state.erase(state.begin(), state.begin() + loads);
    Value active = state.pop_back_val();
    leaveCount(active);
    storeSums(state);
    takeCounts();
  }

private:
  using Rows = SmallVector<SmallVector<Value>>;
  /// What a warp has of a neuron before it knows the input.
  struct Neuron {
    Value isThere;
    KnownNeuron known;
    Rows rows; ///< of `early`
  };

  /// How far apart the neurons of a warp are.
  Value getStride() { return b.mul(getBlocks(), plan.getWarps()); }

  /// Loads the neurons of a round; past the end, the last one instead.
  SmallVector<Value> load(Value place) {
    SmallVector<Value> loaded;
    for (int64_t i = 0; i < plan.atOnce; ++i) {
      KnownNeuron known = look(place, count);
      loaded.push_back(known.number);
      llvm::append_range(loaded, known.biases);
      for (Value matrix : early)
        llvm::append_range(loaded, loadPieces(matrix, b.toIndex(known.number)));
      place = b.add(place, getStride());
    }
    return loaded;
  }
  SmallVector<Neuron> unpack(Value place, ValueRange loaded) {
    size_t size = loaded.size() / plan.atOnce;
    size_t biases = size - 1 - early.size() * plan.pieces;
    SmallVector<Neuron> neurons;
    for (int64_t i = 0; i < plan.atOnce; ++i) {
      ValueRange own = loaded.slice(i * size, size);
      Neuron neuron{b.isLess(place, count),
                    {own[0], llvm::to_vector(own.slice(1, biases))},
                    {}};
      own = own.drop_front(1 + biases);
      for (; !own.empty(); own = own.drop_front(plan.pieces))
        neuron.rows.push_back(llvm::to_vector(own.take_front(plan.pieces)));
      neurons.push_back(neuron);
      place = b.add(place, getStride());
    }
    return neurons;
  }

  /// The product of the input and a row of a projection, with its bias.
  Value project(Value matrix, ArrayRef<Value> row, ArrayRef<Value> x,
                ArrayRef<Value> &biases) {
    Value sum = b.sumLanes(multiply(row, x));
    if (!(matrix == gate ? gateBias : upBias))
      return sum;
    sum = b.fadd(sum, biases.front());
    biases = biases.drop_front();
    return sum;
  }

  /// The rows of a neuron but the first; with exact sparsity zeros if it is not
  /// active.
  Rows getOthers(const Neuron &neuron, Value isActive) {
    if (!spec.isExact)
      return Rows(llvm::drop_begin(neuron.rows));
    Value zero = arith::ConstantOp::create(
        b, b.getZeroAttr(VectorType::get({kPiece}, spec.element)));
    SmallVector<Value> none(late.size() * plan.pieces, zero);
    SmallVector<Value> all = b.choose(
        isActive, ValueRange(none).getTypes(),
        [&] {
          SmallVector<Value> loaded;
          for (Value matrix : late)
            llvm::append_range(
                loaded, loadPieces(matrix, b.toIndex(neuron.known.number)));
          return loaded;
        },
        [&] { return none; });
    Rows rows;
    for (auto rest = ArrayRef<Value>(all); !rest.empty();
         rest = rest.drop_front(plan.pieces))
      rows.push_back(llvm::to_vector(rest.take_front(plan.pieces)));
    return rows;
  }

  /// The sums, and how many neurons were active, with `neurons` more.
  SmallVector<Value> add(ArrayRef<Neuron> neurons, ArrayRef<Value> x,
                         ValueRange state) {
    SmallVector<Value> sums(state.drop_back()), factors;
    SmallVector<ArrayRef<Value>> biases;
    for (const Neuron &neuron : neurons) {
      biases.push_back(neuron.known.biases);
      Value first =
          project(gate ? gate : up, neuron.rows.front(), x, biases.back());
      Value hidden = b.activate(spec.activation, first);
      factors.push_back(b.select(neuron.isThere, hidden, b.f32(0)));
    }
    Value active = state.back();
    SmallVector<Rows> others;
    for (auto [neuron, factor] : llvm::zip(neurons, factors)) {
      // NaN is not zero.
      Value isActive =
          arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, factor, b.f32(0));
      if (spec.isExact) {
        active = arith::AddIOp::create(
            b, active, arith::ExtUIOp::create(b, b.getI32Type(), isActive));
        leaveActivation(neuron, factor);
      }
      others.push_back(getOthers(neuron, isActive));
    }
    Rows downRows;
    for (auto [rows, factor, rest] : llvm::zip(others, factors, biases)) {
      if (gate)
        factor = b.fmul(factor, project(up, rows.front(), x, rest));
      downRows.push_back(rows.back());
    }
    addRows(sums, downRows, factors);
    sums.push_back(active);
    return sums;
  }

  void leaveActivation(const Neuron &neuron, Value value) {
    if (!activations)
      return;
    Value isWriter = arith::AndIOp::create(b, neuron.isThere,
                                           b.isEqual(b.lane(), b.index(0)));
    b.when(isWriter, [&] {
      Value number = b.toIndex(neuron.known.number);
      b.store(value, b.at(activations, b.getF32Type(), number));
    });
  }

  //===--- Counts --------------------------------------------------------===//

  bool counts() const { return spec.isCounted && !spec.isAtomic; }
  Value getCounts() {
    return b.at(shared, b.getI8Type(), plan.getTeamCounts());
  }
  /// Each warp leaves its own before the warps meet;
  void leaveCount(Value active) {
    if (counts())
      b.when(b.isEqual(b.lane(), b.index(0)), [&] {
        b.store(active, b.at(getCounts(), b.getI32Type(), b.warp()));
      });
  }
  /// then one thread leaves their sum: one that adds no columns of sums, if
  /// there is such a thread.
  void takeCounts() {
    if (!counts())
      return;
    auto type = VectorType::get({plan.getWarps()}, b.getI32Type());
    Value all = b.load(getCounts(), type, 16), active = i32(0);
    for (int64_t i = 0; i < plan.getWarps(); ++i)
      active = arith::AddIOp::create(b, active, b.extract(all, i));
    storeCount(b.toIndex(active), plan.workers - 1);
  }

  SmallVector<Value> early, late; ///< matrices, by when their rows are read
};
} // namespace

void cuda::generateSmallFFN(DeviceBuilder &b, const FusedFFNSpec &spec,
                            ValueRange args) {
  SmallGenerator(b, spec, args).run();
}
