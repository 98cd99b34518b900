//===- FuzzImport.h - import what a fuzzer made -----------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TEST_FUZZ_FUZZIMPORT_H
#define DEJAVU_TEST_FUZZ_FUZZIMPORT_H

#include "llvm/ADT/StringRef.h"

namespace dejavu::fuzz {

/// Writes `bytes` to model.onnx in a folder of the process, which also holds
/// files for external data (data.bin, sub/more.bin, and links in and out), and
/// imports it. A model that is refused without an error, or accepted with one
/// or with IR that the verifier refuses, ends the process.
void importModel(llvm::StringRef bytes);

} // namespace dejavu::fuzz

#endif // DEJAVU_TEST_FUZZ_FUZZIMPORT_H
