//===- Activations.cpp - what a text makes of some tap sites --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Activations.h"

#include <algorithm>

using namespace dejavu::rt;

Status dejavu::rt::streamActivations(const LoadedModel &model,
                                     const TokenIds &tokens,
                                     const ActivationOptions &options,
                                     const ActivationWriter &write) {
  const Manifest &manifest = model.manifest;
  int64_t total = tokens.size(), window = manifest.contextLimit();
  int64_t numWindows = (total + window - 1) / window;
  if (options.firstWindow >= numWindows)
    return makeError("%lld tokens are %lld windows of %lld, none behind the "
                     "first %lld",
                     static_cast<long long>(total),
                     static_cast<long long>(numWindows),
                     static_cast<long long>(window),
                     static_cast<long long>(options.firstWindow));
  int64_t end = numWindows;
  if (options.windows)
    end = std::min(end - options.firstWindow, *options.windows) +
          options.firstWindow;

  ErrorOr<std::unique_ptr<Session>> created =
      Session::create(model, /*batch=*/1, std::min(window, total));
  if (created.failed())
    return created.status();
  Session &session = **created;
  TapWindow taps(manifest, options.sites);
  session.setTaps(&taps);
  for (int64_t i = options.firstWindow; i < end; ++i) {
    int64_t count = std::min(window, total - i * window);
    std::string where = "window " + std::to_string(i);
    session.reset();
    if (Status status = session.prefill(&tokens[i * window], nullptr, count,
                                        /*logitsFrom=*/count - 1);
        status.failed())
      return status.withPrefix(where);
    for (size_t site = 0; site < options.sites.size(); ++site) {
      ErrorOr<std::span<const float>> values = taps.values(site, count);
      if (values.failed())
        return values.status().withPrefix(where);
      if (Status status = write(*values); status.failed())
        return status;
    }
  }
  return Status::success();
}
