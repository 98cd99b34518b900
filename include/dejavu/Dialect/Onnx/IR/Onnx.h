//===- Onnx.h - the onnx dialect ----------------------------------*- C++
//-*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One op for each ONNX operator that the importer knows, and the inference of
// their result types.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNX_H
#define DEJAVU_DIALECT_ONNX_IR_ONNX_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dejavu/Dialect/Onnx/IR/OnnxDialect.h.inc"
#include "dejavu/Dialect/Onnx/IR/OnnxEnums.h.inc"

#include "dejavu/Dialect/Onnx/IR/OnnxInference.h"
#include "dejavu/Dialect/Onnx/IR/OnnxInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dejavu/Dialect/Onnx/IR/OnnxAttributes.h.inc"

#define GET_OP_CLASSES
#include "dejavu/Dialect/Onnx/IR/OnnxOps.h.inc"

#endif // DEJAVU_DIALECT_ONNX_IR_ONNX_H
