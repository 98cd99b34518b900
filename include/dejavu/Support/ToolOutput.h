//===- ToolOutput.h - what the command-line tools share -------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tools print results to stdout or a file and everything else to stderr. An
// error is one line, `error: FILE: what`. A file appears whole or not at all:
// it is written under a temporary name and renamed at the end.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_SUPPORT_TOOLOUTPUT_H
#define DEJAVU_SUPPORT_TOOLOUTPUT_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/LogicalResult.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>
#include <string>

namespace llvm::cl {
class OptionCategory;
}

namespace mlir::dejavu {

/// The version of the project.
llvm::StringRef getVersion();

/// Prints `error: <message>` on one line to stderr. Returns 1, for main.
int reportError(const llvm::Twine &message);

/// Parses the command line of a tool with `--help`, which shows the options of
/// `category` alone, and `--version`. Fails after printing an error.
llvm::LogicalResult parseCommandLine(int argc, char **argv,
                                     llvm::cl::OptionCategory &category,
                                     llvm::StringRef overview);

/// Prints diagnostics of a context, while it lives, the way tools do:
///
///   error: model.onnx: node 'x' (ai.onnx::Add): expected ...
///   note: ...
///
/// The file is that of the location or else the one given here. A location with
/// a name, as ops from a model have, becomes `node 'name'`.
class ToolDiagnosticHandler : public ScopedDiagnosticHandler {
public:
  ToolDiagnosticHandler(MLIRContext *context, llvm::StringRef file,
                        llvm::raw_ostream &os = llvm::errs());

private:
  void print(Diagnostic &diagnostic);

  std::string file;
  llvm::raw_ostream &os;
};

/// A file that is being written. What is not committed is removed, also when
/// the process is interrupted. Messages name the file.
class OutputFile {
public:
  /// Starts to write `path`, or stdout if that is "-". A device or pipe is
  /// written directly. Null, with a message in `error`, if that fails.
  static std::unique_ptr<OutputFile>
  create(llvm::StringRef path, std::string &error, bool executable = false);
  ~OutputFile();

  llvm::raw_fd_ostream &os() { return *stream; }

  /// Ends the file and gives it its name, or fails with a message in `error`.
  llvm::LogicalResult commit(std::string &error);

private:
  OutputFile() = default;

  std::string path, temporary;
  std::unique_ptr<llvm::raw_fd_ostream> file;
  llvm::raw_fd_ostream *stream = nullptr;
};

} // namespace mlir::dejavu

#endif // DEJAVU_SUPPORT_TOOLOUTPUT_H
