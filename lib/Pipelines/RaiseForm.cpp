//===- RaiseForm.cpp - a decoder if it can be, @forward if not ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whether a model is a decoder is known only when all of it has been raised, so
// that is tried. Its errors are no errors then, but the reason for the other
// form.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Pipelines/Passes.h"
#include "dejavu/Pipelines/Pipelines.h"

#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISEFORMPASS
#include "dejavu/Pipelines/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

namespace {
struct RaiseInForm : dejavu::impl::RaiseFormPassBase<RaiseInForm> {
  using RaiseFormPassBase::RaiseFormPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    for (RaiseForm form : {RaiseForm::decoder, RaiseForm::forward}) {
      OpPassManager manager(ModuleOp::getOperationName());
      buildRaisePipeline(manager, {form, /*keepOnnx=*/false});
      manager.getDependentDialects(registry);
    }
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    OwningOpRef<ModuleOp> original(module.clone());
    std::string reason;
    if (succeeded(tryDecoder(reason)))
      return;

    module.getBodyRegion().takeBody(original->getBodyRegion());
    module->setAttrs((*original)->getAttrDictionary());
    getAnalysisManager().clear();
    module->setAttr(kNoDecoderAttrName, StringAttr::get(&getContext(), reason));
    remark::missed(
        module.getLoc(),
        remark::RemarkOpts::name("form").category("raise").function("main"))
        << ("not a decoder with a cache: " + reason);
    OpPassManager manager(ModuleOp::getOperationName());
    buildRaisePipeline(manager, {RaiseForm::forward, keepOnnx});
    if (failed(runPipeline(manager, module)))
      signalPassFailure();
  }

private:
  /// Raises to a decoder. Of the errors, keeps the first.
  LogicalResult tryDecoder(std::string &reason) {
    ScopedDiagnosticHandler handler(&getContext(), [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
        return failure();
      if (reason.empty()) {
        reason = diagnostic.str();
        // One that prints the whole operation is for the authors of passes.
        for (Diagnostic &note : diagnostic.getNotes())
          if (std::string text = note.str(); !StringRef(text).contains('\n'))
            reason += "; " + text;
      }
      return success();
    });
    OpPassManager manager(ModuleOp::getOperationName());
    buildRaisePipeline(manager, {RaiseForm::decoder, keepOnnx});
    return runPipeline(manager, getOperation());
  }
};
} // namespace
