//===- Attributes.h - attributes of nodes ---------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_ATTRIBUTES_H
#define DEJAVU_LIB_IMPORT_ONNX_ATTRIBUTES_H

#include "Functions.h"
#include "OpTable.h"
#include "Reporter.h"

#include "llvm/ADT/SmallVector.h"

#include <optional>

namespace dejavu::onnx_proto {
class AttributeProto;
}

namespace mlir::dejavu::onnximport {

/// Checks the attributes of `node` against those that its operator has: each is
/// known, given once, of the right type, and the required ones are there. In
/// the body of `function`, which may be null, an attribute may refer to one of
/// the function's.
llvm::LogicalResult checkAttributes(const proto::NodeProto &node,
                                    const OpSchema &schema,
                                    const Function *function,
                                    const Reporter &reporter);

/// Checks the attributes of `node`, in the body of `caller` or of the graph
/// itself, against those that the function `callee` takes.
llvm::LogicalResult checkCallAttributes(const proto::NodeProto &node,
                                        const Function &callee,
                                        const Function *caller,
                                        const Reporter &reporter);

/// Checks the attributes that `function` declares, and their defaults.
llvm::LogicalResult checkDeclaredAttributes(const Function &function,
                                            const Reporter &reporter);

/// The attribute `name` of `node`, or null.
const proto::AttributeProto *findAttribute(const proto::NodeProto &node,
                                           llvm::StringRef name);

/// The value of an attribute that has been checked, or nothing.
std::optional<int64_t> getInt(const proto::NodeProto &node,
                              llvm::StringRef name);
std::optional<llvm::SmallVector<int64_t>> getInts(const proto::NodeProto &node,
                                                  llvm::StringRef name);
std::optional<llvm::StringRef> getString(const proto::NodeProto &node,
                                         llvm::StringRef name);

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_ATTRIBUTES_H
