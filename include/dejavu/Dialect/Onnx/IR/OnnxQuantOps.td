//===- OnnxQuantOps.td - quantised numbers -----------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXQUANTOPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXQUANTOPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxBase.td"

//===----------------------------------------------------------------------===//
// Quantisation
//===----------------------------------------------------------------------===//

def Onnx_QuantizeLinearOp : Onnx_Op<"QuantizeLinear"> {
  let summary = "numbers as small integers or floats";
  let description = [{
    `y = saturate(round(x / y_scale) + y_zero_point)`, rounding to even.
    `y_scale` is a scalar, a vector along `axis`, or, if `block_size` is not 0,
    a tensor of the rank of `x` with one element for each block of so many
    along `axis`. The result has the type of `y_zero_point` or, without it,
    `output_dtype` (ui8 if that is absent). The division is done in
    `precision`, if given. Meaning of opset 28.

    Constraints:
    * (C1) `y_scale` is a scalar or has one element, or has rank 1 and the
      length of dimension `axis`, or `block_size` is positive and it has the
      shape of `x`, that dimension being divided by it and rounded up.
    * (C2) `y_zero_point` has the shape of `y_scale`.
    * (C3) `axis` lies in [-rank, rank).

    Example:

    ```mlir
    %y = onnx.QuantizeLinear(%x, %scale, %zero) : (tensor<?x8xf32>, tensor<f32>, tensor<ui8>) -> tensor<?x8xui8>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$x, Onnx_FloatTensor:$y_scale,
                       Optional<Onnx_QuantTensor>:$y_zero_point,
                       Onnx_DefaultInt<"1">:$axis,
                       Onnx_DefaultInt<"0">:$block_size,
                       OptionalAttr<TypeAttr>:$output_dtype,
                       OptionalAttr<TypeAttr>:$precision,
                       Onnx_Flag<"1">:$saturate);
  let results = (outs Onnx_QuantTensor:$y);
}

def Onnx_DequantizeLinearOp : Onnx_Op<"DequantizeLinear"> {
  let summary = "small integers or floats as numbers";
  let description = [{
    `y = (x - x_zero_point) * x_scale`. Scales and zero points lie as those of
    QuantizeLinear. The result has type `output_dtype`, that of `x_scale` if it
    is absent. Meaning of opset 28.

    Constraints: those of QuantizeLinear.

    Example:

    ```mlir
    %y = onnx.DequantizeLinear(%x, %scale) {axis = 0 : i64, block_size = 32 : i64}
        : (tensor<64x8xi4>, tensor<2x8xf32>) -> tensor<64x8xf32>
    ```
  }];
  let arguments = (ins Onnx_QuantTensor:$x, Onnx_FloatTensor:$x_scale,
                       Optional<Onnx_QuantTensor>:$x_zero_point,
                       Onnx_DefaultInt<"1">:$axis,
                       Onnx_DefaultInt<"0">:$block_size,
                       OptionalAttr<TypeAttr>:$output_dtype);
  let results = (outs Onnx_FloatTensor:$y);
}

def Onnx_DynamicQuantizeLinearOp : Onnx_Op<"DynamicQuantizeLinear"> {
  let summary = "quantisation to ui8 with a scale found from the data";
  let description = [{
    The range of `x`, widened to hold zero, is cut into 255 steps: `y_scale` is
    its length over 255 and `y_zero_point` the rounded place of zero in it.
    Meaning of opset 11.

    Example:

    ```mlir
    %y, %scale, %zero = onnx.DynamicQuantizeLinear(%x) : (tensor<?x8xf32>) -> (tensor<?x8xui8>, tensor<f32>, tensor<ui8>)
    ```
  }];
  let arguments = (ins Onnx_FloatTensor:$x);
  let results = (outs Onnx_QuantTensor:$y, Onnx_FloatTensor:$y_scale,
                      Onnx_QuantTensor:$y_zero_point);
}

def Onnx_MatMulIntegerOp
    : Onnx_Op<"MatMulInteger", [AttrSizedOperandSegments]> {
  let summary = "matrix product of 8-bit integers";
  let description = [{
    As MatMul of `A - a_zero_point` and `B - b_zero_point`, summed in 32 bits.
    Zero points are scalars, or vectors for the rows of `A` and the columns of
    `B`; they are 0 if absent. Meaning of opset 10.

    Constraints: those of MatMul.
    * (C1) a zero point has the element type of its matrix.

    Example:

    ```mlir
    %y = onnx.MatMulInteger(%a, %b) a_zero_point(%z)
        : (tensor<?x8xui8>, tensor<8x4xi8>, tensor<ui8>) -> tensor<?x4xi32>
    ```
  }];
  let arguments = (ins Onnx_QuantTensor:$A, Onnx_QuantTensor:$B,
                       Optional<Onnx_QuantTensor>:$a_zero_point,
                       Optional<Onnx_QuantTensor>:$b_zero_point);
  let results = (outs Onnx_I32Tensor:$Y);
  let assemblyFormat = [{
    `(` $A `,` $B `)` (`a_zero_point` `(` $a_zero_point^ `)`)?
    (`b_zero_point` `(` $b_zero_point^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

def Onnx_QLinearMatMulOp : Onnx_Op<"QLinearMatMul"> {
  let summary = "matrix product of quantised matrices";
  let description = [{
    QuantizeLinear of the MatMul of the two DequantizeLinear: scales and zero
    points are scalars, or one for each row of `a`, column of `b`, row of `y`.
    Meaning of opset 21.

    Constraints: those of MatMul.

    Example:

    ```mlir
    %y = onnx.QLinearMatMul(%a, %as, %az, %b, %bs, %bz, %ys, %yz)
        : (tensor<2x4xui8>, tensor<f32>, tensor<ui8>, tensor<4x3xui8>, tensor<f32>, tensor<ui8>, tensor<f32>, tensor<ui8>)
        -> tensor<2x3xui8>
    ```
  }];
  let arguments = (ins Onnx_QuantTensor:$a, Onnx_FloatTensor:$a_scale,
                       Onnx_QuantTensor:$a_zero_point, Onnx_QuantTensor:$b,
                       Onnx_FloatTensor:$b_scale,
                       Onnx_QuantTensor:$b_zero_point,
                       Onnx_FloatTensor:$y_scale,
                       Onnx_QuantTensor:$y_zero_point);
  let results = (outs Onnx_QuantTensor:$y);
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXQUANTOPS_TD
