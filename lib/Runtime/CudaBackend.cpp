//===- CudaBackend.cpp - a session on a GPU -------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaBackend.h"

#include "Checked.h"
#include "Memory.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

using namespace dejavu::rt;

static constexpr uint64_t kWord = sizeof(int64_t);
/// Floats of this byte are NaN, integers -1.
static constexpr uint8_t kPoison = 0xff;

/// Whether what a step must not read is to be poisoned: docs/Runtime.md.
static bool wantsPoison() {
  const char *text = std::getenv("DEJAVU_POISON");
  return text && std::string_view(text) == "1";
}

ErrorOr<std::unique_ptr<CudaBackend>>
CudaBackend::create(const LoadedModel &model, int64_t batch, int64_t capacity,
                    uint64_t cacheBytes) {
  if (!model.entryPoints.prefill || !model.entryPoints.decode ||
      !model.entryPoints.sample)
    return Status::error("the executable lacks an entry point of models for a "
                         "GPU");
  if (model.weights.isSynthetic() && !model.entryPoints.fill)
    return Status::error("the executable lacks dejavu_fill, which makes its "
                         "weights");
  std::unique_ptr<CudaBackend> backend(new CudaBackend(model, batch, capacity));
  if (Status status = backend->initialize(cacheBytes); status.failed())
    return status;
  return backend;
}

Status CudaBackend::initialize(uint64_t cacheBytes) {
  const Manifest &manifest = model.manifest;
  ErrorOr<std::unique_ptr<CudaDevice>> opened = CudaDevice::open();
  if (opened.failed())
    return opened.status();
  device = std::move(*opened);
  ErrorOr<std::unique_ptr<CudaKernels>> loaded =
      CudaKernels::load(*device, *manifest.cuda, model.entryPoints.cuda_code,
                        model.entryPoints.cuda_code_size);
  if (loaded.failed())
    return loaded.status();
  kernels = std::move(*loaded);

  // What decode needs is known now, and whether there is room for it.
  std::optional<uint64_t> scratch =
      checkedProduct({batch, manifest.decodeWorkspace.bytesPerRow});
  if (scratch)
    scratch = checkedAdd(*scratch, manifest.decodeWorkspace.bytesFixed);
  std::optional<uint64_t> logitsBytes = checkedProduct(
      {batch, manifest.vocab, static_cast<int64_t>(sizeof(float))});
  std::optional<uint64_t> emittedWords = checkedProduct({capacity + 1, batch});
  uint64_t stateBytes = countsAt() + countsBytes();
  std::optional<uint64_t> needed =
      scratch && logitsBytes ? checkedAdd(*scratch, *logitsBytes + stateBytes)
                             : std::nullopt;
  if (!needed || !emittedWords || *emittedWords > UINT64_MAX / kWord)
    return Status::error("the workspace would be too large");
  plan = {DeviceWeights::byteSize(model.weights), cacheBytes, *needed};
  if (Status status = checkMemory(*device, plan, held); status.failed())
    return status;
  plan.workspace = 0;
  isPoisoned = wantsPoison();
  struct {
    DeviceBuffer &buffer;
    uint64_t bytes;
  } wanted[] = {{cache, cacheBytes}, {state, stateBytes}};
  for (auto &[buffer, bytes] : wanted) {
    ErrorOr<DeviceBuffer> memory = DeviceBuffer::allocate(*device, bytes);
    if (memory.failed())
      return memory.status();
    buffer = std::move(*memory);
    held += bytes;
    uint8_t value = isPoisoned && &buffer == &cache ? kPoison : 0;
    if (Status status = fill(*device, buffer.at(), value, bytes);
        status.failed())
      return status;
  }
  plan.workspace = stateBytes;
  if (Status status = reserve(*scratch, *logitsBytes); status.failed())
    return status;
  ErrorOr<PinnedBuffer> ids =
      PinnedBuffer::allocate(*device, *emittedWords * kWord);
  if (ids.failed())
    return ids.status();
  emitted = std::move(*ids);
  hostCounts.assign(manifest.counters.size() * batch, 0);

  ErrorOr<DeviceWeights> uploaded =
      model.weights.isSynthetic()
          ? DeviceWeights::allocate(*device, model.weights)
          : DeviceWeights::upload(*device, model.weights, model.onUpload);
  if (uploaded.failed())
    return uploaded.status();
  weights = std::move(*uploaded);
  held += plan.weights;
  return Status::success();
}

CudaBackend::~CudaBackend() {
  if (device && device->makeCurrent().succeeded()) {
    (void)device->synchronize();
    dropGraph();
  }
}

Status CudaBackend::grow(DeviceBuffer &buffer, uint64_t bytes) {
  if (buffer.size() >= bytes)
    return Status::success();
  // The old memory is given back first: there may not be room for both.
  MemoryPlan larger = plan;
  larger.workspace += bytes - buffer.size();
  if (Status status = checkMemory(*device, larger, held); status.failed())
    return status;
  // What has been captured has the old address.
  if (Status status = finish(); status.failed())
    return status;
  dropGraph();
  uint64_t before = buffer.size();
  buffer = DeviceBuffer();
  held -= before;
  plan.workspace -= before;
  ErrorOr<DeviceBuffer> memory = DeviceBuffer::allocate(*device, bytes);
  if (memory.failed())
    return memory.status();
  buffer = std::move(*memory);
  held += bytes;
  plan.workspace += bytes;
  return Status::success();
}

Status CudaBackend::reserve(uint64_t workspaceBytes, uint64_t logitsBytes) {
  if (Status status = device->makeCurrent(); status.failed())
    return status;
  if (Status status = grow(workspace, workspaceBytes); status.failed())
    return status;
  if (Status status = grow(logitsBuffer, logitsBytes); status.failed())
    return status;
  if (hostLogits.size() >= logitsBytes)
    return Status::success();
  ErrorOr<PinnedBuffer> memory = PinnedBuffer::allocate(*device, logitsBytes);
  if (memory.failed())
    return memory.status();
  hostLogits = std::move(*memory);
  return Status::success();
}

dejavu_step CudaBackend::placeState(const dejavu_step &step) const {
  dejavu_step placed = step;
  placed.taps = 0;
  placed.flush = 0;
  placed.kept = nullptr;
  placed.complete = nullptr;
  placed.weights = weights.pointers().data();
  placed.logits = logitsBuffer.at<float>();
  placed.workspace = workspace.at();
  placed.past_at = state.at<int64_t>();
  placed.ids = state.at<int64_t>(kWord);
  placed.positions = state.at<int64_t>((1 + batch) * kWord);
  placed.starts = state.at<int64_t>((1 + 2 * batch) * kWord);
  placed.sampling = state.at<dejavu_sampling>(samplingAt());
  placed.counts = state.at<int32_t>(countsAt());
  placed.emitted = emitted.as<int64_t>();
  return placed;
}

Status CudaBackend::placeInputs(const dejavu_step &step, bool isDecode,
                                dejavu_step &placed) {
  uint64_t rowBytes = batch * kWord, bytes = step.tokens * rowBytes;
  if (!isDecode) {
    if (Status status = grow(prefillInputs, 2 * bytes); status.failed())
      return status;
    placed.ids = prefillInputs.at<int64_t>();
    placed.positions = prefillInputs.at<int64_t>(bytes);
  }
  struct {
    const int64_t *to;
    const int64_t *from;
    uint64_t bytes;
  } copies[] = {{placed.past_at, &step.past, kWord},
                {placed.ids, step.ids, bytes},
                {placed.positions, step.positions, bytes},
                {placed.starts, step.starts, rowBytes}};
  for (const auto &[to, from, size] : copies)
    if (Status status =
            copyToDevice(*device, const_cast<int64_t *>(to), from, size);
        status.failed())
      return status;
  return Status::success();
}

Status CudaBackend::enqueue(int32_t (*entry)(dejavu_step *), dejavu_step step,
                            const char *what) {
  launchProblem = Status::success();
  Status status = Status::success();
  {
    CallScope scope;
    status = scope.call(entry, &step, model.manifest, what);
  }
  return launchProblem.failed() ? launchProblem : status;
}

Status CudaBackend::fillWeights(void *session) {
  if (!model.weights.isSynthetic())
    return Status::success();
  if (Status status = device->makeCurrent(); status.failed())
    return status;
  dejavu_step step = {};
  step.batch = batch;
  step.tokens = 1;
  step.session = session;
  if (Status status = enqueue(model.entryPoints.fill, placeState(step), "fill");
      status.failed())
    return status;
  return device->synchronize();
}

bool CudaBackend::launch(int64_t kernel, const int64_t grid[3],
                         void *const *arguments) {
  if (launchProblem.failed())
    return false;
  launchProblem = kernels->launch(kernel, grid, arguments);
  return launchProblem.succeeded();
}

Status CudaBackend::openProducts() {
  ErrorOr<const CudaBlas *> library = CudaBlas::get();
  if (library.failed())
    return library.status();
  std::string problem = "there is no libcublasLt";
  if (*library) {
    ErrorOr<std::unique_ptr<CudaProducts>> created =
        CudaProducts::create(*device, **library);
    if (created.succeeded()) {
      if (Status status = grow(productWorkspace, CudaProducts::kWorkspaceBytes);
          status.failed())
        return status;
      products = std::move(*created);
      return Status::success();
    }
    problem = "libcublasLt cannot be used: " + created.message();
  } else if (CudaBlas::isUnwanted()) {
    return Status::success();
  }
  std::string remark =
      "remark: " + problem +
      ", so prompts take the slower way, a few tokens at a time: install the "
      "CUDA toolkit or the wheel nvidia-cublas, or set DEJAVU_CUBLASLT to the "
      "library, or to none";
  if (model.onRemark)
    model.onRemark(remark);
  else
    std::fprintf(stderr, "%s\n", remark.c_str());
  return Status::success();
}

bool CudaBackend::hasMatmul() {
  if (!hasLookedForProducts && launchProblem.succeeded()) {
    hasLookedForProducts = true;
    launchProblem = openProducts();
  }
  return products != nullptr;
}

bool CudaBackend::multiply(const dejavu_matmul &product) {
  if (launchProblem.failed())
    return false;
  launchProblem = products
                      ? products->multiply(product, productWorkspace.at())
                      : Status::error("a product without a library for it");
  return launchProblem.succeeded();
}

Status CudaBackend::poison() {
  if (!isPoisoned)
    return Status::success();
  for (const DeviceBuffer *buffer : {&workspace, &logitsBuffer})
    if (Status status = fill(*device, buffer->at(), kPoison, buffer->size());
        status.failed())
      return status;
  return Status::success();
}

Status CudaBackend::call(bool isDecode, dejavu_step step) {
  if (Status status = device->makeCurrent(); status.failed())
    return status;
  dejavu_step placed = placeState(step);
  if (Status status = placeInputs(step, isDecode, placed); status.failed())
    return status;
  if (Status status = poison(); status.failed())
    return status;
  if (Status status = enqueue(isDecode ? model.entryPoints.decode
                                       : model.entryPoints.prefill,
                              placed, isDecode ? "decode" : "prefill");
      status.failed())
    return status;
  uint64_t logitsBytes = batch * (step.tokens - step.logits_from) *
                         model.manifest.vocab * sizeof(float);
  if (Status status = copyToHost(*device, hostLogits.as<void>(), placed.logits,
                                 logitsBytes);
      status.failed())
    return status;
  if (isDecode)
    if (Status status = copyToHost(*device, hostCounts.data(), placed.counts,
                                   countsBytes());
        status.failed())
      return status;
  return device->synchronize();
}

Status CudaBackend::write(void *to, const void *from, uint64_t bytes) {
  if (Status status = device->makeCurrent(); status.failed())
    return status;
  return copyToDevice(*device, to, from, bytes);
}

Status CudaBackend::read(void *to, const void *from, uint64_t bytes) {
  if (Status status = device->makeCurrent(); status.failed())
    return status;
  if (Status status = copyToHost(*device, to, from, bytes); status.failed())
    return status;
  return device->synchronize();
}

//===----------------------------------------------------------------------===//
// Ids that the GPU chooses
//===----------------------------------------------------------------------===//

/// What generated code is told of a step that is replayed: one token a row, and
/// that nobody reads counts.
static dejavu_step asDecode(dejavu_step placed) {
  placed.tokens = 1;
  placed.logits_from = 0;
  placed.counts = nullptr;
  return placed;
}

Status CudaBackend::choose(dejavu_step step, const int64_t *positions,
                           int64_t last, const SamplingOptions &sampling) {
  if (Status status = finish(); status.failed())
    return status;
  std::fill_n(emitted.as<int64_t>(), (capacity + 1) * batch, -1);
  dejavu_step placed = asDecode(placeState(step));
  placed.past = last;
  std::vector<dejavu_sampling> rows(
      batch, {sampling.scale(), sampling.topP, sampling.seed, 0});
  struct {
    void *to;
    const void *from;
    uint64_t bytes;
  } copies[] = {
      {const_cast<int64_t *>(placed.positions), positions, batch * kWord},
      {placed.past_at, &last, kWord},
      {placed.sampling, rows.data(), batch * sizeof(dejavu_sampling)}};
  for (const auto &[to, from, size] : copies)
    if (Status status = copyToDevice(*device, to, from, size); status.failed())
      return status;
  return enqueue(model.entryPoints.sample, placed, "sample");
}

void CudaBackend::dropGraph() {
  if (graph)
    device->driver().graphExecDestroy(graph);
  graph = nullptr;
}

Status CudaBackend::capture(const dejavu_step &step) {
  const CudaDriver &driver = device->driver();
  if (Status status = driver.check(
          driver.beginCapture(device->stream(), cuda::CaptureMode::threadLocal),
          "cuStreamBeginCapture");
      status.failed())
    return status;
  Status status = poison();
  if (status.succeeded())
    status = enqueue(model.entryPoints.decode, step, "decode");
  if (status.succeeded())
    status = enqueue(model.entryPoints.sample, step, "sample");
  // The capture ends in any case.
  cuda::Graph captured = nullptr;
  Status ended = driver.check(driver.endCapture(device->stream(), &captured),
                              "cuStreamEndCapture");
  if (status.succeeded())
    status = ended;
  if (status.succeeded())
    status = driver.check(driver.graphInstantiate(&graph, captured, 0),
                          "cuGraphInstantiate");
  if (status.failed())
    graph = nullptr;
  if (captured)
    driver.graphDestroy(captured);
  return status;
}

Status CudaBackend::advance(dejavu_step step) {
  if (Status status = device->makeCurrent(); status.failed())
    return status;
  if (!graph)
    if (Status status = capture(asDecode(placeState(step))); status.failed())
      return status;
  return device->driver().check(
      device->driver().graphLaunch(graph, device->stream()), "cuGraphLaunch");
}

ErrorOr<int64_t> CudaBackend::wait(int64_t index, int64_t row) {
  // The driver is asked only now and then: it takes longer than a look.
  static constexpr int kLooks = 4096;
  const int64_t *place = emitted.as<int64_t>() + index * batch + row;
  bool isIdle = false;
  for (int look = 1;; ++look) {
    int64_t id = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (id >= 0 && id < model.manifest.vocab)
      return id;
    if (id != -1)
      return id == -2 ? Status::error("a logit is NaN")
             : id == -3
                 ? Status::error("the greatest logit is infinite")
                 : makeError("the GPU has chosen the id %lld, which is "
                             "not in the vocabulary of %lld",
                             static_cast<long long>(id),
                             static_cast<long long>(model.manifest.vocab));
    if (isIdle)
      return Status::error("the GPU has chosen no id");
    if (look % kLooks != 0)
      continue;
    cuda::Result result = device->driver().streamQuery(device->stream());
    if (result == cuda::kErrorNotReady)
      continue;
    if (Status status = device->driver().check(result, "cuStreamQuery");
        status.failed())
      return status;
    // Nothing more will come; but it may have since the look.
    isIdle = true;
  }
}

Status CudaBackend::finish() {
  if (Status status = device->makeCurrent(); status.failed())
    return status;
  return device->synchronize();
}
