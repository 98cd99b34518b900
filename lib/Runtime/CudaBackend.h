//===- CudaBackend.h - a session on a GPU -----------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that generated code works in lies in the GPU's memory, at
// addresses that do not change between decodes. So a decode and the choice of
// the next ids are captured once, as a CUDA graph, and launched again for each
// token. The ids arrive in pinned memory, which the host watches while the GPU
// is at work on the next step.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CUDABACKEND_H
#define DEJAVU_LIB_RUNTIME_CUDABACKEND_H

#include "Backend.h"
#include "CudaKernels.h"
#include "CudaProducts.h"
#include "CudaUpload.h"
#include "Sampler.h"

namespace dejavu::rt {

class CudaBackend : public Backend {
public:
  /// Opens the GPU and copies the weights there, unless they are synthetic. The
  /// model must outlive the backend.
  static ErrorOr<std::unique_ptr<CudaBackend>> create(const LoadedModel &model,
                                                      int64_t batch,
                                                      int64_t capacity,
                                                      uint64_t cacheBytes);
  ~CudaBackend() override;

  void *cacheMemory() const override { return cache.at(); }
  Status reserve(uint64_t workspaceBytes, uint64_t logitsBytes) override;
  Status call(bool isDecode, dejavu_step step) override;
  const float *logits() const override { return hostLogits.as<float>(); }
  Status write(void *to, const void *from, uint64_t bytes) override;
  Status read(void *to, const void *from, uint64_t bytes) override;

  const CudaDevice &gpu() const { return *device; }

  /// What the counters of the last decode came to, [counters, batch].
  const int32_t *counts() const { return hostCounts.data(); }

  /// Makes synthetic weights, if the model has them; to be called once, with
  /// the session that launches.
  Status fillWeights(void *session);

  /// dejavu_rt_launch. The error is that of the call.
  bool launch(int64_t kernel, const int64_t grid[3], void *const *arguments);

  /// dejavu_rt_has_matmul: loads the library when it is asked first, and says
  /// so if there is none.
  bool hasMatmul();
  /// dejavu_rt_matmul. The error is that of the call.
  bool multiply(const dejavu_matmul &product);

  /// Enqueues the choice of ids from the logits that the last call left for its
  /// last token, which is that of step `last` and at `positions` [batch]. The
  /// fields of `step` are as in call. Random numbers begin again.
  Status choose(dejavu_step step, const int64_t *positions, int64_t last,
                const SamplingOptions &sampling);
  /// Enqueues a decode of the ids chosen last and the choice that follows.
  Status advance(dejavu_step step);
  /// Waits for the id that step `index` has chosen for a row.
  ErrorOr<int64_t> wait(int64_t index, int64_t row);
  /// Waits until nothing is enqueued any more.
  Status finish();

private:
  CudaBackend(const LoadedModel &model, int64_t batch, int64_t capacity)
      : model(model), batch(batch), capacity(capacity) {}
  Status initialize(uint64_t cacheBytes);
  /// Makes a buffer of the workspace larger.
  Status grow(DeviceBuffer &buffer, uint64_t bytes);
  Status placeInputs(const dejavu_step &step, bool isDecode,
                     dejavu_step &placed);
  /// A step with all that stays the same for this session.
  dejavu_step placeState(const dejavu_step &step) const;
  /// Calls an entry point, which enqueues.
  Status enqueue(int32_t (*entry)(dejavu_step *), dejavu_step step,
                 const char *what);
  Status capture(const dejavu_step &step);
  /// Makes products, if this machine has the library for them.
  Status openProducts();
  /// Enqueues filling workspace and logits with kPoison, if that is wanted.
  Status poison();
  void dropGraph();
  /// Where the parts of the state begin.
  uint64_t samplingAt() const { return (1 + 3 * batch) * sizeof(int64_t); }
  uint64_t countsAt() const {
    return samplingAt() + batch * sizeof(dejavu_sampling);
  }
  uint64_t countsBytes() const {
    return model.manifest.counters.size() * batch * sizeof(int32_t);
  }

  const LoadedModel &model;
  int64_t batch, capacity;
  bool isPoisoned = false; ///< DEJAVU_POISON
  /// The device first: all that follows is its memory.
  std::unique_ptr<CudaDevice> device;
  std::unique_ptr<CudaKernels> kernels;
  DeviceWeights weights;
  MemoryPlan plan;   ///< what is allocated, with the workspace as it is now
  uint64_t held = 0; ///< bytes allocated
  DeviceBuffer cache, workspace, logitsBuffer;
  DeviceBuffer prefillInputs;    ///< ids, positions
  DeviceBuffer productWorkspace; ///< of products, which are null without it
  std::unique_ptr<CudaProducts> products;
  bool hasLookedForProducts = false;
  /// past_at, ids, positions, starts, sampling, counts
  DeviceBuffer state;
  PinnedBuffer hostLogits;
  PinnedBuffer emitted; ///< [capacity + 1, batch]
  std::vector<int32_t> hostCounts;
  cuda::GraphExec graph = nullptr;
  Status launchProblem = Status::success();
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CUDABACKEND_H
