//===- ElementwiseKernels.cpp - kernels that go through rows once ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

/// Ending of a kernel's name that tells who shares the rows.
static StringRef nameRows(bool parallel) {
  return parallel ? "_prefill" : "_decode";
}

func::FuncOp cpu::getEmbedKernel(KernelLibrary &library, RankedTensorType table,
                                 llvm::APFloat scale, bool parallel) {
  int64_t features = table.getDimSize(1);
  bool isScaled = !scale.isExactlyValue(1.0);
  std::string name =
      ("embed_" + Twine(table.getDimSize(0)) + "x" + Twine(features) + "_" +
       nameElement(table.getElementType()) +
       (isScaled ? "_scale" + nameNumber(scale) : "") + nameRows(parallel))
          .str();
  MLIRContext *context = library.getContext();
  auto index = IndexType::get(context);
  auto ids =
      MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 64));
  return library.get(
      name,
      {ids, getWeightType(table), index, getRowsType(context, features), index},
      [&](KernelBuilder &b, ValueRange args) {
        b.forAll(args[4], parallel, [&](Value row) {
          Value id = memref::LoadOp::create(b, args[0], ValueRange{row});
          Value at = arith::IndexCastOp::create(b, b.getIndexType(), id);
          at = arith::AddIOp::create(b, at, args[2]);
          b.forEachVector(features, [&](Value column, int64_t active) {
            Value value = b.loadVector(args[1], {at, column}, active);
            if (isScaled)
              value = arith::MulFOp::create(
                  b, value, b.splat(scale.convertToFloat(), b.getLanes()));
            b.storeVector(value, args[3], {row, column}, active);
          });
        });
      });
}

func::FuncOp cpu::getIndicesKernel(KernelLibrary &library) {
  MLIRContext *context = library.getContext();
  auto index = IndexType::get(context);
  Type i64 = IntegerType::get(context, 64);
  auto ids = MemRefType::get({ShapedType::kDynamic}, i64);
  func::FuncOp fail =
      library.declare("dejavu_rt_bad_index", {i64, i64, i64}, {});
  return library.get(
      "indices", {ids, ids, index, index, index, i64},
      [&](KernelBuilder &b, ValueRange args) {
        auto number = [&](int64_t value) -> Value {
          return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
        };
        auto compare = [&](arith::CmpIPredicate predicate, Value lhs,
                           Value rhs) -> Value {
          return arith::CmpIOp::create(b, predicate, lhs, rhs);
        };
        Value zero = number(0);
        Value offset = arith::IndexCastOp::create(b, i64, args[2]);
        Value size = arith::IndexCastOp::create(b, i64, args[3]);
        b.loop(b.index(0), args[4], 1, [&](Value at) {
          Value given = memref::LoadOp::create(b, args[0], ValueRange{at});
          Value id = arith::AddIOp::create(b, given, offset);
          Value fromEnd = arith::AddIOp::create(b, id, size);
          id = arith::SelectOp::create(
              b, compare(arith::CmpIPredicate::slt, id, zero), fromEnd, id);
          // Unsigned, so that what is still negative is too large.
          Value isBad = compare(arith::CmpIPredicate::uge, id, size);
          auto branch = scf::IfOp::create(b, isBad, /*withElseRegion=*/false);
          {
            OpBuilder::InsertionGuard guard(b);
            b.setInsertionPointToStart(branch.thenBlock());
            func::CallOp::create(b, fail, ValueRange{args[5], given, size});
          }
          id = arith::SelectOp::create(b, isBad, zero, id);
          memref::StoreOp::create(b, id, args[1], ValueRange{at});
        });
      });
}

func::FuncOp cpu::getAddKernel(KernelLibrary &library, int64_t features,
                               bool parallel) {
  std::string name = ("add_" + Twine(features) + nameRows(parallel)).str();
  MLIRContext *context = library.getContext();
  Type rows = getRowsType(context, features);
  return library.get(
      name, {rows, rows, rows, IndexType::get(context)},
      [&](KernelBuilder &b, ValueRange args) {
        b.forAll(args[3], parallel, [&](Value row) {
          b.forEachVector(features, [&](Value column, int64_t active) {
            Value lhs = b.loadVector(args[0], {row, column}, active);
            Value rhs = b.loadVector(args[1], {row, column}, active);
            b.storeVector(arith::AddFOp::create(b, lhs, rhs), args[2],
                          {row, column}, active);
          });
        });
      });
}

/// Sum of `term(x)` over the lanes of a row; unused lanes of `term` must be 0.
static Value sumRow(KernelBuilder &b, Value input, Value row, int64_t features,
                    llvm::function_ref<Value(Value, int64_t, Value)> term) {
  SmallVector<Value> sum = b.foldVectors(
      features, b.splat(0, b.getLanes()),
      [&](Value column, int64_t active, ValueRange carried) {
        Value x = b.loadVector(input, {row, column}, active);
        return SmallVector<Value>{term(x, active, carried.front())};
      });
  return b.reduceAdd(sum.front());
}

/// `value` with the lanes from `active` on set to 0.
static Value clearTail(KernelBuilder &b, Value value, int64_t active) {
  if (active == b.getLanes())
    return value;
  SmallVector<float> ones(b.getLanes(), 0);
  std::fill_n(ones.begin(), active, 1.0f);
  auto type = cast<VectorType>(value.getType());
  Value mask = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<float>(ones)));
  return arith::MulFOp::create(b, value, mask);
}

func::FuncOp cpu::getNormKernel(KernelLibrary &library, const NormSpec &spec,
                                bool parallel) {
  int64_t features = spec.features;
  bool isShifted = spec.hasScale && !spec.weightOffset.isZero();
  std::string name =
      (stringifyNormKind(spec.kind) + "_norm_" + Twine(features) +
       (spec.hasScale ? "" : "_plain") + (spec.hasBias ? "_bias" : "") +
       (isShifted ? "_offset" + nameNumber(spec.weightOffset) : "") + "_eps" +
       nameNumber(spec.epsilon) + nameRows(parallel))
          .str();
  MLIRContext *context = library.getContext();
  Type rows = getRowsType(context, features);
  Type vector = MemRefType::get({features}, Float32Type::get(context));
  SmallVector<Type> types{rows};
  types.append(spec.hasScale + spec.hasBias, vector);
  types.append({rows, IndexType::get(context)});
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    Value input = args[0];
    Value scale = spec.hasScale ? args[1] : Value();
    Value bias = spec.hasBias ? args[1 + spec.hasScale] : Value();
    Value result = args[args.size() - 2];
    b.forAll(args.back(), parallel, [&](Value row) {
      Value count = b.f32(static_cast<double>(features));
      Value mean;
      if (spec.kind == NormKind::layer) {
        Value sum = sumRow(b, input, row, features,
                           [&](Value x, int64_t, Value sum) -> Value {
                             return arith::AddFOp::create(b, sum, x);
                           });
        mean = b.broadcast(arith::DivFOp::create(b, sum, count), b.getLanes());
      }
      auto centre = [&](Value x) -> Value {
        return mean ? arith::SubFOp::create(b, x, mean) : x;
      };
      Value squares = sumRow(b, input, row, features,
                             [&](Value x, int64_t active, Value sum) -> Value {
                               Value centred = clearTail(b, centre(x), active);
                               return b.fma(centred, centred, sum);
                             });
      Value variance = arith::DivFOp::create(b, squares, count);
      Value root = math::SqrtOp::create(
          b, arith::AddFOp::create(
                 b, variance,
                 arith::ConstantOp::create(
                     b, FloatAttr::get(b.getF32Type(), spec.epsilon))));
      Value factor =
          b.broadcast(arith::DivFOp::create(b, b.f32(1), root), b.getLanes());
      b.forEachVector(features, [&](Value column, int64_t active) {
        Value x = centre(b.loadVector(input, {row, column}, active));
        x = arith::MulFOp::create(b, x, factor);
        if (scale) {
          Value weight = b.loadVector(scale, column, active);
          if (isShifted)
            weight = arith::AddFOp::create(
                b, weight,
                b.splat(spec.weightOffset.convertToFloat(), b.getLanes()));
          x = arith::MulFOp::create(b, x, weight);
        }
        if (bias)
          x = arith::AddFOp::create(b, x, b.loadVector(bias, column, active));
        b.storeVector(x, result, {row, column}, active);
      });
    });
  });
}

std::string Epilogue::getName() const {
  std::string name = hasBias ? "_bias" : "";
  if (scale != 1)
    name += "_scale" + nameNumber(llvm::APFloat(scale));
  if (softcap != 0)
    name += "_cap" + nameNumber(llvm::APFloat(softcap));
  if (activation)
    name += "_" + stringifyActivation(*activation).str();
  return name;
}

Value Epilogue::apply(KernelBuilder &b, Value vector) const {
  int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  if (scale != 1)
    vector = arith::MulFOp::create(b, vector, b.splat(scale, lanes));
  return b.activate(activation, b.softcap(softcap, vector));
}

func::FuncOp cpu::getEpilogueKernel(KernelLibrary &library, int64_t features,
                                    const Epilogue &epilogue) {
  std::string name = ("epilogue_" + Twine(features) + epilogue.getName()).str();
  MLIRContext *context = library.getContext();
  SmallVector<Type> types{getRowsType(context, features)};
  if (epilogue.hasBias)
    types.push_back(MemRefType::get({features}, Float32Type::get(context)));
  types.push_back(IndexType::get(context));
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    b.forAll(args.back(), /*parallel=*/true, [&](Value row) {
      b.forEachVector(features, [&](Value column, int64_t active) {
        Value x = b.loadVector(args[0], {row, column}, active);
        if (epilogue.hasBias)
          x = arith::AddFOp::create(b, x,
                                    b.loadVector(args[1], column, active));
        b.storeVector(epilogue.apply(b, x), args[0], {row, column}, active);
      });
    });
  });
}

func::FuncOp cpu::getGateKernel(KernelLibrary &library, int64_t features,
                                bool hasFactorBias) {
  std::string name =
      ("gate_" + Twine(features) + (hasFactorBias ? "_upbias" : "")).str();
  MLIRContext *context = library.getContext();
  Type rows = getRowsType(context, features);
  SmallVector<Type> types{rows, rows};
  if (hasFactorBias)
    types.push_back(MemRefType::get({features}, Float32Type::get(context)));
  types.push_back(IndexType::get(context));
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    b.forAll(args.back(), /*parallel=*/true, [&](Value row) {
      b.forEachVector(features, [&](Value column, int64_t active) {
        Value x = b.loadVector(args[0], {row, column}, active);
        Value factor = b.loadVector(args[1], {row, column}, active);
        if (hasFactorBias)
          factor = arith::AddFOp::create(b, factor,
                                         b.loadVector(args[2], column, active));
        b.storeVector(arith::MulFOp::create(b, x, factor), args[0],
                      {row, column}, active);
      });
    });
  });
}
