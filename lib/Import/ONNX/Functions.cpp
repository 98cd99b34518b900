//===- Functions.cpp - functions that a model brings along --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Functions.h"
#include "Model.pb.h"
#include "OpTable.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace mlir::dejavu::onnximport;

void mlir::dejavu::onnximport::visitSubgraphs(
    const proto::NodeProto &node,
    llvm::function_ref<void(const proto::AttributeProto &,
                            const proto::GraphProto &)>
        visit) {
  for (const proto::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g())
      visit(attribute, attribute.g());
    for (const proto::GraphProto &graph : attribute.graphs())
      visit(attribute, graph);
  }
}

void mlir::dejavu::onnximport::visitNodes(
    const proto::NodeProto &node,
    llvm::function_ref<void(const proto::NodeProto &)> visit) {
  visit(node);
  visitSubgraphs(node, [&](const auto &, const proto::GraphProto &graph) {
    for (const proto::NodeProto &inner : graph.node())
      visitNodes(inner, visit);
  });
}

template <typename Proto>
LogicalResult mlir::dejavu::onnximport::readVersions(
    const Proto &proto, Versions &versions,
    llvm::function_ref<LogicalResult(const Twine &)> fail) {
  for (const auto &import : proto.opset_import()) {
    StringRef domain = normalizedDomain(import.domain());
    if (!versions.try_emplace(domain, import.version()).second)
      return fail("opset_import has domain " + quoted(domain) + " twice");
    if (import.version() <= 0)
      return fail("opset_import: expected a positive version of " +
                  quoted(domain) + ", found " + Twine(import.version()));
  }
  int64_t opset = versions.lookup("ai.onnx");
  if (opset != 0 && (opset < minOpset || opset > maxOpset))
    return fail("opset " + Twine(opset) +
                " of ai.onnx is not supported, expected " + Twine(minOpset) +
                " to " + Twine(maxOpset));
  return success();
}

template LogicalResult mlir::dejavu::onnximport::readVersions(
    const proto::ModelProto &, Versions &,
    llvm::function_ref<LogicalResult(const Twine &)>);
template LogicalResult mlir::dejavu::onnximport::readVersions(
    const proto::FunctionProto &, Versions &,
    llvm::function_ref<LogicalResult(const Twine &)>);

static std::string keyOf(StringRef domain, StringRef name, StringRef overload) {
  std::string key = normalizedDomain(domain).str();
  for (StringRef part : {name, overload})
    key.append(1, '\0').append(part.begin(), part.end());
  return key;
}

Function *FunctionTable::lookup(const proto::NodeProto &node) const {
  if (functions.empty())
    return nullptr;
  return byKey.lookup(keyOf(node.domain(), node.op_type(), node.overload()));
}

const Function *FunctionTable::find(const proto::NodeProto &node) const {
  return lookup(node);
}

/// Finds out how deep the calls of `function` nest and how many nodes a call of
/// it becomes. `stack` has the functions that are being measured.
LogicalResult FunctionTable::measure(Function &function,
                                     SmallVectorImpl<const Function *> &stack,
                                     const Reporter &reporter) {
  if (function.height)
    return success();
  if (const auto *first = llvm::find(stack, &function); first != stack.end()) {
    std::string text = "expected functions that do not call themselves, found ";
    for (const Function *each :
         ArrayRef<const Function *>(stack).drop_front(first - stack.begin()))
      text += "'" + each->name + "' -> ";
    return reporter.error(text + "'" + function.name + "'");
  }
  if (stack.size() == maxCallDepth)
    return reporter.error("function '" + stack.front()->name +
                          "': expected calls that nest up to " +
                          Twine(maxCallDepth) + " deep, found deeper ones");
  stack.push_back(&function);
  unsigned height = 1;
  uint64_t nodes = 0;
  LogicalResult result = success();
  for (const proto::NodeProto &node : function.proto->node())
    visitNodes(node, [&](const proto::NodeProto &inner) {
      ++nodes;
      Function *callee = lookup(inner);
      if (!callee || failed(result))
        return;
      result = measure(*callee, stack, reporter);
      height = std::max(height, callee->height + 1);
      nodes = std::min(nodes + callee->nodes, maxNodes + 1);
    });
  stack.pop_back();
  if (failed(result))
    return failure();
  if (height > maxCallDepth)
    return reporter.error("function '" + function.name +
                          "': expected calls that nest up to " +
                          Twine(maxCallDepth) + " deep, found deeper ones");
  function.height = height;
  function.nodes = nodes;
  return success();
}

LogicalResult FunctionTable::build(const proto::ModelProto &model,
                                   const Reporter &reporter) {
  for (const proto::FunctionProto &proto : model.functions()) {
    auto function = std::make_unique<Function>();
    function->proto = &proto;
    function->name = operatorName(proto.domain(), proto.name());
    if (!proto.overload().empty())
      function->name += ":" + printable(proto.overload());
    if (proto.name().empty())
      return reporter.error("a function of domain " +
                            quoted(normalizedDomain(proto.domain())) +
                            " has no name");
    if (!byKey
             .try_emplace(keyOf(proto.domain(), proto.name(), proto.overload()),
                          function.get())
             .second)
      return reporter.error("function '" + function->name +
                            "' is defined twice");
    functions.push_back(std::move(function));
  }
  for (const auto &function : functions) {
    SmallVector<const Function *> stack;
    if (failed(measure(*function, stack, reporter)))
      return failure();
  }
  // What the graph calls, and how many nodes it is when all is replaced.
  uint64_t nodes = 0;
  SmallVector<Function *> found;
  llvm::SmallPtrSet<const Function *, 16> seen;
  auto visit = [&](const proto::NodeProto &node) {
    ++nodes;
    Function *callee = lookup(node);
    if (!callee)
      return;
    nodes = std::min(nodes + callee->nodes, maxNodes + 1);
    if (seen.insert(callee).second)
      found.push_back(callee);
  };
  for (const proto::NodeProto &node : model.graph().node())
    visitNodes(node, visit);
  if (nodes > maxNodes)
    return reporter.error("expected at most " + Twine(maxNodes) +
                          " nodes when calls of functions are replaced by "
                          "what they stand for, found more");
  for (size_t i = 0; i < found.size(); ++i) {
    Function &function = *found[i];
    reachable.push_back(&function);
    if (failed(readVersions(
            *function.proto, function.versions, [&](const Twine &message) {
              return reporter.error("function '" + function.name +
                                    "': " + message);
            })))
      return failure();
    for (const proto::NodeProto &node : function.proto->node())
      visitNodes(node, visit);
  }
  return success();
}
