//===- Images.cpp - the code for GPUs in an executable --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Target/CUDA/Images.h"

#include "dejavu/Target/CUDA/Cubin.h"
#include "dejavu/Target/CUDA/PTX.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;
using namespace mlir::dejavu;
namespace json = llvm::json;

/// Every image begins at a multiple of this many bytes.
static constexpr size_t kAlignment = 64;

namespace {
/// The code of one gpu.module.
struct ChipCode {
  TargetInfo target;
  SmallVector<KernelLaunch> launches;
  std::string ptx;
  Cubin cubin;
};
} // namespace

static FailureOr<ChipCode> emitChip(gpu::GPUModuleOp kernels, StringRef tool) {
  FailureOr<TargetInfo> target = getKernelTarget(kernels);
  if (failed(target))
    return failure();
  FailureOr<SmallVector<KernelLaunch>> launches =
      getKernelLaunches(kernels, *target);
  if (failed(launches))
    return failure();
  FailureOr<std::string> ptx = emitPTX(kernels, *target);
  if (failed(ptx))
    return failure();
  std::string error;
  FailureOr<Cubin> cubin = assembleCubin(*ptx, target->chip, tool, error);
  if (failed(cubin))
    return kernels.emitOpError() << error;
  return ChipCode{*target, std::move(*launches), std::move(*ptx),
                  std::move(*cubin)};
}

/// What the runtime is told about the kernels of an image.
static json::Array describeKernels(const ChipCode &code) {
  json::Array kernels;
  for (const KernelLaunch &launch : code.launches) {
    KernelResources used = code.cubin.resources.lookup(launch.name);
    kernels.push_back(json::Object{{"threads", launch.threads},
                                   {"shared", launch.sharedBytes},
                                   {"cluster", launch.cluster},
                                   {"early", launch.early},
                                   {"registers", used.registers},
                                   {"local", used.localBytes}});
  }
  return kernels;
}

FailureOr<CUDAImages> dejavu::emitCUDAImages(ModuleOp module, StringRef tool) {
  std::vector<ChipCode> chips;
  for (auto kernels : module.getOps<gpu::GPUModuleOp>()) {
    FailureOr<ChipCode> code = emitChip(kernels, tool);
    if (failed(code))
      return failure();
    auto getName = [](const KernelLaunch &launch) { return launch.name; };
    if (!chips.empty() &&
        llvm::map_to_vector(code->launches, getName) !=
            llvm::map_to_vector(chips.front().launches, getName))
      return kernels.emitOpError() << "expected the kernels of the other "
                                      "modules, in their order";
    chips.push_back(std::move(*code));
  }
  if (chips.empty())
    return module.emitError() << "expected a gpu.module for each chip, as "
                                 "lowering for CUDA leaves them";
  llvm::sort(chips, [](const ChipCode &a, const ChipCode &b) {
    return a.target.capability < b.target.capability;
  });

  CUDAImages images;
  json::Array list;
  auto add = [&](const ChipCode &code, StringRef kind, StringRef bytes) {
    images.blob.resize(llvm::alignTo(images.blob.size(), kAlignment), '\0');
    list.push_back(
        json::Object{{"chip", code.target.chip},
                     {"kind", kind.str()},
                     {"offset", static_cast<int64_t>(images.blob.size())},
                     {"size", static_cast<int64_t>(bytes.size())},
                     {"kernels", describeKernels(code)}});
    images.blob += bytes;
  };
  for (const ChipCode &code : chips) {
    add(code, "cubin", code.cubin.bytes);
    images.files.push_back({code.target.chip + ".cubin", code.cubin.bytes});
    images.files.push_back({code.target.chip + ".ptx", code.ptx});
  }
  // The driver reads PTX up to its zero.
  const std::string &newest = chips.back().ptx;
  add(chips.back(), "ptx", StringRef(newest.c_str(), newest.size() + 1));
  json::Array names;
  for (const KernelLaunch &launch : chips.front().launches)
    names.push_back(launch.name);
  images.manifest =
      json::Object{{"kernels", std::move(names)}, {"images", std::move(list)}};
  return images;
}
