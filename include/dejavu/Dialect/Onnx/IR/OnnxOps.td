//===- OnnxOps.td - all ops of the onnx dialect ----------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXOPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXOPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxActivationOps.td"
include "dejavu/Dialect/Onnx/IR/OnnxContribOps.td"
include "dejavu/Dialect/Onnx/IR/OnnxControlFlowOps.td"
include "dejavu/Dialect/Onnx/IR/OnnxConvOps.td"
include "dejavu/Dialect/Onnx/IR/OnnxElementwiseOps.td"
include "dejavu/Dialect/Onnx/IR/OnnxIndexOps.td"
include "dejavu/Dialect/Onnx/IR/OnnxMathOps.td"
include "dejavu/Dialect/Onnx/IR/OnnxNNOps.td"
include "dejavu/Dialect/Onnx/IR/OnnxQuantOps.td"
include "dejavu/Dialect/Onnx/IR/OnnxReduceOps.td"
include "dejavu/Dialect/Onnx/IR/OnnxTensorOps.td"

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXOPS_TD
