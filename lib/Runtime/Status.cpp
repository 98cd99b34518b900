//===- Status.cpp - error values with a message ---------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Status.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

using namespace dejavu::rt;

static std::string formatList(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = std::vsnprintf(nullptr, 0, format, args);
  std::string text(length > 0 ? length : 0, '\0');
  if (length > 0)
    std::vsnprintf(text.data(), text.size() + 1, format, again);
  va_end(again);
  return text;
}

std::string dejavu::rt::formatString(const char *format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = formatList(format, args);
  va_end(args);
  return text;
}

Status dejavu::rt::makeError(const char *format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = formatList(format, args);
  va_end(args);
  return Status::error(std::move(text));
}

Status dejavu::rt::errnoError(const std::string &what) {
  return Status::error(what + ": " + std::strerror(errno));
}

const std::string &Status::message() const {
  static const std::string none;
  return text ? *text : none;
}

Status Status::withPrefix(const std::string &prefix) const {
  return text ? error(prefix + ": " + *text) : success();
}
