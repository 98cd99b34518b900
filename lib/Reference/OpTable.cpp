//===- OpTable.cpp - dispatch of ops, and what their functions share ------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::dejavu::reference;

OpTable::OpTable() {
  addBuiltinOps(*this);
  addOnnxMathOps(*this);
  addOnnxShapeOps(*this);
  addOnnxDataOps(*this);
  addOnnxNNOps(*this);
  addOnnxAttentionOps(*this);
  addOnnxElementwiseOps(*this);
  addOnnxActivationOps(*this);
  addOnnxReduceOps(*this);
  addOnnxIndexOps(*this);
  addOnnxConvOps(*this);
  addOnnxQuantOps(*this);
  addOnnxControlFlowOps(*this);
  addDejavuOps(*this);
  addDejavuAttentionOps(*this);
  addDejavuSparsityOps(*this);
}

const OpTable &OpTable::get() {
  static const OpTable table;
  return table;
}

bool mlir::dejavu::reference::isKnown(Operation *op) {
  return OpTable::get().find(op);
}

const Handler *OpTable::find(Operation *op) const {
  auto it = handlers.find(op->getName().getStringRef());
  return it == handlers.end() ? nullptr : &it->second;
}

FailureOr<Tensor> Frame::weight(FlatSymbolRefAttr symbol) {
  Operation *weight = SymbolTable::lookupNearestSymbolFrom(op, symbol);
  if (!weight) {
    message = ("no weight named '" + symbol.getValue() + "'").str();
    return failure();
  }
  if (!options.readWeight) {
    message = ("weight '" + symbol.getValue() + "' is not available").str();
    return failure();
  }
  return options.readWeight(weight, message);
}

FailureOr<Tensor> Frame::allocate(Element element, ArrayRef<int64_t> shape) {
  if (failed(countElements(shape))) {
    message = "expected a tensor of at most 2^30 elements, found shape " +
              describe(shape);
    return failure();
  }
  return Tensor(element, shape);
}

FailureOr<Tensor> Frame::allocate(ArrayRef<int64_t> shape, unsigned index) {
  FailureOr<Element> element =
      getElement(getElementTypeOrSelf(op->getResult(index)));
  if (failed(element)) {
    message = "the element type of a result is not supported";
    return failure();
  }
  return allocate(*element, shape);
}

std::string mlir::dejavu::reference::describe(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '[';
  llvm::interleaveComma(shape, os);
  os << ']';
  return text;
}

FailureOr<Shape>
mlir::dejavu::reference::broadcastShapes(Frame &frame,
                                         ArrayRef<ArrayRef<int64_t>> all) {
  Shape result;
  for (ArrayRef<int64_t> shape : all) {
    if (shape.size() > result.size())
      result.insert(result.begin(), shape.size() - result.size(), 1);
    size_t lead = result.size() - shape.size();
    for (auto [axis, dim] : llvm::enumerate(shape)) {
      int64_t &known = result[lead + axis];
      if (known == 1)
        known = dim;
      if (dim != 1 && dim != known)
        return frame.fail("expected shapes that broadcast, found " +
                          describe(shape) + " and " + describe(result));
    }
  }
  return result;
}

FailureOr<int64_t> mlir::dejavu::reference::normalizeAxis(Frame &frame,
                                                          int64_t axis,
                                                          int64_t rank) {
  if (axis < -rank || axis >= rank)
    return frame.fail("expected an axis in [" + Twine(-rank) + ", " +
                      Twine(rank) + "), found " + Twine(axis));
  return axis < 0 ? axis + rank : axis;
}

FailureOr<Tensor> mlir::dejavu::reference::pick(Frame &frame,
                                                const Tensor &from,
                                                ArrayRef<int64_t> shape,
                                                ArrayRef<int64_t> sources) {
  FailureOr<Tensor> result = frame.allocate(from.getElement(), shape);
  if (failed(result))
    return failure();
  for (auto [i, source] : llvm::enumerate(sources))
    result->copy(i, from, source);
  return result;
}

LogicalResult mlir::dejavu::reference::checkRows(Frame &frame, const Tensor &x,
                                                 int64_t features) {
  if (x.getRank() == 3 && x.getDim(2) == features)
    return success();
  return frame.fail("expected an activation with " + Twine(features) +
                    " features, found " + x.describe());
}

LogicalResult mlir::dejavu::reference::checkSameRows(Frame &frame,
                                                     const Tensor &a,
                                                     const Tensor &b) {
  if (a.getRank() >= 2 && b.getRank() >= 2 &&
      a.getShape().take_front(2) == b.getShape().take_front(2))
    return success();
  return frame.fail("expected equal batch and tokens, found " + a.describe() +
                    " and " + b.describe());
}

FailureOr<Tensor> mlir::dejavu::reference::readVector(Frame &frame,
                                                      FlatSymbolRefAttr symbol,
                                                      int64_t size) {
  if (!symbol)
    return frame.allocate(Element::F32, {size});
  FailureOr<Tensor> vector = frame.weight(symbol);
  if (failed(vector))
    return failure();
  if (vector->getRank() != 1 || vector->getDim(0) != size)
    return frame.fail("expected weight '" + symbol.getValue() + "' with " +
                      Twine(size) + " elements, found " + vector->describe());
  return vector;
}
