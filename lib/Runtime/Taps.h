//===- Taps.h - values of activations ---------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generated code reports the value of every activation if it is asked to. A
// sink says which values it wants and does something with them.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_TAPS_H
#define DEJAVU_LIB_RUNTIME_TAPS_H

#include "Manifest.h"

#include <set>
#include <span>
#include <string>
#include <vector>

namespace dejavu::rt {

class TapSink {
public:
  /// The manifest must outlive the sink.
  explicit TapSink(const Manifest &manifest) : manifest(manifest) {}
  virtual ~TapSink() = default;

  /// What generated code is to report: bits DEJAVU_TAP_*.
  virtual int64_t bits() const = 0;

  /// Takes a value of the current call, [rows, width]. A site that the manifest
  /// does not have, or that reports twice in a call, is an error.
  Status record(int64_t site, const float *data, int64_t rows, int64_t width);

  /// Ends the current call.
  void nextCall() {
    reported.clear();
    ++call;
  }

protected:
  /// Calls that have ended.
  int64_t numCalls() const { return call; }

private:
  /// `values` is [rows, tap.width].
  virtual void keep(const TapSite &tap, std::span<const float> values,
                    int64_t rows) = 0;

  const Manifest &manifest;
  int64_t call = 0;
  std::set<int64_t> reported; ///< sites, in the current call
};

/// Keeps all values and writes them as `pN.siteM`: the value of site M in call
/// N, where call 0 is the prefill and the others are decode steps.
class TapRecorder : public TapSink {
public:
  using TapSink::TapSink;

  int64_t bits() const override;
  Status write(const std::string &path) const;

private:
  void keep(const TapSite &tap, std::span<const float> values,
            int64_t rows) override;

  struct Value {
    std::string name;
    Shape shape;
    std::vector<float> data;
  };
  std::vector<Value> values;
};

/// Keeps the values that some sites have in the last call.
class TapWindow : public TapSink {
public:
  /// The manifest has all the sites.
  TapWindow(const Manifest &manifest, const std::vector<int64_t> &sites);

  int64_t bits() const override { return wanted; }

  /// The values of site number `index` of those that are wanted, [rows, width].
  /// An error if they are not `rows` rows, for one because it did not report.
  ErrorOr<std::span<const float>> values(size_t index, int64_t rows) const;

private:
  void keep(const TapSite &tap, std::span<const float> values,
            int64_t rows) override;

  struct Value {
    const TapSite *tap;
    int64_t call = -1; ///< that it is of
    std::vector<float> data;
  };
  int64_t wanted = 0;
  std::vector<Value> kept;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_TAPS_H
