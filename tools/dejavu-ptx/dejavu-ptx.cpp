//===- dejavu-ptx.cpp - from kernels to the code of a GPU -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints what dejavu-compile would embed for one gpu.module: for tests of
// kernels, and for looking at them.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Pipelines/Pipelines.h"
#include "dejavu/Support/ToolOutput.h"
#include "dejavu/Target/CUDA/Cubin.h"
#include "dejavu/Target/CUDA/PTX.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::dejavu;
namespace cl = llvm::cl;

static cl::OptionCategory category("dejavu-ptx options");

static cl::opt<std::string> inputPath(cl::Positional, cl::init("-"),
                                      cl::desc("<IR with a gpu.module>"),
                                      cl::cat(category));

static cl::opt<std::string> outputPath("o", cl::desc("The output"),
                                       cl::value_desc("FILE"), cl::init("-"),
                                       cl::cat(category));

static cl::opt<std::string>
    chipName("chip",
             cl::desc("The chip, and, where there are several, its module "
                      "@kernels_CHIP (default: that of the only gpu.module)"),
             cl::value_desc("CHIP"), cl::cat(category));

static cl::opt<bool> wantsCubin("cubin",
                                cl::desc("Write the code of the chip, an ELF "
                                         "file, in place of PTX"),
                                cl::cat(category));

static cl::opt<bool>
    wantsResources("resources",
                   cl::desc("Print registers and memory of each kernel as JSON "
                            "in place of PTX"),
                   cl::cat(category));

/// The module that --chip means.
static FailureOr<gpu::GPUModuleOp> chooseModule(ModuleOp module) {
  SmallVector<gpu::GPUModuleOp> all =
      llvm::to_vector(module.getOps<gpu::GPUModuleOp>());
  for (gpu::GPUModuleOp each : all)
    if (each.getName() == "kernels_" + chipName)
      return each;
  if (all.size() == 1)
    return all.front();
  return module.emitError()
         << "expected "
         << (all.empty() ? "a gpu.module" : "--chip of one of the gpu.modules");
}

/// What launches and resources of the kernels are.
static void printResources(ArrayRef<KernelLaunch> launches, const Cubin &cubin,
                           const TargetInfo &target, raw_ostream &os) {
  llvm::json::Array kernels;
  for (const KernelLaunch &launch : launches) {
    KernelResources used = cubin.resources.lookup(launch.name);
    kernels.push_back(llvm::json::Object{{"name", launch.name},
                                         {"threads", launch.threads},
                                         {"shared", launch.sharedBytes},
                                         {"cluster", launch.cluster},
                                         {"early", launch.early},
                                         {"registers", used.registers},
                                         {"local", used.localBytes},
                                         {"shared_static", used.sharedStatic}});
  }
  llvm::json::Value report = llvm::json::Object{
      {"chip", target.chip}, {"kernels", std::move(kernels)}};
  os << llvm::formatv("{0:2}\n", report);
}

static LogicalResult run(StringRef tool) {
  auto refuse = [](const Twine &message) {
    (void)reportError(message);
    return failure();
  };
  std::optional<TargetInfo> target;
  if (!chipName.empty() && !(target = TargetInfo::get(chipName)))
    return refuse("--chip: expected one of " +
                  llvm::join(TargetInfo::getKnownChips(), ", ") + ", found '" +
                  chipName + "'");

  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerPTXTranslations(registry);
  MLIRContext context(registry);
  ToolDiagnosticHandler diagnostics(&context, inputPath);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(inputPath, &context);
  if (!module)
    return failure();
  PassManager manager(&context);
  buildEmitCUDAPipeline(manager);
  if (failed(manager.run(*module)))
    return failure();
  FailureOr<gpu::GPUModuleOp> kernels = chooseModule(*module);
  if (failed(kernels))
    return failure();
  if (!target) {
    FailureOr<TargetInfo> named = getKernelTarget(*kernels);
    if (failed(named))
      return failure();
    target = *named;
  }
  FailureOr<SmallVector<KernelLaunch>> launches =
      getKernelLaunches(*kernels, *target);
  if (failed(launches))
    return failure();
  FailureOr<std::string> ptx = emitPTX(*kernels, *target);
  if (failed(ptx))
    return failure();

  std::string error;
  Cubin cubin;
  if (wantsCubin || wantsResources) {
    FailureOr<Cubin> made = assembleCubin(*ptx, target->chip, tool, error);
    if (failed(made))
      return refuse(inputPath + ": " + error);
    cubin = std::move(*made);
  }
  // The code may go to a file while the report goes to stdout.
  if (!wantsResources || wantsCubin) {
    auto file = OutputFile::create(outputPath, error);
    if (file)
      file->os() << (wantsCubin ? StringRef(cubin.bytes) : StringRef(*ptx));
    if (!file || failed(file->commit(error)))
      return refuse(error);
  }
  if (wantsResources)
    printResources(*launches, cubin, *target, llvm::outs());
  return success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  if (failed(parseCommandLine(argc, argv, category,
                              "Makes PTX of kernels in a gpu.module\n")))
    return 1;
  std::string tool = llvm::sys::fs::getMainExecutable(
      argv[0], reinterpret_cast<void *>(&main));
  if (wantsCubin && wantsResources && outputPath == "-")
    return reportError("--cubin with --resources: expected -o FILE, as the "
                       "report goes to stdout");
  return succeeded(run(tool)) ? 0 : 1;
}
