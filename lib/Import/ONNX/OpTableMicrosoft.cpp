//===- OpTableMicrosoft.cpp - the operators of com.microsoft --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The domain of ONNX Runtime's own operators. It has stayed at version 1:
// operators get new optional inputs and attributes in place.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

using namespace mlir::dejavu::onnximport;

// Name, since, inputs (least, most), outputs (least, most), attributes.
static const OpSchema table[] = {
    {"Gelu", 1, 1, 1, 1, 1},
};

llvm::ArrayRef<OpSchema> mlir::dejavu::onnximport::getMicrosoftOperators() {
  return table;
}
