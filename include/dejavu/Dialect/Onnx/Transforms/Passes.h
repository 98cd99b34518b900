//===- Passes.h - passes on the onnx dialect --------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_TRANSFORMS_PASSES_H
#define DEJAVU_DIALECT_ONNX_TRANSFORMS_PASSES_H

#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::onnx {
/// Replaces the fused operators in `root` that are `wanted` by the plain ones
/// they stand for, as onnx-decompose does with all. Fails, with an error at the
/// op, if one has a form that is not supported.
LogicalResult decomposeFusedOps(Operation *root,
                                llvm::function_ref<bool(Operation *)> wanted);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dejavu/Dialect/Onnx/Transforms/Passes.h.inc"
} // namespace mlir::onnx

#endif // DEJAVU_DIALECT_ONNX_TRANSFORMS_PASSES_H
