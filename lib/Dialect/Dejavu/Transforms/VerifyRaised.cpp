//===- VerifyRaised.cpp - what every phase after raise relies on ----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_VERIFYRAISEDPASS
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// Checks that `value`, if it is a cache, is used once.
static LogicalResult verifyLinear(Value value) {
  if (!isa<KVCacheType>(value.getType()) || value.hasOneUse())
    return success();
  InFlightDiagnostic diag = emitError(value.getLoc())
                            << "expected one use of a cache value, found "
                            << static_cast<int64_t>(std::distance(
                                   value.use_begin(), value.use_end()));
  llvm::SmallSetVector<Operation *, 4> users(value.user_begin(),
                                             value.user_end());
  for (Operation *user : users)
    diag.attachNote(user->getLoc()) << "used here";
  return diag;
}

/// Checks the entry points of `module`: @prefill and @decode, or @forward.
static LogicalResult verifyEntries(ModuleOp module) {
  SmallVector<Entry> entries{Entry::prefill, Entry::decode};
  if (module.lookupSymbol("forward"))
    entries = {Entry::forward};
  for (Entry wanted : entries) {
    auto function = module.lookupSymbol<func::FuncOp>(stringifyEntry(wanted));
    auto entry =
        function
            ? function->getAttrOfType<EntryAttr>(DejavuDialect::kEntryAttrName)
            : nullptr;
    if (!entry || entry.getValue() != wanted)
      return module.emitError()
             << "expected a function @" << stringifyEntry(wanted) << " with "
             << DejavuDialect::kEntryAttrName << " = "
             << EntryAttr::get(module.getContext(), wanted);
  }
  int64_t signatures = llvm::range_size(module.getOps<SignatureOp>());
  if (signatures != 1)
    return module.emitError()
           << "expected one dejavu.signature, found " << signatures;
  return success();
}

namespace {
struct VerifyRaised : dejavu::impl::VerifyRaisedPassBase<VerifyRaised> {
  void runOnOperation() override {
    WalkResult walk = getOperation()->walk([&](Operation *op) {
      // Dense functions get weights as values, so only their calls may do
      // so.
      bool isLoose =
          isa<LoadWeightOp>(op) &&
          (op->use_empty() ||
           !llvm::all_of(op->getUsers(), [](Operation *user) {
             StringRef dialect = user->getName().getDialectNamespace();
             return isa<func::CallOp, func::ReturnOp>(user) ||
                    dialect == "bufferization" || dialect == "tensor";
           }));
      if (op->getName().getDialectNamespace() == "onnx" || isLoose) {
        op->emitOpError() << "is left after raise";
        return WalkResult::interrupt();
      }
      for (Value result : op->getResults())
        if (failed(verifyLinear(result)))
          return WalkResult::interrupt();
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (BlockArgument argument : block.getArguments())
            if (failed(verifyLinear(argument)))
              return WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (walk.wasInterrupted() || failed(verifyEntries(getOperation())))
      signalPassFailure();
  }
};
} // namespace
