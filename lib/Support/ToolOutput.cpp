//===- ToolOutput.cpp - what the command-line tools share -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Support/ToolOutput.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Signals.h"

#include <algorithm>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::dejavu;

StringRef mlir::dejavu::getVersion() { return DEJAVU_VERSION; }

/// The first line of `text`.
static StringRef firstLine(StringRef text) {
  return text.take_until([](char c) { return c == '\n'; }).rtrim();
}

int mlir::dejavu::reportError(const Twine &message) {
  std::string text = message.str();
  llvm::errs() << "error: " << firstLine(text) << '\n';
  return 1;
}

//===----------------------------------------------------------------------===//
// The command line
//===----------------------------------------------------------------------===//

namespace {
/// While it lives, what is written to stderr goes to memory: options of
/// llvm::cl report some errors there, whatever stream they are given.
class StderrCapture {
public:
  StderrCapture() : original(dup(STDERR_FILENO)) {
    memory = memfd_create("dejavu-usage", MFD_CLOEXEC);
    if (original >= 0 && memory >= 0)
      (void)dup2(memory, STDERR_FILENO);
  }
  ~StderrCapture() { (void)finish(); }

  /// Ends the capture. Returns what was written, as far as it is a message.
  std::string finish() {
    if (original >= 0)
      (void)dup2(original, STDERR_FILENO);
    char text[1024];
    ssize_t length =
        memory >= 0 ? pread(memory, text, sizeof(text), /*offset=*/0) : 0;
    for (int *descriptor : {&original, &memory}) {
      if (*descriptor >= 0)
        (void)close(*descriptor);
      *descriptor = -1;
    }
    return std::string(text, std::max<ssize_t>(length, 0));
  }

private:
  int original, memory = -1;
};
} // namespace

LogicalResult mlir::dejavu::parseCommandLine(int argc, char **argv,
                                             llvm::cl::OptionCategory &category,
                                             StringRef overview) {
  StringRef tool = argc > 0 ? StringRef(argv[0]) : "";
  tool = tool.substr(tool.rfind('/') + 1);
  llvm::cl::HideUnrelatedOptions(category);
  llvm::cl::SetVersionPrinter([name = tool.str()](llvm::raw_ostream &os) {
    os << name << ' ' << getVersion() << '\n';
  });
  std::string text;
  llvm::raw_string_ostream os(text);
  {
    StderrCapture capture;
    if (llvm::cl::ParseCommandLineOptions(argc, argv, overview, &os))
      return success();
    text += capture.finish();
  }
  // The text begins with the tool's name, as it was called or without folder.
  StringRef line = firstLine(text);
  if ((argc > 0 && line.consume_front(argv[0])) || line.consume_front(tool))
    line = line.ltrim(": ");
  (void)reportError(line);
  return failure();
}

//===----------------------------------------------------------------------===//
// Diagnostics
//===----------------------------------------------------------------------===//

ToolDiagnosticHandler::ToolDiagnosticHandler(MLIRContext *context,
                                             StringRef file,
                                             llvm::raw_ostream &os)
    : ScopedDiagnosticHandler(context), file(file), os(os) {
  setHandler([this](Diagnostic &diagnostic) {
    print(diagnostic);
    return success();
  });
}

static StringRef severityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  return "error";
}

/// `text` on one line, without control characters.
static std::string oneLine(StringRef text) {
  std::string result = firstLine(text).str();
  for (char &c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      c = ' ';
  return result;
}

/// What `location` says, as the start of a message.
static std::string describeLocation(Location location, StringRef file) {
  std::string where = file.str(), node;
  location->walk([&](Location part) {
    if (auto name = dyn_cast<NameLoc>(part)) {
      if (node.empty())
        node = "node '" + oneLine(name.getName()) + "': ";
    } else if (auto place = dyn_cast<FileLineColLoc>(part)) {
      where = place.getFilename().str();
      if (place.getLine() != 0)
        where += ":" + std::to_string(place.getLine()) + ":" +
                 std::to_string(place.getColumn());
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return (where.empty() ? "" : oneLine(where) + ": ") + node;
}

void ToolDiagnosticHandler::print(Diagnostic &diagnostic) {
  os << severityName(diagnostic.getSeverity()) << ": "
     << describeLocation(diagnostic.getLocation(), file)
     << oneLine(diagnostic.str()) << '\n';
  // Notes that print a whole op are for compiler engineers, who use dejavu-opt.
  for (Diagnostic &note : diagnostic.getNotes()) {
    std::string text = note.str();
    if (!StringRef(text).starts_with("see current operation"))
      os << "note: " << oneLine(text) << '\n';
  }
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

std::unique_ptr<OutputFile>
OutputFile::create(StringRef path, std::string &error, bool executable) {
  namespace fs = llvm::sys::fs;
  std::unique_ptr<OutputFile> result(new OutputFile());
  result->path = path.str();
  if (path == "-") {
    result->stream = &llvm::outs();
    return result;
  }
  if (path.empty()) {
    error = "expected the name of an output file, found an empty name";
    return nullptr;
  }
  fs::file_status status;
  bool exists = !fs::status(path, status);
  if (exists && fs::is_directory(status)) {
    error =
        (path + ": expected the name of an output file, found a folder").str();
    return nullptr;
  }
  std::error_code code;
  if (exists && !fs::is_regular_file(status)) {
    result->file = std::make_unique<llvm::raw_fd_ostream>(
        path, code, fs::CD_OpenExisting, fs::FA_Write, fs::OF_None);
  } else {
    // Through a link to the file itself, so that the link stays.
    SmallString<128> target(path), temporary;
    if (exists)
      (void)fs::real_path(path, target);
    result->path = std::string(target);
    int descriptor = -1;
    unsigned mode = executable ? fs::all_all : fs::all_read | fs::all_write;
    code = fs::createUniqueFile(target + ".%%%%%%.tmp", descriptor, temporary,
                                fs::OF_None, mode);
    if (!code) {
      result->temporary = std::string(temporary);
      llvm::sys::RemoveFileOnSignal(temporary);
      result->file = std::make_unique<llvm::raw_fd_ostream>(
          descriptor, /*shouldClose=*/true);
    }
  }
  if (code) {
    error = (path + ": cannot be written: " + code.message()).str();
    // A stream that has failed must not be destroyed before it is told that
    // this is known.
    if (result->file)
      result->file->clear_error();
    return nullptr;
  }
  result->stream = result->file.get();
  return result;
}

OutputFile::~OutputFile() {
  if (stream && stream->has_error())
    stream->clear_error();
  if (file) {
    file->close();
    file->clear_error();
  }
  if (!temporary.empty()) {
    (void)llvm::sys::fs::remove(temporary);
    llvm::sys::DontRemoveFileOnSignal(temporary);
  }
}

LogicalResult OutputFile::commit(std::string &error) {
  stream->flush();
  // A full disk may show when the file is closed.
  if (file && !file->has_error())
    file->close();
  if (stream->has_error()) {
    error = (file ? path : "stdout") +
            ": cannot be written: " + stream->error().message();
    stream->clear_error();
    return failure();
  }
  if (temporary.empty())
    return success();
  if (std::error_code code = llvm::sys::fs::rename(temporary, path)) {
    error = path + ": cannot be written: " + code.message();
    return failure();
  }
  llvm::sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
  return success();
}
