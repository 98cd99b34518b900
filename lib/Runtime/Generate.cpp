//===- Generate.cpp - prompts in, new ids out -----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Generate.h"

#include <algorithm>
#include <charconv>

using namespace dejavu::rt;

static std::string_view trim(std::string_view text) {
  static constexpr char kSpace[] = " \t\r\n";
  size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

ErrorOr<TokenIds> dejavu::rt::parsePromptIds(std::string_view text) {
  TokenIds ids;
  if (trim(text).empty())
    return Status::error("empty, expected token ids such as 1,17,42");
  while (true) {
    size_t comma = text.find(',');
    std::string item(trim(text.substr(0, comma)));
    int64_t id = 0;
    const char *end = item.data() + item.size();
    auto [stop, code] = std::from_chars(item.data(), end, id);
    if (item.empty() || code != std::errc() || stop != end || id < 0)
      return makeError("'%s' is not a token id", item.substr(0, 40).c_str());
    ids.push_back(id);
    if (comma == std::string_view::npos)
      return ids;
    text.remove_prefix(comma + 1);
  }
}

PaddedBatch dejavu::rt::padLeft(const std::vector<TokenIds> &prompts) {
  PaddedBatch batch;
  batch.rows = prompts.size();
  for (const TokenIds &prompt : prompts)
    batch.tokens = std::max<int64_t>(batch.tokens, prompt.size());
  for (const TokenIds &prompt : prompts) {
    int64_t padding = batch.tokens - prompt.size();
    batch.starts.push_back(padding);
    batch.ids.insert(batch.ids.end(), padding, 0);
    batch.ids.insert(batch.ids.end(), prompt.begin(), prompt.end());
  }
  return batch;
}

Status dejavu::rt::checkPrompts(const Manifest &manifest,
                                const std::vector<TokenIds> &prompts,
                                int64_t maxNewTokens) {
  for (size_t i = 0; i < prompts.size(); ++i) {
    for (int64_t id : prompts[i])
      if (id >= manifest.vocab)
        return makeError("prompt %zu: id %lld is not in the vocabulary of "
                         "%lld",
                         i + 1, static_cast<long long>(id),
                         static_cast<long long>(manifest.vocab));
    int64_t limit = manifest.contextLimit();
    int64_t length = prompts[i].size();
    if (length > limit || maxNewTokens > limit - length)
      return makeError("prompt %zu: %lld tokens plus %lld new exceed the "
                       "context of %lld",
                       i + 1, static_cast<long long>(length),
                       static_cast<long long>(maxNewTokens),
                       static_cast<long long>(limit));
  }
  return Status::success();
}

namespace {
/// Takes new ids until their rows are done.
class NextIds {
public:
  NextIds(const GenerateOptions &options, const Manifest &manifest,
          std::vector<TokenIds> &results)
      : options(options), manifest(manifest), results(results),
        done(results.size(), false) {}

  bool isDone(int64_t row) const { return done[row]; }
  bool allDone() const {
    return std::find(done.begin(), done.end(), false) == done.end();
  }
  /// Takes an id of a row that is not done.
  Status add(int64_t row, int64_t id) {
    results[row].push_back(id);
    done[row] = !options.ignoreEos && manifest.isEos(id);
    return options.onToken ? options.onToken(row, id) : Status::success();
  }

private:
  const GenerateOptions &options;
  const Manifest &manifest;
  std::vector<TokenIds> &results;
  std::vector<bool> done;
};
} // namespace

/// Generates behind a prefill without waiting for ids before the next step: it
/// is enqueued when they are wanted, so it is one too many if they are the
/// last.
static Status generateOnGpu(Session &session, const GenerateOptions &options,
                            NextIds &next) {
  if (Status status = session.beginChoices(options.sampling); status.failed())
    return status;
  for (int64_t step = 0; step < options.maxNewTokens && !next.allDone();
       ++step) {
    if (step + 1 < options.maxNewTokens)
      if (Status status = session.advanceChoices(); status.failed())
        return status;
    for (int64_t row = 0; row < session.batch(); ++row) {
      if (next.isDone(row))
        continue;
      ErrorOr<int64_t> id = session.waitChoice(step, row);
      if (id.failed())
        return id.status().withPrefix("prompt " + std::to_string(row + 1));
      if (Status status = next.add(row, *id); status.failed())
        return status;
    }
  }
  return Status::success();
}

ErrorOr<std::vector<TokenIds>>
dejavu::rt::generate(const LoadedModel &model,
                     const std::vector<TokenIds> &prompts,
                     const GenerateOptions &options) {
  const Manifest &manifest = model.manifest;
  if (Status status = checkPrompts(manifest, prompts, options.maxNewTokens);
      status.failed())
    return status;
  std::vector<TokenIds> results(prompts.size());
  if (prompts.empty() || options.maxNewTokens == 0)
    return results;

  PaddedBatch batch = padLeft(prompts);
  ErrorOr<std::unique_ptr<Session>> created =
      Session::create(model, batch.rows, batch.tokens + options.maxNewTokens);
  if (created.failed())
    return created.status();
  Session &session = **created;
  session.setTaps(options.taps);
  if (Status status = session.setStarts(batch.starts); status.failed())
    return status;
  if (Status status = session.prefill(batch.ids.data(), /*positions=*/nullptr,
                                      batch.tokens, batch.tokens - 1);
      status.failed())
    return status;

  NextIds next(options, manifest, results);
  if (session.choosesIds()) {
    Status status = generateOnGpu(session, options, next);
    // A step too many may be under way.
    Status ended = session.endChoices();
    if (status.succeeded())
      status = ended;
    return status.failed() ? ErrorOr<std::vector<TokenIds>>(status) : results;
  }
  Sampler sampler(options.sampling, batch.rows);
  TokenIds ids(batch.rows, 0);
  for (int64_t step = 0;; ++step) {
    for (int64_t row = 0; row < batch.rows; ++row) {
      if (next.isDone(row))
        continue;
      ErrorOr<int64_t> id =
          sampler.pick(row, session.lastLogits(row), manifest.vocab);
      if (id.failed())
        return id.status().withPrefix("prompt " + std::to_string(row + 1));
      ids[row] = *id;
      if (Status status = next.add(row, *id); status.failed())
        return status;
    }
    // The last id is not run: nobody asks what follows it.
    if (next.allDone() || step + 1 == options.maxNewTokens)
      return results;
    if (Status status = session.decode(ids.data()); status.failed())
      return status;
  }
}
