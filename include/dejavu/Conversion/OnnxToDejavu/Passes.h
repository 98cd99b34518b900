//===- Passes.h - onnx ops to dejavu ops ------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_CONVERSION_ONNXTODEJAVU_PASSES_H
#define DEJAVU_CONVERSION_ONNXTODEJAVU_PASSES_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::dejavu {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

#endif // DEJAVU_CONVERSION_ONNXTODEJAVU_PASSES_H
