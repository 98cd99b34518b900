//===- OnnxIndexOps.td - scatter, borders, choice, blocks --*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXINDEXOPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXINDEXOPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxBase.td"

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

def Onnx_ScatterReductionNone : I32EnumAttrCase<"None", 0, "none">;
def Onnx_ScatterReductionAdd : I32EnumAttrCase<"Add", 1, "add">;
def Onnx_ScatterReductionMul : I32EnumAttrCase<"Mul", 2, "mul">;
def Onnx_ScatterReductionMax : I32EnumAttrCase<"Max", 3, "max">;
def Onnx_ScatterReductionMin : I32EnumAttrCase<"Min", 4, "min">;
def Onnx_ScatterReduction : I32EnumAttr<"ScatterReduction",
    "what happens to an element that is there", [
  Onnx_ScatterReductionNone, Onnx_ScatterReductionAdd,
  Onnx_ScatterReductionMul, Onnx_ScatterReductionMax,
  Onnx_ScatterReductionMin]> {
  let cppNamespace = "::mlir::onnx";
  let genSpecializedAttr = 0;
}
def Onnx_ScatterReductionAttr : EnumAttr<OnnxDialect, Onnx_ScatterReduction,
                               "scatter_reduction"> {
  let assemblyFormat = "`<` $value `>`";
}

def Onnx_ScatterNDOp : Onnx_Op<"ScatterND"> {
  let summary = "slices replaced, chosen by tuples of indices";
  let description = [{
    A copy of `data` in which the slices that the tuples in the last dimension
    of `indices` name are those of `updates`, or are combined with them if
    `reduction` is not `none`. Negative indices count from the end. Meaning of
    opset 18.

    Constraints:
    * (C1) `data` and `indices` have a rank of at least 1.
    * (C2) the last dimension of `indices` is in [1, rank of `data`].
    * (C3) the shape of `updates` is that of `indices` but its last dimension,
      followed by the dimensions of `data` after those that a tuple indexes.

    Example:

    ```mlir
    %y = onnx.ScatterND(%x, %i, %u) : (tensor<?x8xf32>, tensor<?x1xi64>, tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, Onnx_I64Tensor:$indices,
                       Onnx_Tensor:$updates,
                       DefaultValuedAttr<Onnx_ScatterReductionAttr,
                         "::mlir::onnx::ScatterReduction::None">:$reduction);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_ScatterElementsOp : Onnx_Op<"ScatterElements"> {
  let summary = "elements replaced along one axis, chosen one by one";
  let description = [{
    A copy of `data` with `output[i][indices[i][j][k]][k] = updates[i][j][k]`
    for rank 3 and axis 1, or combined with what is there if `reduction` is not
    `none`. Negative indices count from the end. Meaning of opset 18.

    Constraints:
    * (C1) `data`, `indices` and `updates` have the same rank, at least 1.
    * (C2) `indices` and `updates` have the same shape.
    * (C3) `axis` lies in [-rank, rank).

    Example:

    ```mlir
    %y = onnx.ScatterElements(%x, %i, %u) {axis = 1 : i64}
        : (tensor<4x8xf32>, tensor<4x2xi64>, tensor<4x2xf32>) -> tensor<4x8xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, Onnx_IndexTensor:$indices,
                       Onnx_Tensor:$updates, Onnx_DefaultInt<"0">:$axis,
                       DefaultValuedAttr<Onnx_ScatterReductionAttr,
                         "::mlir::onnx::ScatterReduction::None">:$reduction);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_TensorScatterModeLinear : I32EnumAttrCase<"Linear", 0, "linear">;
def Onnx_TensorScatterModeCircular : I32EnumAttrCase<"Circular", 1, "circular">;
def Onnx_TensorScatterMode : I32EnumAttr<"TensorScatterMode",
    "what happens at the end of a cache", [
  Onnx_TensorScatterModeLinear, Onnx_TensorScatterModeCircular]> {
  let cppNamespace = "::mlir::onnx";
  let genSpecializedAttr = 0;
}
def Onnx_TensorScatterModeAttr : EnumAttr<OnnxDialect, Onnx_TensorScatterMode,
                               "tensor_scatter_mode"> {
  let assemblyFormat = "`<` $value `>`";
}

def Onnx_TensorScatterOp : Onnx_Op<"TensorScatter"> {
  let summary = "steps written into a cache of fixed size";
  let description = [{
    A copy of `past_cache` in which, for each batch entry b, the steps from
    `write_indices[b]` on (0 if absent) along `axis` are those of `update`. If
    `mode` is `circular`, places beyond the end continue at the start. Meaning
    of opset 24.

    Constraints:
    * (C1) `axis` is not the first dimension, and lies in [-rank, rank).
    * (C2) `update` has the shape of `past_cache` but along `axis`, where it is
      not longer.
    * (C3) `write_indices` has rank 1 and as many elements as there are batch
      entries.

    Example:

    ```mlir
    %y = onnx.TensorScatter(%cache, %new, %at)
        : (tensor<2x4x64x16xf32>, tensor<2x4x1x16xf32>, tensor<2xi64>) -> tensor<2x4x64x16xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$past_cache, Onnx_Tensor:$update,
                       Optional<Onnx_I64Tensor>:$write_indices,
                       Onnx_DefaultInt<"-2">:$axis,
                       DefaultValuedAttr<Onnx_TensorScatterModeAttr,
                         "::mlir::onnx::TensorScatterMode::Linear">:$mode);
  let results = (outs Onnx_Tensor:$present_cache);
}

//===----------------------------------------------------------------------===//
// Copies, borders, triangles
//===----------------------------------------------------------------------===//

def Onnx_TileOp : Onnx_Op<"Tile"> {
  let summary = "a tensor repeated along each axis";
  let description = [{
    Dimension i is repeated `repeats[i]` times as a whole. Meaning of opset 13.

    Constraints:
    * (C1) `repeats` has rank 1, as many elements as `input` has dimensions,
      none negative.

    Example:

    ```mlir
    %y = onnx.Tile(%x, %repeats) : (tensor<1x8xf32>, tensor<2xi64>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, Onnx_I64Tensor:$repeats);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_PadModeConstant : I32EnumAttrCase<"Constant", 0, "constant">;
def Onnx_PadModeReflect : I32EnumAttrCase<"Reflect", 1, "reflect">;
def Onnx_PadModeEdge : I32EnumAttrCase<"Edge", 2, "edge">;
def Onnx_PadModeWrap : I32EnumAttrCase<"Wrap", 3, "wrap">;
def Onnx_PadMode : I32EnumAttr<"PadMode", "what a border is made of", [
  Onnx_PadModeConstant, Onnx_PadModeReflect, Onnx_PadModeEdge,
  Onnx_PadModeWrap]> {
  let cppNamespace = "::mlir::onnx";
  let genSpecializedAttr = 0;
}
def Onnx_PadModeAttr : EnumAttr<OnnxDialect, Onnx_PadMode,
                               "pad_mode"> {
  let assemblyFormat = "`<` $value `>`";
}

def Onnx_PadOp : Onnx_Op<"Pad", [AttrSizedOperandSegments]> {
  let summary = "borders added or removed";
  let description = [{
    `pads` holds the elements to add before each of `axes` (all, in order, if
    absent) and then those to add after each; negative numbers remove elements.
    The border is `constant_value` (0 if absent), the data mirrored without its
    first line (`reflect`), its outermost line (`edge`), or the data again
    (`wrap`). Meaning of opset 25.

    Constraints:
    * (C1) `pads` has rank 1 and two elements for each axis.
    * (C2) each of `axes` lies in [-rank, rank) and occurs once.
    * (C3) `constant_value` has one element of the type of `data`.

    Example:

    ```mlir
    %y = onnx.Pad(%x, %pads) value(%zero) : (tensor<?x8xf32>, tensor<4xi64>, tensor<f32>) -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data, Onnx_I64Tensor:$pads,
                       Optional<Onnx_Tensor>:$constant_value,
                       Optional<Onnx_IndexTensor>:$axes,
                       DefaultValuedAttr<Onnx_PadModeAttr,
                         "::mlir::onnx::PadMode::Constant">:$mode);
  let results = (outs Onnx_Tensor:$output);
  let assemblyFormat = [{
    `(` $data `,` $pads `)` (`value` `(` $constant_value^ `)`)?
    (`axes` `(` $axes^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
}

def Onnx_TriluOp : Onnx_Op<"Trilu"> {
  let summary = "one triangle of matrices";
  let description = [{
    Elements of the matrices in the last two dimensions that lie below the
    diagonal `k` (above it if `upper` is 0) become zero. `k` is 0 if it is
    absent; diagonals above the main one are positive. Meaning of opset 14.

    Constraints:
    * (C1) `input` has a rank of at least 2.
    * (C2) `k` has one element.

    Example:

    ```mlir
    %y = onnx.Trilu(%x, %k) {upper = 0 : i64} : (tensor<?x?xf32>, tensor<i64>) -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, Optional<Onnx_I64Tensor>:$k,
                       Onnx_Flag<"1">:$upper);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_EyeLikeOp : Onnx_Op<"EyeLike"> {
  let summary = "ones on one diagonal of a matrix";
  let description = [{
    A matrix of the shape of `input`, 1 on diagonal `k` and 0 elsewhere, of
    element type `dtype` (that of `input` if absent). Meaning of opset 22.

    Constraints:
    * (C1) `input` has rank 2.

    Example:

    ```mlir
    %y = onnx.EyeLike(%x) {dtype = f32, k = 1 : i64} : (tensor<?x?xi64>) -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, OptionalAttr<TypeAttr>:$dtype,
                       Onnx_DefaultInt<"0">:$k);
  let results = (outs Onnx_Tensor:$output);
}

//===----------------------------------------------------------------------===//
// Choice
//===----------------------------------------------------------------------===//

def Onnx_OneHotOp : Onnx_Op<"OneHot"> {
  let summary = "vectors with one element that differs";
  let description = [{
    Inserts a dimension `axis` of `depth` elements: `values[1]` at the place
    that an index names, `values[0]` elsewhere. Indices lie in [-depth, depth),
    and another gives no element that differs. Meaning of opset 28.

    Constraints:
    * (C1) `depth` has one element, which is not negative.
    * (C2) `values` has two elements.
    * (C3) `axis` lies in [-rank - 1, rank].

    Example:

    ```mlir
    %y = onnx.OneHot(%i, %depth, %values) : (tensor<?xi64>, tensor<i64>, tensor<2xf32>) -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Onnx_NumTensor:$indices, Onnx_NumTensor:$depth,
                       Onnx_Tensor:$values, Onnx_DefaultInt<"-1">:$axis);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_NonZeroOp : Onnx_Op<"NonZero"> {
  let summary = "where elements are not zero";
  let description = [{
    One row for each dimension of `X` and one column for each element that is
    not zero (or not false), in row-major order: its indices. Meaning of opset
    13.

    Example:

    ```mlir
    %y = onnx.NonZero(%x) : (tensor<?x8xi1>) -> tensor<2x?xi64>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$X);
  let results = (outs Onnx_I64Tensor:$Y);
}

def Onnx_CompressOp : Onnx_Op<"Compress"> {
  let summary = "slices that a mask keeps";
  let description = [{
    The slices of `input` along `axis` whose place in `condition` is true or,
    without `axis`, those elements of all of them in row-major order. Places
    beyond the end of `condition` are false. Meaning of opset 28.

    Constraints:
    * (C1) `condition` has rank 1, and is not longer than what it chooses from.
    * (C2) `axis` lies in [-rank, rank).

    Example:

    ```mlir
    %y = onnx.Compress(%x, %keep) {axis = 0 : i64} : (tensor<4x8xf32>, tensor<4xi1>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, Onnx_BoolTensor:$condition,
                       OptionalAttr<Onnx_Int>:$axis);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_ReverseSequenceOp : Onnx_Op<"ReverseSequence"> {
  let summary = "starts of sequences reversed";
  let description = [{
    Along `time_axis` the first `sequence_lens[b]` elements of batch entry b
    are in reverse order; the others stay. Meaning of opset 28.

    Constraints:
    * (C1) `input` has a rank of at least 2, and the axes are 0 and 1 in either
      order.
    * (C2) `sequence_lens` has rank 1 and one element for each batch entry.

    Example:

    ```mlir
    %y = onnx.ReverseSequence(%x, %lens) : (tensor<8x2xf32>, tensor<2xi64>) -> tensor<8x2xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, Onnx_I64Tensor:$sequence_lens,
                       Onnx_DefaultInt<"1">:$batch_axis,
                       Onnx_DefaultInt<"0">:$time_axis);
  let results = (outs Onnx_Tensor:$Y);
}

//===----------------------------------------------------------------------===//
// Blocks and bits
//===----------------------------------------------------------------------===//

def Onnx_BlockOrderDCR : I32EnumAttrCase<"DCR", 0, "dcr">;
def Onnx_BlockOrderCRD : I32EnumAttrCase<"CRD", 1, "crd">;
def Onnx_BlockOrder : I32EnumAttr<"BlockOrder",
    "whether blocks or columns come first in a depth", [
  Onnx_BlockOrderDCR, Onnx_BlockOrderCRD]> {
  let cppNamespace = "::mlir::onnx";
  let genSpecializedAttr = 0;
}
def Onnx_BlockOrderAttr : EnumAttr<OnnxDialect, Onnx_BlockOrder,
                               "block_order"> {
  let assemblyFormat = "`<` $value `>`";
}

def Onnx_DepthToSpaceOp : Onnx_Op<"DepthToSpace"> {
  let summary = "channels moved into blocks of pixels";
  let description = [{
    The channels of [batch, channels, height, width] are cut into squares of
    `blocksize`, which become neighbours: `mode` says whether the place in the
    square is the slower part of a channel's number (`dcr`) or the faster one
    (`crd`). Meaning of opset 28.

    Constraints:
    * (C1) `input` has rank 4.
    * (C2) `blocksize` is positive and divides the channels twice.

    Example:

    ```mlir
    %y = onnx.DepthToSpace(%x) {blocksize = 2 : i64} : (tensor<1x8x2x3xf32>) -> tensor<1x2x4x6xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, Onnx_Int:$blocksize,
                       DefaultValuedAttr<Onnx_BlockOrderAttr,
                         "::mlir::onnx::BlockOrder::DCR">:$mode);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_SpaceToDepthOp : Onnx_Op<"SpaceToDepth"> {
  let summary = "blocks of pixels moved into channels";
  let description = [{
    The inverse of DepthToSpace. Meaning of opset 28.

    Constraints:
    * (C1) `input` has rank 4.
    * (C2) `blocksize` is positive and divides height and width.

    Example:

    ```mlir
    %y = onnx.SpaceToDepth(%x) {blocksize = 2 : i64} : (tensor<1x2x4x6xf32>) -> tensor<1x8x2x3xf32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, Onnx_Int:$blocksize,
                       DefaultValuedAttr<Onnx_BlockOrderAttr,
                         "::mlir::onnx::BlockOrder::DCR">:$mode);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_SizeOp : Onnx_Op<"Size"> {
  let summary = "number of elements";
  let description = [{
    A scalar: the product of the dimensions of `data`. Meaning of opset 25.

    Example:

    ```mlir
    %n = onnx.Size(%x) : (tensor<?x8xf32>) -> tensor<i64>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$data);
  let results = (outs Onnx_I64Tensor:$size);
}

def Onnx_CastLikeOp : Onnx_Op<"CastLike"> {
  let summary = "conversion to the element type of another tensor";
  let description = [{
    As Cast to the element type of `target_type`, whose elements do not matter.
    Meaning of opset 25.

    Example:

    ```mlir
    %y = onnx.CastLike(%x, %like) : (tensor<?xi64>, tensor<2xf16>) -> tensor<?xf16>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, Onnx_Tensor:$target_type,
                       Onnx_Flag<"1">:$saturate);
  let results = (outs Onnx_Tensor:$output);
}

def Onnx_BitCastOp : Onnx_Op<"BitCast"> {
  let summary = "the same bits as another element type";
  let description = [{
    Each element keeps its bits and gets the type `to`. Meaning of opset 26.

    Constraints:
    * (C1) `to` has as many bits as the element type of `input`.

    Example:

    ```mlir
    %y = onnx.BitCast(%x) {to = i32} : (tensor<?xf32>) -> tensor<?xi32>
    ```
  }];
  let arguments = (ins Onnx_Tensor:$input, TypeAttr:$to);
  let results = (outs Onnx_Tensor:$output);
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXINDEXOPS_TD
