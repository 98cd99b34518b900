//===- RopeKernels.cpp - rotary embedding ---------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cosines and sines are made once for each token and serve all layers. They
// come from libm, element by element: angles grow with the position, and an
// approximation over vectors loses what a large angle's remainder needs.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

func::FuncOp cpu::getRopeTableKernel(KernelLibrary &library, int64_t features,
                                     llvm::APFloat scale) {
  MLIRContext *context = library.getContext();
  Type f32 = Float32Type::get(context), index = IndexType::get(context);
  int64_t half = features / 2;
  auto positions =
      MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 64));
  func::FuncOp functions[] = {library.declare("cosf", f32, f32),
                              library.declare("sinf", f32, f32)};
  std::string name =
      ("rope_table_" + Twine(features) + "_scale" + nameNumber(scale)).str();
  return library.get(
      name,
      {positions, MemRefType::get({half}, f32), getRowsType(context, features),
       index},
      [&](KernelBuilder &b, ValueRange args) {
        b.loop(b.index(0), args[3], 1, [&](Value row) {
          Value position = arith::SIToFPOp::create(
              b, f32, memref::LoadOp::create(b, args[0], ValueRange{row}));
          b.loop(b.index(0), b.index(half), 1, [&](Value at) {
            Value frequency =
                memref::LoadOp::create(b, args[1], ValueRange{at});
            Value angle = arith::MulFOp::create(b, position, frequency);
            for (int64_t which = 0; which < 2; ++which) {
              Value value =
                  func::CallOp::create(b, functions[which], angle).getResult(0);
              if (!scale.isExactlyValue(1.0))
                value = arith::MulFOp::create(b, value,
                                              b.f32(scale.convertToFloat()));
              memref::StoreOp::create(
                  b, value, args[2],
                  ValueRange{row, b.offset(at, which * half)});
            }
          });
        });
      });
}

namespace {
/// Generates the rotation of one head of one row.
struct RopeGenerator {
  KernelBuilder &b;
  Value input, table, result;
  int64_t rotated;
  Value row, tableRow, first; ///< first column of the head

  Value column(Value at, int64_t offset = 0) {
    return arith::AddIOp::create(b, first, b.offset(at, offset));
  }

  /// Pairs (i, i + rotated / 2), vector by vector.
  void rotateHalves() {
    int64_t half = rotated / 2;
    b.forEachVector(half, [&](Value at, int64_t active) {
      Value cos = b.loadVector(table, {tableRow, at}, active);
      Value sin = b.loadVector(table, {tableRow, b.offset(at, half)}, active);
      Value low = column(at), high = column(at, half);
      Value x = b.loadVector(input, {row, low}, active);
      Value y = b.loadVector(input, {row, high}, active);
      auto mul = [&](Value lhs, Value rhs) -> Value {
        return arith::MulFOp::create(b, lhs, rhs);
      };
      b.storeVector(arith::SubFOp::create(b, mul(x, cos), mul(y, sin)), result,
                    {row, low}, active);
      b.storeVector(arith::AddFOp::create(b, mul(y, cos), mul(x, sin)), result,
                    {row, high}, active);
    });
  }

  /// Pairs (2i, 2i + 1).
  void rotateNeighbours() {
    int64_t half = rotated / 2;
    b.loop(b.index(0), b.index(half), 1, [&](Value at) {
      auto load = [&](Value from, Value line, Value place) -> Value {
        return memref::LoadOp::create(b, from, ValueRange{line, place});
      };
      auto mul = [&](Value lhs, Value rhs) -> Value {
        return arith::MulFOp::create(b, lhs, rhs);
      };
      Value cos = load(table, tableRow, at);
      Value sin = load(table, tableRow, b.offset(at, half));
      Value low = column(arith::MulIOp::create(b, at, b.index(2)));
      Value high = b.offset(low, 1);
      Value x = load(input, row, low), y = load(input, row, high);
      memref::StoreOp::create(
          b, arith::SubFOp::create(b, mul(x, cos), mul(y, sin)), result,
          ValueRange{row, low});
      memref::StoreOp::create(
          b, arith::AddFOp::create(b, mul(y, cos), mul(x, sin)), result,
          ValueRange{row, high});
    });
  }

  /// Features from `rotated` on stay.
  void copyRest(int64_t headDim) {
    b.forEachVector(headDim - rotated, [&](Value at, int64_t active) {
      Value place = column(at, rotated);
      b.storeVector(b.loadVector(input, {row, place}, active), result,
                    {row, place}, active);
    });
  }
};
} // namespace

func::FuncOp cpu::getRopeKernel(KernelLibrary &library, int64_t features,
                                int64_t heads, int64_t rotated,
                                bool interleaved, bool parallel) {
  MLIRContext *context = library.getContext();
  Type rows = getRowsType(context, features), index = IndexType::get(context);
  int64_t headDim = features / heads;
  std::string name = ("rope_" + Twine(heads) + "x" + Twine(headDim) + "_" +
                      Twine(rotated) + (interleaved ? "_interleaved" : "") +
                      (parallel ? "_prefill" : "_decode"))
                         .str();
  return library.get(
      name, {rows, getRowsType(context, rotated), index, rows, index},
      [&](KernelBuilder &b, ValueRange args) {
        b.forAll(args[4], parallel, [&](Value row) {
          Value tableRow = arith::RemUIOp::create(b, row, args[2]);
          b.loop(b.index(0), b.index(heads), 1, [&](Value head) {
            Value first = arith::MulIOp::create(b, head, b.index(headDim));
            RopeGenerator generator{b,       args[0], args[1],  args[3],
                                    rotated, row,     tableRow, first};
            if (interleaved)
              generator.rotateNeighbours();
            else
              generator.rotateHalves();
            generator.copyRest(headDim);
          });
        });
      });
}
