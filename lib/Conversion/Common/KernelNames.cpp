//===- KernelNames.cpp - what kernels are called --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelNames.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

std::string dejavu::nameElement(Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type;
  return name;
}

std::string dejavu::nameNumber(const llvm::APFloat &number) {
  SmallString<16> digits;
  number.bitcastToAPInt().toStringUnsigned(digits, 16);
  return digits.str().str();
}
