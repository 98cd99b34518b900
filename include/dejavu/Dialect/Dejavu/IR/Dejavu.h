//===- Dejavu.h - the dejavu dialect in C++ ---------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_DEJAVU_IR_DEJAVU_H
#define DEJAVU_DIALECT_DEJAVU_IR_DEJAVU_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir {
class PatternRewriter;
} // namespace mlir

#include "dejavu/Dialect/Dejavu/IR/DejavuDialect.h.inc"
#include "dejavu/Dialect/Dejavu/IR/DejavuEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dejavu/Dialect/Dejavu/IR/DejavuAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dejavu/Dialect/Dejavu/IR/DejavuTypes.h.inc"

namespace mlir::dejavu {
/// True for f32 [batch, tokens, features] with static features: the type of
/// every activation.
bool isActivationType(Type type);

/// Features of an activation.
inline int64_t getFeatures(Type type) {
  return llvm::cast<RankedTensorType>(type).getDimSize(2);
}

/// True if `activation` gives exactly zero for all inputs that are not
/// positive, which is what makes exact sparsity pay.
inline bool isExactlySparse(Activation activation) {
  return activation == Activation::relu || activation == Activation::relu2;
}
} // namespace mlir::dejavu

#define GET_OP_CLASSES
#include "dejavu/Dialect/Dejavu/IR/DejavuOps.h.inc"

#endif // DEJAVU_DIALECT_DEJAVU_IR_DEJAVU_H
