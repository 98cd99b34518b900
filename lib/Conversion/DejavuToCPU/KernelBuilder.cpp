//===- KernelBuilder.cpp - the vocabulary of kernel generators ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value KernelBuilder::f32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

Value KernelBuilder::splat(double value, int64_t lanes) {
  auto type = VectorType::get({lanes}, getF32Type());
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(type, static_cast<float>(value)));
}

Value KernelBuilder::broadcast(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(
      *this, VectorType::get({lanes}, scalar.getType()), scalar);
}

Value KernelBuilder::offset(Value lhs, int64_t rhs) {
  return rhs == 0 ? lhs : arith::AddIOp::create(*this, lhs, index(rhs));
}

Value KernelBuilder::fma(Value lhs, Value rhs, Value sum) {
  return vector::FMAOp::create(*this, lhs, rhs, sum);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// The mask whose first `active` of `lanes` bits are set.
static Value makeMask(KernelBuilder &b, int64_t active, int64_t lanes) {
  return vector::ConstantMaskOp::create(b,
                                        VectorType::get({lanes}, b.getI1Type()),
                                        b.getDenseI64ArrayAttr({active}));
}

Value KernelBuilder::loadVector(Value memref, ValueRange indices,
                                int64_t active) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  auto type = VectorType::get({getLanes()}, element);
  Value loaded;
  if (active == getLanes()) {
    loaded = vector::LoadOp::create(*this, type, memref, indices);
  } else {
    Value zero = arith::ConstantOp::create(*this, getZeroAttr(type));
    loaded =
        vector::MaskedLoadOp::create(*this, type, memref, indices,
                                     makeMask(*this, active, getLanes()), zero);
  }
  if (element.isF32())
    return loaded;
  auto floats = VectorType::get({getLanes()}, getF32Type());
  if (isa<IntegerType>(element))
    return arith::SIToFPOp::create(*this, floats, loaded);
  return arith::ExtFOp::create(*this, floats, loaded);
}

void KernelBuilder::storeVector(Value vector, Value memref, ValueRange indices,
                                int64_t active) {
  if (active == getLanes())
    vector::StoreOp::create(*this, vector, memref, indices);
  else
    vector::MaskedStoreOp::create(*this, memref, indices,
                                  makeMask(*this, active, getLanes()), vector);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void KernelBuilder::loop(Value from, Value to, int64_t step, Body body) {
  fold(from, to, step, {}, [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

SmallVector<Value> KernelBuilder::fold(Value from, Value to, int64_t step,
                                       ValueRange init, Fold body) {
  auto loop = scf::ForOp::create(*this, from, to, index(step), init);
  OpBuilder::InsertionGuard guard(*this);
  // Without values the builder has made the terminator.
  if (init.empty()) {
    setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVar(), {});
    return {};
  }
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(*this, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

void KernelBuilder::forAll(Value count, bool parallel, Body body) {
  Value zero = index(0);
  if (!parallel)
    return loop(zero, count, 1, body);
  auto loop = scf::ParallelOp::create(*this, ValueRange{zero},
                                      ValueRange{count}, ValueRange{index(1)});
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVars().front());
}

std::pair<Value, Value> KernelBuilder::getShare(Value count, const Team &team) {
  auto getStart = [&](Value thread) -> Value {
    Value product = arith::MulIOp::create(*this, count, thread);
    return arith::DivUIOp::create(*this, product, team.threads);
  };
  return {getStart(team.thread), getStart(offset(team.thread, 1))};
}

void KernelBuilder::forShare(Value count, const Team &team, Body body) {
  auto [first, last] = getShare(count, team);
  loop(first, last, 1, body);
}

void KernelBuilder::forEachVector(
    int64_t size, llvm::function_ref<void(Value, int64_t)> body) {
  foldVectors(size, {}, [&](Value at, int64_t active, ValueRange) {
    body(at, active);
    return SmallVector<Value>();
  });
}

SmallVector<Value> KernelBuilder::foldVectors(
    int64_t size, ValueRange init,
    llvm::function_ref<SmallVector<Value>(Value, int64_t, ValueRange)> body) {
  int64_t full = size / getLanes() * getLanes();
  SmallVector<Value> values(init);
  if (full > 0)
    values = fold(index(0), index(full), getLanes(), values,
                  [&](Value at, ValueRange carried) {
                    return body(at, getLanes(), carried);
                  });
  if (full < size)
    values = body(index(full), size - full, values);
  return values;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value KernelBuilder::reduce(Value vector,
                            llvm::function_ref<Value(Value, Value)> combine) {
  int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  for (; lanes > 1; lanes /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < lanes / 2; ++i)
      low.push_back(i), high.push_back(i + lanes / 2);
    vector = combine(vector::ShuffleOp::create(*this, vector, vector, low),
                     vector::ShuffleOp::create(*this, vector, vector, high));
  }
  return vector::ExtractOp::create(*this, vector, ArrayRef<int64_t>{0});
}

Value KernelBuilder::reduceAdd(Value vector) {
  return reduce(vector, [&](Value lhs, Value rhs) -> Value {
    return arith::AddFOp::create(*this, lhs, rhs);
  });
}

Value KernelBuilder::reduceMax(Value vector) {
  return reduce(vector, [&](Value lhs, Value rhs) -> Value {
    return arith::MaximumFOp::create(*this, lhs, rhs);
  });
}

Value KernelBuilder::softcap(float cap, Value vector) {
  if (cap == 0)
    return vector;
  int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  Value limit = splat(cap, lanes);
  Value ratio = arith::DivFOp::create(*this, vector, limit);
  return arith::MulFOp::create(*this, math::TanhOp::create(*this, ratio),
                               limit);
}

Value KernelBuilder::activate(std::optional<Activation> activation,
                              Value vector) {
  if (!activation)
    return vector;
  int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  auto constant = [&](double value) { return splat(value, lanes); };
  auto mul = [&](Value lhs, Value rhs) -> Value {
    return arith::MulFOp::create(*this, lhs, rhs);
  };
  auto add = [&](Value lhs, Value rhs) -> Value {
    return arith::AddFOp::create(*this, lhs, rhs);
  };
  switch (*activation) {
  case Activation::relu: // keeps a NaN
    return arith::MaximumFOp::create(*this, vector, constant(0));
  case Activation::relu2: {
    Value positive = arith::MaximumFOp::create(*this, vector, constant(0));
    return mul(positive, positive);
  }
  case Activation::gelu: {
    Value erf =
        math::ErfOp::create(*this, mul(vector, constant(0.70710678118654752)));
    return mul(mul(vector, constant(0.5)), add(erf, constant(1)));
  }
  case Activation::gelu_tanh: {
    Value cube = mul(mul(vector, vector), vector);
    Value inner = mul(add(vector, mul(cube, constant(0.044715))),
                      constant(0.79788456080286536));
    Value tanh = math::TanhOp::create(*this, inner);
    return mul(mul(vector, constant(0.5)), add(tanh, constant(1)));
  }
  case Activation::silu:
  case Activation::quick_gelu: {
    Value negative = arith::NegFOp::create(*this, vector);
    if (*activation == Activation::quick_gelu)
      negative = mul(negative, constant(1.702));
    Value exp = math::ExpOp::create(*this, negative);
    return arith::DivFOp::create(*this, vector, add(exp, constant(1)));
  }
  }
  llvm_unreachable("unknown activation");
}

//===----------------------------------------------------------------------===//
// KernelLibrary
//===----------------------------------------------------------------------===//

func::FuncOp KernelLibrary::get(StringRef stem, TypeRange arguments,
                                Generator generate, TypeRange results) {
  // Names that begin so are kept free of weights.
  std::string name = ("dejavu_" + stem).str();
  if (auto kernel = module.lookupSymbol<func::FuncOp>(name))
    return kernel;
  auto loc = NameLoc::get(StringAttr::get(getContext(), name));
  OpBuilder builder(getContext());
  builder.setInsertionPointToEnd(module.getBody());
  auto kernel = func::FuncOp::create(
      builder, loc, name, builder.getFunctionType(arguments, results));
  kernel.setPrivate();
  Block *block = kernel.addEntryBlock();
  builder.setInsertionPointToStart(block);
  KernelBuilder kernelBuilder(loc, builder, target);
  generate(kernelBuilder, block->getArguments());
  if (results.empty())
    func::ReturnOp::create(kernelBuilder);
  return kernel;
}

func::FuncOp KernelLibrary::getShared(
    StringRef stem, ArrayRef<Type> arguments,
    llvm::function_ref<void(KernelBuilder &, ValueRange, const Team &)>
        generate) {
  SmallVector<Type> types(arguments);
  types.append(2, IndexType::get(getContext()));
  return get(stem, types, [&](KernelBuilder &b, ValueRange args) {
    generate(b, args.drop_back(2), {args[args.size() - 2], args.back()});
  });
}

func::FuncOp KernelLibrary::declare(StringRef name, TypeRange arguments,
                                    TypeRange results) {
  if (auto function = module.lookupSymbol<func::FuncOp>(name))
    return function;
  OpBuilder builder(getContext());
  builder.setInsertionPointToEnd(module.getBody());
  auto function =
      func::FuncOp::create(builder, module.getLoc(), name,
                           builder.getFunctionType(arguments, results));
  function.setPrivate();
  return function;
}

//===----------------------------------------------------------------------===//
// Types and names
//===----------------------------------------------------------------------===//

MemRefType cpu::getRowsType(MLIRContext *context, int64_t columns) {
  return MemRefType::get({ShapedType::kDynamic, columns},
                         Float32Type::get(context));
}

MemRefType cpu::getWeightType(RankedTensorType tensor) {
  // Buffers have no signs.
  Type element = tensor.getElementType();
  if (element.isInteger())
    element =
        IntegerType::get(tensor.getContext(), element.getIntOrFloatBitWidth());
  return MemRefType::get(tensor.getShape(), element);
}
