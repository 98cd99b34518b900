//===- CudaDriver.h - functions of the CUDA driver --------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver, libcuda.so.1, is loaded when a model for a GPU is, and never
// linked. Its functions are a table, which a test can fill with its own.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CUDADRIVER_H
#define DEJAVU_LIB_RUNTIME_CUDADRIVER_H

#include "CudaApi.h"
#include "Status.h"

namespace dejavu::rt {

/// The member, the symbol that the driver exports, the parameters. Symbols have
/// the versions that go with the types of CudaApi.h.
#define DEJAVU_CUDA_FUNCTIONS(X)                                               \
  X(getErrorString, "cuGetErrorString", (cuda::Result, const char **))         \
  X(init, "cuInit", (unsigned))                                                \
  X(deviceGetCount, "cuDeviceGetCount", (int *))                               \
  X(deviceGet, "cuDeviceGet", (cuda::Device *, int))                           \
  X(deviceGetName, "cuDeviceGetName", (char *, int, cuda::Device))             \
  X(deviceGetAttribute, "cuDeviceGetAttribute",                                \
    (int *, cuda::DeviceAttribute, cuda::Device))                              \
  X(contextRetain, "cuDevicePrimaryCtxRetain",                                 \
    (cuda::Context *, cuda::Device))                                           \
  X(contextRelease, "cuDevicePrimaryCtxRelease_v2", (cuda::Device))            \
  X(contextSetCurrent, "cuCtxSetCurrent", (cuda::Context))                     \
  X(moduleLoad, "cuModuleLoadDataEx",                                          \
    (cuda::Module *, const void *, unsigned, cuda::JitOption *, void **))      \
  X(moduleUnload, "cuModuleUnload", (cuda::Module))                            \
  X(moduleGetFunction, "cuModuleGetFunction",                                  \
    (cuda::Function *, cuda::Module, const char *))                            \
  X(functionSetAttribute, "cuFuncSetAttribute",                                \
    (cuda::Function, cuda::FunctionAttribute, int))                            \
  X(memGetInfo, "cuMemGetInfo_v2", (size_t *, size_t *))                       \
  X(memAlloc, "cuMemAlloc_v2", (cuda::Address *, size_t))                      \
  X(memFree, "cuMemFree_v2", (cuda::Address))                                  \
  X(hostAlloc, "cuMemHostAlloc", (void **, size_t, unsigned))                  \
  X(hostFree, "cuMemFreeHost", (void *))                                       \
  X(copyToDevice, "cuMemcpyHtoDAsync_v2",                                      \
    (cuda::Address, const void *, size_t, cuda::Stream))                       \
  X(copyToHost, "cuMemcpyDtoHAsync_v2",                                        \
    (void *, cuda::Address, size_t, cuda::Stream))                             \
  X(fill, "cuMemsetD8Async",                                                   \
    (cuda::Address, unsigned char, size_t, cuda::Stream))                      \
  X(streamCreate, "cuStreamCreate", (cuda::Stream *, unsigned))                \
  X(streamDestroy, "cuStreamDestroy_v2", (cuda::Stream))                       \
  X(streamSynchronize, "cuStreamSynchronize", (cuda::Stream))                  \
  X(streamQuery, "cuStreamQuery", (cuda::Stream))                              \
  X(beginCapture, "cuStreamBeginCapture_v2",                                   \
    (cuda::Stream, cuda::CaptureMode))                                         \
  X(endCapture, "cuStreamEndCapture", (cuda::Stream, cuda::Graph *))           \
  X(graphInstantiate, "cuGraphInstantiateWithFlags",                           \
    (cuda::GraphExec *, cuda::Graph, unsigned long long))                      \
  X(graphLaunch, "cuGraphLaunch", (cuda::GraphExec, cuda::Stream))             \
  X(graphDestroy, "cuGraphDestroy", (cuda::Graph))                             \
  X(graphExecDestroy, "cuGraphExecDestroy", (cuda::GraphExec))                 \
  X(eventCreate, "cuEventCreate", (cuda::Event *, unsigned))                   \
  X(eventDestroy, "cuEventDestroy_v2", (cuda::Event))                          \
  X(eventRecord, "cuEventRecord", (cuda::Event, cuda::Stream))                 \
  X(eventSynchronize, "cuEventSynchronize", (cuda::Event))                     \
  X(launch, "cuLaunchKernelEx",                                                \
    (const cuda::LaunchConfig *, cuda::Function, void **, void **))

struct CudaDriver {
#define DEJAVU_CUDA_MEMBER(NAME, SYMBOL, PARAMETERS)                           \
  cuda::Result(*NAME) PARAMETERS = nullptr;
  DEJAVU_CUDA_FUNCTIONS(DEJAVU_CUDA_MEMBER)
#undef DEJAVU_CUDA_MEMBER

  /// Success, or an error that says which function failed and why.
  Status check(cuda::Result result, const char *function) const;

  /// The driver of this machine, loaded once, or the one set below.
  static ErrorOr<const CudaDriver *> get();
  /// Loads a driver from a library.
  static ErrorOr<CudaDriver> load(const char *library);
  /// Has get() return another driver from now on; null: that of the machine.
  static void replace(const CudaDriver *other);
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CUDADRIVER_H
