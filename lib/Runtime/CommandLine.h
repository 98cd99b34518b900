//===- CommandLine.h - flags of an executable -------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses the flags and says which of its jobs the executable is to do. A flag
// that has no meaning for that job is an error, not ignored.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_COMMANDLINE_H
#define DEJAVU_LIB_RUNTIME_COMMANDLINE_H

#include "Sampler.h"
#include "Status.h"

#include <optional>
#include <string>
#include <vector>

namespace dejavu::rt {

/// What an executable can do.
enum class Job {
  Help,
  Version,
  Info,
  Generate,
  RunCase,
  Eval,
  Activations,
  Bench,
  Verify,
};

struct CommandLine {
  Job job = Job::Help;
  std::optional<std::string> promptIds; ///< "-" for standard input
  int64_t maxNewTokens = 32;
  SamplingOptions sampling;
  bool ignoreEos = false;
  bool stream = false;
  std::optional<std::string> tap;
  std::string runCase;
  std::string output;
  std::string evalTokens;
  int64_t evalFirst = 0;
  std::optional<int64_t> evalLimit;
  std::optional<std::string> evalLogits;
  std::string activations;
  std::vector<int64_t> sites;
  int64_t firstWindow = 0;
  std::optional<int64_t> windows;
  std::optional<std::string> json;
  int64_t promptLength = 16;
  std::optional<int64_t> newTokens;
  int64_t repeats = 5;
  std::optional<int64_t> threads;
  std::optional<std::string> weights;
  bool verify = false;
};

/// `arguments` is without the program's name.
ErrorOr<CommandLine>
parseCommandLine(const std::vector<std::string> &arguments);

/// The text of --help.
std::string helpText(const std::string &program);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_COMMANDLINE_H
