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

#include <map>
#include <tuple>

namespace mlir::dejavu::onnximport {

/// What is being built: the graph, a graph inside a node, or a function that is
/// called. Names mean what the innermost scope says.
struct Scope {
  /// What was found out about it.
  const CheckedScope *checked = nullptr;
  /// Where its ops go.
  Block *block = nullptr;
  /// What encloses a graph inside a node; nothing encloses a function.
  Scope *parent = nullptr;
  const Versions *versions = nullptr;
  Reporter reporter;
  /// The attributes that the call of a function gives, or their defaults.
  const llvm::StringMap<const proto::AttributeProto *> *bindings = nullptr;
  /// Null for inputs that a call leaves out.
  llvm::StringMap<Value> values = {};
};

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
  /// The version of ai.onnx that the node's graph or function imports.
  int64_t getOpset() const { return scope->versions->lookup("ai.onnx"); }
  const Reporter &getReporter() const { return scope->reporter; }

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
  const TensorInfo *findTensor(const proto::AttributeProto &attribute) const;
  LogicalResult addInput(const proto::ValueInfoProto &input);
  LogicalResult addNode(const proto::NodeProto &original);
  LogicalResult checkOperands(const proto::NodeProto &node,
                              ArrayRef<Value> operands);
  LogicalResult addOutputs(StringRef functionName);
  FailureOr<Type> convertType(const proto::ValueInfoProto &value,
                              StringRef what);
  DictionaryAttr describeValue(const proto::ValueInfoProto &value);
  Location locationOf(const proto::NodeProto &node);

  //===--------------------------------------------------------------------===//
  // Calls and graphs inside nodes (ControlFlow.cpp)
  //===--------------------------------------------------------------------===//

  using Results = SmallVectorImpl<Value>;

  /// Puts what attributes refer to into a copy of `node`.
  LogicalResult bindAttributes(const proto::NodeProto &node,
                               proto::NodeProto &bound);
  LogicalResult addCall(const proto::NodeProto &node, const Function &callee,
                        ArrayRef<Value> operands, Results &results);
  LogicalResult addIf(const proto::NodeProto &node, ArrayRef<Value> operands,
                      Results &results);
  LogicalResult addLoop(const proto::NodeProto &node, ArrayRef<Value> operands,
                        Results &results);
  LogicalResult addScan(const proto::NodeProto &node, ArrayRef<Value> operands,
                        Results &results);
  /// The graph in attribute `name` of `node`, or null, which is an error.
  const proto::GraphProto *findSubgraph(const proto::NodeProto &node,
                                        StringRef name);
  /// Builds the nodes of the graph in attribute `name` at the end of `block`,
  /// with `arguments` for its inputs, and appends its outputs.
  LogicalResult addSubgraph(const proto::NodeProto &node, StringRef name,
                            Block &block, ArrayRef<BlockArgument> arguments,
                            Results &outputs);
  /// The same with a block of its own in `region`, ended by a Yield.
  LogicalResult addRegion(const proto::NodeProto &node, StringRef name,
                          TypeRange inputs, Region &region);
  /// Builds the body of a Loop or Scan, whose first inputs after `leading`
  /// ones are carried from turn to turn. Makes their types as general as what
  /// the body gives back needs.
  LogicalResult addBody(const proto::NodeProto &node,
                        SmallVectorImpl<Type> &inputs, unsigned leading,
                        unsigned carried, unsigned yielded, Region &region);
  /// Makes the op of a node with graphs inside, whose regions are still empty
  /// and whose results have no types yet.
  Operation *start(const proto::NodeProto &node, ArrayRef<Value> operands,
                   ArrayRef<NamedAttribute> attributes, unsigned regions,
                   unsigned results);
  /// Gives such an op its result types and checks it as a whole.
  LogicalResult finish(const proto::NodeProto &node, Operation *op,
                       TypeRange types, Results &results);

  OpBuilder builder;
  ModuleOp module;
  const CheckedGraph &graph;
  TensorReader &tensors;
  const Reporter &reporter;

  Scope *scope = nullptr;
  Block *body = nullptr;
  llvm::StringMap<unsigned> symbols;
  /// The symbol of each range of a file that is a weight.
  std::map<std::tuple<std::string, uint64_t, int64_t, const void *>,
           std::string>
      weights;
  /// Tensors and graphs of copies that bindAttributes has made.
  llvm::DenseMap<const void *, const TensorInfo *> boundTensors;
  llvm::DenseMap<const void *, const proto::GraphProto *> boundGraphs;
  uint64_t nodes = 0;
};

/// Checks what the operands of `op`, which has its types, say where they are
/// constants: that indices lie within the data, and that a shape is not one
/// that only exhausts memory (Values.cpp).
LogicalResult checkConstantOperands(Operation *op, std::string &error);

/// Builds the ops that mean what `node` means in its opset. `operands` are its
/// inputs, null where one is absent; appends a value for each output.
LogicalResult normalizeNode(GraphBuilder &graph, const proto::NodeProto &node,
                            SmallVectorImpl<Value> &operands,
                            SmallVectorImpl<Value> &results);

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_GRAPHBUILDER_H
