//===- InterfaceChecker.cpp - what a model says to its users --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters name the keys and values of past steps `past_key_values.3.key`,
// `past_3` or the like, and what the model returns for the next step
// `present.3.key`. Those who run a model pair them by name, so names that do
// not pair are an error here and not a wrong answer later on.
//
//===----------------------------------------------------------------------===//

#include "GraphChecker.h"
#include "Model.pb.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"

#include <map>
#include <tuple>

using namespace mlir;
using namespace mlir::dejavu::onnximport;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

LogicalResult mlir::dejavu::onnximport::checkName(StringRef name,
                                                  std::string &error,
                                                  size_t limit) {
  if (name.size() > limit) {
    error = "expected a name of at most " + std::to_string(limit) +
            " bytes, found " + std::to_string(name.size());
    return failure();
  }
  const auto *begin = reinterpret_cast<const llvm::UTF8 *>(name.data());
  if (!llvm::isLegalUTF8String(&begin, begin + name.size())) {
    error = "expected a name in UTF-8";
    return failure();
  }
  if (llvm::any_of(name,
                   [](unsigned char c) { return c < 0x20 || c == 0x7F; })) {
    error = "expected a name without control characters";
    return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Caches
//===----------------------------------------------------------------------===//

namespace {
/// A cache by name: which layer's, and what of it (`key`, `decoder.value`).
struct CacheName {
  bool isPast;
  uint64_t layer;
  std::string kind;
};
} // namespace

/// Takes a number from the start of `text`.
static std::optional<uint64_t> consumeNumber(StringRef &text) {
  uint64_t number;
  StringRef digits = text.take_while(llvm::isDigit);
  if (digits.empty() || digits.size() > 9 || digits.getAsInteger(10, number))
    return std::nullopt;
  text = text.drop_front(digits.size());
  return number;
}

/// What the name of an input or output says about a cache, if anything.
static std::optional<CacheName> parseCacheName(StringRef name) {
  struct Form {
    StringRef prefix;
    bool isPast;
  };
  static constexpr Form forms[] = {
      {"past_key_values.", true},
      {"present_key_values.", false},
      {"present.", false},
      {"input.past_key_values.layers.", true},
      {"output.past_key_values.layers.", false},
  };
  for (const Form &form : forms) {
    StringRef rest = name;
    if (!rest.consume_front(form.prefix))
      continue;
    std::optional<uint64_t> layer = consumeNumber(rest);
    if (!layer || !rest.consume_front("."))
      return std::nullopt;
    StringRef last = rest.rsplit('.').second;
    last = last.empty() ? rest : last;
    if (last != "key" && last != "value" && last != "keys" && last != "values")
      return std::nullopt;
    return CacheName{form.isPast, *layer, rest.str()};
  }
  for (StringRef prefix : {"past_", "present_"}) {
    StringRef rest = name;
    if (!rest.consume_front(prefix))
      continue;
    // Key and value in one tensor.
    if (std::optional<uint64_t> layer = consumeNumber(rest);
        layer && rest.empty())
      return CacheName{prefix == "past_", *layer, "key and value"};
  }
  return std::nullopt;
}

namespace {
class CacheChecker {
public:
  CacheChecker(const proto::GraphProto &graph, const Reporter &reporter)
      : graph(graph), reporter(reporter) {}

  LogicalResult check();

private:
  using Values =
      std::map<std::pair<uint64_t, std::string>, const proto::ValueInfoProto *>;

  LogicalResult add(const proto::ValueInfoProto &value, bool isInput);
  LogicalResult checkPair(const proto::ValueInfoProto &past,
                          const proto::ValueInfoProto &present) const;

  const proto::GraphProto &graph;
  const Reporter &reporter;
  Values pasts, presents;
};
} // namespace

LogicalResult CacheChecker::add(const proto::ValueInfoProto &value,
                                bool isInput) {
  std::optional<CacheName> name = parseCacheName(value.name());
  if (!name || name->isPast != isInput)
    return success();
  auto [place, isNew] = (isInput ? pasts : presents)
                            .try_emplace({name->layer, name->kind}, &value);
  if (isNew)
    return success();
  return reporter.error(Twine(isInput ? "graph input " : "graph output ") +
                        quoted(value.name()) + ": the " + name->kind +
                        " of layer " + Twine(name->layer) + " is " +
                        quoted(place->second->name()) + " already");
}

LogicalResult
CacheChecker::checkPair(const proto::ValueInfoProto &past,
                        const proto::ValueInfoProto &present) const {
  const auto &mine = past.type().tensor_type(),
             &other = present.type().tensor_type();
  auto fail = [&](const Twine &message) {
    return reporter.error("graph output " + quoted(present.name()) +
                          ": expected what " + quoted(past.name()) + " has, " +
                          message);
  };
  if (mine.elem_type() != other.elem_type())
    return fail("element type " + Twine(mine.elem_type()) + ", found " +
                Twine(other.elem_type()));
  if (!mine.has_shape() || !other.has_shape())
    return success();
  if (mine.shape().dim_size() != other.shape().dim_size())
    return fail("rank " + Twine(mine.shape().dim_size()) + ", found " +
                Twine(other.shape().dim_size()));
  // One dimension counts steps, and may grow from one number to another.
  unsigned different = 0;
  for (int i = 0; i < mine.shape().dim_size(); ++i) {
    const auto &a = mine.shape().dim(i), &b = other.shape().dim(i);
    if (!a.has_dim_value() || !b.has_dim_value() ||
        a.dim_value() == b.dim_value())
      continue;
    bool mayGrow = a.dim_value() < b.dim_value() && i != 0;
    // [batch, heads, steps, head_dim]: neither heads nor the last one grow.
    if (mine.shape().dim_size() == 4)
      mayGrow &= i == 2;
    if (++different > 1 || !mayGrow)
      return fail("dimension " + Twine(i) + " of " + Twine(a.dim_value()) +
                  ", found " + Twine(b.dim_value()));
  }
  return success();
}

LogicalResult CacheChecker::check() {
  bool hasOtherStates = false;
  for (const proto::ValueInfoProto &input : graph.input()) {
    StringRef name = input.name();
    if (failed(add(input, true)))
      return failure();
    hasOtherStates |= !parseCacheName(name) &&
                      (name.contains("past") || name.contains("state") ||
                       name.contains("cache"));
  }
  for (const proto::ValueInfoProto &output : graph.output())
    if (failed(add(output, false)))
      return failure();
  // A graph for prompts returns caches and takes none.
  if (pasts.empty() || presents.empty())
    return success();
  // Caches of an encoder's keys and values do not change, so they need not be
  // returned.
  auto isEncoders = [](StringRef kind) { return kind.contains("encoder"); };
  for (const auto &[key, past] : pasts) {
    auto present = presents.find(key);
    if (present == presents.end()) {
      if (isEncoders(key.second))
        continue;
      return reporter.error("graph input " + quoted(past->name()) +
                            ": expected an output with the " + key.second +
                            " of layer " + Twine(key.first) +
                            " for the next step, found none");
    }
    if (failed(checkPair(*past, *present->second)))
      return failure();
  }
  for (const auto &[key, present] : presents)
    if (!pasts.count(key) && !isEncoders(key.second))
      return reporter.error("graph output " + quoted(present->name()) +
                            ": expected an input with the " + key.second +
                            " of layer " + Twine(key.first) +
                            " of past steps, found none");
  // Layers of other kinds have other states, and no keys and values.
  if (hasOtherStates)
    return success();
  uint64_t next = 0;
  for (const auto &[key, past] : pasts) {
    if (key.first > next)
      return reporter.error("graph input " + quoted(past->name()) +
                            ": expected caches of all layers before " +
                            Twine(key.first) + ", found none of layer " +
                            Twine(next));
    next = key.first + 1;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The interface
//===----------------------------------------------------------------------===//

LogicalResult
mlir::dejavu::onnximport::checkInterface(const proto::GraphProto &graph,
                                         const Reporter &reporter) {
  std::string error;
  auto check = [&](const proto::ValueInfoProto &value,
                   StringRef what) -> LogicalResult {
    for (const auto &dim : value.type().tensor_type().shape().dim())
      if (failed(checkName(dim.dim_param(), error, 1024)))
        return reporter.error(what + " " + quoted(value.name()) +
                              ": dimension " + quoted(dim.dim_param()) + ": " +
                              error);
    return success();
  };
  for (const proto::ValueInfoProto &input : graph.input())
    if (failed(check(input, "graph input")))
      return failure();
  for (const proto::ValueInfoProto &output : graph.output())
    if (failed(check(output, "graph output")))
      return failure();
  return CacheChecker(graph, reporter).check();
}
