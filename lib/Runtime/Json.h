//===- Json.h - JSON texts that are not trusted -----------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses JSON and refuses what plain parsers let pass: a key that appears
// twice in one object, and nesting without end.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_JSON_H
#define DEJAVU_LIB_RUNTIME_JSON_H

#include "Status.h"

#include <nlohmann/json.hpp>
#include <string_view>

namespace dejavu::rt {

using Json = nlohmann::json;

/// The error says what is wrong: `not valid JSON`, `duplicate key 'x'`.
ErrorOr<Json> parseJson(std::string_view text);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_JSON_H
