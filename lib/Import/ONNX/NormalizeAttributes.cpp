//===- NormalizeAttributes.cpp - attributes of nodes as attributes of ops ===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Normalize.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::dejavu::onnximport;

LogicalResult Node::create(StringRef name, ArrayRef<Value> operands,
                           ArrayRef<NamedAttribute> attributes) const {
  Operation *op =
      graph.create(proto, name, operands, attributes, proto.output_size());
  if (!op)
    return failure();
  llvm::append_range(results, op->getResults());
  return success();
}

LogicalResult Node::createAs(StringRef name, ArrayRef<Value> operands,
                             ArrayRef<StringRef> except) const {
  FailureOr<SmallVector<NamedAttribute>> attributes =
      convertAttributes(*this, except);
  return failed(attributes) ? failure() : create(name, operands, *attributes);
}

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

/// A string as an enum. `isUpper` if ONNX has it in capitals.
template <typename EnumAttrT, typename EnumT>
static FailureOr<Attribute>
convertEnum(const Node &node, StringRef name, StringRef value, bool isUpper,
            std::optional<EnumT> (*symbolize)(StringRef),
            StringRef (*stringify)(EnumT), unsigned last) {
  auto spell = [&](StringRef text) {
    return isUpper ? text.upper() : text.str();
  };
  std::string choices;
  for (unsigned i = 0; i <= last; ++i) {
    std::string choice = spell(stringify(static_cast<EnumT>(i)));
    if (choice == value)
      return Attribute(
          EnumAttrT::get(node.builder().getContext(),
                         *symbolize(stringify(static_cast<EnumT>(i)))));
    choices += (i == 0 ? "" : i == last ? " or " : ", ") + quoted(choice);
  }
  return node.error("attribute '" + name + "': expected " + choices +
                    ", found " + quoted(value));
}

/// The attribute `name` of the node, which is a string.
static FailureOr<Attribute> convertString(const Node &node, StringRef name,
                                          StringRef value) {
  StringRef op = node.proto.op_type();
  bool isUpper = false;
#define CONVERT(NAME)                                                          \
  convertEnum<onnx::NAME##Attr>(node, name, value, isUpper,                    \
                                onnx::symbolize##NAME, onnx::stringify##NAME,  \
                                onnx::getMaxEnumValFor##NAME())
  if (name == "approximate")
    return CONVERT(GeluApproximation);
  if (name == "reduction")
    return CONVERT(ScatterReduction);
  if (name == "update_rule")
    return CONVERT(LinearAttentionRule);
  if (name == "activation")
    return CONVERT(ConvActivation);
  if (name == "activation_type")
    return CONVERT(MoeActivation);
  if (name == "mode" && op == "Pad")
    return CONVERT(PadMode);
  if (name == "mode" && op == "TensorScatter")
    return CONVERT(TensorScatterMode);
  if (name == "equation")
    return Attribute(node.builder().getStringAttr(value));
  isUpper = true;
  if (name == "mode")
    return CONVERT(BlockOrder);
  if (name == "direction")
    return CONVERT(ShiftDirection);
  if (name == "auto_pad")
    return CONVERT(AutoPad);
#undef CONVERT
  return node.error("attribute '" + name + "' is not supported yet");
}

/// An int, which may stand for an element type. Null if it says nothing.
static FailureOr<Attribute> convertInt(const Node &node, StringRef name,
                                       int64_t value) {
  enum {
    No,
    Yes,
    YesButZero,
    YesButFloat
  } isType = llvm::StringSwitch<decltype(isType)>(name)
                 .Cases({"to", "dtype", "softmax_precision"}, Yes)
                 .Cases({"output_dtype", "precision"}, YesButZero)
                 .Case("stash_type", YesButFloat)
                 .Default(No);
  if (isType == No)
    return Attribute(node.builder().getI64IntegerAttr(value));
  if ((isType == YesButZero && value == 0) ||
      (isType == YesButFloat && value == 1))
    return Attribute();
  return convertTypeAttribute(node, name, value);
}

FailureOr<SmallVector<NamedAttribute>>
mlir::dejavu::onnximport::convertAttributes(const Node &node,
                                            ArrayRef<StringRef> except) {
  SmallVector<NamedAttribute> result;
  Builder &builder = node.builder();
  for (const proto::AttributeProto &attribute : node.proto.attribute()) {
    StringRef name = attribute.name();
    if (llvm::is_contained(except, name))
      continue;
    FailureOr<Attribute> value = Attribute();
    switch (static_cast<AttributeKind>(attribute.type())) {
    case AttributeKind::Int:
      value = convertInt(node, name, attribute.i());
      break;
    case AttributeKind::Float:
      value = Attribute(builder.getF32FloatAttr(attribute.f()));
      break;
    case AttributeKind::Ints:
      value = Attribute(builder.getDenseI64ArrayAttr(
          ArrayRef<int64_t>(attribute.ints().data(), attribute.ints_size())));
      break;
    case AttributeKind::String:
      value = convertString(node, name, attribute.s());
      break;
    default:
      return node.error("attribute " + quoted(name) + " is not supported yet");
    }
    if (failed(value))
      return failure();
    if (*value)
      result.push_back(node.attribute(name, *value));
  }
  return result;
}
