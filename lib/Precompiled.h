//===- Precompiled.h - headers that nearly all sources read -----*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Read once for all libraries of the compiler: most of the time that a source
// takes goes into these. A source includes what it uses all the same, and the
// build with -DDEJAVU_ENABLE_PCH=OFF shows that it does.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_PRECOMPILED_H
#define DEJAVU_LIB_PRECOMPILED_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/Pass.h"

#endif // DEJAVU_LIB_PRECOMPILED_H
