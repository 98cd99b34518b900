//===- Bench.cpp - how fast the model decodes -----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bench.h"

#include "CudaDevice.h"
#include "Json.h"
#include "Machine.h"

#include <algorithm>
#include <chrono>

using namespace dejavu::rt;

TokenIds dejavu::rt::syntheticPrompt(int64_t length, int64_t vocab) {
  // Knuth's MMIX generator; its upper bits are the good ones.
  uint64_t state = 1;
  TokenIds ids;
  for (int64_t i = 0; i < length; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    ids.push_back((state >> 33) % vocab);
  }
  return ids;
}

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle]
                           : (values[middle - 1] + values[middle]) / 2;
}

namespace {
/// Seconds since it was made.
class Stopwatch {
public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         begin)
        .count();
  }

private:
  std::chrono::steady_clock::time_point begin =
      std::chrono::steady_clock::now();
};
} // namespace

/// Greedy decode steps behind a prefill.
static Status decodeGreedily(Session &session, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    ErrorOr<int64_t> id =
        argmax(session.lastLogits(0), session.manifest().vocab);
    if (id.failed())
      return id.status();
    if (Status status = session.decode(&*id); status.failed())
      return status;
  }
  return Status::success();
}

/// The same without the host, which sees the ids one step late.
static Status decodeOnGpu(Session &session, int64_t count) {
  Status status = session.beginChoices(SamplingOptions());
  for (int64_t i = 0; i < count && status.succeeded(); ++i) {
    status = session.advanceChoices();
    if (status.succeeded())
      status = session.waitChoice(i, 0).status();
  }
  Status ended = session.endChoices();
  return status.failed() ? status : ended;
}

ErrorOr<BenchResult> dejavu::rt::bench(const LoadedModel &model,
                                       const BenchOptions &options) {
  const Manifest &manifest = model.manifest;
  if (Status status =
          checkPrompts(manifest, {options.prompt}, options.newTokens);
      status.failed())
    return status;
  double bandwidth = 0.0;
  if (!manifest.cuda) {
    ErrorOr<double> measured = measureReadBandwidth(getThreads());
    if (measured.failed())
      return measured.status();
    bandwidth = *measured;
  }
  int64_t length = options.prompt.size();
  ErrorOr<std::unique_ptr<Session>> created =
      Session::create(model, /*batch=*/1, length + options.newTokens);
  if (created.failed())
    return created.status();
  Session &session = **created;
  const CudaDevice *gpu = session.gpu();
  if (gpu)
    bandwidth = gpu->peakBandwidth();
  auto prefill = [&] {
    return session.prefill(options.prompt.data(), nullptr, length, length - 1);
  };

  std::vector<double> prefills, steps;
  // The first round is not counted: it touches pages and starts threads.
  for (int64_t round = 0; round <= options.repeats; ++round) {
    session.reset();
    if (round == 1)
      session.counters().reset();
    Stopwatch prefillWatch;
    if (Status status = prefill(); status.failed())
      return status;
    double prefillSeconds = prefillWatch.seconds();
    Stopwatch decodeWatch;
    if (Status status = gpu ? decodeOnGpu(session, options.newTokens)
                            : decodeGreedily(session, options.newTokens);
        status.failed())
      return status;
    double decodeSeconds = decodeWatch.seconds();
    if (round > 0) {
      prefills.push_back(prefillSeconds);
      steps.push_back(decodeSeconds / options.newTokens);
    }
  }

  int64_t countedTokens = options.repeats * options.newTokens;
  if (gpu) {
    session.reset();
    session.counters().reset();
    countedTokens = options.newTokens;
    if (Status status = prefill(); status.failed())
      return status;
    if (Status status = decodeGreedily(session, countedTokens); status.failed())
      return status;
  }
  ErrorOr<Traffic> traffic =
      trafficOf(manifest, session.counters(), countedTokens);
  if (traffic.failed())
    return traffic.status();
  BenchResult result;
  result.promptLength = length;
  result.newTokens = options.newTokens;
  result.repeats = options.repeats;
  result.threads = getThreads();
  result.gpu = gpu ? gpu->name() : "";
  result.prefillSeconds = median(prefills);
  result.secondsPerToken = median(steps);
  result.traffic = std::move(*traffic);
  result.bytesPerSecond = bandwidth;
  return result;
}

std::string BenchResult::text(const Manifest &manifest) const {
  std::string memory =
      gpu.empty()
          ? formatString("read bandwidth: %.4g GB/s with %lld threads\n"
                         "share of read bandwidth: %.3g\n",
                         bytesPerSecond / 1e9, static_cast<long long>(threads),
                         bandwidthShare())
          : formatString("peak bandwidth: %.4g GB/s on %s\n"
                         "share of peak bandwidth: %.3g\n",
                         bytesPerSecond / 1e9, gpu.c_str(), bandwidthShare());
  return formatString(
      "prefill: %.4g ms for %lld tokens\n"
      "decode: %.4g ms/token, %.1f tokens/s\n"
      "mlp density: %.6g\n"
      "head density: %.6g\n"
      "bytes/token: %.0f of %lld dense\n"
      "%s",
      prefillSeconds * 1e3, static_cast<long long>(promptLength),
      secondsPerToken * 1e3, 1.0 / secondsPerToken, traffic.meanMlpDensity(1),
      traffic.meanHeadDensity(), traffic.bytesPerToken,
      static_cast<long long>(manifest.denseBytes), memory.c_str());
}

std::string BenchResult::json(const Manifest &manifest) const {
  nlohmann::ordered_json root;
  root["model"] = manifest.modelName;
  root["compiler"] = manifest.compiler;
  root["sparsity"] = manifest.sparsity;
  root["machine"] = hostName();
  root["cpu"] = cpuName();
  if (!gpu.empty())
    root["gpu"] = gpu;
  root["date"] = utcDate();
  root["threads"] = threads;
  root["prompt_length"] = promptLength;
  root["new_tokens"] = newTokens;
  root["repeats"] = repeats;
  root["prefill_ms"] = prefillSeconds * 1e3;
  root["ms_per_token"] = secondsPerToken * 1e3;
  root["tokens_per_second"] = 1.0 / secondsPerToken;
  root["mlp_density"] = traffic.meanMlpDensity(1);
  root["head_density"] = traffic.meanHeadDensity();
  root["bytes_per_token"] = traffic.bytesPerToken;
  root["bytes_per_token_dense"] = manifest.denseBytes;
  root[gpu.empty() ? "read_bandwidth_bytes_per_second"
                   : "peak_bandwidth_bytes_per_second"] = bytesPerSecond;
  root["bandwidth_share"] = bandwidthShare();
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}
