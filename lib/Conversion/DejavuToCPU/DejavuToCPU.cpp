//===- DejavuToCPU.cpp - lower the entry points to kernels ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass: numbers the weights, has EntryLowering lower each entry point, and
// keeps what the manifest says.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/DejavuToCPU/Passes.h"

#include "../Common/WeightNumbers.h"
#include "EntryLowering.h"

#include "dejavu/Analysis/ModelSummary.h"
#include "dejavu/Analysis/TapSites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_CONVERTDEJAVUTOCPUPASS
#include "dejavu/Conversion/DejavuToCPU/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cpu;

/// What the manifest says of the inputs or outputs of @forward: for each a
/// dictionary of its `type` and its `dims`, text for each dimension.
static Attribute
getTensorsAttr(Builder &b, TypeRange types,
               llvm::function_ref<Attribute(unsigned)> getDims) {
  SmallVector<Attribute> tensors;
  for (auto [i, type] : llvm::enumerate(types)) {
    auto names = dyn_cast_or_null<ArrayAttr>(getDims(i));
    SmallVector<Attribute> dims;
    for (auto [dim, size] :
         llvm::enumerate(cast<RankedTensorType>(type).getShape())) {
      StringAttr name;
      if (names && dim < names.size())
        name = dyn_cast<StringAttr>(names[dim]);
      if (!ShapedType::isDynamic(size))
        name = b.getStringAttr(Twine(size));
      // A name of digits would be taken for a size.
      int64_t number;
      if (ShapedType::isDynamic(size) &&
          (!name || name.empty() || !name.getValue().getAsInteger(10, number)))
        name = b.getStringAttr("?");
      dims.push_back(name);
    }
    tensors.push_back(
        b.getDictionaryAttr({b.getNamedAttr("type", TypeAttr::get(type)),
                             b.getNamedAttr("dims", b.getArrayAttr(dims))}));
  }
  return b.getArrayAttr(tensors);
}

namespace {
struct ConvertDejavuToCPU
    : dejavu::impl::ConvertDejavuToCPUPassBase<ConvertDejavuToCPU> {
  using ConvertDejavuToCPUPassBase::ConvertDejavuToCPUPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (lanes != 4 && lanes != 8 && lanes != 16) {
      module.emitError() << "expected lanes to be 4, 8 or 16, found "
                         << lanes.getValue();
      return signalPassFailure();
    }
    auto forward = module.lookupSymbol<func::FuncOp>("forward");
    auto prefill = module.lookupSymbol<func::FuncOp>("prefill");
    auto decode = module.lookupSymbol<func::FuncOp>("decode");
    if (!forward && (!prefill || !decode)) {
      module.emitError() << "expected the entry points @prefill and @decode, "
                            "or @forward";
      return signalPassFailure();
    }
    auto numbers = numberWeights(module);
    if (failed(checkWeights(module)))
      return signalPassFailure();
    FailureOr<ModelSummary> summary = ModelSummary::get(module);
    if (failed(summary))
      return signalPassFailure();

    EntrySites sites, decodeSites;
    Builder b(&getContext());
    NamedAttrList manifest(getManifestAttr(&getContext(), *summary));
    if (!forward) {
      sites.values = findTapSites(prefill);
      sites.hidden =
          findHiddenSites(prefill, static_cast<int64_t>(sites.values.size()));
      FailureOr<std::vector<TapSite>> matched =
          matchTapSites(decode, sites.values);
      if (failed(matched))
        return signalPassFailure();
      decodeSites.values = std::move(*matched);
      addSitesToManifest(manifest, prefill, decode, sites, decodeSites);
    }

    KernelLibrary library(module, CPUTarget{lanes});
    SmallVector<NamedAttribute> workspace;
    SmallVector<std::pair<Entry, func::FuncOp>> entries;
    if (forward)
      entries = {{Entry::forward, forward}};
    else
      entries = {{Entry::prefill, prefill}, {Entry::decode, decode}};
    for (auto [entry, function] : entries) {
      EntryLowering lowering(module, function, entry, library, numbers,
                             entry == Entry::decode ? decodeSites : sites);
      if (failed(lowering.run()))
        return signalPassFailure();
      if (forward)
        continue;
      workspace.push_back(b.getNamedAttr(
          stringifyEntry(entry),
          b.getDictionaryAttr(
              {b.getNamedAttr("bytes_per_row",
                              b.getI64IntegerAttr(lowering.getBytesPerRow())),
               b.getNamedAttr("bytes_fixed", b.getI64IntegerAttr(
                                                 lowering.getBytesFixed()))})));
    }
    if (!forward)
      manifest.set("workspace", b.getDictionaryAttr(workspace));
    if (forward) {
      manifest.set(
          "inputs",
          getTensorsAttr(b, forward.getArgumentTypes(), [&](unsigned i) {
            return forward.getArgAttr(i, "onnx.dims");
          }));
      manifest.set("outputs",
                   getTensorsAttr(b, forward.getResultTypes(), [&](unsigned i) {
                     return forward.getResultAttr(i, "onnx.dims");
                   }));
    }
    if (Attribute nodes = module->getAttr(kNodesAttrName))
      manifest.set("nodes", nodes);
    module->setAttr(kManifestAttrName, manifest.getDictionary(&getContext()));
    for (auto [entry, function] : entries)
      function.erase();
    internalizeKernels(module);
  }
};
} // namespace
