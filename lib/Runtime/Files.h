//===- Files.h - files read whole and written whole -------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `MappedFile` maps a file without copying it. `AtomicFile` writes to a
// temporary name in the same folder and renames it at the end, so that a
// failed command leaves the old file whole. `Buffer` is memory for what the
// runtime owns: page-aligned, zero, and touched only when used.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_FILES_H
#define DEJAVU_LIB_RUNTIME_FILES_H

#include "Status.h"

#include <cstdint>
#include <span>
#include <string>

namespace dejavu::rt {

/// A read-only mapping of a whole regular file.
class MappedFile {
public:
  /// The error names the file.
  static ErrorOr<MappedFile> open(const std::string &path);

  MappedFile(MappedFile &&other) noexcept { swap(other); }
  MappedFile &operator=(MappedFile &&other) noexcept {
    swap(other);
    return *this;
  }
  ~MappedFile();

  std::span<const uint8_t> bytes() const { return {data, size}; }

private:
  MappedFile() = default;
  void swap(MappedFile &other) {
    std::swap(data, other.data);
    std::swap(size, other.size);
  }

  const uint8_t *data = nullptr;
  size_t size = 0;
};

/// A file that comes into being, whole, with commit(). Something that is not
/// a regular file (a device, a pipe) is written directly.
class AtomicFile {
public:
  static ErrorOr<AtomicFile> create(const std::string &path);

  AtomicFile(AtomicFile &&other) noexcept { swap(other); }
  AtomicFile &operator=(AtomicFile &&other) noexcept {
    swap(other);
    return *this;
  }
  /// Removes the temporary file if there was no commit.
  ~AtomicFile();

  Status write(const void *data, size_t size);

  /// Closes the file and gives it its name.
  Status commit();

private:
  AtomicFile() = default;
  void swap(AtomicFile &other);

  std::string path;
  std::string temporary; ///< empty if `path` is written directly
  int descriptor = -1;
};

/// Writes `text` to `path` through an AtomicFile.
Status writeTextFile(const std::string &path, std::string_view text);

/// Zero-initialised memory, aligned to pages. Pages that nobody touches cost
/// nothing.
class Buffer {
public:
  Buffer() = default;
  /// `what` names the memory in the error.
  static ErrorOr<Buffer> allocate(uint64_t bytes, const char *what);

  Buffer(Buffer &&other) noexcept { swap(other); }
  Buffer &operator=(Buffer &&other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer();

  void *data() const { return memory; }
  uint64_t size() const { return bytes; }
  template <typename T>
  T *as() const {
    return static_cast<T *>(memory);
  }

private:
  void swap(Buffer &other) {
    std::swap(memory, other.memory);
    std::swap(bytes, other.bytes);
  }

  void *memory = nullptr;
  uint64_t bytes = 0;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_FILES_H
