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
      .Case<UnsqueezeOp, SqueezeOp, ReshapeOp, IdentityOp>(
          [&](Operation *op) { return evaluate(op->getOperand(0)); })
      .Case([&](CastOp op) -> MaybeInts {
        // Between wide integers only: nothing is cut off.
        auto from = cast<ShapedType>(op.getInput().getType()).getElementType();
        auto isWide = [](Type type) {
          return type.isSignlessInteger(32) || type.isSignlessInteger(64);
        };
        if (!isWide(from) || !op.getTo().isSignlessInteger(64))
          return std::nullopt;
        return evaluate(op.getInput());
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
