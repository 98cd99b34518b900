//===- Program.h - an executable from its flags to its exit code *- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What main() of an executable does, with the streams and the model handed
// in, so that tests can call it with a model of their own.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_PROGRAM_H
#define DEJAVU_LIB_RUNTIME_PROGRAM_H

#include "dejavu-rt/runtime.h"

#include <cstdio>
#include <string>
#include <vector>

namespace dejavu::rt {

/// Results go to `out` and nothing else does.
struct Streams {
  std::FILE *in = stdin;
  std::FILE *out = stdout;
  std::FILE *err = stderr;
};

/// `arguments` begins with the program's name. Returns 0, or 1 after printing
/// one line `error: ...` to `err`; nothing, if nobody reads `out` any more.
int runProgram(const std::vector<std::string> &arguments,
               const dejavu_rt_model &model, const Streams &streams);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_PROGRAM_H
