//===- Functions.h - functions that a model brings along ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model may define operators of its own, as functions. A node calls the one
// that has its domain, name and overload, whether or not an operator is called
// alike. Calls are replaced by the function's nodes when the graph is built.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_FUNCTIONS_H
#define DEJAVU_LIB_IMPORT_ONNX_FUNCTIONS_H

#include "Reporter.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

#include <memory>
#include <vector>

namespace dejavu::onnx_proto {
class AttributeProto;
class FunctionProto;
class GraphProto;
class ModelProto;
} // namespace dejavu::onnx_proto

namespace mlir::dejavu::onnximport {

/// The version of each domain that a model or a function imports.
using Versions = llvm::StringMap<int64_t>;

/// Calls may nest up to this depth, and a graph may have this many nodes when
/// all of them have been replaced.
inline constexpr unsigned maxCallDepth = 64;
inline constexpr uint64_t maxNodes = 1 << 20;

/// A function of the model.
struct Function {
  const proto::FunctionProto *proto = nullptr;
  std::string name; ///< printable, as `com.example::F`
  Versions versions;

  /// How deep its calls nest, and how many nodes a call of it becomes.
  unsigned height = 0;
  uint64_t nodes = 0;
};

/// Calls `visit` for `node` and all nodes of graphs in its attributes.
void visitNodes(const proto::NodeProto &node,
                llvm::function_ref<void(const proto::NodeProto &)> visit);

/// Calls `visit` for each graph in an attribute of `node`, with the attribute.
void visitSubgraphs(const proto::NodeProto &node,
                    llvm::function_ref<void(const proto::AttributeProto &,
                                            const proto::GraphProto &)>
                        visit);

/// Reads the opset_import of `proto`, a ModelProto or FunctionProto. `fail` is
/// given what is wrong.
template <typename Proto>
llvm::LogicalResult
readVersions(const Proto &proto, Versions &versions,
             llvm::function_ref<llvm::LogicalResult(const llvm::Twine &)> fail);

/// The functions of a model.
class FunctionTable {
public:
  /// Checks the functions of `model` as a whole: that each is named once, and
  /// that calls neither go in circles nor multiply beyond all bounds.
  llvm::LogicalResult build(const proto::ModelProto &model,
                            const Reporter &reporter);

  /// The function that `node` calls, or null.
  const Function *find(const proto::NodeProto &node) const;

  /// The functions that the graph calls, directly or not.
  llvm::ArrayRef<const Function *> getReachable() const { return reachable; }

private:
  Function *lookup(const proto::NodeProto &node) const;
  llvm::LogicalResult measure(Function &function,
                              llvm::SmallVectorImpl<const Function *> &stack,
                              const Reporter &reporter);

  std::vector<std::unique_ptr<Function>> functions;
  llvm::StringMap<Function *> byKey;
  llvm::SmallVector<const Function *> reachable;
};

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_FUNCTIONS_H
