//===- Taps.h - values of activations, kept for comparison ------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generated code reports the value of every activation if it is asked to.
// The recorder copies them and writes them as `pN.siteM`: the value of site M
// in call N, where call 0 is the prefill and the others are decode steps.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_TAPS_H
#define DEJAVU_LIB_RUNTIME_TAPS_H

#include "Manifest.h"

#include <string>
#include <vector>

namespace dejavu::rt {

class TapRecorder {
public:
  explicit TapRecorder(const Manifest &manifest) : manifest(manifest) {}

  /// Takes a value of the current call. A site that the manifest does not
  /// have, or that reports twice in a call, is an error.
  Status record(int64_t site, const float *data, int64_t rows, int64_t width);

  /// Ends the current call.
  void nextCall() { ++call; }

  Status write(const std::string &path) const;

private:
  struct Value {
    std::string name;
    Shape shape;
    std::vector<float> data;
  };

  const Manifest &manifest;
  int64_t call = 0;
  std::vector<Value> values;
  std::vector<int64_t> lastCall; ///< for each tap of the manifest, plus one
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_TAPS_H
