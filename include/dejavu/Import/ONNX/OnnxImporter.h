//===- OnnxImporter.h - reads ONNX models ---------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Turns an ONNX model into a module of `onnx` ops. Everything in the file is
// checked before an op is built; whatever is wrong is reported as a diagnostic
// at the location of the file, one line each. Weights stay in the model's
// files: the module says which bytes they are.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_IMPORT_ONNX_ONNXIMPORTER_H
#define DEJAVU_IMPORT_ONNX_ONNXIMPORTER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace mlir {
class MLIRContext;

namespace dejavu {

/// What an import may be told.
struct ImportOptions {
  /// The name of the function that holds the graph.
  std::string functionName = "main";
};

/// The path of the .onnx file that `path` means: itself, or `model.onnx` or
/// `onnx/model.onnx` in the folder `path`. Fails, with a message in `error`, if
/// there is no such file.
FailureOr<std::string> findOnnxModel(llvm::StringRef path, std::string &error);

/// Imports the model at `path`, a file or a folder as for findOnnxModel. Emits
/// diagnostics and fails if the model is not valid or not supported.
FailureOr<OwningOpRef<ModuleOp>>
importOnnxModel(MLIRContext &context, llvm::StringRef path,
                const ImportOptions &options = {});

} // namespace dejavu
} // namespace mlir

#endif // DEJAVU_IMPORT_ONNX_ONNXIMPORTER_H
