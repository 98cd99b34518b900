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

#include "Normalize.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::dejavu::onnximport;

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
  if (name == "value" || name == "sparse_value") {
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
/// reductions before opset 18. A scalar is not what ONNX wants as axes, but
/// what some functions of its own have, and ONNX Runtime takes it.
static LogicalResult normalizeAxes(const Node &node) {
  SmallVector<Value> operands = llvm::to_vector(node.operands);
  if (auto axes = getInts(node.proto, "axes"))
    operands.push_back(node.graph.createInts(node.proto, *axes));
  auto type = operands.size() < 2 || !operands[1]
                  ? RankedTensorType()
                  : dyn_cast<RankedTensorType>(operands[1].getType());
  if (type && type.getRank() == 0) {
    Operation *vector = node.graph.create(
        node.proto, "Reshape",
        {operands[1], node.graph.createInts(node.proto, -1)}, {});
    if (!vector)
      return failure();
    operands[1] = vector->getResult(0);
  }
  return node.createAs(node.proto.op_type(), operands, {"axes"});
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
  return node.createAs("Split", operands, {"num_outputs", "split"});
}

/// Before opset 13 Softmax and its like flattened their input to a matrix at
/// `axis`, which was 1 by default, and worked on the rows.
static LogicalResult normalizeSoftmax(const Node &node) {
  StringRef name = node.proto.op_type();
  if (node.opset() >= 13)
    return node.createAs(name, node.operands);
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
    return node.create(name, input,
                       node.attribute("axis", builder.getI64IntegerAttr(-1)));
  Operation *shape = node.graph.create(node.proto, "Shape", input, {});
  Operation *flat = node.graph.create(
      node.proto, "Flatten", input,
      node.attribute("axis", builder.getI64IntegerAttr(axis)));
  if (!shape || !flat)
    return failure();
  Operation *rows = node.graph.create(node.proto, name, flat->getResult(0), {});
  if (!rows)
    return failure();
  return node.create("Reshape", {rows->getResult(0), shape->getResult(0)}, {});
}

/// `scale` and `bias` had one element for each group before opset 21.
static LogicalResult normalizeGroupNormalization(const Node &node) {
  SmallVector<Value> operands = llvm::to_vector(node.operands);
  if (node.opset() >= 21)
    return node.createAs("GroupNormalization", operands);
  auto type = dyn_cast<RankedTensorType>(operands[0].getType());
  int64_t groups = *getInt(node.proto, "num_groups");
  if (!type || type.getRank() < 2 || type.isDynamicDim(1))
    return node.error("the number of channels is not known");
  int64_t channels = type.getDimSize(1);
  if (groups <= 0 || channels % groups != 0)
    return node.error("expected num_groups to divide the " + Twine(channels) +
                      " channels, found " + Twine(groups));
  GraphBuilder &graph = node.graph;
  for (Value &operand : MutableArrayRef<Value>(operands).drop_front()) {
    Value column = graph.createInts(node.proto, 1);
    Value shape = graph.createInts(node.proto, {groups, channels / groups});
    Value flat = graph.createInts(node.proto, -1);
    for (auto [name, argument] :
         {std::pair("Unsqueeze", column), std::pair("Expand", shape),
          std::pair("Reshape", flat)}) {
      Operation *op = graph.create(node.proto, name, {operand, argument}, {});
      if (!op)
        return failure();
      operand = op->getResult(0);
    }
  }
  return node.createAs("GroupNormalization", operands);
}

/// What training alone needs is refused.
static LogicalResult normalizeBatchNormalization(const Node &node) {
  if (getInt(node.proto, "training_mode").value_or(0) != 0)
    return node.error("attribute 'training_mode': only 0 is supported");
  for (int i = 1; i < node.proto.output_size(); ++i)
    if (!node.proto.output(i).empty())
      return node.error("output " + Twine(i) +
                        " is one of training, which is "
                        "not supported");
  FailureOr<SmallVector<NamedAttribute>> attributes =
      convertAttributes(node, {"training_mode", "momentum"});
  if (failed(attributes))
    return failure();
  Operation *op = node.graph.create(node.proto, "BatchNormalization",
                                    node.operands, *attributes);
  if (!op)
    return failure();
  node.results.push_back(op->getResult(0));
  return success();
}

/// The axes have a default, for images.
static LogicalResult normalizeMeanVariance(const Node &node) {
  SmallVector<int64_t> axes =
      getInts(node.proto, "axes").value_or(SmallVector<int64_t>{0, 2, 3});
  return node.create(
      "MeanVarianceNormalization", node.operands,
      node.attribute("axes", node.builder().getDenseI64ArrayAttr(axes)));
}

//===----------------------------------------------------------------------===//
// All operators
//===----------------------------------------------------------------------===//

/// Attributes that an op does not have, since they say nothing here: rounding
/// to scales of 8 bits, the seed of training, the ratio of what training drops,
/// the precision in which a Range is counted.
static constexpr StringRef unused[] = {"round_mode", "seed", "ratio"};

LogicalResult mlir::dejavu::onnximport::normalizeNode(
    GraphBuilder &graph, const proto::NodeProto &proto,
    SmallVectorImpl<Value> &operands, SmallVectorImpl<Value> &results) {
  Node node{graph, proto, operands, results};
  if (normalizedDomain(proto.domain()) == "com.microsoft")
    return normalizeMicrosoft(node);
  using Function = LogicalResult (*)(const Node &);
  StringRef name = proto.op_type();
  auto function =
      llvm::StringSwitch<Function>(name)
          .Case("Constant", normalizeConstant)
          .Case("ConstantOfShape", normalizeConstantOfShape)
          .Case("Transpose", normalizeTranspose)
          .Cases({"Squeeze", "Unsqueeze"}, normalizeAxes)
          .StartsWith("Reduce", normalizeAxes)
          .Case("Split", normalizeSplit)
          .Cases({"Softmax", "LogSoftmax", "Hardmax"}, normalizeSoftmax)
          .Case("GroupNormalization", normalizeGroupNormalization)
          .Case("BatchNormalization", normalizeBatchNormalization)
          .Case("MeanVarianceNormalization", normalizeMeanVariance)
          .Case(
              "Range",
              +[](const Node &node) {
                return node.createAs("Range", node.operands, {"stash_type"});
              })
          .Default(nullptr);
  return function ? function(node) : node.createAs(name, operands, unused);
}
