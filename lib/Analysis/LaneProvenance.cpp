//===- LaneProvenance.cpp - where moved elements come from ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneEvaluation.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseSet.h"

#include <set>

using namespace mlir;
using namespace mlir::dejavu;

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

SmallVector<Value> dejavu::getMovedOperands(Operation *op) {
  if (isa<onnx::ConcatOp>(op))
    return op->getOperands();
  if (auto scatter = dyn_cast<onnx::ScatterNDOp>(op))
    return {scatter.getData(), scatter.getUpdates()};
  return {op->getOperand(0)};
}

bool dejavu::isDataMovement(Operation *op) {
  if (isa<onnx::ReshapeOp, onnx::TransposeOp, onnx::SliceOp, onnx::SplitOp,
          onnx::ConcatOp, onnx::ExpandOp, onnx::SqueezeOp, onnx::UnsqueezeOp,
          onnx::FlattenOp, onnx::IdentityOp, onnx::GatherOp,
          onnx::GatherElementsOp, onnx::GatherNDOp, onnx::TileOp>(op))
    return true;
  // Only one that puts elements in the place of others.
  auto scatter = dyn_cast<onnx::ScatterNDOp>(op);
  return scatter && scatter.getReduction() == onnx::ScatterReduction::None;
}

/// Whether the elements of `value` follow from constants and sizes.
static bool isKnown(Value value, const SymbolicShapes &shapes,
                    llvm::SmallDenseSet<Value> &seen) {
  if (shapes.getContents(value) || !seen.insert(value).second)
    return true;
  Operation *op = value.getDefiningOp();
  if (!op || !isa<onnx::OnnxDialect>(op->getDialect()))
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    return isKnown(operand, shapes, seen);
  });
}

static bool isKnown(Value value, const SymbolicShapes &shapes) {
  llvm::SmallDenseSet<Value> seen;
  return isKnown(value, shapes, seen);
}

//===----------------------------------------------------------------------===//
// LaneTable
//===----------------------------------------------------------------------===//

std::optional<std::vector<int64_t>> LaneTable::getMoved() const {
  std::vector<int64_t> moved;
  moved.reserve(lanes.size());
  for (const auto &terms : lanes) {
    if (terms.size() != 1 || terms[0].factor != 1 || terms[0].leaf >= 0 ||
        terms[0].lane < 0)
      return std::nullopt;
    moved.push_back(terms[0].lane);
  }
  return moved;
}

SmallVector<int64_t> LaneTable::getLaneSizes() const {
  SmallVector<int64_t> sizes;
  for (const Part &part : parts)
    if (part.row < 0)
      sizes.push_back(part.size);
  return sizes;
}

std::string LaneTable::getForm() const {
  std::string form;
  for (const Part &part : parts)
    form += part.row < 0    ? 'l'
            : part.row == 0 ? 'b'
            : part.row == 1 ? 't'
                            : '?';
  return form;
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

/// The operands in which the elements of the result come.
static SmallVector<Value> getDataOperands(Operation *op) {
  return isDataMovement(op) ? getMovedOperands(op)
                            : SmallVector<Value>(op->getOperands());
}

bool dejavu::isFactor(Value value) {
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  return constant && isa<DenseFPElementsAttr>(constant.getValue());
}

/// Adds the symbols of `dims`, which it writes to `key`.
static void addDims(const SymbolicShapes::Dims &dims,
                    std::set<std::string> &symbols, std::string &key) {
  for (const DimExpr &dim : dims) {
    (void)dim.evaluate([&](const std::string &s) {
      symbols.insert(s);
      return std::optional<int64_t>(1);
    });
    key += dim.str() + ",";
  }
  key += ";";
}

std::string LaneSlice::collect(const SymbolicShapes &shapes) {
  // A walk in depth, with a stack of our own.
  llvm::DenseSet<Operation *> open, done;
  SmallVector<std::pair<Operation *, unsigned>> stack;
  auto enter = [&](Value v) -> std::string {
    if (isLeaf(v) || (isArithmetic && isFactor(v)))
      return "";
    Operation *op = v.getDefiningOp();
    bool allowed =
        op &&
        (isDataMovement(op) ||
         (isArithmetic &&
          isa<onnx::AddOp, onnx::SubOp, onnx::MulOp, onnx::DivOp, onnx::NegOp>(
              op)));
    if (!allowed)
      return op ? ("depends on " + op->getName().getStringRef()).str()
                : "depends on an argument";
    if (open.insert(op).second)
      stack.push_back({op, 0});
    return "";
  };
  if (std::string reason = enter(value); !reason.empty())
    return reason;
  while (!stack.empty()) {
    auto &[op, next] = stack.back();
    SmallVector<Value> operands = getDataOperands(op);
    if (next < operands.size()) {
      Value operand = operands[next++];
      if (std::string reason = enter(operand); !reason.empty())
        return reason;
      continue;
    }
    if (done.insert(op).second)
      ops.push_back(op);
    stack.pop_back();
  }

  // Everything that the result depends on, in words and addresses.
  std::set<std::string> names;
  llvm::DenseMap<Value, int64_t> numbers;
  auto address = [&](const void *pointer) {
    key += std::to_string(reinterpret_cast<uintptr_t>(pointer)) + " ";
  };
  auto addLeaf = [&](Value leaf) -> bool {
    numbers.try_emplace(leaf, numbers.size());
    address(leaf.getType().getAsOpaquePointer());
    const SymbolicShapes::Dims *dims = shapes.getShape(leaf);
    if (dims)
      addDims(*dims, names, key);
    return dims != nullptr;
  };
  if (!addLeaf(source))
    return "comes from a value without a rank";
  for (int64_t axis : rowAxes)
    key += std::to_string(axis) + "|";
  for (Value leaf : leaves)
    if (!addLeaf(leaf))
      return "comes from a value without a rank";
  for (Operation *op : ops) {
    key += op->getName().getStringRef().str() + " ";
    address(op->getAttrDictionary().getAsOpaquePointer());
    SmallVector<Value> data = getDataOperands(op);
    for (Value operand : op->getOperands()) {
      auto number = numbers.find(operand);
      if (number != numbers.end()) {
        key += "%" + std::to_string(number->second) + " ";
        continue;
      }
      if (isArithmetic && isFactor(operand)) {
        address(operand.getDefiningOp<onnx::ConstantOp>()
                    .getValue()
                    .getAsOpaquePointer());
        continue;
      }
      if (const SymbolicShapes::Dims *dims = shapes.getContents(operand)) {
        addDims(*dims, names, key);
        continue;
      }
      if (!isKnown(operand, shapes))
        return ("is moved by " + op->getName().getStringRef() +
                " to places that are not known")
            .str();
      if (auto constant = operand.getDefiningOp<onnx::ConstantOp>()) {
        address(constant.getValue().getAsOpaquePointer());
        continue;
      }
      // Some arithmetic: not shared, since an op that was erased may have had
      // the same address. Its symbols are those of sizes.
      isShared = false;
      SmallVector<Value> worklist{operand};
      llvm::SmallDenseSet<Value> seen;
      while (!worklist.empty()) {
        Value v = worklist.pop_back_val();
        if (!seen.insert(v).second)
          continue;
        if (const SymbolicShapes::Dims *dims = shapes.getContents(v))
          addDims(*dims, names, key);
        else
          llvm::append_range(worklist, v.getDefiningOp()->getOperands());
      }
    }
    for (Value result : op->getResults()) {
      numbers.try_emplace(result, numbers.size());
      address(result.getType().getAsOpaquePointer());
    }
  }
  auto number = numbers.find(value);
  key += "=" + std::to_string(number == numbers.end() ? -1 : number->second);
  symbols.assign(names.begin(), names.end());
  return "";
}

//===----------------------------------------------------------------------===//
// LaneProvenance
//===----------------------------------------------------------------------===//

Value LaneProvenance::getSource(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isDataMovement(op))
      return value;
    SmallVector<Value> operands = getMovedOperands(op);
    for (Value operand : op->getOperands())
      if (!llvm::is_contained(operands, operand) && !isKnown(operand, shapes))
        return value;
    if (operands.size() == 1) {
      value = operands.front();
      continue;
    }
    Value source;
    for (Value operand : operands) {
      Value other = getSource(operand);
      if (source && source != other)
        return value;
      source = other;
    }
    return source;
  }
  return value;
}

std::optional<LaneMap> LaneProvenance::get(Value value, Value source,
                                           ArrayRef<int64_t> rowAxes) {
  LaneSlice slice;
  slice.value = value;
  slice.source = source ? source : getSource(value);
  slice.rowAxes = SmallVector<int64_t>(rowAxes);
  return find(slice);
}

std::optional<LaneMap> LaneProvenance::evaluate(Value value, Value source,
                                                ArrayRef<int64_t> rowAxes,
                                                ArrayRef<Value> leaves) {
  LaneSlice slice;
  slice.value = value;
  slice.source = source;
  slice.rowAxes = SmallVector<int64_t>(rowAxes);
  slice.leaves = leaves;
  slice.isArithmetic = true;
  return find(slice);
}

std::optional<LaneMap> LaneProvenance::find(LaneSlice &slice) {
  auto type = dyn_cast<RankedTensorType>(slice.source.getType());
  if (!type || !isa<RankedTensorType>(slice.value.getType())) {
    reason = "has no rank";
    return std::nullopt;
  }
  if (slice.rowAxes.empty()) {
    if (type.getRank() == 3)
      slice.rowAxes = {0, 1};
    else if (type.getRank() == 4)
      slice.rowAxes = {0, 2};
    else
      for (auto [axis, size] : llvm::enumerate(type.getShape()))
        if (ShapedType::isDynamic(size))
          slice.rowAxes.push_back(axis);
  }
  for (int64_t axis : slice.rowAxes)
    if (axis < 0 || axis >= type.getRank()) {
      reason = "has no such rows";
      return std::nullopt;
    }
  reason = slice.collect(shapes);
  if (!reason.empty())
    return std::nullopt;
  auto [it, isNew] = entries.try_emplace(slice.key);
  if (isNew || !slice.isShared) {
    it->second = {};
    auto table = std::make_shared<LaneTable>();
    LaneTable other;
    it->second.reason = evaluateLanes(shapes, slice, 0, *table);
    if (it->second.reason.empty())
      it->second.reason = evaluateLanes(shapes, slice, 1, other);
    if (it->second.reason.empty() &&
        (table->parts != other.parts || table->lanes != other.lanes))
      it->second.reason = "depends on sizes";
    if (it->second.reason.empty())
      it->second.table = std::move(table);
  }
  reason = it->second.reason;
  if (!it->second.table)
    return std::nullopt;
  return LaneMap{slice.source, it->second.table};
}
