//===- CudaKernels.cpp - code of a GPU, loaded ----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaKernels.h"

#include <algorithm>

using namespace dejavu::rt;

/// Whether an image runs on a GPU of that capability.
static bool fits(const CudaImage &image, int64_t capability) {
  bool isSameMajor = image.capability / 10 == capability / 10;
  if (image.variant == 'a')
    return image.capability == capability;
  if (!image.isPtx || image.variant == 'f')
    return isSameMajor && image.capability <= capability;
  return image.capability <= capability;
}

static std::string describe(const CudaCode &code) {
  std::string text;
  for (const CudaImage &image : code.images)
    text += (text.empty() ? "" : ", ") + image.chip + " (" +
            (image.isPtx ? "PTX" : "cubin") + ")";
  return text.empty() ? "none" : text;
}

ErrorOr<const CudaImage *> dejavu::rt::chooseImage(const CudaCode &code,
                                                   int capability,
                                                   const std::string &name) {
  const CudaImage *best = nullptr;
  for (const CudaImage &image : code.images) {
    if (!fits(image, capability))
      continue;
    // Machine code before text, then the newer one.
    if (!best || (best->isPtx && !image.isPtx) ||
        (best->isPtx == image.isPtx && best->capability < image.capability))
      best = &image;
  }
  if (!best)
    return makeError("no code for %s of compute capability %d.%d in this "
                     "executable, which has: %s",
                     name.c_str(), capability / 10, capability % 10,
                     describe(code).c_str());
  return best;
}

ErrorOr<std::unique_ptr<CudaKernels>>
CudaKernels::load(const CudaDevice &device, const CudaCode &manifest,
                  const char *code, int64_t codeSize) {
  ErrorOr<const CudaImage *> image =
      chooseImage(manifest, device.capability(), device.name());
  if (image.failed())
    return image.status();
  if (!code || (*image)->offset > codeSize ||
      (*image)->size > codeSize - (*image)->offset)
    return makeError("the code for %s is not in the executable: it has %lld "
                     "bytes of code for GPUs",
                     (*image)->chip.c_str(),
                     static_cast<long long>(code ? codeSize : 0));
  std::unique_ptr<CudaKernels> kernels(
      new CudaKernels(device, manifest, *image));
  if (Status status = kernels->loadModule(code + (*image)->offset);
      status.failed())
    return status;
  for (size_t i = 0; i < manifest.kernels.size(); ++i)
    if (Status status = kernels->loadFunction(i); status.failed())
      return status.withPrefix("kernel " + manifest.kernels[i]);
  return kernels;
}

CudaKernels::~CudaKernels() {
  if (module && device.makeCurrent().succeeded())
    device.driver().moduleUnload(module);
}

Status CudaKernels::loadModule(const char *data) {
  char log[2048] = {};
  cuda::JitOption options[] = {cuda::JitOption::errorLog,
                               cuda::JitOption::errorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log) - 1)};
  Status status = device.driver().check(
      device.driver().moduleLoad(&module, data, std::size(options), options,
                                 values),
      "cuModuleLoadDataEx");
  if (status.succeeded())
    return status;
  module = nullptr;
  // One line of what the driver's compiler says, if it was asked.
  std::string first(log, std::find(log, std::end(log) - 1, '\n'));
  first.resize(std::min(first.size(), first.find('\0')));
  return makeError("the code for %s: %s%s%s", chosen->chip.c_str(),
                   status.message().c_str(), first.empty() ? "" : ": ",
                   first.c_str());
}

Status CudaKernels::loadFunction(size_t number) {
  // More than these needs to be asked for.
  static constexpr int64_t kDefaultShared = 48 << 10, kPortableCluster = 8;
  const CudaDriver &driver = device.driver();
  const CudaKernel &kernel = chosen->kernels[number];
  cuda::Function function = nullptr;
  if (Status status =
          driver.check(driver.moduleGetFunction(
                           &function, module, manifest.kernels[number].c_str()),
                       "cuModuleGetFunction");
      status.failed())
    return status;
  functions.push_back(function);
  if (kernel.shared > kDefaultShared)
    if (Status status = driver.check(
            driver.functionSetAttribute(
                function, cuda::FunctionAttribute::maxDynamicShared,
                static_cast<int>(kernel.shared)),
            "cuFuncSetAttribute");
        status.failed())
      return makeError("%lld bytes of shared memory: %s",
                       static_cast<long long>(kernel.shared),
                       status.message().c_str());
  if (kernel.cluster > kPortableCluster)
    return driver.check(
        driver.functionSetAttribute(
            function, cuda::FunctionAttribute::nonPortableCluster, 1),
        "cuFuncSetAttribute");
  return Status::success();
}

Status CudaKernels::launch(int64_t number, const int64_t grid[3],
                           void *const *arguments) const {
  if (number < 0 || number >= static_cast<int64_t>(functions.size()))
    return makeError("there is no kernel %lld", static_cast<long long>(number));
  const char *name = manifest.kernels[number].c_str();
  const CudaKernel &kernel = chosen->kernels[number];
  int64_t x = grid[0];
  if (x < 0) {
    x *= -device.multiprocessors();
    x = std::max(x / kernel.cluster, int64_t(1)) * kernel.cluster;
  }
  // The limits of all GPUs.
  if (x < 1 || x > INT32_MAX || grid[1] < 1 || grid[1] > UINT16_MAX ||
      grid[2] < 1 || grid[2] > UINT16_MAX || x % kernel.cluster != 0)
    return makeError("kernel %s: a grid of %lld, %lld, %lld blocks in clusters "
                     "of %lld",
                     name, static_cast<long long>(x),
                     static_cast<long long>(grid[1]),
                     static_cast<long long>(grid[2]),
                     static_cast<long long>(kernel.cluster));

  cuda::LaunchConfig config = {};
  config.gridX = x;
  config.gridY = grid[1];
  config.gridZ = grid[2];
  config.blockX = kernel.threads;
  config.blockY = config.blockZ = 1;
  config.sharedBytes = kernel.shared;
  config.stream = device.stream();
  cuda::LaunchAttribute attributes[2] = {};
  config.attributes = attributes;
  if (kernel.cluster > 1) {
    cuda::LaunchAttribute &attribute = attributes[config.numAttributes++];
    attribute.id = cuda::LaunchAttributeId::clusterDimension;
    attribute.value.cluster = {static_cast<unsigned>(kernel.cluster), 1, 1};
  }
  if (kernel.early) {
    cuda::LaunchAttribute &attribute = attributes[config.numAttributes++];
    attribute.id = cuda::LaunchAttributeId::programmaticStreamSerialization;
    attribute.value.programmaticSerialization = 1;
  }
  return device.driver()
      .check(device.driver().launch(&config, functions[number],
                                    const_cast<void **>(arguments),
                                    /*extra=*/nullptr),
             "cuLaunchKernelEx")
      .withPrefix(std::string("kernel ") + name);
}
