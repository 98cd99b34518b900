//===- DejavuAttrs.td - attributes and enums of the dialect --*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_DEJAVU_IR_DEJAVUATTRS_TD
#define DEJAVU_DIALECT_DEJAVU_IR_DEJAVUATTRS_TD

include "dejavu/Dialect/Dejavu/IR/DejavuDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Dejavu_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Dejavu_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

class Dejavu_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::dejavu";
  let genSpecializedAttr = 0;
}
class Dejavu_EnumAttr<Dejavu_Enum info, string mnemonic>
    : EnumAttr<Dejavu_Dialect, info, mnemonic>;

def Dejavu_Activation : Dejavu_Enum<"Activation",
    "an activation function", [
      I32EnumAttrCase<"relu", 0>,
      I32EnumAttrCase<"relu2", 1>,
      I32EnumAttrCase<"gelu", 2>,
      I32EnumAttrCase<"gelu_tanh", 3>,
      I32EnumAttrCase<"silu", 4>,
      I32EnumAttrCase<"quick_gelu", 5>]>;
def Dejavu_ActivationAttr : Dejavu_EnumAttr<Dejavu_Activation, "activation">;

def Dejavu_NormKind : Dejavu_Enum<"NormKind",
    "which normalisation", [
      I32EnumAttrCase<"layer", 0>, I32EnumAttrCase<"rms", 1>]>;
def Dejavu_NormKindAttr : Dejavu_EnumAttr<Dejavu_NormKind, "norm_kind">;

def Dejavu_SelectKind : Dejavu_Enum<"SelectKind",
    "how scores become an active set", [
      I32EnumAttrCase<"exact", 0>, I32EnumAttrCase<"magnitude", 1>,
      I32EnumAttrCase<"threshold", 2>, I32EnumAttrCase<"top_k", 3>]>;
def Dejavu_SelectKindAttr : Dejavu_EnumAttr<Dejavu_SelectKind, "select_kind">;

def Dejavu_PredictorKind : Dejavu_Enum<"PredictorKind",
    "what a predictor computes its scores from", [
      I32EnumAttrCase<"low_rank", 0>, I32EnumAttrCase<"sign_bit", 1>]>;
def Dejavu_PredictorKindAttr
    : Dejavu_EnumAttr<Dejavu_PredictorKind, "predictor_kind">;

def Dejavu_SourceRoot : Dejavu_Enum<"SourceRoot",
    "whose file holds a weight", [
      I32EnumAttrCase<"model", 0>, I32EnumAttrCase<"predictors", 1>,
      I32EnumAttrCase<"synthetic", 2>]>;

def Dejavu_MaskedRows : Dejavu_Enum<"MaskedRows",
    "what a query that sees no key gives", [
      I32EnumAttrCase<"uniform", 0>, I32EnumAttrCase<"zero", 1>]>;
def Dejavu_MaskedRowsAttr : Dejavu_EnumAttr<Dejavu_MaskedRows, "masked_rows">;

def Dejavu_Unit : Dejavu_Enum<"Unit",
    "what an active set selects", [
      I32EnumAttrCase<"neuron", 0>, I32EnumAttrCase<"kv_group", 1>]>;

def Dejavu_Entry : Dejavu_Enum<"Entry",
    "entry points of a compiled model", [
      I32EnumAttrCase<"prefill", 0>,
      I32EnumAttrCase<"decode", 1>,
      I32EnumAttrCase<"forward", 2>]>;
def Dejavu_EntryAttr : Dejavu_EnumAttr<Dejavu_Entry, "entry"> {
  let assemblyFormat = "`<` $value `>`";
}

def Dejavu_Role : Dejavu_Enum<"Role",
    "what a tensor of the model's signature is", [
      I32EnumAttrCase<"ids", 0>,
      I32EnumAttrCase<"attention_mask", 1>,
      I32EnumAttrCase<"positions", 2>,
      I32EnumAttrCase<"key", 3>,
      I32EnumAttrCase<"value", 4>,
      I32EnumAttrCase<"logits", 5>,
      I32EnumAttrCase<"plain", 6>]>;

def Dejavu_BindingAttr : Dejavu_Attr<"Binding", "binding"> {
  let summary = "one input or output of the original model";
  let description = [{
    The tensor's name in the ONNX file and what it is to the compiled model.
    `layer` is the index of the cache argument for `key` and `value`, and 0
    otherwise. All inputs and outputs of a model with the entry point
    `forward` are `plain`: tensors as they are.

    ```mlir
    #dejavu.binding<"past_key_values.3.key", key, 3>
    ```
  }];
  let parameters = (ins StringRefParameter<"name in the file">:$name,
                        EnumParameter<Dejavu_Role>:$role,
                        DefaultValuedParameter<"int64_t", "0">:$layer);
  let assemblyFormat = "`<` $name `,` $role (`,` $layer^)? `>`";
}

def Dejavu_SourceAttr : Dejavu_Attr<"Source", "source"> {
  let summary = "where the bytes of a weight lie";
  let description = [{
    A file, relative to the folder of the module's `dejavu.source` or, with the
    root `predictors`, of its `dejavu.predictors`, and a byte range in it.
    Elements are little-endian and row-major.

    With the root `synthetic` there is no file: the elements are made by the
    formula that stands in its place (SyntheticFormula.h), the offset is 0, and
    steps of a recipe change the type and nothing else.

    ```mlir
    #dejavu.source<"model.onnx.data", offset = 0, length = 1048576>
    #dejavu.source<"opt.safetensors", offset = 512, length = 4096, predictors>
    #dejavu.source<"uniform(0, 0.03)", offset = 0, length = 4096, synthetic>
    ```
  }];
  let parameters = (ins StringRefParameter<"file name">:$file,
                        "int64_t":$offset, "int64_t":$length,
                        DefaultValuedParameter<"::mlir::dejavu::SourceRoot",
                            "::mlir::dejavu::SourceRoot::model">:$root);
  let builders = [
    AttrBuilder<(ins "::llvm::StringRef":$file, "int64_t":$offset,
                     "int64_t":$length), [{
      return $_get($_ctxt, file, offset, length, SourceRoot::model);
    }]>];
  let assemblyFormat = [{
    `<` $file `,` `offset` `=` $offset `,` `length` `=` $length
    (`,` $root^)? `>`
  }];
}

def Dejavu_TransposeAttr : Dejavu_Attr<"Transpose", "transpose"> {
  let summary = "recipe step: permute the dimensions of a weight";
  let description = [{
    Dimension `i` of the result is dimension `permutation[i]` of the input, as
    in ONNX's Transpose.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$permutation);
  let assemblyFormat = "`<` `[` $permutation `]` `>`";
}

def Dejavu_CastAttr : Dejavu_Attr<"Cast", "cast"> {
  let summary = "recipe step: convert the elements of a weight";
  let description = [{
    Converts to another floating-point type, rounding to nearest even.
  }];
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}

def Dejavu_TakeRowsAttr : Dejavu_Attr<"TakeRows", "take_rows"> {
  let summary = "recipe step: some rows of a weight, in a given order";
  let description = [{
    `ranges` holds pairs of a first index and a count along dimension 0. The
    result is those ranges, one after the other. Cuts the query, key and value
    projections out of a packed one, however their heads are interleaved.

    ```mlir
    // Rows 0..31 and 96..127: the queries of two heads of 32 in [h, 3, d].
    #dejavu.take_rows<[0, 32, 96, 32]>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$ranges);
  let assemblyFormat = "`<` `[` $ranges `]` `>`";
}

def Dejavu_DequantizeAttr : Dejavu_Attr<"Dequantize", "dequantize"> {
  let summary = "recipe step: integers of a weight to f32";
  let description = [{
    `(x - zero_point) * scale`, where scale and zero point are weights of the
    same rank: one element for each `blockSize` elements along `axis`, and one
    for each index of the other dimensions (or 1 there: the same for all).
    Elements beyond the last block that `axis` needs are padding. Without
    `zeroPoints` the zero point is `zeroPoint`. Elements of less than eight bits
    are packed without gaps, the first one in the lowest bits.

    ```mlir
    #dejavu.dequantize<scales = @w.scales, axis = 1, block_size = 32,
                       zero_point = 8>
    #dejavu.dequantize<scales = @w.scales zero_points = @w.zeros, axis = 1,
                       block_size = 32>
    ```
  }];
  let parameters = (ins
      "::mlir::FlatSymbolRefAttr":$scales,
      OptionalParameter<"::mlir::FlatSymbolRefAttr">:$zeroPoints,
      "int64_t":$axis, "int64_t":$blockSize,
      DefaultValuedParameter<"int64_t", "0">:$zeroPoint);
  let assemblyFormat = [{
    `<` `scales` `=` $scales (`zero_points` `=` $zeroPoints^)? `,`
    `axis` `=` $axis `,` `block_size` `=` $blockSize
    (`,` `zero_point` `=` $zeroPoint^)? `>`
  }];
}

def Dejavu_ProfileAttr : Dejavu_Attr<"Profile", "profile"> {
  let summary = "what calibration found of a selection";
  let description = [{
    Means over held-out text, all in [0, 1]: `density` is the share of the units
    that is selected, `active` the share that is truly active, `recall` the
    share of those that is selected, `loss` the share of the squared norm of
    the block's output that is lost.

    ```mlir
    #dejavu.profile<density = 0.12, active = 0.055, recall = 0.98, loss = 0.004>
    ```
  }];
  let parameters = (ins APFloatParameter<"">:$density,
                        APFloatParameter<"">:$active,
                        APFloatParameter<"">:$recall,
                        APFloatParameter<"">:$loss);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // DEJAVU_DIALECT_DEJAVU_IR_DEJAVUATTRS_TD
