//===- Coverage.cpp - what was raised and what was not --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/Coverage.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <set>

using namespace mlir;
using namespace mlir::dejavu;

RaiseCoverage dejavu::computeRaiseCoverage(ModuleOp module) {
  RaiseCoverage coverage;
  // Prefill and decode have the same blocks; @main is there if raise failed.
  func::FuncOp function;
  for (StringRef name : {"decode", "forward", "main"})
    if (!function)
      function = module.lookupSymbol<func::FuncOp>(name);
  if (!function || function.isExternal())
    return coverage;

  std::vector<std::string> attentions, ffns;
  std::set<std::string> rest;
  function.walk([&](Operation *op) {
    bool isOnnx = isa_and_nonnull<onnx::OnnxDialect>(op->getDialect());
    if (isOnnx && !isa<onnx::ConstantOp>(op))
      rest.insert(op->getName().getStringRef().str());
    auto reason = op->getAttrOfType<StringAttr>("dejavu.not_raised");
    if (!reason &&
        isa<onnx::SoftmaxOp, onnx::AttentionOp, onnx::ReluOp, onnx::GeluOp>(op))
      reason = StringAttr::get(op->getContext(), "raise failed before it");
    if (isa<AttentionOp, SDPAOp>(op))
      attentions.push_back("raised");
    else if (isa<FFNOp, SparseLinearOp>(op))
      ffns.push_back("raised");
    else if (reason && isa<onnx::SoftmaxOp, onnx::AttentionOp>(op))
      attentions.push_back(reason.getValue().str());
    else if (reason)
      ffns.push_back(reason.getValue().str());
  });
  coverage.layers.resize(std::max(attentions.size(), ffns.size()));
  for (size_t i = 0; i < coverage.layers.size(); ++i) {
    RaiseCoverage::Layer &layer = coverage.layers[i];
    layer.attention = i < attentions.size() ? attentions[i] : "none";
    layer.ffn = i < ffns.size() ? ffns[i] : "none";
  }
  coverage.rest.assign(rest.begin(), rest.end());
  return coverage;
}
