//===- Weights.h - the packed weights of an executable ----------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weights lie in a safetensors file beside the executable and are mapped,
// never copied. An executable takes no weights but its own: the digest of the
// file's header, which holds a checksum of every tensor, is in its manifest.
//
// Synthetic weights have no file. A backend makes them (abi.h, dejavu_fill).
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_WEIGHTS_H
#define DEJAVU_LIB_RUNTIME_WEIGHTS_H

#include "Manifest.h"
#include "Safetensors.h"

#include <vector>

namespace dejavu::rt {

class Weights {
public:
  /// Opens `path` and checks its size, digest, names, types, shapes and
  /// alignment against the manifest. Errors name the file.
  static ErrorOr<Weights> open(const std::string &path,
                               const Manifest &manifest);
  /// What a manifest says of synthetic weights; their bytes are nowhere.
  static Weights describe(const Manifest &manifest);

  /// Whether the bytes have yet to be made.
  bool isSynthetic() const { return !file; }

  /// Reads all bytes and compares them with the checksums of the header.
  Status verify() const;

  /// In the order of the manifest.
  const std::vector<const void *> &pointers() const { return data; }
  /// Likewise.
  const std::vector<const TensorView *> &tensors() const { return views; }

private:
  Weights() = default;
  Weights(SafetensorsFile file) : file(std::move(file)) {}

  std::optional<SafetensorsFile> file;
  std::vector<TensorView> described; ///< without a file
  std::vector<const TensorView *> views;
  std::vector<const void *> data;
};

/// `OUT.safetensors` for the running executable OUT.
ErrorOr<std::string> defaultWeightsPath();

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_WEIGHTS_H
