//===- Generate.h - prompts in, new ids out ---------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prompts of one batch are padded on the left to the length of the longest;
// `starts` tells generated code where each row begins. One prefill runs them
// all, then each decode step adds one token to every row, until every row has
// its tokens or has met an end-of-sequence id. That id is the last of its
// row's ids. A row that is done rides along; what it computes is dropped.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_GENERATE_H
#define DEJAVU_LIB_RUNTIME_GENERATE_H

#include "Manifest.h"
#include "Sampler.h"
#include "Session.h"

#include <functional>
#include <string_view>
#include <vector>

namespace dejavu::rt {

using TokenIds = std::vector<int64_t>;

/// Parses `1,17,42`. The error does not name the prompt.
ErrorOr<TokenIds> parsePromptIds(std::string_view text);

/// Prompts of different lengths as one rectangle.
struct PaddedBatch {
  int64_t rows = 0;
  int64_t tokens = 0;          ///< of the longest prompt
  std::vector<int64_t> ids;    ///< [rows, tokens], padded with id 0
  std::vector<int64_t> starts; ///< [rows], tokens of padding
};

PaddedBatch padLeft(const std::vector<TokenIds> &prompts);

/// Whether the ids are in the vocabulary and the texts fit the context. The
/// error names the prompt, counted from 1.
Status checkPrompts(const Manifest &manifest,
                    const std::vector<TokenIds> &prompts, int64_t maxNewTokens);

struct GenerateOptions {
  int64_t maxNewTokens = 32;
  bool ignoreEos = false;
  SamplingOptions sampling;
  TapSink *taps = nullptr;
  /// Called for each new id, if set.
  std::function<Status(size_t row, int64_t id)> onToken;
};

/// The new ids of each prompt.
ErrorOr<std::vector<TokenIds>> generate(const LoadedModel &model,
                                        const std::vector<TokenIds> &prompts,
                                        const GenerateOptions &options);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_GENERATE_H
