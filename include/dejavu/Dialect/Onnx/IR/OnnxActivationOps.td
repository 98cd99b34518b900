//===- OnnxActivationOps.td - activations ------------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXACTIVATIONOPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXACTIVATIONOPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxBase.td"

//===----------------------------------------------------------------------===//
// Smooth and piecewise linear units
//===----------------------------------------------------------------------===//

def Onnx_SwishOp : Onnx_Op<"Swish"> {
  let summary = "input times a logistic function of it";
  let description = [{
    `Y = X * sigmoid(alpha * X)`; with `alpha` 1 also called SiLU. Meaning of
    opset 24.

    Example:

    ```mlir
    %y = onnx.Swish(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_DefaultFloat<"1.0">:$alpha);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_SwiGLUOp : Onnx_Op<"SwiGLU"> {
  let summary = "gate times input";
  let description = [{
    `Y = A * sigmoid(alpha * A) * B`, where `A` is the gate and `B` what it
    lets through; both have the same shape. Meaning of opset 28.

    Constraints:
    * (C1) `A` and `B` have the same element type and shape.

    Example:

    ```mlir
    %y = onnx.SwiGLU(%gate, %up) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$A, Onnx_FloatTensor:$B,
                       Onnx_DefaultFloat<"1.0">:$alpha);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_SoftplusOp : Onnx_UnaryOp<"Softplus", Onnx_FloatTensor> {
  let summary = "smooth rectifier";
  let description = [{
    `Y = ln(1 + e^X)`. Meaning of opset 22.
  }];
}

def Onnx_SoftsignOp : Onnx_UnaryOp<"Softsign", Onnx_FloatTensor> {
  let summary = "input over one plus its size";
  let description = [{
    `Y = X / (1 + |X|)`. Meaning of opset 22.
  }];
}

def Onnx_MishOp : Onnx_UnaryOp<"Mish", Onnx_FloatTensor> {
  let summary = "input times the tangent of its softplus";
  let description = [{
    `Y = X * tanh(ln(1 + e^X))`. Meaning of opset 22.
  }];
}

def Onnx_HardSwishOp : Onnx_UnaryOp<"HardSwish", Onnx_FloatTensor> {
  let summary = "piecewise form of Swish";
  let description = [{
    `Y = X * max(0, min(1, X / 6 + 1 / 2))`. Meaning of opset 22.
  }];
}

def Onnx_HardSigmoidOp : Onnx_Op<"HardSigmoid"> {
  let summary = "piecewise linear logistic function";
  let description = [{
    `Y = max(0, min(1, alpha * X + beta))`. Meaning of opset 22.
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_DefaultFloat<"0.2">:$alpha,
                       Onnx_DefaultFloat<"0.5">:$beta);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_EluOp : Onnx_Op<"Elu"> {
  let summary = "exponential linear unit";
  let description = [{
    `Y = X` above zero and `alpha * (e^X - 1)` elsewhere. Meaning of opset 22.
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_DefaultFloat<"1.0">:$alpha);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_SeluOp : Onnx_Op<"Selu"> {
  let summary = "scaled exponential linear unit";
  let description = [{
    `Y = gamma * X` above zero and `gamma * alpha * (e^X - 1)` elsewhere.
    Meaning of opset 22.
  }];
  let arguments = (ins Onnx_FloatTensor:$X,
                       Onnx_DefaultFloat<"1.67326319217681884765625">:$alpha,
                       Onnx_DefaultFloat<"1.05070102214813232421875">:$gamma);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_CeluOp : Onnx_Op<"Celu"> {
  let summary = "continuous exponential linear unit";
  let description = [{
    `Y = max(0, X) + min(0, alpha * (e^(X / alpha) - 1))`. Meaning of opset 28.
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_DefaultFloat<"1.0">:$alpha);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_LeakyReluOp : Onnx_Op<"LeakyRelu"> {
  let summary = "rectifier with a slope below zero";
  let description = [{
    `Y = X` where `X` is not negative and `alpha * X` elsewhere. Meaning of
    opset 16.
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_DefaultFloat<"0.01">:$alpha);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_PReluOp : Onnx_Op<"PRelu"> {
  let summary = "rectifier with given slopes below zero";
  let description = [{
    `Y = X` where `X` is not negative and `slope * X` elsewhere. `slope`
    broadcasts to `X` one way. Meaning of opset 16.

    Constraints:
    * (C1) `slope` broadcasts to the shape of `X`.

    Example:

    ```mlir
    %y = onnx.PRelu(%x, %slope) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$X, Onnx_NumTensor:$slope);
  let results = (outs Onnx_NumTensor:$Y);
}

def Onnx_ThresholdedReluOp : Onnx_Op<"ThresholdedRelu"> {
  let summary = "rectifier with a threshold";
  let description = [{
    `Y = X` above `alpha` and 0 elsewhere. Meaning of opset 22.
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_DefaultFloat<"1.0">:$alpha);
  let results = (outs Onnx_FloatTensor:$Y);
}

def Onnx_ShrinkOp : Onnx_Op<"Shrink"> {
  let summary = "elements near zero set to zero";
  let description = [{
    `Y = X + bias` below `-lambd`, `X - bias` above `lambd` and 0 between.
    Meaning of opset 9.

    Example:

    ```mlir
    %y = onnx.Shrink(%x) {bias = 0.5 : f32} : (tensor<8xf32>) -> tensor<8xf32>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$input, Onnx_DefaultFloat<"0.0">:$bias,
                       Onnx_DefaultFloat<"0.5">:$lambd);
  let results = (outs Onnx_NumTensor:$output);
}

//===----------------------------------------------------------------------===//
// Along one axis
//===----------------------------------------------------------------------===//

def Onnx_LogSoftmaxOp : Onnx_Op<"LogSoftmax"> {
  let summary = "logarithm of softmax along one axis";
  let description = [{
    `output = input - ln(sum(e^input))`, the sum being along `axis`. Meaning of
    opset 13: the importer rewrites the older form, which flattens.

    Constraints:
    * (C1) `axis` lies in [-rank, rank).

    Example:

    ```mlir
    %y = onnx.LogSoftmax(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_DefaultInt<"-1">:$axis);
  let results = (outs Onnx_FloatTensor:$output);
}

def Onnx_HardmaxOp : Onnx_Op<"Hardmax"> {
  let summary = "one at the largest element along one axis";
  let description = [{
    1 at the first of the largest elements along `axis` and 0 elsewhere.
    Meaning of opset 13: the importer rewrites the older form, which flattens.

    Constraints:
    * (C1) `axis` lies in [-rank, rank).

    Example:

    ```mlir
    %y = onnx.Hardmax(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_DefaultInt<"-1">:$axis);
  let results = (outs Onnx_FloatTensor:$output);
}

def Onnx_LpNormalizationOp : Onnx_Op<"LpNormalization"> {
  let summary = "division by a norm along one axis";
  let description = [{
    Elements are divided by the `p`-norm of their line along `axis`. A line of
    norm 0 gives zeros. Meaning of opset 22.

    Constraints:
    * (C1) `axis` lies in [-rank, rank).
    * (C2) `p` is 1 or 2.

    Example:

    ```mlir
    %y = onnx.LpNormalization(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$input, Onnx_DefaultInt<"-1">:$axis,
                       ConfinedAttr<Onnx_DefaultInt<"2">,
                                    [IntMinValue<1>, IntMaxValue<2>]>:$p);
  let results = (outs Onnx_FloatTensor:$output);
}

def Onnx_DropoutOp : Onnx_Op<"Dropout", [AttrSizedOperandSegments]> {
  let summary = "its operand, when nothing is trained";
  let description = [{
    `output = data`. Results after `output`: `mask`, all true, if the node
    names it. `ratio` has no meaning then. With `training_mode` true ONNX sets
    elements to zero at random, which this compiler refuses. Meaning of opset
    22.

    Constraints:
    * (C1) `ratio` and `training_mode` are scalars.

    Example:

    ```mlir
    %y = onnx.Dropout(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$data,
                       Optional<Onnx_FloatTensor>:$ratio,
                       Optional<Onnx_BoolTensor>:$training_mode);
  let results = (outs Onnx_FloatTensor:$output,
                      Variadic<Onnx_BoolTensor>:$rest);
  let assemblyFormat = [{
    `(` $data `)` (`ratio` `(` $ratio^ `)`)?
    (`training_mode` `(` $training_mode^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXACTIVATIONOPS_TD
