//===- FuzzImport.cpp - import what a fuzzer made -------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FuzzImport.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "dejavu/Import/ONNX/OnnxImporter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace mlir;

namespace {
/// The folder of the process. Nothing outside it may be read, so the file that
/// links and paths with `..` lead to holds no bytes that fit.
struct Folder {
  Folder() {
    fs::path base = fs::temp_directory_path();
    if (fs::exists("/dev/shm"))
      base = "/dev/shm";
    root = base / ("dejavu-fuzz-" + std::to_string(getpid()));
    fs::create_directories(root / "model" / "sub");
    std::ofstream(root / "model" / "data.bin") << std::string(4096, 'x');
    std::ofstream(root / "model" / "sub" / "more.bin") << std::string(64, 'y');
    std::ofstream(root / "secret.bin") << std::string(4096, 's');
    std::error_code ignored;
    fs::create_symlink("../secret.bin", root / "model" / "out.bin", ignored);
    fs::create_symlink("data.bin", root / "model" / "in.bin", ignored);
    fs::create_symlink("loop.bin", root / "model" / "loop.bin", ignored);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(root, ignored);
  }
  fs::path root;
};
} // namespace

/// A new context after some imports, as types and attributes are kept in it.
static MLIRContext &getContext() {
  static std::unique_ptr<MLIRContext> context;
  static int uses = 0;
  if (!context || ++uses % 256 == 0) {
    context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
    context->loadDialect<mlir::dejavu::DejavuDialect, onnx::OnnxDialect,
                         func::FuncDialect>();
  }
  return *context;
}

[[noreturn]] static void stop(const char *what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void ::dejavu::fuzz::importModel(llvm::StringRef bytes) {
  static Folder folder;
  std::string path = (folder.root / "model" / "model.onnx").string();
  {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), bytes.size());
  }
  MLIRContext &context = getContext();
  unsigned errors = 0;
  bool leaks = false;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
      ++errors;
      std::string text = diagnostic.str();
      // One line, in which nothing moves the cursor.
      leaks |= llvm::any_of(text, [](char c) {
        return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
      });
    }
    return success();
  });
  auto module = mlir::dejavu::importOnnxModel(context, path);
  if (leaks)
    stop("an error has control characters");
  if (failed(module) && errors == 0)
    stop("refused without an error");
  if (succeeded(module) && errors != 0)
    stop("accepted with an error");
  if (succeeded(module) && failed(verify(**module)))
    stop("the IR of an accepted model is not valid");
}
