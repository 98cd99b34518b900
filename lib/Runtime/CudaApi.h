//===- CudaApi.h - the part of the CUDA driver that is used -----*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Types and numbers of the driver's binary interface, under names of our own.
// The driver's header is not needed to build the runtime; where there is one, a
// test compares (test/Unit/Runtime/CudaApiTest.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CUDAAPI_H
#define DEJAVU_LIB_RUNTIME_CUDAAPI_H

#include <cstddef>
#include <cstdint>

namespace dejavu::rt::cuda {

/// 0 is success.
using Result = int;
inline constexpr Result kSuccess = 0;
inline constexpr Result kErrorOutOfMemory = 2;
inline constexpr Result kErrorNoDevice = 100;
inline constexpr Result kErrorNotReady = 600;

/// The number of a GPU.
using Device = int;
/// An address in a GPU's memory.
using Address = unsigned long long;

using Context = struct ContextHandle *;
using Module = struct ModuleHandle *;
using Function = struct FunctionHandle *;
using Stream = struct StreamHandle *;
using Event = struct EventHandle *;
using Graph = struct GraphHandle *;
using GraphExec = struct GraphExecHandle *;

/// What cuDeviceGetAttribute tells.
enum class DeviceAttribute : int {
  multiprocessors = 16,
  memoryClockKHz = 36,
  memoryBusBits = 37,
  capabilityMajor = 75,
  capabilityMinor = 76,
};

/// What cuFuncSetAttribute sets.
enum class FunctionAttribute : int {
  maxDynamicShared = 8,
  nonPortableCluster = 14,
};

/// Options of cuModuleLoadDataEx.
enum class JitOption : int { errorLog = 5, errorLogBytes = 6 };

inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDisableTiming = 2;
/// Pinned memory for all contexts, at one address for host and GPU.
inline constexpr unsigned kHostPortable = 1, kHostMapped = 2;

enum class CaptureMode : int { threadLocal = 1 };

enum class LaunchAttributeId : int {
  clusterDimension = 4,
  programmaticStreamSerialization = 6,
};

union LaunchAttributeValue {
  char pad[64];
  struct {
    unsigned x, y, z;
  } cluster;
  int programmaticSerialization;
};

struct LaunchAttribute {
  LaunchAttributeId id;
  char pad[4];
  /// Aligned as the driver's union, which has pointers in it.
  alignas(8) LaunchAttributeValue value;
};

struct LaunchConfig {
  unsigned gridX, gridY, gridZ;
  unsigned blockX, blockY, blockZ;
  unsigned sharedBytes;
  Stream stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};

} // namespace dejavu::rt::cuda

#endif // DEJAVU_LIB_RUNTIME_CUDAAPI_H
