//===- RaisedModel.h - runs raised IR as an executable would ----*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calls @prefill and @decode of a module with the interpreter, in the way that
// the runtime calls compiled code: see docs/Internals.md, sections 2 and 6.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TOOLS_INTERPRET_RAISEDMODEL_H
#define DEJAVU_TOOLS_INTERPRET_RAISEDMODEL_H

#include "TensorFiles.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Reference/Interpreter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::dejavu {

class RaisedModel {
public:
  /// The entry points of `module`. Emits an error and fails if it does not have
  /// them, or has them with other arguments than raise gives them.
  static FailureOr<RaisedModel> create(ModuleOp module);

  /// Sequences under way: what the runtime calls a session.
  struct Sequences {
    reference::Tensor starts;             ///< [batch]
    std::vector<reference::Cache> caches; ///< one for each layer
    int64_t getPast() const { return caches.front().keys.getDim(2); }
  };

  /// Sequences without a past.
  Sequences begin(const reference::Tensor &starts) const;

  /// Runs `ids` and updates the caches; one token behind a past goes through
  /// @decode. Gives the logits of the tokens from `logitsFrom` on. Positions
  /// count from the start of each row if they are not given.
  FailureOr<reference::Tensor> run(Sequences &sequences,
                                   const reference::Tensor &ids,
                                   const reference::Tensor *positions,
                                   int64_t logitsFrom);

  /// The model's original signature on tensors `in.NAME`.
  FailureOr<NamedTensors>
  runCase(const std::map<std::string, reference::Tensor> &inputs);

  /// Greedy generation. Prompts are padded at the left; a row ends with an id
  /// of `eos` or after `maxNewTokens`.
  FailureOr<std::vector<SmallVector<int64_t>>>
  generate(ArrayRef<SmallVector<int64_t>> prompts, int64_t maxNewTokens,
           ArrayRef<int64_t> eos);

  /// Keep the values of tap sites, as `pN.siteM`, in `taps`.
  bool recordTaps = false;
  NamedTensors taps;

  /// The tap sites as JSON, in the form of a manifest's `taps`.
  std::string describeTapSites() const;

private:
  explicit RaisedModel(ModuleOp module) : module(module) {}

  ModuleOp module;
  func::FuncOp prefill, decode;
  SignatureOp signature;
  SmallVector<KVCacheType> cacheTypes;
  int64_t calls = 0;
};

} // namespace mlir::dejavu

#endif // DEJAVU_TOOLS_INTERPRET_RAISEDMODEL_H
