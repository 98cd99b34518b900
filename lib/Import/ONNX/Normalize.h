//===- Normalize.h - one node on its way to IR ---------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_NORMALIZE_H
#define DEJAVU_LIB_IMPORT_ONNX_NORMALIZE_H

#include "Attributes.h"
#include "GraphBuilder.h"
#include "Model.pb.h"

namespace mlir::dejavu::onnximport {

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
                       ArrayRef<NamedAttribute> attributes) const;

  /// The same with the attributes of the node but `except`.
  LogicalResult createAs(StringRef name, ArrayRef<Value> operands,
                         ArrayRef<StringRef> except = {}) const;
};

/// The attributes of a node but `except`: numbers as they are, types, and enums
/// where ONNX has strings. Those that say nothing are left out.
FailureOr<SmallVector<NamedAttribute>>
convertAttributes(const Node &node, ArrayRef<StringRef> except = {});

/// Normalises an operator of com.microsoft.
LogicalResult normalizeMicrosoft(const Node &node);

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_NORMALIZE_H
