//===- Forward.cpp - a model without a cache ------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Forward.h"

#include "Memory.h"

#include <charconv>
#include <cstring>
#include <map>

using namespace dejavu::rt;

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

/// The size that a dimension of the manifest states, if it is a number.
static std::optional<int64_t> sizeOfDim(const std::string &text) {
  int64_t size = 0;
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), size);
  if (code != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return size;
}

/// `I64 [batch, seq, 64]`
static std::string describe(const SignatureEntry &entry) {
  std::string text = std::string(nameOf(entry.dtype)) + " [";
  for (size_t i = 0; i < entry.dims.size(); ++i)
    text += (i ? ", " : "") + entry.dims[i];
  return text + "]";
}

namespace {
/// Sizes of named dimensions, with the input that was the first to show them.
using NamedSizes = std::map<std::string, std::pair<int64_t, std::string>>;
} // namespace

/// Checks type and shape of an input.
static Status checkInput(const SignatureEntry &entry, const TensorView &tensor,
                         NamedSizes &sizes) {
  bool fits =
      tensor.dtype == entry.dtype && tensor.shape.size() == entry.dims.size();
  for (size_t i = 0; fits && i < entry.dims.size(); ++i)
    fits =
        sizeOfDim(entry.dims[i]).value_or(tensor.shape[i]) == tensor.shape[i];
  if (!fits)
    return makeError("'%s': expected %s, found %s", tensor.name.c_str(),
                     describe(entry).c_str(),
                     toString(tensor.dtype, tensor.shape).c_str());
  for (size_t i = 0; i < entry.dims.size(); ++i) {
    const std::string &name = entry.dims[i];
    if (sizeOfDim(name) || name == "?")
      continue;
    auto [known, isNew] = sizes.insert({name, {tensor.shape[i], tensor.name}});
    if (known->second.first != tensor.shape[i])
      return makeError(
          "'%s': expected %s = %lld as in '%s', found %s", tensor.name.c_str(),
          name.c_str(), static_cast<long long>(known->second.first),
          known->second.second.c_str(), toString(tensor.shape).c_str());
  }
  if (tensor.dtype == DType::BOOL)
    for (uint64_t i = 0; i < tensor.bytes; ++i)
      if (tensor.data[i] > 1)
        return makeError("'%s': expected bools of 0 and 1, found %d",
                         tensor.name.c_str(), tensor.data[i]);
  return Status::success();
}

/// The tensors in the order of the signature, checked.
static ErrorOr<std::vector<const TensorView *>>
matchInputs(const Manifest &manifest, const std::vector<TensorView> &given) {
  std::map<std::string, const TensorView *> byName;
  for (const TensorView &tensor : given)
    byName[tensor.name] = &tensor;
  for (const TensorView &tensor : given) {
    bool known = false;
    for (const SignatureEntry &entry : manifest.inputs)
      known |= tensor.name == "in." + entry.name;
    if (!known)
      return makeError("'%s' is not an input of the model",
                       tensor.name.c_str());
  }
  std::vector<const TensorView *> tensors;
  NamedSizes sizes;
  for (const SignatureEntry &entry : manifest.inputs) {
    auto found = byName.find("in." + entry.name);
    if (found == byName.end())
      return makeError("input 'in.%s' is missing", entry.name.c_str());
    if (Status status = checkInput(entry, *found->second, sizes);
        status.failed())
      return status;
    tensors.push_back(found->second);
  }
  return tensors;
}

//===----------------------------------------------------------------------===//
// The call
//===----------------------------------------------------------------------===//

/// What an output is once generated code has filled it.
static ErrorOr<TensorView> viewOutput(const SignatureEntry &entry,
                                      const dejavu_tensor &tensor) {
  TensorView view;
  view.name = "out." + entry.name;
  view.dtype = entry.dtype;
  view.shape.assign(tensor.dims, tensor.dims + entry.dims.size());
  for (size_t i = 0; i < entry.dims.size(); ++i)
    if (sizeOfDim(entry.dims[i]).value_or(view.shape[i]) != view.shape[i])
      return makeError("output '%s': expected %s, found the shape %s",
                       entry.name.c_str(), describe(entry).c_str(),
                       toString(view.shape).c_str());
  std::optional<uint64_t> bytes = byteSize(entry.dtype, view.shape);
  if (!bytes)
    return makeError("output '%s': %s is not a possible shape",
                     entry.name.c_str(), toString(view.shape).c_str());
  view.bytes = *bytes;
  view.data = static_cast<const uint8_t *>(tensor.data);
  return view;
}

Status dejavu::rt::runForward(
    const LoadedModel &model, const std::vector<TensorView> &inputs,
    const std::function<Status(const std::vector<TensorView> &)> &consume) {
  const Manifest &manifest = model.manifest;
  ErrorOr<std::vector<const TensorView *>> matched =
      matchInputs(manifest, inputs);
  if (matched.failed())
    return matched.status();

  CallScope scope;
  std::vector<dejavu_tensor> arguments, results(manifest.outputs.size());
  std::vector<Buffer> copies;
  for (const TensorView *tensor : *matched) {
    dejavu_tensor &argument = arguments.emplace_back();
    std::copy(tensor->shape.begin(), tensor->shape.end(), argument.dims);
    // In a file tensors stand at any address.
    ErrorOr<Buffer> copy = Buffer::allocate(
        std::max<uint64_t>(tensor->bytes, 1), "copy of an input");
    if (copy.failed())
      return copy.status();
    if (tensor->bytes > 0)
      std::memcpy(copy->data(), tensor->data, tensor->bytes);
    argument.data = copy->data();
    copies.push_back(std::move(*copy));
  }
  dejavu_call call = {};
  call.inputs = arguments.data();
  call.outputs = results.data();
  call.weights = model.weights.pointers().data();
  if (Status status =
          scope.call(model.entryPoints.forward, &call, manifest, "forward");
      status.failed())
    return status;

  std::vector<TensorView> outputs;
  for (size_t i = 0; i < results.size(); ++i) {
    ErrorOr<TensorView> view = viewOutput(manifest.outputs[i], results[i]);
    if (view.failed())
      return view.status();
    outputs.push_back(std::move(*view));
  }
  return consume(outputs);
}

Status dejavu::rt::runForwardCase(const LoadedModel &model,
                                  const std::string &casePath,
                                  const std::string &outputPath) {
  ErrorOr<SafetensorsFile> file = SafetensorsFile::open(casePath);
  if (file.failed())
    return file.status();
  Status written = Status::success();
  Status status =
      runForward(model, file->tensors(),
                 [&](const std::vector<TensorView> &outputs) -> Status {
                   written = writeSafetensors(outputPath, outputs);
                   return Status::success();
                 });
  return status.failed() ? status.withPrefix(casePath) : written;
}
