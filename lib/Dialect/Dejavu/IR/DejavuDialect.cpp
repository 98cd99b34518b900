//===- DejavuDialect.cpp - attributes and types of the dejavu dialect -----===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dejavu;

#include "dejavu/Dialect/Dejavu/IR/DejavuDialect.cpp.inc"
#include "dejavu/Dialect/Dejavu/IR/DejavuEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dejavu/Dialect/Dejavu/IR/DejavuAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dejavu/Dialect/Dejavu/IR/DejavuTypes.cpp.inc"

void DejavuDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dejavu/Dialect/Dejavu/IR/DejavuAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dejavu/Dialect/Dejavu/IR/DejavuTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dejavu/Dialect/Dejavu/IR/DejavuOps.cpp.inc"
      >();
}

bool mlir::dejavu::isActivationType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 3 && tensor.getElementType().isF32() &&
         !tensor.isDynamicDim(2);
}

LogicalResult KVCacheType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t heads, int64_t headDim) {
  if (heads <= 0 || headDim <= 0)
    return emitError() << "expected a positive number of heads and elements, "
                          "found "
                       << heads << " x " << headDim;
  return success();
}

LogicalResult ActiveType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Unit unit, int64_t extent) {
  if (extent <= 0)
    return emitError() << "expected a positive extent, found " << extent;
  return success();
}
