//===- TensorFiles.h - tensors of the interpreter in files ------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Safetensors files with the runtime's reader and writer, which know no MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TOOLS_INTERPRET_TENSORFILES_H
#define DEJAVU_TOOLS_INTERPRET_TENSORFILES_H

#include "dejavu/Reference/Tensor.h"

#include <map>
#include <string>
#include <vector>

namespace mlir::dejavu {

using NamedTensors = std::vector<std::pair<std::string, reference::Tensor>>;

/// All tensors of a file. Fails with a message that names the file.
FailureOr<std::map<std::string, reference::Tensor>>
readTensors(const std::string &path, std::string &error);

/// Writes the tensors in the given order.
LogicalResult writeTensors(const std::string &path, const NamedTensors &tensors,
                           const std::map<std::string, std::string> &metadata,
                           std::string &error);

} // namespace mlir::dejavu

#endif // DEJAVU_TOOLS_INTERPRET_TENSORFILES_H
