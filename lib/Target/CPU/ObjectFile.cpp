//===- ObjectFile.cpp - machine code for the host CPU ---------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Target/CPU/ObjectFile.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/OpenMP/OpenMPToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::dejavu;

//===----------------------------------------------------------------------===//
// CPUInfo
//===----------------------------------------------------------------------===//

CPUInfo CPUInfo::getBaseline() {
  CPUInfo cpu;
  cpu.name = "x86-64";
  return cpu;
}

CPUInfo CPUInfo::getHost() {
  CPUInfo cpu;
  cpu.name = llvm::sys::getHostCPUName().str();
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    if (feature.second)
      cpu.features.push_back(feature.first().str());
  llvm::sort(cpu.features);
  return cpu;
}

int64_t CPUInfo::getLanes() const {
  auto has = [&](StringRef feature) {
    return llvm::is_contained(features, feature);
  };
  if (has("avx512f") && has("avx512bw") && has("avx512vl"))
    return 16;
  return has("avx") ? 8 : 4;
}

//===----------------------------------------------------------------------===//
// Object files
//===----------------------------------------------------------------------===//

void dejavu::registerObjectFileTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerOpenMPDialectTranslation(registry);
}

static std::unique_ptr<llvm::TargetMachine>
createTargetMachine(ModuleOp module, const CPUInfo &cpu) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target) {
    module.emitError() << "LLVM has no target for " << triple.str() << ": "
                       << error;
    return nullptr;
  }
  std::string features;
  for (const std::string &feature : cpu.features)
    features += (features.empty() ? "+" : ",+") + feature;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, cpu.name, features, llvm::TargetOptions(), llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    module.emitError() << "LLVM cannot make code for " << cpu.name;
  return machine;
}

/// Adds bytes and their number as constants.
static void addBytes(llvm::Module &module, const EmbeddedBytes &embedded) {
  llvm::LLVMContext &context = module.getContext();
  auto add = [&](const Twine &name, llvm::Constant *value) {
    auto *global = new llvm::GlobalVariable(
        value->getType(),
        /*isConstant=*/true, llvm::GlobalValue::ExternalLinkage, value, name);
    module.insertGlobalVariable(global);
    return global;
  };
  add(embedded.symbol, llvm::ConstantDataArray::getString(
                           context, embedded.bytes, /*AddNull=*/false))
      ->setAlignment(llvm::Align(64));
  add(embedded.symbol + "_size",
      llvm::ConstantInt::get(llvm::Type::getInt64Ty(context),
                             embedded.bytes.size()));
}

FailureOr<std::string> dejavu::emitObject(ModuleOp module, const CPUInfo &cpu,
                                          StringRef manifest,
                                          ArrayRef<EmbeddedBytes> embedded) {
  std::unique_ptr<llvm::TargetMachine> machine =
      createTargetMachine(module, cpu);
  if (!machine)
    return failure();
  // Weights and the signature have no place in LLVM IR, and kernels not here.
  OwningOpRef<ModuleOp> code(module.clone());
  for (Operation &op : llvm::make_early_inc_range(*code->getBody()))
    if (isa<WeightOp, SignatureOp, gpu::GPUModuleOp>(op))
      op.erase();
  for (NamedAttribute attribute : llvm::to_vector((*code)->getAttrs()))
    if (attribute.getNameDialect() &&
        attribute.getNameDialect()->getNamespace() == "dejavu")
      (*code)->removeAttr(attribute.getName());

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(*code, context, "dejavu");
  if (!llvmModule)
    return module.emitError() << "translation to LLVM IR failed";
  llvmModule->setTargetTriple(machine->getTargetTriple());
  llvmModule->setDataLayout(machine->createDataLayout());
  addBytes(*llvmModule, {"dejavu_manifest", manifest});
  for (const EmbeddedBytes &each : embedded)
    addBytes(*llvmModule, each);

  auto optimize =
      makeOptimizingTransformer(/*optLevel=*/3, /*sizeLevel=*/0, machine.get());
  if (llvm::Error error = optimize(llvmModule.get()))
    return module.emitError()
           << "optimization failed: " << llvm::toString(std::move(error));

  SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                   llvm::CodeGenFileType::ObjectFile))
    return module.emitError() << "LLVM cannot emit an object file for "
                              << machine->getTargetTriple().str();
  passes.run(*llvmModule);
  return std::string(object.data(), object.size());
}
