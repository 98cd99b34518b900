//===- MemRefs.cpp - memrefs from pointers and back -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemRefs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::dejavu;

/// A memref of `type` without an offset at `pointer`. A descriptor of rank 0 is
/// made by hand; memref.reinterpret_cast gives it the shape.
Value cpu::makeMemRef(ImplicitLocOpBuilder &builder, Value pointer,
                      MemRefType type, ValueRange sizes) {
  auto scalar = MemRefType::get({}, type.getElementType());
  auto descriptor = LLVM::LLVMStructType::getLiteral(
      builder.getContext(),
      {pointer.getType(), pointer.getType(), builder.getI64Type()});
  Value parts = LLVM::UndefOp::create(builder, descriptor);
  Value zero = LLVM::ConstantOp::create(builder, builder.getI64Type(),
                                        builder.getI64IntegerAttr(0));
  parts = LLVM::InsertValueOp::create(builder, parts, pointer,
                                      ArrayRef<int64_t>{0});
  parts = LLVM::InsertValueOp::create(builder, parts, pointer,
                                      ArrayRef<int64_t>{1});
  parts =
      LLVM::InsertValueOp::create(builder, parts, zero, ArrayRef<int64_t>{2});
  Value base =
      UnrealizedConversionCastOp::create(builder, scalar, parts).getResult(0);

  SmallVector<OpFoldResult> shape, strides(type.getRank());
  for (int64_t size : type.getShape()) {
    if (ShapedType::isDynamic(size)) {
      shape.push_back(sizes.front());
      sizes = sizes.drop_front();
    } else {
      shape.push_back(builder.getIndexAttr(size));
    }
  }
  OpFoldResult stride = builder.getIndexAttr(1);
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    strides[dim] = stride;
    auto known = dyn_cast<Attribute>(stride);
    auto size = dyn_cast<Attribute>(shape[dim]);
    if (known && size) {
      stride = builder.getIndexAttr(cast<IntegerAttr>(known).getInt() *
                                    cast<IntegerAttr>(size).getInt());
      continue;
    }
    auto value = [&](OpFoldResult each) -> Value {
      if (auto attribute = dyn_cast<Attribute>(each))
        return arith::ConstantIndexOp::create(
            builder, cast<IntegerAttr>(attribute).getInt());
      return cast<Value>(each);
    };
    stride = OpFoldResult(
        arith::MulIOp::create(builder, value(stride), value(shape[dim]))
            .getResult());
  }
  return memref::ReinterpretCastOp::create(
      builder, type, base, OpFoldResult(builder.getIndexAttr(0)), shape,
      strides);
}

Value cpu::getAddress(ImplicitLocOpBuilder &builder, Value memref) {
  Value address =
      memref::ExtractAlignedPointerAsIndexOp::create(builder, memref);
  address = arith::IndexCastOp::create(builder, builder.getI64Type(), address);
  return LLVM::IntToPtrOp::create(
      builder, LLVM::LLVMPointerType::get(builder.getContext()), address);
}
