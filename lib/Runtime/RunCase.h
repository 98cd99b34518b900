//===- RunCase.h - the model's original signature ---------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the model as it was exported, cache in and cache out, on the tensors
// `in.NAME` of a safetensors file, and writes `out.NAME` for every output.
// One new token behind a non-empty cache goes through @decode, everything
// else through @prefill.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_RUNCASE_H
#define DEJAVU_LIB_RUNTIME_RUNCASE_H

#include "Session.h"

#include <span>
#include <string>

namespace dejavu::rt {

/// The first step of each row from an attention mask [rows, steps]: zeros,
/// then at least one 1. The error names the row, counted from 0.
ErrorOr<std::vector<int64_t>> startsOfMask(std::span<const int64_t> mask,
                                           int64_t rows, int64_t steps);

Status runCase(const LoadedModel &model, const std::string &casePath,
               const std::string &outputPath);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_RUNCASE_H
