//===- Lanes.cpp - activations made of chosen lanes -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lanes.h"

using namespace mlir;
using namespace mlir::dejavu;

/// True if `lanes` counts from 0 to `count` - 1.
static bool isIdentity(ArrayRef<int64_t> lanes, int64_t count) {
  return static_cast<int64_t>(lanes.size()) == count &&
         llvm::equal(lanes, llvm::seq<int64_t>(0, count));
}

SmallVector<int64_t> LaneBuilder::getRowAxes(Value value) const {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  const SymbolicShapes::Dims *dims = shapes.getShape(value);
  if (!type || !dims)
    return {};
  if (isActivationType(type))
    return {0, 1};
  SmallVector<int64_t> symbolic;
  for (auto [axis, dim] : llvm::enumerate(*dims))
    if (!dim.getConstant())
      symbolic.push_back(static_cast<int64_t>(axis));
  if (symbolic.size() == 2)
    return symbolic;
  // One of the two may be a number. The batch comes first.
  int64_t rank = type.getRank();
  if (symbolic.size() == 1 && symbolic[0] > 0)
    return {0, symbolic[0]};
  if (rank == 4)
    return {0, 2};
  return rank == 3 ? SmallVector<int64_t>{0, 1} : SmallVector<int64_t>{};
}

std::optional<LaneMap> LaneBuilder::getMap(Value value) {
  Value source = provenance.getSource(value);
  return provenance.get(value, source, getRowAxes(source));
}

Value LaneBuilder::createInts(Location loc, ArrayRef<int64_t> numbers) {
  auto type = RankedTensorType::get({static_cast<int64_t>(numbers.size())},
                                    rewriter.getI64Type());
  return create<onnx::ConstantOp>(loc, type,
                                  DenseElementsAttr::get(type, numbers));
}

/// All lanes of `source` as an activation.
Value LaneBuilder::getBase(Value source, ArrayRef<int64_t> rowAxes) {
  if (isActivationType(source.getType()) && rowAxes == ArrayRef<int64_t>{0, 1})
    return source;
  auto type = dyn_cast<RankedTensorType>(source.getType());
  if (!type || !type.getElementType().isF32() || rowAxes.size() != 2 ||
      rowAxes[0] >= rowAxes[1])
    return {};
  auto known = bases.find(source);
  if (known != bases.end())
    return known->second;
  SmallVector<int64_t> perm(rowAxes), sizes;
  int64_t features = 1;
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    if (llvm::is_contained(rowAxes, axis))
      continue;
    if (type.isDynamicDim(axis))
      return {};
    perm.push_back(axis);
    features *= type.getDimSize(axis);
  }
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointAfterValue(source);
  Location loc = source.getLoc();
  Value moved = source;
  if (!llvm::equal(perm, llvm::seq<int64_t>(0, perm.size()))) {
    for (int64_t axis : perm)
      sizes.push_back(type.getDimSize(axis));
    moved = create<onnx::TransposeOp>(
        loc, RankedTensorType::get(sizes, type.getElementType()), moved,
        rewriter.getDenseI64ArrayAttr(perm));
  }
  if (perm.size() != 3) {
    Value shape = createInts(loc, {0, 0, features});
    moved = create<onnx::ReshapeOp>(
        loc,
        RankedTensorType::get({type.getDimSize(rowAxes[0]),
                               type.getDimSize(rowAxes[1]), features},
                              type.getElementType()),
        moved, shape);
  }
  return bases[source] = moved;
}

/// True if `lanes` are whole parts of `size` lanes.
static bool areParts(ArrayRef<int64_t> lanes, int64_t size) {
  if (lanes.size() % size != 0)
    return false;
  for (auto [i, lane] : llvm::enumerate(lanes)) {
    int64_t at = static_cast<int64_t>(i) % size;
    if (lane % size != at || lane - at != lanes[i - at])
      return false;
  }
  return true;
}

Value LaneBuilder::getHeads(Value base, RankedTensorType type,
                            const std::vector<int64_t> &lanes) {
  int64_t features = getFeatures(base.getType());
  auto rope = base.getDefiningOp<RopeOp>();
  auto norm = base.getDefiningOp<NormOp>();
  int64_t heads = rope ? rope.getHeads() : norm ? norm.getGroups() : 1;
  if ((!rope && !norm) || !areParts(lanes, features / heads))
    return {};
  Value input =
      getActivation(base.getDefiningOp()->getOperand(0), {0, 1}, lanes);
  if (!input)
    return {};
  int64_t count = static_cast<int64_t>(lanes.size()) / (features / heads);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointAfterValue(base);
  if (rope)
    return create<RopeOp>(rope.getLoc(), type, input, rope.getTable(),
                          rewriter.getI64IntegerAttr(count),
                          rope.getInterleavedAttr());
  return create<NormOp>(norm.getLoc(), type, norm.getKindAttr(), input,
                        norm.getScaleAttr(), norm.getBiasAttr(),
                        norm.getEpsilonAttr(), norm.getWeightOffsetAttr(),
                        rewriter.getI64IntegerAttr(count));
}

Value LaneBuilder::getActivation(Value source, ArrayRef<int64_t> rowAxes,
                                 const std::vector<int64_t> &lanes) {
  Value base = getBase(source, rowAxes);
  if (!base)
    return {};
  auto type = cast<RankedTensorType>(base.getType());
  if (isIdentity(lanes, getFeatures(type)))
    return base;
  auto [it, isNew] =
      cuts.try_emplace({base.getAsOpaquePointer(), lanes}, Value());
  if (!isNew)
    return it->second;
  auto cutType = RankedTensorType::get({type.getDimSize(0), type.getDimSize(1),
                                        static_cast<int64_t>(lanes.size())},
                                       type.getElementType());
  // Heads are chosen before they are rotated or normed.
  if (Value heads = getHeads(base, cutType, lanes))
    return cuts[{base.getAsOpaquePointer(), lanes}] = heads;
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointAfterValue(base);
  auto linear = base.getDefiningOp<LinearOp>();
  if (!linear || linear.getActivation()) {
    Value indices = createInts(base.getLoc(), lanes);
    return it->second =
               create<onnx::GatherOp>(base.getLoc(), cutType, base, indices, 2);
  }
  FlatSymbolRefAttr bias = linear.getBiasAttr();
  return it->second = create<LinearOp>(
             linear.getLoc(), cutType, linear.getInput(),
             weights.getRows(linear.getWeightAttr(), lanes),
             bias ? weights.getRows(bias, lanes) : bias, ActivationAttr());
}

Value LaneBuilder::getActivation(const LaneMap &map) {
  std::optional<std::vector<int64_t>> lanes = map->getMoved();
  return lanes ? getActivation(map.source, map->rowAxes, *lanes) : Value();
}

Value LaneBuilder::arrange(Value activation, const LaneTable &table,
                           RankedTensorType type) {
  if (activation.getType() == type && table.getForm() == "btl")
    return activation;
  Location loc = activation.getLoc();
  auto from = cast<RankedTensorType>(activation.getType());
  // [batch, tokens, lanes ...]
  SmallVector<int64_t> shape{0, 0}, sizes(from.getShape().take_front(2));
  llvm::append_range(shape, table.getLaneSizes());
  llvm::append_range(sizes, table.getLaneSizes());
  Value value = activation;
  if (shape.size() != 3)
    value = create<onnx::ReshapeOp>(
        loc, RankedTensorType::get(sizes, from.getElementType()), value,
        createInts(loc, shape));
  // The order of the parts; rows of size one come first.
  SmallVector<int64_t> perm, axes;
  for (int64_t row = 0; row < 2; ++row)
    if (llvm::none_of(table.parts,
                      [&](auto &part) { return part.row == row; })) {
      perm.push_back(row);
      axes.push_back(-1);
    }
  int64_t lane = 2;
  for (const LaneTable::Part &part : table.parts) {
    perm.push_back(part.row >= 0 ? part.row : lane++);
    axes.push_back(part.axis);
  }
  SmallVector<int64_t> permuted;
  for (int64_t axis : perm)
    permuted.push_back(sizes[axis]);
  if (!llvm::equal(perm, llvm::seq<int64_t>(0, perm.size())))
    value = create<onnx::TransposeOp>(
        loc, RankedTensorType::get(permuted, from.getElementType()), value,
        rewriter.getDenseI64ArrayAttr(perm));
  // Dimensions of size one, and factors of a dimension.
  if (llvm::equal(axes, llvm::seq<int64_t>(0, type.getRank())))
    return value;
  SmallVector<int64_t> wanted;
  bool hasRest = false;
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    bool isInPlace = axis < static_cast<int64_t>(axes.size()) &&
                     axes[axis] == axis && llvm::count(axes, axis) == 1;
    if (!type.isDynamicDim(axis)) {
      wanted.push_back(type.getDimSize(axis));
    } else if (isInPlace) {
      wanted.push_back(0);
    } else {
      if (hasRest)
        return {};
      hasRest = true;
      wanted.push_back(-1);
    }
  }
  return create<onnx::ReshapeOp>(loc, type, value, createInts(loc, wanted));
}
