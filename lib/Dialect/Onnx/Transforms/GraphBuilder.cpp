//===- GraphBuilder.cpp - onnx ops with inferred types --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphBuilder.h"

#include "dejavu/Dialect/Onnx/IR/OnnxInference.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::onnx;

Operation *GraphBuilder::make(StringRef name, ValueRange operands,
                              ArrayRef<NamedAttribute> attributes,
                              unsigned results, Type element) {
  OperationState state(location, name);
  state.addOperands(operands);
  state.addAttributes(attributes);
  if (!element)
    element = getElement(operands.front());
  for (unsigned i = 0; i < results; ++i)
    state.addTypes(UnrankedTensorType::get(element));
  Operation *op = builder.create(state);
  std::string message;
  if (failed(refineResultTypes(op, message)))
    fail(Twine(op->getName().getStringRef()) + ": " + message);
  return op;
}

Type GraphBuilder::getElement(Value value) {
  return getElementTypeOrSelf(value.getType());
}

int64_t GraphBuilder::getRank(Value value, StringRef what) {
  if (auto type = dyn_cast<RankedTensorType>(value.getType()))
    return type.getRank();
  fail("expected " + what + " of known rank");
  return 0;
}

int64_t GraphBuilder::getSize(Value value, int64_t axis) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || axis >= type.getRank())
    return ShapedType::kDynamic;
  return type.getDimSize(axis);
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

static Value makeConstant(OpBuilder &builder, Location location,
                          DenseElementsAttr value) {
  OperationState state(location, ConstantOp::getOperationName());
  state.addAttribute("value", value);
  state.addTypes(value.getType());
  return builder.create(state)->getResult(0);
}

Value GraphBuilder::ints(ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())},
                                    builder.getI64Type());
  return makeConstant(builder, location, DenseElementsAttr::get(type, values));
}

Value GraphBuilder::integer(int64_t value) {
  auto type = RankedTensorType::get({}, builder.getI64Type());
  return makeConstant(builder, location, DenseElementsAttr::get(type, value));
}

Value GraphBuilder::number(double value, Type element) {
  auto type = RankedTensorType::get({}, element);
  if (auto kind = dyn_cast<FloatType>(element)) {
    APFloat number(value);
    bool lost;
    number.convert(kind.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                   &lost);
    return makeConstant(builder, location,
                        DenseElementsAttr::get(type, number));
  }
  APInt number(element.getIntOrFloatBitWidth(), static_cast<int64_t>(value),
               /*isSigned=*/true, /*implicitTrunc=*/true);
  return makeConstant(builder, location, DenseElementsAttr::get(type, number));
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

Value GraphBuilder::add(Value a, Value b) { return get<AddOp>({a, b}); }
Value GraphBuilder::sub(Value a, Value b) { return get<SubOp>({a, b}); }
Value GraphBuilder::mul(Value a, Value b) { return get<MulOp>({a, b}); }
Value GraphBuilder::div(Value a, Value b) { return get<DivOp>({a, b}); }
Value GraphBuilder::sigmoid(Value x) { return get<SigmoidOp>({x}); }

Value GraphBuilder::both(Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return get<AndOp>({a, b});
}

Value GraphBuilder::where(Value condition, Value a, Value b) {
  return get<WhereOp>({condition, a, b}, {}, getElement(a));
}

Value GraphBuilder::cast(Value x, Type element) {
  if (getElement(x) == element)
    return x;
  return get<CastOp>({x}, {attr("to", TypeAttr::get(element))}, element);
}

//===----------------------------------------------------------------------===//
// Shapes and movement
//===----------------------------------------------------------------------===//

Value GraphBuilder::dim(Value x, int64_t axis) {
  return get<ShapeOp>({x}, {attr("start", axis), attr("end", axis + 1)},
                      builder.getI64Type());
}

Value GraphBuilder::length(Value x, int64_t axis) {
  return squeeze(dim(x, axis), {0});
}

Value GraphBuilder::shape(Value x) {
  return get<ShapeOp>({x}, {}, builder.getI64Type());
}

Value GraphBuilder::reshape(Value x, ArrayRef<int64_t> shape) {
  return reshape(x, ints(shape));
}

Value GraphBuilder::reshape(Value x, Value shape) {
  return get<ReshapeOp>({x, shape});
}

Value GraphBuilder::transpose(Value x, ArrayRef<int64_t> permutation) {
  return get<TransposeOp>({x}, {attr("perm", permutation)});
}

Value GraphBuilder::unsqueeze(Value x, ArrayRef<int64_t> axes) {
  return get<UnsqueezeOp>({x, ints(axes)});
}

Value GraphBuilder::squeeze(Value x, ArrayRef<int64_t> axes) {
  return get<SqueezeOp>({x, ints(axes)});
}

Value GraphBuilder::concat(ValueRange values, int64_t axis) {
  return get<ConcatOp>(values, {attr("axis", axis)});
}

Value GraphBuilder::slice(Value x, int64_t axis, int64_t from, int64_t to) {
  return slice(x, axis, ints({from}), ints({to}));
}

Value GraphBuilder::slice(Value x, int64_t axis, Value from, Value to) {
  return get<SliceOp>({x, from, to, ints({axis})},
                      {attr("operandSegmentSizes",
                            builder.getDenseI32ArrayAttr({1, 1, 1, 1, 0}))});
}

Value GraphBuilder::expand(Value x, Value shape) {
  return get<ExpandOp>({x, shape});
}

Value GraphBuilder::gather(Value table, Value indices, int64_t axis) {
  return get<GatherOp>({table, indices}, {attr("axis", axis)});
}

Value GraphBuilder::range(Value count) {
  return get<RangeOp>({integer(0), count, integer(1)});
}

Value GraphBuilder::matmul(Value a, Value b) { return get<MatMulOp>({a, b}); }

Value GraphBuilder::softmax(Value x) {
  return get<SoftmaxOp>({x}, {attr("axis", int64_t(-1))});
}
