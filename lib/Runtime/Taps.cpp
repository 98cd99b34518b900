//===- Taps.cpp - values of activations, kept for comparison --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Taps.h"

#include "Safetensors.h"

#include <algorithm>

using namespace dejavu::rt;

Status TapRecorder::record(int64_t site, const float *data, int64_t rows,
                           int64_t width) {
  auto tap = std::find_if(manifest.taps.begin(), manifest.taps.end(),
                          [&](const TapSite &tap) { return tap.site == site; });
  long long number = site;
  if (tap == manifest.taps.end())
    return makeError("tap site %lld is not in the manifest", number);
  if (rows < 0 || width != tap->width)
    return makeError("tap site %lld: %lld x %lld values, expected width %lld",
                     number, static_cast<long long>(rows),
                     static_cast<long long>(width),
                     static_cast<long long>(tap->width));
  lastCall.resize(manifest.taps.size());
  int64_t &last = lastCall[tap - manifest.taps.begin()];
  if (last == call + 1)
    return makeError("tap site %lld reports twice in one call", number);
  last = call + 1;
  values.push_back(
      {formatString("p%lld.site%lld", static_cast<long long>(call), number),
       {rows, width},
       {data, data + rows * width}});
  return Status::success();
}

Status TapRecorder::write(const std::string &path) const {
  std::vector<TensorView> tensors;
  for (const Value &value : values)
    tensors.push_back({value.name, DType::F32, value.shape,
                       reinterpret_cast<const uint8_t *>(value.data.data()),
                       value.data.size() * sizeof(float)});
  return writeSafetensors(path, tensors, {{"format", "dejavu-taps-1"}});
}
