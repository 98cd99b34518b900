//===- dejavu-compile.cpp - from a model to an executable -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compiler.h"

#include "dejavu/Support/ToolOutput.h"
#include "dejavu/Target/CUDA/TargetInfo.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"

using namespace mlir;
using namespace mlir::dejavu;
namespace cl = llvm::cl;

static cl::OptionCategory category("dejavu-compile options");

static cl::opt<std::string>
    modelPath(cl::Positional,
              cl::desc("<model.onnx or a folder that holds it>"),
              cl::cat(category));

static cl::opt<std::string> synthetic(
    "synthetic",
    cl::desc("In place of a model: this architecture (opt-6.7b, llama-3-8b, "
             "...), with weights that are made when the executable starts"),
    cl::value_desc("NAME"), cl::cat(category));

static cl::opt<int64_t>
    layers("layers",
           cl::desc("The first N layers of a synthetic model alone (default: "
                    "all)"),
           cl::value_desc("N"), cl::init(0), cl::cat(category));

static cl::opt<double> syntheticDensity(
    "synthetic-density",
    cl::desc("The share of neurons of a synthetic model that is active, where "
             "the activation is ReLU (default: what comes, about 0.5)"),
    cl::value_desc("D"), cl::init(0), cl::cat(category));

static cl::opt<std::string>
    outputPath("o",
               cl::desc("The executable; its weights go to OUT.safetensors"),
               cl::value_desc("OUT"), cl::Required, cl::cat(category));

static cl::opt<SparsityKind> sparsity(
    "sparsity",
    cl::desc("What each token may skip (default: exact, where the activation "
             "allows it)"),
    cl::init(SparsityKind::exact),
    cl::values(
        clEnumValN(SparsityKind::dense, "dense", "nothing"),
        clEnumValN(SparsityKind::exact, "exact",
                   "neurons whose activation is exactly zero"),
        clEnumValN(SparsityKind::threshold, "threshold",
                   "neurons whose activation is below a calibrated magnitude"),
        clEnumValN(SparsityKind::predicted, "predicted",
                   "neurons and heads that predictors leave out")),
    cl::cat(category));

static cl::opt<std::string> predictors(
    "predictors",
    cl::desc("What `dejavu calibrate` has written; implies --sparsity "
             "predicted"),
    cl::value_desc("F.safetensors"), cl::cat(category));

static cl::opt<KVPolicy> kv(
    "kv",
    cl::desc(
        "Keys and values of heads that a token leaves out (default: auto)"),
    cl::init(KVPolicy::automatic),
    cl::values(clEnumValN(KVPolicy::automatic, "auto",
                          "deferred, but eager where heads share them"),
               clEnumValN(KVPolicy::eager, "eager", "computed for each token"),
               clEnumValN(KVPolicy::deferred, "deferred",
                          "computed when the head is next needed")),
    cl::cat(category));

static cl::opt<std::string>
    target("target",
           cl::desc("cpu, the default; cuda: GPUs from sm_80 on; "
                    "cuda:sm_90,...: these chips, and newer ones by PTX"),
           cl::value_desc("cpu|cuda|cuda:CHIP,..."), cl::init("cpu"),
           cl::cat(category));

static cl::opt<Reduction> reduction(
    "reduction", cl::desc("How the sums of a GPU's blocks become one"),
    cl::init(Reduction::deterministic),
    cl::values(clEnumValN(Reduction::deterministic, "deterministic",
                          "in one order: a run gives the bits of the one "
                          "before"),
               clEnumValN(Reduction::atomic, "atomic",
                          "in any order, where that saves a launch")),
    cl::cat(category));

static cl::opt<WeightType>
    weights("weights", cl::desc("Element type of the matrices (default: f32)"),
            cl::init(WeightType::f32),
            cl::values(clEnumValN(WeightType::f32, "f32", "32 bits"),
                       clEnumValN(WeightType::f16, "f16", "IEEE half"),
                       clEnumValN(WeightType::bf16, "bf16", "bfloat16")),
            cl::cat(category));

static cl::opt<int64_t> maxContext(
    "max-context",
    cl::desc("Tokens that a sequence may have (default: as many as the model "
             "has positions, or config.json says, up to 2048)"),
    cl::value_desc("N"), cl::init(0), cl::cat(category));

static cl::opt<int64_t>
    tensorParallel("tensor-parallel",
                   cl::desc("Ranks; more than 1 is not available yet"),
                   cl::value_desc("N"), cl::init(1), cl::cat(category));

static cl::opt<std::string> compileTo(
    "compile-to",
    cl::desc("Stop after a phase and print the IR to OUT, '-' for stdout: "
             "import, raise, sparsify, partition, schedule, lower, emit"),
    cl::value_desc("PHASE"), cl::init("emit"), cl::cat(category));

static cl::opt<std::string>
    compileFrom("compile-from",
                cl::desc("The input is the IR that --compile-to PHASE printed"),
                cl::value_desc("PHASE"), cl::cat(category));

static cl::opt<std::string> remarks(
    "remarks",
    cl::desc(
        "Show the remarks whose category (raise, sparsify, lower) matches"),
    cl::value_desc("REGEX"), cl::cat(category));

static cl::opt<std::string>
    coverageReport("coverage-report",
                   cl::desc("Write what was raised, and what not, as JSON"),
                   cl::value_desc("F.json"), cl::cat(category));

static cl::opt<std::string>
    dumpCode("dump-code",
             cl::desc("Write the object file, and every .cubin and .ptx, to a "
                      "folder"),
             cl::value_desc("DIR"), cl::cat(category));

/// Reads the flags that choose the model.
static LogicalResult readModel(CompileOptions &options) {
  auto refuse = [](const Twine &message) {
    (void)reportError(message);
    return failure();
  };
  options.modelPath = modelPath;
  if (!synthetic.getNumOccurrences()) {
    for (const cl::Option *flag :
         {static_cast<cl::Option *>(&layers),
          static_cast<cl::Option *>(&syntheticDensity)})
      if (flag->getNumOccurrences())
        return refuse("--" + flag->ArgStr + ": expected --synthetic");
    if (modelPath.empty())
      return refuse("expected a model, or --synthetic");
    return success();
  }
  if (modelPath.getNumOccurrences())
    return refuse("--synthetic: expected no model, found '" + Twine(modelPath) +
                  "'");
  if (compileFrom.getNumOccurrences())
    return refuse("--synthetic: expected no --compile-from");
  if (layers.getNumOccurrences() && layers < 1)
    return refuse("expected --layers of at least 1, found " + Twine(layers));
  options.modelPath = synthetic;
  options.synthetic = SyntheticOptions{synthetic, layers, std::nullopt};
  if (syntheticDensity.getNumOccurrences()) {
    if (!(syntheticDensity > 0 && syntheticDensity < 1))
      return refuse("--synthetic-density: expected a share between 0 and 1");
    options.synthetic->density = syntheticDensity;
  }
  return success();
}

/// Reads the flags into `options`; reports what does not go together.
static LogicalResult readFlags(CompileOptions &options) {
  auto refuse = [](const Twine &message) {
    (void)reportError(message);
    return failure();
  };
  SparsityKind wanted = sparsity;
  if (!predictors.empty() && !sparsity.getNumOccurrences())
    wanted = SparsityKind::predicted;
  bool needsFile =
      wanted == SparsityKind::threshold || wanted == SparsityKind::predicted;
  if (needsFile && predictors.empty())
    return refuse("--sparsity threshold and predicted: expected --predictors "
                  "with a file that `dejavu calibrate` has written");
  if (!needsFile && !predictors.empty())
    return refuse("--predictors: expected --sparsity predicted or threshold");
  if (kv.getNumOccurrences() && wanted != SparsityKind::predicted)
    return refuse("--kv: expected --sparsity predicted");
  if (target == "cuda" || StringRef(target).starts_with("cuda:")) {
    std::string error;
    FailureOr<SmallVector<std::string>> chips =
        TargetInfo::parseTarget(target, error);
    if (failed(chips))
      return refuse("--target: " + error);
    if (needsFile)
      return refuse("--target cuda: --sparsity threshold and predicted are "
                    "not available yet");
    options.chips.assign(chips->begin(), chips->end());
  } else if (target != "cpu") {
    return refuse("expected --target cpu or cuda, found '" + Twine(target) +
                  "'");
  }
  if (tensorParallel < 1)
    return refuse("expected --tensor-parallel of at least 1, found " +
                  Twine(tensorParallel));
  if (tensorParallel > 1)
    return refuse("--tensor-parallel " + Twine(tensorParallel) +
                  " is not available yet");
  if (maxContext.getNumOccurrences() && maxContext < 1)
    return refuse("expected --max-context of at least 1, found " +
                  Twine(maxContext));

  if (reduction.getNumOccurrences() && options.chips.empty())
    return refuse("--reduction: expected --target cuda");
  options.sparsity = wanted;
  options.reduction = reduction;
  options.predictors = predictors;
  options.kv = kv;
  options.weights = weights;
  options.maxContext = maxContext;
  for (auto [flag, phase] : {std::pair(&compileTo, &options.to),
                             std::pair(&compileFrom, &options.from)}) {
    if (flag->empty())
      continue;
    std::optional<Phase> known = symbolizePhase(*flag);
    if (!known)
      return refuse("--" + flag->ArgStr +
                    ": expected import, raise, sparsify, "
                    "partition, schedule, lower or emit, found '" +
                    *flag + "'");
    *phase = known;
  }
  if (options.from == Phase::emit)
    return refuse("--compile-from emit: nothing is left to do after emit");
  if (options.from && *options.from > *options.to)
    return refuse("--compile-from " + Twine(compileFrom) +
                  " comes after --compile-to " + compileTo);
  // A flag of a phase that is not run would be ignored without a word.
  if (options.from && *options.from >= Phase::sparsify &&
      (sparsity.getNumOccurrences() || weights.getNumOccurrences() ||
       needsFile))
    return refuse("--compile-from " + Twine(compileFrom) +
                  ": --sparsity, --predictors and --weights come too late");
  if (options.synthetic && *options.to < Phase::raise)
    return refuse("--synthetic: expected --compile-to raise or later");
  if (!coverageReport.empty() &&
      (*options.to < Phase::raise ||
       (options.from && *options.from > Phase::raise)))
    return refuse("--coverage-report needs the phase raise");
  if (!dumpCode.empty() && *options.to != Phase::emit)
    return refuse("--dump-code needs the phase emit");
  options.remarks = remarks;
  options.coverageReport = coverageReport;
  options.dumpCode = dumpCode;
  return success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  if (failed(parseCommandLine(
          argc, argv, category,
          "Compiles an ONNX transformer into an executable\n")))
    return 1;
  CompileOptions options;
  options.outputPath = outputPath;
  options.toolPath = llvm::sys::fs::getMainExecutable(
      argv[0], reinterpret_cast<void *>(&main));
  if (failed(readModel(options)) || failed(readFlags(options)))
    return 1;
  return succeeded(compileModel(options)) ? 0 : 1;
}
