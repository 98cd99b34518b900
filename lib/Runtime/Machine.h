//===- Machine.h - the machine that runs the executable ---------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instruction sets, threads, names and the read bandwidth of memory.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_MACHINE_H
#define DEJAVU_LIB_RUNTIME_MACHINE_H

#include "Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dejavu::rt {

/// Whether this CPU has every feature that code was generated for. Names are
/// LLVM's; those that the check does not know are left out of it.
Status checkCpuFeatures(const std::vector<std::string> &features);

/// Sets the number of OpenMP threads. Fails if the executable has no OpenMP.
Status setThreads(int64_t threads);

/// Ties each OpenMP thread to a CPU if there are as many threads (`threads`, or
/// else the default) as CPUs that this process may use. Decode meets at a
/// barrier a few times in each layer; on a busy machine the scheduler may put
/// two threads on one CPU, and every barrier then waits for a time slice. With
/// fewer threads than CPUs nothing is done: two programs would be tied to the
/// same ones. Nothing is done, too, if the environment says something about
/// it. Must come before OpenMP is used.
void bindThreads(std::optional<int64_t> threads);

/// The number of OpenMP threads; 1 without OpenMP.
int64_t getThreads();

std::string hostName();
/// The CPU's model name as /proc/cpuinfo has it.
std::string cpuName();
/// `2026-01-31T12:00:00Z`
std::string utcDate();

/// Bytes per second that up to `threads` threads read from memory together: the
/// best of several passes and numbers of threads over an array of at least 512
/// MiB and four times the last-level cache. Threads of OpenMP that have nothing
/// to do keep their CPUs busy for a while: measure before there are any.
ErrorOr<double> measureReadBandwidth(int64_t threads);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_MACHINE_H
