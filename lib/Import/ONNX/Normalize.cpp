//===- Normalize.cpp - old forms of operators become the newest -----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Most operators are taken as they are: one op, attributes of the same names.
// The others have a function here: those whose meaning or form has changed
// since opset 11, and those whose attributes are types or enums in MLIR.
//
//===----------------------------------------------------------------------===//

#include "Attributes.h"
#include "GraphBuilder.h"
#include "Model.pb.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

using namespace mlir;
using namespace mlir::dejavu::onnximport;

namespace {
/// One node on its way to IR.
struct Node {
  GraphBuilder &graph;
  const proto::NodeProto &proto;
  SmallVectorImpl<Value> &operands;
  SmallVectorImpl<Value> &results;

  int64_t opset() const { return graph.getOpset(); }
  Builder &builder() const { return graph.getBuilder(); }

  NamedAttribute attribute(StringRef name, Attribute value) const {
    return builder().getNamedAttr(name, value);
  }

  LogicalResult error(const Twine &message) const {
    return graph.getReporter().error(proto, message);
  }

  /// Makes the op and takes its results as the node's.
  LogicalResult create(StringRef name, ArrayRef<Value> operands,
                       ArrayRef<NamedAttribute> attributes) const {
    Operation *op =
        graph.create(proto, name, operands, attributes, proto.output_size());
    if (!op)
      return failure();
    llvm::append_range(results, op->getResults());
    return success();
  }
};
} // namespace

/// An attribute whose value is an element type, as a number of ONNX.
static FailureOr<Attribute>
convertTypeAttribute(const Node &node, StringRef name, int64_t dataType) {
  std::string error;
  if (dataType < INT32_MIN || dataType > INT32_MAX)
    return node.error("attribute '" + name + "': element type " +
                      Twine(dataType) + " is unknown");
  FailureOr<Type> type =
      convertElementType(*node.builder().getContext(), dataType, error);
  if (failed(type))
    return node.error("attribute '" + name + "': " + error);
  return Attribute(TypeAttr::get(*type));
}

/// The attributes of a node but `except`, with the names and values they have.
static SmallVector<NamedAttribute>
convertAttributes(const Node &node, ArrayRef<StringRef> except = {}) {
  SmallVector<NamedAttribute> result;
  Builder &builder = node.builder();
  for (const proto::AttributeProto &attribute : node.proto.attribute()) {
    StringRef name = attribute.name();
    if (llvm::is_contained(except, name))
      continue;
    switch (static_cast<AttributeKind>(attribute.type())) {
    case AttributeKind::Int:
      result.push_back(
          node.attribute(name, builder.getI64IntegerAttr(attribute.i())));
      break;
    case AttributeKind::Float:
      result.push_back(
          node.attribute(name, builder.getF32FloatAttr(attribute.f())));
      break;
    default:
      // Kinds that no op has under its own name.
      break;
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

static LogicalResult normalizeConstant(const Node &node) {
  if (node.proto.attribute_size() != 1)
    return node.error("expected one attribute, found " +
                      Twine(node.proto.attribute_size()));
  const proto::AttributeProto &attribute = node.proto.attribute(0);
  StringRef name = attribute.name();
  Builder &builder = node.builder();
  DenseElementsAttr value;
  if (name == "value") {
    FailureOr<Value> result = node.graph.createFromAttribute(node.proto, name);
    if (failed(result))
      return failure();
    node.results.push_back(*result);
    return success();
  }
  if (name == "value_int") {
    value = DenseElementsAttr::get(
        RankedTensorType::get({}, builder.getI64Type()), attribute.i());
  } else if (name == "value_float") {
    value = DenseElementsAttr::get(
        RankedTensorType::get({}, builder.getF32Type()), attribute.f());
  } else if (name == "value_ints") {
    value = DenseElementsAttr::get(
        RankedTensorType::get({attribute.ints_size()}, builder.getI64Type()),
        ArrayRef<int64_t>(attribute.ints().data(), attribute.ints_size()));
  } else if (name == "value_floats") {
    value = DenseElementsAttr::get(
        RankedTensorType::get({attribute.floats_size()}, builder.getF32Type()),
        ArrayRef<float>(attribute.floats().data(), attribute.floats_size()));
  } else {
    return node.error("attribute " + quoted(name) + " is not supported yet");
  }
  return node.create("Constant", {}, node.attribute("value", value));
}

static LogicalResult normalizeConstantOfShape(const Node &node) {
  Attribute value;
  if (findAttribute(node.proto, "value")) {
    FailureOr<DenseElementsAttr> given =
        node.graph.readAttribute(node.proto, "value");
    if (failed(given))
      return failure();
    value = *given;
  } else {
    value = DenseElementsAttr::get(
        RankedTensorType::get({1}, node.builder().getF32Type()), 0.0f);
  }
  return node.create("ConstantOfShape", node.operands,
                     node.attribute("value", value));
}

//===----------------------------------------------------------------------===//
// Attributes that are types or enums
//===----------------------------------------------------------------------===//

static LogicalResult normalizeCast(const Node &node) {
  FailureOr<Attribute> to =
      convertTypeAttribute(node, "to", *getInt(node.proto, "to"));
  if (failed(to))
    return failure();
  // saturate and round_mode are about 8-bit floats, which `to` cannot be.
  return node.create("Cast", node.operands, node.attribute("to", *to));
}

/// LayerNormalization and RMSNormalization.
static LogicalResult normalizeNorm(const Node &node) {
  SmallVector<NamedAttribute> attributes =
      convertAttributes(node, {"stash_type"});
  if (auto stash = getInt(node.proto, "stash_type"); stash && *stash != 1) {
    FailureOr<Attribute> type =
        convertTypeAttribute(node, "stash_type", *stash);
    if (failed(type))
      return failure();
    attributes.push_back(node.attribute("stash_type", *type));
  }
  return node.create(node.proto.op_type(), node.operands, attributes);
}

static LogicalResult normalizeAttention(const Node &node) {
  SmallVector<NamedAttribute> attributes =
      convertAttributes(node, {"softmax_precision"});
  if (auto precision = getInt(node.proto, "softmax_precision")) {
    FailureOr<Attribute> type =
        convertTypeAttribute(node, "softmax_precision", *precision);
    if (failed(type))
      return failure();
    attributes.push_back(node.attribute("softmax_precision", *type));
  }
  return node.create("Attention", node.operands, attributes);
}

static LogicalResult normalizeGelu(const Node &node) {
  StringRef name = getString(node.proto, "approximate").value_or("none");
  std::optional<onnx::GeluApproximation> form =
      onnx::symbolizeGeluApproximation(name);
  if (!form)
    return node.error("attribute 'approximate': expected 'none' or 'tanh', "
                      "found " +
                      quoted(name));
  auto attribute =
      onnx::GeluApproximationAttr::get(node.builder().getContext(), *form);
  return node.create("Gelu", node.operands,
                     node.attribute("approximate", attribute));
}

//===----------------------------------------------------------------------===//
// Forms that have changed
//===----------------------------------------------------------------------===//

/// Transpose without perm reverses the dimensions.
static LogicalResult normalizeTranspose(const Node &node) {
  auto perm = getInts(node.proto, "perm");
  if (!perm) {
    auto type = dyn_cast<RankedTensorType>(node.operands[0].getType());
    if (!type)
      return node.error("perm is needed: the rank of the input is not known");
    perm.emplace();
    for (int64_t i = type.getRank() - 1; i >= 0; --i)
      perm->push_back(i);
  }
  return node.create(
      "Transpose", node.operands,
      node.attribute("perm", node.builder().getDenseI64ArrayAttr(*perm)));
}

/// Squeeze and Unsqueeze had their axes as an attribute before opset 13, and
/// ReduceMean before opset 18.
static LogicalResult normalizeAxes(const Node &node) {
  SmallVector<Value> operands = llvm::to_vector(node.operands);
  if (auto axes = getInts(node.proto, "axes"))
    operands.push_back(node.graph.createInts(node.proto, *axes));
  return node.create(node.proto.op_type(), operands, convertAttributes(node));
}

/// Split had the sizes of the parts as an attribute before opset 13. Without
/// sizes the parts were equal before opset 18, and then their number had to be
/// said.
static LogicalResult normalizeSplit(const Node &node) {
  SmallVector<Value> operands = llvm::to_vector(node.operands);
  int64_t count = node.proto.output_size();
  if (auto sizes = getInts(node.proto, "split"))
    operands.push_back(node.graph.createInts(node.proto, *sizes));
  if (auto stated = getInt(node.proto, "num_outputs")) {
    if (operands.size() > 1)
      return node.error("expected either split or num_outputs, found both");
    if (*stated != count)
      return node.error("expected num_outputs to be the number of outputs, " +
                        Twine(count) + ", found " + Twine(*stated));
  } else if (operands.size() == 1) {
    if (node.opset() >= 18)
      return node.error("expected either split or num_outputs, found neither");
    auto type = dyn_cast<RankedTensorType>(operands[0].getType());
    int64_t axis = getInt(node.proto, "axis").value_or(0);
    std::string ignored;
    // A wrong axis is what inference reports.
    if (type &&
        succeeded(onnx::normalizeAxis(axis, type.getRank(), "axis", ignored)))
      if (int64_t size = type.getDimSize(axis);
          !ShapedType::isDynamic(size) && size % count != 0)
        return node.error("expected " + Twine(size) +
                          " elements to be cut in equal parts, found " +
                          Twine(count) + " outputs");
  }
  return node.create("Split", operands,
                     convertAttributes(node, {"num_outputs"}));
}

/// Before opset 13 Softmax flattened its input to a matrix at `axis`, which was
/// 1 by default, and normalised the rows.
static LogicalResult normalizeSoftmax(const Node &node) {
  if (node.opset() >= 13)
    return node.create("Softmax", node.operands, convertAttributes(node));
  int64_t axis = getInt(node.proto, "axis").value_or(1);
  Value input = node.operands[0];
  auto type = dyn_cast<RankedTensorType>(input.getType());
  if (!type)
    return node.error("the rank of the input is not known");
  std::string error;
  if (failed(onnx::normalizeAxis(axis, type.getRank(), "axis", error)))
    return node.error(error);
  Builder &builder = node.builder();
  // Over the last dimension alone the two forms agree.
  if (axis == type.getRank() - 1)
    return node.create("Softmax", input,
                       node.attribute("axis", builder.getI64IntegerAttr(-1)));
  Operation *shape = node.graph.create(node.proto, "Shape", input, {});
  Operation *flat = node.graph.create(
      node.proto, "Flatten", input,
      node.attribute("axis", builder.getI64IntegerAttr(axis)));
  if (!shape || !flat)
    return failure();
  Operation *rows =
      node.graph.create(node.proto, "Softmax", flat->getResult(0), {});
  if (!rows)
    return failure();
  return node.create("Reshape", {rows->getResult(0), shape->getResult(0)}, {});
}

//===----------------------------------------------------------------------===//
// Domains
//===----------------------------------------------------------------------===//

/// Operators of com.microsoft. A name means nothing without its domain.
static LogicalResult normalizeMicrosoft(const Node &node) {
  StringRef name = node.proto.op_type();
  // The exact one is what this domain had before ai.onnx did.
  if (name == "Gelu")
    return normalizeGelu(node);
  return node.error("the operator has no meaning here");
}

LogicalResult mlir::dejavu::onnximport::normalizeNode(
    GraphBuilder &graph, const proto::NodeProto &proto,
    SmallVectorImpl<Value> &operands, SmallVectorImpl<Value> &results) {
  Node node{graph, proto, operands, results};
  if (normalizedDomain(proto.domain()) == "com.microsoft")
    return normalizeMicrosoft(node);
  StringRef name = proto.op_type();
  if (name == "Constant")
    return normalizeConstant(node);
  if (name == "ConstantOfShape")
    return normalizeConstantOfShape(node);
  if (name == "Cast")
    return normalizeCast(node);
  if (name == "LayerNormalization" || name == "RMSNormalization")
    return normalizeNorm(node);
  if (name == "Attention")
    return normalizeAttention(node);
  if (name == "Gelu")
    return normalizeGelu(node);
  if (name == "Transpose")
    return normalizeTranspose(node);
  if (name == "Squeeze" || name == "Unsqueeze" || name == "ReduceMean")
    return normalizeAxes(node);
  if (name == "Split")
    return normalizeSplit(node);
  if (name == "Softmax")
    return normalizeSoftmax(node);
  return node.create(name, operands, convertAttributes(node));
}
