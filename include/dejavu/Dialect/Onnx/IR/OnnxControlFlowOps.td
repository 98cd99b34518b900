//===- OnnxControlFlowOps.td - ops with graphs inside ----------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A graph that is an attribute in ONNX is a region here. Its ops may use values
// that are defined outside.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXCONTROLFLOWOPS_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXCONTROLFLOWOPS_TD

include "dejavu/Dialect/Onnx/IR/OnnxBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

/// An op with regions of one block that ends with Yield. What its ops do is
/// all that it does.
class Onnx_RegionOp<string mnemonic, list<Trait> traits = []>
    : Op<OnnxDialect, mnemonic,
         !listconcat([RecursiveMemoryEffects, RecursivelySpeculatable,
                      SingleBlock,
                      DeclareOpInterfaceMethods<OnnxShapeInference>],
                     traits)>;

def Onnx_YieldOp
    : Onnx_Op<"Yield", [Terminator, ReturnLike,
                        ParentOneOf<["IfOp", "LoopOp", "ScanOp"]>]> {
  let summary = "the outputs of an inner graph";
  let description = [{
    Ends each region of If, Loop and Scan.

    Example:

    ```mlir
    onnx.Yield(%x, %y) : (tensor<4xf32>, tensor<i1>) -> ()
    ```
  }];
  let arguments = (ins Variadic<Onnx_Tensor>:$outputs);
}

def Onnx_IfOp : Onnx_RegionOp<"If", [NoRegionArguments]> {
  let summary = "one of two graphs";
  let description = [{
    The results are what the Yield of `then_branch` has if `cond` is true, and
    of `else_branch` if not. Meaning of opset 25, for tensors.

    Constraints:
    * (C1) `cond` has one element.
    * (C2) both branches yield as many values as there are results, of the same
      element types. Where their shapes differ, the result's is not known.

    Example:

    ```mlir
    %y = onnx.If(%c) then {
      onnx.Yield(%a) : (tensor<4xf32>) -> ()
    } else {
      onnx.Yield(%b) : (tensor<8xf32>) -> ()
    } : (tensor<i1>) -> tensor<?xf32>
    ```
  }];
  let arguments = (ins Onnx_BoolTensor:$cond);
  let regions = (region SizedRegion<1>:$then_branch,
                        SizedRegion<1>:$else_branch);
  let results = (outs Variadic<Onnx_Tensor>:$outputs);
  let assemblyFormat = [{
    `(` $cond `)` `then` $then_branch `else` $else_branch attr-dict
    `:` functional-type(operands, results)
  }];
}

def Onnx_LoopOp : Onnx_RegionOp<"Loop", [AttrSizedOperandSegments]> {
  let summary = "a graph that is run again and again";
  let description = [{
    `body` is run `M` times (without end if absent) as long as the condition
    holds, which is `cond` (true if absent) before the first turn and what
    `body` yields first after each. The arguments of `body` are the number of
    the turn, the condition, and the values that are carried along, `v_initial`
    in the first turn. It yields the condition, the carried values, and for
    each result that is left a value that is stacked over the turns along a
    new first dimension. The results are the last carried values and the
    stacked ones. Meaning of opset 25, for tensors.

    Constraints:
    * (C1) `M` and `cond` have one element.
    * (C2) `body` has two arguments more than there are values in `v_initial`,
      of their element types, and yields one value more than there are results,
      with the element types of these.

    Example:

    ```mlir
    %y = onnx.Loop(%x) max(%n) {
    ^bb0(%i: tensor<i64>, %c: tensor<i1>, %v: tensor<4xf32>):
      %w = onnx.Add(%v, %v) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      onnx.Yield(%c, %w) : (tensor<i1>, tensor<4xf32>) -> ()
    } : (tensor<i64>, tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Optional<Onnx_I64Tensor>:$M,
                       Optional<Onnx_BoolTensor>:$cond,
                       Variadic<Onnx_Tensor>:$v_initial);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<Onnx_Tensor>:$outputs);
  let assemblyFormat = [{
    `(` $v_initial `)` (`max` `(` $M^ `)`)? (`while` `(` $cond^ `)`)?
    $body attr-dict `:` functional-type(operands, results)
  }];
}

def Onnx_ScanOp : Onnx_RegionOp<"Scan"> {
  let summary = "a graph that is run for each slice of its inputs";
  let description = [{
    The last `num_scan_inputs` operands are cut along `scan_input_axes` (0
    where absent), and `body` is run for each slice, from the first or, where
    `scan_input_directions` is 1, the last. The other operands are the state
    before the first turn. The arguments of `body` are the state and one slice
    of each input, which has not the axis any more; it yields the state and
    slices of the results that are left, which are stacked along
    `scan_output_axes`, backwards where `scan_output_directions` is 1. Meaning
    of opset 25, for tensors.

    Constraints:
    * (C1) `num_scan_inputs` is positive and at most the number of operands.
    * (C2) `body` has as many arguments as the op has operands, and yields as
      many values as there are results, of the same element types.
    * (C3) axes lie in [-rank, rank), and the inputs are equally long along
      theirs. Directions are 0 or 1.

    Example:

    ```mlir
    %s, %y = onnx.Scan(%zero, %x) {
    ^bb0(%a: tensor<8xf32>, %b: tensor<8xf32>):
      %c = onnx.Add(%a, %b) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
      onnx.Yield(%c, %c) : (tensor<8xf32>, tensor<8xf32>) -> ()
    } {num_scan_inputs = 1 : i64}
        : (tensor<8xf32>, tensor<?x8xf32>) -> (tensor<8xf32>, tensor<?x8xf32>)
    ```
  }];
  let arguments = (ins Variadic<Onnx_Tensor>:$inputs, Onnx_Int:$num_scan_inputs,
                       OptionalAttr<DenseI64ArrayAttr>:$scan_input_axes,
                       OptionalAttr<DenseI64ArrayAttr>:$scan_input_directions,
                       OptionalAttr<DenseI64ArrayAttr>:$scan_output_axes,
                       OptionalAttr<DenseI64ArrayAttr>:$scan_output_directions);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<Onnx_Tensor>:$outputs);
  let assemblyFormat = [{
    `(` $inputs `)` $body attr-dict `:` functional-type(operands, results)
  }];
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXCONTROLFLOWOPS_TD
