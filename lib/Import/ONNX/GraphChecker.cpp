//===- GraphChecker.cpp - what must hold before anything is built ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphChecker.h"
#include "Attributes.h"
#include "Model.pb.h"
#include "OpTable.h"

#include "llvm/ADT/StringSet.h"

#include <queue>

using namespace mlir;
using namespace mlir::dejavu::onnximport;

/// IR versions that can be read. The next one is tried with a warning.
static constexpr int64_t minIrVersion = 3, maxIrVersion = 14;

namespace {
/// What has nodes: the graph, a graph in an attribute, or a function.
struct Body {
  using Nodes = google::protobuf::RepeatedPtrField<proto::NodeProto>;

  const Nodes &nodes;
  /// One of these two is null.
  const proto::GraphProto *graph;
  const Function *function;

  /// For a graph in an attribute: of which node, and what encloses it.
  const proto::NodeProto *owner = nullptr;
  StringRef attribute = "";
  const Body *parent = nullptr;

  /// For each value its node, or `given` for inputs and initializers.
  llvm::StringMap<unsigned> producers = {};
  static constexpr unsigned given = ~0u;

  const void *getKey() const {
    return graph ? static_cast<const void *>(graph) : function->proto;
  }
  /// The function whose body this is or lies in.
  const Function *getFunction() const {
    return parent ? parent->getFunction() : function;
  }
  /// Whether there is a value `name` here or further out.
  bool knows(StringRef name) const {
    return producers.contains(name) || (parent && parent->knows(name));
  }
};

class Checker {
public:
  Checker(const proto::ModelProto &model, const PayloadMap &payloads,
          TensorReader &tensors, const Reporter &reporter)
      : model(model), graph(model.graph()), payloads(payloads),
        tensors(tensors), reporter(reporter) {}

  FailureOr<CheckedGraph> check();

private:
  LogicalResult checkVersions();
  LogicalResult checkFunctions();
  LogicalResult checkOperators();
  LogicalResult checkBody(Body &body);
  LogicalResult checkNames(Body &body);
  LogicalResult checkInitializers(Body &body);
  LogicalResult checkSubgraphs(Body &body);
  LogicalResult checkNode(const Body &body, const proto::NodeProto &node);
  LogicalResult checkCall(const Body &body, const proto::NodeProto &node,
                          const Function &callee);
  LogicalResult checkTensor(const proto::AttributeProto &attribute,
                            std::string &error);
  LogicalResult checkTensors(const Body &body);
  LogicalResult sortNodes(const Body &body);
  LogicalResult reportCycle(const Body &body, ArrayRef<unsigned> waiting,
                            ArrayRef<SmallVector<unsigned, 2>> producers);

  /// Reports an error about a body as a whole.
  LogicalResult fail(const Body &body, const Twine &message) const;

  const Versions &getVersions(const Body &body) const {
    const Function *function = body.getFunction();
    return function ? function->versions : result.versions;
  }

  const proto::ModelProto &model;
  const proto::GraphProto &graph;
  const PayloadMap &payloads;
  TensorReader &tensors;
  const Reporter &reporter;
  CheckedGraph result;
};
} // namespace

LogicalResult Checker::fail(const Body &body, const Twine &message) const {
  if (body.owner)
    return reporter.error(*body.owner, "subgraph " + quoted(body.attribute) +
                                           ": " + message);
  if (body.function)
    return reporter.error("function '" + body.function->name + "': " + message);
  return reporter.error(message);
}

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

LogicalResult Checker::checkVersions() {
  int64_t version = model.ir_version();
  if (!model.has_ir_version())
    return reporter.error("ir_version is missing");
  if (version < minIrVersion || version > maxIrVersion + 1)
    return reporter.error("IR version " + Twine(version) +
                          " is not supported, expected " + Twine(minIrVersion) +
                          " to " + Twine(maxIrVersion));
  // What a newer version has added may change what the rest means.
  if (version > maxIrVersion && !payloads.unknownField.empty())
    return reporter.error("IR version " + Twine(version) +
                          " is not supported, expected " + Twine(minIrVersion) +
                          " to " + Twine(maxIrVersion) + "; " +
                          payloads.unknownField + " is unknown");
  if (version > maxIrVersion)
    reporter.warning("IR version " + Twine(version) +
                     " is newer than this importer, which knows " +
                     Twine(minIrVersion) + " to " + Twine(maxIrVersion));
  if (!model.has_graph())
    return reporter.error("the model has no graph");
  if (model.opset_import_size() == 0)
    return reporter.error("opset_import is missing");
  if (failed(readVersions(model, result.versions, [&](const Twine &message) {
        return reporter.error(message);
      })))
    return failure();
  result.opset = result.versions.lookup("ai.onnx");
  if (result.opset == 0)
    return reporter.error("opset_import has no version of 'ai.onnx'");
  return success();
}

LogicalResult Checker::checkFunctions() {
  if (failed(result.functions.build(model, reporter)))
    return failure();
  for (const Function *function : result.functions.getReachable())
    if (failed(checkDeclaredAttributes(*function, reporter)))
      return failure();
  return success();
}

LogicalResult Checker::checkOperators() {
  struct Unsupported {
    std::string name;
    unsigned count;
    const proto::NodeProto *first;
    int64_t since;
  };
  SmallVector<Unsupported> unsupported;
  llvm::StringMap<size_t> places;
  LogicalResult status = success();
  auto check = [&](const proto::NodeProto &node, const Versions &versions) {
    if (failed(status))
      return;
    StringRef domain = normalizedDomain(node.domain());
    if (node.op_type().empty())
      status = reporter.error(node, "op_type is missing");
    else if (!versions.contains(domain))
      status = reporter.error(node, "domain " + quoted(domain) +
                                        " is not in opset_import");
    if (failed(status))
      return;
    int64_t since = 0;
    if (result.functions.find(node) ||
        (node.overload().empty() &&
         findOperator(domain, node.op_type(), versions.lookup(domain), since)))
      return;
    std::string name = operatorName(node.domain(), node.op_type());
    if (!node.overload().empty())
      name += ":" + printable(node.overload());
    auto [place, isNew] = places.try_emplace(name, unsupported.size());
    if (isNew)
      unsupported.push_back({name, 0, &node, since});
    ++unsupported[place->second].count;
  };
  for (const proto::NodeProto &node : graph.node())
    visitNodes(node, [&](const auto &each) { check(each, result.versions); });
  for (const Function *function : result.functions.getReachable())
    for (const proto::NodeProto &node : function->proto->node())
      visitNodes(node,
                 [&](const auto &each) { check(each, function->versions); });
  if (failed(status))
    return failure();
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
    text += ")";
  }
  return reporter.error(text);
}

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

LogicalResult Checker::checkInitializers(Body &body) {
  if (!body.graph)
    return success();
  CheckedScope &scope = result.scopes[body.getKey()];
  std::string error;
  auto declare = [&](StringRef name) -> LogicalResult {
    if (name.empty())
      return fail(body, "an initializer has no name");
    if (failed(checkName(name, error)))
      return fail(body, "initializer " + quoted(name) + ": " + error);
    if (!scope.initializers.try_emplace(name).second)
      return fail(body, "initializer " + quoted(name) + " is given twice");
    if (body.parent && body.parent->knows(name))
      return fail(body, "initializer " + quoted(name) +
                            " has the name of a value outside");
    body.producers[name] = Body::given;
    return success();
  };
  for (const proto::TensorProto &initializer : body.graph->initializer())
    if (failed(declare(initializer.name())))
      return failure();
  for (const auto &initializer : body.graph->sparse_initializer())
    if (failed(declare(initializer.values().name())))
      return failure();
  return success();
}

LogicalResult Checker::checkNames(Body &body) {
  std::string error;
  llvm::StringMap<unsigned> &producers = body.producers;
  auto declareInput = [&](StringRef name) -> LogicalResult {
    const char *what = body.function ? "input" : "graph input";
    if (name.empty())
      return fail(body,
                  Twine(body.function ? "an " : "a ") + what + " has no name");
    if (failed(checkName(name, error)))
      return fail(body, Twine(what) + " " + quoted(name) + ": " + error);
    if (!producers.try_emplace(name, Body::given).second)
      return fail(body,
                  Twine(what) + " " + quoted(name) + " is declared twice");
    if (body.parent && body.parent->knows(name))
      return fail(body, Twine(what) + " " + quoted(name) +
                            " has the name of a value outside");
    return success();
  };
  if (body.graph) {
    for (const proto::ValueInfoProto &input : body.graph->input())
      if (failed(declareInput(input.name())))
        return failure();
  } else {
    for (const std::string &input : body.function->proto->input())
      if (failed(declareInput(input)))
        return failure();
  }
  if (failed(checkInitializers(body)))
    return failure();
  for (auto [index, node] : llvm::enumerate(body.nodes)) {
    for (const std::string &output : node.output()) {
      if (output.empty())
        continue;
      if (failed(checkName(output, error)))
        return reporter.error(node, "output " + quoted(output) + ": " + error);
      if (!producers.try_emplace(output, static_cast<unsigned>(index)).second ||
          (body.parent && body.parent->knows(output)))
        return reporter.error(node, "output " + quoted(output) +
                                        " is already the name of another "
                                        "value");
    }
  }
  for (const proto::NodeProto &node : body.nodes)
    for (const std::string &input : node.input())
      if (!input.empty() && !body.knows(input))
        return reporter.error(node, "input " + quoted(input) +
                                        " is produced by nothing");

  llvm::StringSet<> outputs;
  auto checkOutput = [&](StringRef name) -> LogicalResult {
    const char *what = body.function ? "output" : "graph output";
    if (name.empty())
      return fail(body,
                  Twine(body.function ? "an " : "a ") + what + " has no name");
    // A branch may give one value twice, for two results.
    if (!outputs.insert(name).second && !body.parent)
      return fail(body,
                  Twine(what) + " " + quoted(name) + " is declared twice");
    if (!body.knows(name))
      return fail(body,
                  Twine(what) + " " + quoted(name) + " is produced by nothing");
    return success();
  };
  if (body.function) {
    for (const std::string &output : body.function->proto->output())
      if (failed(checkOutput(output)))
        return failure();
    return success();
  }
  if (body.graph->output_size() == 0)
    return fail(body, "the graph has no output");
  for (const proto::ValueInfoProto &output : body.graph->output())
    if (failed(checkOutput(output.name())))
      return failure();
  return success();
}

LogicalResult Checker::checkSubgraphs(Body &body) {
  LogicalResult status = success();
  for (const proto::NodeProto &node : body.nodes)
    visitSubgraphs(node, [&](const proto::AttributeProto &attribute,
                             const proto::GraphProto &graph) {
      if (failed(status))
        return;
      Body inner = {graph.node(), &graph,           nullptr,
                    &node,        attribute.name(), &body};
      status = checkBody(inner);
    });
  return status;
}

LogicalResult Checker::checkBody(Body &body) {
  if (body.graph && body.graph->quantization_annotation_size())
    return fail(
        body, "quantization annotations are not supported yet, found " +
                  Twine(body.graph->quantization_annotation_size()) +
                  ", first on " +
                  quoted(body.graph->quantization_annotation(0).tensor_name()));
  if (failed(checkNames(body)))
    return failure();
  for (const proto::NodeProto &node : body.nodes)
    if (failed(checkNode(body, node)))
      return failure();
  if (failed(checkSubgraphs(body)) || failed(sortNodes(body)))
    return failure();
  return checkTensors(body);
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

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

LogicalResult Checker::checkCall(const Body &body, const proto::NodeProto &node,
                                 const Function &callee) {
  // Inputs and outputs at the end may be left out.
  unsigned inputs = callee.proto->input_size(),
           outputs = callee.proto->output_size();
  if (static_cast<unsigned>(node.input_size()) > inputs)
    return reporter.error(node, "expected " +
                                    describeArity(0, inputs, "input") +
                                    ", found " + Twine(node.input_size()));
  if (static_cast<unsigned>(node.output_size()) > outputs ||
      node.output_size() == 0)
    return reporter.error(node, "expected " +
                                    describeArity(1, outputs, "output") +
                                    ", found " + Twine(node.output_size()));
  return checkCallAttributes(node, callee, body.getFunction(), reporter);
}

LogicalResult Checker::checkNode(const Body &body,
                                 const proto::NodeProto &node) {
  if (const Function *callee = result.functions.find(node))
    return checkCall(body, node, *callee);
  int64_t since;
  StringRef domain = normalizedDomain(node.domain());
  const OpSchema *schema = findOperator(
      domain, node.op_type(), getVersions(body).lookup(domain), since);
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
  return checkAttributes(node, *schema, body.getFunction(), reporter);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

LogicalResult Checker::checkTensor(const proto::AttributeProto &attribute,
                                   std::string &error) {
  if (attribute.has_t()) {
    FailureOr<TensorInfo> info = tensors.check(attribute.t(), error);
    if (failed(info))
      return failure();
    result.attributeTensors[&attribute.t()] = std::move(*info);
  }
  if (attribute.has_sparse_tensor()) {
    FailureOr<TensorInfo> info =
        tensors.checkSparse(attribute.sparse_tensor(), error);
    if (failed(info))
      return failure();
    result.attributeTensors[&attribute.sparse_tensor()] = std::move(*info);
  }
  return success();
}

LogicalResult Checker::checkTensors(const Body &body) {
  std::string error;
  CheckedScope &scope = result.scopes[body.getKey()];
  auto take = [&](StringRef name, FailureOr<TensorInfo> info) -> LogicalResult {
    if (failed(info))
      return fail(body, "initializer " + quoted(name) + ": " + error);
    scope.initializers[name] = std::move(*info);
    return success();
  };
  if (body.graph) {
    for (const proto::TensorProto &initializer : body.graph->initializer())
      if (failed(take(initializer.name(), tensors.check(initializer, error))))
        return failure();
    for (const auto &initializer : body.graph->sparse_initializer())
      if (failed(take(initializer.values().name(),
                      tensors.checkSparse(initializer, error))))
        return failure();
  } else {
    for (const auto &attribute : body.function->proto->attribute_proto())
      if (failed(checkTensor(attribute, error)))
        return fail(body,
                    "attribute " + quoted(attribute.name()) + ": " + error);
  }
  for (const proto::NodeProto &node : body.nodes)
    for (const proto::AttributeProto &attribute : node.attribute())
      if (failed(checkTensor(attribute, error)))
        return reporter.error(node, "attribute " + quoted(attribute.name()) +
                                        ": " + error);
  return success();
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

LogicalResult
Checker::reportCycle(const Body &body, ArrayRef<unsigned> waiting,
                     ArrayRef<SmallVector<unsigned, 2>> producers) {
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
    const auto *producer = llvm::find_if(producers[node], waits);
    node = producer == producers[node].end() ? node : *producer;
  }
  unsigned length = path.size() - visited.lookup(node);
  return reporter.error(body.nodes[static_cast<int>(node)],
                        "the node depends on its own output, through a cycle "
                        "of " +
                            Twine(length) + (length == 1 ? " node" : " nodes"));
}

LogicalResult Checker::sortNodes(const Body &body) {
  // Nodes wait for inputs that other nodes produce, those of their subgraphs
  // included. Of those that wait for none the first in the file goes first, so
  // a file in order keeps its order.
  unsigned count = body.nodes.size();
  SmallVector<unsigned> waiting(count, 0);
  SmallVector<SmallVector<unsigned, 2>> users(count), producers(count);
  for (unsigned i = 0; i < count; ++i) {
    auto wait = [&](StringRef name) {
      auto producer = body.producers.find(name);
      if (producer == body.producers.end() || producer->second == Body::given)
        return;
      ++waiting[i];
      users[producer->second].push_back(i);
      producers[i].push_back(producer->second);
    };
    // No name means two things: what is not found here is defined elsewhere.
    visitNodes(body.nodes[static_cast<int>(i)],
               [&](const proto::NodeProto &node) {
                 llvm::for_each(node.input(), wait);
                 visitSubgraphs(node, [&](const auto &, const auto &graph) {
                   for (const proto::ValueInfoProto &output : graph.output())
                     wait(output.name());
                 });
               });
  }
  std::priority_queue<unsigned, std::vector<unsigned>, std::greater<>> ready;
  for (unsigned i = 0; i < count; ++i)
    if (waiting[i] == 0)
      ready.push(i);
  CheckedScope &scope = result.scopes[body.getKey()];
  while (!ready.empty()) {
    unsigned node = ready.top();
    ready.pop();
    scope.order.push_back(&body.nodes[static_cast<int>(node)]);
    for (unsigned user : users[node])
      if (--waiting[user] == 0)
        ready.push(user);
  }
  if (scope.order.size() != count)
    return reportCycle(body, waiting, producers);
  return success();
}

FailureOr<CheckedGraph> Checker::check() {
  result.graph = &graph;
  if (failed(checkVersions()) || failed(checkFunctions()) ||
      failed(checkOperators()))
    return failure();
  Body main = {graph.node(), &graph, nullptr};
  if (failed(checkBody(main)) || failed(checkInterface(graph, reporter)))
    return failure();
  for (const Function *function : result.functions.getReachable()) {
    Body body = {function->proto->node(), nullptr, function};
    if (failed(checkBody(body)))
      return failure();
  }
  return std::move(result);
}

FailureOr<CheckedGraph> mlir::dejavu::onnximport::checkModel(
    const proto::ModelProto &model, const PayloadMap &payloads,
    TensorReader &tensors, const Reporter &reporter) {
  return Checker(model, payloads, tensors, reporter).check();
}
