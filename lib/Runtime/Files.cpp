//===- Files.cpp - files read whole and written whole ---------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Files.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace dejavu::rt;

//===----------------------------------------------------------------------===//
// MappedFile
//===----------------------------------------------------------------------===//

ErrorOr<MappedFile> MappedFile::open(const std::string &path) {
  // Without O_NONBLOCK, opening a FIFO waits for a writer.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return errnoError(path);
  struct stat info;
  if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(descriptor);
    return makeError("%s: not a regular file", path.c_str());
  }
  MappedFile file;
  if (info.st_size > 0) {
    void *memory = ::mmap(nullptr, info.st_size, PROT_READ, MAP_PRIVATE,
                          descriptor, /*offset=*/0);
    if (memory == MAP_FAILED) {
      Status status = errnoError(path);
      ::close(descriptor);
      return status;
    }
    file.data = static_cast<const uint8_t *>(memory);
    file.size = info.st_size;
  }
  ::close(descriptor);
  return file;
}

MappedFile::~MappedFile() {
  if (data)
    ::munmap(const_cast<uint8_t *>(data), size);
}

//===----------------------------------------------------------------------===//
// AtomicFile
//===----------------------------------------------------------------------===//

ErrorOr<AtomicFile> AtomicFile::create(const std::string &path) {
  AtomicFile file;
  file.path = path;
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode))
      return makeError("%s: is a folder", path.c_str());
    if (!S_ISREG(info.st_mode)) {
      // Renaming over a device would replace the device.
      file.descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (file.descriptor < 0)
        return errnoError(path);
      return file;
    }
    // A link stays a link: its target is what is replaced.
    if (char *resolved = ::realpath(path.c_str(), nullptr)) {
      file.path = resolved;
      std::free(resolved);
    }
  }
  file.temporary = file.path + ".tmp." + std::to_string(::getpid());
  // What a run of the same number left behind is removed, not followed.
  ::unlink(file.temporary.c_str());
  file.descriptor =
      ::open(file.temporary.c_str(),
             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (file.descriptor < 0) {
    file.temporary.clear();
    return errnoError(path);
  }
  return file;
}

void AtomicFile::swap(AtomicFile &other) {
  std::swap(path, other.path);
  std::swap(temporary, other.temporary);
  std::swap(descriptor, other.descriptor);
}

AtomicFile::~AtomicFile() {
  if (descriptor >= 0)
    ::close(descriptor);
  if (!temporary.empty())
    ::unlink(temporary.c_str());
}

Status AtomicFile::write(const void *data, size_t size) {
  const char *at = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t written = ::write(descriptor, at, size);
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return errnoError(path);
    }
    at += written;
    size -= written;
  }
  return Status::success();
}

Status AtomicFile::commit() {
  int closed = ::close(descriptor);
  descriptor = -1;
  if (closed != 0)
    return errnoError(path);
  if (!temporary.empty()) {
    if (::rename(temporary.c_str(), path.c_str()) != 0)
      return errnoError(path);
    temporary.clear();
  }
  return Status::success();
}

Status dejavu::rt::writeTextFile(const std::string &path,
                                 std::string_view text) {
  ErrorOr<AtomicFile> file = AtomicFile::create(path);
  if (file.failed())
    return file.status();
  if (Status status = file->write(text.data(), text.size()); status.failed())
    return status;
  return file->commit();
}

//===----------------------------------------------------------------------===//
// Buffer
//===----------------------------------------------------------------------===//

ErrorOr<Buffer> Buffer::allocate(uint64_t bytes, const char *what) {
  Buffer buffer;
  if (bytes == 0)
    return buffer;
  void *memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return makeError("no memory for the %s: %llu bytes wanted", what,
                     static_cast<unsigned long long>(bytes));
  buffer.memory = memory;
  buffer.bytes = bytes;
  return buffer;
}

Buffer::~Buffer() {
  if (memory)
    ::munmap(memory, bytes);
}
