//===- LaneProvenance.cpp - where moved elements come from ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/LaneProvenance.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "dejavu/Reference/Interpreter.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/DenseSet.h"

#include <set>

using namespace mlir;
using namespace mlir::dejavu;

/// A tensor with more elements is not evaluated; an f32 counts up to here.
static constexpr int64_t maxElements = int64_t(1) << 24;

/// The sizes that symbols take, in the order of their names, in the two
/// evaluations.
static constexpr int64_t witnessSizes[2][6] = {{2, 3, 5, 7, 11, 13},
                                               {3, 2, 4, 5, 6, 9}};

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

struct LaneProvenance::Slice {
  Value value, source;
  SmallVector<int64_t> rowAxes;
  ArrayRef<Value> leaves;
  bool isArithmetic = false;

  /// Operands before users.
  SmallVector<Operation *> ops;
  /// Symbols of shapes and contents, in order.
  std::vector<std::string> symbols;
  /// What the result depends on, and whether that is all of it.
  std::string key;
  bool isShared = true;

  bool isLeaf(Value v) const {
    return v == source || llvm::is_contained(leaves, v);
  }

  /// Fills in the rest; returns why that is not possible.
  std::string collect(const SymbolicShapes &shapes);

  std::optional<int64_t> getSize(unsigned witness, const DimExpr &dim) const {
    return dim.evaluate([&](const std::string &s) -> std::optional<int64_t> {
      auto it = llvm::lower_bound(symbols, s);
      if (it == symbols.end() || *it != s)
        return std::nullopt;
      size_t at = it - symbols.begin();
      return witnessSizes[witness][at % 6] + 12 * static_cast<int64_t>(at / 6);
    });
  }
};

/// The operands in which the elements of the result come.
static SmallVector<Value> getDataOperands(Operation *op) {
  return isDataMovement(op) ? getMovedOperands(op)
                            : SmallVector<Value>(op->getOperands());
}

/// A constant of floating-point numbers that stands in a formula.
static bool isFactor(Value value) {
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

std::string LaneProvenance::Slice::collect(const SymbolicShapes &shapes) {
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
// Evaluation
//===----------------------------------------------------------------------===//

namespace {
/// A sum of up to two products of elements of the source and of a leaf. Indices
/// are row-major, -1 for none.
struct Sum {
  struct Product {
    double factor;
    int64_t source, index;
    int32_t leaf;
    bool isSame(const Product &other) const {
      return source == other.source && leaf == other.leaf &&
             index == other.index;
    }
  };
  Product products[2];
  int32_t count = 0;

  /// Adds a product; false if there is no room.
  bool add(Product product) {
    if (product.factor == 0)
      return true;
    for (int32_t i = 0; i < count; ++i) {
      if (!products[i].isSame(product))
        continue;
      products[i].factor += product.factor;
      if (products[i].factor == 0)
        products[i] = products[--count];
      return true;
    }
    if (count == 2)
      return false;
    products[count++] = product;
    return true;
  }
};

struct Elements {
  reference::Shape shape;
  std::vector<Sum> sums;
};
} // namespace

/// One evaluation of a slice.
class LaneProvenance::Evaluation {
public:
  Evaluation(const SymbolicShapes &shapes, const Slice &slice, unsigned witness)
      : shapes(shapes), slice(slice), witness(witness) {}

  /// Makes a table; returns why there is none.
  std::string run(LaneTable &table);

private:
  std::string addLeaf(Value leaf, int32_t number);
  std::string execute(Operation *op);
  std::string move(Operation *op);
  std::string compute(Operation *op);
  const Elements *getElements(Value value);
  bool bind(Value value, reference::Bindings &bindings);
  std::string findParts(const Elements &elements, LaneTable &table);
  std::string readLanes(const Elements &elements, LaneTable &table);

  /// The index of an element of the source as rows and lane.
  int64_t split(int64_t index, SmallVectorImpl<int64_t> &rows) const;

  const SymbolicShapes &shapes;
  const Slice &slice;
  unsigned witness;
  llvm::DenseMap<Value, Elements> values;
  /// Sizes of the source, and its rows.
  reference::Shape sourceShape;
  SmallVector<int64_t> rowSizes;
};

std::string LaneProvenance::Evaluation::addLeaf(Value leaf, int32_t number) {
  Elements elements;
  int64_t count = 1;
  for (const DimExpr &dim : *shapes.getShape(leaf)) {
    std::optional<int64_t> size = slice.getSize(witness, dim);
    if (!size || *size <= 0 || *size > maxElements)
      return "has sizes that cannot be tried";
    elements.shape.push_back(*size);
    count *= *size;
    if (count > maxElements)
      return "is too large to be evaluated";
  }
  elements.sums.resize(count);
  for (int64_t i = 0; i < count; ++i)
    (void)elements.sums[i].add(number < 0 ? Sum::Product{1.0, i, -1, -1}
                                          : Sum::Product{1.0, -1, i, number});
  if (number < 0) {
    sourceShape = elements.shape;
    for (int64_t axis : slice.rowAxes)
      rowSizes.push_back(sourceShape[axis]);
  }
  values[leaf] = std::move(elements);
  return "";
}

const Elements *LaneProvenance::Evaluation::getElements(Value value) {
  auto it = values.find(value);
  if (it != values.end())
    return &it->second;
  if (!isFactor(value))
    return nullptr;
  FailureOr<reference::Tensor> tensor = reference::Tensor::fromAttribute(
      value.getDefiningOp<onnx::ConstantOp>().getValue());
  if (failed(tensor))
    return nullptr;
  Elements elements;
  elements.shape = reference::Shape(tensor->getShape());
  elements.sums.resize(tensor->size());
  for (int64_t i = 0; i < tensor->size(); ++i)
    (void)elements.sums[i].add({tensor->getFloat(i), -1, -1, -1});
  return &(values[value] = std::move(elements));
}

bool LaneProvenance::Evaluation::bind(Value value,
                                      reference::Bindings &bindings) {
  if (bindings.contains(value) || value.getDefiningOp<onnx::ConstantOp>())
    return true;
  if (const SymbolicShapes::Dims *contents = shapes.getContents(value)) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> numbers, shape;
    for (const DimExpr &dim : *contents) {
      std::optional<int64_t> number = slice.getSize(witness, dim);
      if (!number)
        return false;
      numbers.push_back(*number);
    }
    if (type.getRank() == 1)
      shape.push_back(numbers.size());
    FailureOr<reference::Element> element =
        reference::getElement(type.getElementType());
    if (failed(element))
      return false;
    bindings.try_emplace(value,
                         reference::Tensor::ofInts(shape, numbers, *element));
    return true;
  }
  Operation *op = value.getDefiningOp();
  return op && llvm::all_of(op->getOperands(), [&](Value operand) {
           return bind(operand, bindings);
         });
}

std::string LaneProvenance::Evaluation::move(Operation *op) {
  std::string name = op->getName().getStringRef().str();
  reference::Bindings bindings;
  SmallVector<std::pair<int64_t, const Elements *>> operands;
  SmallVector<Value> moved = getMovedOperands(op);
  // Make all of them first: pointers into the map have to last.
  for (Value operand : moved)
    (void)getElements(operand);
  int64_t base = 0;
  for (Value operand : moved) {
    const Elements *elements = getElements(operand);
    if (!elements)
      return "moves a constant that is not known";
    operands.push_back({base, elements});
    int64_t count = elements->sums.size();
    if (base + count > maxElements)
      return "is too large to be evaluated";
    FailureOr<reference::Element> element =
        reference::getElement(getElementTypeOrSelf(operand.getType()));
    if (failed(element) || *element == reference::Element::F16 ||
        *element == reference::Element::BF16 ||
        *element == reference::Element::Bool)
      return "has an element type that cannot count";
    reference::Tensor indices(*element, elements->shape);
    for (int64_t i = 0; i < count; ++i)
      indices.setInt(i, base + i);
    base += count;
    bindings.insert_or_assign(operand, std::move(indices));
  }
  for (Value operand : op->getOperands())
    if (!bind(operand, bindings))
      return "is moved by " + name + " to places that are not known";
  reference::Interpreter interpreter;
  if (failed(interpreter.evaluate(op->getResult(0), bindings)))
    return name + " cannot be evaluated: " +
           (interpreter.getError() ? interpreter.getError()->message : "");
  SmallVector<std::pair<Value, Elements>> results;
  for (Value result : op->getResults()) {
    auto it = bindings.find(result);
    const auto *tensor = it == bindings.end()
                             ? nullptr
                             : std::get_if<reference::Tensor>(&it->second);
    if (!tensor)
      return name + " cannot be evaluated";
    Elements elements;
    elements.shape = reference::Shape(tensor->getShape());
    elements.sums.resize(tensor->size());
    for (int64_t i = 0; i < tensor->size(); ++i) {
      int64_t index = tensor->getInt(i);
      auto from = llvm::find_if(llvm::reverse(operands), [&](auto &operand) {
        return operand.first <= index;
      });
      elements.sums[i] = from->second->sums[index - from->first];
    }
    results.push_back({result, std::move(elements)});
  }
  for (auto &[result, elements] : results)
    values[result] = std::move(elements);
  return "";
}

std::string LaneProvenance::Evaluation::compute(Operation *op) {
  SmallVector<const Elements *, 2> operands;
  for (Value operand : op->getOperands())
    (void)getElements(operand);
  for (Value operand : op->getOperands()) {
    operands.push_back(getElements(operand));
    if (!operands.back())
      return "has a constant that is not known";
  }
  Elements result;
  size_t rank = 0;
  for (const Elements *operand : operands)
    rank = std::max(rank, operand->shape.size());
  result.shape.assign(rank, 1);
  int64_t count = 1;
  for (size_t i = 0; i < rank; ++i) {
    int64_t &size = result.shape[rank - 1 - i];
    for (const Elements *operand : operands) {
      if (i >= operand->shape.size())
        continue;
      int64_t other = operand->shape[operand->shape.size() - 1 - i];
      if (size != other && size != 1 && other != 1)
        return "does not broadcast";
      size = size == 1 ? other : size;
    }
    count *= size;
    if (count > maxElements)
      return "is too large to be evaluated";
  }
  result.sums.resize(count);
  SmallVector<std::vector<int64_t>, 2> sources;
  for (const Elements *operand : operands)
    sources.push_back(
        reference::getBroadcastSources(result.shape, operand->shape));
  for (int64_t i = 0; i < count; ++i) {
    const Sum &a = operands[0]->sums[sources[0][i]];
    Sum &sum = result.sums[i];
    bool fits = true;
    auto addAll = [&](const Sum &other, double factor) {
      for (int32_t p = 0; p < other.count; ++p) {
        Sum::Product product = other.products[p];
        product.factor *= factor;
        fits &= sum.add(product);
      }
    };
    if (isa<onnx::NegOp>(op)) {
      addAll(a, -1);
      continue;
    }
    const Sum &b = operands[1]->sums[sources[1][i]];
    if (isa<onnx::AddOp, onnx::SubOp>(op)) {
      addAll(a, 1);
      addAll(b, isa<onnx::SubOp>(op) ? -1 : 1);
    } else if (isa<onnx::DivOp>(op)) {
      const Sum::Product &by = b.products[0];
      if (b.count != 1 || by.source >= 0 || by.leaf >= 0)
        return "divides by what is no constant";
      addAll(a, 1 / by.factor);
    } else {
      for (int32_t p = 0; p < a.count; ++p)
        for (int32_t q = 0; q < b.count; ++q) {
          Sum::Product x = a.products[p], y = b.products[q];
          if ((x.source >= 0 && y.source >= 0) || (x.leaf >= 0 && y.leaf >= 0))
            return "is not linear";
          x.factor *= y.factor;
          x.source = std::max(x.source, y.source);
          if (y.leaf >= 0) {
            x.leaf = y.leaf;
            x.index = y.index;
          }
          fits &= sum.add(x);
        }
    }
    if (!fits)
      return "mixes more than two elements";
  }
  values[op->getResult(0)] = std::move(result);
  return "";
}

int64_t
LaneProvenance::Evaluation::split(int64_t index,
                                  SmallVectorImpl<int64_t> &rows) const {
  rows.assign(slice.rowAxes.size(), 0);
  int64_t lane = 0, stride = 1;
  for (int64_t axis = sourceShape.size() - 1; axis >= 0; --axis) {
    int64_t at = index % sourceShape[axis];
    index /= sourceShape[axis];
    const auto *row = llvm::find(slice.rowAxes, axis);
    if (row != slice.rowAxes.end()) {
      rows[row - slice.rowAxes.begin()] = at;
      continue;
    }
    lane += at * stride;
    stride *= sourceShape[axis];
  }
  return lane;
}

/// Looks along each dimension, from the first element, for what runs there.
std::string LaneProvenance::Evaluation::findParts(const Elements &elements,
                                                  LaneTable &table) {
  reference::Shape strides = reference::getStrides(elements.shape);
  SmallVector<bool> used(rowSizes.size());
  for (auto [axis, size] : llvm::enumerate(elements.shape)) {
    if (size == 1)
      continue;
    // The rows of the elements along the dimension.
    std::vector<SmallVector<int64_t>> rows(size);
    for (int64_t i = 0; i < size; ++i) {
      const Sum &sum = elements.sums[i * strides[axis]];
      if (sum.count == 0 || sum.products[0].source < 0)
        return "has lanes without a source";
      SmallVector<int64_t> at;
      split(sum.products[0].source, at);
      rows[i] = at;
    }
    SmallVector<LaneTable::Part> parts;
    int64_t inner = 1;
    while (inner < size) {
      int64_t found = -1;
      int64_t rest = size / inner;
      for (size_t k = 0; k < rowSizes.size() && found < 0; ++k) {
        if (used[k] || rowSizes[k] == 1 || rest % rowSizes[k] != 0)
          continue;
        bool runs = true;
        for (int64_t i = 0; i < size && runs; ++i)
          runs = rows[i][k] == i / inner % rowSizes[k];
        if (runs)
          found = static_cast<int64_t>(k);
      }
      if (found >= 0) {
        used[found] = true;
        parts.push_back({static_cast<int64_t>(axis), found, 0});
        inner *= rowSizes[found];
        continue;
      }
      // Lanes, up to where a row changes.
      int64_t next = inner;
      while (next < size && rows[next] == rows[next - inner])
        next += inner;
      if (size % next != 0)
        return "mixes rows";
      if (!parts.empty() && parts.back().row < 0)
        return "mixes rows";
      parts.push_back({static_cast<int64_t>(axis), -1, next / inner});
      inner = next;
    }
    table.parts.append(parts.rbegin(), parts.rend());
  }
  for (auto [isUsed, size] : llvm::zip_equal(used, rowSizes))
    if (!isUsed && size != 1)
      return "does not have all rows of its source";
  return "";
}

std::string LaneProvenance::Evaluation::readLanes(const Elements &elements,
                                                  LaneTable &table) {
  // Of a leaf the last dimension is its lane, the others are rows.
  int64_t laneCount = 1;
  for (const LaneTable::Part &part : table.parts)
    if (part.row < 0)
      laneCount *= part.size;
  table.lanes.assign(laneCount, {});
  std::vector<bool> seen(laneCount);
  SmallVector<int64_t> rows(rowSizes.size()), found;
  for (size_t i = 0, e = elements.sums.size(); i < e; ++i) {
    // The element's place as rows and lane.
    int64_t rest = static_cast<int64_t>(i), lane = 0, stride = 1;
    rows.assign(rowSizes.size(), 0);
    for (const LaneTable::Part &part : llvm::reverse(table.parts)) {
      int64_t size = part.row < 0 ? part.size : rowSizes[part.row];
      int64_t at = rest % size;
      rest /= size;
      if (part.row >= 0) {
        rows[part.row] = at;
        continue;
      }
      lane += at * stride;
      stride *= size;
    }
    SmallVector<LaneTable::Term, 1> terms;
    const Sum &sum = elements.sums[i];
    for (int32_t p = 0; p < sum.count; ++p) {
      const Sum::Product &product = sum.products[p];
      LaneTable::Term term;
      term.factor = product.factor;
      if (product.source < 0)
        return "has lanes without a source";
      term.lane = split(product.source, found);
      if (found != rows)
        return "has rows in other places than its source";
      if (product.leaf >= 0) {
        const reference::Shape &shape =
            values.find(slice.leaves[product.leaf])->second.shape;
        int64_t at = product.index / shape.back();
        term.leaf = product.leaf;
        term.leafLane = product.index % shape.back();
        // The rows of a leaf are those of the source in order; those of size
        // one are left out or broadcast.
        size_t k = rows.size();
        for (int64_t size : llvm::reverse(llvm::drop_end(shape))) {
          int64_t row = at % size;
          at /= size;
          if (size == 1)
            continue;
          while (k > 0 && rowSizes[k - 1] != size)
            --k;
          if (k == 0 || rows[--k] != row)
            return "has rows in other places than its factors";
        }
      }
      terms.push_back(term);
    }
    llvm::sort(terms, [](const LaneTable::Term &a, const LaneTable::Term &b) {
      return std::tie(a.leaf, a.lane, a.leafLane) <
             std::tie(b.leaf, b.lane, b.leafLane);
    });
    if (!seen[lane]) {
      seen[lane] = true;
      table.lanes[lane] = terms;
    } else if (table.lanes[lane] != terms) {
      return "has other lanes in other rows";
    }
  }
  return "";
}

std::string LaneProvenance::Evaluation::run(LaneTable &table) {
  std::string reason = addLeaf(slice.source, -1);
  for (auto [i, leaf] : llvm::enumerate(slice.leaves))
    if (reason.empty())
      reason = addLeaf(leaf, static_cast<int32_t>(i));
  for (Operation *op : slice.ops) {
    if (!reason.empty())
      return reason;
    reason = isDataMovement(op) ? move(op) : compute(op);
  }
  if (!reason.empty())
    return reason;
  const Elements &elements = values[slice.value];
  if (elements.sums.empty())
    return "is empty";
  table.rowAxes = slice.rowAxes;
  reason = findParts(elements, table);
  return reason.empty() ? readLanes(elements, table) : reason;
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
  Slice slice;
  slice.value = value;
  slice.source = source ? source : getSource(value);
  slice.rowAxes = SmallVector<int64_t>(rowAxes);
  return find(slice);
}

std::optional<LaneMap> LaneProvenance::evaluate(Value value, Value source,
                                                ArrayRef<int64_t> rowAxes,
                                                ArrayRef<Value> leaves) {
  Slice slice;
  slice.value = value;
  slice.source = source;
  slice.rowAxes = SmallVector<int64_t>(rowAxes);
  slice.leaves = leaves;
  slice.isArithmetic = true;
  return find(slice);
}

std::optional<LaneMap> LaneProvenance::find(Slice &slice) {
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
    it->second.reason = Evaluation(shapes, slice, 0).run(*table);
    if (it->second.reason.empty())
      it->second.reason = Evaluation(shapes, slice, 1).run(other);
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
