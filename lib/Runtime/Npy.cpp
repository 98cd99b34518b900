//===- Npy.cpp - NumPy array files ----------------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Npy.h"

#include "Files.h"

#include <cinttypes>
#include <cstring>

using namespace dejavu::rt;

namespace {
struct Descr {
  std::string_view text;
  DType type;
};

/// A cursor over the Python dictionary.
class DictParser {
public:
  explicit DictParser(std::string_view text) : text(text) {}

  bool parse(NpyHeader &header, std::string &problem) {
    bool hasDescr = false, hasOrder = false, hasShape = false;
    if (!eat('{'))
      return fail(problem, "expected a dictionary");
    while (!eat('}')) {
      std::string_view key;
      if (!string(key) || !eat(':'))
        return fail(problem, "expected a key");
      if (key == "descr" && !hasDescr) {
        hasDescr = true;
        if (!descr(header, problem))
          return false;
      } else if (key == "fortran_order" && !hasOrder) {
        hasOrder = true;
        if (word("True"))
          header.fortranOrder = true;
        else if (!word("False"))
          return fail(problem, "fortran_order is neither True nor False");
      } else if (key == "shape" && !hasShape) {
        hasShape = true;
        if (!shape(header.shape))
          return fail(problem, "shape is not a tuple of sizes");
      } else {
        return fail(problem, "unknown or repeated key");
      }
      if (!eat(',') && !peek('}'))
        return fail(problem, "expected ',' or '}'");
    }
    skip();
    if (!text.empty() || !hasDescr || !hasOrder || !hasShape)
      return fail(problem, "expected the keys descr, fortran_order, shape");
    return true;
  }

private:
  static bool fail(std::string &problem, const char *what) {
    problem = what;
    return false;
  }
  void skip() {
    while (!text.empty() && (text[0] == ' ' || text[0] == '\n'))
      text.remove_prefix(1);
  }
  bool peek(char c) {
    skip();
    return !text.empty() && text[0] == c;
  }
  bool eat(char c) {
    if (!peek(c))
      return false;
    text.remove_prefix(1);
    return true;
  }
  bool word(std::string_view expected) {
    skip();
    if (text.substr(0, expected.size()) != expected)
      return false;
    text.remove_prefix(expected.size());
    return true;
  }
  bool string(std::string_view &value) {
    skip();
    if (text.empty() || (text[0] != '\'' && text[0] != '"'))
      return false;
    size_t end = text.find(text[0], 1);
    if (end == std::string_view::npos)
      return false;
    value = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    return true;
  }
  bool descr(NpyHeader &header, std::string &problem);
  bool shape(Shape &shape) {
    if (!eat('('))
      return false;
    while (!eat(')')) {
      skip();
      size_t digits = 0;
      int64_t size = 0;
      while (digits < text.size() && text[digits] >= '0' &&
             text[digits] <= '9') {
        if (__builtin_mul_overflow(size, 10, &size) ||
            __builtin_add_overflow(size, text[digits] - '0', &size))
          return false;
        ++digits;
      }
      if (digits == 0)
        return false;
      text.remove_prefix(digits);
      shape.push_back(size);
      if (!eat(',') && !peek(')'))
        return false;
    }
    return true;
  }

  std::string_view text;
};
} // namespace

static constexpr Descr kDescrs[] = {
    {"|b1", DType::BOOL}, {"|u1", DType::U8},  {"|i1", DType::I8},
    {"<u2", DType::U16},  {"<i2", DType::I16}, {"<f2", DType::F16},
    {"<u4", DType::U32},  {"<i4", DType::I32}, {"<f4", DType::F32},
    {"<u8", DType::U64},  {"<i8", DType::I64}, {"<f8", DType::F64},
};

bool DictParser::descr(NpyHeader &header, std::string &problem) {
  std::string_view value;
  if (!string(value))
    return fail(problem, "descr is not a string");
  for (const Descr &descr : kDescrs) {
    if (value == descr.text) {
      header.dtype = descr.type;
      return true;
    }
  }
  problem = "elements of type '" + std::string(value) + "' are not supported";
  return false;
}

ErrorOr<NpyHeader> dejavu::rt::parseNpyHeader(std::span<const uint8_t> bytes) {
  static constexpr char kMagic[] = "\x93NUMPY";
  if (bytes.size() < 10 || std::memcmp(bytes.data(), kMagic, 6) != 0)
    return Status::error("not a .npy file");
  int major = bytes[6];
  size_t lengthBytes = major == 1 ? 2 : 4;
  if (major < 1 || major > 3)
    return makeError(".npy version %d is not supported", major);
  if (bytes.size() < 8 + lengthBytes)
    return Status::error("truncated .npy header");
  uint64_t length = 0;
  for (size_t i = lengthBytes; i-- > 0;)
    length = length << 8 | bytes[8 + i];
  uint64_t begin = 8 + lengthBytes;
  if (length > bytes.size() - begin)
    return Status::error("truncated .npy header");

  NpyHeader header;
  std::string problem;
  DictParser parser(
      {reinterpret_cast<const char *>(bytes.data()) + begin, length});
  if (!parser.parse(header, problem))
    return makeError(".npy header: %s", problem.c_str());
  std::optional<uint64_t> size = byteSize(header.dtype, header.shape);
  if (!size)
    return makeError(".npy header: %s is too large",
                     toString(header.shape).c_str());
  header.dataOffset = begin + length;
  header.dataBytes = *size;
  return header;
}

ErrorOr<std::string> dejavu::rt::makeNpyHeader(DType dtype,
                                               const Shape &shape) {
  for (const Descr &descr : kDescrs) {
    if (descr.type != dtype)
      continue;
    std::string dict = "{'descr': '" + std::string(descr.text) +
                       "', 'fortran_order': False, 'shape': (";
    for (int64_t size : shape)
      dict += std::to_string(size) + ", ";
    dict += "), }";
    // The elements begin at a multiple of 64; a newline ends the header.
    size_t total = (10 + dict.size() + 1 + 63) / 64 * 64;
    dict.resize(total - 10 - 1, ' ');
    dict += '\n';
    std::string text("\x93NUMPY\x01\x00", 8);
    text += static_cast<char>(dict.size() & 0xff);
    text += static_cast<char>(dict.size() >> 8);
    return text + dict;
  }
  return makeError("NumPy has no type %s", nameOf(dtype));
}

template <typename T>
static std::vector<int64_t> widen(const uint8_t *data, int64_t count) {
  std::vector<int64_t> values(count);
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, data + i * sizeof(T), sizeof(T));
    values[i] = value;
  }
  return values;
}

ErrorOr<std::vector<int64_t>> dejavu::rt::readTokens(const std::string &path) {
  ErrorOr<MappedFile> file = MappedFile::open(path);
  if (file.failed())
    return file.status();
  std::span<const uint8_t> bytes = file->bytes();
  ErrorOr<NpyHeader> header = parseNpyHeader(bytes);
  if (header.failed())
    return header.status().withPrefix(path);
  if (header->shape.size() != 1)
    return makeError("%s: expected one dimension, found %s", path.c_str(),
                     toString(header->shape).c_str());
  if (header->dataBytes != bytes.size() - header->dataOffset)
    return makeError("%s: expected %" PRIu64 " bytes of elements, found %zu",
                     path.c_str(), header->dataBytes,
                     bytes.size() - header->dataOffset);
  const uint8_t *data = bytes.data() + header->dataOffset;
  int64_t count = header->shape[0];
  switch (header->dtype) {
  case DType::U16:
    return widen<uint16_t>(data, count);
  case DType::U32:
    return widen<uint32_t>(data, count);
  case DType::I32:
    return widen<int32_t>(data, count);
  case DType::I64:
    return widen<int64_t>(data, count);
  default:
    return makeError("%s: expected token ids of type U16, U32, I32 or I64, "
                     "found %s",
                     path.c_str(), nameOf(header->dtype));
  }
}
