//===- OnnxTensorOps.td - constants, shapes and data movement --*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXTENSOROPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXTENSOROPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxBase.td"

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

def Onnx_ConstantOp
    : Onnx_Op<"Constant", [ConstantLike, AllTypesMatch<["value", "output"]>]> {
  let summary = "a tensor known at compile time";
  let description = [{
    Only small tensors: weights are `dejavu.weight` symbols.

    Example:

    ```mlir
    %shape = onnx.Constant dense<[0, -1, 8]> : tensor<3xi64>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Onnx_Tensor:$output);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def Onnx_ConstantOfShapeOp : Onnx_Op<"ConstantOfShape"> {
  let summary = "a tensor of equal elements whose shape is an operand";
  let description = [{
    `value` has one element. Meaning of opset 24.

    Constraints:
    * (C1) `value` has one element.
    * (C2) `input` has rank 1 and no negative element.

    Example:

    ```mlir
    %y = onnx.ConstantOfShape(%shape) {value = dense<1> : tensor<1xi64>}
        : (tensor<2xi64>) -> tensor<?x?xi64>
    ```
  }];
  let arguments = (ins Onnx_I64Tensor:$input, ElementsAttr:$value);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_RangeOp : Onnx_Op<"Range"> {
  let summary = "numbers from start up to limit";
  let description = [{
    `start, start + delta, ...`, all below `limit` (above it if `delta` is
    negative). Operands are scalars. Meaning of opset 11.

    Constraints:
    * (C1) operands have rank 0 or hold one element.
    * (C2) `delta` is not zero.

    Example:

    ```mlir
    %r = onnx.Range(%zero, %n, %one)
        : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$start, Onnx_NumTensor:$limit,
                       Onnx_NumTensor:$delta);
  let results = (outs Onnx_NumTensor:$output);
}

def Onnx_IdentityOp : Onnx_Op<"Identity"> {
  let summary = "its operand";
  let description = "Meaning of opset 24, for tensors.";
  let arguments = (ins Onnx_Tensor:$input);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_CastOp : Onnx_Op<"Cast"> {
  let summary = "conversion to another element type";
  let description = [{
    As C converts, but that floats beyond the range of an integer type give
    whatever the machine gives. To bool: false for zero. With `saturate` 1 what
    lies beyond the range of an 8-bit float gives its largest number, else
    infinity or, where the type has none, NaN. Meaning of opset 24.

    Example:

    ```mlir
    %y = onnx.Cast(%x) {to = i1} : (tensor<?x?xi64>) -> tensor<?x?xi1>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, TypeAttr:$to,
                       Onnx_Flag<"1">:$saturate);
  let results = (outs Onnx_Tensor:$output);
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

def Onnx_ShapeOp : Onnx_Op<"Shape"> {
  let summary = "the shape of a tensor";
  let description = [{
    The dimensions `start` .. `end` - 1 as a tensor of rank 1. Negative numbers
    count from the end; both are clamped to [0, rank]. Meaning of opset 24.

    Example:

    ```mlir
    %s = onnx.Shape(%x) {end = 1 : i64} : (tensor<?x8xf32>) -> tensor<1xi64>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, OptionalAttr<Onnx_Int>:$end,
                       Onnx_DefaultInt<"0">:$start);
  let results = (outs Onnx_I64Tensor:$shape);
}

def Onnx_ReshapeOp : Onnx_Op<"Reshape"> {
  let summary = "the same elements in another shape";
  let description = [{
    At most one element of `shape` is -1: it is what the others leave. A zero
    copies the dimension of `data` at its place, unless `allowzero` is 1.
    Meaning of opset 24.

    Constraints:
    * (C1) `shape` has rank 1, at most one -1, and nothing less.
    * (C2) a copied dimension exists.
    * (C3) the number of elements does not change.
    * (C4) with `allowzero`, -1 and 0 do not both occur.

    Example:

    ```mlir
    %y = onnx.Reshape(%x, %shape) : (tensor<?x?x64xf32>, tensor<2xi64>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, Onnx_I64Tensor:$shape,
                       Onnx_Flag<"0">:$allowzero);
  let results = (outs Onnx_Tensor:$reshaped);
}

def Onnx_FlattenOp : Onnx_Op<"Flatten"> {
  let summary = "reshape to a matrix";
  let description = [{
    The dimensions before `axis` become the first, the others the second.
    Meaning of opset 24.

    Constraints:
    * (C1) `axis` lies in [-rank, rank].

    Example:

    ```mlir
    %y = onnx.Flatten(%x) : (tensor<2x3x4xf32>) -> tensor<2x12xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, Onnx_DefaultInt<"1">:$axis);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_SqueezeOp : Onnx_Op<"Squeeze"> {
  let summary = "removal of dimensions of size 1";
  let description = [{
    Those that `axes` names, or all of them. Meaning of opset 24.

    Constraints:
    * (C1) each of `axes` lies in [-rank, rank) and occurs once.
    * (C2) a dimension that is removed is 1.

    Example:

    ```mlir
    %y = onnx.Squeeze(%x, %axes) : (tensor<1x8xf32>, tensor<1xi64>) -> tensor<8xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, Optional<Onnx_I64Tensor>:$axes);
  let results = (outs Onnx_Tensor:$squeezed);
}

def Onnx_UnsqueezeOp : Onnx_Op<"Unsqueeze"> {
  let summary = "insertion of dimensions of size 1";
  let description = [{
    `axes` are places in the result. Meaning of opset 24.

    Constraints:
    * (C1) each of `axes` lies in [-r, r), where r is the rank of the result,
      and occurs once.

    Example:

    ```mlir
    %y = onnx.Unsqueeze(%x, %axes) : (tensor<8xf32>, tensor<1xi64>) -> tensor<1x8xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, Onnx_I64Tensor:$axes);
  let results = (outs Onnx_Tensor:$expanded);
}

def Onnx_ExpandOp : Onnx_Op<"Expand"> {
  let summary = "broadcast to a shape";
  let description = [{
    The result has the shape that `input`'s shape and `shape` broadcast to, so
    a 1 in `shape` keeps the dimension of `input`. Meaning of opset 13.

    Constraints:
    * (C1) `shape` has rank 1, no negative element, and broadcasts with `input`.

    Example:

    ```mlir
    %y = onnx.Expand(%x, %shape) : (tensor<1x8xf32>, tensor<2xi64>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, Onnx_I64Tensor:$shape);
  let results = (outs Onnx_Tensor:$output);
}

//===----------------------------------------------------------------------===//
// Data movement
//===----------------------------------------------------------------------===//

def Onnx_ConcatOp : Onnx_Op<"Concat"> {
  let summary = "tensors joined along one axis";
  let description = [{
    Meaning of opset 13.

    Constraints:
    * (C1) there is at least one input; all have the same rank and element type.
    * (C2) `axis` lies in [-rank, rank).
    * (C3) the other dimensions are equal.

    Example:

    ```mlir
    %y = onnx.Concat(%a, %b) {axis = 0 : i64} : (tensor<1xi64>, tensor<2xi64>) -> tensor<3xi64>
    ```
  }];
  let arguments = (ins Variadic<Onnx_Tensor>:$inputs, Onnx_Int:$axis);
  let results = (outs Onnx_Tensor:$concat_result);
}

def Onnx_GatherOp : Onnx_Op<"Gather"> {
  let summary = "slices along one axis, chosen by index";
  let description = [{
    `indices` replaces dimension `axis` of `data` by its own dimensions.
    Negative indices count from the end. Meaning of opset 13.

    Constraints:
    * (C1) `data` has a rank of at least 1, and `axis` lies in [-rank, rank).
    * (C2) indices lie within the dimension.

    Example:

    ```mlir
    %y = onnx.Gather(%table, %ids) : (tensor<256x64xf32>, tensor<?x?xi64>) -> tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, Onnx_IndexTensor:$indices,
                       Onnx_DefaultInt<"0">:$axis);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_GatherElementsOp : Onnx_Op<"GatherElements"> {
  let summary = "elements along one axis, chosen one by one";
  let description = [{
    `output[i][j][k] = data[i][indices[i][j][k]][k]` for rank 3 and axis 1.
    Negative indices count from the end. Meaning of opset 13.

    Constraints:
    * (C1) `data` and `indices` have the same rank, at least 1.
    * (C2) `axis` lies in [-rank, rank).

    Example:

    ```mlir
    %y = onnx.GatherElements(%x, %i) {axis = 1 : i64}
        : (tensor<4x8xf32>, tensor<4x2xi64>) -> tensor<4x2xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, Onnx_IndexTensor:$indices,
                       Onnx_DefaultInt<"0">:$axis);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_SplitOp : Onnx_Op<"Split"> {
  let summary = "a tensor cut along one axis";
  let description = [{
    `split` holds the sizes of the parts. Without it, of n results each has the
    dimension divided by n, rounded up, but the last, which has what is left.
    Meaning of opset 18; the number of results stands for `num_outputs`.

    Constraints:
    * (C1) `axis` lies in [-rank, rank).
    * (C2) `split` has as many elements as there are results, none negative,
      and their sum is the dimension.

    Example:

    ```mlir
    %q, %k = onnx.Split(%x) {axis = 1 : i64} : (tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, Optional<Onnx_I64Tensor>:$split,
                       Onnx_DefaultInt<"0">:$axis);
  let results = (outs Variadic<Onnx_Tensor>:$outputs);
}

def Onnx_GatherNDOp : Onnx_Op<"GatherND"> {
  let summary = "slices chosen by tuples of indices";
  let description = [{
    The last dimension of `indices` holds tuples that index `data` after its
    first `batch_dims` dimensions. Meaning of opset 13.

    Constraints:
    * (C1) `batch_dims` is less than both ranks, and not negative.
    * (C2) the last dimension of `indices` is in [1, rank of `data` - batch_dims].

    Example:

    ```mlir
    %y = onnx.GatherND(%x, %i) : (tensor<4x8xi1>, tensor<?x2xi64>) -> tensor<?xi1>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, Onnx_I64Tensor:$indices,
                       Onnx_DefaultInt<"0">:$batch_dims);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_SliceOp : Onnx_Op<"Slice", [AttrSizedOperandSegments]> {
  let summary = "part of a tensor";
  let description = [{
    Along each of `axes` (all, in order, if absent) the elements from `starts`
    up to but not including `ends` in steps of `steps` (1 if absent). Negative
    starts and ends count from the end; both are clamped. Meaning of opset 13.

    Constraints:
    * (C1) the operands after `data` have rank 1 and equal lengths.
    * (C2) each of `axes` lies in [-rank, rank) and occurs once.
    * (C3) no step is zero.

    Example:

    ```mlir
    %y = onnx.Slice(%x, %starts, %ends) axes(%axes)
        : (tensor<?x?xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x?xi64>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, Onnx_IndexTensor:$starts,
                       Onnx_IndexTensor:$ends,
                       Optional<Onnx_IndexTensor>:$axes,
                       Optional<Onnx_IndexTensor>:$steps);
  let results = (outs Onnx_Tensor:$output);
  let assemblyFormat = [{
    `(` $data `,` $starts `,` $ends `)` (`axes` `(` $axes^ `)`)?
    (`steps` `(` $steps^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
}

def Onnx_TransposeOp : Onnx_Op<"Transpose"> {
  let summary = "permutation of dimensions";
  let description = [{
    Dimension i of the result is dimension `perm[i]` of `data`. The importer
    always writes `perm`. Meaning of opset 24.

    Constraints:
    * (C1) `perm` is a permutation of 0 .. rank - 1.

    Example:

    ```mlir
    %y = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1>} : (tensor<?x4x8xf32>) -> tensor<?x8x4xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, DenseI64ArrayAttr:$perm);
  let results = (outs Onnx_Tensor:$transposed);
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXTENSOROPS_TD
