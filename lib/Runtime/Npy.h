//===- Npy.h - NumPy array files --------------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The .npy format, versions 1.0 to 3.0, little-endian: a magic number, a
// Python dictionary in text, the elements. The dictionary is parsed by hand,
// and only what NumPy writes is accepted.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_NPY_H
#define DEJAVU_LIB_RUNTIME_NPY_H

#include "DType.h"
#include "Status.h"

#include <span>
#include <string>
#include <vector>

namespace dejavu::rt {

struct NpyHeader {
  DType dtype = DType::F32;
  Shape shape;
  bool fortranOrder = false;
  uint64_t dataOffset = 0; ///< of the first element in the file
  uint64_t dataBytes = 0;  ///< that the elements take
};

/// Parses the header in the first bytes of a file. The elements need not be
/// among them.
ErrorOr<NpyHeader> parseNpyHeader(std::span<const uint8_t> bytes);

/// Bytes of a file's beginning that surely hold the header, if the file has
/// so many.
inline constexpr size_t kMaxNpyHeader = 1 << 17;

/// The header of a file in C order, up to the first element. Fails for types
/// that NumPy does not have (BF16).
ErrorOr<std::string> makeNpyHeader(DType dtype, const Shape &shape);

/// Reads a file of token ids: one dimension, uint16, uint32, int32 or int64.
/// Errors name the file.
ErrorOr<std::vector<int64_t>> readTokens(const std::string &path);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_NPY_H
