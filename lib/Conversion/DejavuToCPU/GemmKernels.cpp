//===- GemmKernels.cpp - products with many rows, through oneDNN ----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prefill multiplies by matrices that the threads share already inside the
// library, so these kernels only convert weights that are not f32, a block at a
// time, and call it. See docs/Rationale/PrefillLibrary.md for the choice.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

/// Elements of a block of converted weights: 2 MiB of f32.
static constexpr int64_t kBlockElements = 512 << 10;

MemRefType cpu::getGemmScratchType(RankedTensorType weight) {
  if (weight.getElementType().isF32())
    return nullptr;
  int64_t rows = std::clamp<int64_t>(kBlockElements / weight.getDimSize(1), 1,
                                     weight.getDimSize(0));
  return MemRefType::get({rows, weight.getDimSize(1)},
                         Float32Type::get(weight.getContext()));
}

/// The address of `memref[row, column]` as the 64-bit integer that a pointer
/// argument is on x86-64.
static Value getAddress(KernelBuilder &b, Value memref, Value row,
                        Value column = {}) {
  int64_t columns = cast<MemRefType>(memref.getType()).getDimSize(1);
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, memref);
  Value elements = arith::MulIOp::create(b, row, b.index(columns));
  if (column)
    elements = arith::AddIOp::create(b, elements, column);
  Value bytes = arith::MulIOp::create(b, elements, b.index(sizeof(float)));
  return arith::IndexCastOp::create(b, b.getI64Type(),
                                    arith::AddIOp::create(b, base, bytes));
}

namespace {
/// Operands of one call: addresses, and sizes as index values.
struct GemmCall {
  bool transposed;
  Value rows, columns, inner;
  Value lhs, rhs, result;
  int64_t lhsStride, rhsStride, resultStride;
  Value beta;
};
} // namespace

/// Calls `dnnl_sgemm`, which is row-major:
/// result[rows, columns] = lhs * op(rhs) + beta * result.
static Value callGemm(KernelLibrary &library, KernelBuilder &b,
                      const GemmCall &call) {
  Type i8 = b.getI8Type(), i64 = b.getI64Type(), f32 = b.getF32Type();
  func::FuncOp callee = library.declare(
      "dnnl_sgemm",
      {i8, i8, i64, i64, i64, f32, i64, i64, i64, i64, f32, i64, i64},
      b.getI32Type());
  auto letter = [&](char value) -> Value {
    return arith::ConstantOp::create(b, b.getI8IntegerAttr(value));
  };
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  auto size = [&](Value value) -> Value {
    return arith::IndexCastOp::create(b, i64, value);
  };
  Value status =
      func::CallOp::create(
          b, callee,
          ValueRange{letter('N'), letter(call.transposed ? 'T' : 'N'),
                     size(call.rows), size(call.columns), size(call.inner),
                     b.f32(1), call.lhs, number(call.lhsStride), call.rhs,
                     number(call.rhsStride), call.beta, call.result,
                     number(call.resultStride)})
          .getResult(0);
  return status;
}

/// Converts rows [first, first + count) of `weight` to rows 0 .. of `scratch`.
static void convertBlock(KernelBuilder &b, Value weight, Value scratch,
                         Value first, Value count) {
  int64_t columns = cast<MemRefType>(weight.getType()).getDimSize(1);
  b.forAll(count, /*parallel=*/true, [&](Value row) {
    Value from = arith::AddIOp::create(b, first, row);
    b.forEachVector(columns, [&](Value column, int64_t active) {
      Value value = b.loadVector(weight, {from, column}, active);
      b.storeVector(value, scratch, {row, column}, active);
    });
  });
}

func::FuncOp cpu::getGemmKernel(KernelLibrary &library, RankedTensorType weight,
                                bool transposed) {
  MLIRContext *context = library.getContext();
  int64_t stored = weight.getDimSize(0), width = weight.getDimSize(1);
  int64_t in = transposed ? width : stored, out = transposed ? stored : width;
  MemRefType scratchType = getGemmScratchType(weight);
  Type index = IndexType::get(context);
  SmallVector<Type> types{
      getRowsType(context, in),  index, getWeightType(weight),
      getRowsType(context, out), index, index};
  if (scratchType)
    types.push_back(scratchType);
  std::string name =
      ((transposed ? "gemm_nt_" : "gemm_nn_") + Twine(stored) + "x" +
       Twine(width) + "_" + nameElement(weight.getElementType()))
          .str();
  return library.get(
      name, types,
      [&](KernelBuilder &b, ValueRange args) {
        Value input = args[0], matrix = args[2], result = args[3];
        GemmCall call{transposed,
                      args[5],
                      b.index(out),
                      b.index(in),
                      getAddress(b, input, args[1]),
                      Value(),
                      getAddress(b, result, args[4]),
                      in,
                      width,
                      out,
                      b.f32(0)};
        if (!scratchType) {
          call.rhs = getAddress(b, matrix, b.index(0));
          func::ReturnOp::create(b, callGemm(library, b, call));
          return;
        }
        Value scratch = args[6];
        int64_t block = scratchType.getDimSize(0);
        Value none = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
        SmallVector<Value> status = b.fold(
            b.index(0), b.index(stored), block, none,
            [&](Value first, ValueRange carried) {
              Value left = arith::SubIOp::create(b, b.index(stored), first);
              Value count = arith::MinUIOp::create(b, left, b.index(block));
              convertBlock(b, matrix, scratch, first, count);
              GemmCall part = call;
              part.rhs = getAddress(b, scratch, b.index(0));
              if (transposed) {
                // A block of rows is a block of columns of the result.
                part.columns = count;
                part.result = getAddress(b, result, args[4], first);
              } else {
                // A block of rows is a block of the sum.
                part.inner = count;
                part.lhs = getAddress(b, input, args[1], first);
                Value isFirst = arith::CmpIOp::create(
                    b, arith::CmpIPredicate::eq, first, b.index(0));
                part.beta =
                    arith::SelectOp::create(b, isFirst, b.f32(0), b.f32(1));
              }
              Value now = callGemm(library, b, part);
              return SmallVector<Value>{
                  arith::OrIOp::create(b, carried.front(), now)};
            });
        func::ReturnOp::create(b, status);
      },
      IntegerType::get(context, 32));
}
