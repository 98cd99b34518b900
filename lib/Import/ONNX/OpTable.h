//===- OpTable.h - which operators there are, by version ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_OPTABLE_H
#define DEJAVU_LIB_IMPORT_ONNX_OPTABLE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace mlir::dejavu::onnximport {

/// Opsets of ai.onnx that can be imported.
inline constexpr int64_t minOpset = 11, maxOpset = 24;

/// What an attribute holds; the numbers are those of the format.
enum class AttributeKind : int32_t {
  Float = 1,
  Int = 2,
  String = 3,
  Tensor = 4,
  Graph = 5,
  Floats = 6,
  Ints = 7,
  Strings = 8,
  SparseTensor = 11,
};

/// How the kind `kind` of attribute is called.
llvm::StringRef describeKind(int32_t kind);

struct AttributeSchema {
  llvm::StringLiteral name = "";
  AttributeKind kind = AttributeKind::Int;
  bool required = false;
};

/// An operator of a domain from one version of the domain on, up to the next
/// row of its name.
struct OpSchema {
  static constexpr unsigned any = ~0u;

  llvm::StringLiteral name;
  int64_t since;
  unsigned minInputs, maxInputs, minOutputs, maxOutputs;
  AttributeSchema attributeStorage[16] = {};

  llvm::ArrayRef<AttributeSchema> attributes() const;
};

/// The operators of `domain`, those of one name together and by version. Empty
/// if nothing is known of the domain; "ai.onnx" is written out. An operator is
/// found by domain and name: com.microsoft::Attention has nothing to do with
/// ai.onnx::Attention.
llvm::ArrayRef<OpSchema> getOperators(llvm::StringRef domain);

/// The operators of com.microsoft, see OpTableMicrosoft.cpp.
llvm::ArrayRef<OpSchema> getMicrosoftOperators();

/// The operator `opType` of `domain` as of `version` of the domain. Null if
/// there is none, and then `since` is the first version that has it, or 0.
const OpSchema *findOperator(llvm::StringRef domain, llvm::StringRef opType,
                             int64_t version, int64_t &since);

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_OPTABLE_H
