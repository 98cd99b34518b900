//===- GraphBuilder.h - turns a graph into IR -----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_GRAPHBUILDER_H
#define DEJAVU_LIB_IMPORT_ONNX_GRAPHBUILDER_H

#include "GraphChecker.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::dejavu::onnximport {

/// Builds one function from a graph that has been checked.
class GraphBuilder {
public:
  GraphBuilder(ModuleOp module, const CheckedGraph &graph,
               TensorReader &tensors, const Reporter &reporter)
      : builder(module.getContext()), module(module), graph(graph),
        tensors(tensors), reporter(reporter) {}

  LogicalResult build(StringRef functionName);

  //===--------------------------------------------------------------------===//
  // For the normalisation of nodes (Normalize.cpp)
  //===--------------------------------------------------------------------===//

  Builder &getBuilder() { return builder; }
  int64_t getOpset() const { return graph.opset; }
  const Reporter &getReporter() const { return reporter; }

  /// Makes `onnx.<name>` for `node`, with inferred result types. Null operands
  /// are absent. Null if the op is not well-formed, which has been reported.
  Operation *create(const proto::NodeProto &node, StringRef name,
                    ArrayRef<Value> operands,
                    ArrayRef<NamedAttribute> attributes, unsigned results = 1);

  /// Makes a constant of one or more int64, of rank 1.
  Value createInts(const proto::NodeProto &node, ArrayRef<int64_t> values);

  /// The tensor in attribute `name`, which the node has, as an attribute.
  FailureOr<DenseElementsAttr> readAttribute(const proto::NodeProto &node,
                                             StringRef name);

  /// The tensor in attribute `name` as a value: a weight or a constant.
  FailureOr<Value> createFromAttribute(const proto::NodeProto &node,
                                       StringRef name);

private:
  FailureOr<Value> lookup(StringRef name);
  FailureOr<Value> createTensor(const TensorInfo &info, StringRef name,
                                Location loc);
  LogicalResult addInput(const proto::ValueInfoProto &input);
  LogicalResult addNode(const proto::NodeProto &node);
  LogicalResult addOutputs(StringRef functionName);
  FailureOr<Type> convertType(const proto::ValueInfoProto &value,
                              StringRef what);
  DictionaryAttr describeValue(const proto::ValueInfoProto &value);
  Location locationOf(const proto::NodeProto &node);

  OpBuilder builder;
  ModuleOp module;
  const CheckedGraph &graph;
  TensorReader &tensors;
  const Reporter &reporter;

  Block *body = nullptr;
  llvm::StringMap<Value> values;
  llvm::StringMap<unsigned> symbols;
};

/// Builds the ops that mean what `node` means in its opset. `operands` are its
/// inputs, null where one is absent; appends a value for each output.
LogicalResult normalizeNode(GraphBuilder &graph, const proto::NodeProto &node,
                            SmallVectorImpl<Value> &operands,
                            SmallVectorImpl<Value> &results);

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_GRAPHBUILDER_H
