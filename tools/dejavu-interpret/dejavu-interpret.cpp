//===- dejavu-interpret.cpp - runs IR with the reference interpreter ------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an executable does, done slowly and without a compiler: runs a case of
// the model's signature, or generates from a prompt. The input is an ONNX model
// or IR at any point before lowering. Functions without arguments can be run
// alone, which is how the tests of single ops work.
//
//===----------------------------------------------------------------------===//

#include "RaisedModel.h"
#include "TensorFiles.h"

#include "dejavu/Dialect/Onnx/Transforms/Passes.h"
#include "dejavu/Import/ONNX/OnnxImporter.h"
#include "dejavu/InitAllDialects.h"
#include "dejavu/Pipelines/Pipelines.h"
#include "dejavu/Reference/Interpreter.h"
#include "dejavu/Support/ToolOutput.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::dejavu;
using reference::Tensor;

namespace cl = llvm::cl;

static cl::OptionCategory category("dejavu-interpret options");

static cl::opt<std::string>
    inputPath(cl::Positional, cl::Required,
              cl::desc("<model.onnx, a folder that holds it, or file.mlir>"),
              cl::cat(category));
static cl::opt<bool>
    raiseFirst("raise",
               cl::desc("Raise an ONNX model before --run-case; --prompt-ids "
                        "always does"),
               cl::cat(category));
static cl::opt<bool> decomposeAll(
    "decompose",
    cl::desc("Replace all fused operators of an ONNX model by plain ones "
             "first, not only those that the interpreter does not know"),
    cl::cat(category));
static cl::opt<std::string> functionName(
    "function",
    cl::desc("Run this function and print its results. It has no arguments "
             "but caches, which are empty. Without any job, all such functions "
             "are run"),
    cl::value_desc("name"), cl::cat(category));
static cl::opt<int64_t>
    batchSize("batch",
              cl::desc("Sequences in the caches of --function (default 1)"),
              cl::value_desc("n"), cl::init(1), cl::cat(category));
static cl::opt<std::string>
    runCasePath("run-case",
                cl::desc("Run the model's original signature on the tensors "
                         "in.NAME of this file"),
                cl::value_desc("file.safetensors"), cl::cat(category));
static cl::opt<std::string>
    outputPath("output", cl::desc("Where --run-case writes out.NAME"),
               cl::value_desc("file.safetensors"), cl::cat(category));
static cl::opt<std::string> promptIds(
    "prompt-ids",
    cl::desc("Generate greedily from token ids such as 1,17,42 and print the "
             "new ids; - reads one prompt a line from standard input and runs "
             "them as one batch"),
    cl::value_desc("ids"), cl::cat(category));
static cl::opt<int64_t>
    maxNewTokens("max-new-tokens",
                 cl::desc("New ids of each prompt at most (default 32)"),
                 cl::value_desc("n"), cl::init(32), cl::cat(category));
static cl::list<int64_t>
    endOfSequence("eos", cl::desc("Stop a row after one of these ids"),
                  cl::value_desc("ids"), cl::CommaSeparated, cl::cat(category));
static cl::opt<std::string>
    tapPath("tap",
            cl::desc("With --prompt-ids, write the value of each tap site as "
                     "pN.siteM: call N is 0 for the prefill, then counts "
                     "decode steps"),
            cl::value_desc("file.safetensors"), cl::cat(category));

//===----------------------------------------------------------------------===//
// Input
//===----------------------------------------------------------------------===//

/// Parses or imports the input, and raises it if that is wanted.
static FailureOr<OwningOpRef<ModuleOp>> loadModule(MLIRContext &context) {
  if (StringRef(inputPath).ends_with(".mlir")) {
    OwningOpRef<ModuleOp> module =
        parseSourceFile<ModuleOp>(inputPath, &context);
    if (!module)
      return failure();
    return module;
  }
  FailureOr<OwningOpRef<ModuleOp>> module = importOnnxModel(context, inputPath);
  if (failed(module))
    return module;
  if (!raiseFirst && promptIds.empty()) {
    auto wanted = [](Operation *op) {
      return decomposeAll || !reference::isKnown(op);
    };
    if (failed(onnx::decomposeFusedOps(**module, wanted)))
      return failure();
    return module;
  }
  PassManager manager(&context);
  // Generated text needs a decoder; and what no pattern claims is interpreted
  // as it is.
  RaisePipelineConfig config;
  if (!promptIds.empty())
    config.form = RaiseForm::decoder;
  config.keepOnnx = true;
  buildRaisePipeline(manager, config);
  if (failed(manager.run(**module)))
    return failure();
  return module;
}

/// Whether raise has been run on `module`.
static bool isRaised(ModuleOp module) {
  return !module.getOps<SignatureOp>().empty();
}

/// The numbers of a comma-separated list.
static LogicalResult parseIds(StringRef text, SmallVectorImpl<int64_t> &ids) {
  SmallVector<StringRef> items;
  text.split(items, ',');
  for (StringRef item : items) {
    int64_t id;
    if (item.trim().getAsInteger(10, id) || id < 0)
      return reportError("'" + item.trim() +
                         "' is not a token id, expected ids such as 1,17,42"),
             failure();
    ids.push_back(id);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Jobs
//===----------------------------------------------------------------------===//

/// Runs a function and reports why it fails.
static FailureOr<SmallVector<reference::RuntimeValue>>
runFunction(ModuleOp module, func::FuncOp function,
            ArrayRef<reference::RuntimeValue> arguments) {
  reference::Options options;
  options.readWeight = reference::readWeightsOf(module);
  reference::Interpreter interpreter(options);
  auto results = interpreter.run(function, arguments);
  if (failed(results))
    return emitError(interpreter.getError()->loc,
                     interpreter.getError()->message);
  return results;
}

static void print(const reference::RuntimeValue &value) {
  if (const auto *tensor = std::get_if<Tensor>(&value)) {
    tensor->print(llvm::outs());
  } else if (const auto *cache = std::get_if<reference::Cache>(&value)) {
    llvm::outs() << "cache\n  keys ";
    cache->keys.print(llvm::outs());
    llvm::outs() << "\n  values ";
    cache->values.print(llvm::outs());
  } else {
    llvm::outs() << "active [";
    llvm::interleaveComma(std::get<reference::ActiveSet>(value).rows,
                          llvm::outs(), [](const std::vector<int64_t> &row) {
                            llvm::outs() << '[';
                            llvm::interleaveComma(row, llvm::outs());
                            llvm::outs() << ']';
                          });
    llvm::outs() << ']';
  }
  llvm::outs() << '\n';
}

/// An empty cache for each argument of a function, if all of them are caches.
static FailureOr<SmallVector<reference::RuntimeValue>>
makeCaches(func::FuncOp function) {
  SmallVector<reference::RuntimeValue> caches;
  for (Type type : function.getArgumentTypes()) {
    auto cacheType = dyn_cast<KVCacheType>(type);
    if (!cacheType)
      return failure();
    int64_t shape[] = {batchSize, cacheType.getHeads(), 0,
                       cacheType.getHeadDim()};
    Tensor empty(reference::Element::F32, shape);
    caches.push_back(reference::Cache{empty, empty});
  }
  return caches;
}

/// Runs functions without arguments other than caches and prints what they
/// give.
static LogicalResult runFunctions(ModuleOp module) {
  bool found = false;
  for (auto function : module.getOps<func::FuncOp>()) {
    FailureOr<SmallVector<reference::RuntimeValue>> caches =
        makeCaches(function);
    bool isNamed = function.getSymName() == functionName;
    if (isNamed && failed(caches))
      return function.emitError("expected no arguments but caches, found ")
             << function.getFunctionType();
    bool isWanted = functionName.empty() ? succeeded(caches) : isNamed;
    if (!isWanted || function.isDeclaration())
      continue;
    found = true;
    auto results = runFunction(module, function, *caches);
    if (failed(results))
      return failure();
    llvm::outs() << '@' << function.getSymName() << '\n';
    for (const reference::RuntimeValue &result : *results)
      print(result);
  }
  if (found)
    return success();
  if (functionName.empty())
    return module.emitError("expected a function without arguments, --run-case "
                            "or --prompt-ids");
  return module.emitError("expected a function named '") << functionName << "'";
}

/// Runs a function of tensors; its arguments and results have the given names.
static FailureOr<NamedTensors>
runTensors(ModuleOp module, func::FuncOp function, ArrayRef<StringAttr> names,
           ArrayRef<StringAttr> resultNames,
           std::map<std::string, Tensor> inputs) {
  SmallVector<reference::RuntimeValue> arguments;
  for (auto [name, type] : llvm::zip(names, function.getArgumentTypes())) {
    auto input = inputs.extract("in." + name.str());
    if (!input)
      return function.emitError("input 'in.")
             << name.strref() << "' is missing";
    if (!input.mapped().hasType(type))
      return function.emitError("input 'in.")
             << name.strref() << "': expected " << type << ", found "
             << input.mapped().describe();
    arguments.push_back(std::move(input.mapped()));
  }
  if (!inputs.empty())
    return function.emitError("'")
           << inputs.begin()->first << "' is not an input of the model";
  auto results = runFunction(module, function, arguments);
  if (failed(results))
    return failure();
  NamedTensors outputs;
  for (auto [name, result] : llvm::zip(resultNames, *results)) {
    auto *tensor = std::get_if<Tensor>(&result);
    if (!tensor)
      return function.emitError("expected a tensor for result '")
             << name.strref() << "'";
    outputs.emplace_back("out." + name.str(), std::move(*tensor));
  }
  return outputs;
}

/// Runs @main of imported IR on the tensors that its arguments' names name.
static FailureOr<NamedTensors>
runImported(ModuleOp module, std::map<std::string, Tensor> inputs) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  if (!function || function.isDeclaration())
    return module.emitError("expected a function named 'main'");
  constexpr StringLiteral nameAttr = "onnx.name";
  SmallVector<StringAttr> names, resultNames;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    names.push_back(function.getArgAttrOfType<StringAttr>(i, nameAttr));
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    resultNames.push_back(
        function.getResultAttrOfType<StringAttr>(i, nameAttr));
  for (auto [i, name] :
       llvm::enumerate(llvm::concat<StringAttr>(names, resultNames)))
    if (!name)
      return function.emitError("expected a name for each argument and each "
                                "result, found none for number ")
             << static_cast<int64_t>(i);
  return runTensors(module, function, names, resultNames, std::move(inputs));
}

/// Runs @forward of a raised model without a cache.
static FailureOr<NamedTensors>
runForward(ModuleOp module, func::FuncOp function,
           std::map<std::string, Tensor> inputs) {
  SignatureOp signature = *module.getOps<SignatureOp>().begin();
  auto getNames = [](ArrayAttr bindings) {
    SmallVector<StringAttr> names;
    for (auto binding : bindings.getAsRange<BindingAttr>())
      names.push_back(StringAttr::get(binding.getContext(), binding.getName()));
    return names;
  };
  SmallVector<StringAttr> names = getNames(signature.getInputs());
  SmallVector<StringAttr> resultNames = getNames(signature.getOutputs());
  if (names.size() != function.getNumArguments() ||
      resultNames.size() != function.getNumResults())
    return function.emitError("expected the inputs and outputs of the "
                              "dejavu.signature");
  return runTensors(module, function, names, resultNames, std::move(inputs));
}

static int runCase(ModuleOp module) {
  if (outputPath.empty())
    return reportError("--run-case needs --output");
  std::string error;
  auto inputs = readTensors(runCasePath, error);
  if (failed(inputs))
    return reportError(error);
  FailureOr<NamedTensors> outputs = failure();
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  if (isRaised(module) && forward) {
    outputs = runForward(module, forward, std::move(*inputs));
  } else if (isRaised(module)) {
    FailureOr<RaisedModel> model = RaisedModel::create(module);
    if (succeeded(model))
      outputs = model->runCase(*inputs);
  } else {
    outputs = runImported(module, std::move(*inputs));
  }
  if (failed(outputs))
    return 1;
  if (failed(writeTensors(outputPath, *outputs, {}, error)))
    return reportError(error);
  return 0;
}

static int generate(ModuleOp module) {
  SmallVector<SmallVector<int64_t>> prompts;
  if (promptIds == "-") {
    auto buffer = llvm::MemoryBuffer::getSTDIN();
    if (!buffer)
      return reportError("stdin: " + buffer.getError().message());
    SmallVector<StringRef> lines;
    (*buffer)->getBuffer().rtrim('\n').split(lines, '\n');
    for (StringRef line : lines)
      if (failed(parseIds(line, prompts.emplace_back())))
        return 1;
  } else if (failed(parseIds(promptIds, prompts.emplace_back()))) {
    return 1;
  }
  FailureOr<RaisedModel> model = RaisedModel::create(module);
  if (failed(model))
    return 1;
  model->recordTaps = !tapPath.empty();
  SmallVector<int64_t> eos(endOfSequence.begin(), endOfSequence.end());
  auto results = model->generate(prompts, maxNewTokens, ArrayRef<int64_t>(eos));
  if (failed(results))
    return 1;
  std::string error;
  if (!tapPath.empty() &&
      failed(writeTensors(
          tapPath, model->taps,
          {{"format", "dejavu-taps-1"}, {"taps", model->describeTapSites()}},
          error)))
    return reportError(error);
  for (const SmallVector<int64_t> &ids : *results) {
    llvm::interleave(ids, llvm::outs(), ",");
    llvm::outs() << '\n';
  }
  return 0;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  if (failed(parseCommandLine(
          argc, argv, category,
          "Runs a model or IR with dejavu's reference interpreter\n")))
    return 1;
  if (!runCasePath.empty() + !promptIds.empty() + !functionName.empty() > 1)
    return reportError(
        "--run-case, --prompt-ids and --function exclude each other");
  if (!tapPath.empty() && promptIds.empty())
    return reportError("--tap needs --prompt-ids");
  if (!outputPath.empty() && runCasePath.empty())
    return reportError("--output needs --run-case");
  if (batchSize < 0 || maxNewTokens < 0)
    return reportError("expected --batch and --max-new-tokens not to be "
                       "negative");

  DialectRegistry registry;
  registerAllDejavuDialects(registry);
  registry.insert<arith::ArithDialect, func::FuncDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  ToolDiagnosticHandler handler(&context, inputPath);
  FailureOr<OwningOpRef<ModuleOp>> module = loadModule(context);
  if (failed(module))
    return 1;
  if (!runCasePath.empty())
    return runCase(**module);
  if (!promptIds.empty())
    return generate(**module);
  return failed(runFunctions(**module));
}
