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
#include <string>
#include <vector>

namespace dejavu::rt {

/// Whether this CPU has every feature that code was generated for. Names are
/// LLVM's; those that the check does not know are left out of it.
Status checkCpuFeatures(const std::vector<std::string> &features);

/// Sets the number of OpenMP threads. Fails if the executable has no OpenMP.
Status setThreads(int64_t threads);

/// The number of OpenMP threads; 1 without OpenMP.
int64_t getThreads();

std::string hostName();
/// The CPU's model name as /proc/cpuinfo has it.
std::string cpuName();
/// `2026-01-31T12:00:00Z`
std::string utcDate();

/// Bytes per second that `threads` threads read from memory together: the
/// best of several passes over an array of at least 256 MiB and four times
/// the last-level cache.
ErrorOr<double> measureReadBandwidth(int64_t threads);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_MACHINE_H
