//===- runtime.h - the C interface of libdejavu_rt --------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a program that embeds a compiled model calls: load it with its
// weights, run prompts and single tokens, read logits, start over. Functions
// that can fail return DEJAVU_RT_OK or DEJAVU_RT_ERROR; after an error,
// dejavu_rt_error() gives one line that says what went wrong.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_RT_RUNTIME_H
#define DEJAVU_RT_RUNTIME_H

#include "dejavu-rt/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What a fallible function returns.
typedef enum dejavu_rt_status {
  DEJAVU_RT_OK = 0,
  DEJAVU_RT_ERROR = 1
} dejavu_rt_status;

/// A compiled model: the symbols that generated code exports (abi.h), or
/// stand-ins for them. A decoder has no `forward`, any other model has nothing
/// but that. What is behind `forward` is that of models for a GPU, and null for
/// others.
typedef struct dejavu_rt_model {
  const char *manifest;
  int64_t manifest_size;
  int32_t (*prefill)(dejavu_step *step);
  int32_t (*decode)(dejavu_step *step);
  int32_t (*forward)(dejavu_call *call);
  int32_t (*sample)(dejavu_step *step);
  const char *cuda_code;
  int64_t cuda_code_size;
  int32_t (*fill)(dejavu_step *step); ///< null unless weights are synthetic
} dejavu_rt_model;

/// How a session is set up. Zero is the default of every field.
typedef struct dejavu_rt_options {
  int64_t batch;    ///< rows; 0 means 1
  int64_t capacity; ///< steps that the cache holds; 0 means the model's limit
  int32_t verify;   ///< nonzero: check the checksums of all weights first
} dejavu_rt_options;

/// A model with its weights, a cache and the logits of its last call. Not to
/// be used by two threads at a time.
typedef struct dejavu_rt_session dejavu_rt_session;

/// The message of the last error in this thread; empty if there was none.
/// Valid until the next call that fails.
const char *dejavu_rt_error(void);

/// Opens a session. `weights` is the path of the weights, or null for
/// `OUT.safetensors` beside the running executable OUT; `options` may be null.
/// The model must outlive the session.
dejavu_rt_status dejavu_rt_load(const dejavu_rt_model *model,
                                const char *weights,
                                const dejavu_rt_options *options,
                                dejavu_rt_session **session);

/// Closes a session. Null is allowed.
void dejavu_rt_unload(dejavu_rt_session *session);

/// Runs `tokens` tokens of every row behind what the cache holds; ids is
/// [batch, tokens]. `starts` is, for each row, the first step that is not
/// padding; null keeps those of the last call (0 after load and reset).
/// Logits are computed for tokens >= logits_from.
dejavu_rt_status dejavu_rt_prefill(dejavu_rt_session *session,
                                   const int64_t *ids, const int64_t *starts,
                                   int64_t tokens, int64_t logits_from);

/// Runs one token of every row; ids is [batch].
dejavu_rt_status dejavu_rt_decode(dejavu_rt_session *session,
                                  const int64_t *ids);

/// The logits of the last call, [batch, tokens - logits_from, vocab]; null
/// before the first. Valid until the next call.
const float *dejavu_rt_logits(const dejavu_rt_session *session);

/// Forgets all steps: the next call begins a new text.
void dejavu_rt_reset(dejavu_rt_session *session);

/// Size of the vocabulary.
int64_t dejavu_rt_vocab(const dejavu_rt_session *session);

/// Steps that the cache holds now, and steps that it can hold.
int64_t dejavu_rt_past(const dejavu_rt_session *session);
int64_t dejavu_rt_capacity(const dejavu_rt_session *session);

/// The command line of an executable (docs/Internals.md, section 6). Returns
/// the exit code.
int dejavu_rt_main(int argc, char **argv, const dejavu_rt_model *model);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // DEJAVU_RT_RUNTIME_H
