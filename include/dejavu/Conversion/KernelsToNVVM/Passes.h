//===- Passes.h - GPU kernels to what NVVM has ------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_CONVERSION_KERNELSTONVVM_PASSES_H
#define DEJAVU_CONVERSION_KERNELSTONVVM_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::dejavu {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dejavu/Conversion/KernelsToNVVM/Passes.h.inc"
} // namespace mlir::dejavu

#endif // DEJAVU_CONVERSION_KERNELSTONVVM_PASSES_H
