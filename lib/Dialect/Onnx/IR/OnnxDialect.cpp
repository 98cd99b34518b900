//===- OnnxDialect.cpp - the onnx dialect ---------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::onnx;

#include "dejavu/Dialect/Onnx/IR/OnnxDialect.cpp.inc"
#include "dejavu/Dialect/Onnx/IR/OnnxEnums.cpp.inc"
#include "dejavu/Dialect/Onnx/IR/OnnxInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dejavu/Dialect/Onnx/IR/OnnxAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "dejavu/Dialect/Onnx/IR/OnnxOps.cpp.inc"

void OnnxDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dejavu/Dialect/Onnx/IR/OnnxAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dejavu/Dialect/Onnx/IR/OnnxOps.cpp.inc"
      >();
}

Operation *OnnxDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                            Type type, Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(builder, loc, type, elements);
}

/// Checks onnx.name and onnx.dims on an argument or result of type `type`.
static LogicalResult verifyFunctionAttr(Operation *op, Type type,
                                        NamedAttribute attr) {
  if (attr.getName() == "onnx.name") {
    if (!isa<StringAttr>(attr.getValue()))
      return op->emitOpError("expects 'onnx.name' to be a string, found ")
             << attr.getValue();
    return success();
  }
  if (attr.getName() == "onnx.dims") {
    auto dims = dyn_cast<ArrayAttr>(attr.getValue());
    if (!dims || !llvm::all_of(dims, llvm::IsaPred<StringAttr>))
      return op->emitOpError("expects 'onnx.dims' to be a list of strings, "
                             "found ")
             << attr.getValue();
    auto shaped = dyn_cast<ShapedType>(type);
    if (shaped && shaped.hasRank() &&
        shaped.getRank() != static_cast<int64_t>(dims.size()))
      return op->emitOpError("expects 'onnx.dims' to have one string for each "
                             "dimension of ")
             << type << ", found " << dims.size();
    return success();
  }
  return op->emitOpError("has the unknown attribute '")
         << attr.getName().getValue() << "' on an argument or result";
}

LogicalResult OnnxDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                    unsigned argument,
                                                    NamedAttribute attr) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return success();
  return verifyFunctionAttr(op, function.getArgumentTypes()[argument], attr);
}

LogicalResult OnnxDialect::verifyRegionResultAttribute(Operation *op, unsigned,
                                                       unsigned result,
                                                       NamedAttribute attr) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return success();
  return verifyFunctionAttr(op, function.getResultTypes()[result], attr);
}
