//===- dejavu-import-onnx.cpp - prints an ONNX model as IR ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Import/ONNX/OnnxImporter.h"
#include "dejavu/Support/ToolOutput.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

using namespace mlir;
using namespace mlir::dejavu;

static llvm::cl::OptionCategory category("dejavu-import-onnx options");

static llvm::cl::opt<std::string>
    modelPath(llvm::cl::Positional,
              llvm::cl::desc("<model.onnx or a folder that holds it>"),
              llvm::cl::cat(category));

static llvm::cl::opt<std::string>
    outputPath("o", llvm::cl::desc("Output file, '-' for stdout"),
               llvm::cl::value_desc("file"), llvm::cl::init("-"),
               llvm::cl::cat(category));

static llvm::cl::opt<bool>
    printLocations("locations",
                   llvm::cl::desc("Print the names of nodes, as locations"),
                   llvm::cl::cat(category));

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  if (failed(
          parseCommandLine(argc, argv, category,
                           "Prints an ONNX model as dejavu's imported IR\n")))
    return 1;
  if (modelPath.empty())
    return reportError("expected the path of a model, see "
                       "'dejavu-import-onnx --help'");

  // One op after the other is built: threads would only cost time to start.
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ToolDiagnosticHandler handler(&context, modelPath);
  FailureOr<OwningOpRef<ModuleOp>> module = importOnnxModel(context, modelPath);
  if (failed(module))
    return 1;

  std::string error;
  std::unique_ptr<OutputFile> output = OutputFile::create(outputPath, error);
  if (!output)
    return reportError(error);
  OpPrintingFlags flags;
  if (printLocations)
    flags.enableDebugInfo();
  (*module)->print(output->os(), flags);
  output->os() << '\n';
  if (failed(output->commit(error)))
    return reportError(error);
  return 0;
}
