//===- dejavu-kernels.cpp - single CUDA kernels ---------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints the kernels of one family for given shapes, as a gpu.module that
// dejavu-ptx takes: for benchmarks, tests, and whoever works on a generator.
//
//===----------------------------------------------------------------------===//

#include "DeviceKernels.h"

#include "dejavu/InitAllDialects.h"
#include "dejavu/Support/ToolOutput.h"
#include "mlir/InitAllDialects.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;
namespace cl = llvm::cl;

namespace {
enum class Family {
  fusedFFN,
  linear,
  streamedLinear,
  matrixLinear,
  rowSum,
  attention,
  sample
};
enum class Reduction { deterministic, atomic };
enum class Element { f16, bf16, f32 };
} // namespace

static cl::OptionCategory category("dejavu-kernels options");
static cl::opt<Family> family(
    "family", cl::desc("Which kernels"), cl::init(Family::fusedFFN),
    cl::values(clEnumValN(Family::fusedFFN, "fused-ffn",
                          "an MLP of one row, and the sum of its blocks"),
               clEnumValN(Family::linear, "linear",
                          "rows of a weight [out, in] as dot products"),
               clEnumValN(Family::streamedLinear, "streamed-linear",
                          "the same for one row, which may be normalized"),
               clEnumValN(Family::matrixLinear, "matrix-linear",
                          "the same for up to eight rows, by matrix products"),
               clEnumValN(Family::rowSum, "row-sum",
                          "rows of a weight [in, out], scaled and summed"),
               clEnumValN(Family::attention, "attention",
                          "attention of one token over a cache; append to a "
                          "cache, and attention of many"),
               clEnumValN(Family::sample, "sample",
                          "the choice of an id from --out logits")),
    cl::cat(category));
static cl::opt<std::string> chip("chip", cl::desc("GPU, such as sm_90"),
                                 cl::init("sm_90"), cl::cat(category));
static cl::opt<Element>
    elementName("element", cl::desc("Type of weights"), cl::init(Element::f16),
                cl::values(clEnumValN(Element::f16, "f16", "IEEE half"),
                           clEnumValN(Element::bf16, "bf16", "bfloat16"),
                           clEnumValN(Element::f32, "f32", "32 bits")),
                cl::cat(category));
static cl::opt<int64_t> in("in", cl::desc("Features of the input"),
                           cl::init(256), cl::cat(category));
static cl::opt<int64_t>
    out("out", cl::desc("Features of the result; neurons of fused-ffn"),
        cl::init(1024), cl::cat(category));
static cl::opt<int64_t> rows("rows", cl::desc("Rows: 1, 2, 4 or 8"),
                             cl::init(1), cl::cat(category));
static cl::opt<bool> isGated("gated", cl::desc("fused-ffn: with a gate, SiLU"),
                             cl::cat(category));
static cl::opt<bool> hasSet("set", cl::desc("fused-ffn: neurons of a set"),
                            cl::cat(category));
static cl::opt<bool>
    isExact("exact",
            cl::desc("fused-ffn: rows are read only for neurons that are not "
                     "zero; a gate has ReLU"),
            cl::cat(category));
static cl::opt<bool>
    isCounted("counts",
              cl::desc("fused-ffn: with --exact, their number is counted"),
              cl::cat(category));
static cl::opt<Reduction>
    reduction("reduction",
              cl::desc("fused-ffn: how the sums of blocks are added"),
              cl::init(Reduction::deterministic),
              cl::values(clEnumValN(Reduction::deterministic, "deterministic",
                                    "in their order, by a second kernel"),
                         clEnumValN(Reduction::atomic, "atomic",
                                    "to the result, in any order")),
              cl::cat(category));
static cl::opt<bool> hasNorm("norm",
                             cl::desc("fused-ffn, streamed-linear: of a "
                                      "layer norm"),
                             cl::cat(category));
static cl::opt<bool> hasAddends("addends",
                                cl::desc("streamed-linear: a bias and a "
                                         "residual are added"),
                                cl::cat(category));
static cl::opt<bool> isSparse("sparse", cl::desc("row-sum: skip zeros"),
                              cl::cat(category));
static cl::opt<int64_t> heads("heads", cl::desc("attention: query heads"),
                              cl::init(32), cl::cat(category));
static cl::opt<int64_t> kvHeads("kv-heads",
                                cl::desc("attention: heads of the cache"),
                                cl::init(8), cl::cat(category));
static cl::opt<int64_t> headDim("head-dim", cl::desc("attention: of a head"),
                                cl::init(128), cl::cat(category));
static cl::opt<int64_t>
    rotated("rotated", cl::desc("attention: features of a head that rotate"),
            cl::init(0), cl::cat(category));
static cl::opt<bool> isInterleaved("interleaved",
                                   cl::desc("attention: pairs of neighbours"),
                                   cl::cat(category));
static cl::opt<int64_t> window("window", cl::desc("attention: steps seen"),
                               cl::init(0), cl::cat(category));
static cl::opt<double> softcap("softcap", cl::desc("attention: of scores"),
                               cl::init(0), cl::cat(category));
static cl::opt<bool> hasAlibi("alibi", cl::desc("attention: with slopes"),
                              cl::cat(category));
static cl::opt<bool> masksToZero("mask-to-zero",
                                 cl::desc("attention: who sees nothing"),
                                 cl::cat(category));
static cl::opt<std::string> outputPath("o", cl::desc("The output"),
                                       cl::value_desc("FILE"), cl::init("-"),
                                       cl::cat(category));

static Type getElement(MLIRContext *context) {
  switch (elementName) {
  case Element::f16:
    return Float16Type::get(context);
  case Element::bf16:
    return BFloat16Type::get(context);
  case Element::f32:
    return Float32Type::get(context);
  }
  llvm_unreachable("unknown element");
}

static LogicalResult refuse(const Twine &message) {
  (void)reportError(message);
  return failure();
}

static NormSpec getNorm() {
  return {NormKind::layer,      in,
          /*hasScale=*/true,    /*hasBias=*/true,
          llvm::APFloat(1e-5f), llvm::APFloat(0.0f)};
}

static LogicalResult generate(DeviceLibrary &library) {
  MLIRContext *context = library.getContext();
  Type element = getElement(context);
  auto type = RankedTensorType::get({out, in}, element);
  switch (family) {
  case Family::fusedFFN: {
    bool isSilu = isGated && !isExact;
    FusedFFNSpec spec{in,       out,
                      element,  isSilu ? Activation::silu : Activation::relu,
                      isGated,  /*hasGateBias=*/false,
                      !isGated, hasSet};
    spec.isExact = isExact;
    spec.isCounted = isExact && isCounted;
    spec.isAtomic = reduction == Reduction::atomic;
    if (hasNorm)
      spec.norm = getNorm();
    if (!hasFusedFFN(spec))
      return refuse("--family fused-ffn: there is no such kernel for "
                    "these shapes");
    getFusedFFNKernel(library, spec);
    if (spec.isAtomic)
      return success();
    Epilogue residual;
    residual.hasResidual = true;
    getBlockSumKernel(library, in, residual, spec.isCounted);
    return success();
  }
  case Family::linear:
    getLinearKernel(library, LinearSpec(type), rows);
    return success();
  case Family::matrixLinear:
    if (!hasMatrixLinear(LinearSpec(type)))
      return refuse("--family matrix-linear: there is no such kernel for "
                    "these shapes");
    getMatrixLinearKernel(library, LinearSpec(type));
    return success();
  case Family::streamedLinear: {
    StreamedLinearSpec spec{LinearSpec(type), std::nullopt};
    if (!hasStreamedLinear(spec.linear))
      return refuse("--family streamed-linear: there is no such kernel for "
                    "these shapes");
    spec.linear.epilogue.hasBias = hasAddends;
    spec.linear.epilogue.hasResidual = hasAddends;
    if (hasNorm)
      spec.norm = getNorm();
    getStreamedLinearKernel(library, spec);
    return success();
  }
  case Family::rowSum: {
    auto major = RankedTensorType::get({in, out}, element);
    int64_t parts = getRowSumParts(major);
    if (!isSparse && rows > 1 && hasMatrixRowSum(major))
      getMatrixRowSumKernel(library, major, parts);
    else
      getRowSumKernel(library, major, parts, rows, isSparse);
    getPartialSumKernel(library, parts, out, Epilogue());
    return success();
  }
  case Family::attention: {
    AttentionSpec spec{KVCacheType::get(context, kvHeads, headDim),
                       element,
                       heads * headDim,
                       llvm::APFloat(1.0f / std::sqrt(float(headDim))),
                       llvm::APFloat(float(softcap)),
                       masksToZero ? MaskedRows::zero : MaskedRows::uniform,
                       std::nullopt,
                       {}};
    AppendSpec append{spec.cache, element};
    if (window > 0)
      spec.window = window;
    if (hasAlibi)
      for (int64_t i = 0; i < heads; ++i)
        spec.slopes.push_back(std::exp2(-8.0f * float(i + 1) / float(heads)));
    if (rotated > 0) {
      append.key = append.query = Rotation{rotated, isInterleaved};
      append.queryHeads = heads;
    }
    // Of one token a sequence, then of many.
    AttentionSpec one = spec;
    one.appends = true;
    one.query = one.key = append.key;
    getAttentionKernel(library, one);
    getKVAppendKernel(library, append);
    getAttentionKernel(library, spec);
    return success();
  }
  case Family::sample:
    getSampleKernel(library, out);
    return success();
  }
  llvm_unreachable("unknown family");
}

static LogicalResult run() {
  for (auto *option : {&in, &out, &heads, &kvHeads, &headDim})
    if (*option < 1)
      return refuse("--" + option->ArgStr + ": expected 1 or more");
  if (!llvm::is_contained({1, 2, 4, 8}, rows))
    return refuse("--rows: expected 1, 2, 4 or 8");
  if (heads % kvHeads != 0)
    return refuse("--heads: expected a multiple of --kv-heads");
  std::optional<TargetInfo> target = TargetInfo::get(chip);
  if (!target)
    return refuse("--chip: expected one of " +
                  llvm::join(TargetInfo::getKnownChips(), ", ") + ", found '" +
                  chip + "'");
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllDejavuDialects(registry);
  MLIRContext context(registry);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  DeviceLibrary library(*module, *target);
  if (failed(generate(library)))
    return failure();
  std::string error;
  auto file = OutputFile::create(outputPath, error);
  if (file)
    module->print(file->os());
  if (!file || failed(file->commit(error)))
    return refuse(error);
  return success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  if (failed(parseCommandLine(argc, argv, category,
                              "Prints CUDA kernels of one family\n")))
    return 1;
  return succeeded(run()) ? 0 : 1;
}
