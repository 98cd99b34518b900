//===- Taps.cpp - values of activations -----------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Taps.h"

#include "Safetensors.h"

#include "dejavu-rt/abi.h"

using namespace dejavu::rt;

Status TapSink::record(int64_t site, const float *data, int64_t rows,
                       int64_t width) {
  long long number = site;
  const TapSite *tap = manifest.findTap(site);
  if (!tap)
    return makeError("tap site %lld is not in the manifest", number);
  if (rows < 0 || width != tap->width)
    return makeError("tap site %lld: %lld x %lld values, expected width %lld",
                     number, static_cast<long long>(rows),
                     static_cast<long long>(width),
                     static_cast<long long>(tap->width));
  if (!reported.insert(site).second)
    return makeError("tap site %lld reports twice in one call", number);
  keep(*tap, {data, data + rows * width}, rows);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// TapRecorder
//===----------------------------------------------------------------------===//

int64_t TapRecorder::bits() const { return DEJAVU_TAP_SITES; }

void TapRecorder::keep(const TapSite &tap, std::span<const float> data,
                       int64_t rows) {
  values.push_back(
      {formatString("p%lld.site%lld", static_cast<long long>(numCalls()),
                    static_cast<long long>(tap.site)),
       {rows, tap.width},
       {data.begin(), data.end()}});
}

Status TapRecorder::write(const std::string &path) const {
  std::vector<TensorView> tensors;
  for (const Value &value : values)
    tensors.push_back({value.name, DType::F32, value.shape,
                       reinterpret_cast<const uint8_t *>(value.data.data()),
                       value.data.size() * sizeof(float)});
  return writeSafetensors(path, tensors, {{"format", "dejavu-taps-1"}});
}

//===----------------------------------------------------------------------===//
// TapWindow
//===----------------------------------------------------------------------===//

TapWindow::TapWindow(const Manifest &manifest,
                     const std::vector<int64_t> &sites)
    : TapSink(manifest) {
  for (int64_t site : sites) {
    const TapSite *tap = manifest.findTap(site);
    kept.push_back({tap, -1, {}});
    wanted |= tap->hidden ? DEJAVU_TAP_HIDDEN : DEJAVU_TAP_SITES;
  }
}

void TapWindow::keep(const TapSite &tap, std::span<const float> data, int64_t) {
  for (Value &value : kept) {
    if (value.tap != &tap)
      continue;
    value.data.assign(data.begin(), data.end());
    value.call = numCalls();
  }
}

ErrorOr<std::span<const float>> TapWindow::values(size_t index,
                                                  int64_t rows) const {
  const Value &value = kept[index];
  int64_t found =
      value.call == numCalls() - 1 ? value.data.size() / value.tap->width : 0;
  if (found != rows)
    return makeError("tap site %lld reported %lld of %lld tokens",
                     static_cast<long long>(value.tap->site),
                     static_cast<long long>(found),
                     static_cast<long long>(rows));
  return std::span<const float>(value.data);
}
