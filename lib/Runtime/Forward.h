//===- Forward.h - a model without a cache ----------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Encoders, encoder-decoders and whatever else is no decoder with a cache: one
// call takes the model's inputs and gives its outputs, of any type and rank.
// Everything about an input that the manifest states is checked before
// generated code sees it.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_FORWARD_H
#define DEJAVU_LIB_RUNTIME_FORWARD_H

#include "Safetensors.h"
#include "Session.h"

#include <functional>

namespace dejavu::rt {

/// Runs the model on tensors `in.NAME` and hands `out.NAME` to `consume`, which
/// they do not outlive.
Status runForward(
    const LoadedModel &model, const std::vector<TensorView> &inputs,
    const std::function<Status(const std::vector<TensorView> &)> &consume);

/// The same from file to file. Errors about the inputs name `casePath`.
Status runForwardCase(const LoadedModel &model, const std::string &casePath,
                      const std::string &outputPath);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_FORWARD_H
