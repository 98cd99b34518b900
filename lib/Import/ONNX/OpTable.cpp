//===- OpTable.cpp - which operators there are, by version ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row for each change, since opset 11, of an operator's inputs, outputs or
// attributes. Changes of element types alone have none.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir::dejavu::onnximport;
using llvm::ArrayRef;
using llvm::StringRef;

static constexpr auto Int = AttributeKind::Int;
static constexpr auto Ints = AttributeKind::Ints;
static constexpr auto Float = AttributeKind::Float;
static constexpr auto Floats = AttributeKind::Floats;
static constexpr auto String = AttributeKind::String;
static constexpr auto Strings = AttributeKind::Strings;
static constexpr auto Tensor = AttributeKind::Tensor;
static constexpr auto Sparse = AttributeKind::SparseTensor;
static constexpr bool required = true;

// Name, since, inputs (least, most), outputs (least, most), attributes.
static const OpSchema table[] = {
    {"Add", 7, 2, 2, 1, 1},
    {"And", 7, 2, 2, 1, 1},
    {"Attention",
     23,
     3,
     6,
     1,
     4,
     {{"is_causal", Int},
      {"kv_num_heads", Int},
      {"q_num_heads", Int},
      {"qk_matmul_output_mode", Int},
      {"scale", Float},
      {"softcap", Float},
      {"softmax_precision", Int}}},
    {"Attention",
     24,
     3,
     7,
     1,
     4,
     {{"is_causal", Int},
      {"kv_num_heads", Int},
      {"q_num_heads", Int},
      {"qk_matmul_output_mode", Int},
      {"scale", Float},
      {"softcap", Float},
      {"softmax_precision", Int}}},
    {"Cast", 9, 1, 1, 1, 1, {{"to", Int, required}}},
    {"Cast", 19, 1, 1, 1, 1, {{"saturate", Int}, {"to", Int, required}}},
    {"Cast",
     24,
     1,
     1,
     1,
     1,
     {{"round_mode", String}, {"saturate", Int}, {"to", Int, required}}},
    {"Concat", 4, 1, OpSchema::any, 1, 1, {{"axis", Int, required}}},
    {"Constant", 11, 0, 0, 1, 1, {{"sparse_value", Sparse}, {"value", Tensor}}},
    {"Constant",
     12,
     0,
     0,
     1,
     1,
     {{"sparse_value", Sparse},
      {"value", Tensor},
      {"value_float", Float},
      {"value_floats", Floats},
      {"value_int", Int},
      {"value_ints", Ints},
      {"value_string", String},
      {"value_strings", Strings}}},
    {"ConstantOfShape", 9, 1, 1, 1, 1, {{"value", Tensor}}},
    {"Cos", 7, 1, 1, 1, 1},
    {"CumSum", 11, 2, 2, 1, 1, {{"exclusive", Int}, {"reverse", Int}}},
    {"Div", 7, 2, 2, 1, 1},
    {"Equal", 7, 2, 2, 1, 1},
    {"Erf", 9, 1, 1, 1, 1},
    {"Expand", 8, 2, 2, 1, 1},
    {"Flatten", 9, 1, 1, 1, 1, {{"axis", Int}}},
    {"Gather", 1, 2, 2, 1, 1, {{"axis", Int}}},
    {"GatherElements", 11, 2, 2, 1, 1, {{"axis", Int}}},
    {"GatherND", 11, 2, 2, 1, 1},
    {"GatherND", 12, 2, 2, 1, 1, {{"batch_dims", Int}}},
    {"Gelu", 20, 1, 1, 1, 1, {{"approximate", String}}},
    {"Gemm",
     11,
     2,
     3,
     1,
     1,
     {{"alpha", Float}, {"beta", Float}, {"transA", Int}, {"transB", Int}}},
    {"Greater", 9, 2, 2, 1, 1},
    {"GreaterOrEqual", 12, 2, 2, 1, 1},
    {"Identity", 1, 1, 1, 1, 1},
    {"IsNaN", 9, 1, 1, 1, 1},
    {"LayerNormalization",
     17,
     2,
     3,
     1,
     3,
     {{"axis", Int}, {"epsilon", Float}, {"stash_type", Int}}},
    {"Less", 9, 2, 2, 1, 1},
    {"LessOrEqual", 12, 2, 2, 1, 1},
    {"MatMul", 9, 2, 2, 1, 1},
    {"Max", 8, 1, OpSchema::any, 1, 1},
    {"Min", 8, 1, OpSchema::any, 1, 1},
    {"Mul", 7, 2, 2, 1, 1},
    {"Neg", 6, 1, 1, 1, 1},
    {"Not", 1, 1, 1, 1, 1},
    {"Or", 7, 2, 2, 1, 1},
    {"Pow", 7, 2, 2, 1, 1},
    {"Range", 11, 3, 3, 1, 1},
    {"Reciprocal", 6, 1, 1, 1, 1},
    {"ReduceMean", 11, 1, 1, 1, 1, {{"axes", Ints}, {"keepdims", Int}}},
    {"ReduceMean",
     18,
     1,
     2,
     1,
     1,
     {{"keepdims", Int}, {"noop_with_empty_axes", Int}}},
    {"Relu", 6, 1, 1, 1, 1},
    {"Reshape", 5, 2, 2, 1, 1},
    {"Reshape", 14, 2, 2, 1, 1, {{"allowzero", Int}}},
    {"RMSNormalization",
     23,
     2,
     2,
     1,
     1,
     {{"axis", Int}, {"epsilon", Float}, {"stash_type", Int}}},
    {"RotaryEmbedding",
     23,
     3,
     4,
     1,
     1,
     {{"interleaved", Int}, {"num_heads", Int}, {"rotary_embedding_dim", Int}}},
    {"Shape", 1, 1, 1, 1, 1},
    {"Shape", 15, 1, 1, 1, 1, {{"end", Int}, {"start", Int}}},
    {"Sigmoid", 6, 1, 1, 1, 1},
    {"Sin", 7, 1, 1, 1, 1},
    {"Slice", 10, 3, 5, 1, 1},
    {"Softmax", 1, 1, 1, 1, 1, {{"axis", Int}}},
    {"Split", 11, 1, 1, 1, OpSchema::any, {{"axis", Int}, {"split", Ints}}},
    {"Split", 13, 1, 2, 1, OpSchema::any, {{"axis", Int}}},
    {"Split",
     18,
     1,
     2,
     1,
     OpSchema::any,
     {{"axis", Int}, {"num_outputs", Int}}},
    {"Sqrt", 6, 1, 1, 1, 1},
    {"Squeeze", 1, 1, 1, 1, 1, {{"axes", Ints}}},
    {"Squeeze", 13, 1, 2, 1, 1},
    {"Sub", 7, 2, 2, 1, 1},
    {"Tanh", 6, 1, 1, 1, 1},
    {"Transpose", 1, 1, 1, 1, 1, {{"perm", Ints}}},
    {"Unsqueeze", 1, 1, 1, 1, 1, {{"axes", Ints, required}}},
    {"Unsqueeze", 13, 2, 2, 1, 1},
    {"Where", 9, 3, 3, 1, 1},
};

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

ArrayRef<AttributeSchema> OpSchema::attributes() const {
  ArrayRef<AttributeSchema> all(attributeStorage);
  return all.take_while(
      [](const AttributeSchema &attribute) { return !attribute.name.empty(); });
}

ArrayRef<OpSchema> mlir::dejavu::onnximport::getOperators(StringRef domain) {
  if (domain == "ai.onnx")
    return table;
  if (domain == "com.microsoft")
    return getMicrosoftOperators();
  return {};
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
