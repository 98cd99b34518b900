//===- Child.h - running the executable under test --------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Starts one program by its path, without a shell and without a search, and
// passes on what it writes to stderr.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TOOLS_DEJAVU_RUN_CHILD_H
#define DEJAVU_TOOLS_DEJAVU_RUN_CHILD_H

#include "Status.h"

#include <string>
#include <vector>

namespace dejavu::run {

/// Whether `path` is a file that may be executed. The error names it.
rt::Status checkExecutable(const std::string &path);

/// A folder for temporary files that goes away with this object.
class TemporaryFolder {
public:
  static rt::ErrorOr<TemporaryFolder> create();
  TemporaryFolder(TemporaryFolder &&other) noexcept;
  TemporaryFolder &operator=(TemporaryFolder &&other) noexcept;
  ~TemporaryFolder();

  /// The path of a file in it, which is removed with it.
  std::string file(const std::string &name);

private:
  TemporaryFolder() = default;

  std::string path;
  std::vector<std::string> files;
};

/// How a child ended.
struct ChildResult {
  int code = 0;           ///< exit code
  bool saidError = false; ///< a line of its stderr began with `error:`
};

/// A file of ours that a child is given, and what the user calls it.
struct FileName {
  std::string path, shown;
};

/// Runs `path` with `arguments` to its end. Being killed by a signal is an
/// error. What it writes to stdout goes to stderr: stdout is ours. Where its
/// lines name `file`, they are made to name what the user gave.
rt::ErrorOr<ChildResult> runChild(const std::string &path,
                                  const std::vector<std::string> &arguments,
                                  const FileName &file = {});

} // namespace dejavu::run

#endif // DEJAVU_TOOLS_DEJAVU_RUN_CHILD_H
