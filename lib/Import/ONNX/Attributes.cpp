//===- Attributes.cpp - attributes of nodes -------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Attributes.h"
#include "Model.pb.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::dejavu::onnximport;

/// The first field of `attribute` that holds a value other than one of type
/// `type`, or null.
static const char *findStrayValue(const proto::AttributeProto &attribute,
                                  AttributeKind kind) {
  using Kind = AttributeKind;
  if (attribute.has_f() && kind != Kind::Float)
    return "a float";
  if (attribute.has_i() && kind != Kind::Int)
    return "an int";
  if (attribute.has_s() && kind != Kind::String)
    return "a string";
  if (attribute.has_t() && kind != Kind::Tensor)
    return "a tensor";
  if (attribute.floats_size() && kind != Kind::Floats)
    return "floats";
  if (attribute.ints_size() && kind != Kind::Ints)
    return "ints";
  if (attribute.strings_size() && kind != Kind::Strings)
    return "strings";
  return nullptr;
}

LogicalResult
mlir::dejavu::onnximport::checkAttributes(const proto::NodeProto &node,
                                          const OpSchema &schema,
                                          const Reporter &reporter) {
  SmallVector<StringRef> seen;
  for (const proto::AttributeProto &attribute : node.attribute()) {
    StringRef name = attribute.name();
    if (llvm::is_contained(seen, name))
      return reporter.error(node,
                            "attribute " + quoted(name) + " is given twice");
    seen.push_back(name);
    const AttributeSchema *known =
        llvm::find_if(schema.attributes(), [&](const AttributeSchema &known) {
          return known.name == name;
        });
    if (known == schema.attributes().end())
      return reporter.error(node, "unknown attribute " + quoted(name));
    if (!attribute.ref_attr_name().empty())
      return reporter.error(node, "attribute " + quoted(name) +
                                      " refers to a function's attribute "
                                      "outside a function");
    if (attribute.type() != static_cast<int32_t>(known->kind))
      return reporter.error(
          node, "attribute " + quoted(name) + ": expected type " +
                    describeKind(static_cast<int32_t>(known->kind)) +
                    ", found " + describeKind(attribute.type()));
    if (const char *stray = findStrayValue(attribute, known->kind))
      return reporter.error(node, "attribute " + quoted(name) + ": expected " +
                                      describeKind(attribute.type()) +
                                      ", found " + stray);
    if (known->kind == AttributeKind::Tensor && !attribute.has_t())
      return reporter.error(node,
                            "attribute " + quoted(name) + " has no tensor");
  }
  for (const AttributeSchema &known : schema.attributes())
    if (known.required && !llvm::is_contained(seen, known.name))
      return reporter.error(node, "attribute '" + known.name + "' is missing");
  return success();
}

const proto::AttributeProto *
mlir::dejavu::onnximport::findAttribute(const proto::NodeProto &node,
                                        StringRef name) {
  for (const proto::AttributeProto &attribute : node.attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

std::optional<int64_t>
mlir::dejavu::onnximport::getInt(const proto::NodeProto &node, StringRef name) {
  if (const proto::AttributeProto *attribute = findAttribute(node, name))
    return attribute->i();
  return std::nullopt;
}

std::optional<SmallVector<int64_t>>
mlir::dejavu::onnximport::getInts(const proto::NodeProto &node,
                                  StringRef name) {
  if (const proto::AttributeProto *attribute = findAttribute(node, name))
    return SmallVector<int64_t>(attribute->ints().begin(),
                                attribute->ints().end());
  return std::nullopt;
}

std::optional<StringRef>
mlir::dejavu::onnximport::getString(const proto::NodeProto &node,
                                    StringRef name) {
  if (const proto::AttributeProto *attribute = findAttribute(node, name))
    return StringRef(attribute->s());
  return std::nullopt;
}
