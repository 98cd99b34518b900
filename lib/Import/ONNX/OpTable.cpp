//===- OpTable.cpp - which operators there are, by version ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tables are text, which is dense and easy to compare with ONNX's. They are
// read once.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <vector>

using namespace mlir::dejavu::onnximport;
using llvm::ArrayRef;
using llvm::StringRef;

StringRef mlir::dejavu::onnximport::describeKind(int32_t kind) {
  static constexpr llvm::StringLiteral names[] = {
      "undefined",      "float",   "int",    "string",
      "tensor",         "graph",   "floats", "ints",
      "strings",        "tensors", "graphs", "sparse tensor",
      "sparse tensors", "type",    "types"};
  if (kind < 0 || kind >= static_cast<int32_t>(std::size(names)))
    return "unknown";
  return names[kind];
}

/// Reads "2", "1-3" or "1-*", and which of the first may be absent.
static void readArity(StringRef text, unsigned &least, unsigned &most,
                      uint64_t &optional) {
  auto number = [](StringRef text) {
    unsigned value = 0;
    return text.getAsInteger(10, value) ? OpSchema::any : value;
  };
  auto [range, absent] = text.split('?');
  auto [first, last] = range.split('-');
  least = number(first);
  most = last.empty() ? least : number(last);
  for (StringRef place : llvm::split(absent, ','))
    if (!place.empty())
      optional |= uint64_t(1) << number(place);
}

static OpSchema readRow(const OpRow &row) {
  OpSchema schema;
  schema.name = row.name;
  schema.since = row.since;
  uint64_t ignored = 0;
  readArity(row.inputs, schema.minInputs, schema.maxInputs,
            schema.optionalInputs);
  readArity(row.outputs, schema.minOutputs, schema.maxOutputs, ignored);
  for (StringRef word : llvm::split(row.attributes, ' ')) {
    if (word.empty())
      continue;
    bool required = word.consume_back("!");
    auto [name, kind] = word.split(':');
    schema.attributeStorage.push_back(
        {name,
         llvm::StringSwitch<AttributeKind>(kind)
             .Case("float", AttributeKind::Float)
             .Case("string", AttributeKind::String)
             .Case("tensor", AttributeKind::Tensor)
             .Case("graph", AttributeKind::Graph)
             .Case("floats", AttributeKind::Floats)
             .Case("ints", AttributeKind::Ints)
             .Case("strings", AttributeKind::Strings)
             .Case("sparse", AttributeKind::SparseTensor)
             .Default(AttributeKind::Int),
         required});
  }
  return schema;
}

static std::vector<OpSchema> readRows(ArrayRef<OpRow> rows) {
  std::vector<OpSchema> schemas;
  for (const OpRow &row : rows)
    schemas.push_back(readRow(row));
  return schemas;
}

ArrayRef<OpSchema> mlir::dejavu::onnximport::getOperators(StringRef domain) {
  static const std::vector<OpSchema> standard = readRows(getStandardRows()),
                                     microsoft = readRows(getMicrosoftRows());
  if (domain == "ai.onnx")
    return standard;
  if (domain == "com.microsoft")
    return microsoft;
  return {};
}

unsigned mlir::dejavu::onnximport::countInputs(StringRef domain,
                                               StringRef opType) {
  unsigned count = 0;
  for (const OpSchema &schema : getOperators(domain))
    if (schema.name == opType)
      count = schema.maxInputs;
  return count;
}

const OpSchema *mlir::dejavu::onnximport::findOperator(StringRef domain,
                                                       StringRef opType,
                                                       int64_t version,
                                                       int64_t &since) {
  // Rows of one name are sorted by version.
  since = 0;
  const OpSchema *result = nullptr;
  for (const OpSchema &row : getOperators(domain)) {
    if (row.name != opType)
      continue;
    if (since == 0)
      since = row.since;
    if (row.since <= version)
      result = &row;
  }
  return result;
}
