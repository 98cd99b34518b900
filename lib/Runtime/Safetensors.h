//===- Safetensors.h - read and write safetensors files ---------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A safetensors file is eight bytes of header length (little-endian), a JSON
// header and the bytes of the tensors:
//
//   {"__metadata__": {"key": "text"},
//    "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
//
// The reader maps the file and trusts nothing in it: every size is checked
// against the file, and the tensors must tile the data without gap or overlap.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_SAFETENSORS_H
#define DEJAVU_LIB_RUNTIME_SAFETENSORS_H

#include "DType.h"
#include "Files.h"
#include "Status.h"

#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace dejavu::rt {

/// A tensor and where its bytes lie. The reader's point into the mapping, at
/// any alignment; the writer's into memory of the caller.
struct TensorView {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;
  const uint8_t *data = nullptr;
  uint64_t bytes = 0;
};

using Metadata = std::map<std::string, std::string>;

/// A mapped, checked safetensors file.
class SafetensorsFile {
public:
  /// The longest header that is read: the limit of the reference reader.
  static constexpr uint64_t kMaxHeader = 100'000'000;

  /// Errors name the file.
  static ErrorOr<SafetensorsFile> open(const std::string &path);

  const std::string &path() const { return file_path; }
  /// The JSON of the header, without the length in front.
  std::span<const uint8_t> header() const { return header_bytes; }
  uint64_t fileSize() const { return file.bytes().size(); }
  const Metadata &metadata() const { return meta; }
  /// In the order of their bytes in the file.
  const std::vector<TensorView> &tensors() const { return views; }
  /// Null if there is no such tensor.
  const TensorView *find(const std::string &name) const;

private:
  explicit SafetensorsFile(MappedFile file) : file(std::move(file)) {}
  Status parse();

  MappedFile file;
  std::string file_path;
  std::span<const uint8_t> header_bytes;
  Metadata meta;
  std::vector<TensorView> views;
  std::unordered_map<std::string, size_t> index;
};

/// Writes the tensors in the given order, through a temporary name. The data
/// begins at a multiple of 64 bytes.
Status writeSafetensors(const std::string &path,
                        const std::vector<TensorView> &tensors,
                        const Metadata &metadata = {});

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_SAFETENSORS_H
