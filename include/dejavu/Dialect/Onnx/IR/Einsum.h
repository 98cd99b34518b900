//===- Einsum.h - the equation of an Einsum ---------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An equation names the dimensions of operands and of the result. Here a name
// is a number, the same for the same dimension; those that an ellipsis stands
// for have numbers of their own.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_EINSUM_H
#define DEJAVU_DIALECT_ONNX_IR_EINSUM_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"

#include <string>

namespace mlir::onnx {

struct EinsumEquation {
  /// For each operand and for the result the numbers of its dimensions.
  llvm::SmallVector<llvm::SmallVector<unsigned>> operands;
  llvm::SmallVector<unsigned> result;
  /// How many numbers there are.
  unsigned count = 0;
  /// The numbers below this one stand for dimensions of ellipses, which may
  /// also be 1.
  unsigned ellipsis = 0;
};

/// Reads `text` for operands of the given ranks.
llvm::LogicalResult parseEinsum(llvm::StringRef text,
                                llvm::ArrayRef<int64_t> ranks,
                                EinsumEquation &equation, std::string &error);

} // namespace mlir::onnx

#endif // DEJAVU_DIALECT_ONNX_IR_EINSUM_H
