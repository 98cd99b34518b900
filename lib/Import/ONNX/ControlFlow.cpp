//===- ControlFlow.cpp - calls and graphs inside nodes ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A call becomes the nodes of its function, with the call's attributes where
// they refer to the function's. A graph inside a node becomes a region, whose
// ops may use what is outside; of an If whose condition is known only the
// branch that is taken is built, in place.
//
//===----------------------------------------------------------------------===//

#include "Attributes.h"
#include "GraphBuilder.h"
#include "Model.pb.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace mlir::dejavu::onnximport;

namespace {
/// Makes `inner` the scope, until the end of its block.
class ScopeGuard {
public:
  ScopeGuard(Scope *&place, Scope &inner) : place(place), outer(place) {
    place = &inner;
  }
  ~ScopeGuard() { place = outer; }
  ScopeGuard(const ScopeGuard &) = delete;
  ScopeGuard &operator=(const ScopeGuard &) = delete;

private:
  Scope *&place;
  Scope *outer;
};
} // namespace

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

LogicalResult GraphBuilder::bindAttributes(const proto::NodeProto &node,
                                           proto::NodeProto &bound) {
  bound = node;
  bound.clear_attribute();
  for (const proto::AttributeProto &attribute : node.attribute()) {
    const proto::AttributeProto *value = &attribute;
    if (!attribute.ref_attr_name().empty()) {
      value = scope->bindings
                  ? scope->bindings->lookup(attribute.ref_attr_name())
                  : nullptr;
      // What the call does not give is not there.
      if (!value)
        continue;
    }
    proto::AttributeProto &copy = *bound.add_attribute();
    copy = *value;
    copy.set_name(attribute.name());
    const void *key = copy.has_t() ? static_cast<const void *>(&copy.t())
                                   : &copy.sparse_tensor();
    if (copy.has_t() || copy.has_sparse_tensor())
      boundTensors[key] = findTensor(*value);
    if (copy.has_g())
      boundGraphs[&copy.g()] = &value->g();
  }
  // What the references stand for may be of another kind than is wanted.
  if (const Function *callee = graph.functions.find(node))
    return checkCallAttributes(bound, *callee, nullptr, getReporter());
  int64_t since;
  StringRef domain = normalizedDomain(node.domain());
  const OpSchema *schema = findOperator(domain, node.op_type(),
                                        scope->versions->lookup(domain), since);
  if (!schema)
    return getReporter().error(node, "unknown operator");
  return checkAttributes(bound, *schema, nullptr, getReporter());
}

LogicalResult GraphBuilder::addCall(const proto::NodeProto &node,
                                    const Function &callee,
                                    ArrayRef<Value> operands,
                                    Results &results) {
  const proto::FunctionProto &function = *callee.proto;
  llvm::StringMap<const proto::AttributeProto *> bindings;
  for (const proto::AttributeProto &attribute : function.attribute_proto())
    bindings[attribute.name()] = &attribute;
  for (const proto::AttributeProto &attribute : node.attribute())
    bindings[attribute.name()] = &attribute;

  Scope inner = {&graph.getScope(&function),
                 scope->block,
                 nullptr,
                 &callee.versions,
                 reporter.within(getReporter().getName(node)),
                 &bindings};
  for (auto [index, name] : llvm::enumerate(function.input()))
    inner.values[name] = index < operands.size() ? operands[index] : Value();
  ScopeGuard guard(scope, inner);
  for (const proto::NodeProto *each : inner.checked->order)
    if (failed(addNode(*each)))
      return failure();
  for (const std::string &output : function.output()) {
    FailureOr<Value> value = lookup(output);
    if (failed(value))
      return failure();
    results.push_back(*value);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Graphs inside nodes
//===----------------------------------------------------------------------===//

const proto::GraphProto *
GraphBuilder::findSubgraph(const proto::NodeProto &node, StringRef name) {
  const proto::AttributeProto *attribute = findAttribute(node, name);
  if (!attribute || !attribute->has_g()) {
    (void)getReporter().error(node,
                              "attribute " + quoted(name) + " is missing");
    return nullptr;
  }
  const proto::GraphProto *original = boundGraphs.lookup(&attribute->g());
  return original ? original : &attribute->g();
}

LogicalResult GraphBuilder::addSubgraph(const proto::NodeProto &node,
                                        StringRef name, Block &block,
                                        ArrayRef<BlockArgument> arguments,
                                        Results &outputs) {
  const proto::GraphProto *found = findSubgraph(node, name);
  if (!found)
    return failure();
  const proto::GraphProto &subgraph = *found;
  auto fail = [&](const Twine &message) {
    return getReporter().error(node,
                               "subgraph " + quoted(name) + ": " + message);
  };

  Scope inner = {&graph.getScope(&subgraph),
                 &block,
                 scope,
                 scope->versions,
                 scope->reporter,
                 scope->bindings};
  OpBuilder::InsertionGuard insertion(builder);
  builder.setInsertionPointToEnd(&block);
  // Inputs with a value of their own are constants.
  unsigned count = 0;
  for (const proto::ValueInfoProto &input : subgraph.input()) {
    if (inner.checked->initializers.contains(input.name()))
      continue;
    if (count == arguments.size())
      return fail("expected " + Twine(count) + " inputs, found more");
    BlockArgument argument = arguments[count++];
    argument.setLoc(NameLoc::get(builder.getStringAttr(input.name())));
    inner.values[input.name()] = argument;
    int32_t declared = input.type().tensor_type().elem_type();
    if (declared == 0)
      continue;
    std::string error;
    FailureOr<Type> type =
        convertElementType(*builder.getContext(), declared, error);
    Type given = cast<ShapedType>(argument.getType()).getElementType();
    if (failed(type) || *type != given)
      return fail("graph input " + quoted(input.name()) + ": declared as " +
                  (succeeded(type) ? onnx::describe(*type) : error) +
                  ", but is given " + onnx::describe(given));
  }
  if (count != arguments.size())
    return fail("expected " + Twine(arguments.size()) + " inputs, found " +
                Twine(count));
  ScopeGuard guard(scope, inner);
  for (const proto::NodeProto *each : inner.checked->order)
    if (failed(addNode(*each)))
      return failure();
  for (const proto::ValueInfoProto &output : subgraph.output()) {
    FailureOr<Value> value = lookup(output.name());
    if (failed(value))
      return failure();
    if (!*value)
      return fail("graph output " + quoted(output.name()) + " is absent");
    outputs.push_back(*value);
  }
  return success();
}

LogicalResult GraphBuilder::addRegion(const proto::NodeProto &node,
                                      StringRef name, TypeRange inputs,
                                      Region &region) {
  Block &block = region.emplaceBlock();
  for (Type type : inputs)
    block.addArgument(type, locationOf(node));
  SmallVector<Value> outputs;
  if (failed(addSubgraph(node, name, block, block.getArguments(), outputs)))
    return failure();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&block);
  onnx::YieldOp::create(builder, locationOf(node), outputs);
  return success();
}

/// What ends a region that addRegion has built.
static Operation *getYield(Region &region) { return &region.front().back(); }

Operation *GraphBuilder::start(const proto::NodeProto &node,
                               ArrayRef<Value> operands,
                               ArrayRef<NamedAttribute> attributes,
                               unsigned regions, unsigned results) {
  OperationState state(locationOf(node), "onnx." + node.op_type());
  for (Value operand : operands)
    if (operand)
      state.addOperands(operand);
  state.addAttributes(attributes);
  for (unsigned i = 0; i < regions; ++i)
    state.addRegion();
  state.types.append(results, UnrankedTensorType::get(builder.getF32Type()));
  return builder.create(state);
}

LogicalResult GraphBuilder::finish(const proto::NodeProto &node, Operation *op,
                                   TypeRange types, Results &results) {
  for (auto [result, type] : llvm::zip(op->getResults(), types))
    result.setType(type);
  std::string error;
  {
    ScopedDiagnosticHandler handler(
        builder.getContext(), [&](Diagnostic &diagnostic) {
          if (error.empty() &&
              diagnostic.getSeverity() == DiagnosticSeverity::Error)
            error = diagnostic.str();
          return success();
        });
    if (succeeded(verify(op))) {
      llvm::append_range(results, op->getResults());
      return success();
    }
  }
  StringRef text = error;
  text.consume_front(("'" + op->getName().getStringRef() + "' op ").str());
  return getReporter().error(node, text);
}

/// The type of a value that has type `a` or type `b`. Null if the element types
/// differ.
static Type join(Type a, Type b) {
  auto mine = cast<ShapedType>(a), other = cast<ShapedType>(b);
  if (mine.getElementType() != other.getElementType())
    return Type();
  if (a == b)
    return a;
  if (!mine.hasRank() || !other.hasRank() || mine.getRank() != other.getRank())
    return UnrankedTensorType::get(mine.getElementType());
  SmallVector<int64_t> shape(mine.getShape());
  for (auto [dim, otherDim] : llvm::zip(shape, other.getShape()))
    if (dim != otherDim)
      dim = ShapedType::kDynamic;
  return RankedTensorType::get(shape, mine.getElementType());
}

LogicalResult GraphBuilder::addIf(const proto::NodeProto &node,
                                  ArrayRef<Value> operands, Results &results) {
  auto type = cast<ShapedType>(operands[0].getType());
  if (!type.getElementType().isInteger(1) ||
      (type.hasStaticShape() && type.getNumElements() != 1))
    return getReporter().error(node,
                               "expected a condition of one bool, found " +
                                   onnx::describe(type));
  unsigned count = node.output_size();
  auto checkCount = [&](StringRef name, unsigned found) -> LogicalResult {
    if (found == count)
      return success();
    return getReporter().error(node, "subgraph " + quoted(name) +
                                         ": expected " + Twine(count) +
                                         " outputs, found " + Twine(found));
  };
  if (auto known = onnx::evaluateInts(operands[0]);
      known && known->size() == 1 && !ShapedType::isDynamic(known->front())) {
    StringRef taken = known->front() ? "then_branch" : "else_branch";
    size_t before = results.size();
    if (failed(addSubgraph(node, taken, *scope->block, {}, results)))
      return failure();
    return checkCount(taken, results.size() - before);
  }

  Operation *op = start(node, operands, {}, 2, count);
  SmallVector<Type> types;
  static constexpr StringRef names[] = {"then_branch", "else_branch"};
  for (auto [region, name] : llvm::zip(op->getRegions(), names)) {
    if (failed(addRegion(node, name, {}, region)))
      return failure();
    OperandRange outputs = getYield(region)->getOperands();
    if (failed(checkCount(name, outputs.size())))
      return failure();
    for (auto [index, output] : llvm::enumerate(outputs)) {
      if (index == types.size()) {
        types.push_back(output.getType());
        continue;
      }
      Type both = join(types[index], output.getType());
      if (!both)
        return getReporter().error(
            node, "expected branches with outputs of one element type, found " +
                      onnx::describe(types[index]) + " and " +
                      onnx::describe(output.getType()) + " for output " +
                      Twine(index));
      types[index] = both;
    }
  }
  return finish(node, op, types, results);
}

LogicalResult GraphBuilder::addBody(const proto::NodeProto &node,
                                    SmallVectorImpl<Type> &inputs,
                                    unsigned leading, unsigned carried,
                                    unsigned yielded, Region &region) {
  while (true) {
    region.dropAllReferences();
    region.getBlocks().clear();
    if (failed(addRegion(node, "body", inputs, region)))
      return failure();
    OperandRange outputs = getYield(region)->getOperands();
    if (outputs.size() < yielded + carried)
      return getReporter().error(node, "subgraph 'body': expected at least " +
                                           Twine(yielded + carried) +
                                           " outputs, found " +
                                           Twine(outputs.size()));
    // Each turn makes a type more general, which ends with no rank at all.
    bool fits = true;
    for (unsigned i = 0; i < carried; ++i) {
      Type &before = inputs[leading + i];
      Type after = outputs[yielded + i].getType();
      Type both = join(before, after);
      if (!both)
        return getReporter().error(node,
                                   "subgraph 'body': expected an output of " +
                                       onnx::describe(before) +
                                       " for what is carried along, "
                                       "found " +
                                       onnx::describe(after));
      fits &= both == before;
      before = both;
    }
    if (fits)
      return success();
  }
}

/// The type of values of type `type` that are stacked along a new dimension
/// `axis`, which is valid if the rank is known.
static Type stack(Type type, int64_t axis, int64_t count) {
  auto ranked = dyn_cast<RankedTensorType>(type);
  if (!ranked)
    return type;
  SmallVector<int64_t> shape(ranked.getShape());
  shape.insert(shape.begin() + axis, count);
  return RankedTensorType::get(shape, ranked.getElementType());
}

LogicalResult GraphBuilder::addLoop(const proto::NodeProto &node,
                                    ArrayRef<Value> operands,
                                    Results &results) {
  Value limit = operands.empty() ? Value() : operands[0],
        condition = operands.size() > 1 ? operands[1] : Value();
  ArrayRef<Value> initial =
      operands.drop_front(std::min<size_t>(operands.size(), 2));
  if (llvm::is_contained(initial, Value()))
    return getReporter().error(node, "expected a value for each input that is "
                                     "carried along, found an absent one");
  auto scalar = [&](unsigned width) -> Type {
    return RankedTensorType::get({}, builder.getIntegerType(width));
  };
  SmallVector<Type> inputs = {scalar(64), scalar(1)};
  llvm::append_range(inputs, ValueRange(initial).getTypes());

  const proto::GraphProto *body = findSubgraph(node, "body");
  if (!body)
    return failure();
  unsigned carried = initial.size();
  auto segments = builder.getDenseI32ArrayAttr(
      {limit ? 1 : 0, condition ? 1 : 0, static_cast<int32_t>(carried)});
  Operation *op = start(node, operands,
                        builder.getNamedAttr("operandSegmentSizes", segments),
                        1, std::max(body->output_size(), 1) - 1);
  Region &region = op->getRegion(0);
  if (failed(addBody(node, inputs, 2, carried, 1, region)))
    return failure();
  SmallVector<Type> types(ArrayRef<Type>(inputs).drop_front(2));
  for (Value output : getYield(region)->getOperands().drop_front(1 + carried)) {
    types.push_back(stack(output.getType(), 0, ShapedType::kDynamic));
    if (auto ranked = dyn_cast<RankedTensorType>(types.back());
        ranked && ranked.getRank() > onnx::maxRank)
      return getReporter().error(node, "expected a rank of at most " +
                                           Twine(onnx::maxRank) + ", found " +
                                           Twine(ranked.getRank()));
  }
  if (static_cast<size_t>(node.output_size()) > types.size())
    return getReporter().error(node, "expected at most " + Twine(types.size()) +
                                         " outputs, found " +
                                         Twine(node.output_size()));
  return finish(node, op, types, results);
}

LogicalResult GraphBuilder::addScan(const proto::NodeProto &node,
                                    ArrayRef<Value> operands,
                                    Results &results) {
  auto fail = [&](const Twine &message) {
    return getReporter().error(node, message);
  };
  if (llvm::is_contained(operands, Value()))
    return fail("expected a value for each input, found an absent one");
  int64_t scanned = getInt(node, "num_scan_inputs").value_or(0);
  if (scanned < 1 || scanned > static_cast<int64_t>(operands.size()))
    return fail("expected num_scan_inputs from 1 to " + Twine(operands.size()) +
                ", found " + Twine(scanned));
  unsigned carried = operands.size() - scanned;

  const proto::GraphProto *body = findSubgraph(node, "body");
  if (!body)
    return failure();
  SmallVector<NamedAttribute> attributes = {builder.getNamedAttr(
      "num_scan_inputs", builder.getI64IntegerAttr(scanned))};
  for (StringRef name : {"scan_input_axes", "scan_input_directions",
                         "scan_output_axes", "scan_output_directions"})
    if (auto values = getInts(node, name))
      attributes.push_back(
          builder.getNamedAttr(name, builder.getDenseI64ArrayAttr(*values)));

  // What the body is given: the state, and slices without the axis.
  auto inputAxes = getInts(node, "scan_input_axes")
                       .value_or(SmallVector<int64_t>(scanned, 0));
  if (static_cast<int64_t>(inputAxes.size()) != scanned)
    return fail("expected " + Twine(scanned) + " scan_input_axes, found " +
                Twine(inputAxes.size()));
  SmallVector<Type> inputs(ValueRange(operands.take_front(carried)).getTypes());
  int64_t turns = ShapedType::kDynamic;
  std::string error;
  for (auto [operand, axis] :
       llvm::zip(operands.drop_front(carried), inputAxes)) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type) {
      inputs.push_back(operand.getType());
      continue;
    }
    if (failed(onnx::normalizeAxis(axis, type.getRank(), "axis", error)))
      return fail(error);
    SmallVector<int64_t> shape(type.getShape());
    int64_t length = shape[axis];
    if (!ShapedType::isDynamic(length) && !ShapedType::isDynamic(turns) &&
        length != turns)
      return fail("expected inputs of " + Twine(turns) +
                  " slices, found one of " + Twine(length));
    turns = ShapedType::isDynamic(length) ? turns : length;
    shape.erase(shape.begin() + axis);
    inputs.push_back(RankedTensorType::get(shape, type.getElementType()));
  }
  Operation *op = start(node, operands, attributes, 1, body->output_size());
  Region &region = op->getRegion(0);
  if (failed(addBody(node, inputs, 0, carried, 0, region)))
    return failure();

  SmallVector<Type> types(ArrayRef<Type>(inputs).take_front(carried));
  OperandRange slices = getYield(region)->getOperands().drop_front(carried);
  auto outputAxes = getInts(node, "scan_output_axes")
                        .value_or(SmallVector<int64_t>(slices.size(), 0));
  if (outputAxes.size() != slices.size())
    return fail("expected " + Twine(slices.size()) +
                " scan_output_axes, found " + Twine(outputAxes.size()));
  for (auto [slice, axis] : llvm::zip(slices, outputAxes)) {
    auto type = dyn_cast<RankedTensorType>(slice.getType());
    if (type &&
        failed(onnx::normalizeAxis(axis, type.getRank() + 1, "axis", error)))
      return fail(error);
    if (type && type.getRank() == onnx::maxRank)
      return fail("expected a rank of at most " + Twine(onnx::maxRank) +
                  ", found " + Twine(type.getRank() + 1));
    types.push_back(stack(slice.getType(), axis, turns));
  }
  if (static_cast<size_t>(node.output_size()) > types.size())
    return fail("expected at most " + Twine(types.size()) + " outputs, found " +
                Twine(node.output_size()));
  return finish(node, op, types, results);
}
