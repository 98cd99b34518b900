//===- SymbolicShapes.cpp - dimensions as polynomials ---------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/SymbolicShapes.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dejavu;

/// Integer tensors with more elements hold no shapes.
static constexpr int64_t maxContents = 16;

std::optional<SmallVector<int64_t>> dejavu::getConstantInts(Value value) {
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  if (!constant)
    return std::nullopt;
  auto dense = dyn_cast<DenseIntElementsAttr>(constant.getValue());
  if (!dense || dense.getType().getRank() > 1)
    return std::nullopt;
  bool isBool = dense.getElementType().isInteger(1);
  SmallVector<int64_t> ints;
  for (const APInt &element : dense.getValues<APInt>())
    ints.push_back(isBool ? element.getZExtValue() : element.getSExtValue());
  return ints;
}

SymbolicShapes::SymbolicShapes(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    Dims dims = freshShape(type);
    auto names = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(),
                                                      "onnx.dims");
    if (names && static_cast<int64_t>(names.size()) == type.getRank())
      for (auto [dim, attr] : llvm::zip_equal(dims, names))
        if (auto name = dyn_cast<StringAttr>(attr); name && !dim.getConstant())
          if (std::optional<DimExpr> parsed = DimExpr::parse(name.getValue()))
            dim = *parsed;
    shapes[argument] = dims;
  }
  for (Operation &op : function.front())
    update(&op);
}

const SymbolicShapes::Dims *SymbolicShapes::getShape(Value value) const {
  auto it = shapes.find(value);
  return it == shapes.end() ? nullptr : &it->second;
}

const SymbolicShapes::Dims *SymbolicShapes::getContents(Value value) const {
  auto it = contents.find(value);
  return it == contents.end() ? nullptr : &it->second;
}

bool SymbolicShapes::haveSameShape(Value a, Value b) const {
  const Dims *shape = getShape(b);
  return shape && hasShape(a, *shape);
}

bool SymbolicShapes::hasShape(Value value, ArrayRef<DimExpr> dims) const {
  const Dims *shape = getShape(value);
  return shape && ArrayRef<DimExpr>(*shape) == dims;
}

DimExpr SymbolicShapes::fresh() {
  return DimExpr::symbol("?" + std::to_string(freshSymbols++));
}

SymbolicShapes::Dims SymbolicShapes::freshShape(Type type) {
  Dims dims;
  for (int64_t size : cast<RankedTensorType>(type).getShape())
    dims.push_back(ShapedType::isDynamic(size) ? fresh() : DimExpr(size));
  return dims;
}

/// NumPy's broadcasting. Of two different symbols either may be 1, so the
/// result is a symbol of its own.
SymbolicShapes::Dims SymbolicShapes::broadcast(ArrayRef<Dims> operands) {
  size_t rank = 0;
  for (const Dims &dims : operands)
    rank = std::max(rank, dims.size());
  Dims result(rank, DimExpr(1));
  for (const Dims &dims : operands) {
    for (auto [i, dim] : llvm::enumerate(llvm::reverse(dims))) {
      DimExpr &merged = result[rank - 1 - i];
      if (dim == merged || dim == DimExpr(1))
        continue;
      if (merged == DimExpr(1) || dim.getConstant())
        merged = dim;
      else if (!merged.getConstant())
        merged = fresh();
    }
  }
  return result;
}

void SymbolicShapes::update(Operation *op) {
  if (op->getNumResults() == 0)
    return;
  for (Value result : op->getResults()) {
    // A value that was erased may have had the same address.
    contents.erase(result);
    if (isa<RankedTensorType>(result.getType()))
      shapes[result] = freshShape(result.getType());
    else
      shapes.erase(result);
  }

  if (auto split = dyn_cast<onnx::SplitOp>(op))
    return updateSplit(split);
  Value result = op->getResult(0);
  auto type = dyn_cast<RankedTensorType>(result.getType());
  if (!type)
    return;
  std::optional<Dims> shape = inferShape(op);
  if (shape && static_cast<int64_t>(shape->size()) == type.getRank()) {
    // The type may know more, from inference that follows other paths.
    for (auto [dim, size] : llvm::zip_equal(*shape, type.getShape())) {
      if (!ShapedType::isDynamic(size))
        dim = size;
      else if (!dim.isValid())
        dim = fresh();
    }
    shapes[result] = *shape;
  }

  if (type.getRank() > 1 || !type.getElementType().isInteger())
    return;
  std::optional<Dims> elements = inferContents(op);
  if (!elements || elements->size() > maxContents ||
      (type.hasStaticShape() &&
       static_cast<int64_t>(elements->size()) != type.getNumElements()) ||
      !llvm::all_of(*elements, [](const DimExpr &e) { return e.isValid(); }))
    return;
  contents[result] = *elements;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// The only element of `dims`, if it is a number.
static std::optional<int64_t> getNumber(const SymbolicShapes::Dims *dims) {
  return dims && dims->size() == 1 ? dims->front().getConstant() : std::nullopt;
}

/// `dims` as numbers, if all are.
static std::optional<SmallVector<int64_t>>
getNumbers(const SymbolicShapes::Dims *dims) {
  if (!dims)
    return std::nullopt;
  SmallVector<int64_t> numbers;
  for (const DimExpr &dim : *dims) {
    std::optional<int64_t> number = dim.getConstant();
    if (!number)
      return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

std::optional<SymbolicShapes::Dims>
SymbolicShapes::inferReshape(Operation *op) {
  auto reshape = cast<onnx::ReshapeOp>(op);
  const Dims *source = getShape(reshape.getData());
  const Dims *wanted = getContents(reshape.getShape());
  if (!source || !wanted)
    return std::nullopt;
  DimExpr count = 1, others = 1;
  for (const DimExpr &dim : *source)
    count = count * dim;
  Dims dims;
  std::optional<size_t> rest;
  for (auto [i, dim] : llvm::enumerate(*wanted)) {
    dims.push_back(dim);
    if (dim == DimExpr(-1)) {
      rest = i;
      continue;
    }
    if (dim == DimExpr(0) && !reshape.getAllowzero()) {
      if (i >= source->size())
        return std::nullopt;
      dims.back() = (*source)[i];
    }
    others = others * dims.back();
  }
  if (rest)
    dims[*rest] = count.divideExactly(others).value_or(fresh());
  return dims;
}

/// A slice whose ends are arithmetic on dimensions, or are not known.
std::optional<SymbolicShapes::Dims>
SymbolicShapes::inferSymbolicSlice(Operation *op) {
  auto slice = cast<onnx::SliceOp>(op);
  const Dims *source = getShape(slice.getData());
  auto axes =
      slice.getAxes() ? getNumbers(getContents(slice.getAxes())) : std::nullopt;
  if (!source || !axes)
    return std::nullopt;
  const Dims *starts = getContents(slice.getStarts());
  const Dims *ends = getContents(slice.getEnds());
  auto steps = slice.getSteps() ? getNumbers(getContents(slice.getSteps()))
                                : SmallVector<int64_t>(axes->size(), 1);
  Dims dims = *source;
  int64_t rank = dims.size();
  for (auto [i, axis] : llvm::enumerate(*axes)) {
    if (axis < -rank || axis >= rank)
      return std::nullopt;
    DimExpr &dim = dims[axis < 0 ? axis + rank : axis];
    DimExpr size = dim;
    dim = fresh();
    if (!starts || !ends || !steps || i >= starts->size() ||
        i >= ends->size() || i >= steps->size() || (*steps)[i] != 1)
      continue;
    // Within the dimension for certain, so that nothing is clamped.
    DimExpr start = (*starts)[i], end = (*ends)[i];
    if (std::optional<int64_t> number = end.getConstant();
        number && *number >= INT32_MAX)
      end = size;
    if (start.isNonNegative() && (end - start).isNonNegative() &&
        (size - end).isNonNegative())
      dim = end - start;
    // The first rows of a table, as many as there are tokens: with more tokens
    // than rows nothing fits together any more.
    else if (start == DimExpr(0) && axes->size() == 1 && starts->size() == 1 &&
             ends->size() == 1 && size.getConstant() && end.isNonNegative())
      dim = end;
  }
  return dims;
}

std::optional<SymbolicShapes::Dims> SymbolicShapes::inferSlice(Operation *op) {
  auto slice = cast<onnx::SliceOp>(op);
  const Dims *source = getShape(slice.getData());
  std::optional<SmallVector<int64_t>> starts =
      getNumbers(getContents(slice.getStarts()));
  std::optional<SmallVector<int64_t>> ends =
      getNumbers(getContents(slice.getEnds()));
  if (!source)
    return std::nullopt;
  if (!starts || !ends || starts->size() != ends->size())
    return inferSymbolicSlice(op);
  SmallVector<int64_t> axes =
      llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
  if (slice.getAxes()) {
    auto given = getNumbers(getContents(slice.getAxes()));
    if (!given || given->size() != starts->size())
      return std::nullopt;
    axes = *given;
  }
  if (slice.getSteps()) {
    auto steps = getNumbers(getContents(slice.getSteps()));
    if (!steps || !llvm::all_of(*steps, [](int64_t s) { return s == 1; }))
      return std::nullopt;
  }
  Dims dims = *source;
  int64_t rank = dims.size();
  for (auto [start, end, axis] : llvm::zip_equal(*starts, *ends, axes)) {
    if (axis < -rank || axis >= rank)
      return std::nullopt;
    DimExpr &dim = dims[axis < 0 ? axis + rank : axis];
    if (std::optional<int64_t> size = dim.getConstant()) {
      auto clamp = [&](int64_t at) {
        return std::clamp<int64_t>(at < 0 ? at + *size : at, 0, *size);
      };
      dim = std::max<int64_t>(clamp(end) - clamp(start), 0);
    } else if (start != 0 || end < INT32_MAX) {
      dim = fresh();
    }
  }
  return dims;
}

std::optional<SymbolicShapes::Dims> SymbolicShapes::inferReduce(Operation *op) {
  const Dims *source = getShape(op->getOperand(0));
  if (!source)
    return std::nullopt;
  int64_t rank = source->size();
  SmallVector<bool> reduced(rank, true);
  if (op->getNumOperands() > 1) {
    auto axes = getNumbers(getContents(op->getOperand(1)));
    if (!axes || axes->empty())
      return std::nullopt;
    reduced.assign(rank, false);
    for (int64_t axis : *axes)
      if (axis >= -rank && axis < rank)
        reduced[axis < 0 ? axis + rank : axis] = true;
  } else if (auto noop = op->getAttrOfType<IntegerAttr>("noop_with_empty_axes");
             noop && !noop.getValue().isZero()) {
    return *source;
  }
  auto keeps = op->getAttrOfType<IntegerAttr>("keepdims");
  Dims dims;
  for (auto [dim, gone] : llvm::zip_equal(*source, reduced)) {
    if (!gone)
      dims.push_back(dim);
    else if (!keeps || !keeps.getValue().isZero())
      dims.push_back(1);
  }
  return dims;
}

/// The parts differ from the whole along one axis, where types say how.
void SymbolicShapes::updateSplit(Operation *op) {
  const Dims *source = getShape(op->getOperand(0));
  auto axis = op->getAttrOfType<IntegerAttr>("axis");
  if (!source)
    return;
  int64_t at = axis ? axis.getInt() : 0;
  if (at < 0)
    at += source->size();
  if (at < 0 || at >= static_cast<int64_t>(source->size()))
    return;
  for (Value result : op->getResults()) {
    Dims &dims = shapes[result];
    if (dims.size() != source->size())
      continue;
    for (size_t i = 0, e = dims.size(); i < e; ++i)
      if (static_cast<int64_t>(i) != at && !dims[i].getConstant())
        dims[i] = (*source)[i];
  }
}

std::optional<SymbolicShapes::Dims> SymbolicShapes::inferShape(Operation *op) {
  auto shapeOf = [&](Value value) { return getShape(value); };
  auto first = [&]() -> std::optional<Dims> {
    const Dims *dims = getShape(op->getOperand(0));
    return dims ? std::optional<Dims>(*dims) : std::nullopt;
  };
  using Result = std::optional<Dims>;
  return TypeSwitch<Operation *, Result>(op)
      .Case<onnx::NegOp, onnx::SqrtOp, onnx::ErfOp, onnx::NotOp, onnx::IsNaNOp,
            onnx::SoftmaxOp, onnx::ReluOp, onnx::SigmoidOp, onnx::TanhOp,
            onnx::GeluOp, onnx::CumSumOp, onnx::LayerNormalizationOp,
            onnx::IdentityOp, onnx::CastOp, onnx::CosOp, onnx::SinOp,
            onnx::ReciprocalOp, onnx::RMSNormalizationOp,
            onnx::RotaryEmbeddingOp, NormOp, ResidualAddOp, FFNOp, AttentionOp,
            RopeOp>([&](auto) -> Result { return first(); })
      .Case<onnx::AbsOp, onnx::ExpOp, onnx::LogOp, onnx::FloorOp, onnx::CeilOp,
            onnx::RoundOp, onnx::SignOp, onnx::ClipOp, onnx::IsInfOp,
            onnx::SwishOp, onnx::SoftplusOp, onnx::MishOp, onnx::HardSwishOp,
            onnx::HardSigmoidOp, onnx::EluOp, onnx::LeakyReluOp,
            onnx::LogSoftmaxOp, onnx::SimplifiedLayerNormalizationOp,
            onnx::CastLikeOp, onnx::TriluOp, onnx::ScatterNDOp,
            onnx::ScatterElementsOp>([&](auto) -> Result { return first(); })
      .Case<onnx::AddOp, onnx::SubOp, onnx::MulOp, onnx::DivOp, onnx::PowOp,
            onnx::MaxOp, onnx::MinOp, onnx::EqualOp, onnx::LessOp,
            onnx::LessOrEqualOp, onnx::GreaterOp, onnx::GreaterOrEqualOp,
            onnx::AndOp, onnx::OrOp, onnx::XorOp, onnx::ModOp, onnx::SumOp,
            onnx::MeanOp, onnx::WhereOp>([&](auto) -> Result {
        SmallVector<Dims> operands;
        for (Value operand : op->getOperands()) {
          const Dims *dims = getShape(operand);
          if (!dims)
            return std::nullopt;
          operands.push_back(*dims);
        }
        return broadcast(operands);
      })
      .Case<EmbedOp, LinearOp, RopeTableOp, SDPAOp>([&](auto raised) -> Result {
        const Dims *dims = getShape(op->getOperand(0));
        if (!dims)
          return std::nullopt;
        return Dims{(*dims)[0], (*dims)[1],
                    DimExpr(getFeatures(raised.getType()))};
      })
      .Case([&](onnx::MatMulOp matmul) -> Result {
        const Dims *a = shapeOf(matmul.getA()), *b = shapeOf(matmul.getB());
        if (!a || !b || a->size() < 2 || b->size() < 2)
          return std::nullopt;
        Dims left(llvm::drop_end(*a, 2)), right(llvm::drop_end(*b, 2));
        Dims dims = broadcast({left, right});
        dims.push_back((*a)[a->size() - 2]);
        dims.push_back(b->back());
        return dims;
      })
      .Case([&](onnx::GemmOp gemm) -> Result {
        const Dims *a = shapeOf(gemm.getA()), *b = shapeOf(gemm.getB());
        if (!a || !b || a->size() != 2 || b->size() != 2)
          return std::nullopt;
        return Dims{(*a)[gemm.getTransA() ? 1 : 0],
                    (*b)[gemm.getTransB() ? 0 : 1]};
      })
      .Case([&](onnx::AttentionOp attention) -> Result {
        const Dims *q = shapeOf(attention.getQ());
        const Dims *v = shapeOf(attention.getV());
        if (!q || !v || q->size() != 4 || v->size() != 4)
          return std::nullopt;
        return Dims{(*q)[0], (*q)[1], (*q)[2], (*v)[3]};
      })
      .Case<onnx::ReduceMeanOp, onnx::ReduceSumOp, onnx::ReduceMaxOp,
            onnx::ReduceMinOp, onnx::ReduceProdOp, onnx::ReduceL2Op,
            onnx::ReduceSumSquareOp>([&](auto) { return inferReduce(op); })
      .Case([&](onnx::ReshapeOp) { return inferReshape(op); })
      .Case([&](onnx::SliceOp) { return inferSlice(op); })
      .Case([&](onnx::TransposeOp transpose) -> Result {
        const Dims *source = shapeOf(transpose.getData());
        if (!source)
          return std::nullopt;
        Dims dims;
        for (int64_t from : transpose.getPerm())
          dims.push_back((*source)[from]);
        return dims;
      })
      .Case([&](onnx::FlattenOp flatten) -> Result {
        const Dims *source = shapeOf(flatten.getInput());
        if (!source)
          return std::nullopt;
        int64_t axis = flatten.getAxis();
        if (axis < 0)
          axis += source->size();
        Dims dims{DimExpr(1), DimExpr(1)};
        for (auto [i, dim] : llvm::enumerate(*source)) {
          DimExpr &side = dims[static_cast<int64_t>(i) < axis ? 0 : 1];
          side = side * dim;
        }
        return dims;
      })
      .Case([&](onnx::SqueezeOp squeeze) -> Result {
        const Dims *source = shapeOf(squeeze.getData());
        if (!source)
          return std::nullopt;
        int64_t rank = source->size();
        SmallVector<bool> removed(rank);
        if (squeeze.getAxes()) {
          auto axes = getNumbers(getContents(squeeze.getAxes()));
          if (!axes)
            return std::nullopt;
          for (int64_t axis : *axes)
            if (axis >= -rank && axis < rank)
              removed[axis < 0 ? axis + rank : axis] = true;
        } else {
          for (auto [i, dim] : llvm::enumerate(*source))
            removed[i] = dim == DimExpr(1);
        }
        Dims dims;
        for (auto [dim, gone] : llvm::zip_equal(*source, removed))
          if (!gone)
            dims.push_back(dim);
        return dims;
      })
      .Case([&](onnx::UnsqueezeOp unsqueeze) -> Result {
        const Dims *source = shapeOf(unsqueeze.getData());
        auto axes = getNumbers(getContents(unsqueeze.getAxes()));
        if (!source || !axes)
          return std::nullopt;
        int64_t rank = source->size() + axes->size();
        SmallVector<bool> inserted(rank);
        for (int64_t axis : *axes)
          if (axis >= -rank && axis < rank)
            inserted[axis < 0 ? axis + rank : axis] = true;
        Dims dims;
        size_t next = 0;
        for (bool isNew : inserted) {
          if (!isNew && next == source->size())
            return std::nullopt;
          dims.push_back(isNew ? DimExpr(1) : (*source)[next++]);
        }
        return dims;
      })
      .Case([&](onnx::ExpandOp expand) -> Result {
        const Dims *source = shapeOf(expand.getInput());
        const Dims *wanted = getContents(expand.getShape());
        if (!source || !wanted)
          return std::nullopt;
        return broadcast({*source, *wanted});
      })
      .Case([&](onnx::ConcatOp concat) -> Result {
        const Dims *head = shapeOf(concat.getInputs().front());
        if (!head)
          return std::nullopt;
        Dims dims = *head;
        int64_t axis = concat.getAxis();
        if (axis < 0)
          axis += dims.size();
        for (Value input : concat.getInputs().drop_front()) {
          const Dims *next = shapeOf(input);
          if (!next || next->size() != dims.size())
            return std::nullopt;
          dims[axis] = dims[axis] + (*next)[axis];
        }
        return dims;
      })
      .Case([&](onnx::GatherOp gather) -> Result {
        const Dims *source = shapeOf(gather.getData());
        const Dims *indices = shapeOf(gather.getIndices());
        if (!source || !indices)
          return std::nullopt;
        int64_t axis = gather.getAxis();
        if (axis < 0)
          axis += source->size();
        Dims dims(ArrayRef<DimExpr>(*source).take_front(axis));
        llvm::append_range(dims, *indices);
        llvm::append_range(dims,
                           ArrayRef<DimExpr>(*source).drop_front(axis + 1));
        return dims;
      })
      .Case([&](onnx::GatherNDOp gather) -> Result {
        const Dims *source = shapeOf(gather.getData());
        const Dims *indices = shapeOf(gather.getIndices());
        if (!source || !indices || indices->empty())
          return std::nullopt;
        std::optional<int64_t> tuple = indices->back().getConstant();
        if (!tuple)
          return std::nullopt;
        size_t taken = gather.getBatchDims() + *tuple;
        if (*tuple < 1 || taken > source->size())
          return std::nullopt;
        Dims dims(ArrayRef<DimExpr>(*indices).drop_back());
        llvm::append_range(dims, ArrayRef<DimExpr>(*source).drop_front(taken));
        return dims;
      })
      .Case([&](onnx::GatherElementsOp gather) -> Result {
        const Dims *indices = shapeOf(gather.getIndices());
        return indices ? Result(*indices) : std::nullopt;
      })
      .Case([&](onnx::TileOp tile) -> Result {
        const Dims *source = shapeOf(tile.getInput());
        const Dims *repeats = getContents(tile.getRepeats());
        if (!source || !repeats || source->size() != repeats->size())
          return std::nullopt;
        Dims dims;
        for (auto [dim, count] : llvm::zip_equal(*source, *repeats))
          dims.push_back(dim * count);
        return dims;
      })
      .Case([&](onnx::RangeOp range) -> Result {
        const Dims *start = getContents(range.getStart());
        const Dims *limit = getContents(range.getLimit());
        if (!start || start->size() != 1 || !limit || limit->size() != 1 ||
            getNumber(getContents(range.getDelta())) != 1)
          return std::nullopt;
        DimExpr count = limit->front() - start->front();
        if (!count.isNonNegative())
          return std::nullopt;
        return Dims{count};
      })
      .Case([&](onnx::ConstantOfShapeOp fill) -> Result {
        const Dims *dims = getContents(fill.getInput());
        return dims ? Result(*dims) : std::nullopt;
      })
      .Default([](Operation *) { return std::nullopt; });
}

//===----------------------------------------------------------------------===//
// Contents
//===----------------------------------------------------------------------===//

/// Applies `combine` to elements, one of which may be repeated.
static std::optional<SymbolicShapes::Dims> combine(
    const SymbolicShapes::Dims *a, const SymbolicShapes::Dims *b,
    llvm::function_ref<std::optional<DimExpr>(const DimExpr &, const DimExpr &)>
        combine) {
  if (!a || !b || a->empty() || b->empty() ||
      (a->size() != b->size() && a->size() != 1 && b->size() != 1))
    return std::nullopt;
  SymbolicShapes::Dims result;
  for (size_t i = 0, e = std::max(a->size(), b->size()); i < e; ++i) {
    std::optional<DimExpr> element =
        combine((*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]);
    if (!element)
      return std::nullopt;
    result.push_back(*element);
  }
  return result;
}

/// Whether two elements are equal, as 0 or 1, if that is certain.
static std::optional<DimExpr> compareEqual(const DimExpr &a, const DimExpr &b) {
  if (a == b)
    return DimExpr(1);
  DimExpr difference = a - b;
  // Symbols are not negative (and a past may well be zero): a difference that
  // only grows from a positive number is never zero.
  for (const DimExpr &d : {difference, DimExpr(0) - difference}) {
    if (d.getConstant())
      return DimExpr(0);
    if (d.isValid() && (d - DimExpr(1)).isNonNegative())
      return DimExpr(0);
  }
  return std::nullopt;
}

std::optional<SymbolicShapes::Dims>
SymbolicShapes::inferContents(Operation *op) {
  using Result = std::optional<Dims>;
  auto known = [&](Value value) -> Result {
    const Dims *dims = getContents(value);
    return dims ? Result(*dims) : std::nullopt;
  };
  auto binary = [&](auto function) {
    return combine(
        getContents(op->getOperand(0)), getContents(op->getOperand(1)),
        [&](const DimExpr &a, const DimExpr &b) -> std::optional<DimExpr> {
          return function(a, b);
        });
  };
  return TypeSwitch<Operation *, Result>(op)
      .Case([&](onnx::ConstantOp) -> Result {
        auto ints = getConstantInts(op->getResult(0));
        if (!ints || ints->size() > maxContents)
          return std::nullopt;
        return Dims(ints->begin(), ints->end());
      })
      .Case([&](onnx::ShapeOp shape) -> Result {
        const Dims *dims = getShape(shape.getData());
        if (!dims)
          return std::nullopt;
        int64_t rank = dims->size();
        auto clamp = [&](int64_t at) {
          return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
        };
        int64_t start = clamp(shape.getStart());
        int64_t end = clamp(shape.getEnd().value_or(rank));
        ArrayRef<DimExpr> all(*dims);
        return Dims(all.slice(start, std::max<int64_t>(end - start, 0)));
      })
      .Case([&](onnx::GatherOp gather) -> Result {
        const Dims *source = getContents(gather.getData());
        auto indices = getNumbers(getContents(gather.getIndices()));
        if (!source || !indices)
          return std::nullopt;
        int64_t size = source->size();
        Dims dims;
        for (int64_t index : *indices) {
          if (index < -size || index >= size)
            return std::nullopt;
          dims.push_back((*source)[index < 0 ? index + size : index]);
        }
        return dims;
      })
      .Case([&](onnx::SliceOp slice) -> Result {
        const Dims *source = getContents(slice.getData());
        auto start = getNumber(getContents(slice.getStarts()));
        auto end = getNumber(getContents(slice.getEnds()));
        if (!source || !start || !end ||
            (slice.getSteps() && getNumber(getContents(slice.getSteps())) != 1))
          return std::nullopt;
        int64_t size = source->size();
        auto clamp = [&](int64_t at) {
          return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size);
        };
        int64_t from = clamp(*start), to = clamp(*end);
        ArrayRef<DimExpr> all(*source);
        return Dims(all.slice(from, std::max<int64_t>(to - from, 0)));
      })
      .Case([&](onnx::ConcatOp concat) -> Result {
        Dims dims;
        for (Value input : concat.getInputs()) {
          const Dims *next = getContents(input);
          if (!next)
            return std::nullopt;
          llvm::append_range(dims, *next);
        }
        return dims;
      })
      .Case<onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::ReshapeOp,
            onnx::IdentityOp>(
          [&](auto) -> Result { return known(op->getOperand(0)); })
      .Case([&](onnx::CastOp cast) -> Result {
        auto from = cast.getInput().getType();
        // Only between integers that are wide enough for a dimension.
        if (!getElementTypeOrSelf(from).isInteger(64) &&
            !getElementTypeOrSelf(from).isInteger(32))
          return std::nullopt;
        if (!cast.getTo().isInteger(64) && !cast.getTo().isInteger(32))
          return std::nullopt;
        return known(cast.getInput());
      })
      .Case([&](onnx::AddOp) {
        return binary([](auto &a, auto &b) { return a + b; });
      })
      .Case([&](onnx::SubOp) {
        return binary([](auto &a, auto &b) { return a - b; });
      })
      .Case([&](onnx::MulOp) {
        return binary([](auto &a, auto &b) { return a * b; });
      })
      .Case([&](onnx::DivOp) {
        return binary([](auto &a, auto &b) -> std::optional<DimExpr> {
          std::optional<int64_t> x = a.getConstant(), y = b.getConstant();
          // Numbers are divided as integers are, towards zero.
          if (x && y && *y != 0 && *y != -1)
            return DimExpr(*x / *y);
          return a.divideExactly(b);
        });
      })
      .Case([&](onnx::EqualOp) { return binary(compareEqual); })
      .Case([&](onnx::WhereOp where) -> Result {
        auto conditions = getNumbers(getContents(where.getCondition()));
        const Dims *x = getContents(where.getX());
        const Dims *y = getContents(where.getY());
        if (!conditions || !x || !y)
          return std::nullopt;
        size_t size = std::max({conditions->size(), x->size(), y->size()});
        auto at = [&](auto &elements, size_t i) {
          return elements[elements.size() == 1 ? 0 : i];
        };
        Dims dims;
        for (size_t n : {conditions->size(), x->size(), y->size()})
          if (n != size && n != 1)
            return std::nullopt;
        for (size_t i = 0; i < size; ++i)
          dims.push_back(at(*conditions, i) ? at(*x, i) : at(*y, i));
        return dims;
      })
      .Case([&](onnx::ConstantOfShapeOp fill) -> Result {
        auto size = getNumber(getContents(fill.getInput()));
        auto value = dyn_cast<DenseIntElementsAttr>(fill.getValue());
        if (!size || *size < 0 || *size > maxContents || !value)
          return std::nullopt;
        const APInt &element = *value.value_begin<APInt>();
        return Dims(*size, DimExpr(value.getElementType().isInteger(1)
                                       ? element.getZExtValue()
                                       : element.getSExtValue()));
      })
      .Default([](Operation *) { return std::nullopt; });
}
