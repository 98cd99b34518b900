//===- OnnxMathOps.td - element by element ops -----------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arithmetic, comparison and logic. "Broadcasting" is NumPy's: shapes are
// aligned at their last dimension, and a dimension of 1 is repeated.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXMATHOPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXMATHOPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxBase.td"

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

def Onnx_AddOp : Onnx_BinaryOp<"Add", Onnx_NumTensor> {
  let summary = "sum, element by element";
  let description = [{
    `C = A + B` with broadcasting. Integers wrap. Meaning of opset 14.

    Example:

    ```mlir
    %c = onnx.Add(%a, %b) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
    ```
  }];
}

def Onnx_SubOp : Onnx_BinaryOp<"Sub", Onnx_NumTensor> {
  let summary = "difference, element by element";
  let description = "`C = A - B` with broadcasting. Meaning of opset 14.";
}

def Onnx_MulOp : Onnx_BinaryOp<"Mul", Onnx_NumTensor> {
  let summary = "product, element by element";
  let description = "`C = A * B` with broadcasting. Meaning of opset 14.";
}

def Onnx_DivOp : Onnx_BinaryOp<"Div", Onnx_NumTensor> {
  let summary = "quotient, element by element";
  let description = [{
    `C = A / B` with broadcasting. Integers are divided towards zero. Meaning
    of opset 14.
  }];
}

def Onnx_PowOp : Onnx_Op<"Pow"> {
  let summary = "power, element by element";
  let description = [{
    `Z = X ^ Y` with broadcasting. The exponent may have another element type;
    the result has that of `X`. Meaning of opset 15.

    Example:

    ```mlir
    %z = onnx.Pow(%x, %two) : (tensor<4xf32>, tensor<i64>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$X, Onnx_NumTensor:$Y);
  let results = (outs Onnx_NumTensor:$Z);
}

def Onnx_MaxOp : Onnx_VariadicOp<"Max"> {
  let summary = "largest of any number of tensors, element by element";
  let description = [{
    With broadcasting. A NaN in any operand gives NaN. At least one operand.
    Meaning of opset 13.
  }];
}

def Onnx_MinOp : Onnx_VariadicOp<"Min"> {
  let summary = "smallest of any number of tensors, element by element";
  let description = [{
    With broadcasting. A NaN in any operand gives NaN. At least one operand.
    Meaning of opset 13.
  }];
}

def Onnx_NegOp : Onnx_UnaryOp<"Neg", Onnx_NumTensor> {
  let summary = "negation";
  let description = "`Y = -X`. Meaning of opset 13.";
}

def Onnx_SqrtOp : Onnx_UnaryOp<"Sqrt", Onnx_FloatTensor> {
  let summary = "square root";
  let description = "`Y = sqrt(X)`, NaN below zero. Meaning of opset 13.";
}

def Onnx_ErfOp : Onnx_UnaryOp<"Erf", Onnx_NumTensor> {
  let summary = "error function";
  let description = [{
    `Y = 2 / sqrt(pi) * integral of exp(-t^2) from 0 to X`. Meaning of opset 13.
  }];
}

def Onnx_ReciprocalOp : Onnx_UnaryOp<"Reciprocal", Onnx_FloatTensor> {
  let summary = "reciprocal";
  let description = "`Y = 1 / X`. Meaning of opset 13.";
}

def Onnx_SinOp : Onnx_UnaryOp<"Sin", Onnx_FloatTensor> {
  let summary = "sine";
  let description = "`Y = sin(X)`, in radians. Meaning of opset 22.";
}

def Onnx_CosOp : Onnx_UnaryOp<"Cos", Onnx_FloatTensor> {
  let summary = "cosine";
  let description = "`Y = cos(X)`, in radians. Meaning of opset 22.";
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

def Onnx_EqualOp : Onnx_CompareOp<"Equal", Onnx_Tensor> {
  let summary = "whether elements are equal";
  let description = [{
    `C = A == B` with broadcasting; a NaN equals nothing. Meaning of opset 19.

    Example:

    ```mlir
    %c = onnx.Equal(%a, %b) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
    ```
  }];
}

def Onnx_LessOp : Onnx_CompareOp<"Less", Onnx_NumTensor> {
  let summary = "whether elements are less";
  let description = "`C = A < B` with broadcasting. Meaning of opset 13.";
}

def Onnx_LessOrEqualOp : Onnx_CompareOp<"LessOrEqual", Onnx_NumTensor> {
  let summary = "whether elements are less or equal";
  let description = "`C = A <= B` with broadcasting. Meaning of opset 16.";
}

def Onnx_GreaterOp : Onnx_CompareOp<"Greater", Onnx_NumTensor> {
  let summary = "whether elements are greater";
  let description = "`C = A > B` with broadcasting. Meaning of opset 13.";
}

def Onnx_GreaterOrEqualOp : Onnx_CompareOp<"GreaterOrEqual", Onnx_NumTensor> {
  let summary = "whether elements are greater or equal";
  let description = "`C = A >= B` with broadcasting. Meaning of opset 16.";
}

def Onnx_IsNaNOp : Onnx_Op<"IsNaN"> {
  let summary = "whether elements are NaN";
  let description = [{
    Meaning of opset 20.

    Example:

    ```mlir
    %y = onnx.IsNaN(%x) : (tensor<4xf32>) -> tensor<4xi1>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X);
  let results = (outs Onnx_BoolTensor:$Y);
}

//===----------------------------------------------------------------------===//
// Logic
//===----------------------------------------------------------------------===//

def Onnx_AndOp : Onnx_BinaryOp<"And", Onnx_BoolTensor> {
  let summary = "logical and";
  let description = "`C = A && B` with broadcasting. Meaning of opset 7.";
}

def Onnx_OrOp : Onnx_BinaryOp<"Or", Onnx_BoolTensor> {
  let summary = "logical or";
  let description = "`C = A || B` with broadcasting. Meaning of opset 7.";
}

def Onnx_NotOp : Onnx_UnaryOp<"Not", Onnx_BoolTensor> {
  let summary = "logical not";
  let description = "`Y = !X`. Meaning of opset 1.";
}

def Onnx_WhereOp : Onnx_Op<"Where"> {
  let summary = "choice between two tensors, element by element";
  let description = [{
    `output = condition ? X : Y`; the three broadcast. Meaning of opset 16.

    Example:

    ```mlir
    %o = onnx.Where(%c, %x, %y)
        : (tensor<4x1xi1>, tensor<f32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    ```
  }];
  let arguments = (ins Onnx_BoolTensor:$condition, Onnx_Tensor:$X,
                       Onnx_Tensor:$Y);
  let results = (outs Onnx_Tensor:$output);
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXMATHOPS_TD
