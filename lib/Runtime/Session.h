//===- Session.h - a model at work ------------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A session owns what a call of generated code needs besides weights: cache,
// logits, workspace. It checks every id and position before generated code
// sees it, since that code indexes tables with them.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_SESSION_H
#define DEJAVU_LIB_RUNTIME_SESSION_H

#include "Cache.h"
#include "Manifest.h"
#include "Taps.h"
#include "Weights.h"

#include "dejavu-rt/runtime.h"

#include <memory>
#include <vector>

namespace dejavu::rt {

/// A model whose manifest has been read and whose weights are mapped.
struct LoadedModel {
  dejavu_rt_model entryPoints;
  Manifest manifest;
  Weights weights;
};

/// Sums of what `select` ops reported.
struct ActiveCounts {
  struct Select {
    uint64_t active = 0; ///< neurons, over all rows
    uint64_t rows = 0;
  };
  std::vector<Select> selects;
};

class Session {
public:
  /// The model must outlive the session. `capacity` is in steps.
  static ErrorOr<std::unique_ptr<Session>>
  create(const LoadedModel &model, int64_t batch, int64_t capacity);

  /// Runs `tokens` tokens of every row. `ids` and `positions` are
  /// [batch, tokens]; null positions stand for those that count from each
  /// row's start. Logits are computed for tokens >= logitsFrom.
  Status prefill(const int64_t *ids, const int64_t *positions, int64_t tokens,
                 int64_t logitsFrom);
  /// Runs one token of every row.
  Status decode(const int64_t *ids, const int64_t *positions = nullptr);

  /// Forgets all steps and the starts of rows.
  void reset();

  /// The first step of each row that is not padding.
  Status setStarts(std::vector<int64_t> starts);
  const std::vector<int64_t> &getStarts() const { return starts; }
  /// Declares that the caller has filled `past` steps of the cache.
  Status setPast(int64_t past);

  const Manifest &manifest() const { return model.manifest; }
  int64_t batch() const { return rows; }
  int64_t past() const { return pastSteps; }
  int64_t capacity() const { return cache.capacity(); }
  const Cache &keyValueCache() const { return cache; }

  /// Logits of the last call, [batch, tokens - logitsFrom, vocab].
  const float *logits() const { return logitsBuffer.as<float>(); }
  /// Logits of the last token of a row.
  const float *lastLogits(int64_t row) const;

  /// Null turns taps off.
  void setTaps(TapRecorder *recorder) { taps = recorder; }

  const ActiveCounts &counts() const { return active; }
  void resetCounts();

  /// What the callbacks of abi.h come to.
  void countActive(int64_t select, const int32_t *counts, int64_t numRows);
  void tap(int64_t site, const float *data, int64_t numRows, int64_t width);

private:
  Session(const LoadedModel &model, int64_t rows, Cache cache);

  Status run(bool isDecode, const int64_t *ids, const int64_t *positions,
             int64_t tokens, int64_t logitsFrom);
  Status checkIds(const int64_t *ids, int64_t tokens) const;
  Status checkPositions(const int64_t *positions, int64_t tokens) const;
  /// Makes logits and workspace large enough.
  Status reserve(const WorkspaceSize &size, int64_t tokens,
                 int64_t logitTokens);

  const LoadedModel &model;
  int64_t rows;
  int64_t pastSteps = 0;
  int64_t logitTokens = 0; ///< tokens of a row that have logits now
  Cache cache;
  Buffer logitsBuffer;
  Buffer workspace;
  std::vector<int64_t> starts;
  std::vector<int64_t> ownPositions;
  ActiveCounts active;
  TapRecorder *taps = nullptr;
  Status callbackProblem = Status::success();
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_SESSION_H
