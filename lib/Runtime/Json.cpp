//===- Json.cpp - JSON texts that are not trusted -------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"

#include <unordered_set>

using namespace dejavu::rt;

/// No file of ours nests deeper than 5.
static constexpr int kMaxDepth = 32;

namespace {
/// Checks the events of the parser, which builds the document itself and lets
/// the last of equal keys win.
class EventChecker {
public:
  bool operator()(int depth, Json::parse_event_t event, Json &value) {
    using Event = Json::parse_event_t;
    if (problem.failed())
      return false;
    switch (event) {
    case Event::object_start:
      keys.emplace_back();
      [[fallthrough]];
    case Event::array_start:
      if (depth >= kMaxDepth)
        problem = makeError("JSON nested deeper than %d", kMaxDepth);
      break;
    case Event::object_end:
      keys.pop_back();
      break;
    case Event::key: {
      const auto &key = value.get_ref<const std::string &>();
      if (!keys.back().insert(key).second)
        problem = makeError("duplicate key '%s'", key.c_str());
      break;
    }
    case Event::array_end:
    case Event::value:
      break;
    }
    return problem.succeeded();
  }

  Status problem = Status::success();

private:
  std::vector<std::unordered_set<std::string>> keys;
};
} // namespace

ErrorOr<Json> dejavu::rt::parseJson(std::string_view text) {
  EventChecker checker;
  Json document = Json::parse(text.begin(), text.end(), std::ref(checker),
                              /*allow_exceptions=*/false);
  if (checker.problem.failed())
    return checker.problem;
  if (document.is_discarded())
    return Status::error("not valid JSON");
  return document;
}
