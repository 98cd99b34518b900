//===- Program.cpp - an executable from its flags to its exit code --------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include "Activations.h"
#include "Bench.h"
#include "CommandLine.h"
#include "Eval.h"
#include "Generate.h"
#include "Machine.h"
#include "Npy.h"
#include "RunCase.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <new>
#include <unistd.h>

using namespace dejavu::rt;

//===----------------------------------------------------------------------===//
// Standard input and output
//===----------------------------------------------------------------------===//

/// Writes results and makes sure that they arrived: a full disk is an error.
static Status writeOut(const Streams &streams, const void *data, size_t bytes) {
  errno = 0;
  if (std::fwrite(data, 1, bytes, streams.out) == bytes &&
      std::fflush(streams.out) == 0)
    return Status::success();
  // Whoever read this is gone, and wants to know no more.
  return errno == EPIPE ? Status::error("") : errnoError("stdout");
}

static Status print(const Streams &streams, const std::string &text) {
  return writeOut(streams, text.data(), text.size());
}

/// Reads one prompt a line.
static ErrorOr<std::vector<TokenIds>> readPrompts(std::FILE *in) {
  std::vector<TokenIds> prompts;
  std::string line;
  auto finishLine = [&]() -> Status {
    ErrorOr<TokenIds> ids = parsePromptIds(line);
    if (ids.failed())
      return ids.status().withPrefix("prompt " +
                                     std::to_string(prompts.size() + 1));
    prompts.push_back(std::move(*ids));
    line.clear();
    return Status::success();
  };
  char buffer[4096];
  while (size_t count = std::fread(buffer, 1, sizeof(buffer), in)) {
    for (size_t i = 0; i < count; ++i) {
      if (buffer[i] != '\n')
        line += buffer[i];
      else if (Status status = finishLine(); status.failed())
        return status;
    }
  }
  if (std::ferror(in))
    return errnoError("stdin");
  // The last line may lack its end.
  if (!line.empty())
    if (Status status = finishLine(); status.failed())
      return status;
  if (prompts.empty())
    return Status::error("no prompts on stdin, expected one a line");
  return prompts;
}

static ErrorOr<std::vector<TokenIds>> promptsOf(const CommandLine &options,
                                                const Streams &streams) {
  if (*options.promptIds == "-")
    return readPrompts(streams.in);
  ErrorOr<TokenIds> ids = parsePromptIds(*options.promptIds);
  if (ids.failed())
    return ids.status().withPrefix("prompt 1");
  return std::vector<TokenIds>{std::move(*ids)};
}

//===----------------------------------------------------------------------===//
// Jobs
//===----------------------------------------------------------------------===//

static Status runGenerate(const LoadedModel &model, const CommandLine &options,
                          const Streams &streams) {
  ErrorOr<std::vector<TokenIds>> prompts = promptsOf(options, streams);
  if (prompts.failed())
    return prompts.status();
  if (options.stream && prompts->size() != 1)
    return makeError("--stream takes one prompt, found %zu", prompts->size());

  TapRecorder recorder(model.manifest);
  GenerateOptions generation;
  generation.maxNewTokens = options.maxNewTokens;
  generation.ignoreEos = options.ignoreEos;
  generation.sampling = options.sampling;
  generation.taps = options.tap ? &recorder : nullptr;
  if (options.stream)
    generation.onToken = [&](size_t, int64_t id) {
      return print(streams, std::to_string(id) + "\n");
    };
  ErrorOr<std::vector<TokenIds>> results =
      generate(model, *prompts, generation);
  if (results.failed())
    return results.status();
  if (options.tap)
    if (Status status = recorder.write(*options.tap); status.failed())
      return status;
  if (options.stream)
    return Status::success();
  std::string text;
  for (const TokenIds &ids : *results) {
    for (size_t i = 0; i < ids.size(); ++i)
      text += (i ? "," : "") + std::to_string(ids[i]);
    text += "\n";
  }
  return print(streams, text);
}

/// A file for the logits of `tokens` tokens, with its header.
static ErrorOr<AtomicFile> createLogitsFile(const std::string &path,
                                            size_t tokens, int64_t vocab) {
  ErrorOr<std::string> header =
      makeNpyHeader(DType::F32, {static_cast<int64_t>(tokens), vocab});
  if (header.failed())
    return header.status();
  ErrorOr<AtomicFile> file = AtomicFile::create(path);
  if (file.failed())
    return file;
  if (Status status = file->write(header->data(), header->size());
      status.failed())
    return status;
  return file;
}

static Status runEval(const LoadedModel &model, const CommandLine &options,
                      const Streams &streams) {
  ErrorOr<TokenIds> tokens = readTokens(options.evalTokens);
  if (tokens.failed())
    return tokens.status();
  EvalOptions evalOptions;
  evalOptions.first = options.evalFirst;
  evalOptions.limit = options.evalLimit;
  bool isTerminal = ::isatty(::fileno(streams.err));
  if (isTerminal)
    evalOptions.progress = [&](size_t done, size_t total) {
      std::fprintf(streams.err, "\r%zu of %zu tokens", done, total);
      std::fflush(streams.err);
    };
  std::optional<AtomicFile> logits;
  if (options.evalLogits) {
    ErrorOr<AtomicFile> file =
        createLogitsFile(*options.evalLogits, evalOptions.count(tokens->size()),
                         model.manifest.vocab);
    if (file.failed())
      return file.status();
    logits = std::move(*file);
    evalOptions.onLogits = [&](const float *row) {
      return logits->write(row, model.manifest.vocab * sizeof(float));
    };
  }
  ErrorOr<EvalResult> result = evaluate(model, *tokens, evalOptions);
  if (isTerminal)
    std::fprintf(streams.err, "\r\033[K");
  if (result.failed())
    return result.status().withPrefix(options.evalTokens);
  if (logits)
    if (Status status = logits->commit(); status.failed())
      return status;
  if (options.json)
    if (Status status =
            writeTextFile(*options.json, result->json(model.manifest));
        status.failed())
      return status;
  return print(streams, result->text(model.manifest));
}

namespace {
/// Where writing to a pipe that nobody reads is an error like any other.
class BrokenPipeScope {
public:
  BrokenPipeScope() : before(std::signal(SIGPIPE, SIG_IGN)) {}
  ~BrokenPipeScope() { std::signal(SIGPIPE, before); }
  BrokenPipeScope(const BrokenPipeScope &) = delete;

private:
  void (*before)(int);
};
} // namespace

static Status runActivations(const LoadedModel &model,
                             const CommandLine &options,
                             const Streams &streams) {
  if (::isatty(::fileno(streams.out)))
    return Status::error("--activations writes no text: expected stdout to be "
                         "a file or a pipe");
  for (int64_t site : options.sites)
    if (!model.manifest.findTap(site))
      return makeError("--sites: there is no tap site %lld",
                       static_cast<long long>(site));
  ErrorOr<TokenIds> tokens = readTokens(options.activations);
  if (tokens.failed())
    return tokens.status();
  ActivationOptions activationOptions;
  activationOptions.sites = options.sites;
  activationOptions.firstWindow = options.firstWindow;
  activationOptions.windows = options.windows;
  BrokenPipeScope scope;
  Status written = Status::success();
  Status status = streamActivations(
      model, *tokens, activationOptions, [&](std::span<const float> values) {
        written = writeOut(streams, values.data(), values.size_bytes());
        return written;
      });
  // An error of writing is none of the text.
  return written.failed() ? written : status.withPrefix(options.activations);
}

static Status runBench(const LoadedModel &model, const CommandLine &options,
                       const Streams &streams) {
  BenchOptions benchOptions;
  benchOptions.repeats = options.repeats;
  // A length past the context is reported as such, but need not be filled.
  benchOptions.prompt = syntheticPrompt(
      std::min(options.promptLength, model.manifest.contextLimit() + 1),
      model.manifest.vocab);
  if (options.promptIds) {
    ErrorOr<std::vector<TokenIds>> prompts = promptsOf(options, streams);
    if (prompts.failed())
      return prompts.status();
    if (prompts->size() != 1)
      return makeError("--bench takes one prompt, found %zu", prompts->size());
    benchOptions.prompt = (*prompts)[0];
  }
  // As many as were asked for or, by default, as the context has room for.
  int64_t room = model.manifest.contextLimit() -
                 static_cast<int64_t>(benchOptions.prompt.size());
  benchOptions.newTokens = options.newTokens.value_or(
      std::clamp<int64_t>(room, 1, benchOptions.newTokens));
  ErrorOr<BenchResult> result = bench(model, benchOptions);
  if (result.failed())
    return result.status();
  if (options.json)
    if (Status status =
            writeTextFile(*options.json, result->json(model.manifest));
        status.failed())
      return status;
  return print(streams, result->text(model.manifest));
}

/// What is for the CPU alone is refused before anything is loaded.
static Status checkGpuOptions(const CommandLine &options) {
  const char *flag = options.threads                   ? "--threads"
                     : options.tap                     ? "--tap"
                     : options.job == Job::Activations ? "--activations"
                                                       : nullptr;
  return flag ? makeError("%s: this executable runs on a GPU, and that flag is "
                          "for executables that run on the CPU",
                          flag)
              : Status::success();
}

/// Shows on a terminal how far the weights have come, if that takes long.
static void showUpload(const Streams &streams, uint64_t done, uint64_t total) {
  static constexpr uint64_t kLong = 256 << 20;
  if (total < kLong)
    return;
  if (done == total)
    std::fprintf(streams.err, "\r\033[K");
  else
    std::fprintf(streams.err, "\rweights: %llu of %llu MiB",
                 static_cast<unsigned long long>(done >> 20),
                 static_cast<unsigned long long>(total >> 20));
  std::fflush(streams.err);
}

/// Everything that needs weights.
static Status runModel(const dejavu_rt_model &entryPoints, Manifest manifest,
                       const CommandLine &options, const Streams &streams) {
  if (Status status = checkCpuFeatures(manifest.cpuFeatures); status.failed())
    return status;
  if (manifest.cuda) {
    if (Status status = checkGpuOptions(options); status.failed())
      return status;
  } else {
    bindThreads(options.threads);
  }
  if (options.threads)
    if (Status status = setThreads(*options.threads); status.failed())
      return status;
  bool isSynthetic = manifest.hasSyntheticWeights();
  if (isSynthetic && options.weights)
    return Status::error("--weights: the weights of this executable are "
                         "synthetic and in no file");
  std::string path;
  if (options.weights) {
    path = *options.weights;
  } else if (!isSynthetic) {
    ErrorOr<std::string> found = defaultWeightsPath();
    if (found.failed())
      return found.status();
    path = *found;
  }
  ErrorOr<Weights> weights = isSynthetic
                                 ? ErrorOr<Weights>(Weights::describe(manifest))
                                 : Weights::open(path, manifest);
  if (weights.failed())
    return weights.status();
  if (options.verify)
    if (Status status = weights->verify(); status.failed())
      return status;

  if (manifest.form == Form::Forward && options.job != Job::RunCase &&
      options.job != Job::Verify)
    return makeError("%s: this model has no cache and generates no text; "
                     "dejavu-run runs it on inputs of its own",
                     options.job == Job::Generate      ? "--prompt-ids"
                     : options.job == Job::Eval        ? "--eval-tokens"
                     : options.job == Job::Activations ? "--activations"
                                                       : "--bench");
  LoadedModel model{entryPoints, std::move(manifest), std::move(*weights)};
  if (::isatty(::fileno(streams.err)))
    model.onUpload = [&](uint64_t done, uint64_t total) {
      showUpload(streams, done, total);
    };
  model.onRemark = [&](const std::string &text) {
    std::fprintf(streams.err, "%s\n", text.c_str());
  };
  switch (options.job) {
  case Job::Generate:
    return runGenerate(model, options, streams);
  case Job::RunCase:
    return runCase(model, options.runCase, options.output);
  case Job::Eval:
    return runEval(model, options, streams);
  case Job::Activations:
    return runActivations(model, options, streams);
  case Job::Bench:
    return runBench(model, options, streams);
  case Job::Verify:
    return print(streams, formatString("%zu weights verified\n",
                                       model.manifest.weights.size()));
  case Job::Help:
  case Job::Version:
  case Job::Info:
    break;
  }
  return Status::error("this job needs no weights");
}

static Status runJob(const std::vector<std::string> &arguments,
                     const dejavu_rt_model &model, const Streams &streams) {
  std::string program = arguments.empty() ? "model" : arguments[0];
  ErrorOr<CommandLine> options = parseCommandLine(
      {arguments.begin() + !arguments.empty(), arguments.end()});
  if (options.failed())
    return options.status();
  if (options->job == Job::Help)
    return print(streams, helpText(program));

  std::string_view text(model.manifest, model.manifest_size);
  ErrorOr<Manifest> manifest = Manifest::parse(text);
  if (manifest.failed())
    return manifest.status().withPrefix(program + ": manifest");
  if (options->job == Job::Version)
    return print(streams,
                 manifest->compiler + ", model " + manifest->modelName + "\n");
  if (options->job == Job::Info) {
    ErrorOr<std::string> pretty = prettyManifest(text);
    return pretty.failed() ? pretty.status() : print(streams, *pretty);
  }
  return runModel(model, std::move(*manifest), *options, streams);
}

int dejavu::rt::runProgram(const std::vector<std::string> &arguments,
                           const dejavu_rt_model &model,
                           const Streams &streams) {
  Status status = Status::success();
  try {
    status = runJob(arguments, model, streams);
  } catch (const std::bad_alloc &) {
    status = Status::error("out of memory");
  } catch (const std::exception &exception) {
    status = Status::error(exception.what());
  }
  if (status.succeeded())
    return 0;
  if (!status.message().empty())
    std::fprintf(streams.err, "error: %s\n", status.message().c_str());
  return 1;
}

extern "C" int dejavu_rt_main(int argc, char **argv,
                              const dejavu_rt_model *model) {
  return runProgram({argv, argv + argc}, *model, Streams());
}
