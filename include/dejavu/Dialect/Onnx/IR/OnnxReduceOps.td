//===- OnnxReduceOps.td - reductions, extremes, running results *- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXREDUCEOPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXREDUCEOPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxBase.td"

//===----------------------------------------------------------------------===//
// Reductions along axes
//===----------------------------------------------------------------------===//

def Onnx_ReduceMeanOp : Onnx_ReduceOp<"ReduceMean", Onnx_NumTensor> {
  let summary = "mean along some axes";
  let description = [{
    The sum over the number of elements. Integers are divided towards zero. The
    axes become 1, or vanish if `keepdims` is 0. Without axes, or with an empty
    list of them, all elements become one, unless `noop_with_empty_axes` is 1:
    then each element is its own line. Meaning of opset 18.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.

    Example:

    ```mlir
    %y = onnx.ReduceMean(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
    ```
  }];
}

def Onnx_ReduceSumOp : Onnx_ReduceOp<"ReduceSum", Onnx_NumTensor> {
  let summary = "sum along some axes";
  let description = [{
    0 where there is nothing to add. The axes become 1, or vanish if `keepdims`
    is 0. Without axes, or with an empty list of them, all elements become one,
    unless `noop_with_empty_axes` is 1: then each element is its own line.
    Meaning of opset 18.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.

    Example:

    ```mlir
    %y = onnx.ReduceSum(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
    ```
  }];
}

def Onnx_ReduceMaxOp : Onnx_ReduceOp<"ReduceMax", Onnx_Tensor> {
  let summary = "largest element along some axes";
  let description = [{
    A NaN gives NaN. Of booleans: whether any is true. The lowest value of the
    type where there is no element, minus infinity for floats. The axes become
    1, or vanish if `keepdims` is 0. Without axes, or with an empty list of
    them, all elements become one, unless `noop_with_empty_axes` is 1: then
    each element is its own line. Meaning of opset 20.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.

    Example:

    ```mlir
    %y = onnx.ReduceMax(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
    ```
  }];
}

def Onnx_ReduceMinOp : Onnx_ReduceOp<"ReduceMin", Onnx_Tensor> {
  let summary = "smallest element along some axes";
  let description = [{
    A NaN gives NaN. Of booleans: whether all are true. The highest value of
    the type where there is no element, infinity for floats. The axes become 1,
    or vanish if `keepdims` is 0. Without axes, or with an empty list of them,
    all elements become one, unless `noop_with_empty_axes` is 1: then each
    element is its own line. Meaning of opset 20.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.

    Example:

    ```mlir
    %y = onnx.ReduceMin(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
    ```
  }];
}

def Onnx_ReduceProdOp : Onnx_ReduceOp<"ReduceProd", Onnx_NumTensor> {
  let summary = "product along some axes";
  let description = [{
    1 where there is nothing to multiply. The axes become 1, or vanish if
    `keepdims` is 0. Without axes, or with an empty list of them, all elements
    become one, unless `noop_with_empty_axes` is 1: then each element is its
    own line. Meaning of opset 18.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.

    Example:

    ```mlir
    %y = onnx.ReduceProd(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
    ```
  }];
}

def Onnx_ReduceL1Op : Onnx_ReduceOp<"ReduceL1", Onnx_NumTensor> {
  let summary = "sum of absolute values along some axes";
  let description = [{
    `sum(|data|)`. The axes become 1, or vanish if `keepdims` is 0. Without
    axes, or with an empty list of them, all elements become one, unless
    `noop_with_empty_axes` is 1: then each element is its own line. Meaning of
    opset 18.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.

    Example:

    ```mlir
    %y = onnx.ReduceL1(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
    ```
  }];
}

def Onnx_ReduceL2Op : Onnx_ReduceOp<"ReduceL2", Onnx_NumTensor> {
  let summary = "root of the sum of squares along some axes";
  let description = [{
    `sqrt(sum(data^2))`. The axes become 1, or vanish if `keepdims` is 0.
    Without axes, or with an empty list of them, all elements become one,
    unless `noop_with_empty_axes` is 1: then each element is its own line.
    Meaning of opset 18.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.

    Example:

    ```mlir
    %y = onnx.ReduceL2(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
    ```
  }];
}

def Onnx_ReduceSumSquareOp : Onnx_ReduceOp<"ReduceSumSquare", Onnx_NumTensor> {
  let summary = "sum of squares along some axes";
  let description = [{
    `sum(data^2)`. The axes become 1, or vanish if `keepdims` is 0. Without
    axes, or with an empty list of them, all elements become one, unless
    `noop_with_empty_axes` is 1: then each element is its own line. Meaning of
    opset 18.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.

    Example:

    ```mlir
    %y = onnx.ReduceSumSquare(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
    ```
  }];
}

def Onnx_ReduceLogSumOp : Onnx_ReduceOp<"ReduceLogSum", Onnx_NumTensor> {
  let summary = "logarithm of the sum along some axes";
  let description = [{
    `ln(sum(data))`. The axes become 1, or vanish if `keepdims` is 0. Without
    axes, or with an empty list of them, all elements become one, unless
    `noop_with_empty_axes` is 1: then each element is its own line. Meaning of
    opset 18.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.

    Example:

    ```mlir
    %y = onnx.ReduceLogSum(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
    ```
  }];
}

def Onnx_ReduceLogSumExpOp : Onnx_ReduceOp<"ReduceLogSumExp", Onnx_NumTensor> {
  let summary = "logarithm of the sum of exponentials along some axes";
  let description = [{
    `ln(sum(e^data))`, computed so that large elements do not overflow. The
    axes become 1, or vanish if `keepdims` is 0. Without axes, or with an empty
    list of them, all elements become one, unless `noop_with_empty_axes` is 1:
    then each element is its own line. Meaning of opset 18.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.

    Example:

    ```mlir
    %y = onnx.ReduceLogSumExp(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
    ```
  }];
}

//===----------------------------------------------------------------------===//
// Where the extreme elements are
//===----------------------------------------------------------------------===//

def Onnx_ArgMaxOp : Onnx_ArgOp<"ArgMax"> {
  let summary = "index of the largest element";
  let description = [{
    The index along `axis` of the largest element; of several the first or, if
    `select_last_index` is 1, the last. The axis becomes 1, or vanishes if
    `keepdims` is 0. Meaning of opset 13.

    Constraints:
    * (C1) `axis` lies in [-rank, rank), and its dimension is not 0.

    Example:

    ```mlir
    %i = onnx.ArgMax(%x) {axis = -1 : i64} : (tensor<?x8xf32>) -> tensor<?x1xi64>
    ```
  }];
}

def Onnx_ArgMinOp : Onnx_ArgOp<"ArgMin"> {
  let summary = "index of the smallest element";
  let description = [{
    The index along `axis` of the smallest element; of several the first or, if
    `select_last_index` is 1, the last. The axis becomes 1, or vanishes if
    `keepdims` is 0. Meaning of opset 13.

    Constraints:
    * (C1) `axis` lies in [-rank, rank), and its dimension is not 0.

    Example:

    ```mlir
    %i = onnx.ArgMin(%x) {axis = -1 : i64} : (tensor<?x8xf32>) -> tensor<?x1xi64>
    ```
  }];
}

def Onnx_TopKOp : Onnx_Op<"TopK"> {
  let summary = "the largest or smallest elements along one axis";
  let description = [{
    `Values` are the `K` largest elements along `axis`, or the smallest if
    `largest` is 0, and `Indices` say where they were. Of equal elements the
    one with the lower index comes first. They are in order if `sorted` is 1;
    this compiler always sorts. Meaning of opset 24.

    Constraints:
    * (C1) `K` has one element, which is at least 0 and at most the dimension.
    * (C2) `axis` lies in [-rank, rank).

    Example:

    ```mlir
    %v, %i = onnx.TopK(%x, %k) : (tensor<?x8xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$X, Onnx_I64Tensor:$K,
                       Onnx_DefaultInt<"-1">:$axis, Onnx_Flag<"1">:$largest,
                       Onnx_Flag<"1">:$sorted);
  let results = (outs Onnx_NumTensor:$Values, Onnx_I64Tensor:$Indices);
}

//===----------------------------------------------------------------------===//
// Running results
//===----------------------------------------------------------------------===//

def Onnx_CumProdOp : Onnx_Op<"CumProd"> {
  let summary = "running product along one axis";
  let description = [{
    Each element of `y` is the product of the elements of `x` up to it, itself
    included unless `exclusive` is 1, or from it on if `reverse` is 1. `axis`
    is a tensor of one element. Meaning of opset 26.

    Constraints:
    * (C1) `axis` has one element in [-rank, rank).

    Example:

    ```mlir
    %y = onnx.CumProd(%x, %axis) : (tensor<?x8xf32>, tensor<i64>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$x, Onnx_IndexTensor:$axis,
                       Onnx_Flag<"0">:$exclusive, Onnx_Flag<"0">:$reverse);
  let results = (outs Onnx_NumTensor:$y);
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXREDUCEOPS_TD
