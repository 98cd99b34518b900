//===- KernelNames.h - what kernels are called ------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_COMMON_KERNELNAMES_H
#define DEJAVU_LIB_CONVERSION_COMMON_KERNELNAMES_H

#include "mlir/IR/Types.h"
#include "llvm/ADT/APFloat.h"

#include <string>

namespace mlir::dejavu {

/// `f32`, `f16`, `bf16`.
std::string nameElement(Type type);
/// The bits of a number, for the name of a kernel that depends on it.
std::string nameNumber(const llvm::APFloat &number);

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_CONVERSION_COMMON_KERNELNAMES_H
