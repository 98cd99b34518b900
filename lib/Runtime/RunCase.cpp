//===- RunCase.cpp - the model's original signature -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunCase.h"

#include "Forward.h"
#include "Safetensors.h"

#include <cstring>

using namespace dejavu::rt;

ErrorOr<std::vector<int64_t>>
dejavu::rt::startsOfMask(std::span<const int64_t> mask, int64_t rows,
                         int64_t steps) {
  std::vector<int64_t> starts;
  for (int64_t row = 0; row < rows; ++row) {
    std::span<const int64_t> bits = mask.subspan(row * steps, steps);
    int64_t start = 0;
    while (start < steps && bits[start] == 0)
      ++start;
    bool onesFollow = start < steps;
    for (int64_t i = start; i < steps; ++i)
      onesFollow &= bits[i] == 1;
    if (!onesFollow)
      return makeError("row %lld: expected zeros, then ones, at least one of "
                       "them",
                       static_cast<long long>(row));
    starts.push_back(start);
  }
  return starts;
}

namespace {
/// The inputs of a case, checked against the signature.
class CaseInputs {
public:
  CaseInputs(const Manifest &manifest, const SafetensorsFile &file)
      : manifest(manifest), file(file) {}

  Status load();
  /// Copies the past keys and values to where the session wants them.
  Status fillCache(Session &session) const;

  int64_t batch = 0;
  int64_t tokens = 0;
  int64_t past = 0;
  std::vector<int64_t> ids;
  std::vector<int64_t> positions; ///< empty: they count from the start
  std::vector<int64_t> starts;

private:
  Status checkNames() const;
  Status loadSizes();
  /// The tensor of an input, of the type and shape that it must have.
  ErrorOr<const TensorView *> get(const SignatureEntry &entry, DType dtype,
                                  const Shape &shape) const;
  ErrorOr<std::vector<int64_t>> integers(const SignatureEntry &entry,
                                         const Shape &shape) const;
  Shape cacheShape(const SignatureEntry &entry) const {
    const ManifestLayer &layer = manifest.layers[entry.layer];
    return {batch, layer.kvHeads, past, layer.headDim};
  }

  const Manifest &manifest;
  const SafetensorsFile &file;
};
} // namespace

Status CaseInputs::checkNames() const {
  for (const TensorView &tensor : file.tensors()) {
    bool known = false;
    for (const SignatureEntry &entry : manifest.inputs)
      known |= tensor.name == "in." + entry.name;
    if (!known)
      return makeError("'%s' is not an input of the model",
                       tensor.name.c_str());
  }
  for (const SignatureEntry &entry : manifest.inputs)
    if (!file.find("in." + entry.name))
      return makeError("input 'in.%s' is missing", entry.name.c_str());
  return Status::success();
}

Status CaseInputs::loadSizes() {
  const SignatureEntry &idsEntry = *manifest.findInput(Role::Ids);
  const TensorView &idsTensor = *file.find("in." + idsEntry.name);
  if (idsTensor.shape.size() != 2 || idsTensor.shape[0] < 1 ||
      idsTensor.shape[1] < 1)
    return makeError("'in.%s': expected a shape of [batch, tokens], found %s",
                     idsEntry.name.c_str(), toString(idsTensor.shape).c_str());
  batch = idsTensor.shape[0];
  tokens = idsTensor.shape[1];
  if (const SignatureEntry *key = manifest.findInput(Role::Key)) {
    const TensorView &tensor = *file.find("in." + key->name);
    if (tensor.shape.size() != 4)
      return makeError("'in.%s': expected a shape of [batch, heads, past, "
                       "head_dim], found %s",
                       key->name.c_str(), toString(tensor.shape).c_str());
    past = tensor.shape[2];
  }
  if (past > manifest.maxContext || tokens > manifest.maxContext - past)
    return makeError("%lld tokens behind %lld steps exceed the context of "
                     "%lld",
                     static_cast<long long>(tokens),
                     static_cast<long long>(past),
                     static_cast<long long>(manifest.maxContext));
  return Status::success();
}

ErrorOr<const TensorView *> CaseInputs::get(const SignatureEntry &entry,
                                            DType dtype,
                                            const Shape &shape) const {
  const TensorView *tensor = file.find("in." + entry.name);
  if (tensor->dtype != dtype || tensor->shape != shape)
    return makeError("'%s': expected %s, found %s", tensor->name.c_str(),
                     toString(dtype, shape).c_str(),
                     toString(tensor->dtype, tensor->shape).c_str());
  return tensor;
}

ErrorOr<std::vector<int64_t>> CaseInputs::integers(const SignatureEntry &entry,
                                                   const Shape &shape) const {
  ErrorOr<const TensorView *> tensor = get(entry, DType::I64, shape);
  if (tensor.failed())
    return tensor.status();
  std::vector<int64_t> values((*tensor)->bytes / sizeof(int64_t));
  std::memcpy(values.data(), (*tensor)->data, (*tensor)->bytes);
  return values;
}

Status CaseInputs::load() {
  if (Status status = checkNames(); status.failed())
    return status;
  if (Status status = loadSizes(); status.failed())
    return status;
  starts.assign(batch, 0);
  for (const SignatureEntry &entry : manifest.inputs) {
    if (entry.role == Role::Key || entry.role == Role::Value) {
      ErrorOr<const TensorView *> tensor =
          get(entry, DType::F32, cacheShape(entry));
      if (tensor.failed())
        return tensor.status();
      continue;
    }
    int64_t width = entry.role == Role::AttentionMask ? past + tokens : tokens;
    ErrorOr<std::vector<int64_t>> values = integers(entry, {batch, width});
    if (values.failed())
      return values.status();
    if (entry.role == Role::Ids) {
      ids = std::move(*values);
    } else if (entry.role == Role::Positions) {
      positions = std::move(*values);
    } else {
      ErrorOr<std::vector<int64_t>> found = startsOfMask(*values, batch, width);
      if (found.failed())
        return found.status().withPrefix("'in." + entry.name + "'");
      starts = std::move(*found);
    }
  }
  return Status::success();
}

Status CaseInputs::fillCache(Session &session) const {
  for (const SignatureEntry &entry : manifest.inputs) {
    if (entry.role != Role::Key && entry.role != Role::Value)
      continue;
    const TensorView &tensor = *file.find("in." + entry.name);
    // A file's tensors may lie at any address.
    std::vector<float> values(tensor.bytes / sizeof(float));
    std::memcpy(values.data(), tensor.data, tensor.bytes);
    if (Status status =
            session.writeCache(entry.role, entry.layer, values.data(), past);
        status.failed())
      return status;
  }
  return Status::success();
}

Status dejavu::rt::runCase(const LoadedModel &model,
                           const std::string &casePath,
                           const std::string &outputPath) {
  const Manifest &manifest = model.manifest;
  if (manifest.form == Form::Forward)
    return runForwardCase(model, casePath, outputPath);
  ErrorOr<SafetensorsFile> file = SafetensorsFile::open(casePath);
  if (file.failed())
    return file.status();
  CaseInputs inputs(manifest, *file);
  if (Status status = inputs.load(); status.failed())
    return status.withPrefix(casePath);

  // A cache without room to spare has the layout of the outputs.
  int64_t steps = inputs.past + inputs.tokens;
  ErrorOr<std::unique_ptr<Session>> created =
      Session::create(model, inputs.batch, steps);
  if (created.failed())
    return created.status();
  Session &session = **created;
  if (Status status = inputs.fillCache(session); status.failed())
    return status;
  if (Status status = session.setPast(inputs.past); status.failed())
    return status;
  if (Status status = session.setStarts(inputs.starts); status.failed())
    return status;
  const int64_t *positions =
      inputs.positions.empty() ? nullptr : inputs.positions.data();
  // The outputs have all keys and values, so none may be deferred.
  Status status =
      inputs.tokens == 1 && inputs.past > 0
          ? session.decode(inputs.ids.data(), positions, /*flush=*/true)
          : session.prefill(inputs.ids.data(), positions, inputs.tokens, 0);
  if (status.failed())
    return status.withPrefix(casePath);

  std::vector<TensorView> outputs;
  std::vector<std::vector<float>> caches;
  for (const SignatureEntry &entry : manifest.outputs) {
    TensorView view;
    view.name = "out." + entry.name;
    const float *data = session.logits();
    view.shape = {inputs.batch, inputs.tokens, manifest.vocab};
    if (entry.role != Role::Logits) {
      const ManifestLayer &layer = manifest.layers[entry.layer];
      ErrorOr<std::vector<float>> values =
          session.readCache(entry.role, entry.layer);
      if (values.failed())
        return values.status();
      data = caches.emplace_back(std::move(*values)).data();
      view.shape = {inputs.batch, layer.kvHeads, steps, layer.headDim};
    }
    view.data = reinterpret_cast<const uint8_t *>(data);
    view.bytes = *byteSize(DType::F32, view.shape);
    outputs.push_back(std::move(view));
  }
  return writeSafetensors(outputPath, outputs);
}
