//===- abi.h - what generated code and the runtime expect of each other ---===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C ABI between the code that dejavu-compile emits and libdejavu_rt. The
// layout of the structs is known to lib/Conversion/DejavuToCPU and
// lib/Conversion/DejavuToCUDA: a change here is a change there, and of
// DEJAVU_ABI_VERSION.
//
// A model has either dejavu_prefill and dejavu_decode (a decoder with a cache)
// or dejavu_forward (anything else: its own inputs and outputs as tensors). The
// manifest says which; the others are not there.
//
// A model for a GPU (the manifest has `cuda`) has dejavu_sample, too, and the
// code of its kernels. Its entry points run on the CPU and do nothing but
// enqueue kernels, with dejavu_rt_launch, and products of many rows, with
// dejavu_rt_matmul; they decide nothing by what is in the
// GPU's memory, so that what they enqueue can be replayed.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_RT_ABI_H
#define DEJAVU_RT_ABI_H

#include <stdint.h>

#define DEJAVU_ABI_VERSION 5

#ifdef __cplusplus
extern "C" {
#endif

#define DEJAVU_TAP_SITES 1  ///< values of activations
#define DEJAVU_TAP_HIDDEN 2 ///< hidden layers of MLPs, in prefill

/// How the next ids of a row are chosen on a GPU; sampling.h has the
/// arithmetic.
typedef struct dejavu_sampling {
  double scale;  ///< of keys: 2^26 * log2(e) / temperature; 0: the likeliest id
  double top_p;  ///< the likeliest ids that have this much of the probability
  uint64_t seed; ///< of the row's random numbers
  uint64_t drawn; ///< random numbers drawn before; dejavu_sample adds 1
} dejavu_sampling;

/// One call of an entry point. All fields are eight bytes wide. `batch`,
/// `tokens` and `past` are B, S and P below. For a model on a GPU every array
/// lies in the GPU's memory; the tables `keys`, `values` and `weights` are the
/// host's and hold addresses of the GPU. `kept`, `complete` and `taps` are then
/// null and 0.
typedef struct dejavu_step {
  int64_t batch;            ///< rows, >= 1
  int64_t tokens;           ///< new tokens of each row, >= 1; 1 for decode
  int64_t past;             ///< steps that the cache already holds
  int64_t capacity;         ///< steps that the cache can hold, >= P + S
  int64_t logits_from;      ///< first token whose logits are wanted, < S
  int64_t taps;             ///< bits: DEJAVU_TAP_*
  int64_t flush;            ///< nonzero: leave no key or value to be made
  const int64_t *ids;       ///< [B, S]
  const int64_t *positions; ///< [B, S]
  const int64_t *starts;    ///< [B], first step that is not padding
  /// [layers] -> [B, kv_heads, capacity, head_dim]: f32, or on a GPU elements
  /// of the manifest's `cache_dtype`.
  void *const *keys;
  void *const *values;        ///< likewise
  float *const *kept;         ///< [layers] -> [B, ring, width], or null
  int64_t *const *complete;   ///< [layers] -> [B, kv_heads], or null
  const void *const *weights; ///< in the order of the manifest
  float *logits;              ///< [B, S - logits_from, vocab]
  void *workspace;            ///< 64-byte aligned, size from the manifest
  void *session;              ///< handed back to the callbacks
  /// On a GPU; null on the CPU. `past_at` is [1] and equal to `past`: what
  /// kernels that are replayed go by.
  int64_t *past_at;
  /// Likewise: [counters, B], units that each counter's op read for each row;
  /// null if nobody wants them.
  int32_t *counts;
  /// Likewise: [capacity + 1, B], in memory of the host that the GPU writes:
  /// the id chosen from the logits of step s at [s]. -1: none yet. -2: a logit
  /// is NaN; -3: the greatest is infinite, and a random id was wanted (what ids
  /// then gets is some id of the vocabulary).
  int64_t *emitted;
  /// Likewise: [B].
  dejavu_sampling *sampling;
} dejavu_step;

/// A layer whose keys and values are deferred (the manifest's `deferred`) keeps
/// in `kept` what they are made of, for the last `ring` steps: step s in place
/// s modulo ring. `complete[b, h]` is the number of steps whose keys and values
/// head h of row b has in the cache; @decode advances it. Whoever fills the
/// cache otherwise, as the caller of @prefill does, sets it.

/// Entry points of generated code. Return 0, or nonzero if a library call
/// failed.
int32_t dejavu_prefill(dejavu_step *step);
int32_t dejavu_decode(dejavu_step *step);

/// Entry point of a model on a GPU, with the step of a decode: chooses an id
/// for each row from its logits [B, 1, vocab], as sampling[row] says, writes it
/// to ids[row] and emitted[past_at * B + row], and adds 1 to positions[row],
/// sampling[row].drawn and past_at. `ids` and `positions` are written here.
int32_t dejavu_sample(dejavu_step *step);

/// Entry point of a model on a GPU whose weights are synthetic (the manifest
/// says so of each): enqueues kernels that write all of them. Called once,
/// before any other, with `weights`, `session` and a batch and tokens of at
/// least 1. No other model has it, so the version of the ABI has not changed.
int32_t dejavu_fill(dejavu_step *step);

#define DEJAVU_MAX_RANK 8

/// A tensor, row-major. Elements are as the manifest has them; bools are bytes
/// of 0 or 1.
typedef struct dejavu_tensor {
  void *data;
  int64_t dims[DEJAVU_MAX_RANK]; ///< as many as the rank are in use
} dejavu_tensor;

/// One call of dejavu_forward, in the order of the manifest's signature.
typedef struct dejavu_call {
  const dejavu_tensor *inputs;
  /// Filled by the callee; each `data` is from dejavu_rt_alloc and the
  /// caller's.
  dejavu_tensor *outputs;
  const void *const *weights; ///< in the order of the manifest
  void *session;              ///< handed back to the callbacks
} dejavu_call;

/// Entry point of a model without a cache. Returns 0, or nonzero if a library
/// call failed.
int32_t dejavu_forward(dejavu_call *call);

/// The manifest, JSON without a terminating zero.
extern const char dejavu_manifest[];
extern const int64_t dejavu_manifest_size;

/// The code of a GPU's kernels: the images of the manifest's `cuda`.
extern const char dejavu_cuda_code[];
extern const int64_t dejavu_cuda_code_size;

/// Callback: counter `counter` (manifest bytes_per_token.selects) read
/// counts[r] units for row r of `rows`. `indices`, null if they are not at
/// hand, is [rows, units]: the units of row r are its first counts[r], in
/// ascending order.
void dejavu_rt_count_active(void *session, int64_t counter,
                            const int32_t *counts, const int32_t *indices,
                            int64_t rows);

/// Callback: the value of tap site `site`, f32 [rows, width], row-major.
void dejavu_rt_tap(void *session, int64_t site, const float *data, int64_t rows,
                   int64_t width);

/// Callback: enqueues kernel number `kernel` (manifest cuda.kernels). `grid`
/// are blocks in x, y and z; a negative x stands for -x blocks on each
/// multiprocessor, rounded down to whole clusters. `arguments` are addresses of
/// 8-byte arguments, as cuLaunchKernel takes them. Nonzero if it failed; the
/// session then has the error, and the entry point returns.
int32_t dejavu_rt_launch(void *session, int64_t kernel, const int64_t grid[3],
                         void *const *arguments);

/// A product of rows, for dejavu_rt_matmul. All fields are eight bytes wide,
/// and the arrays in the GPU's memory.
typedef struct dejavu_matmul {
  int64_t type;     ///< of weight and input: 0 for f32, 1 for f16, 2 for bf16
  int64_t in_major; ///< whether the weight is [in, out]; else [out, in]
  int64_t rows, in, out;
  const void *weight;
  const void *input; ///< [rows, in]
  float *result;     ///< [rows, out]
} dejavu_matmul;

/// Callback: whether products can be left to a library. What @prefill does for
/// many rows depends on it.
int32_t dejavu_rt_has_matmul(void *session);

/// Callback: enqueues result = input * weight^T, or * weight if that is
/// [in, out], with sums in f32. Nonzero if it failed, as dejavu_rt_launch.
int32_t dejavu_rt_matmul(void *session, const dejavu_matmul *product);

/// Callback: memory of that size, aligned to 64 bytes. Never null: without
/// memory the call of the entry point ends here with an error.
void *dejavu_rt_alloc(int64_t bytes);

/// Callback: frees what dejavu_rt_alloc gave.
void dejavu_rt_free(void *data);

/// Callback: node number `node` of the manifest's `nodes` (-1: none) looked up
/// row `found` of a table of `size` rows. Returns, and the callee goes on with
/// some other row; the call of the entry point fails in the end. May be called
/// by any thread.
void dejavu_rt_bad_index(int64_t node, int64_t found, int64_t size);

/// Callback: ends the call of the entry point with the error `text`. Does not
/// return. Is called by the thread that called the entry point.
void dejavu_rt_stop(const char *text);

#ifdef __cplusplus
}
#endif

#endif // DEJAVU_RT_ABI_H
