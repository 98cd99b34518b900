//===- Field.h - JSON values that know their path ---------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads a JSON document member by member, with errors that name the member:
// `layers[2].mlp.neurons: expected a positive integer`.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_FIELD_H
#define DEJAVU_LIB_RUNTIME_FIELD_H

#include "Json.h"

#include <string>
#include <vector>

namespace dejavu::rt {

/// A JSON value with its path, for messages. Getters record the first error
/// and return something harmless after it, so that parsing reads as a list.
class Field {
public:
  Field(const Json *json, std::string path, Status &problem)
      : json(json), path(std::move(path)), problem(problem) {}

  bool isNull() const { return !json || json->is_null(); }

  void fail(const std::string &what) const {
    if (problem.succeeded())
      problem = Status::error((path.empty() ? "" : path + ": ") + what);
  }

  /// A member; a field without a value if there is none.
  Field operator[](const char *key) const {
    std::string name = path.empty() ? key : path + "." + key;
    if (!json || !json->is_object()) {
      fail("expected an object");
      return Field(nullptr, name, problem);
    }
    auto found = json->find(key);
    return Field(found == json->end() ? nullptr : &*found, name, problem);
  }

  std::string string() const {
    if (json && json->is_string())
      return json->get<std::string>();
    fail("expected a string");
    return "";
  }
  std::string string(const char *otherwise) const {
    return isNull() ? otherwise : string();
  }

  /// An integer that is at least `min`. The upper bound leaves room for
  /// products with small factors.
  int64_t integer(int64_t min) const {
    static constexpr int64_t kMax = int64_t(1) << 53;
    if (json && json->is_number_integer()) {
      bool fits = !json->is_number_unsigned() ||
                  json->get<uint64_t>() <= static_cast<uint64_t>(kMax);
      if (fits && json->get<int64_t>() >= min)
        return json->get<int64_t>();
    }
    fail(min > 0    ? "expected a positive integer"
         : min == 0 ? "expected a non-negative integer"
                    : "expected an integer of at least " + std::to_string(min));
    return min;
  }

  bool boolean(bool otherwise) const {
    if (isNull())
      return otherwise;
    if (json->is_boolean())
      return json->get<bool>();
    fail("expected true or false");
    return otherwise;
  }

  /// Members by name.
  std::vector<std::pair<std::string, Field>> object() const {
    std::vector<std::pair<std::string, Field>> fields;
    if (!json || !json->is_object()) {
      fail("expected an object");
      return fields;
    }
    for (const auto &[key, value] : json->items())
      fields.emplace_back(key, Field(&value, path + "." + key, problem));
    return fields;
  }

  std::vector<Field> array() const {
    std::vector<Field> fields;
    if (!json || !json->is_array()) {
      fail("expected an array");
      return fields;
    }
    for (size_t i = 0; i < json->size(); ++i)
      fields.emplace_back(&(*json)[i], path + "[" + std::to_string(i) + "]",
                          problem);
    return fields;
  }
  std::vector<Field> optionalArray() const {
    return isNull() ? std::vector<Field>() : array();
  }

private:
  const Json *json;
  std::string path;
  Status &problem;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_FIELD_H
