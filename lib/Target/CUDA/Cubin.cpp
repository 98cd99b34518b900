//===- Cubin.cpp - from PTX to the code of a GPU --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Target/CUDA/Cubin.h"

#include "JitLink.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Regex.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::dejavu;

/// A log of the library, by the two functions that get it.
static std::string readLog(JitLink::Handle handle,
                           int (*getSize)(JitLink::Handle, size_t *),
                           int (*getText)(JitLink::Handle, char *)) {
  size_t size = 0;
  if (getSize(handle, &size) || size == 0)
    return "";
  std::string text(size, '\0');
  if (getText(handle, text.data()))
    return "";
  return text.c_str(); // up to the zero
}

/// The first line of a log that speaks of an error, or else the first line.
static StringRef findError(StringRef log) {
  SmallVector<StringRef> lines;
  log.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef line : lines)
    if (line.contains_insensitive("error"))
      return line.trim();
  return lines.empty() ? StringRef("no reason given") : lines.front().trim();
}

/// The number in front of `unit`, or 0.
static int64_t findNumber(StringRef line, StringRef unit) {
  SmallVector<StringRef> groups;
  int64_t value = 0;
  if (llvm::Regex(("([0-9]+) " + unit).str()).match(line, &groups))
    groups[1].getAsInteger(10, value);
  return value;
}

/// Reads what the assembler says about each kernel:
///
///   ptxas info    : Compiling entry function 'add' for 'sm_90'
///   ptxas info    : Function properties for add
///   ptxas         .     0 bytes stack frame, 0 bytes spill stores, ...
///   ptxas info    : Used 16 registers, used 1 barriers, 384 bytes smem
///
/// The linker says the same again, for all functions, with shared memory that
/// the system takes for itself. Spilled registers lie in the stack frame as a
/// rule, but the frame is not always said to hold them: the larger number
/// counts.
static llvm::StringMap<KernelResources> parseResources(StringRef log) {
  llvm::StringMap<KernelResources> resources;
  KernelResources *current = nullptr;
  llvm::Regex entry("Compiling entry function '([^']+)'");
  SmallVector<StringRef> lines, groups;
  log.split(lines, '\n');
  for (StringRef line : lines) {
    if (!line.starts_with("ptxas"))
      continue;
    if (entry.match(line, &groups)) {
      current = &resources[groups[1]];
    } else if (current && line.contains("bytes stack frame")) {
      current->localBytes = std::max(findNumber(line, "bytes stack frame"),
                                     findNumber(line, "bytes spill stores"));
    } else if (current && line.contains(" registers")) {
      current->registers = findNumber(line, "registers");
      current->sharedStatic = findNumber(line, "bytes smem");
    }
  }
  return resources;
}

FailureOr<Cubin> dejavu::assembleCubin(StringRef ptx, StringRef chip,
                                       StringRef tool, std::string &error) {
  const JitLink *library = JitLink::get(tool, error);
  if (!library)
    return failure();
  std::string architecture = ("-arch=" + chip).str();
  const char *options[] = {architecture.c_str(), "-verbose", "-O3"};
  JitLink::Handle handle = nullptr;
  int code = library->create(&handle, std::size(options), options);
  llvm::scope_exit cleanUp([&] {
    if (handle)
      library->destroy(&handle);
  });
  // The library wants the zero behind the text.
  std::string text = ptx.str();
  if (!code)
    code = library->addData(handle, JitLink::ptx, text.c_str(), text.size() + 1,
                            "kernels.ptx");
  if (!code)
    code = library->complete(handle);
  Cubin cubin;
  size_t size = 0;
  if (!code)
    code = library->getCubinSize(handle, &size);
  if (!code) {
    cubin.bytes.resize(size);
    code = library->getCubin(handle, cubin.bytes.data());
  }
  if (code) {
    std::string log =
        handle ? readLog(handle, library->getErrorLogSize, library->getErrorLog)
               : std::string();
    error = ("nvJitLink cannot make code for " + chip + " (error " +
             Twine(code) + "): " + findError(log))
                .str();
    return failure();
  }
  cubin.resources = parseResources(
      readLog(handle, library->getInfoLogSize, library->getInfoLog));
  return cubin;
}
