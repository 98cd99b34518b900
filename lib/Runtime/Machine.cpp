//===- Machine.cpp - the machine that runs the executable -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include "Files.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <optional>
#include <sched.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

using namespace dejavu::rt;

//===----------------------------------------------------------------------===//
// OpenMP
//===----------------------------------------------------------------------===//

// Executables link libomp because generated code calls it. These are weak so
// that a program without generated code (a test, a tool) links, too.
extern "C" {
[[gnu::weak]] void omp_set_num_threads(int threads);
[[gnu::weak]] int omp_get_max_threads(void);
}

Status dejavu::rt::setThreads(int64_t threads) {
  if (!omp_set_num_threads) {
    if (threads == 1)
      return Status::success();
    return Status::error("this executable has no OpenMP: it runs one thread");
  }
  omp_set_num_threads(static_cast<int>(threads));
  return Status::success();
}

/// The CPUs that this process could use before its threads were bound.
static std::optional<cpu_set_t> cpusBeforeBinding;

void dejavu::rt::bindThreads(std::optional<int64_t> threads) {
  for (const char *name :
       {"OMP_PROC_BIND", "OMP_PLACES", "KMP_AFFINITY", "GOMP_CPU_AFFINITY"})
    if (std::getenv(name))
      return;
  cpu_set_t cpus;
  if (::sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
    return;
  int64_t count = CPU_COUNT(&cpus), wanted = count;
  if (threads)
    wanted = *threads;
  else if (const char *text = std::getenv("OMP_NUM_THREADS"))
    wanted = std::strtoll(text, nullptr, 10);
  if (count < 2 || wanted != count)
    return;
  cpusBeforeBinding = cpus;
  ::setenv("OMP_PROC_BIND", "true", /*overwrite=*/0);
}

int64_t dejavu::rt::getThreads() {
  return omp_get_max_threads ? omp_get_max_threads() : 1;
}

//===----------------------------------------------------------------------===//
// Features and names
//===----------------------------------------------------------------------===//

#if defined(__x86_64__)
namespace {
struct Feature {
  const char *name;
  bool (*present)();
};
} // namespace

#define FEATURE(LLVM_NAME, BUILTIN_NAME)                                       \
  {LLVM_NAME, [] { return __builtin_cpu_supports(BUILTIN_NAME) != 0; }}

/// LLVM's names, without underscores, and those of the builtin, which wants
/// literals.
static const Feature kFeatures[] = {
    FEATURE("sse3", "sse3"),
    FEATURE("ssse3", "ssse3"),
    FEATURE("sse4.1", "sse4.1"),
    FEATURE("sse4.2", "sse4.2"),
    FEATURE("popcnt", "popcnt"),
    FEATURE("avx", "avx"),
    FEATURE("avx2", "avx2"),
    FEATURE("fma", "fma"),
    FEATURE("f16c", "f16c"),
    FEATURE("bmi", "bmi"),
    FEATURE("bmi2", "bmi2"),
    FEATURE("avx512f", "avx512f"),
    FEATURE("avx512bw", "avx512bw"),
    FEATURE("avx512cd", "avx512cd"),
    FEATURE("avx512dq", "avx512dq"),
    FEATURE("avx512vl", "avx512vl"),
    FEATURE("avx512ifma", "avx512ifma"),
    FEATURE("avx512vbmi", "avx512vbmi"),
    FEATURE("avx512vbmi2", "avx512vbmi2"),
    FEATURE("avx512vnni", "avx512vnni"),
    FEATURE("avx512bitalg", "avx512bitalg"),
    FEATURE("avx512vpopcntdq", "avx512vpopcntdq"),
    FEATURE("avx512bf16", "avx512bf16"),
    FEATURE("avx512fp16", "avx512fp16"),
    FEATURE("avx512vp2intersect", "avx512vp2intersect"),
    FEATURE("avxvnni", "avxvnni"),
    FEATURE("gfni", "gfni"),
    FEATURE("vpclmulqdq", "vpclmulqdq"),
    FEATURE("vaes", "vaes"),
};
#undef FEATURE
#endif

Status dejavu::rt::checkCpuFeatures(const std::vector<std::string> &features) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  for (const std::string &feature : features) {
    // Both `avx512_bf16` and `avx512bf16` are in use.
    std::string name = feature;
    name.erase(std::remove(name.begin(), name.end(), '_'), name.end());
    for (const Feature &known : kFeatures)
      if (name == known.name && !known.present())
        return makeError("this CPU (%s) does not have %s, which the "
                         "executable was compiled for",
                         cpuName().c_str(), feature.c_str());
  }
#endif
  return Status::success();
}

std::string dejavu::rt::hostName() {
  char name[256] = "";
  if (::gethostname(name, sizeof(name) - 1) != 0)
    return "unknown";
  return name;
}

std::string dejavu::rt::cpuName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    size_t colon = line.find(':');
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos &&
        colon + 2 <= line.size())
      return line.substr(colon + 2);
  }
  return "unknown";
}

std::string dejavu::rt::utcDate() {
  std::time_t now = std::time(nullptr);
  std::tm parts;
  char text[32];
  ::gmtime_r(&now, &parts);
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

//===----------------------------------------------------------------------===//
// Read bandwidth
//===----------------------------------------------------------------------===//

/// The size of the largest cache that the first CPU sees, or 0.
static uint64_t lastLevelCacheBytes() {
  uint64_t largest = 0;
  for (int index = 0; index < 8; ++index) {
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" +
                       std::to_string(index) + "/size");
    uint64_t size = 0;
    char unit = 0;
    if (file >> size >> unit)
      largest = std::max(largest, unit == 'K'   ? size << 10
                                  : unit == 'M' ? size << 20
                                                : size);
  }
  return largest;
}

typedef uint64_t Vector16 __attribute__((vector_size(16)));

/// Sums words with wide loads. Four sums keep loads from waiting for adds.
static uint64_t sumBaseline(const uint64_t *words, size_t count) {
  const Vector16 *data = reinterpret_cast<const Vector16 *>(words);
  Vector16 sums[4] = {};
  for (size_t i = 0; i + 4 <= count / 2; i += 4)
    for (size_t j = 0; j < 4; ++j)
      sums[j] += data[i + j];
  Vector16 sum = sums[0] + sums[1] + sums[2] + sums[3];
  return sum[0] + sum[1];
}

#if defined(__x86_64__)
typedef uint64_t Vector32 __attribute__((vector_size(32)));

[[gnu::target("avx2")]] static uint64_t sumAvx2(const uint64_t *words,
                                                size_t count) {
  const Vector32 *data = reinterpret_cast<const Vector32 *>(words);
  Vector32 sums[4] = {};
  for (size_t i = 0; i + 4 <= count / 4; i += 4)
    for (size_t j = 0; j < 4; ++j)
      sums[j] += data[i + j];
  Vector32 sum = sums[0] + sums[1] + sums[2] + sums[3];
  return sum[0] + sum[1] + sum[2] + sum[3];
}
#endif

/// Ties this thread to a CPU, to another one for each `number` as long as there
/// are any. A thread that was started by one that is tied is tied like it.
static void useCpu(int64_t number) {
  cpu_set_t all, one;
  if (cpusBeforeBinding)
    all = *cpusBeforeBinding;
  else if (::sched_getaffinity(0, sizeof(all), &all) != 0)
    return;
  int64_t skip = number % CPU_COUNT(&all);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &all) && skip-- == 0) {
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      (void)::sched_setaffinity(0, sizeof(one), &one);
    }
}

/// The best of several passes.
static ErrorOr<double> measureWith(int64_t threads) {
  static constexpr int kPasses = 8;
  // Threads may have more than one such cache.
  uint64_t bytes = std::max<uint64_t>(512 << 20, 4 * lastLevelCacheBytes());
  ErrorOr<Buffer> buffer =
      Buffer::allocate(bytes, "measurement of the read bandwidth");
  if (buffer.failed())
    return buffer.status();
  // What is measured is the memory, not the tables of its pages.
  (void)::madvise(buffer->data(), bytes, MADV_HUGEPAGE);
  auto sum = sumBaseline;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2"))
    sum = sumAvx2;
#endif

  // Each thread writes its part first, so that the pages are near it. All begin
  // a pass together, and it ends with the last of them.
  using Clock = std::chrono::steady_clock;
  size_t words = bytes / sizeof(uint64_t) / threads / 64 * 64;
  std::vector<uint64_t> sums(threads);
  Clock::time_point begin;
  double best = 0.0;
  std::barrier starting(threads, [&]() noexcept { begin = Clock::now(); });
  std::barrier ending(threads, [&]() noexcept {
    std::chrono::duration<double> seconds = Clock::now() - begin;
    best = std::max(best, static_cast<double>(words) * sizeof(uint64_t) *
                              threads / seconds.count());
  });
  std::vector<std::thread> workers;
  for (int64_t i = 0; i < threads; ++i)
    workers.emplace_back([&, i] {
      useCpu(i);
      uint64_t *part = buffer->as<uint64_t>() + i * words;
      std::memset(part, static_cast<int>(i + 1), words * sizeof(uint64_t));
      for (int pass = 0; pass < kPasses; ++pass) {
        starting.arrive_and_wait();
        sums[i] += sum(part, words);
        ending.arrive_and_wait();
      }
    });
  for (std::thread &worker : workers)
    worker.join();
  // Using the sums keeps the compiler from dropping the reads.
  volatile uint64_t sink = 0;
  for (uint64_t value : sums)
    sink = sink + value;
  return best;
}

ErrorOr<double> dejavu::rt::measureReadBandwidth(int64_t threads) {
  double best = 0.0;
  // More threads do not always read more.
  for (int64_t count = threads; count > 0; count /= 2) {
    ErrorOr<double> measured = measureWith(count);
    if (measured.failed())
      return measured;
    best = std::max(best, *measured);
  }
  return best;
}
