//===- GraphChecker.h - what must hold before anything is built -----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_GRAPHCHECKER_H
#define DEJAVU_LIB_IMPORT_ONNX_GRAPHCHECKER_H

#include "Functions.h"
#include "Tensors.h"

namespace dejavu::onnx_proto {
class GraphProto;
class NodeProto;
class ValueInfoProto;
} // namespace dejavu::onnx_proto

namespace mlir::dejavu::onnximport {

/// A graph, a graph in an attribute or the body of a function, in which names,
/// order, operators, attributes and tensors are right.
struct CheckedScope {
  /// The nodes, each after those whose outputs it uses.
  SmallVector<const proto::NodeProto *> order;
  /// Dense and sparse ones.
  llvm::StringMap<TensorInfo> initializers;
};

/// A model of which that is true. What remains to be found out is whether types
/// and shapes go together.
struct CheckedGraph {
  const proto::GraphProto *graph = nullptr;
  Versions versions;
  /// The version of ai.onnx.
  int64_t opset = 0;
  FunctionTable functions;
  /// By GraphProto or FunctionProto.
  llvm::DenseMap<const void *, CheckedScope> scopes;
  /// Tensors in attributes, by TensorProto or SparseTensorProto.
  llvm::DenseMap<const void *, TensorInfo> attributeTensors;

  const CheckedScope &getScope(const void *body) const {
    return scopes.find(body)->second;
  }
};

/// Checks `model`, which was read with `payloads`. Reports the first thing that
/// is wrong; operators that are not supported are reported all at once.
FailureOr<CheckedGraph> checkModel(const proto::ModelProto &model,
                                   const PayloadMap &payloads,
                                   TensorReader &tensors,
                                   const Reporter &reporter);

/// Checks what a model says to its users: names, types, and that the caches it
/// takes are those that it returns (InterfaceChecker.cpp).
LogicalResult checkInterface(const proto::GraphProto &graph,
                             const Reporter &reporter);

/// Checks that a name may be printed and looked up: UTF-8, no control
/// characters, at most `limit` bytes.
LogicalResult checkName(StringRef name, std::string &error,
                        size_t limit = 16 << 10);

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_GRAPHCHECKER_H
