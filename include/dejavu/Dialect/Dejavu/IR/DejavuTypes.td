//===- DejavuTypes.td - types of the dialect ---------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_DEJAVU_IR_DEJAVUTYPES_TD
#define DEJAVU_DIALECT_DEJAVU_IR_DEJAVUTYPES_TD

include "dejavu/Dialect/Dejavu/IR/DejavuAttrs.td"

class Dejavu_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<Dejavu_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

def Dejavu_KVCacheType : Dejavu_Type<"KVCache", "kv_cache"> {
  let summary = "handle of one layer's key/value cache";
  let description = [{
    The keys and values of one layer for all rows of the batch: `heads` key and
    value heads of `headDim` elements for each time step. The handle knows how
    many steps it holds. It is linear: each value of this type is used exactly
    once, so the cache can be updated in place.

    ```mlir
    !dejavu.kv_cache<8 x 32>
    ```
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$headDim);
  let assemblyFormat = "`<` $heads `x` $headDim `>`";
  let genVerifyDecl = 1;
}

def Dejavu_ActiveType : Dejavu_Type<"Active", "active"> {
  let summary = "an active set for each row";
  let description = [{
    For each row (each token of each sequence) a set of units: unique ascending
    indices below `extent`, and a count that is known only at run time. The
    capacity is the whole extent, so a set never overflows.

    ```mlir
    !dejavu.active<neuron, 1024>
    ```
  }];
  let parameters = (ins EnumParameter<Dejavu_Unit>:$unit, "int64_t":$extent);
  let assemblyFormat = "`<` $unit `,` $extent `>`";
  let genVerifyDecl = 1;
}

#endif // DEJAVU_DIALECT_DEJAVU_IR_DEJAVUTYPES_TD
