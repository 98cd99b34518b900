//===- dejavu-run.cpp - an executable against recorded outputs ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Feeds the arrays `in.NAME` of an .npz file to a compiled model, through the
// executable's own --run-case, and compares what it computes with the arrays
// `out.NAME`. Nothing is executed but that executable.
//
//===----------------------------------------------------------------------===//

#include "Child.h"
#include "Compare.h"
#include "Npz.h"

#include "Safetensors.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <new>

using namespace dejavu::rt;
using namespace dejavu::run;

static constexpr char kHelp[] =
    "usage: dejavu-run OUT --input case.npz [--rtol R] [--atol A]\n"
    "                  [--output F.npz]\n"
    "\n"
    "Runs the model's original signature on the arrays in.NAME of case.npz\n"
    "and compares every array out.NAME with what the executable OUT computes.\n"
    "Passes if |got - want| <= A + R * |want| everywhere.\n"
    "\n"
    "  --input F.npz   the case\n"
    "  --rtol R        relative tolerance (default 1e-4)\n"
    "  --atol A        absolute tolerance (default 1e-4)\n"
    "  --output F.npz  write all outputs\n"
    "  --version       print the version\n"
    "  --help          print this text\n";

namespace {
struct Options {
  bool help = false;
  bool version = false;
  std::string executable;
  std::string input;
  std::string output;
  Tolerance tolerance;
};
} // namespace

static Status parseTolerance(const std::string &flag, const std::string &text,
                             double &value) {
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() ||
      !std::isfinite(value) || value < 0)
    return makeError("%s: expected a number of at least 0, found '%s'",
                     flag.c_str(), text.c_str());
  return Status::success();
}

static Status parseOptions(const std::vector<std::string> &arguments,
                           Options &options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string flag = arguments[i];
    if (flag == "--help" || flag == "-h") {
      options.help = true;
      return Status::success();
    }
    if (flag == "--version") {
      options.version = true;
      return Status::success();
    }
    if (flag.rfind("--", 0) != 0) {
      if (!options.executable.empty())
        return makeError("unexpected argument '%s'", flag.c_str());
      options.executable = flag;
      continue;
    }
    std::string value;
    size_t equals = flag.find('=');
    bool hasValue = equals != std::string::npos;
    if (hasValue) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    }
    if (flag != "--input" && flag != "--output" && flag != "--rtol" &&
        flag != "--atol")
      return makeError("unknown flag '%s'", flag.c_str());
    if (!hasValue) {
      if (i + 1 == arguments.size())
        return makeError("%s needs a value", flag.c_str());
      value = arguments[++i];
    }
    Status status = Status::success();
    if (flag == "--input")
      options.input = value;
    else if (flag == "--output")
      options.output = value;
    else if (flag == "--rtol")
      status = parseTolerance(flag, value, options.tolerance.relative);
    else
      status = parseTolerance(flag, value, options.tolerance.absolute);
    if (status.failed())
      return status;
  }
  if (options.executable.empty())
    return Status::error("no executable is given");
  if (options.input.empty())
    return Status::error("--input is missing");
  return Status::success();
}

static Status print(const std::string &text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0)
    return errnoError("stdout");
  return Status::success();
}

/// `case` of `/some/where/case.npz`: temporary files are named so that
/// messages about them can be understood.
static std::string stemOf(const std::string &path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  return name.substr(0, name.find_last_of('.'));
}

/// Runs the executable on the inputs; its outputs are in `resultPath` then.
static Status execute(const Options &options, const std::vector<Array> &arrays,
                      TemporaryFolder &folder, std::string &resultPath) {
  std::vector<TensorView> inputs;
  for (const Array &array : arrays)
    if (array.name.rfind("in.", 0) == 0)
      inputs.push_back(array.view());
  std::string stem = stemOf(options.input);
  std::string casePath = folder.file(stem + ".safetensors");
  resultPath = folder.file(stem + ".outputs.safetensors");
  if (Status status = writeSafetensors(casePath, inputs); status.failed())
    return status;
  ErrorOr<ChildResult> result = runChild(
      options.executable, {"--run-case", casePath, "--output", resultPath},
      {casePath, options.input});
  if (result.failed())
    return result.status();
  if (result->code == 0)
    return Status::success();
  // An empty message: the executable has said what is wrong.
  return result->saidError
             ? Status::error("")
             : makeError("%s: failed with exit code %d",
                         options.executable.c_str(), result->code);
}

static Status runTool(const Options &options) {
  if (Status status = checkExecutable(options.executable); status.failed())
    return status;
  ErrorOr<std::vector<Array>> arrays = readNpz(options.input);
  if (arrays.failed())
    return arrays.status();
  size_t expectations = 0;
  for (const Array &array : *arrays) {
    bool isOutput = array.name.rfind("out.", 0) == 0;
    expectations += isOutput;
    if (!isOutput && array.name.rfind("in.", 0) != 0)
      return makeError("%s: '%s' is neither in.NAME nor out.NAME",
                       options.input.c_str(), array.name.c_str());
  }
  if (expectations == 0)
    return makeError("%s: there is no out.NAME to compare with",
                     options.input.c_str());

  ErrorOr<TemporaryFolder> folder = TemporaryFolder::create();
  if (folder.failed())
    return folder.status();
  std::string resultPath;
  if (Status status = execute(options, *arrays, *folder, resultPath);
      status.failed())
    return status;
  ErrorOr<SafetensorsFile> results = SafetensorsFile::open(resultPath);
  if (results.failed())
    return results.status();
  if (!options.output.empty())
    if (Status status = writeNpz(options.output, results->tensors());
        status.failed())
      return status;

  std::string text;
  size_t failures = 0;
  for (const Array &array : *arrays) {
    if (array.name.rfind("out.", 0) != 0)
      continue;
    Comparison comparison = {false, "not an output of the model, FAILED"};
    if (const TensorView *got = results->find(array.name))
      comparison = compare(*got, array.view(), options.tolerance);
    failures += !comparison.passed;
    text += array.name + ": " + comparison.text + "\n";
  }
  if (Status status = print(text); status.failed())
    return status;
  if (failures > 0)
    return makeError("%s: %zu of %zu outputs are not as expected",
                     options.input.c_str(), failures, expectations);
  return Status::success();
}

static Status runMain(const std::vector<std::string> &arguments) {
  Options options;
  if (Status status = parseOptions(arguments, options); status.failed())
    return status;
  if (options.help)
    return print(kHelp);
  if (options.version)
    return print("dejavu " DEJAVU_VERSION "\n");
  return runTool(options);
}

int main(int argc, char **argv) {
  Status status = Status::success();
  try {
    status = runMain({argv + 1, argv + argc});
  } catch (const std::bad_alloc &) {
    status = Status::error("out of memory");
  }
  if (status.succeeded())
    return 0;
  if (!status.message().empty())
    std::fprintf(stderr, "error: %s\n", status.message().c_str());
  return 1;
}
