//===- OpTable.h - which operators there are, by version ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_OPTABLE_H
#define DEJAVU_LIB_IMPORT_ONNX_OPTABLE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace mlir::dejavu::onnximport {

/// Opsets of ai.onnx that can be imported.
inline constexpr int64_t minOpset = 11, maxOpset = 28;

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

/// A row of a table of operators: `inputs` and `outputs` say how many there may
/// be, "2", "1-3" or "1-*"; "3-5?1" says that of the first three the one at
/// place 1 may be absent. `attributes` are words like "axis:int", or
/// "axis:int!" for one that must be there.
struct OpRow {
  llvm::StringLiteral name;
  int64_t since;
  llvm::StringLiteral inputs, outputs;
  llvm::StringLiteral attributes = "";
};

struct AttributeSchema {
  llvm::StringRef name;
  AttributeKind kind;
  bool required;
};

/// An operator of a domain from one version of the domain on, up to the next
/// row of its name.
struct OpSchema {
  static constexpr unsigned any = ~0u;

  llvm::StringRef name;
  int64_t since = 0;
  unsigned minInputs = 0, maxInputs = 0, minOutputs = 0, maxOutputs = 0;
  /// Which of the first `minInputs` may be absent, a bit for each.
  uint64_t optionalInputs = 0;
  llvm::SmallVector<AttributeSchema, 4> attributeStorage;

  llvm::ArrayRef<AttributeSchema> attributes() const {
    return attributeStorage;
  }
  bool isOptional(unsigned input) const {
    return input < 64 && (optionalInputs >> input & 1);
  }
};

/// The rows of each domain, those of one name together and by version.
llvm::ArrayRef<OpRow> getStandardRows();
llvm::ArrayRef<OpRow> getMicrosoftRows();

/// The operators of `domain`, in the order of the rows. Empty if nothing is
/// known of the domain; "ai.onnx" is written out. An operator is found by
/// domain and name: com.microsoft::Attention has nothing to do with
/// ai.onnx::Attention.
llvm::ArrayRef<OpSchema> getOperators(llvm::StringRef domain);

/// The operator `opType` of `domain` as of `version` of the domain. Null if
/// there is none, and then `since` is the first version that has it, or 0.
const OpSchema *findOperator(llvm::StringRef domain, llvm::StringRef opType,
                             int64_t version, int64_t &since);

/// The number of inputs that the newest form of an operator may have.
unsigned countInputs(llvm::StringRef domain, llvm::StringRef opType);

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_OPTABLE_H
