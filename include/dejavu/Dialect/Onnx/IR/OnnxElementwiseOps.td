//===- OnnxElementwiseOps.td - more element by element ops -*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What OnnxMathOps.td has not: rounding, trigonometry, limits, bits.
// "Broadcasting" is NumPy's.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXELEMENTWISEOPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXELEMENTWISEOPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxBase.td"

//===----------------------------------------------------------------------===//
// Roots, powers and logarithms
//===----------------------------------------------------------------------===//

def Onnx_AbsOp : Onnx_UnaryOp<"Abs", Onnx_NumTensor> {
  let summary = "absolute value";
  let description = [{
    `Y = |X|`. The smallest integer of a signed type stays what it is. Meaning
    of opset 13.
  }];
}

def Onnx_ExpOp : Onnx_UnaryOp<"Exp", Onnx_FloatTensor> {
  let summary = "exponential function";
  let description = [{
    `Y = e^X`. Meaning of opset 13.
  }];
}

def Onnx_LogOp : Onnx_UnaryOp<"Log", Onnx_FloatTensor> {
  let summary = "natural logarithm";
  let description = [{
    `Y = ln(X)`: minus infinity at zero, NaN below. Meaning of opset 13.
  }];
}

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

def Onnx_FloorOp : Onnx_UnaryOp<"Floor", Onnx_FloatTensor> {
  let summary = "next integer below";
  let description = [{
    `Y` is the largest integer not above `X`. Meaning of opset 13.
  }];
}

def Onnx_CeilOp : Onnx_UnaryOp<"Ceil", Onnx_FloatTensor> {
  let summary = "next integer above";
  let description = [{
    `Y` is the smallest integer not below `X`. Meaning of opset 13.
  }];
}

def Onnx_RoundOp : Onnx_UnaryOp<"Round", Onnx_FloatTensor> {
  let summary = "nearest integer";
  let description = [{
    A number halfway between two integers goes to the even one. Meaning of
    opset 22.
  }];
}

def Onnx_SignOp : Onnx_UnaryOp<"Sign", Onnx_NumTensor> {
  let summary = "sign";
  let description = [{
    `Y` is 1, 0 or -1; a NaN stays NaN. Meaning of opset 13.
  }];
}

def Onnx_ModOp : Onnx_Op<"Mod"> {
  let summary = "remainder, element by element";
  let description = [{
    `C = A mod B` with broadcasting. With `fmod` 1 the remainder has the sign
    of `A`, as that of C; else it has the sign of `B`, as Python has it. ONNX
    wants `fmod` 1 for floating-point numbers. Meaning of opset 28.

    Constraints:
    * (C1) `A` and `B` have the same element type.
    * (C2) `fmod` is 1 for floating-point operands.

    Example:

    ```mlir
    %c = onnx.Mod(%a, %b) : (tensor<?xi64>, tensor<i64>) -> tensor<?xi64>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$A, Onnx_NumTensor:$B,
                       Onnx_Flag<"0">:$fmod);
  let results = (outs Onnx_NumTensor:$C);
}

def Onnx_ClipOp : Onnx_Op<"Clip", [AttrSizedOperandSegments]> {
  let summary = "limits below and above";
  let description = [{
    `output = min(max(input, min), max)`: elements are brought into [`min`,
    `max`]. Either limit may be absent. If `min` exceeds `max`, all become
    `max`. Meaning of opset 13.

    Constraints:
    * (C1) `min` and `max` are scalars of the element type of `input`.

    Example:

    ```mlir
    %y = onnx.Clip(%x) min(%zero) : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$input, Optional<Onnx_NumTensor>:$min,
                       Optional<Onnx_NumTensor>:$max);
  let results = (outs Onnx_NumTensor:$output);
  let assemblyFormat = [{
    `(` $input `)` (`min` `(` $min^ `)`)? (`max` `(` $max^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Trigonometry
//===----------------------------------------------------------------------===//

def Onnx_TanOp : Onnx_UnaryOp<"Tan", Onnx_FloatTensor> {
  let summary = "tangent";
  let description = [{
    `Y = tan(X)`, in radians. Meaning of opset 22.
  }];
}

def Onnx_AsinOp : Onnx_UnaryOp<"Asin", Onnx_FloatTensor> {
  let summary = "arc sine";
  let description = [{
    `Y = asin(X)`, NaN beyond [-1, 1]. Meaning of opset 22.
  }];
}

def Onnx_AcosOp : Onnx_UnaryOp<"Acos", Onnx_FloatTensor> {
  let summary = "arc cosine";
  let description = [{
    `Y = acos(X)`, NaN beyond [-1, 1]. Meaning of opset 22.
  }];
}

def Onnx_AtanOp : Onnx_UnaryOp<"Atan", Onnx_FloatTensor> {
  let summary = "arc tangent";
  let description = [{
    `Y = atan(X)`. Meaning of opset 22.
  }];
}

def Onnx_SinhOp : Onnx_UnaryOp<"Sinh", Onnx_FloatTensor> {
  let summary = "hyperbolic sine";
  let description = [{
    `Y = sinh(X)`. Meaning of opset 22.
  }];
}

def Onnx_CoshOp : Onnx_UnaryOp<"Cosh", Onnx_FloatTensor> {
  let summary = "hyperbolic cosine";
  let description = [{
    `Y = cosh(X)`. Meaning of opset 22.
  }];
}

def Onnx_AsinhOp : Onnx_UnaryOp<"Asinh", Onnx_FloatTensor> {
  let summary = "inverse hyperbolic sine";
  let description = [{
    `Y = asinh(X)`. Meaning of opset 22.
  }];
}

def Onnx_AcoshOp : Onnx_UnaryOp<"Acosh", Onnx_FloatTensor> {
  let summary = "inverse hyperbolic cosine";
  let description = [{
    `Y = acosh(X)`, NaN below 1. Meaning of opset 22.
  }];
}

def Onnx_AtanhOp : Onnx_UnaryOp<"Atanh", Onnx_FloatTensor> {
  let summary = "inverse hyperbolic tangent";
  let description = [{
    `Y = atanh(X)`, NaN beyond [-1, 1]. Meaning of opset 22.
  }];
}

//===----------------------------------------------------------------------===//
// Sums of many
//===----------------------------------------------------------------------===//

def Onnx_SumOp : Onnx_VariadicOp<"Sum"> {
  let summary = "sum of any number of tensors, element by element";
  let description = [{
    With broadcasting. At least one operand. Meaning of opset 13.
  }];
}

def Onnx_MeanOp : Onnx_VariadicOp<"Mean"> {
  let summary = "mean of any number of tensors, element by element";
  let description = [{
    With broadcasting. At least one operand. Meaning of opset 13.
  }];
}

//===----------------------------------------------------------------------===//
// Logic and bits
//===----------------------------------------------------------------------===//

def Onnx_XorOp : Onnx_BinaryOp<"Xor", Onnx_BoolTensor> {
  let summary = "logical exclusive or";
  let description = [{
    `C = A != B` of booleans, with broadcasting. Meaning of opset 7.
  }];
}

def Onnx_IsInfOp : Onnx_Op<"IsInf"> {
  let summary = "whether elements are infinite";
  let description = [{
    `detect_negative` 0 leaves out minus infinity and `detect_positive` 0 plus
    infinity. Meaning of opset 20.

    Example:

    ```mlir
    %y = onnx.IsInf(%x) {detect_negative = 0 : i64} : (tensor<4xf32>) -> tensor<4xi1>
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$X, Onnx_Flag<"1">:$detect_negative,
                       Onnx_Flag<"1">:$detect_positive);
  let results = (outs Onnx_BoolTensor:$Y);
}

def Onnx_BitwiseAndOp : Onnx_BinaryOp<"BitwiseAnd", Onnx_IntTensor> {
  let summary = "and of all bits";
  let description = [{
    `C = A & B` with broadcasting. Meaning of opset 18.
  }];
}

def Onnx_BitwiseOrOp : Onnx_BinaryOp<"BitwiseOr", Onnx_IntTensor> {
  let summary = "or of all bits";
  let description = [{
    `C = A | B` with broadcasting. Meaning of opset 18.
  }];
}

def Onnx_BitwiseXorOp : Onnx_BinaryOp<"BitwiseXor", Onnx_IntTensor> {
  let summary = "exclusive or of all bits";
  let description = [{
    `C = A ^ B` with broadcasting. Meaning of opset 18.
  }];
}

def Onnx_BitwiseNotOp : Onnx_UnaryOp<"BitwiseNot", Onnx_IntTensor> {
  let summary = "complement of all bits";
  let description = [{
    `Y = ~X`. Meaning of opset 18.
  }];
}

def Onnx_ShiftDirectionLeft : I32EnumAttrCase<"Left", 0, "left">;
def Onnx_ShiftDirectionRight : I32EnumAttrCase<"Right", 1, "right">;
def Onnx_ShiftDirection : I32EnumAttr<"ShiftDirection",
    "where bits are shifted to", [
  Onnx_ShiftDirectionLeft, Onnx_ShiftDirectionRight]> {
  let cppNamespace = "::mlir::onnx";
  let genSpecializedAttr = 0;
}
def Onnx_ShiftDirectionAttr : EnumAttr<OnnxDialect, Onnx_ShiftDirection,
                               "shift_direction"> {
  let assemblyFormat = "`<` $value `>`";
}

def Onnx_BitShiftOp : Onnx_Op<"BitShift"> {
  let summary = "bits shifted by a number of places";
  let description = [{
    `Z = X << Y` or `Z = X >> Y`, with broadcasting and zeros moving in.
    Meaning of opset 28.

    Constraints:
    * (C1) both operands have the same unsigned element type.

    Example:

    ```mlir
    %z = onnx.BitShift(%x, %y) {direction = #onnx.shift_direction<right>}
        : (tensor<4xui8>, tensor<ui8>) -> tensor<4xui8>
    ```
  }];
  let arguments = (ins Onnx_IntTensor:$X, Onnx_IntTensor:$Y,
                       Onnx_ShiftDirectionAttr:$direction);
  let results = (outs Onnx_IntTensor:$Z);
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXELEMENTWISEOPS_TD
