//===- DejavuToCUDA.cpp - lower the entry points to CUDA kernels ----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass: numbers the weights, has DeviceLowering lower each entry point,
// makes those that sample and fill, and keeps what the manifest says.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/DejavuToCUDA/Passes.h"

#include "../Common/ManifestSites.h"
#include "../Common/WeightNumbers.h"
#include "DeviceLowering.h"

#include "dejavu-rt/sampling.h"
#include "dejavu/Analysis/ModelSummary.h"
#include "dejavu/Conversion/DejavuToCPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_CONVERTDEJAVUTOCUDAPASS
#include "dejavu/Conversion/DejavuToCUDA/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

StringRef dejavu::stringifyReduction(Reduction reduction) {
  return reduction == Reduction::atomic ? "atomic" : "deterministic";
}

/// The weight that makes a key, if a product does.
static FlatSymbolRefAttr getKeyWeight(Value key) {
  while (Operation *op = key.getDefiningOp()) {
    if (auto linear = dyn_cast<LinearOp>(op))
      return linear.getWeightAttr();
    if (auto gather = dyn_cast<GatherLinearOp>(op))
      return gather.getWeightAttr();
    if (!isa<RopeOp, NormOp>(op))
      return {};
    key = op->getOperand(0);
  }
  return {};
}

/// The type of the cache's elements: that of the weights that make keys, if all
/// have the same of 16 bits, else f32.
static Type getCacheElement(ModuleOp module) {
  SymbolTable symbols(module);
  Type f32 = Float32Type::get(module.getContext()), found;
  WalkResult result = module.walk([&](KVAppendOp op) {
    FlatSymbolRefAttr name = getKeyWeight(op.getKey());
    auto weight = name ? symbols.lookup<WeightOp>(name.getAttr()) : WeightOp();
    Type type = weight ? weight.getTensorType().getElementType() : f32;
    if (!isa<Float16Type, BFloat16Type>(type) || (found && found != type))
      return WalkResult::interrupt();
    found = type;
    return WalkResult::advance();
  });
  return found && !result.wasInterrupted() ? found : f32;
}

/// Makes @dejavu_sample.
static void makeSample(ModuleOp module, DeviceLibrary &library,
                       int64_t vocabulary, Location location) {
  HostEntry host(module, library, "dejavu_sample", location);
  Value batch = host.getNumber(Field::batch);
  host.launch(getSampleKernel(library, vocabulary), batch,
              {host.getPointer(Field::ids), host.getPointer(Field::positions),
               host.getPointer(Field::pastAt), host.getPointer(Field::emitted),
               host.getPointer(Field::sampling), host.getPointer(Field::logits),
               batch});
  host.launch(getAdvanceKernel(library), host.number(1),
              {host.getPointer(Field::pastAt)});
  host.finish();
}

/// Makes @dejavu_fill if weights are synthetic.
static LogicalResult makeFill(ModuleOp module, DeviceLibrary &library) {
  auto weights = llvm::to_vector(module.getOps<WeightOp>());
  auto isSynthetic = [](WeightOp weight) {
    return weight.getSource().getRoot() == SourceRoot::synthetic;
  };
  if (llvm::none_of(weights, isSynthetic))
    return success();
  HostEntry host(module, library, "dejavu_fill", module.getLoc());
  for (auto [number, weight] : llvm::enumerate(weights)) {
    if (!isSynthetic(weight))
      return weight.emitOpError()
             << "expected all weights to be synthetic, or none";
    auto formula = *SyntheticFormula::parse(weight.getSource().getFile());
    RankedTensorType type = weight.getTensorType();
    auto bits = [&](double value) {
      return host.number(llvm::bit_cast<uint32_t>(static_cast<float>(value)));
    };
    host.launch(getFillKernel(library, formula.kind, type.getElementType()),
                host.number(getFillBlocks(type.getNumElements())),
                {host.getTablePointer(Field::weights, number),
                 host.number(type.getNumElements()), host.number(number),
                 bits(formula.first), bits(formula.second)});
  }
  host.finish();
  return success();
}

namespace {
struct ConvertDejavuToCUDA
    : dejavu::impl::ConvertDejavuToCUDAPassBase<ConvertDejavuToCUDA> {
  using ConvertDejavuToCUDAPassBase::ConvertDejavuToCUDAPassBase;

  LogicalResult getTargets(SmallVector<TargetInfo> &targets) {
    SmallVector<std::string> names(chips.begin(), chips.end());
    if (names.empty())
      for (StringRef chip : TargetInfo::getPortableChips())
        names.push_back(chip.str());
    for (const std::string &name : names) {
      std::optional<TargetInfo> target = TargetInfo::get(name);
      if (!target)
        return getOperation().emitError()
               << "expected one of the chips "
               << llvm::join(TargetInfo::getKnownChips(), ", ") << ", found '"
               << name << "'";
      targets.push_back(*target);
    }
    return success();
  }

  LogicalResult convert() {
    ModuleOp module = getOperation();
    SmallVector<TargetInfo> targets;
    if (failed(getTargets(targets)))
      return failure();
    auto prefill = module.lookupSymbol<func::FuncOp>("prefill");
    auto decode = module.lookupSymbol<func::FuncOp>("decode");
    if (!prefill || !decode)
      return module.emitError()
             << "expected the entry points @prefill and @decode: models "
                "without a cache are not compiled for CUDA";
    auto numbers = numberWeights(module);
    if (failed(checkWeights(module)))
      return failure();
    FailureOr<ModelSummary> summary = ModelSummary::get(module);
    if (failed(summary))
      return failure();

    EntrySites sites, decodeSites;
    sites.values = findTapSites(prefill);
    sites.hidden =
        findHiddenSites(prefill, static_cast<int64_t>(sites.values.size()));
    FailureOr<std::vector<TapSite>> matched =
        matchTapSites(decode, sites.values);
    if (failed(matched))
      return failure();
    decodeSites.values = std::move(*matched);
    Builder b(&getContext());
    NamedAttrList manifest(getManifestAttr(&getContext(), *summary));
    addSitesToManifest(manifest, prefill, decode, sites, decodeSites);

    Type cacheElement = getCacheElement(module);
    manifest.set("cache_dtype", b.getStringAttr(nameElement(cacheElement)));

    DeviceLibrary library(module, targets);
    SmallVector<NamedAttribute> workspace;
    for (auto [entry, function] :
         {std::pair(Entry::prefill, prefill), {Entry::decode, decode}}) {
      DeviceLowering lowering(module, function, entry, library, numbers,
                              reduction, cacheElement);
      if (failed(lowering.run()))
        return failure();
      workspace.push_back(b.getNamedAttr(
          stringifyEntry(entry),
          b.getDictionaryAttr(
              {b.getNamedAttr("bytes_per_row",
                              b.getI64IntegerAttr(lowering.getBytesPerRow())),
               b.getNamedAttr("bytes_fixed", b.getI64IntegerAttr(0))})));
    }
    manifest.set("reduction", b.getStringAttr(stringifyReduction(reduction)));
    manifest.set("workspace", b.getDictionaryAttr(workspace));
    auto logits = cast<RankedTensorType>(decode.getResultTypes().front());
    int64_t vocabulary = logits.getShape().back();
    if (vocabulary > DEJAVU_SAMPLING_MAX_VOCABULARY)
      return decode.emitError()
             << "expected a vocabulary of at most "
             << DEJAVU_SAMPLING_MAX_VOCABULARY << " ids, found " << vocabulary;
    if (failed(makeFill(module, library)))
      return failure();
    makeSample(module, library, vocabulary, decode.getLoc());
    module->setAttr(kManifestAttrName, manifest.getDictionary(&getContext()));
    prefill.erase();
    decode.erase();
    return success();
  }

  void runOnOperation() override {
    if (failed(convert()))
      signalPassFailure();
  }
};
} // namespace
