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
    : model(model), rows(rows), cache(std::move(cache)), starts(rows, 0) {
  resetCounts();
}

void Session::reset() {
  pastSteps = 0;
  logitTokens = 0;
  std::fill(starts.begin(), starts.end(), 0);
}

void Session::resetCounts() {
  active.selects.assign(model.manifest.selects.size(), {});
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

Status Session::run(bool isDecode, const int64_t *ids, const int64_t *positions,
                    int64_t tokens, int64_t logitsFrom) {
  const Manifest &manifest = model.manifest;
  if (tokens < 1 || tokens > capacity() - pastSteps)
    return makeError("%lld tokens behind %lld steps do not fit a cache of "
                     "%lld",
                     static_cast<long long>(tokens),
                     static_cast<long long>(pastSteps),
                     static_cast<long long>(capacity()));
  if (logitsFrom < 0 || logitsFrom >= tokens)
    return makeError("logits from token %lld of %lld",
                     static_cast<long long>(logitsFrom),
                     static_cast<long long>(tokens));
  if (Status status = checkIds(ids, tokens); status.failed())
    return status;
  if (!positions) {
    // Padding gets position 0, which every table has.
    ownPositions.resize(rows * tokens);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = 0; i < tokens; ++i)
        ownPositions[row * tokens + i] =
            std::max<int64_t>(pastSteps + i - starts[row], 0);
    positions = ownPositions.data();
  }
  if (Status status = checkPositions(positions, tokens); status.failed())
    return status;
  if (Status status = reserve(isDecode ? manifest.decodeWorkspace
                                       : manifest.prefillWorkspace,
                              tokens, tokens - logitsFrom);
      status.failed())
    return status;

  dejavu_step step = {};
  step.batch = rows;
  step.tokens = tokens;
  step.past = pastSteps;
  step.capacity = capacity();
  step.logits_from = logitsFrom;
  step.taps = taps != nullptr;
  step.ids = ids;
  step.positions = positions;
  step.starts = starts.data();
  step.keys = cache.keys();
  step.values = cache.values();
  step.weights = model.weights.pointers().data();
  step.logits = logitsBuffer.as<float>();
  step.workspace = workspace.data();
  step.session = this;

  callbackProblem = Status::success();
  Status status = Status::success();
  {
    CallScope scope;
    status =
        isDecode
            ? scope.call(model.entryPoints.decode, &step, manifest, "decode")
            : scope.call(model.entryPoints.prefill, &step, manifest, "prefill");
  }
  if (status.failed())
    return status;
  if (callbackProblem.failed())
    return callbackProblem;
  if (taps)
    taps->nextCall();
  pastSteps += tokens;
  logitTokens = tokens - logitsFrom;
  return Status::success();
}

Status Session::prefill(const int64_t *ids, const int64_t *positions,
                        int64_t tokens, int64_t logitsFrom) {
  return run(/*isDecode=*/false, ids, positions, tokens, logitsFrom);
}

Status Session::decode(const int64_t *ids, const int64_t *positions) {
  return run(/*isDecode=*/true, ids, positions, /*tokens=*/1,
             /*logitsFrom=*/0);
}

//===----------------------------------------------------------------------===//
// Callbacks
//===----------------------------------------------------------------------===//

void Session::countActive(int64_t select, const int32_t *counts,
                          int64_t numRows) {
  if (select < 0 || select >= static_cast<int64_t>(active.selects.size())) {
    callbackProblem = makeError("select %lld is not in the manifest",
                                static_cast<long long>(select));
    return;
  }
  int64_t neurons = model.manifest.selects[select].neurons;
  ActiveCounts::Select &sum = active.selects[select];
  for (int64_t row = 0; row < numRows; ++row) {
    if (counts[row] < 0 || counts[row] > neurons) {
      callbackProblem = makeError("select %lld: %d of %lld neurons are active",
                                  static_cast<long long>(select), counts[row],
                                  static_cast<long long>(neurons));
      return;
    }
    sum.active += counts[row];
  }
  sum.rows += numRows;
}

void Session::tap(int64_t site, const float *data, int64_t numRows,
                  int64_t width) {
  if (!taps)
    return;
  Status status = taps->record(site, data, numRows, width);
  if (status.failed() && callbackProblem.succeeded())
    callbackProblem = status;
}

extern "C" void dejavu_rt_count_active(void *session, int64_t select_index,
                                       const int32_t *counts, const int32_t *,
                                       int64_t rows) {
  static_cast<Session *>(session)->countActive(select_index, counts, rows);
}

extern "C" void dejavu_rt_tap(void *session, int64_t site, const float *data,
                              int64_t rows, int64_t width) {
  static_cast<Session *>(session)->tap(site, data, rows, width);
}
