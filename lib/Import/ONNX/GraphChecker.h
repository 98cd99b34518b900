//===- GraphChecker.h - what must hold before anything is built -----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_GRAPHCHECKER_H
#define DEJAVU_LIB_IMPORT_ONNX_GRAPHCHECKER_H

#include "Tensors.h"

namespace dejavu::onnx_proto {
class GraphProto;
class NodeProto;
class ValueInfoProto;
} // namespace dejavu::onnx_proto

namespace mlir::dejavu::onnximport {

/// A graph in which names, order, operators, attributes and tensors are right.
/// What remains to be found out is whether types and shapes go together.
struct CheckedGraph {
  const proto::GraphProto *graph = nullptr;
  /// The version of ai.onnx.
  int64_t opset = 0;
  /// The nodes, each after those whose outputs it uses.
  SmallVector<const proto::NodeProto *> order;
  llvm::StringMap<TensorInfo> initializers;
  /// Tensors in attributes.
  llvm::DenseMap<const proto::TensorProto *, TensorInfo> attributeTensors;
};

/// Checks `model`. Reports the first thing that is wrong; operators that are
/// not supported are reported all at once.
FailureOr<CheckedGraph> checkModel(const proto::ModelProto &model,
                                   TensorReader &tensors,
                                   const Reporter &reporter);

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_GRAPHCHECKER_H
