//===- Raise.cpp - the raise phase ----------------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"
#include "dejavu/Conversion/OnnxToLinalg/Passes.h"
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"
#include "dejavu/Dialect/Onnx/Transforms/Passes.h"
#include "dejavu/Pipelines/Passes.h"
#include "dejavu/Pipelines/Pipelines.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace mlir::dejavu;

/// What other operators are made of.
static void addDecomposition(OpPassManager &manager) {
  // One type of activations; then quantised weights become plain ones, with a
  // recipe.
  manager.addPass(createOnnxWidenFloatsPass());
  manager.addPass(createOnnxFoldDequantizePass());
  // Fused operators become the plain ones that the passes behind look for.
  manager.addPass(onnx::createOnnxDecomposePass());
}

/// One form for what exporters spell in many ways.
static void addSimplification(OpPassManager &manager) {
  OpPassManager &cleanUp = manager.nest<func::FuncOp>();
  cleanUp.addPass(createOnnxFoldShapesPass());
  cleanUp.addPass(createOnnxSinkReshapesPass());
  // Sinking brings products and transposes together.
  cleanUp.addPass(createOnnxSimplifyPass());
}

/// From the leaves to the blocks: what attention is made of.
static void addLeaves(OpPassManager &manager) {
  manager.addPass(createRaiseLinearPass());
  manager.addPass(createRaiseNormPass());
  manager.nest<func::FuncOp>().addPass(createRaiseEmbedPass());
  // Behind the norms of queries and keys, before the attention that they go to.
  manager.addPass(createRaiseRopePass());
}

/// What stands around attention.
static void addBlocks(OpPassManager &manager) {
  manager.addPass(createRaiseFFNPass());
  manager.nest<func::FuncOp>().addPass(createRaiseResidualPass());
}

static void buildDecoderPipeline(OpPassManager &manager) {
  addDecomposition(manager);

  // The calling convention.
  manager.addPass(createOnnxBindSignaturePass());
  manager.nest<func::FuncOp>().addPass(createOnnxSimplifyPass());
  manager.addPass(createOnnxBindPositionsPass());

  addSimplification(manager);
  addLeaves(manager);
  manager.addPass(createRaiseAttentionPass());
  addBlocks(manager);

  manager.addPass(createRaiseDecoderPass());
}

static void buildForwardPipeline(OpPassManager &manager) {
  addDecomposition(manager);
  manager.nest<func::FuncOp>().addPass(createOnnxSimplifyPass());
  addSimplification(manager);
  addLeaves(manager);
  manager.addPass(createRaiseSDPAPass());
  addBlocks(manager);

  manager.addPass(createRaiseForwardPass());
}

void dejavu::buildRaisePipeline(OpPassManager &manager,
                                const RaisePipelineConfig &config) {
  switch (config.form) {
  case RaiseForm::any: {
    RaiseFormPassOptions options;
    options.keepOnnx = config.keepOnnx;
    manager.addPass(createRaiseFormPass(options));
    return;
  }
  case RaiseForm::decoder:
    buildDecoderPipeline(manager);
    break;
  case RaiseForm::forward:
    buildForwardPipeline(manager);
    break;
  }
  if (config.keepOnnx)
    return;
  // What no pattern claimed is compiled as it is.
  manager.addPass(createOutlineDensePass());
  manager.addPass(createConvertOnnxToLinalgPass());
  manager.addPass(createVerifyRaisedPass());
}
