//===- DejavuPlugin.cpp - the dialects and passes as a plugin of mlir-opt -===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For a stock mlir-opt:
//   mlir-opt-22 f.mlir --load-dialect-plugin=/path/to/DejavuPlugin.so
//     --load-pass-plugin=/path/to/DejavuPlugin.so
//     --pass-pipeline='builtin.module(dejavu-sparsify-ffn)'
//
//===----------------------------------------------------------------------===//

#include "dejavu/InitAllDialects.h"
#include "dejavu/InitAllPasses.h"

#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_WEAK ::mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Dejavu", LLVM_VERSION_STRING,
          [](mlir::DialectRegistry *registry) {
            mlir::dejavu::registerAllDejavuDialects(*registry);
            mlir::dejavu::registerAllDejavuPasses();
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK ::mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Dejavu", LLVM_VERSION_STRING,
          [] { mlir::dejavu::registerAllDejavuPasses(); }};
}
