//===- dejavu-interpret.cpp - runs IR with the reference interpreter ------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/InitAllDialects.h"
#include "dejavu/Reference/Interpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::dejavu;

namespace cl = llvm::cl;

static cl::opt<std::string> inputPath(cl::Positional, cl::Required,
                                      cl::desc("FILE.mlir"));
static cl::opt<std::string>
    functionName("function",
                 cl::desc("run the function NAME, which has no "
                          "arguments, and print its results"),
                 cl::value_desc("NAME"));

int main(int argc, char **argv) {
  cl::ParseCommandLineOptions(argc, argv, "dejavu reference interpreter\n");
  DialectRegistry registry;
  registerAllDejavuDialects(registry);
  registry.insert<arith::ArithDialect, func::FuncDialect>();
  MLIRContext context(registry);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(inputPath, &context);
  if (!module)
    return 1;
  for (auto function : module->getOps<func::FuncOp>()) {
    if (!functionName.empty() && function.getSymName() != functionName)
      continue;
    llvm::outs() << '@' << function.getSymName() << '\n';
    reference::Interpreter interpreter;
    auto results = interpreter.run(function, {});
    if (failed(results)) {
      emitError(interpreter.getError()->loc, interpreter.getError()->message);
      return 1;
    }
    for (auto &result : *results) {
      std::get<reference::Tensor>(result).print(llvm::outs());
      llvm::outs() << "\n";
    }
  }
  return 0;
}
