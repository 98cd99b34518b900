//===- Safetensors.cpp - read and write safetensors files -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Safetensors.h"

#include "Checked.h"
#include "Json.h"

#include <algorithm>
#include <cinttypes>
#include <tuple>

using namespace dejavu::rt;

//===----------------------------------------------------------------------===//
// Reader
//===----------------------------------------------------------------------===//

namespace {
/// A tensor of the header before its bytes have been placed.
struct HeaderEntry {
  TensorView view;
  uint64_t begin = 0;
  uint64_t end = 0;
};
} // namespace

/// Reads `{"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}`.
static Status parseEntry(const Json &json, uint64_t dataSize,
                         HeaderEntry &entry) {
  if (!json.is_object())
    return Status::error("expected an object");
  for (const auto &[key, value] : json.items())
    if (key != "dtype" && key != "shape" && key != "data_offsets")
      return makeError("unknown key '%s'", key.c_str());

  auto dtype = json.find("dtype");
  if (dtype == json.end() || !dtype->is_string())
    return Status::error("expected a string 'dtype'");
  const auto &typeName = dtype->get_ref<const std::string &>();
  std::optional<DType> type = parseDType(typeName);
  if (!type)
    return makeError("unknown dtype '%s'", typeName.c_str());
  entry.view.dtype = *type;

  auto shape = json.find("shape");
  if (shape == json.end() || !shape->is_array())
    return Status::error("expected an array 'shape'");
  for (const Json &dim : *shape) {
    if (!dim.is_number_unsigned() || dim.get<uint64_t>() > INT64_MAX)
      return Status::error("a dimension is not a non-negative integer");
    entry.view.shape.push_back(dim.get<int64_t>());
  }

  auto offsets = json.find("data_offsets");
  if (offsets == json.end() || !offsets->is_array() || offsets->size() != 2 ||
      !(*offsets)[0].is_number_unsigned() ||
      !(*offsets)[1].is_number_unsigned())
    return Status::error("expected two non-negative integers 'data_offsets'");
  entry.begin = (*offsets)[0].get<uint64_t>();
  entry.end = (*offsets)[1].get<uint64_t>();
  if (entry.begin > entry.end || entry.end > dataSize)
    return makeError("data_offsets [%" PRIu64 ", %" PRIu64
                     "] lie outside the file's %" PRIu64 " bytes of data",
                     entry.begin, entry.end, dataSize);

  std::optional<uint64_t> bytes = byteSize(*type, entry.view.shape);
  if (!bytes || *bytes != entry.end - entry.begin)
    return makeError("%s does not fill its %" PRIu64 " bytes",
                     toString(*type, entry.view.shape).c_str(),
                     entry.end - entry.begin);
  entry.view.bytes = *bytes;
  return Status::success();
}

static Status parseMetadata(const Json &json, Metadata &metadata) {
  if (!json.is_object())
    return Status::error("__metadata__: expected an object");
  for (const auto &[key, value] : json.items()) {
    if (!value.is_string())
      return makeError("__metadata__: '%s' is not a string", key.c_str());
    metadata[key] = value.get<std::string>();
  }
  return Status::success();
}

Status SafetensorsFile::parse() {
  std::span<const uint8_t> bytes = file.bytes();
  if (bytes.size() < 8)
    return makeError("not a safetensors file: %zu bytes, expected at least 8",
                     bytes.size());
  uint64_t headerSize = 0;
  for (int i = 7; i >= 0; --i)
    headerSize = headerSize << 8 | bytes[i];
  if (headerSize > kMaxHeader)
    return makeError("header of %" PRIu64 " bytes, expected at most %" PRIu64,
                     headerSize, kMaxHeader);
  if (headerSize > bytes.size() - 8)
    return makeError("truncated: header of %" PRIu64
                     " bytes in a file of %zu bytes",
                     headerSize, bytes.size());
  header_bytes = bytes.subspan(8, headerSize);
  std::span<const uint8_t> data = bytes.subspan(8 + headerSize);
  if (headerSize == 0 || header_bytes[0] != '{')
    return Status::error("header: expected a JSON object");

  ErrorOr<Json> header = parseJson(
      {reinterpret_cast<const char *>(header_bytes.data()), headerSize});
  if (header.failed())
    return header.status().withPrefix("header");

  std::vector<HeaderEntry> entries;
  for (const auto &[name, json] : header->items()) {
    if (name == "__metadata__") {
      if (Status status = parseMetadata(json, meta); status.failed())
        return status;
      continue;
    }
    HeaderEntry &entry = entries.emplace_back();
    entry.view.name = name;
    if (Status status = parseEntry(json, data.size(), entry); status.failed())
      return status.withPrefix("tensor '" + name + "'");
  }

  std::sort(entries.begin(), entries.end(),
            [](const HeaderEntry &a, const HeaderEntry &b) {
              return std::tie(a.begin, a.end, a.view.name) <
                     std::tie(b.begin, b.end, b.view.name);
            });
  uint64_t expected = 0;
  for (HeaderEntry &entry : entries) {
    if (entry.begin != expected)
      return makeError("tensor '%s': begins at %" PRIu64 ", expected %" PRIu64
                       ": tensors must lie one behind the other",
                       entry.view.name.c_str(), entry.begin, expected);
    expected = entry.end;
    entry.view.data = data.data() + entry.begin;
    index.emplace(entry.view.name, views.size());
    views.push_back(std::move(entry.view));
  }
  if (expected != data.size())
    return makeError("%zu bytes of data, but the tensors end at %" PRIu64,
                     data.size(), expected);
  return Status::success();
}

ErrorOr<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  ErrorOr<MappedFile> mapped = MappedFile::open(path);
  if (mapped.failed())
    return mapped.status();
  SafetensorsFile file(std::move(*mapped));
  file.file_path = path;
  if (Status status = file.parse(); status.failed())
    return status.withPrefix(path);
  return file;
}

const TensorView *SafetensorsFile::find(const std::string &name) const {
  auto found = index.find(name);
  return found == index.end() ? nullptr : &views[found->second];
}

//===----------------------------------------------------------------------===//
// Writer
//===----------------------------------------------------------------------===//

Status dejavu::rt::writeSafetensors(const std::string &path,
                                    const std::vector<TensorView> &tensors,
                                    const Metadata &metadata) {
  Json header = Json::object();
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const TensorView &tensor : tensors) {
    if (byteSize(tensor.dtype, tensor.shape) != tensor.bytes)
      return makeError("%s: tensor '%s': %s does not take %" PRIu64 " bytes",
                       path.c_str(), tensor.name.c_str(),
                       toString(tensor.dtype, tensor.shape).c_str(),
                       tensor.bytes);
    if (header.contains(tensor.name))
      return makeError("%s: tensor '%s' would be written twice", path.c_str(),
                       tensor.name.c_str());
    header[tensor.name] = {{"dtype", nameOf(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.bytes}}};
    offset += tensor.bytes;
  }
  std::string text =
      header.dump(-1, ' ', false, Json::error_handler_t::replace);
  // Spaces are the padding that the format allows.
  text.resize((text.size() + 8 + 63) / 64 * 64 - 8, ' ');
  uint8_t length[8];
  for (int i = 0; i < 8; ++i)
    length[i] = static_cast<uint64_t>(text.size()) >> (8 * i);

  ErrorOr<AtomicFile> file = AtomicFile::create(path);
  if (file.failed())
    return file.status();
  if (Status status = file->write(length, sizeof(length)); status.failed())
    return status;
  if (Status status = file->write(text.data(), text.size()); status.failed())
    return status;
  for (const TensorView &tensor : tensors)
    if (Status status = file->write(tensor.data, tensor.bytes); status.failed())
      return status;
  return file->commit();
}
