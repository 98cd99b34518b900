//===- CApi.cpp - the C interface of libdejavu_rt -------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Thin wrappers: every error, exceptions included, becomes a status and a
// message of the calling thread.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "Session.h"

#include <new>

using namespace dejavu::rt;

struct dejavu_rt_session {
  LoadedModel model;
  std::unique_ptr<Session> session;
  bool hasLogits = false;
};

static thread_local std::string lastError;

/// Runs `body` and keeps its error.
template <typename Body>
static dejavu_rt_status guarded(Body &&body) {
  try {
    Status status = body();
    if (status.succeeded())
      return DEJAVU_RT_OK;
    lastError = status.message();
  } catch (const std::bad_alloc &) {
    lastError = "out of memory";
  } catch (const std::exception &exception) {
    lastError = exception.what();
  }
  return DEJAVU_RT_ERROR;
}

static Status load(const dejavu_rt_model &entryPoints, const char *weightsPath,
                   const dejavu_rt_options &options,
                   dejavu_rt_session **result) {
  ErrorOr<Manifest> manifest = Manifest::parse(
      {entryPoints.manifest, static_cast<size_t>(entryPoints.manifest_size)});
  if (manifest.failed())
    return manifest.status().withPrefix("manifest");
  if (manifest->form == Form::Forward)
    return Status::error("the model has no cache, so there is no session of "
                         "prefill and decode");
  if (Status status = checkCpuFeatures(manifest->cpuFeatures); status.failed())
    return status;
  bool isSynthetic = manifest->hasSyntheticWeights();
  ErrorOr<std::string> path = weightsPath   ? ErrorOr<std::string>(weightsPath)
                              : isSynthetic ? ErrorOr<std::string>("")
                                            : defaultWeightsPath();
  if (path.failed())
    return path.status();
  ErrorOr<Weights> weights =
      isSynthetic ? ErrorOr<Weights>(Weights::describe(*manifest))
                  : Weights::open(*path, *manifest);
  if (weights.failed())
    return weights.status();
  if (options.verify)
    if (Status status = weights->verify(); status.failed())
      return status;
  int64_t limit = manifest->contextLimit();
  int64_t capacity = options.capacity == 0 ? limit : options.capacity;
  if (capacity > limit)
    return makeError("a capacity of %lld exceeds the context of %lld",
                     static_cast<long long>(capacity),
                     static_cast<long long>(limit));

  std::unique_ptr<dejavu_rt_session> loaded(new dejavu_rt_session{
      {entryPoints, std::move(*manifest), std::move(*weights)}, nullptr});
  ErrorOr<std::unique_ptr<Session>> session = Session::create(
      loaded->model, options.batch == 0 ? 1 : options.batch, capacity);
  if (session.failed())
    return session.status();
  loaded->session = std::move(*session);
  *result = loaded.release();
  return Status::success();
}

const char *dejavu_rt_error(void) { return lastError.c_str(); }

dejavu_rt_status dejavu_rt_load(const dejavu_rt_model *model,
                                const char *weights,
                                const dejavu_rt_options *options,
                                dejavu_rt_session **session) {
  *session = nullptr;
  return guarded([&] {
    return load(*model, weights, options ? *options : dejavu_rt_options{},
                session);
  });
}

void dejavu_rt_unload(dejavu_rt_session *session) { delete session; }

dejavu_rt_status dejavu_rt_prefill(dejavu_rt_session *session,
                                   const int64_t *ids, const int64_t *starts,
                                   int64_t tokens, int64_t logits_from) {
  return guarded([&] {
    Session &inner = *session->session;
    std::vector<int64_t> before = inner.getStarts();
    if (starts)
      if (Status status = inner.setStarts({starts, starts + inner.batch()});
          status.failed())
        return status;
    Status status = inner.prefill(ids, nullptr, tokens, logits_from);
    // A call that was refused has changed nothing.
    if (status.failed())
      (void)inner.setStarts(std::move(before));
    session->hasLogits = status.succeeded();
    return status;
  });
}

dejavu_rt_status dejavu_rt_decode(dejavu_rt_session *session,
                                  const int64_t *ids) {
  return guarded([&] {
    Status status = session->session->decode(ids);
    session->hasLogits = status.succeeded();
    return status;
  });
}

const float *dejavu_rt_logits(const dejavu_rt_session *session) {
  return session->hasLogits ? session->session->logits() : nullptr;
}

void dejavu_rt_reset(dejavu_rt_session *session) {
  session->session->reset();
  session->hasLogits = false;
}

int64_t dejavu_rt_vocab(const dejavu_rt_session *session) {
  return session->model.manifest.vocab;
}

int64_t dejavu_rt_past(const dejavu_rt_session *session) {
  return session->session->past();
}

int64_t dejavu_rt_capacity(const dejavu_rt_session *session) {
  return session->session->capacity();
}
