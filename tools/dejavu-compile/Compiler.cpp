//===- Compiler.cpp - the row of phases, run ------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compiler.h"

#include "dejavu/Analysis/Coverage.h"
#include "dejavu/Analysis/ModelSummary.h"
#include "dejavu/Conversion/DejavuToCPU/Passes.h"
#include "dejavu/Import/ONNX/OnnxImporter.h"
#include "dejavu/InitAllDialects.h"
#include "dejavu/Pipelines/Passes.h"
#include "dejavu/Support/ToolOutput.h"
#include "dejavu/Target/CPU/ObjectFile.h"
#include "dejavu/Target/CUDA/Images.h"
#include "dejavu/Target/CUDA/PTX.h"
#include "dejavu/Target/Package/LinkExecutable.h"
#include "dejavu/Target/Package/Manifest.h"
#include "dejavu/Target/Package/PackWeights.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Regex.h"

#include <csignal>
#include <map>
#include <set>

using namespace mlir;
using namespace mlir::dejavu;

static LogicalResult fail(const Twine &message) {
  (void)reportError(message);
  return failure();
}

namespace {
/// One run of the compiler.
class Compiler {
public:
  explicit Compiler(const CompileOptions &options)
      : options(options), context(makeRegistry()),
        diagnostics(&context, options.modelPath),
        cpu(options.chips.empty() ? CPUInfo::getHost()
                                  : CPUInfo::getBaseline()) {}

  LogicalResult run();

private:
  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerAllDialects(registry);
    registerAllDejavuDialects(registry);
    registerObjectFileTranslations(registry);
    registerPTXTranslations(registry);
    return registry;
  }

  /// True if `phase` is to be run.
  bool wants(Phase phase) const {
    return (!options.from || phase > *options.from) && phase <= *options.to;
  }

  /// Where the executable goes: a link stays, and what it points to is
  /// replaced together with its weights.
  LogicalResult choosePaths();
  LogicalResult enableRemarks();
  /// Says what is being done, if someone is watching.
  void progress(StringRef what);
  LogicalResult import();
  /// Whether no output is a file that this compilation reads.
  LogicalResult checkOutputs();
  LogicalResult runPasses(Phase phase,
                          llvm::function_ref<void(OpPassManager &)> build);
  LogicalResult writeCoverage();
  LogicalResult printIR();
  LogicalResult chooseContext();
  /// Writes the object file and the code for GPUs to --dump-code.
  LogicalResult dumpCode(StringRef object, ArrayRef<CUDAImages::File> files);
  LogicalResult lower();
  LogicalResult emit();
  void printSummary();

  const CompileOptions &options;
  MLIRContext context;
  ToolDiagnosticHandler diagnostics;
  CPUInfo cpu; ///< that host code is made for
  OwningOpRef<ModuleOp> module;
  std::string outputPath;
  int64_t maxContext = 0;
  std::optional<ModelSummary> summary;
};

/// Signals that end a program, held back while two files get their names.
class SignalGuard {
public:
  SignalGuard() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int signal : {SIGINT, SIGTERM, SIGHUP})
      sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
  }
  ~SignalGuard() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }

private:
  sigset_t before;
};
} // namespace

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

LogicalResult Compiler::choosePaths() {
  namespace fs = llvm::sys::fs;
  outputPath = options.outputPath;
  if (*options.to != Phase::emit)
    return success();
  if (outputPath == "-")
    return fail("-o -: expected the name of a file, as an executable has its "
                "weights beside it");
  if (!fs::exists(outputPath))
    return success();
  if (!fs::is_regular_file(outputPath) && !fs::is_directory(outputPath))
    return fail(outputPath + ": expected a regular file to replace");
  SmallString<128> target;
  if (fs::is_symlink_file(outputPath) && !fs::real_path(outputPath, target))
    outputPath = std::string(target);
  return success();
}

LogicalResult Compiler::enableRemarks() {
  if (options.remarks.empty())
    return success();
  std::string message;
  if (!llvm::Regex(options.remarks).isValid(message))
    return fail("--remarks: expected a regular expression, found '" +
                options.remarks + "': " + message);
  remark::RemarkCategories categories{options.remarks, options.remarks,
                                      options.remarks, options.remarks,
                                      options.remarks};
  return remark::enableOptimizationRemarks(
      context, nullptr, std::make_unique<remark::RemarkEmittingPolicyAll>(),
      categories, /*printAsEmitRemarks=*/true);
}

void Compiler::progress(StringRef what) {
  if (llvm::sys::Process::StandardErrIsDisplayed())
    llvm::errs() << "\r\033[K" << what;
}

LogicalResult Compiler::import() {
  if (options.synthetic) {
    std::string error;
    FailureOr<OwningOpRef<ModuleOp>> built =
        buildSyntheticModel(context, *options.synthetic, error);
    if (failed(built))
      return fail(error);
    module = std::move(*built);
    if (options.chips.empty() && wants(Phase::lower))
      return fail("--synthetic: expected --target cuda, as its weights are "
                  "made on a GPU");
    return success();
  }
  progress("importing");
  if (options.from) {
    if (!llvm::sys::fs::is_regular_file(options.modelPath))
      return fail(options.modelPath + ": expected a file with IR");
    module = parseSourceFile<ModuleOp>(options.modelPath, &context);
    return success(static_cast<bool>(module));
  }
  FailureOr<OwningOpRef<ModuleOp>> imported =
      importOnnxModel(context, options.modelPath);
  progress("");
  if (failed(imported))
    return failure();
  module = std::move(*imported);
  return success();
}

LogicalResult Compiler::checkOutputs() {
  namespace fs = llvm::sys::fs;
  namespace path = llvm::sys::path;
  std::set<std::string> inputs, outputs{outputPath};
  if (!options.synthetic)
    inputs.insert(options.modelPath);
  if (!options.predictors.empty())
    inputs.insert(options.predictors);
  if (auto predictors = (*module)->getAttrOfType<StringAttr>(
          DejavuDialect::kPredictorsAttrName))
    inputs.insert(predictors.str());
  if (auto source = (*module)->getAttrOfType<StringAttr>(
          DejavuDialect::kSourceAttrName)) {
    inputs.insert(source.str());
    for (auto weight : module->getOps<WeightOp>()) {
      if (weight.getSource().getRoot() != SourceRoot::model)
        continue;
      SmallString<128> file(path::parent_path(source.getValue()));
      path::append(file, weight.getSource().getFile());
      inputs.insert(std::string(file));
    }
  }
  if (*options.to == Phase::emit)
    outputs.insert(outputPath + ".safetensors");
  if (!options.coverageReport.empty() &&
      !outputs.insert(options.coverageReport).second)
    return fail(options.coverageReport +
                ": expected different names for the outputs");
  for (const std::string &output : outputs)
    for (const std::string &input : inputs)
      if (fs::exists(output) && fs::equivalent(output, input))
        return fail(output + ": expected an output that is none of the "
                             "model's files");
  return success();
}

LogicalResult
Compiler::runPasses(Phase phase,
                    llvm::function_ref<void(OpPassManager &)> build) {
  if (!wants(phase))
    return success();
  progress(("phase " + stringifyPhase(phase)).str());
  PassManager manager(&context);
  build(manager);
  LogicalResult done = manager.run(*module);
  progress("");
  return done;
}

LogicalResult Compiler::writeCoverage() {
  if (options.coverageReport.empty())
    return success();
  RaiseCoverage coverage = computeRaiseCoverage(*module);
  llvm::json::Array layers;
  for (const RaiseCoverage::Layer &layer : coverage.layers)
    layers.push_back(
        llvm::json::Object{{"attention", layer.attention}, {"ffn", layer.ffn}});
  llvm::json::Value report =
      llvm::json::Object{{"layers", std::move(layers)},
                         {"rest", llvm::json::Array(coverage.rest)}};
  std::string error;
  auto file = OutputFile::create(options.coverageReport, error);
  if (file)
    file->os() << llvm::formatv("{0:2}\n", report);
  if (!file || failed(file->commit(error)))
    return fail(error);
  return success();
}

LogicalResult Compiler::printIR() {
  std::string error;
  auto file = OutputFile::create(outputPath, error);
  if (file) {
    // Names of nodes are locations, and later phases need them.
    module->print(file->os(), OpPrintingFlags().enableDebugInfo());
    file->os() << '\n';
  }
  if (!file || failed(file->commit(error)))
    return fail(error);
  return success();
}

//===----------------------------------------------------------------------===//
// Emit
//===----------------------------------------------------------------------===//

LogicalResult Compiler::chooseContext() {
  constexpr int64_t kDefault = 2048;
  if (module->lookupSymbol("dejavu_forward")) {
    if (options.maxContext)
      return fail(options.modelPath + ": --max-context: expected a model with "
                                      "a cache");
    return success();
  }
  int64_t limit = getPositionLimit(*module);
  int64_t trained = findTrainedContext(*module);
  maxContext = options.maxContext ? options.maxContext
               : limit > 0        ? limit
               : trained > 0      ? std::min(trained, kDefault)
                                  : kDefault;
  if (limit > 0 && maxContext > limit)
    return fail(options.modelPath + ": --max-context " + Twine(maxContext) +
                ": expected at most the " + Twine(limit) +
                " positions of the model");
  return success();
}

LogicalResult Compiler::dumpCode(StringRef object,
                                 ArrayRef<CUDAImages::File> files) {
  if (options.dumpCode.empty())
    return success();
  if (std::error_code code =
          llvm::sys::fs::create_directories(options.dumpCode))
    return fail(options.dumpCode + ": " + code.message());
  auto write = [&](StringRef name, StringRef bytes) -> LogicalResult {
    SmallString<128> path(options.dumpCode);
    llvm::sys::path::append(path, name);
    std::string error;
    auto file = OutputFile::create(path, error);
    if (file)
      file->os() << bytes;
    if (!file || failed(file->commit(error)))
      return fail(error);
    return success();
  };
  for (const CUDAImages::File &file : files)
    if (failed(write(file.name, file.bytes)))
      return failure();
  return write("model.o", object);
}

LogicalResult Compiler::emit() {
  bool forCPU = options.chips.empty();
  bool isSynthetic = (*module)->hasAttr(DejavuDialect::kSyntheticAttrName);
  if (isSynthetic && forCPU)
    return fail("a synthetic model: expected --target cuda, as its weights are "
                "made on a GPU");
  // Both files are opened first: what cannot be written should not take long.
  std::string weightsPath = outputPath + ".safetensors", error;
  auto program = OutputFile::create(outputPath, error, /*executable=*/true);
  if (!program)
    return fail(error);
  std::unique_ptr<OutputFile> weights;
  FailureOr<std::string> digest = std::string();
  if (!isSynthetic) {
    weights = OutputFile::create(weightsPath, error);
    if (!weights)
      return fail(error);
    progress("packing weights");
    digest = packWeights(*module, weights->os());
    progress("");
  }
  if (failed(digest)) {
    if (weights->os().has_error())
      return fail(weightsPath +
                  ": cannot be written: " + weights->os().error().message());
    return failure();
  }
  ManifestConfig config{cpu.name, cpu.features, maxContext, *digest,
                        std::nullopt};
  CUDAImages images;
  SmallVector<EmbeddedBytes> embedded;
  progress("generating code");
  if (!forCPU) {
    FailureOr<CUDAImages> made = emitCUDAImages(*module, options.toolPath);
    progress("");
    if (failed(made))
      return failure();
    images = std::move(*made);
    config.cuda = std::move(images.manifest);
    embedded.push_back({"dejavu_cuda_code", images.blob});
  }
  FailureOr<std::string> manifest = makeManifest(*module, config);
  if (failed(manifest))
    return failure();
  FailureOr<std::string> object = emitObject(*module, cpu, *manifest, embedded);
  progress("");
  if (failed(object) || failed(dumpCode(*object, images.files)))
    return failure();
  progress("linking");
  FailureOr<std::string> linked =
      linkExecutable(*object, options.toolPath, forCPU, error);
  progress("");
  if (failed(linked))
    return fail(error);
  program->os() << *linked;
  program->os().flush();
  if (weights)
    weights->os().flush();
  if (program->os().has_error())
    return fail(outputPath +
                ": cannot be written: " + program->os().error().message());

  SignalGuard guard;
  if (weights && failed(weights->commit(error)))
    return fail(error);
  if (failed(program->commit(error)))
    return fail(error);
  return success();
}

//===----------------------------------------------------------------------===//
// The closing lines
//===----------------------------------------------------------------------===//

static std::string formatBytes(int64_t bytes) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (bytes >= 10 << 20)
    os << (bytes >> 20) << " MiB";
  else
    os << llvm::format("%.1f KiB", static_cast<double>(bytes) / 1024);
  return text;
}

/// Bytes of an element of the cache.
static int64_t getCacheBytes(ModuleOp module) {
  auto manifest = module->getAttrOfType<DictionaryAttr>(kManifestAttrName);
  auto type =
      manifest ? manifest.getAs<StringAttr>("cache_dtype") : StringAttr();
  return !type || type == "f32" ? 4 : 2;
}

void Compiler::printSummary() {
  llvm::raw_ostream &os = llvm::errs();
  int64_t attentions = 0, mlps = 0, cache = 0;
  for (const LayerSummary &layer : summary->layers) {
    mlps += layer.mlp.has_value();
    attentions += layer.attention.has_value();
    if (layer.attention)
      cache += 2 * getCacheBytes(*module) * layer.attention->kvHeads *
               layer.attention->headDim * maxContext;
  }
  std::map<BlockSparsity, int64_t> kinds;
  int64_t sparseHeads = 0;
  for (const LayerSummary &layer : summary->layers) {
    if (layer.mlp)
      ++kinds[layer.mlp->sparsity];
    sparseHeads +=
        layer.attention && layer.attention->sparsity != BlockSparsity::dense;
  }
  int64_t sparse = mlps - kinds[BlockSparsity::dense];
  kinds.erase(BlockSparsity::dense);
  os << "raised: " << attentions << " attention blocks, " << mlps << " MLPs";
  if (summary->isForward)
    os << ", a model without a cache";
  if (auto reason = (*module)->getAttrOfType<StringAttr>(kNoDecoderAttrName))
    os << " (" << reason.getValue().split(';').first << ")";
  os << "\nsparse: " << sparse << " of " << mlps << " MLPs";
  if (options.sparsity == SparsityKind::predicted ||
      options.sparsity == SparsityKind::threshold) {
    llvm::ListSeparator comma;
    os << ": ";
    for (auto [kind, count] : kinds)
      os << comma << count << ' ' << stringifyBlockSparsity(kind);
    os << "; heads of " << sparseHeads << " of " << attentions
       << " attention blocks";
  }
  for (const LayerSummary &layer : summary->layers)
    if (layer.mlp && layer.mlp->sparsity == BlockSparsity::dense) {
      os << " (dense: " << layer.mlp->reason << ")";
      break;
    }
  os << '\n';
  if (summary->isForward) {
    os << "bytes per run: " << formatBytes(summary->getDenseBytes())
       << " of weights\n";
  } else {
    os << "bytes per token: ";
    if (std::optional<int64_t> expected = summary->getExpectedBytes())
      os << "about " << formatBytes(*expected) << " by calibration";
    else if (sparse > 0)
      os << "from " << formatBytes(summary->getAlwaysBytes())
         << ", as neurons are inactive, to "
         << formatBytes(summary->getDenseBytes());
    else
      os << formatBytes(summary->getDenseBytes());
    os << ", dense " << formatBytes(summary->getDenseBytes()) << '\n';
  }

  int64_t weightBytes = 0;
  for (auto weight : module->getOps<WeightOp>()) {
    RankedTensorType type = weight.getTensorType();
    weightBytes += llvm::divideCeil(
        type.getNumElements() * type.getElementTypeBitWidth(), 8);
  }
  os << "memory: " << formatBytes(weightBytes) << " of weights";
  if (!summary->isForward)
    os << ", " << formatBytes(cache) << " of cache for each sequence of "
       << maxContext << " tokens";
  StringRef path = outputPath;
  os << "\nnext: ";
  if (summary->isForward)
    os << "dejavu-run " << path << " --input case.npz\n";
  else
    os << (path.contains('/') ? "" : "./") << path
       << " --prompt-ids 1,2,3 --max-new-tokens 16\n";
}

LogicalResult Compiler::lower() {
  if (options.chips.empty())
    return runPasses(Phase::lower, [&](OpPassManager &manager) {
      buildLowerCPUPipeline(manager, {cpu.getLanes()});
    });
  return runPasses(Phase::lower, [&](OpPassManager &manager) {
    buildLowerCUDAPipeline(manager, {options.chips, options.reduction});
  });
}

LogicalResult Compiler::run() {
  if (failed(choosePaths()) || failed(enableRemarks()) || failed(import()) ||
      failed(checkOutputs()))
    return failure();
  // A synthetic model is made in its raised form.
  LogicalResult raised =
      options.synthetic ? verify(*module)
                        : runPasses(Phase::raise, [](OpPassManager &manager) {
                            buildRaisePipeline(manager);
                          });
  // What was raised, or why not, shows best right after raise.
  if ((!options.from || *options.from <= Phase::raise) &&
      *options.to >= Phase::raise && failed(writeCoverage()))
    return failure();
  if (failed(raised))
    return failure();
  if (failed(runPasses(Phase::sparsify, [&](OpPassManager &manager) {
        buildSparsifyPipeline(manager, {options.sparsity, options.weights,
                                        options.predictors, options.kv});
      })))
    return failure();
  // Partition has nothing to do for one rank, schedule nothing on a CPU.
  if (wants(Phase::lower)) {
    FailureOr<ModelSummary> computed = ModelSummary::get(*module);
    if (failed(computed))
      return failure();
    summary = std::move(*computed);
  }
  if (failed(lower()))
    return failure();
  if (*options.to != Phase::emit)
    return printIR();

  if (failed(chooseContext()) || failed(emit()))
    return failure();
  if (summary)
    printSummary();
  return success();
}

LogicalResult dejavu::compileModel(const CompileOptions &options) {
  return Compiler(options).run();
}
