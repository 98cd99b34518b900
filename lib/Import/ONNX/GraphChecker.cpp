//===- GraphChecker.cpp - what must hold before anything is built ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphChecker.h"
#include "Attributes.h"
#include "Model.pb.h"

#include "llvm/ADT/StringSet.h"

#include <queue>

using namespace mlir;
using namespace mlir::dejavu::onnximport;

/// IR versions that can be read. The next one is tried with a warning.
static constexpr int64_t minIrVersion = 3, maxIrVersion = 13;

namespace {
class Checker {
public:
  Checker(const proto::ModelProto &model, TensorReader &tensors,
          const Reporter &reporter)
      : model(model), graph(model.graph()), tensors(tensors),
        reporter(reporter) {}

  FailureOr<CheckedGraph> check();

private:
  LogicalResult checkVersions();
  LogicalResult checkParts();
  LogicalResult checkOperators();
  LogicalResult checkNames();
  LogicalResult checkNode(const proto::NodeProto &node);
  LogicalResult checkTensors();
  LogicalResult sortNodes();
  LogicalResult reportCycle(ArrayRef<unsigned> waiting);

  const proto::ModelProto &model;
  const proto::GraphProto &graph;
  TensorReader &tensors;
  const Reporter &reporter;

  /// The version of each domain that the model imports.
  llvm::StringMap<int64_t> versions;
  /// For each value its node, or `given` for inputs and initializers.
  llvm::StringMap<unsigned> producers;
  static constexpr unsigned given = ~0u;
  CheckedGraph result;
};
} // namespace

LogicalResult Checker::checkVersions() {
  int64_t version = model.ir_version();
  if (!model.has_ir_version())
    return reporter.error("ir_version is missing");
  if (version < minIrVersion || version > maxIrVersion + 1)
    return reporter.error("IR version " + Twine(version) +
                          " is not supported, expected " + Twine(minIrVersion) +
                          " to " + Twine(maxIrVersion));
  if (version > maxIrVersion)
    reporter.warning("IR version " + Twine(version) +
                     " is newer than this importer, which knows " +
                     Twine(minIrVersion) + " to " + Twine(maxIrVersion));
  if (!model.has_graph())
    return reporter.error("the model has no graph");
  if (model.opset_import_size() == 0)
    return reporter.error("opset_import is missing");
  for (const auto &import : model.opset_import()) {
    StringRef domain = normalizedDomain(import.domain());
    if (!versions.try_emplace(domain, import.version()).second)
      return reporter.error("opset_import has domain " + quoted(domain) +
                            " twice");
    if (import.version() <= 0)
      return reporter.error("opset_import: expected a positive version of " +
                            quoted(domain) + ", found " +
                            Twine(import.version()));
    if (domain == "ai.onnx")
      result.opset = import.version();
  }
  if (result.opset == 0)
    return reporter.error("opset_import has no version of 'ai.onnx'");
  if (result.opset < minOpset || result.opset > maxOpset)
    return reporter.error("opset " + Twine(result.opset) +
                          " of ai.onnx is not supported, expected " +
                          Twine(minOpset) + " to " + Twine(maxOpset));
  return success();
}

LogicalResult Checker::checkParts() {
  if (model.functions_size())
    return reporter.error(
        "functions in the model are not supported yet, found " +
        Twine(model.functions_size()) + ", first " +
        quoted(operatorName(model.functions(0).domain(),
                            model.functions(0).name())));
  if (graph.sparse_initializer_size())
    return reporter.error("sparse initializers are not supported yet, found " +
                          Twine(graph.sparse_initializer_size()) + ", first " +
                          quoted(graph.sparse_initializer(0).values().name()));
  if (graph.quantization_annotation_size())
    return reporter.error(
        "quantization annotations are not supported yet, found " +
        Twine(graph.quantization_annotation_size()) + ", first on " +
        quoted(graph.quantization_annotation(0).tensor_name()));
  return success();
}

/// Whether an attribute is a graph, as those of If and Loop are.
static bool isSubgraph(const proto::AttributeProto &attribute) {
  constexpr int32_t graphs = 10;
  return attribute.type() == static_cast<int32_t>(AttributeKind::Graph) ||
         attribute.type() == graphs;
}

LogicalResult Checker::checkOperators() {
  struct Unsupported {
    std::string name;
    unsigned count;
    const proto::NodeProto *first;
    int64_t since;
    bool hasSubgraph;
  };
  SmallVector<Unsupported> unsupported;
  llvm::StringMap<size_t> places;
  for (const proto::NodeProto &node : graph.node()) {
    if (node.op_type().empty())
      return reporter.error(node, "op_type is missing");
    StringRef domain = normalizedDomain(node.domain());
    if (!versions.contains(domain))
      return reporter.error(node, "domain " + quoted(domain) +
                                      " is not in opset_import");
    int64_t since = 0;
    if (findOperator(domain, node.op_type(), versions.lookup(domain), since))
      continue;
    std::string name = operatorName(node.domain(), node.op_type());
    auto [place, isNew] = places.try_emplace(name, unsupported.size());
    if (isNew)
      unsupported.push_back({name, 0, &node, since, false});
    ++unsupported[place->second].count;
    for (const proto::AttributeProto &attribute : node.attribute())
      unsupported[place->second].hasSubgraph |= isSubgraph(attribute);
  }
  if (unsupported.empty())
    return success();
  std::string text = "unsupported operators: ";
  for (const Unsupported &entry : unsupported) {
    if (&entry != &unsupported.front())
      text += ", ";
    text += entry.name + " (" + std::to_string(entry.count) +
            (entry.count == 1 ? " node" : " nodes") + ", first " +
            quoted(nodeName(*entry.first));
    if (entry.since)
      text += ", needs opset " + std::to_string(entry.since);
    if (entry.hasSubgraph)
      text += ", subgraphs are not supported yet";
    text += ")";
  }
  return reporter.error(text);
}

LogicalResult Checker::checkNames() {
  llvm::StringSet<> inputs, outputs;
  for (const proto::ValueInfoProto &input : graph.input()) {
    if (input.name().empty())
      return reporter.error("a graph input has no name");
    if (!inputs.insert(input.name()).second)
      return reporter.error("graph input " + quoted(input.name()) +
                            " is declared twice");
    producers[input.name()] = given;
  }
  llvm::StringSet<> initializers;
  for (const proto::TensorProto &initializer : graph.initializer()) {
    if (initializer.name().empty())
      return reporter.error("an initializer has no name");
    if (!initializers.insert(initializer.name()).second)
      return reporter.error("initializer " + quoted(initializer.name()) +
                            " is given twice");
    producers[initializer.name()] = given;
  }
  for (auto [index, node] : llvm::enumerate(graph.node())) {
    for (const std::string &output : node.output())
      if (!output.empty() &&
          !producers.try_emplace(output, static_cast<unsigned>(index)).second)
        return reporter.error(node, "output " + quoted(output) +
                                        " is already the name of another "
                                        "value");
  }
  for (const proto::NodeProto &node : graph.node())
    for (const std::string &input : node.input())
      if (!input.empty() && !producers.contains(input))
        return reporter.error(node, "input " + quoted(input) +
                                        " is produced by nothing");
  if (graph.output_size() == 0)
    return reporter.error("the graph has no output");
  for (const proto::ValueInfoProto &output : graph.output()) {
    if (output.name().empty())
      return reporter.error("a graph output has no name");
    if (!outputs.insert(output.name()).second)
      return reporter.error("graph output " + quoted(output.name()) +
                            " is declared twice");
    if (!producers.contains(output.name()))
      return reporter.error("graph output " + quoted(output.name()) +
                            " is produced by nothing");
  }
  return success();
}

/// Says how many there should be: `2 inputs`, `1 to 3 inputs` or `at least 1
/// input`.
static std::string describeArity(unsigned least, unsigned most,
                                 const char *what) {
  std::string text = std::to_string(least);
  if (most == OpSchema::any)
    text = "at least " + text;
  else if (least != most)
    text += " to " + std::to_string(most);
  bool single = least == 1 && (most == 1 || most == OpSchema::any);
  return text + " " + what + (single ? "" : "s");
}

LogicalResult Checker::checkNode(const proto::NodeProto &node) {
  int64_t since;
  StringRef domain = normalizedDomain(node.domain());
  const OpSchema *schema =
      findOperator(domain, node.op_type(), versions.lookup(domain), since);
  if (!schema)
    return reporter.error(node, "unknown operator");
  unsigned inputs = node.input_size(), outputs = node.output_size();
  // An absent input at the end may be written as an empty name.
  while (inputs > schema->minInputs && node.input(inputs - 1).empty())
    --inputs;
  if (inputs < schema->minInputs || inputs > schema->maxInputs)
    return reporter.error(
        node, "expected " +
                  describeArity(schema->minInputs, schema->maxInputs, "input") +
                  ", found " + Twine(node.input_size()));
  if (outputs < schema->minOutputs || outputs > schema->maxOutputs)
    return reporter.error(
        node,
        "expected " +
            describeArity(schema->minOutputs, schema->maxOutputs, "output") +
            ", found " + Twine(outputs));
  unsigned required =
      schema->maxInputs == OpSchema::any ? inputs : schema->minInputs;
  for (unsigned i = 0; i < required; ++i)
    if (node.input(i).empty() && !schema->isOptional(i))
      return reporter.error(node,
                            "input " + Twine(i) + " is required but absent");
  for (unsigned i = 0; i < schema->minOutputs; ++i)
    if (node.output(i).empty())
      return reporter.error(node,
                            "output " + Twine(i) + " is required but absent");
  return checkAttributes(node, *schema, reporter);
}

LogicalResult Checker::checkTensors() {
  std::string error;
  for (const proto::TensorProto &initializer : graph.initializer()) {
    FailureOr<TensorInfo> info = tensors.check(initializer, error);
    if (failed(info))
      return reporter.error("initializer " + quoted(initializer.name()) + ": " +
                            error);
    result.initializers[initializer.name()] = std::move(*info);
  }
  for (const proto::NodeProto &node : graph.node())
    for (const proto::AttributeProto &attribute : node.attribute()) {
      if (!attribute.has_t())
        continue;
      FailureOr<TensorInfo> info = tensors.check(attribute.t(), error);
      if (failed(info))
        return reporter.error(node, "attribute " + quoted(attribute.name()) +
                                        ": " + error);
      result.attributeTensors[&attribute.t()] = std::move(*info);
    }
  return success();
}

LogicalResult Checker::reportCycle(ArrayRef<unsigned> waiting) {
  // Each node that waits has an input from another one that waits. Going from
  // input to input ends in a cycle.
  llvm::DenseMap<unsigned, unsigned> visited;
  SmallVector<unsigned> path;
  auto waits = [&](unsigned node) { return waiting[node] != 0; };
  unsigned node = 0;
  while (!waits(node))
    ++node;
  while (visited.try_emplace(node, path.size()).second) {
    path.push_back(node);
    for (const std::string &input : graph.node(node).input()) {
      if (input.empty())
        continue;
      unsigned producer = producers.lookup(input);
      if (producer != given && waits(producer)) {
        node = producer;
        break;
      }
    }
  }
  unsigned length = path.size() - visited.lookup(node);
  return reporter.error(graph.node(node),
                        "the node depends on its own output, through a cycle "
                        "of " +
                            Twine(length) + (length == 1 ? " node" : " nodes"));
}

LogicalResult Checker::sortNodes() {
  // Nodes wait for inputs that other nodes produce. Of those that wait for none
  // the first in the file goes first, so a file in order keeps its order.
  unsigned count = graph.node_size();
  SmallVector<unsigned> waiting(count, 0);
  SmallVector<SmallVector<unsigned, 2>> users(count);
  for (unsigned i = 0; i < count; ++i)
    for (const std::string &input : graph.node(i).input()) {
      unsigned producer = input.empty() ? given : producers.lookup(input);
      if (producer == given)
        continue;
      ++waiting[i];
      users[producer].push_back(i);
    }
  std::priority_queue<unsigned, std::vector<unsigned>, std::greater<>> ready;
  for (unsigned i = 0; i < count; ++i)
    if (waiting[i] == 0)
      ready.push(i);
  while (!ready.empty()) {
    unsigned node = ready.top();
    ready.pop();
    result.order.push_back(&graph.node(node));
    for (unsigned user : users[node])
      if (--waiting[user] == 0)
        ready.push(user);
  }
  if (result.order.size() != count)
    return reportCycle(waiting);
  return success();
}

FailureOr<CheckedGraph> Checker::check() {
  result.graph = &graph;
  if (failed(checkVersions()) || failed(checkParts()) ||
      failed(checkOperators()) || failed(checkNames()))
    return failure();
  for (const proto::NodeProto &node : graph.node())
    if (failed(checkNode(node)))
      return failure();
  if (failed(sortNodes()) || failed(checkTensors()))
    return failure();
  return std::move(result);
}

FailureOr<CheckedGraph>
mlir::dejavu::onnximport::checkModel(const proto::ModelProto &model,
                                     TensorReader &tensors,
                                     const Reporter &reporter) {
  return Checker(model, tensors, reporter).check();
}
