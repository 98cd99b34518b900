//===- OnnxImporter.cpp - reads ONNX models -------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Import/ONNX/OnnxImporter.h"

#include "GraphBuilder.h"
#include "Model.pb.h"
#include "ModelFile.h"
#include "WireReader.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::onnximport;

FailureOr<OwningOpRef<ModuleOp>>
mlir::dejavu::importOnnxModel(MLIRContext &context, StringRef path,
                              const ImportOptions &options) {
  context.loadDialect<func::FuncDialect, DejavuDialect, onnx::OnnxDialect>();
  std::string error;
  FailureOr<std::string> file = findOnnxModel(path, error);
  if (failed(file))
    return Reporter(context, path).error(error);
  Reporter reporter(context, *file);

  std::unique_ptr<InputFile> input = InputFile::open(*file, error);
  if (!input || failed(input->map(error)))
    return reporter.error(error);
  ArrayRef<uint8_t> bytes = input->getBytes();
  if (std::string other = recognizeOtherFormat(bytes); !other.empty())
    return reporter.error(other);

  proto::ModelProto model;
  PayloadMap payloads;
  if (failed(readModel(bytes, model, payloads, reporter)))
    return failure();
  ModelFolder folder(*file);
  TensorReader tensors(context, bytes, folder, payloads);
  FailureOr<CheckedGraph> graph =
      checkModel(model, payloads, tensors, reporter);
  if (failed(graph))
    return failure();

  OwningOpRef<ModuleOp> module =
      ModuleOp::create(FileLineColLoc::get(&context, *file, 0, 0));
  Builder builder(&context);
  (*module)->setAttr(DejavuDialect::kSourceAttrName,
                     builder.getStringAttr(*file));
  (*module)->setAttr(DejavuDialect::kOpsetAttrName,
                     builder.getI64IntegerAttr(graph->opset));
  if (failed(GraphBuilder(*module, *graph, tensors, reporter)
                 .build(options.functionName)) ||
      failed(verify(*module)))
    return failure();
  return module;
}
