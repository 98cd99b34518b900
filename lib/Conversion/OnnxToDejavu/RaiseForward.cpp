//===- RaiseForward.cpp - @forward of @main -------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISEFORWARDPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// The binding of an input or output, from its name in the file.
static BindingAttr makeBinding(MLIRContext *context, StringAttr name) {
  return BindingAttr::get(context, name ? name.getValue() : StringRef(),
                          Role::plain, 0);
}

namespace {
struct RaiseForward : dejavu::impl::RaiseForwardPassBase<RaiseForward> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    func::FuncOp main = getMain(module);
    if (!main) {
      module.emitError() << "expected a function @main of one block";
      return signalPassFailure();
    }
    if (Operation *taken = module.lookupSymbol("forward")) {
      taken->emitError() << "expected no symbol @forward yet";
      return signalPassFailure();
    }
    MLIRContext *context = &getContext();
    SmallVector<Attribute> inputs, outputs;
    for (unsigned i = 0; i < main.getNumArguments(); ++i) {
      inputs.push_back(makeBinding(
          context, main.getArgAttrOfType<StringAttr>(i, "onnx.name")));
      main.removeArgAttr(i, kBindingAttrName);
    }
    for (unsigned i = 0; i < main.getNumResults(); ++i) {
      outputs.push_back(makeBinding(
          context, main.getResultAttrOfType<StringAttr>(i, "onnx.name")));
      main.removeResultAttr(i, kBindingAttrName);
    }
    OpBuilder builder(main);
    SignatureOp::create(builder, main.getLoc(), builder.getArrayAttr(inputs),
                        builder.getArrayAttr(outputs));
    main.setName(stringifyEntry(Entry::forward));
    main.setPublic();
    main->setAttr(DejavuDialect::kEntryAttrName,
                  EntryAttr::get(context, Entry::forward));
    eraseDeadOps(main);
    cleanUpWeights(module);
  }
};
} // namespace
