//===- CommandLine.cpp - flags of an executable ---------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table has every flag with its argument, its help, the jobs it belongs
// to and what it does.
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"

#include <charconv>
#include <cmath>
#include <set>

using namespace dejavu::rt;

namespace {
/// Sets of jobs.
enum Jobs : unsigned {
  kNone = 0, ///< the flag picks its job itself
  kGenerate = 1 << static_cast<unsigned>(Job::Generate),
  kRunCase = 1 << static_cast<unsigned>(Job::RunCase),
  kEval = 1 << static_cast<unsigned>(Job::Eval),
  kActivations = 1 << static_cast<unsigned>(Job::Activations),
  kBench = 1 << static_cast<unsigned>(Job::Bench),
  kVerify = 1 << static_cast<unsigned>(Job::Verify),
  kWeights = kGenerate | kRunCase | kEval | kActivations | kBench | kVerify,
};

/// What parsing has found so far.
struct Parsed {
  CommandLine options;
  /// The job that a flag has asked for, and the flag.
  std::optional<Job> job;
  const char *jobFlag = nullptr;
};

struct Flag {
  const char *name;
  const char *argument; ///< null for a switch
  const char *help;
  unsigned jobs; ///< that it belongs to; kNone if it picks one
  Status (*apply)(Parsed &parsed, const Flag &flag, const std::string &value);
};
} // namespace

static Status pickJob(Parsed &parsed, const Flag &flag, Job job) {
  if (parsed.job)
    return makeError("%s and %s exclude each other", parsed.jobFlag, flag.name);
  parsed.job = job;
  parsed.jobFlag = flag.name;
  return Status::success();
}

static Status parseInteger(const Flag &flag, const std::string &value,
                           int64_t min, int64_t max, int64_t &result) {
  auto [end, code] =
      std::from_chars(value.data(), value.data() + value.size(), result);
  if (code != std::errc() || end != value.data() + value.size() ||
      result < min || result > max)
    return makeError("%s: expected an integer from %lld to %lld, found '%s'",
                     flag.name, static_cast<long long>(min),
                     static_cast<long long>(max), value.c_str());
  return Status::success();
}

/// `3,7,66`
static Status parseIntegers(const Flag &flag, const std::string &value,
                            std::vector<int64_t> &result) {
  for (size_t begin = 0; begin <= value.size();) {
    size_t end = std::min(value.find(',', begin), value.size());
    if (Status status = parseInteger(flag, value.substr(begin, end - begin), 0,
                                     INT64_MAX, result.emplace_back());
        status.failed())
      return status;
    begin = end + 1;
  }
  return Status::success();
}

static Status parseReal(const Flag &flag, const std::string &value,
                        double &result) {
  auto [end, code] =
      std::from_chars(value.data(), value.data() + value.size(), result);
  if (code != std::errc() || end != value.data() + value.size() ||
      !std::isfinite(result))
    return makeError("%s: expected a number, found '%s'", flag.name,
                     value.c_str());
  return Status::success();
}

/// More than any context has.
static constexpr int64_t kMaxCount = 1 << 30;

#define APPLY [](Parsed & p, const Flag &f, const std::string &v)->Status
#define STORE(FIELD)                                                           \
  APPLY {                                                                      \
    p.options.FIELD = v;                                                       \
    return Status::success();                                                  \
  }
#define SET(FIELD)                                                             \
  APPLY {                                                                      \
    p.options.FIELD = true;                                                    \
    return Status::success();                                                  \
  }
#define PICK(JOB)                                                              \
  APPLY { return pickJob(p, f, Job::JOB); }
#define COUNT(FIELD, MIN)                                                      \
  APPLY { return parseInteger(f, v, MIN, kMaxCount, p.options.FIELD); }
#define COUNTS(FIELD)                                                          \
  APPLY { return parseIntegers(f, v, p.options.FIELD); }
#define OPTIONAL_COUNT(FIELD, MIN, MAX)                                        \
  APPLY { return parseInteger(f, v, MIN, MAX, p.options.FIELD.emplace()); }

static const Flag kFlags[] = {
    {"--prompt-ids", "IDS",
     "generate from token ids such as 1,17,42 and print the new ids; - reads "
     "one prompt a line from standard input and runs them as one batch",
     kGenerate | kBench, STORE(promptIds)},
    {"--max-new-tokens", "N", "new ids of each prompt at most (default 32)",
     kGenerate, COUNT(maxNewTokens, 0)},
    {"--temperature", "T",
     "sample at this temperature instead of taking the likeliest id; 0 is "
     "greedy",
     kGenerate, APPLY{p.options.sampling.greedy = false;
double &t = p.options.sampling.temperature;
if (Status status = parseReal(f, v, t); status.failed())
  return status;
return t >= 0 ? Status::success()
              : makeError("%s: expected at least 0, found '%s'", f.name,
                          v.c_str());
}
}
, {"--top-p", "P", "sample among the likeliest ids whose probabilities reach P",
   kGenerate, APPLY{p.options.sampling.greedy = false;
double &topP = p.options.sampling.topP;
if (Status status = parseReal(f, v, topP); status.failed())
  return status;
return topP > 0 && topP <= 1
           ? Status::success()
           : makeError("%s: expected more than 0 and at most 1, found "
                       "'%s'",
                       f.name, v.c_str());
}
}
, {"--seed", "S",
   "sample with this seed (default 0); equal seeds give equal ids", kGenerate,
   APPLY{p.options.sampling.greedy = false;
int64_t seed = 0;
Status status = parseInteger(f, v, 0, INT64_MAX, seed);
p.options.sampling.seed = seed;
return status;
}
}
,
    {"--ignore-eos", nullptr,
     "do not stop at an end-of-sequence id (it would be the last id printed)",
     kGenerate, SET(ignoreEos)},
    {"--stream", nullptr,
     "print each new id on a line of its own as it is made (one prompt only)",
     kGenerate, SET(stream)},
    {"--tap", "F.safetensors",
     "write the value of each tap site as pN.siteM: call N is 0 for the "
     "prefill, then counts decode steps",
     kGenerate, STORE(tap)},
    {"--run-case", "F.safetensors",
     "run the model's original signature on the tensors in.NAME", kNone,
     APPLY{p.options.runCase = v;
return pickJob(p, f, Job::RunCase);
}
}
,
    {"--output", "G.safetensors", "where --run-case writes out.NAME", kRunCase,
     STORE(output)},
    {"--eval-tokens", "F.npy",
     "print perplexity, densities and bytes per token of a text", kNone,
     APPLY{p.options.evalTokens = v;
return pickJob(p, f, Job::Eval);
}
}
, {"--eval-first", "N", "skip its first N tokens", kEval, COUNT(evalFirst, 0)},
    {"--eval-limit", "N", "take N tokens of it at most", kEval,
     OPTIONAL_COUNT(evalLimit, 2, INT64_MAX)},
    {"--eval-logits", "G.npy",
     "write the logits of each token, f32 [tokens, vocab]", kEval,
     STORE(evalLogits)},
    {"--activations", "F.npy",
     "run a text through prefill, in windows of the context length, and write "
     "what tap sites report, f32, window by window and site by site",
     kNone, APPLY{p.options.activations = v;
return pickJob(p, f, Job::Activations);
}
}
,
    {"--sites", "S", "tap sites of --activations, such as 3,7,66", kActivations,
     COUNTS(sites)},
    {"--first-window", "W", "skip the first W windows (default 0)",
     kActivations, COUNT(firstWindow, 0)},
    {"--windows", "N", "take N windows at most", kActivations,
     OPTIONAL_COUNT(windows, 1, INT64_MAX)},
    {"--bench", nullptr, "measure the speed of decode", kNone, PICK(Bench)},
    {"--prompt-length", "N",
     "ids of the benchmark's synthetic prompt (default 16)", kBench,
     COUNT(promptLength, 1)},
    {"--new-tokens", "N", "decode steps of the benchmark (default 64)", kBench,
     OPTIONAL_COUNT(newTokens, 1, INT64_MAX)},
    {"--repeats", "N", "repeats of the benchmark (default 5)", kBench,
     COUNT(repeats, 1)},
    {"--json", "F", "write the results as JSON, too", kEval | kBench,
     STORE(json)},
    {"--info", nullptr, "print the manifest as JSON", kNone, PICK(Info)},
    {"--verify", nullptr,
     "check the checksums of the weights first (or only, if there is nothing "
     "else to do)",
     kWeights, SET(verify)},
    {"--weights", "F",
     "weights file (default OUT.safetensors beside the executable OUT)",
     kWeights, STORE(weights)},
    {"--threads", "N", "number of OpenMP threads (on the CPU)", kWeights,
     OPTIONAL_COUNT(threads, 1, 4096)},
    {"--version", nullptr, "print the compiler's version and the model's name",
     kNone, PICK(Version)},
    {"--help", nullptr, "print this text", kNone, PICK(Help)},
}
;

#undef APPLY
#undef STORE
#undef SET
#undef PICK
#undef COUNT
#undef COUNTS
#undef OPTIONAL_COUNT

static const Flag *findFlag(const std::string &name) {
  for (const Flag &flag : kFlags)
    if (name == flag.name)
      return &flag;
  return nullptr;
}

/// The job that the flags come to.
static Status settleJob(Parsed &parsed, const std::set<std::string> &given) {
  CommandLine &options = parsed.options;
  if (parsed.job)
    options.job = *parsed.job;
  else if (options.promptIds)
    options.job = Job::Generate;
  else if (options.verify)
    options.job = Job::Verify;
  else
    return Status::error("nothing to do: --prompt-ids, --info or another of "
                         "the flags that --help lists is wanted");
  if (options.job == Job::Help || options.job == Job::Version)
    return Status::success();

  for (const std::string &name : given) {
    const Flag &flag = *findFlag(name);
    if (flag.jobs != kNone &&
        !(flag.jobs & 1 << static_cast<unsigned>(options.job)))
      return makeError("%s has no meaning with %s", flag.name,
                       parsed.jobFlag      ? parsed.jobFlag
                       : options.promptIds ? "--prompt-ids"
                                           : "--verify");
  }
  if (options.job == Job::RunCase && !given.count("--output"))
    return Status::error("--run-case needs --output");
  if (options.job == Job::Activations && !given.count("--sites"))
    return Status::error("--activations needs --sites");
  if (options.job == Job::Bench && options.promptIds &&
      given.count("--prompt-length"))
    return Status::error("--prompt-ids and --prompt-length exclude each "
                         "other");
  return Status::success();
}

ErrorOr<CommandLine>
dejavu::rt::parseCommandLine(const std::vector<std::string> &arguments) {
  Parsed parsed;
  std::set<std::string> given;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name == "-h")
      name = "--help";
    if (name.rfind("--", 0) != 0)
      return makeError("unexpected argument '%s'", name.c_str());
    std::optional<std::string> value;
    if (size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const Flag *flag = findFlag(name);
    if (!flag)
      return makeError("unknown flag '%s'", name.c_str());
    if (!given.insert(name).second)
      return makeError("%s is given twice", flag->name);
    if (!flag->argument && value)
      return makeError("%s takes no value", flag->name);
    if (flag->argument && !value) {
      if (i + 1 == arguments.size())
        return makeError("%s needs a value", flag->name);
      value = arguments[++i];
    }
    if (Status status = flag->apply(parsed, *flag, value.value_or(""));
        status.failed())
      return status;
  }
  if (Status status = settleJob(parsed, given); status.failed())
    return status;
  return parsed.options;
}

std::string dejavu::rt::helpText(const std::string &program) {
  static constexpr size_t kColumn = 30, kWidth = 79;
  std::string text = "usage: " + program +
                     " --prompt-ids 1,17,42 --max-new-tokens N\n"
                     "       " +
                     program + " --info\n\n";
  for (const Flag &flag : kFlags) {
    std::string line = std::string("  ") + flag.name;
    if (flag.argument)
      line += std::string(" ") + flag.argument;
    if (line.size() >= kColumn) {
      text += line + "\n";
      line.clear();
    }
    line.resize(kColumn, ' ');
    // Fills lines word by word.
    std::string_view help = flag.help;
    while (!help.empty()) {
      size_t end = std::min(help.find(' '), help.size());
      if (line.size() > kColumn && line.size() + 1 + end > kWidth) {
        text += line + "\n";
        line.assign(kColumn, ' ');
      }
      if (line.size() > kColumn)
        line += ' ';
      line += help.substr(0, end);
      help.remove_prefix(std::min(end + 1, help.size()));
    }
    text += line + "\n";
  }
  return text;
}
