//===- DType.h - element types of files -------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The element types that safetensors names, their sizes, and the spelling of
// tensor types in messages: `F32 [2, 8, 0, 32]`.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_DTYPE_H
#define DEJAVU_LIB_RUNTIME_DTYPE_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dejavu::rt {

enum class DType {
  BOOL,
  U8,
  I8,
  F8_E5M2,
  F8_E4M3,
  U16,
  I16,
  F16,
  BF16,
  U32,
  I32,
  F32,
  U64,
  I64,
  F64,
};

using Shape = std::vector<int64_t>;

/// Bytes of one element.
int64_t sizeOf(DType type);

/// The name that safetensors gives the type.
const char *nameOf(DType type);

std::optional<DType> parseDType(std::string_view name);

/// Bytes of a tensor, or nullopt if a dimension is negative or the size does
/// not fit 64 bits.
std::optional<uint64_t> byteSize(DType type, const Shape &shape);

/// `[2, 8, 0, 32]`
std::string toString(const Shape &shape);

/// `F32 [2, 8, 0, 32]`
std::string toString(DType type, const Shape &shape);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_DTYPE_H
