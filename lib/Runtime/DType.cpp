//===- DType.cpp - element types of files ---------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DType.h"

#include "Checked.h"

using namespace dejavu::rt;

namespace {
struct Entry {
  DType type;
  const char *name;
  int64_t size;
};
} // namespace

/// In the order of the enum.
static constexpr Entry kTypes[] = {
    {DType::BOOL, "BOOL", 1},       {DType::U8, "U8", 1},
    {DType::I8, "I8", 1},           {DType::F8_E5M2, "F8_E5M2", 1},
    {DType::F8_E4M3, "F8_E4M3", 1}, {DType::U16, "U16", 2},
    {DType::I16, "I16", 2},         {DType::F16, "F16", 2},
    {DType::BF16, "BF16", 2},       {DType::U32, "U32", 4},
    {DType::I32, "I32", 4},         {DType::F32, "F32", 4},
    {DType::U64, "U64", 8},         {DType::I64, "I64", 8},
    {DType::F64, "F64", 8},
};

int64_t dejavu::rt::sizeOf(DType type) {
  return kTypes[static_cast<size_t>(type)].size;
}

const char *dejavu::rt::nameOf(DType type) {
  return kTypes[static_cast<size_t>(type)].name;
}

std::optional<DType> dejavu::rt::parseDType(std::string_view name) {
  for (const Entry &entry : kTypes)
    if (name == entry.name)
      return entry.type;
  return std::nullopt;
}

std::optional<uint64_t> dejavu::rt::byteSize(DType type, const Shape &shape) {
  std::optional<uint64_t> elements = checkedProduct(shape);
  uint64_t bytes;
  if (!elements || __builtin_mul_overflow(
                       *elements, static_cast<uint64_t>(sizeOf(type)), &bytes))
    return std::nullopt;
  return bytes;
}

std::string dejavu::rt::toString(const Shape &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::string dejavu::rt::toString(DType type, const Shape &shape) {
  return std::string(nameOf(type)) + " " + toString(shape);
}
