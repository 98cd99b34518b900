//===- Session.cpp - a model at work --------------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"

#include "Checked.h"
#include "Convert.h"
#include "CpuBackend.h"
#include "CudaBackend.h"

#include <algorithm>

using namespace dejavu::rt;

ErrorOr<std::unique_ptr<Session>>
Session::create(const LoadedModel &model, int64_t batch, int64_t capacity) {
  if (batch < 1 || capacity < 1)
    return makeError("a session of %lld rows and %lld steps: expected at "
                     "least one of each",
                     static_cast<long long>(batch),
                     static_cast<long long>(capacity));
  const Manifest &manifest = model.manifest;
  ErrorOr<uint64_t> bytes = Cache::byteSize(manifest, batch, capacity);
  if (bytes.failed())
    return bytes.status();
  std::unique_ptr<Backend> backend;
  CudaBackend *cuda = nullptr;
  if (manifest.cuda) {
    ErrorOr<std::unique_ptr<CudaBackend>> created =
        CudaBackend::create(model, batch, capacity, *bytes);
    if (created.failed())
      return created.status();
    cuda = created->get();
    backend = std::move(*created);
  } else {
    ErrorOr<std::unique_ptr<CpuBackend>> created =
        CpuBackend::create(model, *bytes);
    if (created.failed())
      return created.status();
    backend = std::move(*created);
  }
  Cache cache = Cache::place(manifest, batch, capacity, backend->cacheMemory());
  std::unique_ptr<Session> session(
      new Session(model, batch, std::move(cache), std::move(backend)));
  session->cuda = cuda;
  if (cuda)
    if (Status status = cuda->fillWeights(session.get()); status.failed())
      return status;
  return session;
}

Session::Session(const LoadedModel &model, int64_t rows, Cache cache,
                 std::unique_ptr<Backend> backend)
    : model(model), rows(rows), cache(std::move(cache)),
      backend(std::move(backend)), starts(rows, 0), readUnits(model.manifest) {}

Session::~Session() = default;

const CudaDevice *Session::gpu() const { return cuda ? &cuda->gpu() : nullptr; }

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

Status Session::reserve(const WorkspaceSize &size, int64_t tokens,
                        int64_t numLogits) {
  std::optional<uint64_t> scratch =
      checkedProduct({rows, tokens, size.bytesPerRow});
  if (scratch)
    scratch = checkedAdd(*scratch, size.bytesFixed);
  std::optional<uint64_t> logitsBytes =
      checkedProduct({rows, numLogits, model.manifest.vocab,
                      static_cast<int64_t>(sizeof(float))});
  if (!scratch || !logitsBytes)
    return makeError("the %s would be too large",
                     scratch ? "logits" : "workspace");
  return backend->reserve(*scratch, *logitsBytes);
}

Status Session::prepare(Call &call) {
  const Manifest &manifest = model.manifest;
  if (taps && cuda)
    return Status::error("taps are for models compiled for the CPU");
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

dejavu_step Session::makeStep() const {
  dejavu_step step = {};
  step.batch = rows;
  step.tokens = 1;
  step.past = pastSteps;
  step.capacity = capacity();
  step.starts = starts.data();
  step.keys = cache.keys();
  step.values = cache.values();
  step.kept = cache.kept();
  step.complete = cache.complete();
  step.session = const_cast<Session *>(this);
  return step;
}

Status Session::run(Call call) {
  if (Status status = prepare(call); status.failed())
    return status;
  dejavu_step step = makeStep();
  step.tokens = call.tokens;
  step.logits_from = call.logitsFrom;
  step.taps = taps && !isMuted ? taps->bits() : 0;
  step.flush = call.flush;
  step.ids = call.ids;
  step.positions = call.positions;

  callbackProblem = Status::success();
  Status status = backend->call(call.isDecode, step);
  if (status.succeeded() && cuda && call.isDecode)
    status = takeCounts();
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
  lastPositions.resize(rows);
  for (int64_t row = 0; row < rows; ++row)
    lastPositions[row] = call.positions[(row + 1) * call.tokens - 1];
  if (!call.isDecode)
    cache.setComplete(pastSteps);
  else if (cache.isDeferred())
    lastIds.assign(call.ids, call.ids + rows);
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

//===----------------------------------------------------------------------===//
// The cache as tensors
//===----------------------------------------------------------------------===//

Status Session::writeCache(Role role, int64_t layer, const float *from,
                           int64_t past) {
  const ManifestLayer &shape = model.manifest.layers[layer];
  auto *to = static_cast<char *>(role == Role::Key ? cache.keys()[layer]
                                                   : cache.values()[layer]);
  DType type = model.manifest.cacheType;
  int64_t count = past * shape.headDim;
  if (count == 0)
    return Status::success();
  std::vector<char> elements(count * sizeOf(type));
  for (int64_t i = 0; i < rows * shape.kvHeads; ++i) {
    convertFromFloats(from + i * count, count, type, elements.data());
    if (Status status =
            backend->write(to + i * capacity() * shape.headDim * sizeOf(type),
                           elements.data(), elements.size());
        status.failed())
      return status;
  }
  return Status::success();
}

ErrorOr<std::vector<float>> Session::readCache(Role role, int64_t layer) {
  const ManifestLayer &shape = model.manifest.layers[layer];
  const void *from =
      role == Role::Key ? cache.keys()[layer] : cache.values()[layer];
  DType type = model.manifest.cacheType;
  std::vector<float> values(rows * shape.kvHeads * capacity() * shape.headDim);
  std::vector<char> elements(values.size() * sizeOf(type));
  if (Status status = backend->read(elements.data(), from, elements.size());
      status.failed())
    return status;
  convertToFloats(elements.data(), values.size(), type, values.data());
  return values;
}

//===----------------------------------------------------------------------===//
// What only a GPU does
//===----------------------------------------------------------------------===//

Status Session::takeCounts() {
  if (isMuted)
    return Status::success();
  for (size_t i = 0; i < model.manifest.counters.size(); ++i)
    if (Status status =
            readUnits.add(i, cuda->counts() + i * rows, nullptr, rows);
        status.failed())
      return status;
  return Status::success();
}

Status Session::beginChoices(const SamplingOptions &sampling) {
  if (logitTokens != 1)
    return Status::error("no logits of the last token alone to choose from");
  firstChoice = pastSteps - 1;
  return cuda->choose(makeStep(), lastPositions.data(), firstChoice, sampling);
}

Status Session::advanceChoices() {
  if (pastSteps >= capacity())
    return makeError("no room behind %lld steps in the cache",
                     static_cast<long long>(pastSteps));
  for (int64_t &position : lastPositions)
    ++position;
  if (Status status = checkPositions(lastPositions.data(), 1); status.failed())
    return status;
  if (Status status = cuda->advance(makeStep()); status.failed())
    return status;
  ++pastSteps;
  logitTokens = 0;
  return Status::success();
}

ErrorOr<int64_t> Session::waitChoice(int64_t index, int64_t row) {
  return cuda->wait(firstChoice + index, row);
}

Status Session::endChoices() { return cuda->finish(); }

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

bool Session::launch(int64_t kernel, const int64_t grid[3],
                     void *const *arguments) {
  return cuda && cuda->launch(kernel, grid, arguments);
}

bool Session::hasMatmul() { return cuda && cuda->hasMatmul(); }

bool Session::multiply(const dejavu_matmul &product) {
  return cuda && cuda->multiply(product);
}

extern "C" int32_t dejavu_rt_has_matmul(void *session) {
  return static_cast<Session *>(session)->hasMatmul();
}

extern "C" int32_t dejavu_rt_matmul(void *session,
                                    const dejavu_matmul *product) {
  return !static_cast<Session *>(session)->multiply(*product);
}

extern "C" int32_t dejavu_rt_launch(void *session, int64_t kernel,
                                    const int64_t grid[3],
                                    void *const *arguments) {
  return !static_cast<Session *>(session)->launch(kernel, grid, arguments);
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
