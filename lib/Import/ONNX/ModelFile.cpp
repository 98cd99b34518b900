//===- ModelFile.cpp - finds and maps files -------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelFile.h"

#include "dejavu/Import/ONNX/OnnxImporter.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::onnximport;

InputFile::~InputFile() {
  if (mapping)
    ::munmap(mapping, size);
  ::close(descriptor);
}

/// What a file of mode `mode`, which is not regular, is called.
static const char *describeMode(mode_t mode) {
  if (S_ISDIR(mode))
    return "a folder";
  if (S_ISFIFO(mode))
    return "a pipe";
  if (S_ISSOCK(mode))
    return "a socket";
  return "a device";
}

std::unique_ptr<InputFile> InputFile::open(const std::string &path,
                                           std::string &error) {
  // O_NONBLOCK: opening a pipe that nobody writes must not wait.
  int descriptor =
      ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) {
    error = std::string("cannot be opened: ") + std::strerror(errno);
    return nullptr;
  }
  struct stat status;
  if (::fstat(descriptor, &status) != 0) {
    error = std::string("cannot be examined: ") + std::strerror(errno);
    ::close(descriptor);
    return nullptr;
  }
  if (!S_ISREG(status.st_mode)) {
    error = std::string("expected a regular file, found ") +
            describeMode(status.st_mode);
    ::close(descriptor);
    return nullptr;
  }
  return std::unique_ptr<InputFile>(
      new InputFile(descriptor, status.st_size, status.st_nlink));
}

LogicalResult InputFile::map(std::string &error) {
  if (size == 0 || mapping)
    return success();
  void *address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address == MAP_FAILED) {
    error = std::string("cannot be mapped: ") + std::strerror(errno);
    return failure();
  }
  mapping = address;
  return success();
}

LogicalResult InputFile::read(uint64_t offset, MutableArrayRef<char> into,
                              std::string &error) const {
  while (!into.empty()) {
    ssize_t count = ::pread(descriptor, into.data(), into.size(), offset);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      error = count == 0
                  ? "ended while it was read"
                  : std::string("cannot be read: ") + std::strerror(errno);
      return failure();
    }
    offset += count;
    into = into.drop_front(count);
  }
  return success();
}

std::string
mlir::dejavu::onnximport::recognizeOtherFormat(ArrayRef<uint8_t> bytes) {
  StringRef text(reinterpret_cast<const char *>(bytes.data()),
                 std::min<size_t>(bytes.size(), 512));
  if (text.empty())
    return "the file is empty";
  if (text.starts_with("version https://git-lfs"))
    return "found a Git LFS pointer: fetch the file itself with 'git lfs pull'";
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06"))
    return "expected an ONNX model, found a zip archive";
  if (text.starts_with("\x1F\x8B"))
    return "expected an ONNX model, found gzip data";
  if (text.starts_with("GGUF"))
    return "expected an ONNX model, found a GGUF file";
  if (text.size() > 9 && text.substr(8, 2) == "{\"")
    return "expected an ONNX model, found a safetensors file";
  if (text.starts_with("\x7F"
                       "ELF"))
    return "expected an ONNX model, found an ELF file";
  // Some servers put a byte order mark before the page.
  StringRef trimmed = text;
  (void)trimmed.consume_front("\xEF\xBB\xBF");
  trimmed = trimmed.ltrim();
  if (trimmed.starts_with_insensitive("<!doctype") ||
      trimmed.starts_with_insensitive("<html") ||
      trimmed.starts_with_insensitive("<?xml"))
    return "expected an ONNX model, found an HTML or XML page";
  // A model begins with the tag of a field, most often 0x08.
  if (llvm::all_of(text,
                   [](char c) { return llvm::isPrint(c) || llvm::isSpace(c); }))
    return "expected an ONNX model, found text";
  return "";
}

FailureOr<std::string> mlir::dejavu::findOnnxModel(StringRef path,
                                                   std::string &error) {
  namespace fs = llvm::sys::fs;
  if (path.empty()) {
    error = "expected the path of a model, found an empty name";
    return failure();
  }
  fs::file_status status;
  if (std::error_code code = fs::status(path, status)) {
    error = "cannot be opened: " + code.message();
    return failure();
  }
  if (!fs::is_directory(status))
    return path.str();
  for (StringRef name : {"model.onnx", "onnx/model.onnx"}) {
    SmallString<128> candidate(path);
    llvm::sys::path::append(candidate, name);
    if (fs::exists(candidate))
      return std::string(candidate);
  }
  error = "expected model.onnx or onnx/model.onnx in the folder, found neither";
  return failure();
}
