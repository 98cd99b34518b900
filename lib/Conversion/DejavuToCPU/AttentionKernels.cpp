//===- AttentionKernels.cpp - the cache and attention over it -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention takes the keys in blocks of as many as a vector has lanes and keeps
// a running maximum and sum (online softmax), so that it needs no memory that
// grows with the context. Blocks start at the first step that the row sees: it
// gives the same bits however far it is padded.
//
//===----------------------------------------------------------------------===//

#include "Gather.h"
#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

MemRefType cpu::getCacheType(KVCacheType cache) {
  return MemRefType::get({ShapedType::kDynamic, cache.getHeads(),
                          ShapedType::kDynamic, cache.getHeadDim()},
                         Float32Type::get(cache.getContext()));
}

/// Writes head `head` of row `row` of keys and values behind the past.
static void appendHead(KernelBuilder &b, ValueRange args, Value row, Value head,
                       int64_t headDim) {
  Value past = args[4], tokens = args[5];
  Value batch = arith::DivUIOp::create(b, row, tokens);
  Value token = arith::RemUIOp::create(b, row, tokens);
  Value time = arith::AddIOp::create(b, past, token);
  Value first = arith::MulIOp::create(b, head, b.index(headDim));
  for (int64_t which = 0; which < 2; ++which)
    b.forEachVector(headDim, [&](Value at, int64_t active) {
      Value column = arith::AddIOp::create(b, first, at);
      Value value = b.loadVector(args[which], {row, column}, active);
      b.storeVector(value, args[2 + which], {batch, head, time, at}, active);
    });
}

func::FuncOp cpu::getKVAppendKernel(KernelLibrary &library, KVCacheType cache,
                                    bool parallel) {
  MLIRContext *context = library.getContext();
  int64_t heads = cache.getHeads(), headDim = cache.getHeadDim();
  std::string name = ("kv_append_" + Twine(heads) + "x" + Twine(headDim) +
                      (parallel ? "_prefill" : "_decode"))
                         .str();
  Type rows = getRowsType(context, heads * headDim);
  Type memory = getCacheType(cache), index = IndexType::get(context);
  Type types[] = {rows, rows, memory, memory, index, index, index};
  if (parallel)
    return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
      b.forAll(args[6], parallel, [&](Value row) {
        b.loop(b.index(0), b.index(heads), 1,
               [&](Value head) { appendHead(b, args, row, head, headDim); });
      });
    });
  return library.getShared(
      name, types, [&](KernelBuilder &b, ValueRange args, const Team &team) {
        Value count = arith::MulIOp::create(b, args[6], b.index(heads));
        b.forShare(count, team, [&](Value at) {
          Value row = arith::DivUIOp::create(b, at, b.index(heads));
          Value head = arith::RemUIOp::create(b, at, b.index(heads));
          appendHead(b, args, row, head, headDim);
        });
      });
}

/// Products of elements (of keys) from which threads share the heads.
static constexpr int64_t kParallelWork = 32 << 10;

//===----------------------------------------------------------------------===//
// One group of query heads
//===----------------------------------------------------------------------===//

namespace {
/// Generates the attention of the query heads of one row that read the same
/// key and value head. The keys are taken in blocks: a block is read from
/// memory once, for the first of the heads, and from the cache for the others.
struct GroupGenerator {
  KernelBuilder &b;
  Value query, result, row;
  int64_t group, headDim, valueDim;
  llvm::APFloat scale, softcap;
  /// `count` vectors of the key or the value of a step.
  llvm::function_ref<SmallVector<Value>(Value step)> loadKey, loadValue;
  /// Completes the scores of a block for a member of the group; null if there
  /// is nothing to add.
  llvm::function_ref<Value(Value scores, Value member, Value first,
                           Value count)>
      adjust;
  /// Whether `adjust` may hide keys.
  bool mayHide;
  /// First columns of the group in query and result.
  Value queryColumn, resultColumn;
  /// memref<lanes x f32>, and of a group a state for each member.
  Value scratch, states;

  int64_t countVectors(int64_t size) const {
    return llvm::divideCeil(size, b.getLanes());
  }
  int64_t getActive(int64_t size, int64_t vector) const {
    return std::min(b.getLanes(), size - vector * b.getLanes());
  }
  /// The first column of a member's head, of `size` columns each.
  Value getColumn(Value first, Value member, int64_t size) {
    return arith::AddIOp::create(
        b, first, arith::MulIOp::create(b, member, b.index(size)));
  }
  void forEachMember(llvm::function_ref<void(Value)> body) {
    b.loop(b.index(0), b.index(group), 1, body);
  }

  SmallVector<Value> loadQuery(Value member);
  SmallVector<Value> loadResult(Value member);
  void storeResult(Value member, ValueRange vectors);

  /// softmax over steps [first, last). `count` steps have values.
  void attend(Value first, Value last, MaskedRows maskedRows, Value count);
  /// What a member gives that sees nothing of `count` steps.
  void giveUp(Value member, MaskedRows maskedRows, Value count);

private:
  /// Goes on with the block of `count` keys at `first`. A state is maximum,
  /// sum and the vectors of the result.
  SmallVector<Value> block(ArrayRef<Value> q, Value member, Value first,
                           Value count, ValueRange state);
  SmallVector<Value> makeState();
  void finish(Value member, ValueRange state, MaskedRows maskedRows,
              Value count);
  SmallVector<Value> loadState(Value member);
  void storeState(Value member, ValueRange state);
};
} // namespace

SmallVector<Value> GroupGenerator::loadQuery(Value member) {
  Value column = getColumn(queryColumn, member, headDim);
  SmallVector<Value> loaded;
  for (int64_t v = 0; v < countVectors(headDim); ++v)
    loaded.push_back(b.loadVector(query,
                                  {row, b.offset(column, v * b.getLanes())},
                                  getActive(headDim, v)));
  return loaded;
}

SmallVector<Value> GroupGenerator::loadResult(Value member) {
  Value column = getColumn(resultColumn, member, valueDim);
  SmallVector<Value> loaded;
  for (int64_t v = 0; v < countVectors(valueDim); ++v)
    loaded.push_back(b.loadVector(result,
                                  {row, b.offset(column, v * b.getLanes())},
                                  getActive(valueDim, v)));
  return loaded;
}

void GroupGenerator::storeResult(Value member, ValueRange vectors) {
  Value column = getColumn(resultColumn, member, valueDim);
  for (auto [v, vector] : llvm::enumerate(vectors))
    b.storeVector(vector, result, {row, b.offset(column, v * b.getLanes())},
                  getActive(valueDim, v));
}

SmallVector<Value> GroupGenerator::makeState() {
  int64_t lanes = b.getLanes();
  SmallVector<Value> state{
      b.splat(-std::numeric_limits<double>::infinity(), lanes)};
  state.append(1 + countVectors(valueDim), b.splat(0, lanes));
  return state;
}

SmallVector<Value> GroupGenerator::loadState(Value member) {
  int64_t lanes = b.getLanes();
  SmallVector<Value> state;
  for (int64_t which : {0, 1})
    state.push_back(
        b.loadVector(states, {member, b.index(which * lanes)}, lanes));
  llvm::append_range(state, loadResult(member));
  return state;
}

void GroupGenerator::storeState(Value member, ValueRange state) {
  int64_t lanes = b.getLanes();
  for (int64_t which : {0, 1})
    b.storeVector(state[which], states, {member, b.index(which * lanes)},
                  lanes);
  storeResult(member, state.drop_front(2));
}

SmallVector<Value> GroupGenerator::block(ArrayRef<Value> q, Value member,
                                         Value first, Value count,
                                         ValueRange state) {
  int64_t lanes = b.getLanes();
  Value maximum = state[0], sum = state[1];
  Value factor =
      arith::ConstantOp::create(b, FloatAttr::get(b.getF32Type(), scale));
  Value zero = b.index(0);
  Value nothing = b.splat(-std::numeric_limits<double>::infinity(), lanes);
  // Lanes without a key weigh nothing.
  b.storeVector(nothing, scratch, zero, lanes);
  b.loop(zero, count, 1, [&](Value i) {
    SmallVector<Value> k = loadKey(arith::AddIOp::create(b, first, i));
    Value dot = arith::MulFOp::create(b, q[0], k[0]);
    for (size_t v = 1; v < q.size(); ++v)
      dot = b.fma(q[v], k[v], dot);
    Value score = arith::MulFOp::create(b, b.reduceAdd(dot), factor);
    memref::StoreOp::create(b, score, scratch, ValueRange{i});
  });
  Value scores = b.loadVector(scratch, zero, lanes);
  if (!softcap.isZero()) {
    // The cap is not for lanes without a key.
    Value isKey = vector::CreateMaskOp::create(
        b, VectorType::get({lanes}, b.getI1Type()), ValueRange{count});
    scores = arith::SelectOp::create(
        b, isKey, b.softcap(softcap.convertToFloat(), scores), nothing);
  }
  if (adjust)
    scores = adjust(scores, member, first, count);
  Value next = arith::MaximumFOp::create(
      b, maximum, b.broadcast(b.reduceMax(scores), lanes));
  Value base = next;
  if (mayHide) // nothing seen so far: all weights are 0
    base = arith::SelectOp::create(
        b, arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, next, nothing),
        b.splat(0, lanes), next);
  Value weights =
      math::ExpOp::create(b, arith::SubFOp::create(b, scores, base));
  Value decay = math::ExpOp::create(b, arith::SubFOp::create(b, maximum, base));
  b.storeVector(weights, scratch, zero, lanes);
  SmallVector<Value> results{next, b.fma(sum, decay, weights)};
  SmallVector<Value> sums;
  for (Value each : state.drop_front(2))
    sums.push_back(arith::MulFOp::create(b, each, decay));
  sums = b.fold(zero, count, 1, sums, [&](Value i, ValueRange carried) {
    Value weight = memref::LoadOp::create(b, scratch, ValueRange{i});
    Value wide = b.broadcast(weight, lanes);
    SmallVector<Value> v = loadValue(arith::AddIOp::create(b, first, i));
    SmallVector<Value> next;
    for (auto [value, sum] : llvm::zip_equal(v, carried))
      next.push_back(b.fma(wide, value, sum));
    return next;
  });
  llvm::append_range(results, sums);
  return results;
}

void GroupGenerator::finish(Value member, ValueRange state,
                            MaskedRows maskedRows, Value count) {
  int64_t lanes = b.getLanes();
  Value sum = b.reduceAdd(state[1]);
  auto divide = [&] {
    Value total = b.broadcast(sum, lanes);
    SmallVector<Value> out;
    for (Value each : state.drop_front(2))
      out.push_back(arith::DivFOp::create(b, each, total));
    storeResult(member, out);
  };
  if (!mayHide)
    return divide();
  // A key that is seen weighs something: the one with the greatest score 1.
  Value sees =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, sum, b.f32(0));
  auto choice = scf::IfOp::create(b, sees, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  divide();
  b.setInsertionPointToStart(choice.elseBlock());
  giveUp(member, maskedRows, count);
}

void GroupGenerator::attend(Value first, Value last, MaskedRows maskedRows,
                            Value count) {
  int64_t lanes = b.getLanes();
  auto getLength = [&](Value start) -> Value {
    Value left = arith::SubIOp::create(b, last, start);
    return arith::MinUIOp::create(b, left, b.index(lanes));
  };
  if (group == 1) { // its state stays in registers
    Value member = b.index(0);
    SmallVector<Value> q = loadQuery(member);
    SmallVector<Value> state = b.fold(
        first, last, lanes, makeState(), [&](Value start, ValueRange carried) {
          return block(q, member, start, getLength(start), carried);
        });
    return finish(member, state, maskedRows, count);
  }
  forEachMember([&](Value member) { storeState(member, makeState()); });
  b.loop(first, last, lanes, [&](Value start) {
    Value length = getLength(start);
    forEachMember([&](Value member) {
      storeState(member, block(loadQuery(member), member, start, length,
                               loadState(member)));
    });
  });
  forEachMember([&](Value member) {
    finish(member, loadState(member), maskedRows, count);
  });
}

void GroupGenerator::giveUp(Value member, MaskedRows maskedRows, Value count) {
  SmallVector<Value> sums(countVectors(valueDim), b.splat(0, b.getLanes()));
  if (maskedRows == MaskedRows::zero)
    return storeResult(member, sums);
  sums =
      b.fold(b.index(0), count, 1, sums, [&](Value step, ValueRange carried) {
        SmallVector<Value> next;
        for (auto [value, sum] : llvm::zip_equal(loadValue(step), carried))
          next.push_back(arith::AddFOp::create(b, sum, value));
        return next;
      });
  // The mean of nothing is 0.
  Value some = arith::MaxUIOp::create(b, count, b.index(1));
  Value number = arith::IndexCastUIOp::create(b, b.getI64Type(), some);
  Value divisor = b.broadcast(
      arith::UIToFPOp::create(b, b.getF32Type(), number), b.getLanes());
  for (Value &sum : sums)
    sum = arith::DivFOp::create(b, sum, divisor);
  storeResult(member, sums);
}

/// Memory of a group on the stack: scores of a block, and states.
static std::pair<Value, Value> allocateGroup(KernelBuilder &b, int64_t group) {
  Type f32 = b.getF32Type();
  Value scratch =
      memref::AllocaOp::create(b, MemRefType::get({b.getLanes()}, f32));
  Value states;
  if (group > 1)
    states = memref::AllocaOp::create(
        b, MemRefType::get({group, 2 * b.getLanes()}, f32));
  return {scratch, states};
}

/// Calls `function` with `arguments` and 0 .. count - 1: a function of its own
/// because two loops call it. With little work, waking other threads takes
/// longer than doing it.
static void shareWork(KernelBuilder &b, func::FuncOp function,
                      ValueRange arguments, Value count, Value work) {
  Value isMuch = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, work,
                                       b.index(kParallelWork));
  auto choice = scf::IfOp::create(b, isMuch, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (bool parallel : {true, false}) {
    b.setInsertionPointToStart(parallel ? choice.thenBlock()
                                        : choice.elseBlock());
    b.forAll(count, parallel, [&](Value at) {
      SmallVector<Value> all(arguments);
      all.push_back(at);
      func::CallOp::create(b, function, all);
    });
  }
}

/// `size` elements from `indices` on, the last of which is a column.
static SmallVector<Value> loadVectors(KernelBuilder &b, Value memref,
                                      ValueRange indices, int64_t size) {
  SmallVector<Value> loaded, at(indices);
  for (int64_t done = 0; done < size; done += b.getLanes()) {
    at.back() = b.offset(indices.back(), done);
    loaded.push_back(
        b.loadVector(memref, at, std::min(b.getLanes(), size - done)));
  }
  return loaded;
}

//===----------------------------------------------------------------------===//
// Over a cache
//===----------------------------------------------------------------------===//

/// Scores of the block at `first` with `slope * (step - now)` added.
static Value addSlope(KernelBuilder &b, Value scores, Value slope, Value first,
                      Value now) {
  int64_t lanes = b.getLanes();
  Value distance = arith::IndexCastOp::create(
      b, b.getI64Type(), arith::SubIOp::create(b, first, now));
  Value start = arith::SIToFPOp::create(b, b.getF32Type(), distance);
  SmallVector<float> steps;
  for (int64_t i = 0; i < lanes; ++i)
    steps.push_back(static_cast<float>(i));
  auto type = VectorType::get({lanes}, b.getF32Type());
  Value count = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<float>(steps)));
  Value distances = arith::AddFOp::create(b, b.broadcast(start, lanes), count);
  return arith::AddFOp::create(
      b, scores,
      arith::MulFOp::create(b, b.broadcast(slope, lanes), distances));
}

static std::string getName(const AttentionSpec &spec) {
  int64_t heads = spec.cache.getHeads(), headDim = spec.cache.getHeadDim();
  int64_t group = spec.getGroup();
  return ("attention_" + Twine(heads * group) + "of" + Twine(heads) + "x" +
          Twine(headDim) + "_scale" + nameNumber(spec.scale) +
          (spec.softcap.isZero() ? "" : "_cap" + nameNumber(spec.softcap)) +
          (spec.window ? "_window" + std::to_string(*spec.window) : "") +
          (spec.hasSlopes ? "_alibi" : "") + "_" +
          stringifyMaskedRows(spec.maskedRows))
      .str();
}

/// Arguments of an attention kernel.
static SmallVector<Type> getArgumentTypes(MLIRContext *context,
                                          const AttentionSpec &spec) {
  Type rowsType = getRowsType(context, spec.features);
  Type memory = getCacheType(spec.cache), index = IndexType::get(context);
  auto starts =
      MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 64));
  SmallVector<Type> types{rowsType, memory, memory, starts,
                          rowsType, index,  index,  index};
  if (spec.hasSlopes)
    types.push_back(MemRefType::get({spec.cache.getHeads() * spec.getGroup()},
                                    Float32Type::get(context)));
  return types;
}

/// One key and value head of one row: (arguments of the kernel, number of the
/// head and row).
static func::FuncOp getHeadFunction(KernelLibrary &library,
                                    const AttentionSpec &spec) {
  int64_t heads = spec.cache.getHeads(), headDim = spec.cache.getHeadDim();
  int64_t group = spec.getGroup();
  SmallVector<Type> types = getArgumentTypes(library.getContext(), spec);
  types.push_back(IndexType::get(library.getContext()));
  return library.get(
      getName(spec) + "_head", types, [&](KernelBuilder &b, ValueRange args) {
        auto [scratch, states] = allocateGroup(b, group);
        Value past = args[5], tokens = args[6], at = args.back();
        Value token = arith::RemUIOp::create(b, at, tokens);
        Value rest = arith::DivUIOp::create(b, at, tokens);
        Value head = arith::RemUIOp::create(b, rest, b.index(heads));
        Value batch = arith::DivUIOp::create(b, rest, b.index(heads));
        Value row = arith::AddIOp::create(
            b, arith::MulIOp::create(b, batch, tokens), token);
        Value start = arith::IndexCastOp::create(
            b, b.getIndexType(),
            memref::LoadOp::create(b, args[3], ValueRange{batch}));
        Value now = arith::AddIOp::create(b, past, token);
        Value last = b.offset(now, 1);
        Value sees =
            arith::CmpIOp::create(b, arith::CmpIPredicate::slt, start, last);
        Value first = arith::MaxSIOp::create(b, start, b.index(0));
        if (spec.window)
          first = arith::MaxSIOp::create(
              b, first, arith::SubIOp::create(b, last, b.index(*spec.window)));
        Value zero = b.index(0), steps = arith::AddIOp::create(b, past, tokens);
        Value column = arith::MulIOp::create(b, head, b.index(group * headDim));
        auto loadKey = [&](Value step) {
          return loadVectors(b, args[1], {batch, head, step, zero}, headDim);
        };
        auto loadValue = [&](Value step) {
          return loadVectors(b, args[2], {batch, head, step, zero}, headDim);
        };
        auto adjust = [&](Value scores, Value member, Value first, Value) {
          Value which = arith::AddIOp::create(
              b, arith::MulIOp::create(b, head, b.index(group)), member);
          Value slope = memref::LoadOp::create(b, args[8], ValueRange{which});
          return addSlope(b, scores, slope, first, now);
        };
        GroupGenerator generator{
            b,         args[0], args[4],           row,          group,
            headDim,   headDim, spec.scale,        spec.softcap, loadKey,
            loadValue, nullptr, /*mayHide=*/false, column,       column,
            scratch,   states};
        if (spec.hasSlopes)
          generator.adjust = adjust;
        auto choice = scf::IfOp::create(b, sees, /*withElseRegion=*/true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(choice.thenBlock());
        generator.attend(first, last, spec.maskedRows, steps);
        b.setInsertionPointToStart(choice.elseBlock());
        generator.forEachMember([&](Value member) {
          generator.giveUp(member, spec.maskedRows, steps);
        });
      });
}

func::FuncOp cpu::getAttentionKernel(KernelLibrary &library,
                                     const AttentionSpec &spec, bool parallel) {
  func::FuncOp head = getHeadFunction(library, spec);
  SmallVector<Type> types = getArgumentTypes(library.getContext(), spec);
  if (!parallel)
    return library.getShared(
        getName(spec) + "_decode", types,
        [&](KernelBuilder &b, ValueRange args, const Team &team) {
          Value count =
              arith::MulIOp::create(b, args[7], b.index(spec.cache.getHeads()));
          b.forShare(count, team, [&](Value at) {
            SmallVector<Value> all(args);
            all.push_back(at);
            func::CallOp::create(b, head, all);
          });
        });
  return library.get(
      getName(spec), types, [&](KernelBuilder &b, ValueRange args) {
        // Neighbouring iterations share a head of a sequence, and so a thread
        // finds its keys in its cache.
        Value count =
            arith::MulIOp::create(b, args[7], b.index(spec.cache.getHeads()));
        Value steps = arith::AddIOp::create(b, args[5], args[6]);
        Value work = arith::MulIOp::create(
            b, arith::MulIOp::create(b, count, steps),
            b.index(spec.getGroup() * spec.cache.getHeadDim()));
        shareWork(b, head, args, count, work);
      });
}

func::FuncOp cpu::getSparseAttentionKernel(KernelLibrary &library,
                                           const AttentionSpec &spec) {
  MLIRContext *context = library.getContext();
  int64_t heads = spec.cache.getHeads();
  int64_t width = spec.getGroup() * spec.cache.getHeadDim();
  func::FuncOp head = getHeadFunction(library, spec);
  SmallVector<Type> types = getArgumentTypes(context, spec);
  size_t numDense = types.size();
  types.append({getIndicesType(context, heads), getCountsType(context)});
  return library.getShared(
      "sparse_" + getName(spec), types,
      [&](KernelBuilder &b, ValueRange args, const Team &team) {
        Value tokens = args[6];
        b.loop(b.index(0), args[7], 1, [&](Value row) {
          ActiveRow active{b, args[numDense], args[numDense + 1], row};
          auto [first, last] = active.getShare(team, 1);
          auto [from, to] = active.getUnits(first, last, team, heads);
          clearColumns(b, args[4], row,
                       arith::MulIOp::create(b, from, b.index(width)),
                       arith::MulIOp::create(b, to, b.index(width)));
          Value batch = arith::DivUIOp::create(b, row, tokens);
          Value token = arith::RemUIOp::create(b, row, tokens);
          b.loop(first, last, 1, [&](Value place) {
            Value number = arith::AddIOp::create(
                b, arith::MulIOp::create(b, batch, b.index(heads)),
                active.getIndex(place));
            number = arith::AddIOp::create(
                b, arith::MulIOp::create(b, number, tokens), token);
            SmallVector<Value> arguments(args.take_front(numDense));
            arguments.push_back(number);
            func::CallOp::create(b, head, arguments);
          });
        });
      });
}

//===----------------------------------------------------------------------===//
// Over given keys and values
//===----------------------------------------------------------------------===//

/// The index into dimension `dim` of a mask for `at`: 0 where the mask has one
/// element for all.
static Value getMaskIndex(KernelBuilder &b, Value mask, int64_t dim, Value at) {
  auto type = cast<MemRefType>(mask.getType());
  if (type.getDimSize(dim) == 1)
    return b.index(0);
  if (!type.isDynamicDim(dim))
    return at;
  Value size = memref::DimOp::create(b, mask, dim);
  Value isOne =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, size, b.index(1));
  return arith::SelectOp::create(b, isOne, b.index(0), at);
}

/// Scores of a block with its part of the mask, whose indices are all but the
/// last of `indices`.
static Value applyMask(KernelBuilder &b, Value scores, Value mask,
                       ValueRange indices, Value scratch, Value first,
                       Value count) {
  int64_t lanes = b.getLanes();
  bool isBool = cast<MemRefType>(mask.getType()).getElementType().isInteger(1);
  Value zero = b.index(0);
  Value hidden = b.f32(-std::numeric_limits<double>::infinity());
  b.loop(zero, count, 1, [&](Value i) {
    SmallVector<Value> at(indices);
    at.push_back(getMaskIndex(b, mask, 3, arith::AddIOp::create(b, first, i)));
    Value value = memref::LoadOp::create(b, mask, at);
    if (isBool)
      value = arith::SelectOp::create(b, value, b.f32(0), hidden);
    memref::StoreOp::create(b, value, scratch, ValueRange{i});
  });
  // Lanes behind the last key keep what an earlier block left there; their
  // scores are minus infinity.
  Value added = b.loadVector(scratch, zero, lanes);
  Value isKey = vector::CreateMaskOp::create(
      b, VectorType::get({lanes}, b.getI1Type()), ValueRange{count});
  return arith::SelectOp::create(b, isKey,
                                 arith::AddFOp::create(b, scores, added),
                                 b.broadcast(hidden, lanes));
}

func::FuncOp cpu::getSDPAKernel(KernelLibrary &library, const SDPASpec &spec) {
  MLIRContext *context = library.getContext();
  int64_t group = spec.heads / spec.kvHeads;
  std::string name =
      ("sdpa_" + Twine(spec.heads) + "of" + Twine(spec.kvHeads) + "x" +
       Twine(spec.headDim) + "x" + Twine(spec.valueDim) + "_scale" +
       nameNumber(spec.scale) +
       (spec.softcap.isZero() ? "" : "_cap" + nameNumber(spec.softcap)) +
       (spec.causal ? "_causal" : "") + "_" +
       stringifyMaskedRows(spec.maskedRows))
          .str();
  if (spec.mask) {
    name += "_mask";
    for (int64_t size : spec.mask.getShape())
      name += ShapedType::isDynamic(size) ? "x" : std::to_string(size) + "x";
    name += nameElement(spec.mask.getElementType());
  }
  Type index = IndexType::get(context);
  SmallVector<Type> types{getRowsType(context, spec.heads * spec.headDim),
                          getRowsType(context, spec.kvHeads * spec.headDim),
                          getRowsType(context, spec.kvHeads * spec.valueDim),
                          getRowsType(context, spec.heads * spec.valueDim),
                          index,
                          index,
                          index};
  if (spec.mask)
    types.push_back(spec.mask);
  SmallVector<Type> headTypes(types);
  headTypes.push_back(index);
  func::FuncOp head = library.get(
      name + "_head", headTypes, [&](KernelBuilder &b, ValueRange args) {
        auto [scratch, states] = allocateGroup(b, group);
        Value maskScratch;
        if (spec.mask)
          maskScratch = memref::AllocaOp::create(
              b, MemRefType::get({b.getLanes()}, b.getF32Type()));
        Value queries = args[5], keys = args[6], at = args.back();
        Value token = arith::RemUIOp::create(b, at, queries);
        Value rest = arith::DivUIOp::create(b, at, queries);
        Value head = arith::RemUIOp::create(b, rest, b.index(spec.kvHeads));
        Value batch = arith::DivUIOp::create(b, rest, b.index(spec.kvHeads));
        Value row = arith::AddIOp::create(
            b, arith::MulIOp::create(b, batch, queries), token);
        Value firstKey = arith::MulIOp::create(b, batch, keys);
        auto column = [&](int64_t size) -> Value {
          return arith::MulIOp::create(b, head, b.index(size));
        };
        Value keyColumn = column(spec.headDim);
        Value valueColumn = column(spec.valueDim);
        auto load = [&](Value from, Value step, Value column, int64_t size) {
          Value row = arith::AddIOp::create(b, firstKey, step);
          return loadVectors(b, from, {row, column}, size);
        };
        auto loadKey = [&](Value step) {
          return load(args[1], step, keyColumn, spec.headDim);
        };
        auto loadValue = [&](Value step) {
          return load(args[2], step, valueColumn, spec.valueDim);
        };
        auto adjust = [&](Value scores, Value member, Value first,
                          Value count) {
          Value mask = args[7];
          Value which = arith::AddIOp::create(
              b, arith::MulIOp::create(b, head, b.index(group)), member);
          Value indices[] = {getMaskIndex(b, mask, 0, batch),
                             getMaskIndex(b, mask, 1, which),
                             getMaskIndex(b, mask, 2, token)};
          return applyMask(b, scores, mask, indices, maskScratch, first, count);
        };
        GroupGenerator generator{b,
                                 args[0],
                                 args[3],
                                 row,
                                 group,
                                 spec.headDim,
                                 spec.valueDim,
                                 spec.scale,
                                 spec.softcap,
                                 loadKey,
                                 loadValue,
                                 nullptr,
                                 /*mayHide=*/true,
                                 column(group * spec.headDim),
                                 column(group * spec.valueDim),
                                 scratch,
                                 states};
        if (spec.mask)
          generator.adjust = adjust;
        Value last = keys;
        if (spec.causal) {
          // Negative if there are more queries than keys: then no block.
          Value ahead = arith::SubIOp::create(b, keys, queries);
          last = arith::MinSIOp::create(
              b, last, b.offset(arith::AddIOp::create(b, ahead, token), 1));
        }
        generator.attend(b.index(0), last, spec.maskedRows, keys);
      });
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    Value count = arith::MulIOp::create(
        b, arith::MulIOp::create(b, args[4], b.index(spec.kvHeads)), args[5]);
    Value work =
        arith::MulIOp::create(b, arith::MulIOp::create(b, count, args[6]),
                              b.index(group * spec.headDim));
    shareWork(b, head, args, count, work);
  });
}
