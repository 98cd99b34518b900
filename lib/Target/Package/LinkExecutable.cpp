//===- LinkExecutable.cpp - from an object file to an executable ----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// clang links. libomp comes before oneDNN, whose GOMP_* symbols then resolve to
// libomp as well: one pool of threads. oneDNN brings the shared C++ library, so
// a static one would only make two of it. Everything happens in a folder of its
// own under the system's temporary folder, so an interrupted linker leaves
// nothing beside the user's file.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Target/Package/LinkExecutable.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

static std::string joinPath(StringRef folder, StringRef name) {
  SmallString<128> joined(folder);
  path::append(joined, name);
  return joined.str().str();
}

/// Writes `bytes` to a new file.
static LogicalResult writeFile(StringRef file, StringRef bytes,
                               std::string &error) {
  std::error_code code;
  llvm::raw_fd_ostream os(file, code);
  if (!code) {
    os << bytes;
    os.close();
    code = os.error();
    os.clear_error();
  }
  if (!code)
    return success();
  error = (file + ": cannot be written: " + code.message()).str();
  return failure();
}

FailureOr<std::string> dejavu::linkExecutable(StringRef object, StringRef tool,
                                              bool forCPU, std::string &error) {
  SmallString<128> binary;
  if (fs::real_path(tool, binary))
    binary = tool;
  std::string libraries =
      joinPath(path::parent_path(path::parent_path(binary)), "lib");
  std::string main = joinPath(libraries, "libdejavu_rt_main.a");
  std::string runtime = joinPath(libraries, "libdejavu_rt.a");
  for (StringRef library : {StringRef(main), StringRef(runtime)})
    if (!fs::exists(library)) {
      error = (library + ": expected the runtime library here").str();
      return failure();
    }

  SmallString<128> folder;
  if (std::error_code code = fs::createUniqueDirectory("dejavu", folder)) {
    error = "no temporary folder: " + code.message();
    return failure();
  }
  std::string input = joinPath(folder, "model.o"),
              output = joinPath(folder, "model");
  std::string log = joinPath(folder, "log");
  llvm::scope_exit cleanUp([&] {
    for (StringRef file : {StringRef(input), StringRef(output), StringRef(log)})
      (void)fs::remove(file);
    (void)fs::remove(folder);
  });
  for (StringRef file : {StringRef(input), StringRef(output), StringRef(log)})
    llvm::sys::RemoveFileOnSignal(file);
  if (failed(writeFile(input, object, error)))
    return failure();

  StringRef clang = DEJAVU_CLANG;
  std::string search = (StringRef("-L") + DEJAVU_OPENMP_DIR).str();
  std::string rpath = (StringRef("-Wl,-rpath,") + DEJAVU_OPENMP_DIR).str();
  SmallVector<StringRef> arguments{
      clang,   "-fuse-ld=lld",      "-o",     output, input, main,
      runtime, "-Wl,--gc-sections", "-Wl,-O1"};
  if (forCPU)
    arguments.append({search, rpath, "-Wl,--no-as-needed", "-lomp",
                      "-Wl,--as-needed", DEJAVU_ONEDNN});
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(log),
                                          StringRef(log)};
  std::string message;
  int code = llvm::sys::ExecuteAndWait(clang, arguments, std::nullopt,
                                       redirects, 0, 0, &message);
  if (code != 0) {
    auto text = llvm::MemoryBuffer::getFile(log);
    StringRef first =
        text ? (*text)->getBuffer().split('\n').first : StringRef(message);
    error = (clang + ": linking failed: " + (first.empty() ? message : first))
                .str();
    return failure();
  }
  auto bytes = llvm::MemoryBuffer::getFile(output, /*IsText=*/false,
                                           /*RequiresNullTerminator=*/false);
  if (!bytes) {
    error = output + ": " + bytes.getError().message();
    return failure();
  }
  return (*bytes)->getBuffer().str();
}
