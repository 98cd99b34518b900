//===- Raise.cpp - the raise phase ----------------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"
#include "dejavu/Dialect/Onnx/Transforms/Passes.h"
#include "dejavu/Pipelines/Pipelines.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace mlir::dejavu;

void dejavu::buildRaisePipeline(OpPassManager &manager) {
  // Quantised weights become plain ones, with a recipe.
  manager.addPass(createOnnxFoldDequantizePass());
  // Fused operators become the plain ones that the passes behind look for.
  manager.addPass(onnx::createOnnxDecomposePass());

  // The calling convention, then one form for what exporters spell in many.
  manager.addPass(createOnnxBindSignaturePass());
  manager.nest<func::FuncOp>().addPass(createOnnxSimplifyPass());
  manager.addPass(createOnnxBindPositionsPass());
  OpPassManager &cleanUp = manager.nest<func::FuncOp>();
  cleanUp.addPass(createOnnxFoldShapesPass());
  cleanUp.addPass(createOnnxSinkReshapesPass());
  // Sinking brings products and transposes together.
  cleanUp.addPass(createOnnxSimplifyPass());

  // From the leaves to the blocks.
  manager.addPass(createRaiseLinearPass());
  manager.addPass(createRaiseNormPass());
  manager.nest<func::FuncOp>().addPass(createRaiseEmbedPass());
  // Behind the norms of queries and keys, before the attention that they go to.
  manager.addPass(createRaiseRopePass());
  manager.addPass(createRaiseAttentionPass());
  manager.addPass(createRaiseFFNPass());
  manager.nest<func::FuncOp>().addPass(createRaiseResidualPass());

  manager.addPass(createRaiseDecoderPass());
  manager.addPass(createVerifyRaisedPass());
}
