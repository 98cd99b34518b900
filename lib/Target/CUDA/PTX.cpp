//===- PTX.cpp - from kernels to PTX --------------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Target/CUDA/PTX.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::dejavu;

// Of the NVVM dialect, whose header takes longer to read than all of this file.
static constexpr llvm::StringLiteral kKernelAttrName = "nvvm.kernel";
static constexpr llvm::StringLiteral kThreadsAttrName = "nvvm.reqntid";
static constexpr llvm::StringLiteral kMaxThreadsAttrName = "nvvm.maxntid";
static constexpr llvm::StringLiteral kClusterDimAttrName = "nvvm.cluster_dim";

void dejavu::registerPTXTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

FailureOr<TargetInfo> dejavu::getKernelTarget(gpu::GPUModuleOp kernels) {
  StringRef chip = kernels.getName();
  if (chip.consume_front("kernels_"))
    if (std::optional<TargetInfo> target = TargetInfo::get(chip))
      return *target;
  return kernels.emitOpError()
         << "expected the name kernels_ and a known chip, found '"
         << kernels.getName() << "'";
}

/// The block size of a kernel, or null.
static DenseI32ArrayAttr getBlockSize(LLVM::LLVMFuncOp kernel) {
  for (StringRef name :
       {StringRef(kThreadsAttrName), StringRef(kMaxThreadsAttrName)})
    if (auto size = kernel->getAttrOfType<DenseI32ArrayAttr>(name))
      return size;
  return nullptr;
}

static bool isKernel(LLVM::LLVMFuncOp function) {
  return function->hasAttr(kKernelAttrName) && !function.isExternal();
}

/// Reads one kernel.
static FailureOr<KernelLaunch> getLaunch(LLVM::LLVMFuncOp kernel,
                                         const TargetInfo &target) {
  KernelLaunch launch;
  launch.name = kernel.getSymName().str();
  DenseI32ArrayAttr size = getBlockSize(kernel);
  if (!size)
    return kernel.emitOpError()
           << "expected a kernel with known_block_size or " << kThreadsAttrName;
  launch.threads = 1;
  for (int32_t threads : size.asArrayRef())
    launch.threads *= threads;
  if (launch.threads < 1 || launch.threads > 1024)
    return kernel.emitOpError() << "expected a block of 1 to 1024 threads, "
                                   "found "
                                << launch.threads;
  if (auto bytes = kernel->getAttrOfType<IntegerAttr>(kSharedBytesAttrName))
    launch.sharedBytes = bytes.getInt();
  if (auto blocks = kernel->getAttrOfType<IntegerAttr>(kClusterAttrName))
    launch.cluster = blocks.getInt();
  if (auto early = kernel->getAttrOfType<BoolAttr>(kEarlyAttrName))
    launch.early = early.getValue();
  if (launch.sharedBytes < 0 || launch.sharedBytes > target.sharedBytesPerBlock)
    return kernel.emitOpError()
           << "expected at most " << target.sharedBytesPerBlock
           << " bytes of shared memory, which is what " << target.chip
           << " has, found " << launch.sharedBytes;
  if (launch.cluster < 1 || (launch.cluster > 1 && !target.hasClusters))
    return kernel.emitOpError()
           << "expected clusters that " << target.chip << " has, found "
           << launch.cluster << " blocks";
  if (launch.early && !target.hasEarlyLaunch)
    return kernel.emitOpError() << "expected no early launch, which "
                                << target.chip << " does not have";
  for (Type type : kernel.getArgumentTypes())
    if (!isa<LLVM::LLVMPointerType>(type) && !type.isInteger(64))
      return kernel.emitOpError()
             << "expected arguments of 8 bytes, found " << type;
  return launch;
}

FailureOr<SmallVector<KernelLaunch>>
dejavu::getKernelLaunches(gpu::GPUModuleOp kernels, const TargetInfo &target) {
  SmallVector<KernelLaunch> launches;
  for (auto function : kernels.getOps<LLVM::LLVMFuncOp>()) {
    if (!isKernel(function))
      continue;
    FailureOr<KernelLaunch> launch = getLaunch(function, target);
    if (failed(launch))
      return failure();
    launches.push_back(std::move(*launch));
  }
  return launches;
}

/// Says the block and the cluster the way LLVM understands, and takes away
/// what it does not.
static void prepareKernel(LLVM::LLVMFuncOp kernel) {
  Builder builder(kernel.getContext());
  if (DenseI32ArrayAttr size = getBlockSize(kernel)) {
    kernel->removeAttr(kMaxThreadsAttrName);
    kernel->setAttr(kThreadsAttrName, size);
  }
  if (auto blocks = kernel->getAttrOfType<IntegerAttr>(kClusterAttrName);
      blocks && blocks.getInt() > 1)
    kernel->setAttr(kClusterDimAttrName,
                    builder.getDenseI32ArrayAttr(
                        {static_cast<int32_t>(blocks.getInt()), 1, 1}));
  for (StringRef name :
       {StringRef(kSharedBytesAttrName), StringRef(kClusterAttrName),
        StringRef(kEarlyAttrName)})
    kernel->removeAttr(name);
}

//===----------------------------------------------------------------------===//
// PTX
//===----------------------------------------------------------------------===//

static std::unique_ptr<llvm::TargetMachine>
createTargetMachine(gpu::GPUModuleOp kernels, const TargetInfo &target) {
  static const bool initialized = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)initialized;
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *nvptx = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!nvptx) {
    kernels.emitOpError() << "LLVM has no target for " << triple.str() << ": "
                          << error;
    return nullptr;
  }
  llvm::TargetOptions options;
  // A product and a sum become one instruction, as they do with nvcc.
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  return std::unique_ptr<llvm::TargetMachine>(nvptx->createTargetMachine(
      triple, target.chip, target.ptxFeature, options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// Whether NVPTX has no instruction for an intrinsic and would end the process
/// over it.
static bool isUnknownIntrinsic(const llvm::Function &function) {
  switch (function.getIntrinsicID()) {
  case llvm::Intrinsic::exp:
  case llvm::Intrinsic::exp10:
  case llvm::Intrinsic::log:
  case llvm::Intrinsic::log10:
  case llvm::Intrinsic::pow:
  case llvm::Intrinsic::powi:
  case llvm::Intrinsic::tan:
  case llvm::Intrinsic::asin:
  case llvm::Intrinsic::acos:
  case llvm::Intrinsic::atan:
  case llvm::Intrinsic::atan2:
  case llvm::Intrinsic::sinh:
  case llvm::Intrinsic::cosh:
    return true;
  default:
    return false;
  }
}

/// Hides what only kernels call, and reports what nobody defines.
static LogicalResult checkFunctions(gpu::GPUModuleOp kernels,
                                    llvm::Module &module) {
  for (llvm::Function &function : module) {
    if (!function.isDeclaration()) {
      if (function.getCallingConv() != llvm::CallingConv::PTX_Kernel)
        function.setLinkage(llvm::GlobalValue::InternalLinkage);
      continue;
    }
    if (function.use_empty())
      continue;
    if (!function.isIntrinsic() || isUnknownIntrinsic(function))
      return kernels.emitOpError()
             << "expected kernels that call only what is defined, found a "
                "call of '"
             << function.getName() << "'";
  }
  return success();
}

FailureOr<std::string> dejavu::emitPTX(gpu::GPUModuleOp kernels,
                                       const TargetInfo &target) {
  std::unique_ptr<llvm::TargetMachine> machine =
      createTargetMachine(kernels, target);
  if (!machine)
    return failure();
  OwningOpRef<gpu::GPUModuleOp> code(kernels.clone());
  code->walk([](LLVM::LLVMFuncOp function) { prepareKernel(function); });

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(*code, context, "kernels");
  if (!module)
    return kernels.emitOpError() << "translation to LLVM IR failed";
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  if (failed(checkFunctions(kernels, *module)))
    return failure();
  auto optimize =
      makeOptimizingTransformer(/*optLevel=*/3, /*sizeLevel=*/0, machine.get());
  if (llvm::Error error = optimize(module.get()))
    return kernels.emitOpError()
           << "optimization failed: " << llvm::toString(std::move(error));

  SmallVector<char, 0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile))
    return kernels.emitOpError() << "LLVM cannot emit PTX";
  passes.run(*module);
  std::string ptx(text.data(), text.size());
  // What code generation itself wants to call.
  if (size_t at = ptx.find(".extern .func"); at != std::string::npos)
    return kernels.emitOpError()
           << "expected PTX without external functions, found '"
           << StringRef(ptx).substr(at).split('\n').first << "'";
  return ptx;
}
