//===- Verify.cpp - what verifiers of several ops check -------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verify.h"

#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace mlir::dejavu;

LogicalResult dejavu::verifyWeight(Operation *op, SymbolTableCollection &tables,
                                   FlatSymbolRefAttr symbol, StringRef role,
                                   ArrayRef<int64_t> expected) {
  auto weight = tables.lookupNearestSymbolFrom<WeightOp>(op, symbol);
  if (!weight)
    return op->emitOpError()
           << role << " " << symbol << " is not a dejavu.weight";
  ArrayRef<int64_t> shape = weight.getTensorType().getShape();
  bool matches = shape.size() == expected.size();
  for (size_t i = 0; matches && i < shape.size(); ++i)
    matches = expected[i] < 0 || expected[i] == shape[i];
  if (matches)
    return success();
  InFlightDiagnostic diag = op->emitOpError()
                            << "expected " << role << " " << symbol << " of [";
  llvm::interleaveComma(expected, diag, [&](int64_t dim) {
    if (dim < 0)
      diag << "?";
    else
      diag << dim;
  });
  diag << "], found " << weight.getTensorType();
  diag.attachNote(weight.getLoc()) << "the weight is declared here";
  return diag;
}

LogicalResult dejavu::verifyOptionalWeight(Operation *op,
                                           SymbolTableCollection &tables,
                                           FlatSymbolRefAttr symbol,
                                           StringRef role,
                                           ArrayRef<int64_t> expected) {
  return symbol ? verifyWeight(op, tables, symbol, role, expected) : success();
}

LogicalResult dejavu::verifyProduct(Operation *op,
                                    SymbolTableCollection &tables,
                                    FlatSymbolRefAttr weight,
                                    FlatSymbolRefAttr bias, int64_t rows,
                                    int64_t columns, int64_t results) {
  if (failed(verifyWeight(op, tables, weight, "weight", {rows, columns}))) // C1
    return failure();
  return verifyOptionalWeight(op, tables, bias, "bias", {results}); // C2
}

LogicalResult dejavu::verifySameRows(Operation *op, Type lhs, Type rhs) {
  auto a = cast<RankedTensorType>(lhs), b = cast<RankedTensorType>(rhs);
  for (unsigned dim = 0; dim < 2; ++dim)
    if (a.getDimSize(dim) != b.getDimSize(dim))
      return op->emitOpError()
             << "expected equal batch and tokens, found " << a << " and " << b;
  return success();
}

LogicalResult dejavu::verifyActiveSet(Operation *op, Value active, Unit unit,
                                      int64_t extent) {
  auto type = cast<ActiveType>(active.getType());
  if (type.getUnit() == unit && type.getExtent() == extent)
    return success();
  return op->emitOpError() << "expected an active set of "
                           << ActiveType::get(op->getContext(), unit, extent)
                           << ", found " << type;
}
