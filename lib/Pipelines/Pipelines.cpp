//===- Pipelines.cpp - the phases of a compilation ------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Pipelines/Pipelines.h"

#include "dejavu/Conversion/DejavuToCPU/Passes.h"
#include "dejavu/Conversion/DejavuToCUDA/Passes.h"
#include "dejavu/Conversion/KernelsToNVVM/Passes.h"
#include "dejavu/Conversion/OnnxToLinalg/Passes.h"
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::dejavu;

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

static constexpr std::pair<Phase, llvm::StringLiteral> kPhases[] = {
    {Phase::import, "import"},     {Phase::raise, "raise"},
    {Phase::sparsify, "sparsify"}, {Phase::partition, "partition"},
    {Phase::schedule, "schedule"}, {Phase::lower, "lower"},
    {Phase::emit, "emit"},
};

StringRef dejavu::stringifyPhase(Phase phase) {
  for (auto &[each, name] : kPhases)
    if (each == phase)
      return name;
  llvm_unreachable("unknown phase");
}

std::optional<Phase> dejavu::symbolizePhase(StringRef name) {
  for (auto &[phase, each] : kPhases)
    if (each == name)
      return phase;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Pipelines
//===----------------------------------------------------------------------===//

/// Predictors where they were trained to stand, as hints, of those that pay.
static void addPredictors(OpPassManager &manager,
                          const SparsifyPipelineConfig &config) {
  InsertPredictorsPassOptions insert;
  insert.file = config.predictors;
  manager.addPass(createInsertPredictorsPass(insert));
  ChooseDensityPassOptions choose;
  choose.kv = config.kv.value_or(KVPolicy::automatic);
  manager.addPass(createChooseDensityPass(choose));
}

void dejavu::buildSparsifyPipeline(OpPassManager &manager,
                                   const SparsifyPipelineConfig &config) {
  CastWeightsPassOptions cast;
  cast.type = config.weights.value_or(WeightType::f32);
  manager.addPass(createCastWeightsPass(cast));
  if (config.sparsity == SparsityKind::threshold) {
    ThresholdFFNPassOptions threshold;
    threshold.file = config.predictors;
    manager.addPass(createThresholdFFNPass(threshold));
  }
  if (config.sparsity == SparsityKind::predicted)
    addPredictors(manager, config);
  // What has no predictor and no threshold is exact, where it can be.
  if (config.sparsity != SparsityKind::dense)
    manager.addPass(createSparsifyFFNPass());
  if (config.sparsity == SparsityKind::predicted) {
    SparsifyAttentionPassOptions attention;
    attention.kv = config.kv.value_or(KVPolicy::automatic);
    manager.addPass(createSparsifyAttentionPass(attention));
    // Predictors that nobody listens to disappear; sets of everything fold.
    manager.nest<func::FuncOp>().addPass(createCanonicalizerPass());
  }
  manager.addPass(createVerifyRaisedPass());
}

void dejavu::buildLowerCPUPipeline(OpPassManager &manager,
                                   const LowerCPUPipelineConfig &config) {
  // What raise left as it was -> loops over buffers.
  manager.addPass(createBufferizeDensePass());

  // dejavu -> kernels.
  manager.addPass(createVerifyRaisedPass());
  ConvertDejavuToCPUPassOptions options;
  options.lanes = config.vectorLanes;
  manager.addPass(createConvertDejavuToCPUPass(options));
  manager.addPass(createLowerAllocationsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());

  // Kernels -> llvm. Parallel loops become OpenMP regions first, while they
  // are loops; the rest goes dialect by dialect.
  manager.addPass(createConvertSCFToOpenMPPass());
  // Takes away the alloca scopes around loop bodies, which may not hold the
  // blocks that loops become.
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createApproximateMathPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createConvertOpenMPToLLVMPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertIndexToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void dejavu::buildLowerCUDAPipeline(OpPassManager &manager,
                                    const LowerCUDAPipelineConfig &config) {
  manager.addPass(createVerifyRaisedPass());
  ConvertDejavuToCUDAPassOptions options;
  options.chips.assign(config.chips.begin(), config.chips.end());
  if (config.reduction)
    options.reduction = *config.reduction;
  manager.addPass(createConvertDejavuToCUDAPass(options));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  buildEmitCUDAPipeline(manager);
}

void dejavu::buildEmitCUDAPipeline(OpPassManager &manager) {
  OpPassManager &expansion = manager.nest<gpu::GPUModuleOp>();
  expansion.addPass(createExpandKernelOpsPass());
  expansion.addPass(createConvertNVGPUToNVVMPass());
  expansion.addPass(memref::createExpandStridedMetadataPass());
  expansion.addPass(createLowerAffinePass());

  // Branches before the rest, in kernels and in what launches them: the
  // conversion of kernels changes the types of indices that blocks are handed,
  // and leaves branches alone.
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertControlFlowToLLVMPass());

  OpPassManager &kernels = manager.nest<gpu::GPUModuleOp>();
  kernels.addPass(createConvertVectorToLLVMPass());
  ConvertGpuOpsToNVVMOpsOptions options;
  options.indexBitwidth = 64;
  kernels.addPass(createConvertGpuOpsToNVVMOps(options));
  // Instructions that LLVM has no intrinsic for become inline PTX.
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());

  // The functions that launch the kernels.
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertIndexToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

namespace {
struct RaisePipelineOptions : PassPipelineOptions<RaisePipelineOptions> {
  Option<RaiseForm> form{
      *this, "form", llvm::cl::desc("what a model is raised to"),
      llvm::cl::init(RaiseForm::any),
      llvm::cl::values(
          clEnumValN(RaiseForm::any, "auto",
                     "a decoder if it can be, else a model without a cache"),
          clEnumValN(RaiseForm::decoder, "decoder", "a decoder with a cache"),
          clEnumValN(RaiseForm::forward, "forward",
                     "the model's own inputs and outputs"))};
  Option<bool> keepOnnx{
      *this, "keep-onnx",
      llvm::cl::desc("leave what no pattern claims as onnx ops"),
      llvm::cl::init(false)};
};

struct SparsifyPipelineOptions : PassPipelineOptions<SparsifyPipelineOptions> {
  Option<SparsityKind> sparsity{
      *this, "sparsity", llvm::cl::desc("what may be skipped"),
      llvm::cl::init(SparsityKind::exact),
      llvm::cl::values(clEnumValN(SparsityKind::dense, "dense", "nothing"),
                       clEnumValN(SparsityKind::exact, "exact",
                                  "neurons whose activation is exactly zero"),
                       clEnumValN(SparsityKind::threshold, "threshold",
                                  "neurons whose activation is small"),
                       clEnumValN(SparsityKind::predicted, "predicted",
                                  "what predictors leave out"))};
  Option<WeightType> weights{
      *this, "weights", llvm::cl::desc("element type of the matrices"),
      llvm::cl::init(WeightType::f32),
      llvm::cl::values(clEnumValN(WeightType::f32, "f32", "32 bits"),
                       clEnumValN(WeightType::f16, "f16", "IEEE half"),
                       clEnumValN(WeightType::bf16, "bf16", "bfloat16"))};
  Option<std::string> predictors{
      *this, "predictors",
      llvm::cl::desc("what `dejavu calibrate` has written, for threshold and "
                     "predicted")};
  Option<KVPolicy> kv{
      *this, "kv",
      llvm::cl::desc("keys and values of heads that are not selected"),
      llvm::cl::init(KVPolicy::automatic),
      llvm::cl::values(
          clEnumValN(KVPolicy::automatic, "auto",
                     "deferred, but eager under GQA"),
          clEnumValN(KVPolicy::eager, "eager", "computed for each token"),
          clEnumValN(KVPolicy::deferred, "deferred",
                     "computed when the head is next selected"))};
};

struct LowerCPUPipelineOptions : PassPipelineOptions<LowerCPUPipelineOptions> {
  Option<int64_t> lanes{*this, "lanes",
                        llvm::cl::desc("f32 lanes of a vector register"),
                        llvm::cl::init(16)};
};
} // namespace

void dejavu::registerDejavuPipelines() {
  PassPipelineRegistration<RaisePipelineOptions> raise(
      "dejavu-raise", "Raise a graph of onnx ops to the dejavu dialect",
      [](OpPassManager &manager, const RaisePipelineOptions &options) {
        buildRaisePipeline(manager, {options.form, options.keepOnnx});
      });
  PassPipelineRegistration<SparsifyPipelineOptions> sparsify(
      "dejavu-sparsify", "Choose element types and sparsity of a raised module",
      [](OpPassManager &manager, const SparsifyPipelineOptions &options) {
        buildSparsifyPipeline(manager, {options.sparsity, options.weights,
                                        options.predictors, options.kv});
      });
  PassPipelineRegistration<LowerCPUPipelineOptions> lower(
      "dejavu-lower-cpu", "Lower a raised module to the llvm dialect",
      [](OpPassManager &manager, const LowerCPUPipelineOptions &options) {
        buildLowerCPUPipeline(manager, {options.lanes});
      });
  PassPipelineRegistration<> kernels(
      "dejavu-lower-cuda-kernels",
      "Lower kernels in gpu.modules, and what launches them, to nvvm and llvm",
      [](OpPassManager &manager) { buildEmitCUDAPipeline(manager); });
}
