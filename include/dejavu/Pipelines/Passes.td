//===- Passes.td - passes that run pipelines ---------------*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_PIPELINES_PASSES_TD
#define DEJAVU_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def RaiseFormPass : Pass<"dejavu-raise-form", "::mlir::ModuleOp"> {
  let summary = "Raise to a decoder with a cache, or else to @forward";
  let description = [{
    Runs the raise pipeline of decoders. If that fails, whatever the reason, the
    module is raised again from the start to a model without a cache, and a
    remark of category `raise` says what kept it from being a decoder. The
    reason stays as the attribute `dejavu.no_decoder` of the module.

    ```mlir
    func.func @main(%x: tensor<?x8xf32> {onnx.name = "x"})
    ```

    becomes, since it has no keys and values of past tokens,

    ```mlir
    func.func @forward(%x: tensor<?x8xf32> {onnx.name = "x"})
    ```
  }];
  let options = [
    Option<"keepOnnx", "keep-onnx", "bool", "false",
           "leave what no pattern claims as onnx ops">];
}

#endif // DEJAVU_PIPELINES_PASSES_TD
