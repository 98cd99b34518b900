//===- Reporter.h - how the importer says what is wrong -------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_REPORTER_H
#define DEJAVU_LIB_IMPORT_ONNX_REPORTER_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/LogicalResult.h"

#include <string>

namespace dejavu::onnx_proto {
class NodeProto;
}

namespace mlir::dejavu::onnximport {

namespace proto = ::dejavu::onnx_proto;

/// Makes diagnostics about one model. All of them are at the location of the
/// file; those about a node name it in their text.
class Reporter {
public:
  Reporter(MLIRContext &context, llvm::StringRef file);

  /// Emits an error and returns failure, to be returned in turn.
  llvm::LogicalResult error(const llvm::Twine &message) const;

  /// The same, about a node.
  llvm::LogicalResult error(const proto::NodeProto &node,
                            const llvm::Twine &message) const;

  void warning(const llvm::Twine &message) const;

  /// The same reporter for the nodes of a function that is called at `call`:
  /// what it calls them begins with that.
  Reporter within(const llvm::Twine &call) const;

  /// The name of `node`, or what stands for it, after those of the calls that
  /// lead there. It is not printable yet.
  std::string getName(const proto::NodeProto &node) const;

  MLIRContext &getContext() const { return *location.getContext(); }

private:
  Location location;
  std::string prefix;
};

/// A name from a file as it may be printed: quoted, without control characters
/// or broken UTF-8, and not longer than a line or two.
std::string quoted(llvm::StringRef name);

/// The same without quotes.
std::string printable(llvm::StringRef name);

/// `ai.onnx::Add`: how an operator is named.
std::string operatorName(llvm::StringRef domain, llvm::StringRef opType);

/// The node's name, or what stands for it where it has none. It is not
/// printable yet.
std::string nodeName(const proto::NodeProto &node);

/// Whether two domain names mean the same: `""` is `ai.onnx`.
llvm::StringRef normalizedDomain(llvm::StringRef domain);

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_REPORTER_H
