//===- FakeCuda.cpp - a CUDA driver that records --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeCuda.h"

#include <cstdlib>
#include <cstring>
#include <set>

using namespace dejavu::rt;
using namespace dejavu::test;

static FakeCuda *fake = nullptr;
static std::set<std::string> names;

template <typename T>
static T makeHandle(uintptr_t number) {
  return reinterpret_cast<T>(number);
}

static void run(const FakeLaunch &launch) {
  fake->launches.push_back(launch);
  if (fake->hook)
    fake->hook(launch);
}

FakeCuda::FakeCuda() {
  fake = this;
  driver.getErrorString = [](int, const char **text) {
    *text = "fake error";
    return 0;
  };
  driver.init = [](unsigned) { return 0; };
  driver.deviceGetCount = [](int *count) { return *count = 1, 0; };
  driver.deviceGet = [](int *device, int) { return *device = 0, 0; };
  driver.deviceGetName = [](char *name, int, int) {
    std::strcpy(name, "Fake GPU");
    return 0;
  };
  driver.deviceGetAttribute = [](int *value, cuda::DeviceAttribute what, int) {
    *value =
        what == cuda::DeviceAttribute::multiprocessors   ? fake->processors
        : what == cuda::DeviceAttribute::capabilityMajor ? fake->capability / 10
        : what == cuda::DeviceAttribute::capabilityMinor ? fake->capability % 10
                                                         : 1000;
    return 0;
  };
  driver.contextRetain = [](cuda::Context *context, int) {
    *context = makeHandle<cuda::Context>(1);
    return 0;
  };
  driver.contextRelease = [](int) { return 0; };
  driver.contextSetCurrent = [](cuda::Context) { return 0; };
  driver.moduleLoad = [](cuda::Module *module, const void *image, unsigned,
                         cuda::JitOption *, void **) {
    fake->image = image;
    *module = makeHandle<cuda::Module>(2);
    return 0;
  };
  driver.moduleUnload = [](cuda::Module) { return 0; };
  driver.moduleGetFunction = [](cuda::Function *function, cuda::Module,
                                const char *name) {
    *function = reinterpret_cast<cuda::Function>(
        const_cast<char *>(names.insert(name).first->c_str()));
    return 0;
  };
  driver.functionSetAttribute = [](cuda::Function function,
                                   cuda::FunctionAttribute, int value) {
    fake->attributes.emplace_back(reinterpret_cast<const char *>(function),
                                  value);
    return 0;
  };
  driver.memGetInfo = [](size_t *free, size_t *total) {
    *free = *total = fake->freeBytes;
    return 0;
  };
  driver.memAlloc = [](cuda::Address *address, size_t bytes) {
    ++fake->allocations;
    *address = reinterpret_cast<cuda::Address>(
        std::aligned_alloc(256, (bytes + 255) / 256 * 256));
    return 0;
  };
  driver.memFree = [](cuda::Address address) {
    --fake->allocations;
    std::free(reinterpret_cast<void *>(address));
    return 0;
  };
  driver.hostAlloc = [](void **memory, size_t bytes, unsigned) {
    ++fake->allocations;
    return *memory = std::malloc(bytes), 0;
  };
  driver.hostFree = [](void *memory) {
    --fake->allocations;
    return std::free(memory), 0;
  };
  driver.copyToDevice = [](cuda::Address to, const void *from, size_t bytes,
                           cuda::Stream) {
    std::memcpy(reinterpret_cast<void *>(to), from, bytes);
    return fake->isCapturing ? 900 : 0;
  };
  driver.copyToHost = [](void *to, cuda::Address from, size_t bytes,
                         cuda::Stream) {
    std::memcpy(to, reinterpret_cast<void *>(from), bytes);
    return fake->isCapturing ? 900 : 0;
  };
  driver.fill = [](cuda::Address to, unsigned char value, size_t bytes,
                   cuda::Stream) {
    auto set = [=] { std::memset(reinterpret_cast<void *>(to), value, bytes); };
    if (fake->isCapturing)
      fake->captured.push_back(set);
    else
      set();
    return 0;
  };
  driver.streamCreate = [](cuda::Stream *stream, unsigned) {
    *stream = makeHandle<cuda::Stream>(3);
    return 0;
  };
  driver.streamDestroy = [](cuda::Stream) { return 0; };
  driver.streamSynchronize = [](cuda::Stream) { return 0; };
  driver.streamQuery = [](cuda::Stream) { return 0; };
  driver.beginCapture = [](cuda::Stream, cuda::CaptureMode) {
    fake->isCapturing = true;
    fake->captured.clear();
    return ++fake->captures, 0;
  };
  driver.endCapture = [](cuda::Stream, cuda::Graph *graph) {
    fake->isCapturing = false;
    *graph = makeHandle<cuda::Graph>(4);
    return 0;
  };
  driver.graphInstantiate = [](cuda::GraphExec *graph, cuda::Graph,
                               unsigned long long) {
    *graph = makeHandle<cuda::GraphExec>(5);
    return 0;
  };
  driver.graphLaunch = [](cuda::GraphExec, cuda::Stream) {
    ++fake->graphLaunches;
    for (const std::function<void()> &work : fake->captured)
      work();
    return 0;
  };
  driver.graphDestroy = [](cuda::Graph) { return 0; };
  driver.graphExecDestroy = [](cuda::GraphExec) { return 0; };
  driver.eventCreate = [](cuda::Event *event, unsigned) {
    *event = makeHandle<cuda::Event>(6);
    return 0;
  };
  driver.eventDestroy = [](cuda::Event) { return 0; };
  driver.eventRecord = [](cuda::Event, cuda::Stream) { return 0; };
  driver.eventSynchronize = [](cuda::Event) { return 0; };
  driver.launch = [](const cuda::LaunchConfig *config, cuda::Function function,
                     void **arguments, void **) {
    FakeLaunch launch;
    launch.kernel = reinterpret_cast<const char *>(function);
    launch.config = *config;
    launch.attributes.assign(config->attributes,
                             config->attributes + config->numAttributes);
    launch.argument = *static_cast<uint64_t *>(arguments[0]);
    if (fake->isCapturing)
      fake->captured.push_back([launch] { run(launch); });
    else
      run(launch);
    return 0;
  };
  CudaDriver::replace(&driver);
}

FakeCuda::~FakeCuda() {
  CudaDriver::replace(nullptr);
  fake = nullptr;
}
