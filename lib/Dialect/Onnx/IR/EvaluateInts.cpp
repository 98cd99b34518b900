//===- EvaluateInts.cpp - values of shapes, axes and the like -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Graphs compute the operands of Reshape, Expand and Slice from the shapes of
// other tensors: Shape, Gather, Unsqueeze, Concat, and arithmetic on one or two
// elements. Evaluating those chains, with unknown elements where a dimension is
// dynamic, keeps result types static.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

#include <functional>

using namespace mlir;
using namespace mlir::onnx;

using Ints = SmallVector<int64_t>;
using MaybeInts = std::optional<Ints>;

static constexpr int64_t unknown = ShapedType::kDynamic;

/// Operands of interest are no longer than this.
static constexpr int64_t maxElements = 64;

/// Chains are short; what is deeper or wider stays unknown. The budget also
/// bounds the work where chains share parts.
static constexpr unsigned maxVisits = 512;

namespace {
/// Evaluates one value and what it depends on.
class Evaluator {
public:
  MaybeInts evaluate(Value value);
  MaybeInts evaluateBounds(Value value);

private:
  MaybeInts visit(Value value);
  MaybeInts constant(ElementsAttr value);
  MaybeInts shape(ShapeOp op);
  MaybeInts slice(SliceOp op);
  MaybeInts gather(GatherOp op);
  MaybeInts split(SplitOp op, Value result);
  MaybeInts tile(TileOp op);
  MaybeInts range(RangeOp op);
  MaybeInts reduce(Operation *op, Value data,
                   const std::function<int64_t(int64_t, int64_t)> &combine);
  MaybeInts zip(ValueRange operands,
                const std::function<int64_t(ArrayRef<int64_t>)> &compute);

  unsigned visits = 0;
};
} // namespace

/// The number of elements of `value`, if it is an integer tensor of rank 0 or 1
/// that is small and static.
static std::optional<int64_t> countElements(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape() || type.getRank() > 1 ||
      !type.getElementType().isInteger())
    return std::nullopt;
  // The product of at most one dimension.
  int64_t count = type.getRank() == 0 ? 1 : type.getDimSize(0);
  return count <= maxElements ? std::optional(count) : std::nullopt;
}

MaybeInts Evaluator::evaluate(Value value) {
  std::optional<int64_t> count = countElements(value);
  if (!count)
    return std::nullopt;
  if (++visits <= maxVisits)
    if (MaybeInts ints = visit(value);
        ints && static_cast<int64_t>(ints->size()) == *count)
      return ints;
  return Ints(*count, unknown);
}

/// Exporters write the smallest integer for "from the start" of a slice, which
/// is also how an unknown element is marked. As a bound it means no more than
/// the number after it.
MaybeInts Evaluator::evaluateBounds(Value value) {
  auto op = value.getDefiningOp<ConstantOp>();
  if (!op || !countElements(value))
    return evaluate(value);
  MaybeInts ints = constant(op.getValue());
  if (ints)
    llvm::replace(*ints, unknown, unknown + 1);
  return ints;
}

MaybeInts Evaluator::constant(ElementsAttr value) {
  Type element = value.getElementType();
  if (!element.isInteger() || element.getIntOrFloatBitWidth() > 64)
    return std::nullopt;
  auto ints = value.tryGetValues<APInt>();
  if (!ints)
    return std::nullopt;
  bool isSigned = !element.isUnsignedInteger() && !element.isInteger(1);
  Ints result;
  for (const APInt &element : *ints)
    result.push_back(isSigned ? element.getSExtValue()
                              : static_cast<int64_t>(element.getZExtValue()));
  return result;
}

/// Brings `start` and `end`, which may count from the end, into [0, size].
static void clampToSize(int64_t &start, int64_t &end, int64_t size) {
  auto clamp = [&](int64_t x) {
    x = x < 0 ? x + size : x;
    return std::min(std::max<int64_t>(x, 0), size);
  };
  start = clamp(start);
  end = std::max(clamp(end), start);
}

MaybeInts Evaluator::shape(ShapeOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getData().getType());
  if (!type)
    return std::nullopt;
  int64_t start = op.getStart(), end = op.getEnd().value_or(type.getRank());
  clampToSize(start, end, type.getRank());
  return Ints(type.getShape().slice(start, end - start));
}

MaybeInts Evaluator::slice(SliceOp op) {
  MaybeInts data = evaluate(op.getData()),
            start = evaluateBounds(op.getStarts()),
            end = evaluateBounds(op.getEnds());
  // Step 1 and the only axis is all that is met.
  if (op.getSteps()) {
    MaybeInts steps = evaluate(op.getSteps());
    if (!steps || !llvm::all_of(*steps, [](int64_t x) { return x == 1; }))
      return std::nullopt;
  }
  if (!data || !start || !end || start->size() != 1 || end->size() != 1 ||
      start->front() == unknown || end->front() == unknown)
    return std::nullopt;
  int64_t from = start->front(), to = end->front();
  clampToSize(from, to, data->size());
  return Ints(ArrayRef<int64_t>(*data).slice(from, to - from));
}

MaybeInts Evaluator::gather(GatherOp op) {
  MaybeInts data = evaluate(op.getData()), indices = evaluate(op.getIndices());
  if (!data || !indices)
    return std::nullopt;
  Ints result;
  int64_t size = data->size();
  for (int64_t index : *indices) {
    if (index == unknown || index < -size || index >= size)
      result.push_back(unknown);
    else
      result.push_back((*data)[index < 0 ? index + size : index]);
  }
  return result;
}

/// One part of a list that is cut in known parts.
MaybeInts Evaluator::split(SplitOp op, Value result) {
  MaybeInts input = evaluate(op.getInput());
  if (!input)
    return std::nullopt;
  ArrayRef<int64_t> rest(*input);
  for (Value output : op.getOutputs()) {
    std::optional<int64_t> count = countElements(output);
    if (!count || *count > static_cast<int64_t>(rest.size()))
      return std::nullopt;
    if (output == result)
      return Ints(rest.take_front(*count));
    rest = rest.drop_front(*count);
  }
  return std::nullopt;
}

MaybeInts Evaluator::tile(TileOp op) {
  MaybeInts input = evaluate(op.getInput()),
            repeats = evaluate(op.getRepeats());
  if (!input || !repeats || repeats->size() != 1)
    return std::nullopt;
  Ints result;
  for (int64_t i = 0; i < repeats->front(); ++i) {
    result.append(*input);
    if (static_cast<int64_t>(result.size()) > maxElements || input->empty())
      break;
  }
  return result;
}

MaybeInts Evaluator::range(RangeOp op) {
  MaybeInts start = evaluate(op.getStart()), delta = evaluate(op.getDelta());
  std::optional<int64_t> count = countElements(op.getOutput());
  if (!start || !delta || !count || start->size() != 1 || delta->size() != 1 ||
      start->front() == unknown || delta->front() == unknown)
    return std::nullopt;
  Ints result;
  int64_t next = start->front();
  for (int64_t i = 0; i < *count; ++i) {
    result.push_back(next);
    if (__builtin_add_overflow(next, delta->front(), &next))
      next = unknown;
  }
  return result;
}

/// All elements as one. Of a list that is how an axis is reduced, whatever its
/// number is.
MaybeInts
Evaluator::reduce(Operation *op, Value data,
                  const std::function<int64_t(int64_t, int64_t)> &combine) {
  MaybeInts ints = evaluate(data);
  std::optional<int64_t> count = countElements(op->getResult(0));
  if (!ints || ints->empty() || count != 1)
    return std::nullopt;
  int64_t result = ints->front();
  for (int64_t next : ArrayRef<int64_t>(*ints).drop_front())
    result =
        result == unknown || next == unknown ? unknown : combine(result, next);
  return Ints{result};
}

/// Computes element by element, broadcasting single elements. An element is
/// unknown if one that it depends on is.
MaybeInts
Evaluator::zip(ValueRange operands,
               const std::function<int64_t(ArrayRef<int64_t>)> &compute) {
  SmallVector<Ints> values;
  size_t count = 1;
  for (Value operand : operands) {
    MaybeInts ints = evaluate(operand);
    if (!ints)
      return std::nullopt;
    if (ints->size() != 1) {
      if (count != 1 && count != ints->size())
        return std::nullopt;
      count = ints->size();
    }
    values.push_back(std::move(*ints));
  }
  Ints result;
  for (size_t i = 0; i < count; ++i) {
    Ints row;
    for (const Ints &ints : values)
      row.push_back(ints[ints.size() == 1 ? 0 : i]);
    result.push_back(compute(row));
  }
  return result;
}

/// Makes a function of two known numbers one that knows what is unknown. The
/// function itself may say `unknown`.
template <typename Function>
static auto ifKnown(Function function) {
  return [function](ArrayRef<int64_t> row) {
    if (llvm::is_contained(row, unknown))
      return unknown;
    return static_cast<int64_t>(function(row[0], row[1]));
  };
}

static int64_t addOrUnknown(int64_t a, int64_t b) {
  int64_t result;
  return __builtin_add_overflow(a, b, &result) ? unknown : result;
}

static int64_t multiplyOrUnknown(int64_t a, int64_t b) {
  int64_t result;
  return __builtin_mul_overflow(a, b, &result) ? unknown : result;
}

/// The remainder with the sign of `b`, as Python has it.
static int64_t remainder(int64_t a, int64_t b) {
  if (b == 0 || b == -1)
    return b == 0 ? unknown : 0;
  int64_t result = a % b;
  return result != 0 && (result < 0) != (b < 0) ? result + b : result;
}

/// Folds a function of two numbers over any number of them.
template <typename Function>
static auto foldKnown(Function function) {
  return [function](ArrayRef<int64_t> row) {
    if (llvm::is_contained(row, unknown))
      return unknown;
    int64_t result = row.front();
    for (int64_t next : row.drop_front())
      result = function(result, next);
    return result;
  };
}

MaybeInts Evaluator::visit(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  auto checked = [](bool (*overflows)(int64_t, int64_t, int64_t &)) {
    return ifKnown([overflows](int64_t a, int64_t b) {
      int64_t result;
      return overflows(a, b, result) ? unknown : result;
    });
  };
  return llvm::TypeSwitch<Operation *, MaybeInts>(op)
      .Case([&](ConstantOp op) { return constant(op.getValue()); })
      .Case([&](ShapeOp op) { return shape(op); })
      .Case([&](SliceOp op) { return slice(op); })
      .Case([&](GatherOp op) { return gather(op); })
      .Case<UnsqueezeOp, SqueezeOp, ReshapeOp, IdentityOp, FlattenOp>(
          [&](Operation *op) { return evaluate(op->getOperand(0)); })
      .Case<CastOp, CastLikeOp>([&](Operation *op) -> MaybeInts {
        // Between wide integers only: nothing is cut off. Nor is anything that
        // fits 32 bits.
        Value input = op->getOperand(0);
        Type from = getElementTypeOrSelf(input),
             to = getElementTypeOrSelf(value);
        auto isWide = [](Type type) {
          return type.isSignlessInteger(32) || type.isSignlessInteger(64);
        };
        if (!isWide(from) || !isWide(to))
          return std::nullopt;
        MaybeInts ints = evaluate(input);
        if (ints && to.isSignlessInteger(32))
          for (int64_t &element : *ints)
            if (element != static_cast<int32_t>(element))
              element = unknown;
        return ints;
      })
      .Case([&](ConcatOp op) -> MaybeInts {
        Ints result;
        for (Value input : op.getInputs()) {
          MaybeInts ints = evaluate(input);
          if (!ints)
            return std::nullopt;
          result.append(*ints);
        }
        return result;
      })
      .Case([&](ExpandOp op) -> MaybeInts {
        MaybeInts input = evaluate(op.getInput());
        std::optional<int64_t> count = countElements(op.getOutput());
        if (!input || !count || input->size() != 1)
          return input;
        return Ints(*count, input->front());
      })
      .Case([&](ConstantOfShapeOp op) -> MaybeInts {
        MaybeInts value = constant(op.getValue());
        std::optional<int64_t> count = countElements(op.getOutput());
        if (!value || value->size() != 1 || !count)
          return std::nullopt;
        return Ints(*count, value->front());
      })
      .Case([&](AddOp op) {
        return zip(op->getOperands(),
                   checked([](int64_t a, int64_t b, int64_t &result) {
                     return __builtin_add_overflow(a, b, &result);
                   }));
      })
      .Case([&](SubOp op) {
        return zip(op->getOperands(),
                   checked([](int64_t a, int64_t b, int64_t &result) {
                     return __builtin_sub_overflow(a, b, &result);
                   }));
      })
      .Case([&](MulOp op) {
        return zip(op->getOperands(),
                   checked([](int64_t a, int64_t b, int64_t &result) {
                     return __builtin_mul_overflow(a, b, &result);
                   }));
      })
      .Case([&](DivOp op) {
        return zip(op->getOperands(), ifKnown([](int64_t a, int64_t b) {
                     return b == 0 || b == -1 ? unknown : a / b;
                   }));
      })
      .Case([&](ModOp op) {
        bool isC = op.getFmod();
        return zip(op->getOperands(), ifKnown([isC](int64_t a, int64_t b) {
                     if (isC && b != 0 && b != -1)
                       return a % b;
                     return remainder(a, b);
                   }));
      })
      .Case([&](MaxOp op) {
        return zip(op->getOperands(), foldKnown([](int64_t a, int64_t b) {
                     return std::max(a, b);
                   }));
      })
      .Case([&](MinOp op) {
        return zip(op->getOperands(), foldKnown([](int64_t a, int64_t b) {
                     return std::min(a, b);
                   }));
      })
      .Case([&](AbsOp op) {
        return zip(op->getOperands(), [](ArrayRef<int64_t> row) {
          return row[0] == unknown ? unknown : std::abs(row[0]);
        });
      })
      .Case([&](NegOp op) {
        return zip(op->getOperands(), [](ArrayRef<int64_t> row) {
          return row[0] == unknown ? unknown : -row[0];
        });
      })
      .Case([&](SizeOp op) -> MaybeInts {
        auto type = dyn_cast<RankedTensorType>(op.getData().getType());
        if (!type || !type.hasStaticShape())
          return std::nullopt;
        return Ints{type.getNumElements()};
      })
      .Case([&](SplitOp op) { return split(op, value); })
      .Case([&](TileOp op) { return tile(op); })
      .Case([&](RangeOp op) { return range(op); })
      .Case([&](ReduceProdOp op) {
        return reduce(op, op.getData(), multiplyOrUnknown);
      })
      .Case([&](ReduceSumOp op) {
        return reduce(op, op.getData(), addOrUnknown);
      })
      .Case([&](ReduceMaxOp op) {
        return reduce(op, op.getData(),
                      [](int64_t a, int64_t b) { return std::max(a, b); });
      })
      .Case([&](ReduceMinOp op) {
        return reduce(op, op.getData(),
                      [](int64_t a, int64_t b) { return std::min(a, b); });
      })
      .Case([&](LessOp op) {
        return zip(op->getOperands(),
                   ifKnown([](int64_t a, int64_t b) { return a < b; }));
      })
      .Case([&](GreaterOp op) {
        return zip(op->getOperands(),
                   ifKnown([](int64_t a, int64_t b) { return a > b; }));
      })
      .Case([&](EqualOp op) {
        return zip(op->getOperands(),
                   ifKnown([](int64_t a, int64_t b) { return a == b; }));
      })
      .Case([&](WhereOp op) {
        return zip(op->getOperands(), [](ArrayRef<int64_t> row) {
          return row[0] == unknown ? unknown : row[0] ? row[1] : row[2];
        });
      })
      .Default([](Operation *) { return std::nullopt; });
}

MaybeInts mlir::onnx::evaluateInts(Value value) {
  return Evaluator().evaluate(value);
}

MaybeInts mlir::onnx::evaluateBounds(Value value, Operands operands) {
  if (operands == Operands::Follow)
    return Evaluator().evaluateBounds(value);
  return evaluateInts(value, operands);
}

MaybeInts mlir::onnx::evaluateInts(Value value, Operands operands) {
  if (operands == Operands::Follow)
    return evaluateInts(value);
  std::optional<int64_t> count = countElements(value);
  return count ? MaybeInts(Ints(*count, unknown)) : std::nullopt;
}
