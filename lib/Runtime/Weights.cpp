//===- Weights.cpp - the packed weights of an executable ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Weights.h"

#include "Hash.h"

#include <cstdint>
#include <unistd.h>

using namespace dejavu::rt;

/// What generated code may assume of a weight's address.
static constexpr uintptr_t kAlignment = 64;

ErrorOr<Weights> Weights::open(const std::string &path,
                               const Manifest &manifest) {
  ErrorOr<SafetensorsFile> file = SafetensorsFile::open(path);
  if (file.failed())
    return file.status();
  const char *name = path.c_str();
  // The reader has checked that the header accounts for every byte of the
  // file, so a digest that matches settles the size, too.
  std::string digest = digestOf(file->header());
  if (digest != manifest.weightsDigest)
    return makeError("%s: weights do not belong to this executable (digest "
                     "%s, expected %s)",
                     name, digest.c_str(), manifest.weightsDigest.c_str());
  auto format = file->metadata().find("format");
  if (format == file->metadata().end() || format->second != "dejavu-1")
    return makeError("%s: expected __metadata__ 'format' to be 'dejavu-1'",
                     name);

  // Moving the file moves neither its views nor its mapping.
  Weights weights(std::move(*file));
  for (const ManifestWeight &want : manifest.weights) {
    const TensorView *found = weights.file->find(want.name);
    if (!found)
      return makeError("%s: no tensor '%s'", name, want.name.c_str());
    if (found->dtype != want.dtype || found->shape != want.shape)
      return makeError("%s: tensor '%s': expected %s, found %s", name,
                       want.name.c_str(),
                       toString(want.dtype, want.shape).c_str(),
                       toString(found->dtype, found->shape).c_str());
    if (reinterpret_cast<uintptr_t>(found->data) % kAlignment != 0)
      return makeError("%s: tensor '%s': not at a multiple of 64 bytes", name,
                       want.name.c_str());
    weights.views.push_back(found);
    weights.data.push_back(found->data);
  }
  return weights;
}

Weights Weights::describe(const Manifest &manifest) {
  Weights weights;
  for (const ManifestWeight &weight : manifest.weights)
    weights.described.push_back(
        {weight.name, weight.dtype, weight.shape, nullptr,
         byteSize(weight.dtype, weight.shape).value_or(0)});
  // Moving a vector does not move its elements.
  for (const TensorView &view : weights.described) {
    weights.views.push_back(&view);
    weights.data.push_back(nullptr);
  }
  return weights;
}

Status Weights::verify() const {
  if (!file)
    return Status::error("there is nothing to verify: the weights are "
                         "synthetic");
  for (const TensorView *view : views) {
    const char *path = file->path().c_str();
    const char *name = view->name.c_str();
    auto want = file->metadata().find("checksum." + view->name);
    if (want == file->metadata().end())
      return makeError("%s: tensor '%s': no checksum", path, name);
    std::string digest = digestOf({view->data, view->bytes});
    if (digest != want->second)
      return makeError("%s: tensor '%s': damaged (checksum %s, expected %s)",
                       path, name, digest.c_str(), want->second.c_str());
  }
  return Status::success();
}

ErrorOr<std::string> dejavu::rt::defaultWeightsPath() {
  std::string path(256, '\0');
  while (true) {
    ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
    if (length < 0)
      return errnoError("/proc/self/exe");
    if (static_cast<size_t>(length) < path.size()) {
      path.resize(length);
      return path + ".safetensors";
    }
    path.resize(2 * path.size());
  }
}
