//===- FakeExecutable.cpp - symbols of generated code, made by hand -------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Defines what dejavu-compile emits, so that main() of dejavu_rt_main and the
// tools that start executables can be tested without a compiler. The variable
// FAKE_MODEL chooses how it misbehaves.
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"

#include "Weights.h"

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>

using namespace dejavu::test;

extern "C" void setFakeManifest(const char *text, long size);

namespace {
/// Writes the weights beside the executable and fills the manifest, which
/// FakeManifest.c defines as variables, before main() looks for them.
struct Setup {
  Setup() {
    auto path = dejavu::rt::defaultWeightsPath();
    std::string manifest = fakeManifest(writeFakeWeights(*path));
    setFakeManifest(manifest.data(), manifest.size());
  }
};
} // namespace

static const Setup setup;

static int32_t misbehave(dejavu_step *step, int32_t code) {
  const char *how = std::getenv("FAKE_MODEL");
  if (!how)
    return code;
  if (std::strcmp(how, "crash") == 0)
    std::raise(SIGKILL);
  if (std::strcmp(how, "quiet") == 0)
    std::_Exit(3);
  if (std::strcmp(how, "nan") == 0)
    step->logits[5] = NAN;
  return std::strcmp(how, "fail") == 0 ? 42 : code;
}

int32_t dejavu_prefill(dejavu_step *step) {
  return misbehave(step, fakePrefill(step));
}
int32_t dejavu_decode(dejavu_step *step) {
  return misbehave(step, fakeDecode(step));
}
