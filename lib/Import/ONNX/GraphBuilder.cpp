//===- GraphBuilder.cpp - turns a graph into IR ---------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GraphBuilder.h"
#include "Model.pb.h"
#include "OpTable.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace mlir::dejavu::onnximport;

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

Location GraphBuilder::locationOf(const proto::NodeProto &node) {
  return NameLoc::get(builder.getStringAttr(getReporter().getName(node)));
}

/// The number of operands, absent ones included, of an op that has optional
/// ones in the middle. 0 for others.
static unsigned countSegments(StringRef name, MLIRContext *context) {
  auto info = RegisteredOperationName::lookup(("onnx." + name).str(), context);
  if (!info || !info->hasTrait<OpTrait::AttrSizedOperandSegments>())
    return 0;
  StringRef domain = "ai.onnx";
  if (name.consume_front("com.microsoft."))
    domain = "com.microsoft";
  return countInputs(domain, name);
}

Operation *GraphBuilder::create(const proto::NodeProto &node, StringRef name,
                                ArrayRef<Value> operands,
                                ArrayRef<NamedAttribute> attributes,
                                unsigned results) {
  OperationState state(locationOf(node), ("onnx." + name).str());
  SmallVector<int32_t> segments(countSegments(name, builder.getContext()), 0);
  for (auto [index, operand] : llvm::enumerate(operands)) {
    if (!operand)
      continue;
    state.addOperands(operand);
    if (index < segments.size())
      segments[index] = 1;
  }
  state.addAttributes(attributes);
  if (!segments.empty())
    state.addAttribute("operandSegmentSizes",
                       builder.getDenseI32ArrayAttr(segments));
  // The types come from inference, which needs the op.
  state.types.append(results, UnrankedTensorType::get(builder.getF32Type()));
  Operation *op = builder.create(state);
  std::string error;
  if (failed(onnx::refineResultTypes(op, error)) ||
      failed(checkConstantOperands(op, error))) {
    (void)getReporter().error(node, error);
    return nullptr;
  }
  {
    // What the verifier says is repeated in terms of the node.
    ScopedDiagnosticHandler handler(
        builder.getContext(), [&](Diagnostic &diagnostic) {
          if (error.empty() &&
              diagnostic.getSeverity() == DiagnosticSeverity::Error)
            error = diagnostic.str();
          return success();
        });
    if (succeeded(verify(op)))
      return op;
  }
  StringRef text = error;
  text.consume_front(("'onnx." + name + "' op ").str());
  (void)getReporter().error(node, text);
  return nullptr;
}

Value GraphBuilder::createInts(const proto::NodeProto &node,
                               ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())},
                                    builder.getI64Type());
  return onnx::ConstantOp::create(
      builder, locationOf(node), type,
      cast<ElementsAttr>(DenseElementsAttr::get(type, values)));
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// True for names that symbols of later phases and tensors of the packed file
/// have.
static bool isCompilersName(StringRef name) {
  return name == "prefill" || name == "decode" || name == "dnnl_sgemm" ||
         name.starts_with("dejavu_") || name.starts_with("__");
}

FailureOr<Value> GraphBuilder::createTensor(const TensorInfo &info,
                                            StringRef name, Location loc) {
  if (!info.isWeight()) {
    std::string error;
    FailureOr<DenseElementsAttr> elements = tensors.read(info, error);
    if (failed(elements))
      return reporter.error("tensor " + quoted(name) + ": " + error);
    return onnx::ConstantOp::create(builder, loc, info.type,
                                    cast<ElementsAttr>(*elements))
        .getResult();
  }
  // Tied weights are one weight with two names; the first is kept.
  std::string &symbol = weights[{info.file, info.offset, info.bytes,
                                 info.type.getAsOpaquePointer()}];
  if (!symbol.empty())
    return LoadWeightOp::create(builder, loc, info.type, symbol).getResult();
  // The names of values and of functions are apart in ONNX, but not in MLIR.
  symbol = (isCompilersName(name) ? "weight." + name : Twine(name)).str();
  std::string stem = symbol;
  while (!symbols.try_emplace(symbol).second)
    symbol = (stem + "_" + Twine(++symbols[stem])).str();
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(body->getParentOp());
    auto source =
        SourceAttr::get(builder.getContext(), info.file,
                        static_cast<int64_t>(info.offset), info.bytes);
    OperationState state(loc, WeightOp::getOperationName());
    state.addAttribute("sym_name", builder.getStringAttr(symbol));
    state.addAttribute("type", TypeAttr::get(info.type));
    state.addAttribute("source", source);
    builder.create(state);
  }
  return LoadWeightOp::create(builder, loc, info.type, symbol).getResult();
}

FailureOr<Value> GraphBuilder::lookup(StringRef name) {
  for (Scope *each = scope; each; each = each->parent) {
    if (auto value = each->values.find(name); value != each->values.end())
      return value->second;
    auto initializer = each->checked->initializers.find(name);
    if (initializer == each->checked->initializers.end())
      continue;
    // It belongs where all that may use it sees it: not inside a region that
    // is being built, but before the op that has it.
    OpBuilder::InsertionGuard guard(builder);
    if (Block *current = builder.getInsertionBlock(); current != each->block)
      builder.setInsertionPoint(
          each->block->findAncestorOpInBlock(*current->getParentOp()));
    FailureOr<Value> value = createTensor(
        initializer->second, name, NameLoc::get(builder.getStringAttr(name)));
    if (succeeded(value))
      each->values[name] = *value;
    return value;
  }
  return getReporter().error("value " + quoted(name) +
                             " is produced by nothing");
}

const TensorInfo *
GraphBuilder::findTensor(const proto::AttributeProto &attribute) const {
  const void *key = attribute.has_t()
                        ? static_cast<const void *>(&attribute.t())
                        : &attribute.sparse_tensor();
  if (const TensorInfo *info = boundTensors.lookup(key))
    return info;
  auto info = graph.attributeTensors.find(key);
  return info == graph.attributeTensors.end() ? nullptr : &info->second;
}

FailureOr<DenseElementsAttr>
GraphBuilder::readAttribute(const proto::NodeProto &node, StringRef name) {
  for (const proto::AttributeProto &attribute : node.attribute()) {
    if (attribute.name() != name)
      continue;
    const TensorInfo *info = findTensor(attribute);
    if (!info)
      break;
    std::string error;
    FailureOr<DenseElementsAttr> elements = tensors.read(*info, error);
    if (failed(elements))
      return getReporter().error(node,
                                 "attribute " + quoted(name) + ": " + error);
    return elements;
  }
  return getReporter().error(node, "attribute " + quoted(name) + " is missing");
}

FailureOr<Value> GraphBuilder::createFromAttribute(const proto::NodeProto &node,
                                                   StringRef name) {
  for (const proto::AttributeProto &attribute : node.attribute())
    if (attribute.name() == name)
      if (const TensorInfo *info = findTensor(attribute))
        return createTensor(*info, node.output(0), locationOf(node));
  return getReporter().error(node, "attribute " + quoted(name) + " is missing");
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

FailureOr<Type> GraphBuilder::convertType(const proto::ValueInfoProto &value,
                                          StringRef what) {
  auto fail = [&](const Twine &message) {
    return reporter.error(what + " " + quoted(value.name()) + ": " + message);
  };
  if (!value.type().has_tensor_type())
    return fail("expected a tensor type");
  const auto &tensor = value.type().tensor_type();
  std::string error;
  FailureOr<Type> element =
      convertElementType(*builder.getContext(), tensor.elem_type(), error);
  if (failed(element))
    return fail(error);
  if (!tensor.has_shape())
    return Type(UnrankedTensorType::get(*element));
  if (tensor.shape().dim_size() > onnx::maxRank)
    return fail("expected a rank of at most " + Twine(onnx::maxRank) +
                ", found " + Twine(tensor.shape().dim_size()));
  SmallVector<int64_t> shape;
  int64_t product = 8;
  for (const auto &dim : tensor.shape().dim()) {
    int64_t size = dim.dim_value();
    // torch.export names some sizes by their own digits: "2".
    if (!dim.has_dim_value() &&
        (StringRef(dim.dim_param()).getAsInteger(10, size) || size < 0)) {
      shape.push_back(ShapedType::kDynamic);
      continue;
    }
    shape.push_back(size);
    if (size < 0)
      return fail("expected no negative dimension, found " + Twine(size));
    if (size != 0 && __builtin_mul_overflow(product, size, &product))
      return fail("size of shape " + onnx::describe(shape) +
                  " does not fit 63 bits");
  }
  return Type(RankedTensorType::get(shape, *element));
}

DictionaryAttr GraphBuilder::describeValue(const proto::ValueInfoProto &value) {
  NamedAttrList attributes;
  attributes.set("onnx.name", builder.getStringAttr(value.name()));
  const auto &tensor = value.type().tensor_type();
  if (tensor.has_shape()) {
    SmallVector<Attribute> dims;
    for (const auto &dim : tensor.shape().dim()) {
      std::string text = dim.has_dim_value() ? std::to_string(dim.dim_value())
                                             : dim.dim_param();
      dims.push_back(builder.getStringAttr(text.empty() ? "?" : text));
    }
    attributes.set("onnx.dims", builder.getArrayAttr(dims));
  }
  return attributes.getDictionary(builder.getContext());
}

/// Takes over the dimensions that `declared` knows and `type` does not. Null if
/// the two contradict each other.
static Type meet(Type type, Type declared) {
  auto mine = cast<ShapedType>(type), other = cast<ShapedType>(declared);
  if (mine.getElementType() != other.getElementType() ||
      failed(verifyCompatibleShape(mine, other)))
    return Type();
  if (!other.hasRank())
    return type;
  if (!mine.hasRank())
    return declared;
  SmallVector<int64_t> shape(mine.getShape());
  for (auto [dim, known] : llvm::zip(shape, other.getShape()))
    if (ShapedType::isDynamic(dim))
      dim = known;
  return RankedTensorType::get(shape, mine.getElementType());
}

LogicalResult GraphBuilder::addInput(const proto::ValueInfoProto &input) {
  // Files of IR version 3 list all initializers as inputs, and newer ones may
  // have defaults there, which count as constants.
  FailureOr<Type> type = convertType(input, "graph input");
  if (failed(type))
    return failure();
  const llvm::StringMap<TensorInfo> &initializers =
      scope->checked->initializers;
  if (auto initializer = initializers.find(input.name());
      initializer != initializers.end()) {
    Type found = initializer->second.type;
    if (!meet(found, *type))
      return reporter.error("graph input " + quoted(input.name()) +
                            ": declared as " + onnx::describe(*type) +
                            ", but its initializer is " +
                            onnx::describe(found));
    return success();
  }
  Location loc = NameLoc::get(builder.getStringAttr(input.name()));
  scope->values[input.name()] = body->addArgument(*type, loc);
  return success();
}

/// Whether an attribute of `node` refers to one of the function that it is in.
static bool hasReferences(const proto::NodeProto &node) {
  return llvm::any_of(node.attribute(), [](const auto &attribute) {
    return !attribute.ref_attr_name().empty();
  });
}

LogicalResult GraphBuilder::addNode(const proto::NodeProto &original) {
  // Bodies of loops are built anew where their types turn out to be more
  // general, those of loops inside again.
  if (++nodes > 4 * maxNodes)
    return getReporter().error(original,
                               "expected fewer loops inside of loops");
  proto::NodeProto bound;
  bool isBound = hasReferences(original);
  if (isBound && failed(bindAttributes(original, bound)))
    return failure();
  const proto::NodeProto &node = isBound ? bound : original;

  SmallVector<Value> operands, results;
  for (const std::string &input : node.input()) {
    if (input.empty()) {
      operands.push_back(Value());
      continue;
    }
    FailureOr<Value> value = lookup(input);
    if (failed(value))
      return failure();
    operands.push_back(*value);
  }
  const Function *callee = graph.functions.find(node);
  if (!callee && failed(checkOperands(node, operands)))
    return failure();
  // A trailing absent input is no input.
  while (!operands.empty() && !operands.back())
    operands.pop_back();

  StringRef name = node.op_type();
  bool isStandard = normalizedDomain(node.domain()) == "ai.onnx";
  LogicalResult added = success();
  if (callee)
    added = addCall(node, *callee, operands, results);
  else if (isStandard && name == "If")
    added = addIf(node, operands, results);
  else if (isStandard && name == "Loop")
    added = addLoop(node, operands, results);
  else if (isStandard && name == "Scan")
    added = addScan(node, operands, results);
  else
    added = normalizeNode(*this, node, operands, results);
  if (isBound)
    for (const proto::AttributeProto &attribute : bound.attribute()) {
      boundTensors.erase(&attribute.t());
      boundTensors.erase(&attribute.sparse_tensor());
      boundGraphs.erase(&attribute.g());
    }
  if (failed(added))
    return failure();
  for (auto [name, value] : llvm::zip(node.output(), results))
    if (!name.empty())
      scope->values[name] = value;
  return success();
}

/// Inputs that are there by name may be absent where a call left them out.
LogicalResult GraphBuilder::checkOperands(const proto::NodeProto &node,
                                          ArrayRef<Value> operands) {
  int64_t since;
  StringRef domain = normalizedDomain(node.domain());
  const OpSchema *schema = findOperator(domain, node.op_type(),
                                        scope->versions->lookup(domain), since);
  if (!schema)
    return getReporter().error(node, "unknown operator");
  size_t required =
      schema->maxInputs == OpSchema::any ? operands.size() : schema->minInputs;
  for (size_t i = 0; i < std::min(required, operands.size()); ++i)
    if (!operands[i] && !node.input(i).empty() && !schema->isOptional(i))
      return getReporter().error(node, "input " + Twine(i) +
                                           " is required but absent");
  return success();
}

LogicalResult GraphBuilder::addOutputs(StringRef functionName) {
  SmallVector<Value> outputs;
  for (const proto::ValueInfoProto &output : graph.graph->output()) {
    FailureOr<Type> declared = convertType(output, "graph output");
    FailureOr<Value> value = lookup(output.name());
    if (failed(declared) || failed(value))
      return failure();
    Type type = meet(value->getType(), *declared);
    if (!type)
      return reporter.error("graph output " + quoted(output.name()) +
                            ": declared as " + onnx::describe(*declared) +
                            ", but the graph computes " +
                            onnx::describe(value->getType()));
    if (isa<OpResult>(*value))
      value->setType(type);
    outputs.push_back(*value);
  }
  func::ReturnOp::create(builder, builder.getUnknownLoc(), outputs);

  auto function = cast<func::FuncOp>(body->getParentOp());
  function.setFunctionType(builder.getFunctionType(
      body->getArgumentTypes(), ValueRange(outputs).getTypes()));
  unsigned argument = 0;
  for (const proto::ValueInfoProto &input : graph.graph->input())
    if (!scope->checked->initializers.contains(input.name()))
      function.setArgAttrs(argument++, describeValue(input));
  for (auto [index, output] : llvm::enumerate(graph.graph->output()))
    function.setResultAttrs(index, describeValue(output));
  return success();
}

LogicalResult GraphBuilder::build(StringRef functionName) {
  builder.setInsertionPointToEnd(module.getBody());
  auto function = func::FuncOp::create(builder, module.getLoc(), functionName,
                                       builder.getFunctionType({}, {}));
  symbols.try_emplace(functionName);
  body = &function.getBody().emplaceBlock();
  builder.setInsertionPointToEnd(body);
  Scope main = {&graph.getScope(graph.graph), body, nullptr, &graph.versions,
                reporter};
  scope = &main;
  for (const proto::ValueInfoProto &input : graph.graph->input())
    if (failed(addInput(input)))
      return failure();
  for (const proto::NodeProto *node : main.checked->order)
    if (failed(addNode(*node)))
      return failure();
  return addOutputs(functionName);
}
