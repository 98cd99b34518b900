//===- NormalizeMicrosoft.cpp - operators of com.microsoft as ops --------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Normalize.h"

using namespace mlir;
using namespace mlir::dejavu::onnximport;

namespace {
/// An attribute that ops do not have, since only one value of it is supported:
/// what it has when it is absent.
struct FixedAttribute {
  StringLiteral op, name;
  int64_t number;
  StringLiteral text = "";
};

/// An input that ops do not have.
struct RefusedInput {
  StringLiteral op, name;
  int place;
};
} // namespace

static constexpr FixedAttribute fixedAttributes[] = {
    {"GroupQueryAttention", "k_quant_type", 0, "NONE"},
    {"GroupQueryAttention", "v_quant_type", 0, "NONE"},
    {"GroupQueryAttention", "kv_cache_bit_width", 0},
    {"GroupQueryAttention", "sliding_window_cache", 0},
    {"RotaryEmbedding", "is_packed_batching", 0},
    {"QMoE", "quant_type", 0, "int"},
    {"QMoE", "weights_prepacked", -1},
    {"QMoE", "fc1_expert_weight_bits", 0},
    {"QMoE", "fc2_expert_weight_bits", 0},
    {"QMoE", "fc3_expert_weight_bits", 0},
};

static constexpr RefusedInput refusedInputs[] = {
    {"QMoE", "fc1_global_scale", 15},    {"QMoE", "fc2_global_scale", 16},
    {"QMoE", "fc1_act_scale", 17},       {"QMoE", "fc2_act_scale", 18},
    {"QMoE", "fc1_act_block_scale", 19}, {"QMoE", "fc2_act_block_scale", 20},
};

/// Checks that what ops do not have is not used.
static LogicalResult checkFixed(const Node &node,
                                SmallVectorImpl<StringRef> &except) {
  StringRef name = node.proto.op_type();
  for (const FixedAttribute &fixed : fixedAttributes) {
    const proto::AttributeProto *attribute =
        findAttribute(node.proto, fixed.name);
    if (fixed.op != name || !attribute)
      continue;
    except.push_back(fixed.name);
    if (!fixed.text.empty()) {
      if (StringRef found = attribute->s(); found != fixed.text)
        return node.error("attribute '" + fixed.name + "': only '" +
                          fixed.text + "' is supported, found " +
                          quoted(found));
    } else if (attribute->i() != fixed.number) {
      return node.error("attribute '" + fixed.name + "': only " +
                        Twine(fixed.number) + " is supported, found " +
                        Twine(attribute->i()));
    }
  }
  for (const RefusedInput &refused : refusedInputs)
    if (refused.op == name &&
        static_cast<size_t>(refused.place) < node.operands.size() &&
        node.operands[refused.place])
      return node.error("input " + Twine(refused.place) + " (" + refused.name +
                        ") is not supported");
  return success();
}

LogicalResult mlir::dejavu::onnximport::normalizeMicrosoft(const Node &node) {
  StringRef name = node.proto.op_type();
  // The exact one is what this domain had before ai.onnx did.
  if (name == "Gelu")
    return node.createAs("Gelu", node.operands);
  SmallVector<StringRef> except;
  if (failed(checkFixed(node, except)))
    return failure();
  // A factor of positions, which no exporter sets.
  if (const proto::AttributeProto *scale = findAttribute(node.proto, "scale");
      scale && name == "RotaryEmbedding") {
    if (scale->f() != 1.0f)
      return node.error("attribute 'scale': only 1 is supported");
    except.push_back("scale");
  }
  return node.createAs(("com.microsoft." + name).str(), node.operands, except);
}
