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

/// The first field of `attribute` that holds a value other than one of kind
/// `kind`, or null.
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
  if (attribute.has_g() && kind != Kind::Graph)
    return "a graph";
  if (attribute.has_sparse_tensor() && kind != Kind::SparseTensor)
    return "a sparse tensor";
  if (attribute.floats_size() && kind != Kind::Floats)
    return "floats";
  if (attribute.ints_size() && kind != Kind::Ints)
    return "ints";
  if (attribute.strings_size() && kind != Kind::Strings)
    return "strings";
  // No operator has attributes of these kinds.
  if (attribute.tensors_size())
    return "tensors";
  if (attribute.graphs_size())
    return "graphs";
  if (attribute.sparse_tensors_size())
    return "sparse tensors";
  if (attribute.has_tp() || attribute.type_protos_size())
    return "a type";
  return nullptr;
}

/// Checks that `attribute` holds one value, of kind `kind`. `fail` is given a
/// message.
static LogicalResult
checkValue(const proto::AttributeProto &attribute, AttributeKind kind,
           llvm::function_ref<LogicalResult(const Twine &)> fail) {
  StringRef name = attribute.name();
  if (attribute.type() != static_cast<int32_t>(kind))
    return fail("attribute " + quoted(name) + ": expected type " +
                describeKind(static_cast<int32_t>(kind)) + ", found " +
                describeKind(attribute.type()));
  if (const char *stray = findStrayValue(attribute, kind))
    return fail("attribute " + quoted(name) + ": expected " +
                describeKind(attribute.type()) + ", found " + stray);
  if (kind == AttributeKind::Tensor && !attribute.has_t())
    return fail("attribute " + quoted(name) + " has no tensor");
  if (kind == AttributeKind::Graph && !attribute.has_g())
    return fail("attribute " + quoted(name) + " has no graph");
  if (kind == AttributeKind::SparseTensor && !attribute.has_sparse_tensor())
    return fail("attribute " + quoted(name) + " has no sparse tensor");
  return success();
}

/// The default of the attribute `name` of `function`, or null.
static const proto::AttributeProto *findDefault(const Function &function,
                                                StringRef name) {
  for (const proto::AttributeProto &attribute :
       function.proto->attribute_proto())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

/// Checks an attribute of a node in the body of `function` that refers to one
/// of the function's.
static LogicalResult
checkReference(const proto::AttributeProto &attribute, AttributeKind kind,
               const Function *function,
               llvm::function_ref<LogicalResult(const Twine &)> fail) {
  StringRef name = attribute.name(), target = attribute.ref_attr_name();
  if (!function)
    return fail("attribute " + quoted(name) +
                " refers to a function's attribute outside a function");
  const proto::AttributeProto *given = findDefault(*function, target);
  if (!given && !llvm::is_contained(function->proto->attribute(), target))
    return fail("attribute " + quoted(name) + " refers to " + quoted(target) +
                ", which function '" + function->name + "' does not have");
  if (given && given->type() != static_cast<int32_t>(kind))
    return fail("attribute " + quoted(name) + ": expected type " +
                describeKind(static_cast<int32_t>(kind)) + ", but " +
                quoted(target) + " of function '" + function->name + "' is " +
                describeKind(given->type()));
  if (kind == AttributeKind::Graph)
    return fail("attribute " + quoted(name) +
                ": graphs as attributes of functions are not supported");
  if (attribute.type() != static_cast<int32_t>(kind))
    return fail("attribute " + quoted(name) + ": expected type " +
                describeKind(static_cast<int32_t>(kind)) + ", found " +
                describeKind(attribute.type()));
  if (const char *stray = findStrayValue(attribute, AttributeKind()))
    return fail("attribute " + quoted(name) + ": expected a reference to " +
                quoted(target) + " alone, found " + stray + " too");
  return success();
}

LogicalResult mlir::dejavu::onnximport::checkAttributes(
    const proto::NodeProto &node, const OpSchema &schema,
    const Function *function, const Reporter &reporter) {
  auto fail = [&](const Twine &message) {
    return reporter.error(node, message);
  };
  SmallVector<StringRef> seen;
  for (const proto::AttributeProto &attribute : node.attribute()) {
    StringRef name = attribute.name();
    if (llvm::is_contained(seen, name))
      return fail("attribute " + quoted(name) + " is given twice");
    seen.push_back(name);
    const AttributeSchema *known =
        llvm::find_if(schema.attributes(), [&](const AttributeSchema &known) {
          return known.name == name;
        });
    if (known == schema.attributes().end())
      return fail("unknown attribute " + quoted(name));
    bool refers = !attribute.ref_attr_name().empty();
    if (failed(refers ? checkReference(attribute, known->kind, function, fail)
                      : checkValue(attribute, known->kind, fail)))
      return failure();
  }
  for (const AttributeSchema &known : schema.attributes())
    if (known.required && !llvm::is_contained(seen, known.name))
      return fail("attribute '" + known.name + "' is missing");
  return success();
}

LogicalResult mlir::dejavu::onnximport::checkCallAttributes(
    const proto::NodeProto &node, const Function &callee,
    const Function *caller, const Reporter &reporter) {
  auto fail = [&](const Twine &message) {
    return reporter.error(node, message);
  };
  SmallVector<StringRef> seen;
  for (const proto::AttributeProto &attribute : node.attribute()) {
    StringRef name = attribute.name();
    if (llvm::is_contained(seen, name))
      return fail("attribute " + quoted(name) + " is given twice");
    seen.push_back(name);
    const proto::AttributeProto *given = findDefault(callee, name);
    if (!given && !llvm::is_contained(callee.proto->attribute(), name))
      return fail("unknown attribute " + quoted(name));
    // Without a default nothing says what type it has: its uses will.
    auto kind =
        static_cast<AttributeKind>(given ? given->type() : attribute.type());
    if (kind == AttributeKind::Graph)
      return fail("attribute " + quoted(name) +
                  ": graphs as attributes of functions are not supported");
    bool refers = !attribute.ref_attr_name().empty();
    if (failed(refers ? checkReference(attribute, kind, caller, fail)
                      : checkValue(attribute, kind, fail)))
      return failure();
  }
  return success();
}

LogicalResult
mlir::dejavu::onnximport::checkDeclaredAttributes(const Function &function,
                                                  const Reporter &reporter) {
  auto fail = [&](const Twine &message) {
    return reporter.error("function '" + function.name + "': " + message);
  };
  SmallVector<StringRef> seen;
  auto declare = [&](StringRef name) {
    if (name.empty())
      return fail("an attribute has no name");
    if (llvm::is_contained(seen, name))
      return fail("attribute " + quoted(name) + " is declared twice");
    seen.push_back(name);
    return success();
  };
  for (const std::string &name : function.proto->attribute())
    if (failed(declare(name)))
      return failure();
  for (const proto::AttributeProto &attribute :
       function.proto->attribute_proto()) {
    auto kind = static_cast<AttributeKind>(attribute.type());
    if (failed(declare(attribute.name())) ||
        failed(checkValue(attribute, kind, fail)))
      return failure();
    if (!attribute.ref_attr_name().empty())
      return fail("the default of attribute " + quoted(attribute.name()) +
                  " refers to another attribute");
  }
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
