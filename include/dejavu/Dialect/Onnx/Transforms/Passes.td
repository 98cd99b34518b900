//===- Passes.td - passes on the onnx dialect --------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_TRANSFORMS_PASSES
#define DEJAVU_DIALECT_ONNX_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def OnnxDecomposePass : Pass<"onnx-decompose", "::mlir::ModuleOp"> {
  let summary = "Replace fused operators by the operators they stand for";
  let description = [{
    Rewrites `Attention`, `RotaryEmbedding`, `TensorScatter`, `Swish`, `SwiGLU`,
    `CausalConvWithState` and the operators of `com.microsoft` to plain ones, so
    that the passes behind it see one spelling of each. What the result means is
    what the operator's documentation says, whatever its inputs hold; where two
    implementations are known to differ, it is ONNX Runtime's for
    `com.microsoft` and the specification for the rest.

    ```mlir
    %y = onnx.com.microsoft.QuickGelu(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```

    becomes

    ```mlir
    %a = onnx.Constant dense<1.702> : tensor<f32>
    %b = onnx.Mul(%x, %a) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
    %c = onnx.Sigmoid(%b) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %y = onnx.Mul(%x, %c) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    ```

    Fails, with the reason, for an operator in a form that is not supported (a
    quantised cache, say). Bodies of `If`, `Loop` and `Scan` are rewritten, too.
  }];
}

#endif // DEJAVU_DIALECT_ONNX_TRANSFORMS_PASSES
