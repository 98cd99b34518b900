//===- Session.cpp - a model at work --------------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"

#include "Checked.h"
#include "Memory.h"

#include <algorithm>

using namespace dejavu::rt;

ErrorOr<std::unique_ptr<Session>>
Session::create(const LoadedModel &model, int64_t batch, int64_t capacity) {
  if (batch < 1 || capacity < 1)
    return makeError("a session of %lld rows and %lld steps: expected at "
                     "least one of each",
                     static_cast<long long>(batch),
                     static_cast<long long>(capacity));
  ErrorOr<Cache> cache = Cache::allocate(model.manifest, batch, capacity);
  if (cache.failed())
    return cache.status();
  return std::unique_ptr<Session>(new Session(model, batch, std::move(*cache)));
}

Session::Session(const LoadedModel &model, int64_t rows, Cache cache)
    : model(model), rows(rows), cache(std::move(cache)), starts(rows, 0),
      readUnits(model.manifest) {}

void Session::reset() {
  pastSteps = 0;
  cache.setComplete(0);
  logitTokens = 0;
  std::fill(starts.begin(), starts.end(), 0);
}

Status Session::setStarts(std::vector<int64_t> newStarts) {
  if (newStarts.size() != static_cast<size_t>(rows))
    return makeError("%zu row starts for %lld rows", newStarts.size(),
                     static_cast<long long>(rows));
  for (int64_t start : newStarts)
    if (start < 0 || start >= capacity())
      return makeError("row start %lld: expected one of 0 .. %lld",
                       static_cast<long long>(start),
                       static_cast<long long>(capacity() - 1));
  starts = std::move(newStarts);
  return Status::success();
}

Status Session::setPast(int64_t past) {
  if (past < 0 || past > capacity())
    return makeError("%lld past steps in a cache of %lld",
                     static_cast<long long>(past),
                     static_cast<long long>(capacity()));
  pastSteps = past;
  cache.setComplete(past);
  return Status::success();
}

const float *Session::lastLogits(int64_t row) const {
  return logits() + ((row + 1) * logitTokens - 1) * model.manifest.vocab;
}

Status Session::checkIds(const int64_t *ids, int64_t tokens) const {
  for (int64_t i = 0; i < rows * tokens; ++i)
    if (ids[i] < 0 || ids[i] >= model.manifest.vocab)
      return makeError("row %lld, token %lld: id %lld is not in the "
                       "vocabulary of %lld",
                       static_cast<long long>(i / tokens),
                       static_cast<long long>(i % tokens),
                       static_cast<long long>(ids[i]),
                       static_cast<long long>(model.manifest.vocab));
  return Status::success();
}

Status Session::checkPositions(const int64_t *positions, int64_t tokens) const {
  int64_t min = model.manifest.positionMin;
  int64_t limit = model.manifest.positionLimit;
  if (limit == 0)
    return Status::success();
  for (int64_t i = 0; i < rows * tokens; ++i)
    if (positions[i] < min || positions[i] >= limit)
      return makeError("row %lld, token %lld: position %lld is not one of "
                       "%lld .. %lld",
                       static_cast<long long>(i / tokens),
                       static_cast<long long>(i % tokens),
                       static_cast<long long>(positions[i]),
                       static_cast<long long>(min),
                       static_cast<long long>(limit - 1));
  return Status::success();
}

/// Makes `buffer` hold at least `bytes`. Its content is lost if it grows.
static Status grow(Buffer &buffer, std::optional<uint64_t> bytes,
                   const char *what) {
  if (!bytes)
    return makeError("the %s would be too large", what);
  if (buffer.size() >= *bytes)
    return Status::success();
  ErrorOr<Buffer> larger = Buffer::allocate(*bytes, what);
  if (larger.failed())
    return larger.status();
  buffer = std::move(*larger);
  return Status::success();
}

Status Session::reserve(const WorkspaceSize &size, int64_t tokens,
                        int64_t numLogits) {
  std::optional<uint64_t> scratch =
      checkedProduct({rows, tokens, size.bytesPerRow});
  if (scratch)
    scratch = checkedAdd(*scratch, size.bytesFixed);
  if (Status status = grow(workspace, scratch, "workspace"); status.failed())
    return status;
  return grow(logitsBuffer,
              checkedProduct({rows, numLogits, model.manifest.vocab,
                              static_cast<int64_t>(sizeof(float))}),
              "logits");
}

Status Session::prepare(Call &call) {
  const Manifest &manifest = model.manifest;
  if (call.tokens < 1 || call.tokens > capacity() - pastSteps)
    return makeError("%lld tokens behind %lld steps do not fit a cache of "
                     "%lld",
                     static_cast<long long>(call.tokens),
                     static_cast<long long>(pastSteps),
                     static_cast<long long>(capacity()));
  if (call.logitsFrom < 0 || call.logitsFrom >= call.tokens)
    return makeError("logits from token %lld of %lld",
                     static_cast<long long>(call.logitsFrom),
                     static_cast<long long>(call.tokens));
  if (Status status = checkIds(call.ids, call.tokens); status.failed())
    return status;
  if (!call.positions) {
    // Padding gets position 0, which every table has.
    ownPositions.resize(rows * call.tokens);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = 0; i < call.tokens; ++i)
        ownPositions[row * call.tokens + i] =
            std::max<int64_t>(pastSteps + i - starts[row], 0);
    call.positions = ownPositions.data();
  }
  if (Status status = checkPositions(call.positions, call.tokens);
      status.failed())
    return status;
  return reserve(call.isDecode ? manifest.decodeWorkspace
                               : manifest.prefillWorkspace,
                 call.tokens, call.tokens - call.logitsFrom);
}

Status Session::run(Call call) {
  if (Status status = prepare(call); status.failed())
    return status;
  dejavu_step step = {};
  step.batch = rows;
  step.tokens = call.tokens;
  step.past = pastSteps;
  step.capacity = capacity();
  step.logits_from = call.logitsFrom;
  step.taps = taps && !isMuted ? taps->bits() : 0;
  step.flush = call.flush;
  step.ids = call.ids;
  step.positions = call.positions;
  step.starts = starts.data();
  step.keys = cache.keys();
  step.values = cache.values();
  step.kept = cache.kept();
  step.complete = cache.complete();
  step.weights = model.weights.pointers().data();
  step.logits = logitsBuffer.as<float>();
  step.workspace = workspace.data();
  step.session = this;

  callbackProblem = Status::success();
  Status status = Status::success();
  {
    CallScope scope;
    auto [entry, name] = call.isDecode
                             ? std::pair(model.entryPoints.decode, "decode")
                             : std::pair(model.entryPoints.prefill, "prefill");
    status = scope.call(entry, &step, model.manifest, name);
  }
  if (status.succeeded())
    status = callbackProblem;
  if (status.failed()) {
    // The step that did not come to be may be there for some heads.
    cache.limitComplete(pastSteps);
    return status;
  }
  if (taps && !isMuted)
    taps->nextCall();
  pastSteps += call.tokens;
  logitTokens = call.tokens - call.logitsFrom;
  if (!call.isDecode) {
    cache.setComplete(pastSteps);
  } else if (cache.isDeferred()) {
    lastIds.assign(call.ids, call.ids + rows);
    lastPositions.assign(call.positions, call.positions + rows);
  }
  return Status::success();
}

Status Session::completeCache() {
  if (cache.isComplete(pastSteps))
    return Status::success();
  // Only @decode leaves gaps, so it was the last call. Its step gives the same
  // again; that it was counted and watched once is enough.
  std::vector<int64_t> ids = lastIds, positions = lastPositions;
  --pastSteps;
  cache.limitComplete(pastSteps);
  isMuted = true;
  Status status = run({.isDecode = true,
                       .ids = ids.data(),
                       .positions = positions.data(),
                       .flush = true});
  isMuted = false;
  if (status.failed())
    ++pastSteps;
  else if (!cache.isComplete(pastSteps))
    status = Status::error("decode has left out keys and values that it was "
                           "asked for");
  return status;
}

Status Session::prefill(const int64_t *ids, const int64_t *positions,
                        int64_t tokens, int64_t logitsFrom) {
  Call call = {.ids = ids,
               .positions = positions,
               .tokens = tokens,
               .logitsFrom = logitsFrom};
  if (Status status = completeCache(); status.failed())
    return status;
  return run(call);
}

Status Session::decode(const int64_t *ids, const int64_t *positions,
                       bool flush) {
  return run(
      {.isDecode = true, .ids = ids, .positions = positions, .flush = flush});
}

//===----------------------------------------------------------------------===//
// Callbacks
//===----------------------------------------------------------------------===//

void Session::countActive(int64_t counter, const int32_t *counts,
                          const int32_t *indices, int64_t numRows) {
  if (isMuted)
    return;
  Status status = readUnits.add(counter, counts, indices, numRows);
  if (status.failed() && callbackProblem.succeeded())
    callbackProblem = status;
}

void Session::tap(int64_t site, const float *data, int64_t numRows,
                  int64_t width) {
  if (!taps || isMuted)
    return;
  Status status = taps->record(site, data, numRows, width);
  if (status.failed() && callbackProblem.succeeded())
    callbackProblem = status;
}

extern "C" void dejavu_rt_count_active(void *session, int64_t counter,
                                       const int32_t *counts,
                                       const int32_t *indices, int64_t rows) {
  static_cast<Session *>(session)->countActive(counter, counts, indices, rows);
}

extern "C" void dejavu_rt_tap(void *session, int64_t site, const float *data,
                              int64_t rows, int64_t width) {
  static_cast<Session *>(session)->tap(site, data, rows, width);
}
