//===- ModelFile.h - finds and maps files ---------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_MODELFILE_H
#define DEJAVU_LIB_IMPORT_ONNX_MODELFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"

#include <cstdint>
#include <memory>
#include <string>

namespace mlir::dejavu::onnximport {

/// A regular file that is open for reading. Opening never waits: what is not a
/// regular file (a pipe, a device, a folder) is refused.
class InputFile {
public:
  ~InputFile();
  InputFile(const InputFile &) = delete;
  InputFile &operator=(const InputFile &) = delete;

  /// Opens `path`. Null, with a message in `error`, if that fails.
  static std::unique_ptr<InputFile> open(const std::string &path,
                                         std::string &error);

  uint64_t getSize() const { return size; }

  /// How many names the file has in its file system.
  uint64_t getLinks() const { return links; }

  /// Maps the whole file, or fails with a message in `error`.
  llvm::LogicalResult map(std::string &error);

  /// The bytes of a file that is mapped.
  llvm::ArrayRef<uint8_t> getBytes() const {
    return {static_cast<const uint8_t *>(mapping), size};
  }

  /// Reads `length` bytes at `offset`, which lie within the file.
  llvm::LogicalResult read(uint64_t offset, llvm::MutableArrayRef<char> into,
                           std::string &error) const;

private:
  InputFile(int descriptor, uint64_t size, uint64_t links)
      : descriptor(descriptor), size(size), links(links) {}

  int descriptor;
  uint64_t size, links;
  void *mapping = nullptr;
};

/// Says what a file that is no ONNX model seems to be, from its first bytes.
/// Empty if it may be a model.
std::string recognizeOtherFormat(llvm::ArrayRef<uint8_t> bytes);

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_MODELFILE_H
