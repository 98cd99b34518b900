//===- InitAllDialects.h - registers the project's dialects (tools only) --*-
// C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_INITALLDIALECTS_H
#define DEJAVU_INITALLDIALECTS_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/IR/DialectRegistry.h"

namespace mlir::dejavu {
inline void registerAllDejavuDialects(DialectRegistry &registry) {
  registry.insert<DejavuDialect, onnx::OnnxDialect>();
}
} // namespace mlir::dejavu

#endif // DEJAVU_INITALLDIALECTS_H
