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

/// The attribute that raise gives what it refuses.
static constexpr llvm::StringLiteral kNotRaised = "dejavu.not_raised";

static bool isLeft(Operation *op) {
  return isa_and_nonnull<onnx::OnnxDialect>(op->getDialect()) &&
         !isa<onnx::ConstantOp>(op);
}

ArrayAttr dejavu::describeLeftovers(func::FuncOp function) {
  Builder builder(function.getContext());
  SmallVector<Attribute> entries;
  std::set<std::string> names;
  function.walk([&](Operation *op) {
    if (!isLeft(op))
      return;
    StringAttr name = op->getName().getIdentifier();
    auto reason = op->getAttrOfType<StringAttr>(kNotRaised);
    SmallVector<NamedAttribute> fields{builder.getNamedAttr("op", name)};
    if (reason)
      fields.push_back(builder.getNamedAttr("reason", reason));
    if (names.insert(name.str()).second || reason)
      entries.push_back(builder.getDictionaryAttr(fields));
  });
  return builder.getArrayAttr(entries);
}

namespace {
/// What has been found, block by block.
struct Blocks {
  std::vector<std::string> attentions, ffns;
  std::set<std::string> rest;

  void addLeftover(StringRef op, StringAttr reason) {
    rest.insert(op.str());
    if (!reason)
      return;
    bool isAttention = op == onnx::SoftmaxOp::getOperationName() ||
                       op == onnx::AttentionOp::getOperationName();
    (isAttention ? attentions : ffns).push_back(reason.getValue().str());
  }
};
} // namespace

RaiseCoverage dejavu::computeRaiseCoverage(ModuleOp module) {
  RaiseCoverage coverage;
  // Prefill and decode have the same blocks; @main is there if raise failed.
  func::FuncOp function;
  for (StringRef name : {"decode", "forward", "main"})
    if (!function)
      function = module.lookupSymbol<func::FuncOp>(name);
  if (!function || function.isExternal())
    return coverage;

  Blocks blocks;
  bool isRaised = function.getSymName() != "main";
  function.walk([&](Operation *op) {
    auto reason = op->getAttrOfType<StringAttr>(kNotRaised);
    if (!reason && !isRaised &&
        isa<onnx::SoftmaxOp, onnx::AttentionOp, onnx::ReluOp, onnx::GeluOp>(op))
      reason = StringAttr::get(op->getContext(), "raise failed before it");
    if (isa<AttentionOp, SDPAOp>(op))
      blocks.attentions.push_back("raised");
    else if (isa<FFNOp, SparseLinearOp>(op))
      blocks.ffns.push_back("raised");
    else if (isLeft(op))
      blocks.addLeftover(op->getName().getStringRef(), reason);
    auto call = dyn_cast<func::CallOp>(op);
    auto callee =
        call ? module.lookupSymbol<func::FuncOp>(call.getCallee()) : nullptr;
    auto leftovers =
        callee ? callee->getAttrOfType<ArrayAttr>(kLeftoversAttrName) : nullptr;
    if (leftovers)
      for (auto entry : leftovers.getAsRange<DictionaryAttr>())
        if (auto name = entry.getAs<StringAttr>("op"))
          blocks.addLeftover(name, entry.getAs<StringAttr>("reason"));
  });
  // The decoder of T5 has two attentions for each MLP: a layer is all of them.
  size_t numAttentions = blocks.attentions.size(), numFFNs = blocks.ffns.size();
  bool isShared = numFFNs > 0 && numAttentions % numFFNs == 0;
  size_t each = isShared ? std::max<size_t>(numAttentions / numFFNs, 1) : 1;
  coverage.layers.resize(std::max(numAttentions / each, numFFNs));
  for (size_t i = 0; i < coverage.layers.size(); ++i) {
    RaiseCoverage::Layer &layer = coverage.layers[i];
    layer.attention = layer.ffn = "none";
    for (size_t k = i * each; k < std::min((i + 1) * each, numAttentions); ++k)
      if (k == i * each || layer.attention == "raised")
        layer.attention = blocks.attentions[k];
    if (i < numFFNs)
      layer.ffn = blocks.ffns[i];
  }
  coverage.rest.assign(blocks.rest.begin(), blocks.rest.end());
  return coverage;
}
