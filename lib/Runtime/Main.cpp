//===- Main.cpp - main() of every executable ------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A library of its own, dejavu_rt_main, and the only file that knows the
// symbols of generated code: a shared library with a compiled model goes
// without it.
//
//===----------------------------------------------------------------------===//

#include "dejavu-rt/runtime.h"

// A model has some of these; the address of another is null.
#pragma weak dejavu_prefill
#pragma weak dejavu_decode
#pragma weak dejavu_forward
#pragma weak dejavu_sample
#pragma weak dejavu_fill
#pragma weak dejavu_cuda_code
#pragma weak dejavu_cuda_code_size

int main(int argc, char **argv) {
  const int64_t *codeSize = &dejavu_cuda_code_size;
  dejavu_rt_model model = {
      dejavu_manifest,  dejavu_manifest_size,     dejavu_prefill,
      dejavu_decode,    dejavu_forward,           dejavu_sample,
      dejavu_cuda_code, codeSize ? *codeSize : 0, dejavu_fill};
  return dejavu_rt_main(argc, argv, &model);
}
