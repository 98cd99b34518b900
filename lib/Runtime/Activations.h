//===- Activations.h - what a text makes of some tap sites ------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every token goes through @prefill, in windows of the context length, each
// with an empty cache. The last window may be shorter. What the wanted tap
// sites report is handed on window by window; no more than one is in memory.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_ACTIVATIONS_H
#define DEJAVU_LIB_RUNTIME_ACTIVATIONS_H

#include "Generate.h"

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace dejavu::rt {

struct ActivationOptions {
  /// In the order in which they are handed on. The manifest has them all.
  std::vector<int64_t> sites;
  int64_t firstWindow = 0; ///< windows that are skipped
  /// Of those behind them, at most.
  std::optional<int64_t> windows = std::nullopt;
};

/// Takes the values of one site in one window, [tokens of the window, width].
using ActivationWriter = std::function<Status(std::span<const float> values)>;

/// Stops at the first error of `write`, which it returns as it is.
Status streamActivations(const LoadedModel &model, const TokenIds &tokens,
                         const ActivationOptions &options,
                         const ActivationWriter &write);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_ACTIVATIONS_H
