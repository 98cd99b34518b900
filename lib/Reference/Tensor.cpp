//===- Tensor.cpp - tensors of the reference interpreter ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Reference/Tensor.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu::reference;

//===----------------------------------------------------------------------===//
// Element kinds and shapes
//===----------------------------------------------------------------------===//

FailureOr<Element> mlir::dejavu::reference::getElement(Type type) {
  if (type.isIndex())
    return Element::I64;
  if (auto integer = dyn_cast<IntegerType>(type)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return Element::Bool;
    case 2:
      return isUnsigned ? Element::U2 : Element::I2;
    case 4:
      return isUnsigned ? Element::U4 : Element::I4;
    case 8:
      return isUnsigned ? Element::U8 : Element::I8;
    case 16:
      return isUnsigned ? Element::U16 : Element::I16;
    case 32:
      return isUnsigned ? Element::U32 : Element::I32;
    case 64:
      return isUnsigned ? Element::U64 : Element::I64;
    default:
      return failure();
    }
  }
  if (type.isF16())
    return Element::F16;
  if (type.isBF16())
    return Element::BF16;
  if (type.isF32())
    return Element::F32;
  if (type.isF64())
    return Element::F64;
  if (isa<Float8E4M3FNType>(type))
    return Element::F8E4M3FN;
  if (isa<Float8E4M3FNUZType>(type))
    return Element::F8E4M3FNUZ;
  if (isa<Float8E5M2Type>(type))
    return Element::F8E5M2;
  if (isa<Float8E5M2FNUZType>(type))
    return Element::F8E5M2FNUZ;
  if (isa<Float4E2M1FNType>(type))
    return Element::F4E2M1FN;
  return failure();
}

/// The format of a floating-point kind.
static const llvm::fltSemantics &getSemantics(Element element) {
  switch (element) {
  case Element::F16:
    return APFloat::IEEEhalf();
  case Element::BF16:
    return APFloat::BFloat();
  case Element::F32:
    return APFloat::IEEEsingle();
  case Element::F8E4M3FN:
    return APFloat::Float8E4M3FN();
  case Element::F8E4M3FNUZ:
    return APFloat::Float8E4M3FNUZ();
  case Element::F8E5M2:
    return APFloat::Float8E5M2();
  case Element::F8E5M2FNUZ:
    return APFloat::Float8E5M2FNUZ();
  case Element::F4E2M1FN:
    return APFloat::Float4E2M1FN();
  default:
    return APFloat::IEEEdouble();
  }
}

unsigned mlir::dejavu::reference::getWidth(Element element) {
  if (isFloat(element))
    return APFloat::getSizeInBits(getSemantics(element));
  if (element == Element::Bool)
    return 1;
  unsigned width = 0;
  (void)getName(element).drop_while(llvm::isAlpha).getAsInteger(10, width);
  return width;
}

std::pair<double, double> mlir::dejavu::reference::getRange(Element element) {
  if (isFloat(element)) {
    double most = APFloat::getLargest(getSemantics(element)).convertToDouble();
    return {-most, most};
  }
  if (element == Element::Bool)
    return {0, 1};
  unsigned width = getWidth(element);
  if (getName(element).starts_with("u"))
    return {0, std::exp2(width) - 1};
  return {-std::exp2(width - 1), std::exp2(width - 1) - 1};
}

StringRef mlir::dejavu::reference::getName(Element element) {
  static constexpr StringLiteral names[] = {
      "i1",         "i8",     "i16",        "i32",     "i64", "ui8",
      "ui16",       "ui32",   "ui64",       "i2",      "ui2", "i4",
      "ui4",        "f16",    "bf16",       "f32",     "f64", "f8E4M3FN",
      "f8E4M3FNUZ", "f8E5M2", "f8E5M2FNUZ", "f4E2M1FN"};
  return names[static_cast<int>(element)];
}

FailureOr<int64_t>
mlir::dejavu::reference::countElements(ArrayRef<int64_t> shape) {
  constexpr int64_t most = int64_t(1) << 30;
  int64_t count = 1;
  for (int64_t dim : shape)
    if (dim < 0)
      return failure();
  for (int64_t dim : shape)
    if (dim == 0)
      return 0;
  for (int64_t dim : shape) {
    if (dim > most / count)
      return failure();
    count *= dim;
  }
  return count;
}

Shape mlir::dejavu::reference::getStrides(ArrayRef<int64_t> shape) {
  Shape strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0; stride *= shape[i])
    strides[i] = stride;
  return strides;
}

std::vector<int64_t>
mlir::dejavu::reference::getSources(ArrayRef<int64_t> shape,
                                    ArrayRef<int64_t> strides, int64_t base) {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  std::vector<int64_t> sources(count);
  Shape index(shape.size(), 0);
  int64_t offset = base;
  for (int64_t &source : sources) {
    source = offset;
    // The next index: count up the last dimension, with carry.
    for (size_t axis = shape.size(); axis-- > 0;) {
      offset += strides[axis];
      if (++index[axis] < shape[axis])
        break;
      offset -= index[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return sources;
}

std::vector<int64_t>
mlir::dejavu::reference::getBroadcastSources(ArrayRef<int64_t> shape,
                                             ArrayRef<int64_t> from) {
  Shape strides(shape.size(), 0), own = getStrides(from);
  size_t lead = shape.size() - from.size();
  for (auto [axis, dim] : llvm::enumerate(from))
    strides[lead + axis] = dim == 1 ? 0 : own[axis];
  return getSources(shape, strides);
}

//===----------------------------------------------------------------------===//
// Tensor
//===----------------------------------------------------------------------===//

Tensor::Tensor(Element element, ArrayRef<int64_t> shape)
    : element(element), shape(shape) {
  // Zero is all bits zero in every kind.
  words.resize(countElements(shape).value_or(0));
}

Tensor Tensor::ofFloats(ArrayRef<int64_t> shape, ArrayRef<double> values,
                        Element element) {
  Tensor tensor(element, shape);
  for (auto [i, value] : llvm::enumerate(values.take_front(tensor.size())))
    tensor.setFloat(i, value);
  return tensor;
}

Tensor Tensor::ofInts(ArrayRef<int64_t> shape, ArrayRef<int64_t> values,
                      Element element) {
  Tensor tensor(element, shape);
  for (auto [i, value] : llvm::enumerate(values.take_front(tensor.size())))
    tensor.setInt(i, value);
  return tensor;
}

/// The value of a scalar attribute.
static LogicalResult setFromAttribute(Tensor &tensor, int64_t index,
                                      Attribute attribute) {
  if (auto number = dyn_cast<FloatAttr>(attribute)) {
    tensor.setFloat(index, number.getValueAsDouble());
    return success();
  }
  if (auto number = dyn_cast<IntegerAttr>(attribute)) {
    APInt value = number.getValue();
    bool isUnsigned =
        number.getType().isUnsignedInteger() || value.getBitWidth() == 1;
    tensor.setInt(index, isUnsigned ? static_cast<int64_t>(value.getZExtValue())
                                    : value.getSExtValue());
    return success();
  }
  return failure();
}

FailureOr<Tensor> Tensor::fromAttribute(Attribute attribute) {
  if (auto typed = dyn_cast<TypedAttr>(attribute);
      typed && typed.getType().isIntOrIndexOrFloat()) {
    FailureOr<Element> element = reference::getElement(typed.getType());
    if (failed(element))
      return failure();
    Tensor tensor(*element, {});
    if (failed(setFromAttribute(tensor, 0, attribute)))
      return failure();
    return tensor;
  }
  auto elements = dyn_cast<ElementsAttr>(attribute);
  if (!elements || failed(countElements(elements.getShapedType().getShape())))
    return failure();
  FailureOr<Element> element = reference::getElement(elements.getElementType());
  auto values = elements.try_value_begin<Attribute>();
  if (failed(element) || !values)
    return failure();
  Tensor tensor(*element, elements.getShapedType().getShape());
  auto it = *values;
  for (int64_t i = 0; i < tensor.size(); ++i, ++it)
    if (failed(setFromAttribute(tensor, i, *it)))
      return failure();
  return tensor;
}

double Tensor::getFloat(int64_t index) const {
  if (isFloat())
    return llvm::bit_cast<double>(words[index]);
  if (element == Element::U64)
    return static_cast<double>(words[index]);
  return static_cast<double>(static_cast<int64_t>(words[index]));
}

int64_t Tensor::getInt(int64_t index) const {
  if (!isFloat())
    return static_cast<int64_t>(words[index]);
  double value = llvm::bit_cast<double>(words[index]);
  if (std::isnan(value))
    return 0;
  if (value >= 0x1p63)
    return INT64_MAX;
  return value < -0x1p63 ? INT64_MIN : static_cast<int64_t>(value);
}

/// Rounds to a narrow floating-point format and back.
static double roundTo(double value, const llvm::fltSemantics &semantics) {
  bool losesInfo;
  APFloat number(value);
  number.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

void Tensor::setFloat(int64_t index, double value) {
  switch (element) {
  case Element::F64:
    break;
  case Element::F32:
    value = static_cast<float>(value);
    break;
  case Element::F4E2M1FN:
    // It has neither infinity nor NaN.
    value = std::isnan(value) ? -0.0 : std::clamp(value, -6.0, 6.0);
    [[fallthrough]];
  case Element::F16:
  case Element::BF16:
  case Element::F8E4M3FN:
  case Element::F8E4M3FNUZ:
  case Element::F8E5M2:
  case Element::F8E5M2FNUZ:
    value = roundTo(value, getSemantics(element));
    break;
  case Element::Bool:
    words[index] = value != 0;
    return;
  case Element::U64:
    words[index] =
        value >= 0x1p63 && value < 0x1p64
            ? static_cast<uint64_t>(value)
            : static_cast<uint64_t>(
                  Tensor::ofFloats({}, {value}, Element::F64).getInt(0));
    return;
  default:
    setInt(index, Tensor::ofFloats({}, {value}, Element::F64).getInt(0));
    return;
  }
  words[index] = llvm::bit_cast<uint64_t>(value);
}

void Tensor::setInt(int64_t index, int64_t value) {
  auto store = [&](auto wrapped) {
    words[index] = static_cast<uint64_t>(static_cast<int64_t>(wrapped));
  };
  switch (element) {
  case Element::Bool:
    return store(value != 0);
  case Element::I8:
    return store(static_cast<int8_t>(value));
  case Element::I16:
    return store(static_cast<int16_t>(value));
  case Element::I32:
    return store(static_cast<int32_t>(value));
  case Element::U8:
    return store(static_cast<uint8_t>(value));
  case Element::U16:
    return store(static_cast<uint16_t>(value));
  case Element::U32:
    return store(static_cast<uint32_t>(value));
  case Element::I64:
  case Element::U64:
    return store(value);
  case Element::I2:
    return store(llvm::SignExtend64<2>(value));
  case Element::U2:
    return store(value & 3);
  case Element::I4:
    return store(llvm::SignExtend64<4>(value));
  case Element::U4:
    return store(value & 15);
  default:
    return setFloat(index, static_cast<double>(value));
  }
}

uint64_t Tensor::getBits(int64_t index) const {
  unsigned width = getWidth(element);
  if (!isFloat())
    return words[index] & (~uint64_t(0) >> (64 - width));
  bool losesInfo;
  APFloat number(getFloat(index));
  number.convert(getSemantics(element), APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return number.bitcastToAPInt().getZExtValue();
}

void Tensor::setBits(int64_t index, uint64_t bits) {
  if (!isFloat())
    return setInt(index, static_cast<int64_t>(bits));
  APInt pattern(getWidth(element), bits, /*isSigned=*/false,
                /*implicitTrunc=*/true);
  double value = APFloat(getSemantics(element), pattern).convertToDouble();
  words[index] = llvm::bit_cast<uint64_t>(value);
}

Tensor Tensor::reshaped(ArrayRef<int64_t> newShape) const {
  Tensor tensor(*this);
  tensor.shape = Shape(newShape);
  return tensor;
}

std::vector<double> Tensor::toFloats() const {
  std::vector<double> values(size());
  for (int64_t i = 0; i < size(); ++i)
    values[i] = getFloat(i);
  return values;
}

SmallVector<int64_t> Tensor::toInts() const {
  SmallVector<int64_t> values(size());
  for (int64_t i = 0; i < size(); ++i)
    values[i] = getInt(i);
  return values;
}

bool Tensor::hasType(Type type) const {
  auto shaped = dyn_cast<ShapedType>(type);
  FailureOr<Element> expected =
      reference::getElement(shaped ? shaped.getElementType() : type);
  if (failed(expected) || *expected != element)
    return false;
  if (!shaped)
    return shape.empty();
  return !shaped.hasRank() ||
         succeeded(verifyCompatibleShape(shaped.getShape(), shape));
}

std::string Tensor::describe() const {
  std::string text = "tensor<";
  for (int64_t dim : shape)
    text += std::to_string(dim) + "x";
  return text + getName(element).str() + ">";
}

void Tensor::print(raw_ostream &os) const {
  os << describe() << ' ';
  int64_t next = 0;
  auto printLevel = [&](auto &self, size_t level) -> void {
    if (level == shape.size()) {
      if (element == Element::Bool)
        os << (getInt(next) ? "true" : "false");
      else if (element == Element::U64)
        os << static_cast<uint64_t>(getInt(next));
      else if (isFloat() && std::isnan(getFloat(next)))
        os << "nan"; // whatever its sign
      else if (isFloat())
        os << llvm::format("%.6g", getFloat(next));
      else
        os << getInt(next);
      ++next;
      return;
    }
    os << '[';
    for (int64_t i = 0; i < shape[level]; ++i) {
      if (i)
        os << ", ";
      self(self, level + 1);
    }
    os << ']';
  };
  printLevel(printLevel, 0);
}
