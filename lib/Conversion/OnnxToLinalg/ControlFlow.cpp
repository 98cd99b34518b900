//===- ControlFlow.cpp - branches and loops -------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a loop carries stays in one buffer, so its shape may not change. What it
// stacks up lies in a buffer of as many turns as there can be, of which the
// part that was filled is the result.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

//===----------------------------------------------------------------------===//
// If
//===----------------------------------------------------------------------===//

static LogicalResult lowerIf(onnx::IfOp op, Lowering &b) {
  Value condition = b.extractScalar(b.get(op.getCond()));
  SmallVector<Type> types;
  for (Value result : op.getOutputs())
    types.push_back(getTensorType(result.getType()));
  auto branch = scf::IfOp::create(b, types, condition, /*addThenBlock=*/true,
                                  /*addElseBlock=*/true);
  for (auto [from, to] : {std::pair(&op.getThenBranch(), branch.thenBlock()),
                          std::pair(&op.getElseBranch(), branch.elseBlock())}) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(to);
    if (failed(b.lowerBlock(from->front())))
      return failure();
    SmallVector<Value> values;
    for (auto [value, type] :
         llvm::zip_equal(from->front().getTerminator()->getOperands(), types)) {
      Value tensor = b.get(value);
      if (cast<RankedTensorType>(tensor.getType()).getRank() !=
          cast<RankedTensorType>(type).getRank())
        return b.fail("expected branches with results of equal rank");
      // A buffer of its own, without a layout.
      tensor = bufferization::AllocTensorOp::create(
          b, cast<RankedTensorType>(tensor.getType()), ValueRange(), tensor);
      if (tensor.getType() != type)
        tensor = tensor::CastOp::create(b, type, tensor);
      values.push_back(tensor);
    }
    scf::YieldOp::create(b, values);
  }
  for (auto [old, result] :
       llvm::zip_equal(op.getOutputs(), branch.getResults()))
    b.set(old, result);
  return success();
}

//===----------------------------------------------------------------------===//
// What loops share
//===----------------------------------------------------------------------===//

/// Puts the next value of what a loop carries where the last one was.
static FailureOr<Value> carry(Lowering &b, Value next, Value last) {
  Dims dims = b.getDims(last), own = b.getDims(next);
  if (dims.size() != own.size())
    return b.fail("expected a loop to carry values of constant shape");
  for (auto [mine, wanted] : llvm::zip_equal(own, dims)) {
    if (b.getNumber(mine) && b.getNumber(wanted) &&
        !Lowering::areSame(mine, wanted))
      return b.fail("expected a loop to carry values of constant shape");
    b.checkEqual(mine, wanted, "a loop to carry values of constant shape");
  }
  if (next == last)
    return last;
  if (next.getType() != last.getType())
    next = tensor::CastOp::create(b, last.getType(), next);
  return bufferization::MaterializeInDestinationOp::create(b, last.getType(),
                                                           next, last)
      .getResult();
}

/// The same of all values. One may be made of another's last value, so all are
/// kept before the first is overwritten.
static LogicalResult carryAll(Lowering &b, ArrayRef<Value> values,
                              ValueRange last, SmallVectorImpl<Value> &next) {
  SmallVector<Value> kept(values);
  if (kept.size() > 1)
    for (auto [value, before] : llvm::zip_equal(kept, last)) {
      if (value == before)
        continue;
      Dims dims = b.getDims(value);
      value = bufferization::AllocTensorOp::create(
          b, cast<RankedTensorType>(value.getType()), ValueRange(), value);
      b.recordDims(value, dims);
    }
  for (auto [value, before] : llvm::zip_equal(kept, last)) {
    FailureOr<Value> result = carry(b, value, before);
    if (failed(result))
      return failure();
    next.push_back(*result);
  }
  return success();
}

/// The dimensions of a value that a loop stacks up, which must be known before
/// it begins.
static std::optional<Dims> getStackedDims(Lowering &b, Value old) {
  auto type = cast<RankedTensorType>(old.getType());
  if (!type.hasStaticShape())
    return std::nullopt;
  Dims dims;
  for (int64_t size : type.getShape())
    dims.push_back(b.number(size));
  return dims;
}

/// Stacks a value at `place` along `axis` of `stack`.
static FailureOr<Value> push(Lowering &b, Value value, Value stack, Dim place,
                             int64_t axis) {
  Dims dims = b.getDims(value), whole = b.getDims(stack);
  if (dims.size() + 1 != whole.size())
    return b.fail("expected stacked values of constant shape");
  dims.insert(dims.begin() + axis, b.number(1));
  for (auto [index, pair] : llvm::enumerate(llvm::zip_equal(dims, whole)))
    if (static_cast<int64_t>(index) != axis)
      b.checkEqual(std::get<0>(pair), std::get<1>(pair),
                   "stacked values of constant shape");
  Dims offsets(whole.size(), b.number(0));
  offsets[axis] = place;
  return b.insertSlice(b.reshape(value, dims), stack, offsets);
}

//===----------------------------------------------------------------------===//
// Loop
//===----------------------------------------------------------------------===//

static LogicalResult lowerLoop(onnx::LoopOp op, Lowering &b) {
  Block &body = op.getBody().front();
  Operation *yield = body.getTerminator();
  size_t carried = op.getVInitial().size();
  Value most;
  if (op.getM())
    most = b.toIndex(b.extractScalar(b.get(op.getM())));
  Value alive =
      op.getCond() ? b.extractScalar(b.get(op.getCond())) : b.truth(true);

  // The turn, whether there is a next one, what is carried, what is stacked.
  SmallVector<Value> inits{b.index(0), alive};
  for (Value value : op.getVInitial())
    inits.push_back(b.get(value));
  for (Value value : yield->getOperands().drop_front(1 + carried)) {
    std::optional<Dims> dims = getStackedDims(b, value);
    if (!dims || !most)
      return b.fail("expected a number of turns, and stacked values whose "
                    "shape is known when compiling");
    dims->insert(dims->begin(), b.max(Dim(most), b.number(0)));
    b.checkSize(*dims);
    inits.push_back(b.empty(*dims, getStored(value)));
  }
  SmallVector<Type> types(ValueRange(inits).getTypes());
  SmallVector<Location> locations(types.size(), b.getLoc());
  auto record = [&](ValueRange values) {
    for (auto [value, init] : llvm::zip_equal(values, inits))
      if (isa<RankedTensorType>(init.getType()))
        b.recordDims(value, b.getDims(init));
  };
  auto loop = scf::WhileOp::create(b, types, inits);
  {
    OpBuilder::InsertionGuard guard(b);
    Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
    Value goesOn = before->getArgument(1);
    if (most) {
      Value isBelow =
          b.compare(arith::CmpIPredicate::slt, before->getArgument(0), most);
      goesOn = arith::AndIOp::create(b, goesOn, isBelow);
    }
    scf::ConditionOp::create(b, goesOn, before->getArguments());

    Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
    ValueRange arguments = after->getArguments();
    record(arguments);
    auto bindScalar = [&](Value old, Value scalar) {
      auto type = getTensorType(old.getType());
      SmallVector<int64_t> shape(type.getRank(), 1);
      b.bind(old, b.fromScalars(type.clone(shape), scalar));
    };
    Type i64 = b.getI64Type();
    bindScalar(body.getArgument(0), b.fromIndex(arguments[0], i64));
    bindScalar(body.getArgument(1), arguments[1]);
    for (size_t i = 0; i < carried; ++i)
      b.bind(body.getArgument(2 + i), arguments[2 + i]);
    if (failed(b.lowerBlock(body)))
      return failure();
    SmallVector<Value> next{arith::AddIOp::create(b, arguments[0], b.index(1)),
                            b.extractScalar(b.get(yield->getOperand(0)))};
    // What is stacked first: it may be what is carried on over.
    SmallVector<Value> stacks;
    for (auto [old, stack] :
         llvm::zip_equal(yield->getOperands().drop_front(1 + carried),
                         arguments.drop_front(2 + carried))) {
      FailureOr<Value> value = push(b, b.get(old), stack, Dim(arguments[0]), 0);
      if (failed(value))
        return failure();
      stacks.push_back(*value);
    }
    SmallVector<Value> values;
    for (size_t i = 0; i < carried; ++i)
      values.push_back(b.get(yield->getOperand(1 + i)));
    if (failed(carryAll(b, values, arguments.slice(2, carried), next)))
      return failure();
    llvm::append_range(next, stacks);
    scf::YieldOp::create(b, next);
  }
  record(loop.getResults());
  ValueRange results = loop.getResults();
  for (auto [index, old] : llvm::enumerate(op.getOutputs())) {
    Value value = results[2 + index];
    if (index >= carried) {
      Dims dims = b.getDims(value), offsets(dims.size(), b.number(0));
      dims[0] = Dim(results[0]);
      value = b.slice(value, offsets, dims);
    }
    b.set(old, value);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

static LogicalResult lowerScan(onnx::ScanOp op, Lowering &b) {
  Block &body = op.getBody().front();
  Operation *yield = body.getTerminator();
  size_t scanned = op.getNumScanInputs();
  size_t carried = op.getInputs().size() - scanned;
  auto get = [](std::optional<ArrayRef<int64_t>> values, size_t index) {
    return values && index < values->size() ? (*values)[index] : 0;
  };
  // How long the inputs are.
  SmallVector<int64_t> axes;
  std::optional<Dim> count;
  for (size_t i = 0; i < scanned; ++i) {
    Value input = op.getInputs()[carried + i];
    axes.push_back(getAxis(get(op.getScanInputAxes(), i), getRank(input)));
    Dim own = b.getDim(b.get(input), axes[i]);
    if (count)
      b.checkEqual(own, *count, "inputs of equal length");
    else
      count = own;
  }
  if (!count)
    return b.fail("expected an input to scan");
  SmallVector<Value> inits;
  for (Value input : op.getInputs().take_front(carried))
    inits.push_back(b.get(input));
  SmallVector<int64_t> outputAxes;
  for (auto [i, value] :
       llvm::enumerate(yield->getOperands().drop_front(carried))) {
    std::optional<Dims> dims = getStackedDims(b, value);
    if (!dims)
      return b.fail("expected stacked values whose shape is known when "
                    "compiling");
    outputAxes.push_back(
        getAxis(get(op.getScanOutputAxes(), i), dims->size() + 1));
    dims->insert(dims->begin() + outputAxes[i], *count);
    inits.push_back(b.empty(*dims, getStored(value)));
  }
  auto mirror = [&](Value place, bool isBackwards) {
    if (!isBackwards)
      return place;
    Value last = b.value(b.sub(*count, b.number(1)));
    return arith::SubIOp::create(b, last, place).getResult();
  };
  LogicalResult status = success();
  SmallVector<Value> results =
      b.loop(*count, inits, [&](Value turn, ValueRange state) {
        SmallVector<Value> next(state);
        for (size_t i = 0; i < carried; ++i)
          b.bind(body.getArgument(i), state[i]);
        for (size_t i = 0; i < scanned; ++i) {
          Value input = b.get(op.getInputs()[carried + i]);
          Dims dims = b.getDims(input), offsets(dims.size(), b.number(0));
          dims[axes[i]] = b.number(1);
          offsets[axes[i]] =
              Dim(mirror(turn, get(op.getScanInputDirections(), i)));
          Value part = b.slice(input, offsets, dims);
          dims.erase(dims.begin() + axes[i]);
          b.bind(body.getArgument(carried + i), b.reshape(part, dims));
        }
        if (failed(b.lowerBlock(body))) {
          status = failure();
          return next;
        }
        SmallVector<Value> stacks, values;
        for (auto [i, value] :
             llvm::enumerate(yield->getOperands().drop_front(carried))) {
          bool isBackwards = get(op.getScanOutputDirections(), i);
          FailureOr<Value> stack =
              push(b, b.get(value), state[carried + i],
                   Dim(mirror(turn, isBackwards)), outputAxes[i]);
          if (failed(stack)) {
            status = failure();
            return next;
          }
          stacks.push_back(*stack);
        }
        for (Value value : yield->getOperands().take_front(carried))
          values.push_back(b.get(value));
        SmallVector<Value> all;
        if (failed(carryAll(b, values, state.take_front(carried), all))) {
          status = failure();
          return next;
        }
        llvm::append_range(all, stacks);
        next = all;
        return next;
      });
  if (failed(status))
    return failure();
  for (auto [old, value] : llvm::zip_equal(op.getOutputs(), results))
    b.set(old, value);
  return success();
}

void dense::addControlFlow(LoweringTable &table) {
  table.add(lowerIf);
  table.add(lowerLoop);
  table.add(lowerScan);
}
