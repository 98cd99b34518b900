//===- abi.h - what generated code and the runtime expect of each other ---===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C ABI between the code that dejavu-compile emits and libdejavu_rt. The
// layout of dejavu_step is known to lib/Conversion/DejavuToCPU: a change here
// is a change there, and of DEJAVU_ABI_VERSION.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_RT_ABI_H
#define DEJAVU_RT_ABI_H

#include <stdint.h>

#define DEJAVU_ABI_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

/// One call of an entry point. All fields are eight bytes wide. `batch`,
/// `tokens` and `past` are B, S and P below.
typedef struct dejavu_step {
  int64_t batch;              ///< rows, >= 1
  int64_t tokens;             ///< new tokens of each row, >= 1; 1 for decode
  int64_t past;               ///< steps that the cache already holds
  int64_t capacity;           ///< steps that the cache can hold, >= P + S
  int64_t logits_from;        ///< first token whose logits are wanted, < S
  int64_t taps;               ///< nonzero: call dejavu_rt_tap
  const int64_t *ids;         ///< [B, S]
  const int64_t *positions;   ///< [B, S]
  const int64_t *starts;      ///< [B], first step that is not padding
  float *const *keys;         ///< [layers] -> [B, kv_heads, capacity, head_dim]
  float *const *values;       ///< [layers] -> [B, kv_heads, capacity, head_dim]
  const void *const *weights; ///< in the order of the manifest
  float *logits;              ///< [B, S - logits_from, vocab]
  void *workspace;            ///< 64-byte aligned, size from the manifest
  void *session;              ///< handed back to the callbacks
} dejavu_step;

/// Entry points of generated code. Return 0, or nonzero if a library call
/// failed.
int32_t dejavu_prefill(dejavu_step *step);
int32_t dejavu_decode(dejavu_step *step);

/// The manifest, JSON without a terminating zero.
extern const char dejavu_manifest[];
extern const int64_t dejavu_manifest_size;

/// Callback: the `select` with index `select_index` (manifest
/// bytes_per_token.selects) chose counts[r] neurons for row r of `rows`.
void dejavu_rt_count_active(void *session, int64_t select_index,
                            const int32_t *counts, int64_t rows);

/// Callback: the value of tap site `site`, f32 [rows, width], row-major.
void dejavu_rt_tap(void *session, int64_t site, const float *data, int64_t rows,
                   int64_t width);

#ifdef __cplusplus
}
#endif

#endif // DEJAVU_RT_ABI_H
