//===- Passes.h - from the onnx dialect to loops ----------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_CONVERSION_ONNXTOLINALG_PASSES_H
#define DEJAVU_CONVERSION_ONNXTOLINALG_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::dejavu {
/// Unit attribute of a private function of onnx ops that is compiled by the
/// general way, without kernels.
inline constexpr llvm::StringLiteral kDenseAttrName = "dejavu.dense";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dejavu/Conversion/OnnxToLinalg/Passes.h.inc"
} // namespace mlir::dejavu

#endif // DEJAVU_CONVERSION_ONNXTOLINALG_PASSES_H
