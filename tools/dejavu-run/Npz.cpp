//===- Npz.cpp - NumPy archives -------------------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Npz.h"

#include "Files.h"
#include "Npy.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <memory>
#include <set>
#include <zip.h>

using namespace dejavu::rt;
using namespace dejavu::run;

namespace {
/// libzip's error of a failed zip_open and the like.
class ZipError {
public:
  ZipError() { zip_error_init(&error); }
  ~ZipError() { zip_error_fini(&error); }
  ZipError(const ZipError &) = delete;
  zip_error_t *operator&() { return &error; }
  Status status(const std::string &path) {
    return Status::error(path + ": " + zip_error_strerror(&error));
  }

private:
  zip_error_t error;
};

/// An archive that is closed without being written.
struct Discard {
  void operator()(zip_t *archive) const { zip_discard(archive); }
};
struct CloseMember {
  void operator()(zip_file_t *member) const { zip_fclose(member); }
};
struct FreeSource {
  void operator()(zip_source_t *source) const { zip_source_free(source); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using Member = std::unique_ptr<zip_file_t, CloseMember>;
using Source = std::unique_ptr<zip_source_t, FreeSource>;
} // namespace

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Turns column-major elements into row-major ones.
static std::vector<uint8_t> toRowMajor(const std::vector<uint8_t> &from,
                                       const Shape &shape, size_t width) {
  std::vector<uint8_t> to(from.size());
  std::vector<size_t> strides(shape.size());
  size_t stride = 1;
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    strides[dim] = stride;
    stride *= shape[dim];
  }
  std::vector<int64_t> index(shape.size(), 0);
  for (size_t at = 0; at < to.size(); at += width) {
    size_t source = 0;
    for (size_t dim = 0; dim < shape.size(); ++dim)
      source += index[dim] * strides[dim];
    std::memcpy(&to[at], &from[source * width], width);
    for (size_t dim = shape.size(); dim-- > 0;) {
      if (++index[dim] < shape[dim])
        break;
      index[dim] = 0;
    }
  }
  return to;
}

/// Reads the bytes of a member. They are taken piece by piece: the size that
/// the archive states may be a lie.
static Status readMember(zip_t *archive, zip_uint64_t index, uint64_t size,
                         std::vector<uint8_t> &bytes) {
  static constexpr size_t kPiece = 1 << 20;
  Member member(zip_fopen_index(archive, index, /*flags=*/0));
  if (!member)
    return Status::error(zip_strerror(archive));
  std::vector<uint8_t> piece(kPiece);
  while (true) {
    zip_int64_t count = zip_fread(member.get(), piece.data(), kPiece);
    if (count < 0)
      return Status::error(zip_file_strerror(member.get()));
    if (count == 0)
      break;
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + count);
    if (bytes.size() > size)
      break;
  }
  if (bytes.size() != size)
    return makeError("expected %" PRIu64 " bytes", size);
  return Status::success();
}

static Status readArray(zip_t *archive, zip_uint64_t index, uint64_t size,
                        Array &array) {
  std::vector<uint8_t> bytes;
  if (Status status = readMember(archive, index, size, bytes); status.failed())
    return status;
  ErrorOr<NpyHeader> header = parseNpyHeader(bytes);
  if (header.failed())
    return header.status();
  if (header->dataBytes != bytes.size() - header->dataOffset)
    return makeError("%s takes %" PRIu64 " bytes, found %" PRIu64,
                     toString(header->dtype, header->shape).c_str(),
                     header->dataBytes, bytes.size() - header->dataOffset);
  array.dtype = header->dtype;
  array.shape = header->shape;
  array.data.assign(bytes.begin() + header->dataOffset, bytes.end());
  if (header->fortranOrder)
    array.data = toRowMajor(array.data, array.shape, sizeOf(array.dtype));
  return Status::success();
}

ErrorOr<std::vector<Array>> dejavu::run::readNpz(const std::string &path) {
  int code = 0;
  Archive archive(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  if (!archive) {
    ZipError error;
    zip_error_init_with_code(&error, code);
    return error.status(path);
  }
  std::vector<Array> arrays;
  std::set<std::string> names;
  zip_int64_t count = zip_get_num_entries(archive.get(), /*flags=*/0);
  for (zip_int64_t index = 0; index < count; ++index) {
    zip_stat_t info;
    if (zip_stat_index(archive.get(), index, /*flags=*/0, &info) != 0)
      return makeError("%s: %s", path.c_str(), zip_strerror(archive.get()));
    static constexpr uint64_t kWanted = ZIP_STAT_NAME | ZIP_STAT_SIZE;
    if ((info.valid & kWanted) != kWanted)
      return makeError("%s: a member without name or size", path.c_str());
    Array &array = arrays.emplace_back();
    array.name = info.name;
    std::string where = path + ": '" + array.name + "'";
    static constexpr std::string_view kSuffix = ".npy";
    if (array.name.size() <= kSuffix.size() ||
        array.name.substr(array.name.size() - kSuffix.size()) != kSuffix)
      return makeError("%s: expected a name that ends in .npy", where.c_str());
    array.name.resize(array.name.size() - kSuffix.size());
    if (!names.insert(array.name).second)
      return makeError("%s: appears twice", where.c_str());
    if (Status status = readArray(archive.get(), index, info.size, array);
        status.failed())
      return status.withPrefix(where);
  }
  return arrays;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// Adds a member to an archive, stored.
static Status addMember(zip_t *archive, const std::string &name,
                        const std::string &bytes) {
  // 1980-01-01, the zero of the format: equal results make equal files.
  static constexpr time_t kEpoch = 315532800;
  zip_source_t *source =
      zip_source_buffer(archive, bytes.data(), bytes.size(), /*freep=*/0);
  if (!source)
    return Status::error(zip_strerror(archive));
  zip_int64_t index =
      zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    return Status::error(zip_strerror(archive));
  }
  if (zip_set_file_compression(archive, index, ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_mtime(archive, index, kEpoch, /*flags=*/0) != 0)
    return Status::error(zip_strerror(archive));
  return Status::success();
}

Status dejavu::run::writeNpz(const std::string &path,
                             const std::vector<TensorView> &tensors) {
  // The archive is made in memory, so that writing it is one concern.
  ZipError error;
  Source buffer(zip_source_buffer_create(nullptr, 0, /*freep=*/1, &error));
  if (!buffer)
    return error.status(path);
  Archive archive(zip_open_from_source(buffer.get(), ZIP_TRUNCATE, &error));
  if (!archive)
    return error.status(path);
  zip_source_keep(buffer.get());
  std::vector<std::string> members(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorView &tensor = tensors[i];
    ErrorOr<std::string> header = makeNpyHeader(tensor.dtype, tensor.shape);
    if (header.failed())
      return header.status().withPrefix(path + ": '" + tensor.name + "'");
    members[i] = std::move(*header);
    members[i].append(reinterpret_cast<const char *>(tensor.data),
                      tensor.bytes);
    if (Status status =
            addMember(archive.get(), tensor.name + ".npy", members[i]);
        status.failed())
      return status.withPrefix(path);
  }
  zip_t *finished = archive.release();
  if (zip_close(finished) != 0) {
    archive.reset(finished);
    return makeError("%s: %s", path.c_str(), zip_strerror(finished));
  }

  ErrorOr<AtomicFile> file = AtomicFile::create(path);
  if (file.failed())
    return file.status();
  if (zip_source_open(buffer.get()) != 0)
    return makeError("%s: the archive in memory does not open", path.c_str());
  std::vector<uint8_t> piece(1 << 20);
  Status status = Status::success();
  zip_int64_t count = 0;
  while (status.succeeded() &&
         (count = zip_source_read(buffer.get(), piece.data(), piece.size())) >
             0)
    status = file->write(piece.data(), count);
  zip_source_close(buffer.get());
  if (status.failed())
    return status;
  if (count < 0)
    return makeError("%s: the archive in memory does not read", path.c_str());
  return file->commit();
}
