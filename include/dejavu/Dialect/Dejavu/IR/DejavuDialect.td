//===- DejavuDialect.td - the dejavu dialect ---------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_DEJAVU_IR_DEJAVUDIALECT_TD
#define DEJAVU_DIALECT_DEJAVU_IR_DEJAVUDIALECT_TD

include "mlir/IR/OpBase.td"

def Dejavu_Dialect : Dialect {
  let name = "dejavu";
  let cppNamespace = "::mlir::dejavu";
  let summary = "contextually sparse transformers";
  let description = [{
    The language of the project. A transformer is a list of a few ops on
    activations of shape `[batch, tokens, features]`: `embed`, `norm`,
    `linear`, `kv_append`, `attention`, `ffn`, `residual_add`, `lm_head`.
    Tensors go in, tensors come out; the only state is the key/value cache, a
    handle in linear form. Weights are symbols (`dejavu.weight`) that say where
    their bytes lie and which layout the program wants; no op holds weight
    data.

    Sparsity is explicit: `predict` computes scores from an earlier value,
    `select` makes an active set of scores (`!dejavu.active<neuron, 1024>`), and
    the `sparse_*` and `gather_*` ops take one and read nothing else.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = [];
  let extraClassDeclaration = [{
    /// Module attribute: the path of the .onnx file, as the user gave it.
    static constexpr llvm::StringLiteral kSourceAttrName = "dejavu.source";
    /// Module attribute, in place of the former: the name of the architecture
    /// that a model with synthetic weights has.
    static constexpr llvm::StringLiteral kSyntheticAttrName =
        "dejavu.synthetic";
    /// Module attribute: the path of the file with predictors.
    static constexpr llvm::StringLiteral kPredictorsAttrName =
        "dejavu.predictors";
    /// Module attribute: the opset of the file, an i64.
    static constexpr llvm::StringLiteral kOpsetAttrName = "dejavu.opset";
    /// Function attribute: which entry point it is, an EntryAttr.
    static constexpr llvm::StringLiteral kEntryAttrName = "dejavu.entry";
  }];
}

#endif // DEJAVU_DIALECT_DEJAVU_IR_DEJAVUDIALECT_TD
