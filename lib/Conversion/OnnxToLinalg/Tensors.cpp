//===- Tensors.cpp - what lowerings build tensors from --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

Value Lowering::empty(ArrayRef<Dim> dims, Type element) {
  RankedTensorType type = getType(dims, element);
  SmallVector<Value> dynamic;
  for (auto [index, dim] : llvm::enumerate(dims))
    if (type.isDynamicDim(index))
      dynamic.push_back(value(dim));
  return recordDims(tensor::EmptyOp::create(*this, type, dynamic), dims);
}

Value Lowering::extract(Value tensor, ValueRange indices) {
  return tensor::ExtractOp::create(*this, tensor, indices);
}

Value Lowering::extractScalar(Value tensor) {
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  return extract(tensor, SmallVector<Value>(rank, index(0)));
}

Value Lowering::fromScalars(RankedTensorType type, ValueRange scalars) {
  if (scalars.empty())
    return empty(number(0), type.getElementType());
  return tensor::FromElementsOp::create(*this, type, scalars);
}

Value Lowering::insert(Value scalar, Value into, ValueRange indices) {
  return tensor::InsertOp::create(*this, scalar, into, indices);
}

Value Lowering::choose(Value condition, llvm::function_ref<Value()> then,
                       llvm::function_ref<Value()> otherwise) {
  auto build = [&](llvm::function_ref<Value()> branch) {
    return [this, branch](OpBuilder &inner, Location) {
      OpBuilder::InsertionGuard guard(*this);
      setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
      scf::YieldOp::create(*this, branch());
    };
  };
  return scf::IfOp::create(*this, condition, build(then), build(otherwise))
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Broadcasting
//===----------------------------------------------------------------------===//

std::optional<Dims> Lowering::broadcastDims(ArrayRef<Dims> all) {
  size_t rank = 0;
  for (const Dims &dims : all)
    rank = std::max(rank, dims.size());
  Dims result(rank, number(1));
  for (size_t axis = 0; axis < rank; ++axis) {
    Dim &wanted = result[axis];
    // A known size other than 1 is what the dimension must be.
    SmallVector<Dim> unknown;
    for (const Dims &dims : all) {
      if (axis + dims.size() < rank)
        continue;
      Dim dim = dims[axis + dims.size() - rank];
      std::optional<int64_t> known = getNumber(dim);
      if (!known) {
        if (llvm::none_of(unknown,
                          [&](Dim other) { return areSame(other, dim); }))
          unknown.push_back(dim);
      } else if (*known != 1) {
        std::optional<int64_t> before = getNumber(wanted);
        if (*before != 1 && *before != *known)
          return std::nullopt;
        wanted = dim;
      }
    }
    Value one = unknown.empty() ? Value() : index(1);
    auto isEqual = [&](Value a, Value b) {
      return compare(arith::CmpIPredicate::eq, a, b);
    };
    auto isEither = [&](Value a, Value b) -> Value {
      return arith::OrIOp::create(*this, a, b);
    };
    bool isFixed = *getNumber(wanted) != 1;
    for (Dim dim : unknown) {
      if (!isFixed && getNumber(wanted)) {
        wanted = dim;
        continue;
      }
      Value x = value(wanted), y = value(dim);
      Value good = isEither(isEqual(x, y), isEqual(y, one));
      if (!isFixed)
        good = isEither(good, isEqual(x, one));
      check(good, "shapes that broadcast");
      if (!isFixed)
        wanted = select(isEqual(x, one), y, x);
    }
  }
  return result;
}

std::optional<Dims> Lowering::broadcast(ArrayRef<Value> tensors) {
  SmallVector<Dims> all;
  for (Value tensor : tensors)
    all.push_back(getDims(tensor));
  return broadcastDims(all);
}

//===----------------------------------------------------------------------===//
// Loops over all elements
//===----------------------------------------------------------------------===//

/// Builds a linalg.generic; `body` runs with `b` inside of it.
static linalg::GenericOp buildGeneric(Lowering &b, ValueRange inputs,
                                      Value output, ArrayRef<AffineMap> maps,
                                      ArrayRef<utils::IteratorType> iterators,
                                      Lowering::Body body) {
  return linalg::GenericOp::create(
      b, output.getType(), inputs, output, maps, iterators,
      [&](OpBuilder &inner, Location, ValueRange arguments) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(inner.getInsertionBlock(),
                            inner.getInsertionPoint());
        Value result = body(arguments);
        linalg::YieldOp::create(b, result);
      });
}

Value Lowering::map(ArrayRef<Dim> dims, Type element, ValueRange inputs,
                    Body body) {
  int64_t rank = dims.size();
  // Operands whose broadcasting is known are operands of the generic op; the
  // others are read by index.
  SmallVector<Value> direct;
  SmallVector<AffineMap> maps;
  SmallVector<int> places(inputs.size(), -1);
  for (auto [number, input] : llvm::enumerate(inputs)) {
    Dims own = getDims(input);
    SmallVector<AffineExpr> exprs;
    int64_t shift = rank - static_cast<int64_t>(own.size());
    bool isKnown = true;
    for (auto [axis, dim] : llvm::enumerate(own)) {
      std::optional<int64_t> size = getNumber(dim);
      if (areSame(dim, dims[axis + shift]))
        exprs.push_back(getAffineDimExpr(axis + shift));
      else if (size && *size == 1)
        exprs.push_back(getAffineConstantExpr(0));
      else
        isKnown = false;
    }
    if (!isKnown)
      continue;
    places[number] = direct.size();
    direct.push_back(input);
    maps.push_back(AffineMap::get(rank, 0, exprs, getContext()));
  }
  // 0 or 1 for each dimension that may be broadcast.
  SmallVector<SmallVector<Value>> factors(inputs.size());
  for (auto [number, input] : llvm::enumerate(inputs)) {
    if (places[number] >= 0)
      continue;
    Dims own = getDims(input);
    int64_t shift = rank - static_cast<int64_t>(own.size());
    for (auto [axis, dim] : llvm::enumerate(own)) {
      std::optional<int64_t> size = getNumber(dim);
      if (areSame(dim, dims[axis + shift]))
        factors[number].push_back(nullptr);
      else if (size)
        factors[number].push_back(index(*size == 1 ? 0 : 1));
      else
        factors[number].push_back(
            select(compare(arith::CmpIPredicate::eq, value(dim), index(1)),
                   index(0), index(1)));
    }
  }
  maps.push_back(AffineMap::getMultiDimIdentityMap(rank, getContext()));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  Value output = empty(dims, element);
  auto op = buildGeneric(
      *this, direct, output, maps, iterators, [&](ValueRange arguments) {
        SmallVector<Value> scalars;
        for (auto [number, input] : llvm::enumerate(inputs)) {
          if (places[number] >= 0) {
            scalars.push_back(arguments[places[number]]);
            continue;
          }
          SmallVector<Value> indices;
          int64_t shift = rank - static_cast<int64_t>(factors[number].size());
          for (auto [axis, factor] : llvm::enumerate(factors[number])) {
            Value place = linalg::IndexOp::create(*this, axis + shift);
            if (factor)
              place = arith::MulIOp::create(*this, place, factor);
            indices.push_back(place);
          }
          scalars.push_back(extract(input, indices));
        }
        return body(scalars);
      });
  return recordDims(op.getResult(0), dims);
}

Value Lowering::generate(ArrayRef<Dim> dims, Type element, Body body) {
  int64_t rank = dims.size();
  Value output = empty(dims, element);
  auto op = buildGeneric(
      *this, {}, output, AffineMap::getMultiDimIdentityMap(rank, getContext()),
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](ValueRange) {
        SmallVector<Value> indices;
        for (int64_t axis = 0; axis < rank; ++axis)
          indices.push_back(linalg::IndexOp::create(*this, axis));
        return body(indices);
      });
  return recordDims(op.getResult(0), dims);
}

Value Lowering::mapWith(ArrayRef<Dim> dims, Type element, ValueRange inputs,
                        ArrayRef<AffineMap> maps, Body body) {
  SmallVector<utils::IteratorType> iterators(dims.size(),
                                             utils::IteratorType::parallel);
  auto op = buildGeneric(
      *this, inputs, empty(dims, element), maps, iterators,
      [&](ValueRange arguments) { return body(arguments.drop_back()); });
  return recordDims(op.getResult(0), dims);
}

Value Lowering::transpose(Value tensor, ArrayRef<int64_t> permutation) {
  Dims own = getDims(tensor), dims;
  SmallVector<AffineExpr> exprs(own.size());
  for (auto [to, from] : llvm::enumerate(permutation)) {
    dims.push_back(own[from]);
    exprs[from] = getAffineDimExpr(to);
  }
  int64_t rank = own.size();
  return mapWith(
      dims, cast<RankedTensorType>(tensor.getType()).getElementType(), tensor,
      {AffineMap::get(rank, 0, exprs, getContext()),
       AffineMap::getMultiDimIdentityMap(rank, getContext())},
      [](ValueRange scalars) { return scalars.front(); });
}

Value Lowering::slice(Value tensor, ArrayRef<Dim> offsets, ArrayRef<Dim> dims) {
  auto type = cast<RankedTensorType>(tensor.getType());
  // What is empty has no place in a tensor.
  auto isEmpty = [](Dim dim) { return getNumber(dim) == 0; };
  if (llvm::any_of(dims, isEmpty) || llvm::is_contained(type.getShape(), 0))
    return empty(dims, type.getElementType());
  return recordDims(tensor::ExtractSliceOp::create(
                        *this, getType(dims, type.getElementType()), tensor,
                        offsets, dims,
                        SmallVector<OpFoldResult>(dims.size(), number(1)))
                        .getResult(),
                    dims);
}

Value Lowering::insertSlice(Value part, Value into, ArrayRef<Dim> offsets) {
  Dims dims = getDims(part);
  if (llvm::any_of(dims, [](Dim dim) { return getNumber(dim) == 0; }))
    return into;
  Value result = tensor::InsertSliceOp::create(
      *this, part, into, offsets, dims,
      SmallVector<OpFoldResult>(dims.size(), number(1)));
  return recordDims(result, getDims(into));
}

Value Lowering::fill(ArrayRef<Dim> dims, Value scalar) {
  return recordDims(
      linalg::FillOp::create(*this, scalar, empty(dims, scalar.getType()))
          .getResult(0),
      dims);
}

Value Lowering::reduce(ValueRange inputs, ArrayRef<bool> reduced, Value init,
                       Body body) {
  int64_t rank = reduced.size();
  Dims dims = getDims(inputs.front()), kept, padded;
  SmallVector<AffineExpr> exprs;
  SmallVector<utils::IteratorType> iterators;
  for (int64_t axis = 0; axis < rank; ++axis) {
    iterators.push_back(reduced[axis] ? utils::IteratorType::reduction
                                      : utils::IteratorType::parallel);
    padded.push_back(reduced[axis] ? number(1) : dims[axis]);
    if (!reduced[axis]) {
      kept.push_back(dims[axis]);
      exprs.push_back(getAffineDimExpr(axis));
    }
  }
  Value output = fill(kept, init);
  SmallVector<AffineMap> maps(
      inputs.size(), AffineMap::getMultiDimIdentityMap(rank, getContext()));
  maps.push_back(AffineMap::get(rank, 0, exprs, getContext()));
  auto op = buildGeneric(*this, inputs, output, maps, iterators, body);
  return reshape(recordDims(op.getResult(0), kept), padded);
}

Value Lowering::contract(ValueRange inputs, ArrayRef<Dim> dims, Type element,
                         ArrayRef<AffineMap> maps, Body body) {
  AffineMap result = maps.back();
  SmallVector<utils::IteratorType> iterators(result.getNumDims(),
                                             utils::IteratorType::reduction);
  for (AffineExpr expr : result.getResults())
    iterators[cast<AffineDimExpr>(expr).getPosition()] =
        utils::IteratorType::parallel;
  Value output = fill(dims, zero(element));
  auto op = buildGeneric(*this, inputs, output, maps, iterators, body);
  return recordDims(op.getResult(0), dims);
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static SmallVector<ReassociationIndices> getOneGroup(int64_t rank) {
  if (rank == 0)
    return {};
  return {llvm::to_vector<2>(llvm::seq<int64_t>(0, rank))};
}

Value Lowering::reshape(Value tensor, ArrayRef<Dim> dims) {
  auto type = cast<RankedTensorType>(tensor.getType());
  RankedTensorType wanted = getType(dims, type.getElementType());
  Dims own = getDims(tensor);
  if (own.size() == dims.size() &&
      llvm::all_of(llvm::zip_equal(own, dims), [](auto pair) {
        return areSame(std::get<0>(pair), std::get<1>(pair));
      })) {
    if (type == wanted)
      return tensor;
  }
  auto cast = [&](Value from, ArrayRef<int64_t> shape) -> Value {
    auto to = RankedTensorType::get(shape, type.getElementType());
    return from.getType() == to
               ? from
               : tensor::CastOp::create(*this, to, from).getResult();
  };
  // To one dimension.
  Value flat = tensor;
  if (type.getRank() > 1) {
    flat = tensor::CollapseShapeOp::create(*this, flat,
                                           getOneGroup(type.getRank()));
  }
  bool isScalar = type.getRank() == 0;
  // From one dimension. A type of known size comes from one, and a type of
  // unknown size from a dimension of unknown size.
  if (wanted.getRank() == 0) {
    if (isScalar)
      return tensor;
    flat = cast(flat, {1});
    return recordDims(
        tensor::CollapseShapeOp::create(*this, wanted, flat,
                                        SmallVector<ReassociationIndices>())
            .getResult(),
        dims);
  }
  int64_t size =
      wanted.hasStaticShape() ? wanted.getNumElements() : ShapedType::kDynamic;
  if (isScalar) {
    SmallVector<int64_t> ones(1, 1);
    flat = tensor::ExpandShapeOp::create(
        *this, RankedTensorType::get(ones, type.getElementType()), flat,
        SmallVector<ReassociationIndices>(),
        SmallVector<OpFoldResult>(1, number(1)));
  }
  flat = cast(flat, {size});
  if (wanted.getRank() == 1)
    return recordDims(flat, dims);
  return recordDims(tensor::ExpandShapeOp::create(
                        *this, wanted, flat, getOneGroup(wanted.getRank()),
                        SmallVector<OpFoldResult>(dims))
                        .getResult(),
                    dims);
}

//===----------------------------------------------------------------------===//
// Loops in order
//===----------------------------------------------------------------------===//

SmallVector<Value>
Lowering::loop(Dim count, ValueRange carried,
               llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto op = scf::ForOp::create(
      *this, index(0), value(count), index(1), carried,
      [&](OpBuilder &inner, Location, Value place, ValueRange values) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
        for (auto [value, outer] : llvm::zip_equal(values, carried))
          if (isa<RankedTensorType>(outer.getType()))
            recordDims(value, getDims(outer));
        scf::YieldOp::create(*this, body(place, values));
      });
  for (auto [result, outer] : llvm::zip_equal(op.getResults(), carried))
    if (isa<RankedTensorType>(outer.getType()))
      recordDims(result, getDims(outer));
  return llvm::to_vector(ValueRange(op.getResults()));
}

SmallVector<Value> Lowering::loop(
    ArrayRef<Dim> dims, ValueRange carried,
    llvm::function_ref<SmallVector<Value>(ValueRange, ValueRange)> body) {
  SmallVector<Value> indices;
  std::function<SmallVector<Value>(ArrayRef<Dim>, ValueRange)> nest =
      [&](ArrayRef<Dim> rest, ValueRange values) -> SmallVector<Value> {
    if (rest.empty())
      return body(indices, values);
    return loop(rest.front(), values, [&](Value place, ValueRange inner) {
      indices.push_back(place);
      SmallVector<Value> results = nest(rest.drop_front(), inner);
      indices.pop_back();
      return results;
    });
  };
  return nest(dims, carried);
}

SmallVector<Value>
Lowering::branch(Value condition, ValueRange carried,
                 llvm::function_ref<SmallVector<Value>()> body) {
  auto op = scf::IfOp::create(
      *this, condition,
      [&](OpBuilder &inner, Location) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
        scf::YieldOp::create(*this, body());
      },
      [&](OpBuilder &inner, Location) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
        scf::YieldOp::create(*this, carried);
      });
  return llvm::to_vector(ValueRange(op.getResults()));
}
