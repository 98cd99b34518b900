//===- FusedFFN.cpp - what kernels of whole MLPs share --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusedFFN.h"

#include "AsyncCopies.h"
#include "RowNorm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

FFNGenerator::FFNGenerator(DeviceBuilder &b, const FusedFFNSpec &spec,
                           ValueRange args)
    : b(b), spec(spec), plan(FFNPlan::get(spec, b.getTarget())) {
  unsigned next = 0;
  auto take = [&](bool isThere) { return isThere ? args[next++] : Value(); };
  input = take(true);
  normScale = take(spec.norm && spec.norm->hasScale);
  normBias = take(spec.norm && spec.norm->hasBias);
  gate = take(spec.isGated);
  gateBias = take(spec.hasGateBias);
  up = take(true);
  upBias = take(spec.hasUpBias);
  down = take(true);
  downBias = take(spec.hasDownBias);
  indices = take(spec.hasSet);
  Value size = take(spec.hasSet);
  activations = take(spec.leavesActivations());
  target = take(true);
  shared = b.getShared();
  count =
      size ? b.toIndex(b.load(size, b.getI32Type())) : b.index(spec.neurons);
  if (!spec.isAtomic)
    count = b.select(takesPart(), count, b.index(0));
}

Value FFNGenerator::i32(int64_t value) {
  return arith::ConstantOp::create(
      b, b.getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value FFNGenerator::vote(Value condition) {
  return LLVM::CallIntrinsicOp::create(
             b, b.getI32Type(), b.getStringAttr("llvm.nvvm.vote.ballot.sync"),
             ValueRange{i32(-1), condition})
      .getResults();
}

Value FFNGenerator::takesPart() {
  return b.isLess(b.block(), b.index(kMaxBlocks * plan.cluster));
}

Value FFNGenerator::getBlocks() {
  if (spec.isAtomic)
    return b.blocks();
  return b.min(b.blocks(), b.index(kMaxBlocks * plan.cluster));
}

//===----------------------------------------------------------------------===//
// The ring
//===----------------------------------------------------------------------===//

void FFNGenerator::initRing() {
  b.when(b.isLess(b.thread(), b.index(plan.slots)), [&] {
    initBarrier(b, getFull(b.thread()), 1);
    initBarrier(b, getEmpty(b.thread()), plan.workers);
    publishBarriers(b);
  });
}

Value FFNGenerator::getRow(Value slot) {
  return b.at(shared, b.getI8Type(), b.mul(slot, plan.rowBytes));
}

Value FFNGenerator::getFull(Value slot) {
  return b.at(b.at(shared, b.getI8Type(), plan.getBarriers()), b.getI64Type(),
              slot);
}

Value FFNGenerator::getEmpty(Value slot) {
  return getFull(b.add(slot, plan.slots));
}

Value FFNGenerator::getBias(Value slot) {
  return b.at(b.at(shared, b.getI8Type(), plan.getBiases()), b.getF32Type(),
              slot);
}

RingPlace FFNGenerator::getNext(RingPlace place) {
  Value after = b.add(place.slot, 1);
  Value isEnd = b.isEqual(after, b.index(plan.slots));
  Value other = arith::XOrIOp::create(b, place.parity, i32(1));
  return {b.select(isEnd, b.index(0), after),
          b.select(isEnd, other, place.parity)};
}

void FFNGenerator::fill(RingPlace at, Value matrix, Value neuron, Value bias) {
  // In the first round nobody has to leave; a new barrier is in phase 0, so
  // that waiting for parity 1 ends at once.
  wait(b, getEmpty(at.slot), arith::XOrIOp::create(b, at.parity, i32(1)));
  Value full = getFull(at.slot), bytes = b.index(plan.rowBytes);
  Value row = b.at(matrix, spec.element, b.mul(neuron, spec.features));
  startCopy(b, getRow(at.slot), row, bytes, full);
  // The copy need not wait until the bias is there.
  if (bias)
    b.store(bias, getBias(at.slot));
  arriveExpecting(b, full, bytes);
}

SmallVector<Value> FFNGenerator::waitForRows(RingPlace &at, int64_t count) {
  SmallVector<Value> slots;
  for (int64_t i = 0; i < count; ++i) {
    slots.push_back(at.slot);
    wait(b, getFull(at.slot), at.parity);
    at = getNext(at);
  }
  return slots;
}

void FFNGenerator::leave(ArrayRef<Value> slots) {
  finishReads(b);
  for (Value slot : slots)
    arrive(b, getEmpty(slot));
}

//===----------------------------------------------------------------------===//
// The copying warp
//===----------------------------------------------------------------------===//

KnownNeuron FFNGenerator::look(Value place, Value end) {
  // Some neuron behind the end. A set's memory has room for all neurons, so
  // that indices can be loaded before it is known how many there are.
  Value own = b.min(place, b.index(spec.neurons - 1));
  KnownNeuron known;
  known.number = arith::IndexCastOp::create(b, b.getI32Type(), own);
  if (indices) {
    Value index = b.load(b.at(indices, b.getI32Type(), own), b.getI32Type());
    known.number = b.select(b.isLess(place, end), index, i32(0));
  }
  Type f32 = b.getF32Type();
  for (Value bias : {gateBias, spec.isExact && gate ? Value() : upBias})
    if (bias) {
      Value place = b.at(bias, f32, b.toIndex(known.number));
      known.biases.push_back(plan.hasTeams() ? b.load(place, f32)
                                             : b.loadConstant(place, f32));
    }
  return known;
}

Value FFNGenerator::getFromLane(Value value, Value lane) {
  Value number = arith::IndexCastOp::create(b, b.getI32Type(), lane);
  return gpu::ShuffleOp::create(b, value, number, i32(kWarp),
                                gpu::ShuffleMode::IDX)
      .getShuffleResult();
}

RingPlace FFNGenerator::fillProjections(RingPlace at, const KnownNeuron &known,
                                        Value lane, ArrayRef<Value> matrices) {
  Value neuron = b.toIndex(getFromLane(known.number, lane));
  auto biases = ArrayRef<Value>(known.biases);
  for (Value matrix : matrices) {
    Value bias;
    if (matrix == gate ? gateBias : upBias) {
      bias = getFromLane(biases.front(), lane);
      biases = biases.drop_front();
    }
    b.when(b.isEqual(b.lane(), b.index(0)),
           [&] { fill(at, matrix, neuron, bias); });
    at = getNext(at);
  }
  return at;
}

RingPlace FFNGenerator::fillNeurons(RingPlace at, Value first, Value end,
                                    FillGroup fillGroup) {
  Value blocks = getBlocks(), stride = b.mul(blocks, kWarp);
  auto getOwn = [&](Value place) {
    return b.add(place, b.mul(b.lane(), blocks));
  };
  auto pack = [](Value slot, Value parity, const KnownNeuron &known) {
    SmallVector<Value> state{slot, parity, known.number};
    llvm::append_range(state, known.biases);
    return state;
  };
  SmallVector<Value> init = pack(at.slot, at.parity, look(getOwn(first), end));
  SmallVector<Value> last =
      b.fold(first, end, stride, init, [&](Value place, ValueRange state) {
        KnownNeuron known{state[2], llvm::to_vector(state.drop_front(3))};
        // The next 32 while these are copied.
        Value mine = getOwn(place);
        KnownNeuron following = look(b.add(mine, stride), end);
        Value mask = vote(b.isLess(mine, end));
        Value number = b.toIndex(math::CtPopOp::create(b, mask));
        SmallVector<Value> next{state[0], state[1], b.index(0)};
        auto fillAll = [&](int64_t size) {
          next = b.fold(next[2], b.add(number, 1 - size), b.index(size), next,
                        [&](Value lane, ValueRange state) {
                          RingPlace to = fillGroup({state[0], state[1]}, known,
                                                   lane, size);
                          return SmallVector<Value>{to.slot, to.parity,
                                                    b.add(lane, size)};
                        });
        };
        fillAll(plan.group);
        if (plan.group > 1)
          fillAll(1);
        return pack(next[0], next[1], following);
      });
  return {last[0], last[1]};
}

//===----------------------------------------------------------------------===//
// The workers
//===----------------------------------------------------------------------===//

Value FFNGenerator::getColumn(int64_t i) {
  Value own = plan.hasTeams() ? b.lane() : b.thread();
  return b.mul(b.add(own, i * plan.team), kPiece);
}

SmallVector<Value> FFNGenerator::loadPieces(Value row) {
  auto type = VectorType::get({kPiece}, spec.element);
  SmallVector<Value> pieces;
  for (int64_t i = 0; i < plan.pieces; ++i) {
    Value column = getColumn(i);
    if (!isWhole())
      column = b.min(column, b.index(spec.features - kPiece));
    pieces.push_back(b.load(b.at(row, spec.element, column), type, 16));
  }
  return pieces;
}

SmallVector<Value> FFNGenerator::loadPieces(Value matrix, Value neuron) {
  auto type = VectorType::get({kPiece}, spec.element);
  Value row = b.mul(neuron, spec.features);
  SmallVector<Value> pieces;
  for (int64_t i = 0; i < plan.pieces; ++i) {
    Value column = b.min(getColumn(i), b.index(spec.features - kPiece));
    Value place = b.at(matrix, spec.element, b.add(row, column));
    // What does not change would be loaded where it is used, behind the wait.
    pieces.push_back(plan.hasTeams() ? b.load(place, type, 16)
                                     : b.loadOnce(place, type, 16));
  }
  return pieces;
}

SmallVector<Value> FFNGenerator::takeInput() {
  RowPieces x{4, {}, {}, {}};
  for (int64_t i = 0; i < plan.pieces; ++i) {
    Value column = getColumn(i);
    Value inside = b.isLess(column, b.index(spec.features));
    Value place = b.min(column, b.index(spec.features - kPiece));
    for (int64_t half = 0; half < 2; ++half) {
      x.columns.push_back(b.add(place, 4 * half));
      x.isInside.push_back(isWhole() ? Value() : inside);
    }
  }
  NormWeights weights{normScale, normBias, {}, {}};
  if (spec.norm)
    weights.loadFew(b, x);
  b.waitForEarlier();
  storeHeader();
  x.load(b, input);
  if (spec.norm) {
    // The last sum of the norm is in the second half of the scratch: what comes
    // next is in the first.
    int64_t half = spec.norm->kind == NormKind::layer ? 0 : 1;
    normalize(b, *spec.norm, x, weights, [&](Value own) {
      if (plan.hasTeams())
        return b.sumLanes(own);
      return sumBlock({own}, b.index(half++))[0];
    });
  }
  return x.values;
}

Value FFNGenerator::multiply(ArrayRef<Value> pieces, ArrayRef<Value> x) {
  // Four sums, so that additions do not wait for each other.
  Value sums = b.splat(0, 4);
  for (auto [i, piece] : llvm::enumerate(pieces)) {
    Value floats = b.toFloats(piece);
    for (int64_t half = 0; half < 2; ++half) {
      SmallVector<Value> part;
      for (int64_t e = 0; e < 4; ++e)
        part.push_back(b.extract(floats, 4 * half + e));
      sums = b.fma(b.pack(part), x[2 * i + half], sums);
    }
  }
  return b.sumElements(sums);
}

Value FFNGenerator::multiplyRow(Value slot, ArrayRef<Value> x, bool hasBias) {
  Value sum = multiply(loadPieces(getRow(slot)), x);
  if (!hasBias)
    return sum;
  return b.choose(
      b.isEqual(b.thread(), b.index(0)), b.getF32Type(),
      [&] {
        Value bias = b.load(getBias(slot), b.getF32Type());
        return SmallVector<Value>{b.fadd(sum, bias)};
      },
      [&] { return SmallVector<Value>{sum}; })[0];
}

Value FFNGenerator::sumWarps(Value line) {
  Type f32 = b.getF32Type();
  SmallVector<Value> vectors, rest;
  int64_t warps = plan.getWarps(), at = 0;
  for (; at + 4 <= warps; at += 4)
    vectors.push_back(
        b.load(b.at(line, f32, at), VectorType::get({4}, f32), 16));
  for (; at < warps; ++at)
    rest.push_back(b.load(b.at(line, f32, at), f32));
  Value all = vectors.front();
  for (Value vector : ArrayRef<Value>(vectors).drop_front())
    all = b.fadd(all, vector);
  Value sum = b.sumElements(all);
  for (Value each : rest)
    sum = b.fadd(sum, each);
  return sum;
}

SmallVector<Value> FFNGenerator::sumBlock(ArrayRef<Value> parts, Value half) {
  Type f32 = b.getF32Type();
  Value scratch = b.at(shared, b.getI8Type(), plan.getScratch());
  Value lines = b.at(scratch, f32, b.mul(half, plan.lines * plan.getLine()));
  auto getLine = [&](int64_t i) {
    return b.at(lines, f32, i * plan.getLine());
  };
  SmallVector<Value> sums;
  for (Value part : parts)
    sums.push_back(b.sumLanes(part));
  b.when(b.isEqual(b.lane(), b.index(0)), [&] {
    for (auto [i, sum] : llvm::enumerate(sums))
      b.store(sum, b.at(getLine(i), f32, b.warp()));
  });
  meet(b, 1, plan.workers);
  for (auto [i, sum] : llvm::enumerate(sums))
    sum = sumWarps(getLine(i));
  return sums;
}

void FFNGenerator::addRows(SmallVector<Value> &sums,
                           ArrayRef<SmallVector<Value>> rows,
                           ArrayRef<Value> factors) {
  for (auto [row, factor] : llvm::zip(rows, factors)) {
    Value all = b.broadcast(factor, kPiece);
    for (auto [piece, sum] : llvm::zip(row, sums))
      sum = b.fma(all, b.toFloats(piece), sum);
  }
}

Value FFNGenerator::activate(ArrayRef<Value> sums) {
  Value hidden = b.activate(spec.activation, sums[0]);
  return sums.size() > 1 ? b.fmul(hidden, sums[1]) : hidden;
}

SmallVector<Value> FFNGenerator::getFirstSums() {
  SmallVector<Value> zeros(plan.pieces, b.splat(0, kPiece));
  if (!downBias)
    return zeros;
  Value isFirst = b.isEqual(b.block(), b.index(0));
  if (plan.hasTeams())
    isFirst =
        arith::AndIOp::create(b, isFirst, b.isEqual(b.warp(), b.index(0)));
  // If all blocks loaded it they would wait for each other.
  return b.choose(
      isFirst, ValueRange(zeros).getTypes(),
      [&] {
        SmallVector<Value> bias;
        for (int64_t i = 0; i < plan.pieces; ++i) {
          // What is past the end is not stored.
          Value column = b.min(getColumn(i), b.index(spec.features - kPiece));
          bias.push_back(b.loadHere(b.at(downBias, b.getF32Type(), column),
                                    zeros[i].getType(), 16));
        }
        return bias;
      },
      [&] { return zeros; });
}

//===----------------------------------------------------------------------===//
// The end
//===----------------------------------------------------------------------===//

void FFNGenerator::storeHeader() {
  if (spec.isAtomic)
    return;
  Value isFirst = arith::AndIOp::create(b, b.isEqual(b.thread(), b.index(0)),
                                        b.isEqual(b.block(), b.index(0)));
  Value rows = b.div(getBlocks(), plan.cluster);
  b.when(isFirst, [&] {
    b.store(b.toI64(rows), target);
    if (spec.isCounted)
      b.store(b.toI64(getBlocks()), b.at(target, b.getI64Type(), 1));
  });
}

void FFNGenerator::storeCount(Value active, int64_t thread) {
  if (!spec.isCounted || spec.isAtomic)
    return;
  Value counts = b.at(target, b.getI8Type(), kPartialCounts);
  Value isWriter = arith::AndIOp::create(
      b, b.isEqual(b.thread(), b.index(thread)), takesPart());
  b.when(isWriter, [&] {
    Value number = arith::IndexCastOp::create(b, b.getI32Type(), active);
    b.store(number, b.at(counts, b.getI32Type(), b.block()));
  });
}

Value FFNGenerator::getPartialRow() {
  return b.at(b.at(target, b.getI8Type(), kPartialHeader), b.getF32Type(),
              b.mul(b.div(b.block(), plan.cluster), spec.features));
}

void FFNGenerator::storeRow(ArrayRef<Value> sums, Value row, Value condition) {
  Type f32 = b.getF32Type();
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
    Value inside = condition;
    if (!isWhole()) {
      Value isColumn = b.isLess(column, b.index(spec.features));
      inside = inside ? arith::AndIOp::create(b, inside, isColumn).getResult()
                      : isColumn;
    }
    if (inside)
      b.when(inside, storePiece);
    else
      storePiece();
  }
}

void FFNGenerator::storeSums(ArrayRef<Value> sums) {
  int64_t teams = plan.workers / plan.team;
  if (plan.cluster == 1 && teams == 1 && !spec.isAtomic)
    return storeRow(sums, getPartialRow(), takesPart());
  // There is room for a row of sums when nobody reads the shared memory any
  // more. Each block of a cluster then adds its share of the columns.
  auto meetAll = [&] {
    plan.cluster == 1 ? meet(b, 1, plan.workers) : meetCluster(b);
  };
  auto getTeamRow = [&](Value team) {
    return b.at(shared, b.getF32Type(), b.mul(team, spec.features));
  };
  if (teams == 1)
    meet(b, 1, plan.workers);
  storeRow(sums, teams == 1 ? shared : getTeamRow(b.warp()), Value());
  meetAll();
  int64_t lanes = spec.isAtomic && !b.getTarget().hasVectorReductions ? 1 : 4;
  Value share = b.index(llvm::divideCeil(spec.features / lanes, plan.cluster));
  Value from = b.mul(b.rem(b.block(), plan.cluster), share);
  Value to = b.min(b.add(from, share), b.index(spec.features / lanes));
  SmallVector<Value> rows;
  for (int64_t i = 0; i < teams; ++i)
    rows.push_back(getTeamRow(b.index(i)));
  if (plan.cluster > 1) {
    rows.clear();
    for (int64_t i = 0; i < plan.cluster; ++i)
      rows.push_back(getOfBlock(b, shared, i));
  }
  b.loop(b.add(from, b.thread()), to, plan.workers, [&](Value at) {
    Type f32 = b.getF32Type();
    auto type = VectorType::get({lanes}, f32);
    Value column = b.mul(at, lanes), sum;
    for (Value each : rows) {
      Value part = b.load(b.at(each, f32, column), type, 4 * lanes);
      sum = sum ? b.fadd(sum, part) : part;
    }
    leaveSum(column, sum);
  });
  // Until the others have read.
  if (plan.cluster > 1)
    meetCluster(b);
}

void FFNGenerator::leaveSum(Value column, Value sum) {
  Type f32 = b.getF32Type();
  if (!spec.isAtomic) {
    Value place = b.at(getPartialRow(), f32, column);
    return b.when(takesPart(), [&] { b.store(sum, place, 16); });
  }
  b.atomicAdd(sum, b.at(target, f32, column));
}
