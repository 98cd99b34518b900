//===- Status.h - error values with a message -------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime reports errors by value: `Status` is success or a message,
// `ErrorOr<T>` a value or a message. A message is one line in lower case
// without a full stop; whoever prints it puts `error: ` in front.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_STATUS_H
#define DEJAVU_LIB_RUNTIME_STATUS_H

#include <optional>
#include <string>
#include <utility>

namespace dejavu::rt {

/// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string formatString(const char *format, ...);

/// Success, or an error with a message.
class [[nodiscard]] Status {
public:
  static Status success() { return Status(); }
  static Status error(std::string message) {
    Status status;
    status.text = std::move(message);
    return status;
  }

  bool failed() const { return text.has_value(); }
  bool succeeded() const { return !failed(); }

  /// The message of an error; empty for success.
  const std::string &message() const;

  /// The same error with `prefix: ` in front, or success.
  Status withPrefix(const std::string &prefix) const;

private:
  std::optional<std::string> text;
};

/// An error from a printf format.
[[gnu::format(printf, 1, 2)]] Status makeError(const char *format, ...);

/// An error that ends in what errno says: `what: No such file or directory`.
Status errnoError(const std::string &what);

/// A value, or an error with a message.
template <typename T>
class [[nodiscard]] ErrorOr {
public:
  ErrorOr(Status status) : error(std::move(status)) {}
  ErrorOr(T value) : value(std::move(value)) {}

  bool failed() const { return !value.has_value(); }
  bool succeeded() const { return value.has_value(); }
  const Status &status() const { return error; }
  const std::string &message() const { return error.message(); }

  T &operator*() { return *value; }
  const T &operator*() const { return *value; }
  T *operator->() { return &*value; }
  const T *operator->() const { return &*value; }

private:
  Status error;
  std::optional<T> value;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_STATUS_H
