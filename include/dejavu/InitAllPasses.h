//===- InitAllPasses.h - registers the project's passes (tools only) --*- C++
//-*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_INITALLPASSES_H
#define DEJAVU_INITALLPASSES_H

#include "dejavu/Conversion/DejavuToCPU/Passes.h"
#include "dejavu/Conversion/DejavuToCUDA/Passes.h"
#include "dejavu/Conversion/KernelsToNVVM/Passes.h"
#include "dejavu/Conversion/OnnxToDejavu/Passes.h"
#include "dejavu/Conversion/OnnxToLinalg/Passes.h"
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"
#include "dejavu/Dialect/Onnx/Transforms/Passes.h"
#include "dejavu/Pipelines/Passes.h"
#include "dejavu/Pipelines/Pipelines.h"

namespace mlir::dejavu {
inline void registerAllDejavuPasses() {
  registerDejavuToCPUPasses();
  registerDejavuToCUDAPasses();
  registerKernelsToNVVMPasses();
  registerDejavuTransformsPasses();
  onnx::registerOnnxTransformsPasses();
  registerOnnxToDejavuPasses();
  registerOnnxToLinalgPasses();
  registerDejavuPipelinesPasses();
  registerDejavuPipelines();
}
} // namespace mlir::dejavu

#endif // DEJAVU_INITALLPASSES_H
