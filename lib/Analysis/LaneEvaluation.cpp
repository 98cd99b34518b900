//===- LaneEvaluation.cpp - evaluation of lanes -------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneEvaluation.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "dejavu/Reference/Interpreter.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::dejavu;

/// A tensor with more elements is not evaluated; an f32 counts up to here.
static constexpr int64_t maxElements = int64_t(1) << 24;

/// The sizes that symbols take, in the order of their names, in the two
/// evaluations.
static constexpr int64_t witnessSizes[2][6] = {{2, 3, 5, 7, 11, 13},
                                               {3, 2, 4, 5, 6, 9}};

std::optional<int64_t> LaneSlice::getSize(unsigned witness,
                                          const DimExpr &dim) const {
  return dim.evaluate([&](const std::string &s) -> std::optional<int64_t> {
    auto it = llvm::lower_bound(symbols, s);
    if (it == symbols.end() || *it != s)
      return std::nullopt;
    size_t at = it - symbols.begin();
    return witnessSizes[witness][at % 6] + 12 * static_cast<int64_t>(at / 6);
  });
}

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
namespace {
class Evaluation {
public:
  Evaluation(const SymbolicShapes &shapes, const LaneSlice &slice,
             unsigned witness)
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
  const LaneSlice &slice;
  unsigned witness;
  llvm::DenseMap<Value, Elements> values;
  /// Sizes of the source, and its rows.
  reference::Shape sourceShape;
  SmallVector<int64_t> rowSizes;
};
} // namespace

std::string Evaluation::addLeaf(Value leaf, int32_t number) {
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

const Elements *Evaluation::getElements(Value value) {
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

bool Evaluation::bind(Value value, reference::Bindings &bindings) {
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

std::string Evaluation::move(Operation *op) {
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

std::string Evaluation::compute(Operation *op) {
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

int64_t Evaluation::split(int64_t index, SmallVectorImpl<int64_t> &rows) const {
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
std::string Evaluation::findParts(const Elements &elements, LaneTable &table) {
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

std::string Evaluation::readLanes(const Elements &elements, LaneTable &table) {
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

std::string Evaluation::run(LaneTable &table) {
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

std::string dejavu::evaluateLanes(const SymbolicShapes &shapes,
                                  const LaneSlice &slice, unsigned witness,
                                  LaneTable &table) {
  return Evaluation(shapes, slice, witness).run(table);
}
