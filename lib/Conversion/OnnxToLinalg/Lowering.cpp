//===- Lowering.cpp - onnx ops to linalg on tensors -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

Type dense::getSignless(Type element) {
  if (auto type = dyn_cast<IntegerType>(element))
    return IntegerType::get(type.getContext(), type.getWidth());
  return element;
}

RankedTensorType dense::getTensorType(Type type) {
  auto ranked = dyn_cast<RankedTensorType>(type);
  return ranked ? ranked.clone(getSignless(ranked.getElementType()))
                : RankedTensorType();
}

bool dense::isUnsigned(Type element) {
  auto type = dyn_cast<IntegerType>(element);
  return type && (type.isUnsigned() || type.getWidth() == 1);
}

Type dense::getComputeType(Type element) {
  if (isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32)
    return Float32Type::get(element.getContext());
  return element;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

void Lowering::bind(Value old, Value tensor) { values[old] = tensor; }

void Lowering::set(Value old, Value tensor) {
  RankedTensorType type = getTensorType(old.getType());
  if (type && tensor.getType() != type) {
    Dims dims = getDims(tensor);
    // What the old type knows and the new one does not is a fact, since
    // inference has proved it.
    auto own = cast<RankedTensorType>(tensor.getType());
    SmallVector<int64_t> shape;
    for (auto [a, b] : llvm::zip_equal(own.getShape(), type.getShape()))
      shape.push_back(ShapedType::isDynamic(a) ? b : a);
    auto refined = own.clone(shape);
    if (refined != own) {
      for (auto [index, size] : llvm::enumerate(shape))
        if (own.isDynamicDim(index) && !ShapedType::isDynamic(size)) {
          checkEqual(dims[index], number(size), "dimensions as inferred");
          dims[index] = number(size);
        }
      tensor = tensor::CastOp::create(*this, refined, tensor);
      recordDims(tensor, dims);
    }
  }
  values[old] = tensor;
}

const Dims *Lowering::getContents(Value old) const {
  auto it = contents.find(old);
  return it == contents.end() ? nullptr : &it->second;
}

void Lowering::setContents(Value old, Dims elements) {
  RankedTensorType type = getTensorType(old.getType());
  auto exact = RankedTensorType::get(
      type.getRank() == 0
          ? ArrayRef<int64_t>()
          : ArrayRef<int64_t>{static_cast<int64_t>(elements.size())},
      type.getElementType());
  SmallVector<Value> scalars;
  for (Dim element : elements)
    scalars.push_back(fromIndex(value(element), type.getElementType()));
  values[old] = fromScalars(exact, scalars);
  contents[old] = std::move(elements);
}

std::optional<SmallVector<int64_t>> Lowering::getConstant(Value old) const {
  const Dims *elements = getContents(old);
  if (!elements)
    return std::nullopt;
  SmallVector<int64_t> result;
  for (Dim element : *elements) {
    std::optional<int64_t> number = getNumber(element);
    if (!number)
      return std::nullopt;
    result.push_back(*number);
  }
  return result;
}

std::optional<Dims> Lowering::readElements(Value old) {
  if (const Dims *elements = getContents(old))
    return *elements;
  Value tensor = get(old);
  auto type = cast<RankedTensorType>(tensor.getType());
  Dims result;
  if (type.getRank() == 0) {
    result.push_back(toIndex(extract(tensor, {})));
    return result;
  }
  if (type.getRank() != 1 || type.isDynamicDim(0))
    return std::nullopt;
  for (int64_t i = 0; i < type.getDimSize(0); ++i)
    result.push_back(toIndex(extract(tensor, index(i))));
  return result;
}

LogicalResult Lowering::fail(const Twine &text) {
  return current->emitOpError() << text.str();
}

//===----------------------------------------------------------------------===//
// Dimensions
//===----------------------------------------------------------------------===//

Value Lowering::recordDims(Value tensor, ArrayRef<Dim> dims) {
  dimensions[tensor] = Dims(dims);
  return tensor;
}

Dims Lowering::getDims(Value tensor) {
  auto it = dimensions.find(tensor);
  if (it != dimensions.end())
    return it->second;
  auto type = cast<RankedTensorType>(tensor.getType());
  // The dimensions are computed where the tensor is made, so that they can be
  // used wherever it can.
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointAfterValue(tensor);
  Dims dims;
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    if (type.isDynamicDim(axis))
      dims.push_back(tensor::DimOp::create(*this, tensor, axis).getResult());
    else
      dims.push_back(number(type.getDimSize(axis)));
  }
  dimensions[tensor] = dims;
  return dims;
}

Dim Lowering::getDim(Value tensor, int64_t axis) {
  return getDims(tensor)[axis];
}

Value Lowering::value(Dim dim) {
  if (auto known = dyn_cast<Value>(dim))
    return known;
  return index(cast<IntegerAttr>(cast<Attribute>(dim)).getInt());
}

bool Lowering::areSame(Dim a, Dim b) {
  std::optional<int64_t> x = getNumber(a), y = getNumber(b);
  if (x || y)
    return x && y && *x == *y;
  return cast<Value>(a) == cast<Value>(b);
}

Dim Lowering::add(Dim a, Dim b) {
  std::optional<int64_t> x = getNumber(a), y = getNumber(b);
  if (x && y)
    return number(static_cast<int64_t>(static_cast<uint64_t>(*x) + *y));
  if (x && *x == 0)
    return b;
  if (y && *y == 0)
    return a;
  return arith::AddIOp::create(*this, value(a), value(b)).getResult();
}

Dim Lowering::sub(Dim a, Dim b) {
  std::optional<int64_t> x = getNumber(a), y = getNumber(b);
  if (x && y)
    return number(static_cast<int64_t>(static_cast<uint64_t>(*x) - *y));
  if (y && *y == 0)
    return a;
  return arith::SubIOp::create(*this, value(a), value(b)).getResult();
}

Dim Lowering::mul(Dim a, Dim b) {
  std::optional<int64_t> x = getNumber(a), y = getNumber(b);
  if (x && y)
    return number(static_cast<int64_t>(static_cast<uint64_t>(*x) * *y));
  if ((x && *x == 1) || (y && *y == 0))
    return b;
  if ((y && *y == 1) || (x && *x == 0))
    return a;
  return arith::MulIOp::create(*this, value(a), value(b)).getResult();
}

Dim Lowering::div(Dim a, Dim b) {
  std::optional<int64_t> x = getNumber(a), y = getNumber(b);
  if (y && *y == 1)
    return a;
  if (x && y && *y != 0 && *y != -1)
    return number(*x / *y);
  return arith::DivSIOp::create(*this, value(a), value(b)).getResult();
}

Dim Lowering::min(Dim a, Dim b) {
  std::optional<int64_t> x = getNumber(a), y = getNumber(b);
  if (x && y)
    return number(std::min(*x, *y));
  return areSame(a, b) ? a
                       : Dim(arith::MinSIOp::create(*this, value(a), value(b))
                                 .getResult());
}

Dim Lowering::max(Dim a, Dim b) {
  std::optional<int64_t> x = getNumber(a), y = getNumber(b);
  if (x && y)
    return number(std::max(*x, *y));
  return areSame(a, b) ? a
                       : Dim(arith::MaxSIOp::create(*this, value(a), value(b))
                                 .getResult());
}

Dim Lowering::product(ArrayRef<Dim> dims) {
  Dim result = number(1);
  for (Dim dim : dims)
    result = mul(result, dim);
  return result;
}

Dim Lowering::wrapNegative(Dim a, Dim b) {
  if (std::optional<int64_t> x = getNumber(a))
    return *x < 0 ? add(a, b) : a;
  return wrapIndex(value(a), value(b));
}

RankedTensorType Lowering::getType(ArrayRef<Dim> dims, Type element) {
  SmallVector<int64_t> shape;
  for (Dim dim : dims) {
    std::optional<int64_t> size = getNumber(dim);
    shape.push_back(size && *size >= 0 ? *size : ShapedType::kDynamic);
  }
  return RankedTensorType::get(shape, element);
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// `node 'NAME' (Op)`
static std::string describe(Operation *op) {
  std::string name;
  Location location = op->getLoc();
  if (auto named = dyn_cast<NameLoc>(location))
    name = named.getName().str();
  // Names come from the model and may hold anything.
  for (char &c : name)
    if (!llvm::isPrint(c))
      c = '?';
  StringRef type = op->getName().stripDialect();
  return name.empty() ? type.str()
                      : ("node '" + name + "' (" + type + ")").str();
}

void Lowering::check(Value condition, StringRef expected) {
  APInt known;
  if (matchPattern(condition, m_ConstantInt(&known)) && known.isOne())
    return;
  cf::AssertOp::create(
      *this, condition,
      (current ? describe(current) + ": expected " : "expected ") +
          expected.str());
}

void Lowering::checkEqual(Dim a, Dim b, StringRef expected) {
  if (!areSame(a, b))
    check(compare(arith::CmpIPredicate::eq, value(a), value(b)), expected);
}

void Lowering::checkAtLeast(Dim a, int64_t least, StringRef expected) {
  std::optional<int64_t> known = getNumber(a);
  if (!known || *known < least)
    check(compare(arith::CmpIPredicate::sge, value(a), index(least)), expected);
}

void Lowering::checkElements(Value tensor,
                             llvm::function_ref<Value(Value)> isGood,
                             StringRef expected) {
  SmallVector<bool> all(cast<RankedTensorType>(tensor.getType()).getRank(),
                        true);
  Value good = reduce(tensor, all, truth(true), [&](ValueRange args) {
    return arith::AndIOp::create(*this, args[1], isGood(args[0])).getResult();
  });
  check(extractScalar(good), expected);
}

void Lowering::checkIndices(Value tensor, Dim dim) {
  Value size = value(dim);
  Value least = value(sub(number(0), dim));
  checkElements(
      tensor,
      [&](Value scalar) -> Value {
        Value place = toIndex(scalar);
        return arith::AndIOp::create(
            *this, compare(arith::CmpIPredicate::slt, place, size),
            compare(arith::CmpIPredicate::sge, place, least));
      },
      "indices within the dimension");
}

void Lowering::checkSize(ArrayRef<Dim> dims) {
  Value size;
  for (Dim dim : dims) {
    checkAtLeast(dim, 0, "dimensions that are not negative");
    if (!getNumber(dim) || *getNumber(dim) > 1) {
      Value factor = arith::UIToFPOp::create(
          *this, getF64Type(), fromIndex(value(dim), getI64Type()));
      size = size ? arith::MulFOp::create(*this, size, factor).getResult()
                  : factor;
    }
  }
  if (size)
    check(compare(arith::CmpFPredicate::OLE, size,
                  constant(getF64Type(), 137438953472.0)),
          "at most 2^37 elements");
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value Lowering::constant(Type type, double value) {
  if (auto floating = dyn_cast<FloatType>(type)) {
    APFloat number(value);
    bool ignored;
    number.convert(floating.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                   &ignored);
    return arith::ConstantOp::create(*this, FloatAttr::get(type, number));
  }
  return integer(type, static_cast<int64_t>(value));
}

Value Lowering::integer(Type type, int64_t value) {
  if (type.isIndex())
    return index(value);
  unsigned width = type.getIntOrFloatBitWidth();
  return arith::ConstantOp::create(
      *this, IntegerAttr::get(type, APInt(width, value, true, true)));
}

/// bf16 from f32 by the bits: rounded to even, and NaN stays NaN.
static Value truncateToBF16(Lowering &b, Value x) {
  Type i32 = b.getI32Type(), i16 = b.getI16Type();
  Value bits = arith::BitcastOp::create(b, i32, x);
  Value upper = arith::ShRUIOp::create(b, bits, b.integer(i32, 16));
  Value odd = arith::AndIOp::create(b, upper, b.integer(i32, 1));
  Value sum = arith::AddIOp::create(b, bits, b.integer(i32, 0x7fff));
  sum = arith::AddIOp::create(b, sum, odd);
  Value rounded = arith::ShRUIOp::create(b, sum, b.integer(i32, 16));
  Value quiet = arith::OrIOp::create(b, upper, b.integer(i32, 0x40));
  Value isNaN = b.compare(arith::CmpFPredicate::UNO, x, x);
  Value result =
      arith::TruncIOp::create(b, i16, b.select(isNaN, quiet, rounded));
  return arith::BitcastOp::create(b, b.getBF16Type(), result);
}

Value Lowering::castFloat(Value scalar, Type type) {
  Type from = scalar.getType();
  if (from == type)
    return scalar;
  unsigned width = from.getIntOrFloatBitWidth();
  unsigned wanted = type.getIntOrFloatBitWidth();
  Type f32 = getF32Type();
  // bf16 is the upper half of an f32.
  if (from.isBF16()) {
    Value bits = arith::BitcastOp::create(*this, getI16Type(), scalar);
    bits = arith::ExtUIOp::create(*this, getI32Type(), bits);
    bits = arith::ShLIOp::create(*this, bits, integer(getI32Type(), 16));
    return castFloat(arith::BitcastOp::create(*this, f32, bits), type);
  }
  if (type.isBF16())
    return truncateToBF16(*this, castFloat(scalar, f32));
  // There is no instruction between f64 and f16.
  if (width == 64 && wanted < 32)
    return castFloat(arith::TruncFOp::create(*this, f32, scalar), type);
  if (width < 32 && wanted == 64)
    return castFloat(arith::ExtFOp::create(*this, f32, scalar), type);
  if (width < wanted)
    return arith::ExtFOp::create(*this, type, scalar);
  return arith::TruncFOp::create(*this, type, scalar);
}

Value Lowering::toFloat(Value scalar, Type type, bool isUnsigned) {
  if (isa<FloatType>(scalar.getType()))
    return castFloat(scalar, type);
  Type compute = getComputeType(type);
  Value result;
  if (isUnsigned)
    result = arith::UIToFPOp::create(*this, compute, scalar);
  else
    result = arith::SIToFPOp::create(*this, compute, scalar);
  return castFloat(result, type);
}

Value Lowering::toIndex(Value scalar) {
  if (scalar.getType().isIndex())
    return scalar;
  return arith::IndexCastOp::create(*this, getIndexType(), scalar);
}

Value Lowering::fromIndex(Value index, Type type) {
  return arith::IndexCastOp::create(*this, type, index);
}

Value Lowering::wrapIndex(Value index, Value dim) {
  Value isNegative = compare(arith::CmpIPredicate::slt, index, this->index(0));
  return select(isNegative, arith::AddIOp::create(*this, index, dim), index);
}
