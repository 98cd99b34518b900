//===- Session.h - a model at work ------------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A session has what a call of generated code needs besides weights: cache,
// logits, workspace, which its backend owns. It checks every id and position
// before generated code sees it, since that code indexes tables with them.
//
// @decode may defer keys and values, @prefill needs those of all past steps.
// So where steps of @decode have left some out, a prefill first runs the last
// of them once more, which then has to make them.
//
// On a GPU the next ids need not wait for the host: see
// beginChoices.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_SESSION_H
#define DEJAVU_LIB_RUNTIME_SESSION_H

#include "Backend.h"
#include "Cache.h"
#include "Counters.h"
#include "Taps.h"

#include <memory>
#include <vector>

namespace dejavu::rt {

class CudaBackend;
class CudaDevice;
struct SamplingOptions;

class Session {
public:
  /// The model must outlive the session. `capacity` is in steps.
  static ErrorOr<std::unique_ptr<Session>>
  create(const LoadedModel &model, int64_t batch, int64_t capacity);
  ~Session();

  /// Runs `tokens` tokens of every row. `ids` and `positions` are
  /// [batch, tokens]; null positions stand for those that count from each
  /// row's start. Logits are computed for tokens >= logitsFrom.
  Status prefill(const int64_t *ids, const int64_t *positions, int64_t tokens,
                 int64_t logitsFrom);
  /// Runs one token of every row. With `flush`, no key or value of the cache is
  /// left to be made.
  Status decode(const int64_t *ids, const int64_t *positions = nullptr,
                bool flush = false);

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
  /// The GPU that it runs on; null for the CPU.
  const CudaDevice *gpu() const;

  /// Fills the first `past` steps of a layer's keys or values from `from`,
  /// [batch, kv_heads, past, head_dim].
  Status writeCache(Role role, int64_t layer, const float *from, int64_t past);
  /// All steps of a layer's keys or values, [batch, kv_heads, capacity,
  /// head_dim].
  ErrorOr<std::vector<float>> readCache(Role role, int64_t layer);

  /// Logits of the last call, [batch, tokens - logitsFrom, vocab].
  const float *logits() const { return backend->logits(); }
  /// Logits of the last token of a row.
  const float *lastLogits(int64_t row) const;

  /// Whether the next five are there.
  bool choosesIds() const { return cuda; }
  /// Enqueues choice 0: of the ids behind the last call, which was one with
  /// logits for no token but the last.
  Status beginChoices(const SamplingOptions &sampling);
  /// Enqueues a decode of the ids chosen last, and the choice that follows it.
  /// What such a decode reads is not counted, and its logits stay where they
  /// are.
  Status advanceChoices();
  /// Waits for the id of a row of choice `index`.
  ErrorOr<int64_t> waitChoice(int64_t index, int64_t row);
  /// Waits for all that has been enqueued. After this, and not before, other
  /// calls may follow.
  Status endChoices();

  /// Null turns taps off.
  void setTaps(TapSink *sink) { taps = sink; }

  /// What generated code has counted.
  Counters &counters() { return readUnits; }

  /// What the callbacks of abi.h come to.
  void countActive(int64_t counter, const int32_t *counts,
                   const int32_t *indices, int64_t numRows);
  void tap(int64_t site, const float *data, int64_t numRows, int64_t width);
  bool launch(int64_t kernel, const int64_t grid[3], void *const *arguments);
  bool hasMatmul();
  bool multiply(const dejavu_matmul &product);

private:
  Session(const LoadedModel &model, int64_t rows, Cache cache,
          std::unique_ptr<Backend> backend);

  /// What a call of an entry point is asked for.
  struct Call {
    bool isDecode = false;
    const int64_t *ids = nullptr;       ///< [batch, tokens]
    const int64_t *positions = nullptr; ///< likewise, or null
    int64_t tokens = 1;
    int64_t logitsFrom = 0;
    bool flush = false;
  };

  Status run(Call call);
  /// Fills `call.positions`, if they are null, and checks all that a call has.
  Status prepare(Call &call);
  /// Has all keys and values of past steps made.
  Status completeCache();
  Status checkIds(const int64_t *ids, int64_t tokens) const;
  Status checkPositions(const int64_t *positions, int64_t tokens) const;
  /// The fields that do not depend on a call's inputs.
  dejavu_step makeStep() const;
  /// Hands on what the GPU has counted.
  Status takeCounts();
  /// Makes logits and workspace large enough.
  Status reserve(const WorkspaceSize &size, int64_t tokens,
                 int64_t logitTokens);

  const LoadedModel &model;
  int64_t rows;
  int64_t pastSteps = 0;
  int64_t logitTokens = 0; ///< tokens of a row that have logits now
  Cache cache;
  std::unique_ptr<Backend> backend;
  CudaBackend *cuda = nullptr; ///< the backend, if it is one
  std::vector<int64_t> starts;
  std::vector<int64_t> ownPositions;
  /// Of the last @decode, [batch], if keys and values may be deferred.
  std::vector<int64_t> lastIds;
  /// Of the last token of each row, [batch].
  std::vector<int64_t> lastPositions;
  int64_t firstChoice = 0; ///< the step that choice 0 follows
  Counters readUnits;
  TapSink *taps = nullptr;
  bool isMuted = false; ///< callbacks come to nothing
  Status callbackProblem = Status::success();
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_SESSION_H
