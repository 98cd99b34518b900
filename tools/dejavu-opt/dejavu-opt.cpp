//===- dejavu-opt.cpp - mlir-opt with the project's dialects and passes ---===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/InitAllDialects.h"
#include "dejavu/InitAllPasses.h"
#include "dejavu/Support/ToolOutput.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"

int main(int argc, char **argv) {
  llvm::cl::AddExtraVersionPrinter([](llvm::raw_ostream &os) {
    os << "dejavu-opt " << mlir::dejavu::getVersion() << "\n";
  });
  mlir::registerAllPasses();
  mlir::dejavu::registerAllDejavuPasses();

  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::dejavu::registerAllDejavuDialects(registry);
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "dejavu optimizer driver\n", registry));
}
